-- Inserting jobs.

-- The time to act at: the caller's, as tests pass it, or this server's.
CREATE FUNCTION {schema}.clock(p_now bigint) RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT coalesce(p_now, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
$$;

-- Tells every process that listens: w something may be claimable or a setting has changed, d something may be due
-- later, b a budget may give more, l the lease of the leader is free, c:ID a cancel was requested of that process.
CREATE FUNCTION {schema}.tell(p_what text) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_notify({channel}, p_what)
$$;

-- Settings have changed: every process reads them again.
CREATE FUNCTION {schema}.bump_settings() RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE {schema}.settings SET version = version + 1;
$$;

-- The number of a queue, which is created with defaults if it is new.
CREATE FUNCTION {schema}.queue_no(p_name text, p_workers integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_no integer;
BEGIN
    SELECT no INTO v_no FROM {schema}.queues WHERE name = p_name;
    IF FOUND THEN
        RETURN v_no;
    END IF;
    INSERT INTO {schema}.queues (name, workers, backoff_base_us, backoff_max_us, done_retention_us, dead_retention_us)
    VALUES (p_name, p_workers, {backoff_base}, {backoff_max}, {done_retention}, {dead_retention})
    ON CONFLICT (name) DO NOTHING
    RETURNING no INTO v_no;
    IF FOUND THEN
        PERFORM {schema}.bump_settings();
    ELSE
        SELECT no INTO v_no FROM {schema}.queues WHERE name = p_name;
    END IF;
    RETURN v_no;
END
$$;

-- The numbers of queues and kinds that jobs name pairwise, which are created if they are new.
CREATE FUNCTION {schema}.names(p_queues text[], p_kinds text[], OUT queue integer, OUT kind integer)
RETURNS SETOF record LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_name record;
BEGIN
    FOR v_name IN SELECT u.queue AS q, u.kind AS k FROM unnest(p_queues, p_kinds) WITH ORDINALITY AS u(queue, kind, at)
                  ORDER BY u.at LOOP
        queue := {schema}.queue_no(v_name.q, {workers});
        SELECT no INTO kind FROM {schema}.kinds WHERE name = v_name.k;
        IF NOT FOUND THEN
            INSERT INTO {schema}.kinds (name) VALUES (v_name.k) ON CONFLICT (name) DO NOTHING RETURNING no INTO kind;
            IF NOT FOUND THEN
                SELECT no INTO kind FROM {schema}.kinds WHERE name = v_name.k;
            END IF;
        END IF;
        IF NOT EXISTS (SELECT FROM {schema}.streams s WHERE s.queue = names.queue AND s.kind = names.kind) THEN
            INSERT INTO {schema}.streams VALUES (queue, kind) ON CONFLICT DO NOTHING;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- What came of one member: 0 inserted, 1 there already, 2 a duplicate of another job, 3 another job has its id, 4 another
-- job has become it, 5 another job is to become it.
CREATE TYPE {schema}.inserted AS (code smallint, of uuid);

-- A number that two requests do not share, but for chance.
CREATE FUNCTION {schema}.digest(p_queue integer, p_kind integer, p_priority smallint, p_max integer, p_asked bigint,
    p_delay boolean, p_key text, p_states smallint, p_period bigint, p_turn text, p_tags text, p_payload text)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(ROW(p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states, p_period, p_turn,
                                p_tags, p_payload)::text, 0)
$$;

-- What is known under a job's id: 1 the same job, 3 another one, 4 a job has become it, NULL nothing.
CREATE FUNCTION {schema}.known(p_id uuid, p_queue integer, p_kind integer, p_priority smallint, p_max integer,
    p_asked bigint, p_delay boolean, p_key text, p_states smallint, p_period bigint, p_turn text, p_tags text,
    p_payload text)
RETURNS {schema}.inserted LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_before {schema}.replacements;
    v_code smallint;
BEGIN
    SELECT r.* INTO v_before FROM {schema}.replacements r WHERE r.request = p_id;
    IF FOUND THEN
        -- The job's content is another one's by now.
        IF v_before.digest <> {schema}.digest(p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states,
                                              p_period, p_turn, p_tags, p_payload) THEN
            RETURN ROW(3, NULL)::{schema}.inserted;
        ELSIF v_before.job = p_id THEN
            RETURN ROW(1, NULL)::{schema}.inserted;
        END IF;
        RETURN ROW(4, v_before.job)::{schema}.inserted;
    END IF;
    SELECT CASE WHEN (j.queue, j.kind, j.priority, j.max_attempts, j.asked_delay, j.payload)
                     = (p_queue, p_kind, p_priority, p_max, p_delay, p_payload)
                     AND j.asked_us IS NOT DISTINCT FROM p_asked AND j.dedupe_key IS NOT DISTINCT FROM p_key
                     AND j.dedupe_states IS NOT DISTINCT FROM p_states AND j.dedupe_us IS NOT DISTINCT FROM p_period
                     AND j.concurrency_key IS NOT DISTINCT FROM p_turn
                     AND j.tags IS NOT DISTINCT FROM p_tags
                THEN 1 ELSE 3 END
    INTO v_code FROM {schema}.jobs j WHERE j.id = p_id;
    RETURN CASE WHEN FOUND THEN ROW(v_code, NULL)::{schema}.inserted END;
END
$$;

-- When a job becomes due: the microseconds asked for are a time, or a delay; NULL means now.
CREATE FUNCTION {schema}.due(p_asked bigint, p_delay boolean, p_now bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_asked IS NULL THEN p_now
                WHEN p_delay THEN p_now + least(p_asked, {last_time} - p_now)
                ELSE greatest(p_asked, p_now) END
$$;

-- Inserts jobs that have no key and are due at once, and nothing if an id is known already (23505): then the
-- caller takes insert_jobs. Most jobs are of this kind, and it does for them what must be done and no more: no settings
-- of its own, which cost more than the statement of a single job, no order, no outcome for each. p_tape says that they came
-- in (NULL: nobody counts).
CREATE FUNCTION {schema}.insert_plain(p_ids uuid[], p_queues integer[], p_kinds integer[], p_priorities smallint[],
    p_max integer[], p_tags text[], p_payloads text[], p_tape bytea, p_now bigint, p_traces text[] DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
BEGIN
    INSERT INTO {schema}.jobs (id, due_at, created_at, queue, kind, max_attempts, priority, tags, trace, payload)
    SELECT u.id, v_now, v_now, u.queue, u.kind, u.max, u.priority, u.tags, u.trace, u.payload
    FROM unnest(p_ids, p_queues, p_kinds, p_priorities, p_max, p_tags, p_traces, p_payloads)
         AS u(id, queue, kind, priority, max, tags, trace, payload);
    INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
    SELECT v_now, u.id, u.queue, u.kind, 0, u.priority
    FROM unnest(p_ids, p_queues, p_kinds, p_priorities) AS u(id, queue, kind, priority);
    IF p_tape IS NOT NULL THEN
        INSERT INTO {schema}.tape (at, data) VALUES (v_now, p_tape);
    END IF;
END
$$;

-- Inserts every job that can be inserted. An empty answer means that all of them were.
--
-- Ordinary jobs go by one statement, in the order of their ids, so that two calls at once do not wait for each other
-- in a circle; those with a dedupe key go one by one. An array that would hold nothing but NULL may be NULL itself.
-- p_turns are concurrency keys. p_open says that the transaction is a host program's and may stay open: then jobs that
-- have one are put off to this very moment, since nobody may wait for a key that such a transaction holds; whoever
-- promotes them takes their keys for them. p_tape says that all of them came in, after five bytes that say where; NULL:
-- nobody counts, unless p_open.
CREATE FUNCTION {schema}.insert_jobs(p_ids uuid[], p_queues integer[], p_kinds integer[], p_priorities smallint[],
    p_max integer[], p_asked bigint[], p_delays boolean[], p_keys text[], p_states smallint[], p_periods bigint[],
    p_replaces boolean[], p_turns text[], p_tags text[], p_payloads text[], p_tape bytea, p_open boolean, p_now bigint,
    p_traces text[] DEFAULT NULL)
RETURNS {schema}.inserted[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_new uuid[];
    v_results {schema}.inserted[] := '{}';
BEGIN
    WITH fresh AS (
        INSERT INTO {schema}.jobs (id, due_at, created_at, asked_us, queue, kind, max_attempts, priority, asked_delay,
                                   concurrency_key, tags, trace, payload)
        SELECT u.id, {schema}.due(u.asked, u.delay, v_now), v_now, u.asked, u.queue, u.kind, u.max, u.priority,
               coalesce(u.delay, false), u.turn, u.tags, u.trace, u.payload
        FROM unnest(p_ids, p_queues, p_kinds, p_priorities, p_max, p_asked, p_delays, p_keys, p_turns, p_tags,
                    p_traces, p_payloads)
             WITH ORDINALITY AS u(id, queue, kind, priority, max, asked, delay, key, turn, tags, trace, payload, at)
        WHERE u.key IS NULL
        ORDER BY u.id, u.at
        ON CONFLICT (id) DO NOTHING
        RETURNING id, due_at, queue, kind, priority, due_at > v_now OR (p_open AND concurrency_key IS NOT NULL) AS later
    ), now_ready AS (
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT due_at, id, queue, kind, 0, priority FROM fresh WHERE NOT later
    ), later AS (
        INSERT INTO {schema}.deferred (due_at, id, queue, status)
        SELECT due_at, id, queue, 1 FROM fresh WHERE later
    )
    SELECT array_agg(id) INTO v_new FROM fresh;
    IF v_new IS NULL OR cardinality(v_new) < cardinality(p_ids) THEN
        v_results := {schema}.insert_others(p_ids, p_queues, p_kinds, p_priorities, p_max, p_asked, p_delays, p_keys,
                                            p_states, p_periods, p_replaces, p_turns, p_tags, p_payloads, v_new,
                                            p_open, v_now, p_traces);
    END IF;
    IF p_turns IS NOT NULL AND NOT p_open THEN
        PERFORM {schema}.take_slots(array_agg(u.id))
        FROM unnest(p_ids, p_turns, p_asked, p_delays) WITH ORDINALITY AS u(id, turn, asked, delay, at)
        WHERE u.turn IS NOT NULL AND {schema}.due(u.asked, u.delay, v_now) <= v_now
          AND (cardinality(v_results) = 0 OR v_results[u.at].code = 0);
    END IF;
    IF p_tape IS NOT NULL AND cardinality(v_results) = 0 THEN
        INSERT INTO {schema}.tape (at, data) VALUES (v_now, p_tape);
    ELSIF p_open OR p_tape IS NOT NULL THEN
        INSERT INTO {schema}.tape (at, data)
        SELECT v_now, coalesce(substr(p_tape, 1, 5), '') || x.data
        FROM (SELECT string_agg({schema}.tape_enqueued(g.queue, g.kind, g.count), '') AS data
              FROM (SELECT u.queue, u.kind, count(*) AS count
                    FROM unnest(p_queues, p_kinds) WITH ORDINALITY AS u(queue, kind, at)
                    WHERE cardinality(v_results) = 0 OR v_results[u.at].code = 0 GROUP BY 1, 2) g) x
        WHERE x.data IS NOT NULL;
    END IF;
    RETURN v_results;
END
$$;

-- Inserts those that are not inserted yet, one by one, and tells of all what came of them. p_new are the others.
CREATE FUNCTION {schema}.insert_others(p_ids uuid[], p_queues integer[], p_kinds integer[], p_priorities smallint[],
    p_max integer[], p_asked bigint[], p_delays boolean[], p_keys text[], p_states smallint[], p_periods bigint[],
    p_replaces boolean[], p_turns text[], p_tags text[], p_payloads text[], p_new uuid[], p_open boolean, p_now bigint,
    p_traces text[])
RETURNS {schema}.inserted[] LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_results {schema}.inserted[] := array_fill(ROW(0, NULL)::{schema}.inserted, ARRAY[cardinality(p_ids)]);
    v_job record;
    v_result {schema}.inserted;
BEGIN
    FOR v_job IN
        SELECT u.id, u.queue, u.kind, u.priority, u.max, u.asked, coalesce(u.delay, false) AS delay, u.key, u.states,
               u.period, coalesce(u.replaces, false) AS replaces, u.turn, u.tags, u.trace, u.payload, u.at,
               row_number() OVER (PARTITION BY u.id ORDER BY u.at) AS nth, u.id = ANY (p_new) AS is_new
        FROM unnest(p_ids, p_queues, p_kinds, p_priorities, p_max, p_asked, p_delays, p_keys, p_states, p_periods,
                    p_replaces, p_turns, p_tags, p_traces, p_payloads)
             WITH ORDINALITY AS u(id, queue, kind, priority, max, asked, delay, key, states, period, replaces, turn, tags,
                                  trace, payload, at)
        ORDER BY u.kind, u.key COLLATE "C", u.at
    LOOP
        IF v_job.key IS NULL AND v_job.is_new AND v_job.nth = 1 THEN
            CONTINUE;
        END IF;
        -- The id comes first: a job sent twice is no duplicate of itself.
        v_result := {schema}.known(v_job.id, v_job.queue, v_job.kind, v_job.priority, v_job.max, v_job.asked,
                                   v_job.delay, v_job.key, v_job.states, v_job.period, v_job.turn, v_job.tags,
                                   v_job.payload);
        IF v_result.code IS NULL THEN
            v_result := {schema}.insert_keyed(v_job.id, v_job.queue, v_job.kind, v_job.priority, v_job.max, v_job.asked,
                                              v_job.delay, v_job.key, v_job.states, v_job.period, v_job.replaces,
                                              v_job.turn, v_job.tags, v_job.payload, p_open, p_now, v_job.trace);
        END IF;
        v_results[v_job.at] := v_result;
    END LOOP;
    RETURN v_results;
END
$$;

-- Inserts one job, with its dedupe key if it has one. If it is to take the place of the job that holds the key, that is
-- done here only in a transaction that stays open (p_open); elsewhere it is for a transaction of its own: this one may
-- have to wait for keys, and nobody may wait for it meanwhile. Nothing was known under its id.
CREATE FUNCTION {schema}.insert_keyed(p_id uuid, p_queue integer, p_kind integer, p_priority smallint, p_max integer,
    p_asked bigint, p_delay boolean, p_key text, p_states smallint, p_period bigint, p_replaces boolean, p_turn text,
    p_tags text, p_payload text, p_open boolean, p_now bigint, p_trace text DEFAULT NULL)
RETURNS {schema}.inserted LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_due bigint := {schema}.due(p_asked, p_delay, p_now);
    v_of uuid;
    v_result {schema}.inserted;
    v_tries integer := 0;
BEGIN
    WHILE p_key IS NOT NULL LOOP
        IF v_tries >= 1000 THEN
            RAISE EXCEPTION USING ERRCODE = '40001',
                MESSAGE = format('the job that holds the dedupe key %L could not be replaced: try again', p_key);
        END IF;
        v_tries := v_tries + 1;
        v_of := {schema}.take_key(p_kind, p_key, p_id, p_now + p_period, p_now);
        EXIT WHEN v_of IS NULL;
        -- Another call with this very request may have been first, and was waited for.
        v_result := {schema}.known(p_id, p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states, p_period,
                                   p_turn, p_tags, p_payload);
        IF v_result.code IS NOT NULL THEN
            RETURN v_result;
        ELSIF NOT p_replaces THEN
            RETURN ROW(2, v_of)::{schema}.inserted;
        ELSIF NOT p_open THEN
            RETURN ROW(5, v_of)::{schema}.inserted;
        END IF;
        v_result := {schema}.replace(v_of, p_id, p_queue, p_kind, p_priority, p_max, v_due, p_asked, p_delay, p_key,
                                     p_states, p_period, p_turn, p_tags, p_payload, true, p_now, p_trace);
        IF v_result.code <> 5 THEN
            RETURN v_result;
        END IF;
        -- Its job has started or finished in between, and the key is free.
    END LOOP;
    INSERT INTO {schema}.jobs (id, due_at, created_at, asked_us, queue, kind, max_attempts, priority, asked_delay,
                               dedupe_key, dedupe_states, dedupe_us, concurrency_key, tags, trace, payload)
    VALUES (p_id, v_due, p_now, p_asked, p_queue, p_kind, p_max, p_priority, p_delay, p_key, p_states, p_period, p_turn,
            p_tags, p_trace, p_payload)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        -- Another call was first with this id.
        DELETE FROM {schema}.unique_keys WHERE kind = p_kind AND key = p_key AND id = p_id;
        RETURN {schema}.known(p_id, p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states, p_period,
                              p_turn, p_tags, p_payload);
    END IF;
    IF v_due > p_now OR (p_open AND p_turn IS NOT NULL) THEN
        INSERT INTO {schema}.deferred (due_at, id, queue, status) VALUES (v_due, p_id, p_queue, 1);
    ELSE
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        VALUES (v_due, p_id, p_queue, p_kind, 0, p_priority);
    END IF;
    RETURN ROW(0, NULL)::{schema}.inserted;
END
$$;

-- The same for jobs whose queues and kinds are given by name, all of it in the caller's transaction: for those who
-- enqueue in a transaction of their own. An empty answer means that all jobs were inserted.
--
-- p_notify tells the workers when that transaction commits. A NOTIFY makes the commits of all who send one wait for
-- each other.
CREATE FUNCTION {schema}.insert_named(p_ids uuid[], p_queues text[], p_kinds text[], p_priorities smallint[],
    p_max integer[], p_asked bigint[], p_delays boolean[], p_keys text[], p_states smallint[], p_periods bigint[],
    p_replaces boolean[], p_turns text[], p_tags text[], p_payloads text[], p_notify boolean, p_now bigint,
    p_traces text[] DEFAULT NULL)
RETURNS {schema}.inserted[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_names record;
    v_queues integer[];
    v_kinds integer[];
    v_results {schema}.inserted[];
BEGIN
    -- New names are made in order, so that two calls at once do not wait for each other in a circle.
    SELECT array_agg(p.queue) AS queues, array_agg(p.kind) AS kinds INTO v_names
    FROM (SELECT DISTINCT u.queue COLLATE "C" AS queue, u.kind COLLATE "C" AS kind
          FROM unnest(p_queues, p_kinds) AS u(queue, kind) ORDER BY 1, 2) p;
    SELECT array_agg(n.queue_no ORDER BY u.at), array_agg(n.kind_no ORDER BY u.at) INTO v_queues, v_kinds
    FROM unnest(p_queues, p_kinds) WITH ORDINALITY AS u(queue, kind, at)
    JOIN ROWS FROM (unnest(v_names.queues), unnest(v_names.kinds), {schema}.names(v_names.queues, v_names.kinds))
         AS n(queue, kind, queue_no, kind_no) ON n.queue = u.queue AND n.kind = u.kind;
    v_results := {schema}.insert_jobs(p_ids, v_queues, v_kinds, p_priorities, p_max, p_asked, p_delays, p_keys, p_states,
                                      p_periods, p_replaces, p_turns, p_tags, p_payloads, NULL, true, p_now, p_traces);
    IF p_notify AND (cardinality(v_results) = 0 OR EXISTS (SELECT FROM unnest(v_results) r WHERE r.code IN (0, 4))) THEN
        PERFORM {schema}.tell(CASE WHEN coalesce(array_remove(p_asked, NULL), '{}') = '{}'
                                            AND coalesce(array_remove(p_turns, NULL), '{}') = '{}' THEN 'w' ELSE 'wd' END);
    END IF;
    RETURN v_results;
END
$$;

-- Dedupe keys: held while their job is in one of its states, at most until a time.
--
-- The key moves in the transaction that moves the job, so it is neither lost nor left behind by a crash. A job that comes
-- back takes its key again if it is free, and goes on without it otherwise: what was accepted runs.

-- Takes a dedupe key for a job, until p_until; gives the job that holds it otherwise.
CREATE FUNCTION {schema}.take_key(p_kind integer, p_key text, p_id uuid, p_until bigint, p_now bigint)
RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_of uuid;
    v_until bigint;
BEGIN
    LOOP
        INSERT INTO {schema}.unique_keys (kind, key, id, until) VALUES (p_kind, p_key, p_id, p_until)
        ON CONFLICT (kind, key) DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        SELECT id, until INTO v_of, v_until FROM {schema}.unique_keys WHERE kind = p_kind AND key = p_key;
        -- Not found: its job has finished in between, and the key is free again.
        CONTINUE WHEN NOT FOUND;
        -- Held for longer than anybody may ask: by a clock that was wrong.
        IF v_until IS NULL OR v_until BETWEEN p_now + 1 AND p_now + {max_dedupe_period} THEN
            RETURN v_of;
        END IF;
        UPDATE {schema}.unique_keys SET id = p_id, until = p_until
        WHERE kind = p_kind AND key = p_key AND id = v_of AND until = v_until;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END LOOP;
END
$$;

-- Frees the dedupe keys of these jobs, unless p_status is one of the states in which they hold them; NULL is none. One
-- whose time is over is left to whoever takes it or sweeps: a host program's open transaction may be about to.
CREATE FUNCTION {schema}.free_keys(p_ids uuid[], p_status smallint, p_now bigint) RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
    DELETE FROM {schema}.unique_keys u USING unnest(p_ids) AS f(id) JOIN {schema}.jobs j ON j.id = f.id
    WHERE u.kind = j.kind AND u.key = j.dedupe_key AND u.id = j.id
      AND (u.until IS NULL OR u.until > p_now)
      AND (p_status IS NULL OR coalesce(j.dedupe_states, 15) & (1 << p_status) = 0)
$$;

-- Jobs that ran are p_status now; NULL is waiting. Each takes its key, if it holds it there, gave it up when it started and
-- nobody else has it by now.
--
-- A host program's open transaction may be about to take it. That is waited for once, and hardly: these jobs are not the
-- only ones that are written just now.
CREATE FUNCTION {schema}.take_keys_again(p_ids uuid[], p_status smallint, p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET jit = off SET lock_timeout = '20ms' AS $$
DECLARE
    v_job record;
    v_ids uuid[];
BEGIN
    SELECT array_agg(j.id) INTO v_ids
    FROM unnest(p_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id
    WHERE j.dedupe_key IS NOT NULL AND j.dedupe_states & 4 = 0
      AND (p_status IS NULL OR j.dedupe_states & (1 << p_status) <> 0)
      AND (j.dedupe_us IS NULL OR j.created_at + j.dedupe_us > p_now);
    IF v_ids IS NULL THEN
        RETURN;
    END IF;
    -- Mostly nobody is in the way, and one subtransaction does for all.
    BEGIN
        FOR v_job IN
            SELECT j.id, j.kind, j.dedupe_key AS key, j.created_at + j.dedupe_us AS until
            FROM unnest(v_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id ORDER BY j.kind, j.dedupe_key, j.id
        LOOP
            PERFORM {schema}.take_key(v_job.kind, v_job.key, v_job.id, v_job.until, p_now);
        END LOOP;
        RETURN;
    EXCEPTION WHEN lock_not_available THEN
        PERFORM set_config('lock_timeout', '1ms', true);
    END;
    FOR v_job IN
        SELECT j.id, j.kind, j.dedupe_key AS key, j.created_at + j.dedupe_us AS until
        FROM unnest(v_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id ORDER BY j.kind, j.dedupe_key, j.id
    LOOP
        BEGIN
            PERFORM {schema}.take_key(v_job.kind, v_job.key, v_job.id, v_job.until, p_now);
        EXCEPTION WHEN lock_not_available THEN
            CONTINUE;
        END;
    END LOOP;
END
$$;

-- Takes a job that waits out of its place, to replace it; says whether it was there.
--
-- The rows of concurrency keys, the old one and the new one, are locked in the order in which others take them: after
-- the place of a job that does not wait for its key, and before the place of one that does.
CREATE FUNCTION {schema}.take_to_replace(p_job {schema}.jobs, p_turn text) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_taken boolean;
BEGIN
    DELETE FROM {schema}.ready r WHERE r.queue = p_job.queue AND r.lane = (p_job.suspect > 0)::integer
        AND r.kind = p_job.kind AND r.priority = p_job.priority AND r.due_at = p_job.due_at AND r.id = p_job.id;
    v_taken := FOUND;
    IF NOT v_taken THEN
        DELETE FROM {schema}.deferred d
        WHERE d.status IN (1, 3) AND d.due_at = p_job.due_at AND d.id = p_job.id;
        v_taken := FOUND;
    END IF;
    IF p_job.concurrency_key IS NULL AND p_turn IS NULL THEN
        RETURN v_taken;
    END IF;
    PERFORM FROM {schema}.slots s WHERE s.kind = p_job.kind AND s.key IN (p_job.concurrency_key, p_turn)
    ORDER BY s.key FOR UPDATE;
    IF NOT v_taken AND p_job.concurrency_key IS NOT NULL THEN
        DELETE FROM {schema}.waiting w WHERE w.kind = p_job.kind AND w.key = p_job.concurrency_key
            AND w.priority = p_job.priority AND w.due_at = p_job.due_at AND w.id = p_job.id;
        IF FOUND THEN
            DELETE FROM {schema}.ready r WHERE r.queue = p_job.queue AND r.lane = 2 AND r.kind = p_job.kind
                AND r.priority = p_job.priority AND r.due_at = p_job.due_at AND r.id = p_job.id;
            v_taken := FOUND;
        END IF;
    END IF;
    RETURN v_taken;
END
$$;

-- Makes the job that holds a key another one, if it waits. It keeps its id, the terms of its key, and when it was
-- enqueued; and it stays a suspect, for nobody knows what its process died of. Gives 4 it has become this one, 2 it does
-- not wait, 5 it does not hold the key, or is moving just now; and 1 or 3 if the request was sent before.
--
-- Nothing is waited for while the row of a concurrency key is locked, but others who do the same. In a transaction that
-- stays open (p_open) none is.
CREATE FUNCTION {schema}.replace(p_id uuid, p_by uuid, p_queue integer, p_kind integer, p_priority smallint, p_max integer,
    p_due bigint, p_asked bigint, p_delay boolean, p_key text, p_states smallint, p_period bigint, p_turn text,
    p_tags text, p_payload text, p_open boolean, p_now bigint, p_trace text DEFAULT NULL)
RETURNS {schema}.inserted LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_job {schema}.jobs;
    v_result {schema}.inserted;
BEGIN
    v_result := {schema}.known(p_by, p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states, p_period, p_turn,
                               p_tags, p_payload);
    IF v_result.code IS NOT NULL THEN
        RETURN v_result;
    END IF;
    SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = p_id;
    IF NOT FOUND THEN
        -- Retention has deleted it, and its period is not over; or it was dropped.
        RETURN ROW(CASE WHEN {schema}.holds_key(p_id, p_kind, p_key, p_now) THEN 2 ELSE 5 END, p_id)::{schema}.inserted;
    ELSIF p_open AND v_job.concurrency_key IS NOT NULL AND {schema}.status_of(v_job) NOT IN (2, 4, 5) THEN
        RAISE EXCEPTION USING ERRCODE = 'FJ004',
            MESSAGE = format('job %s has a concurrency key, and cannot be replaced in a transaction of the caller''s own: '
                             'enqueue the new one by a Forge client outside of it, or ask for no replacement', p_id),
            DETAIL = 'Jobs that wait for the key would have to wait for that transaction.';
    END IF;
    IF NOT {schema}.take_to_replace(v_job, CASE WHEN NOT p_open THEN p_turn END) THEN
        RETURN ROW(CASE WHEN {schema}.status_of(v_job) IN (2, 4, 5) AND {schema}.holds_key(p_id, p_kind, p_key, p_now)
                        THEN 2 ELSE 5 END, p_id)::{schema}.inserted;
    END IF;
    -- Nobody else moves or changes it from here on. What was read before it was taken may be out of date.
    SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = p_id;
    IF NOT {schema}.holds_key(p_id, p_kind, p_key, p_now) THEN
        -- It came back and met a twin, or its time is over.
        RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'the dedupe key has changed hands';
    END IF;
    IF v_job.concurrency_key IS NOT NULL THEN
        PERFORM {schema}.give_slots_on(ARRAY[p_id]);
    END IF;
    INSERT INTO {schema}.replacements (request, job, at, digest) VALUES (v_job.id, v_job.id, 0,
        {schema}.digest(v_job.queue, v_job.kind, v_job.priority, v_job.max_attempts, v_job.asked_us, v_job.asked_delay,
                        v_job.dedupe_key, v_job.dedupe_states, v_job.dedupe_us, v_job.concurrency_key, v_job.tags,
                        v_job.payload))
    ON CONFLICT (request) DO NOTHING;
    INSERT INTO {schema}.replacements (request, job, at, digest) VALUES (p_by, v_job.id, p_now,
        {schema}.digest(p_queue, p_kind, p_priority, p_max, p_asked, p_delay, p_key, p_states, p_period, p_turn, p_tags,
                        p_payload));
    DELETE FROM {schema}.replacements r WHERE r.job = p_id AND r.at > 0 AND r.at <
        (SELECT o.at FROM {schema}.replacements o WHERE o.job = p_id ORDER BY o.at DESC OFFSET {max_replacements} - 1 LIMIT 1);
    UPDATE {schema}.jobs j SET queue = p_queue, priority = p_priority, max_attempts = p_max, due_at = p_due,
        asked_us = p_asked, asked_delay = p_delay, concurrency_key = p_turn, tags = p_tags, trace = p_trace, payload = p_payload,
        attempts = 0, throttles = 0, progress = NULL
    WHERE j.id = p_id;
    PERFORM {schema}.note(ARRAY[p_id], p_now, 'replaced', NULL, NULL);
    IF p_due > p_now OR (p_open AND p_turn IS NOT NULL) THEN
        INSERT INTO {schema}.deferred (due_at, id, queue, status) VALUES (p_due, p_id, p_queue, 1);
        RETURN ROW(4, p_id)::{schema}.inserted;
    END IF;
    INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
    VALUES (p_due, p_id, p_queue, v_job.kind, (v_job.suspect > 0)::integer, p_priority);
    IF p_turn IS NOT NULL THEN
        PERFORM {schema}.take_slots(ARRAY[p_id]);
    END IF;
    RETURN ROW(4, p_id)::{schema}.inserted;
END
$$;

-- Whether a job holds a key.
CREATE FUNCTION {schema}.holds_key(p_id uuid, p_kind integer, p_key text, p_now bigint) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT FROM {schema}.unique_keys u WHERE u.kind = p_kind AND u.key = p_key AND u.id = p_id
                   AND (u.until IS NULL OR u.until BETWEEN p_now + 1 AND p_now + {max_dedupe_period}))
$$;

-- The same in a transaction of its own.
CREATE FUNCTION {schema}.replace_apart(p_id uuid, p_by uuid, p_queue integer, p_kind integer, p_priority smallint,
    p_max integer, p_asked bigint, p_delay boolean, p_key text, p_states smallint, p_period bigint, p_turn text,
    p_tags text, p_payload text, p_now bigint, p_trace text, OUT code smallint, OUT of uuid) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
BEGIN
    SELECT r.code, r.of INTO code, of
    FROM {schema}.replace(p_id, p_by, p_queue, p_kind, p_priority, p_max, {schema}.due(p_asked, p_delay, v_now), p_asked,
                          p_delay, p_key, p_states, p_period, p_turn, p_tags, p_payload, false, v_now, p_trace) r;
END
$$;

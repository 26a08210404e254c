-- Claiming jobs.

-- How many entries of an index this session has read so far: what counts is how many more they become. Dead ones count
-- unless they are marked so in the index, and that they are only when no snapshot can see them any more.
CREATE FUNCTION {schema}.entries_read(p_index regclass) RETURNS bigint LANGUAGE sql VOLATILE PARALLEL RESTRICTED AS $$
    SELECT coalesce(pg_stat_get_xact_tuples_returned(p_index), 0)
$$;

-- Claims jobs of every wanted queue: one row each, and a last one that tells the version of all settings and whether
-- suspects wait in a wanted queue.
--
-- Shared advisory locks on the process and on the queues, gone with the transaction: whoever ends the registration or
-- pauses a queue takes the exclusive one, so that nothing is claimed after the answer. Each statement below sees what
-- was committed before it, and so what was committed before the lock was given.
--
-- The planner takes a LIMIT that it does not know for a tenth of the table: with a million pending jobs it would merge
-- the hundred that were picked with the whole index of jobs. So only nested loops are allowed.
--
-- p_kinds NULL: any. The p_span arrays tell where to look for jobs of a want and a kind, in claim order: from a key on up
-- to the end of a priority, or at one key alone if that is NULL. A kind without a span is looked through from its front.
-- The last row also tells how many entries of the index were read to get them, dead ones included, the time of the claim,
-- and which kinds of which wants were looked through to their end, where that took much reading.
CREATE FUNCTION {schema}.claim(p_process uuid, p_queues text[], p_limits integer[], p_kinds text[], p_alone boolean,
    p_total integer, p_span_wants integer[], p_span_kinds integer[], p_span_priorities smallint[],
    p_span_dues bigint[], p_span_ids uuid[], p_span_ends smallint[], p_now bigint)
RETURNS TABLE (settings_version bigint, suspects boolean, read bigint, now_us bigint, want integer, kind integer,
    id uuid, claim_no bigint, payload text, attempts integer, max_attempts integer, priority smallint,
    throttles integer, created_at bigint, due_at bigint, tags text, suspect integer, passed_wants integer[],
    passed_kinds integer[], queue_no integer, trace text)
LANGUAGE plpgsql VOLATILE ROWS 100
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_process integer;
    v_allowed integer[];
    v_room integer := p_total;
    v_lane smallint := CASE WHEN p_alone THEN 1 ELSE 0 END;
    v_want record;
    v_all integer[];
    v_kinds integer[];
    v_counts integer[];
    v_at integer[];
    v_span_kinds integer[] := '{}';
    v_span_priorities smallint[] := '{}';
    v_span_dues bigint[] := '{}';
    v_span_ids uuid[] := '{}';
    v_span_ends smallint[] := '{}';
    v_passed_wants integer[] := '{}';
    v_passed_kinds integer[] := '{}';
    v_limit integer;
    v_flags integer;
    v_got integer;
    v_taken integer;
    v_open integer[] := '{}';
    v_budgets text[];
    v_caps integer[];
    v_limited boolean;
    v_before bigint;
    v_read bigint;
    v_read_in_all bigint := 0;
BEGIN
    SELECT p.no INTO v_process FROM {schema}.processes p WHERE p.id = p_process;
    PERFORM pg_advisory_xact_lock_shared({lock}, -v_process);
    PERFORM FROM {schema}.processes p WHERE p.no = v_process AND p.ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'FJ001', MESSAGE = 'the process is not registered';
    END IF;
    IF p_kinds IS NOT NULL THEN
        SELECT coalesce(array_agg(k.no), '{}') INTO v_allowed FROM {schema}.kinds k WHERE k.name = ANY (p_kinds);
    END IF;
    PERFORM pg_advisory_xact_lock_shared({lock}, x.no),
            CASE WHEN x.max_running IS NOT NULL THEN pg_advisory_xact_lock({cap_lock}, x.no) END
    FROM (SELECT q.no, q.max_running FROM {schema}.queues q WHERE q.name = ANY (p_queues) ORDER BY q.no) x;

    IF EXISTS (SELECT FROM {schema}.attached) THEN
        v_budgets := {schema}.lock_budgets(p_queues, v_allowed, p_now);
    END IF;

    FOR v_want IN
        SELECT w.at, w.lim, q.no, q.paused, q.max_running
        FROM unnest(p_queues, p_limits) WITH ORDINALITY AS w(name, lim, at) JOIN {schema}.queues q ON q.name = w.name
        ORDER BY w.at
    LOOP
        CONTINUE WHEN v_want.paused;
        v_open := v_open || v_want.no;
        v_limit := least(v_want.lim, v_room);
        IF p_alone THEN
            v_limit := least(v_limit, 1);
        END IF;
        v_flags := CASE WHEN p_alone THEN 2 ELSE 0 END;
        CONTINUE WHEN v_limit <= 0;
        IF v_want.max_running IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock({cap_lock}, v_want.no);
            v_limit := least(v_limit, v_want.max_running - (SELECT count(*)::integer FROM {schema}.running r
                                                            WHERE r.queue = v_want.no AND r.flags & 4 <> 0));
            v_flags := v_flags | 4;
            CONTINUE WHEN v_limit <= 0;
        END IF;

        SELECT array_agg(s.kind) INTO v_all FROM {schema}.streams s
        WHERE s.queue = v_want.no AND (p_kinds IS NULL OR s.kind = ANY (v_allowed));
        CONTINUE WHEN v_all IS NULL;
        IF cardinality(p_span_wants) > 0 THEN
            -- Those of this want, which stand together. Filtered once: below each kind goes through them twice.
            v_at := array_positions(p_span_wants, v_want.at::integer);
            v_span_kinds := coalesce(p_span_kinds[v_at[1]:v_at[cardinality(v_at)]], '{}');
            v_span_priorities := p_span_priorities[v_at[1]:v_at[cardinality(v_at)]];
            v_span_dues := p_span_dues[v_at[1]:v_at[cardinality(v_at)]];
            v_span_ids := p_span_ids[v_at[1]:v_at[cardinality(v_at)]];
            v_span_ends := p_span_ends[v_at[1]:v_at[cardinality(v_at)]];
        END IF;
        v_caps := NULL;
        IF v_budgets IS NOT NULL THEN
            SELECT c.limited, c.total, c.kinds, c.caps INTO v_limited, v_limit, v_all, v_caps
            FROM {schema}.cap_want(v_want.no, v_all, v_limit, v_budgets, p_now) c;
            CONTINUE WHEN v_all IS NULL;
            v_flags := v_flags | CASE WHEN v_limited THEN 8 ELSE 0 END;
        END IF;
        v_kinds := v_all;
        v_counts := coalesce(v_caps, ARRAY[v_limit]);
        v_got := v_limit;
        v_before := {schema}.entries_read('{schema}.ready_order');
        IF cardinality(v_all) > 1 THEN
            -- How many of each kind are among the first ones. Locked are only so many of each, below: a claim at the
            -- same time finds the others.
            -- Those whose first job is the foremost come first: of a budget that they share they have what they can.
            SELECT array_agg(x.kind ORDER BY x.first), array_agg(x.count::integer ORDER BY x.first) INTO v_kinds, v_counts
            FROM (SELECT f.kind, count(*) AS count, min(f.n) AS first
                  FROM (SELECT g.kind, row_number() OVER () AS n
                        FROM (SELECT n.kind FROM unnest(v_all, v_caps) AS n(kind, cap) CROSS JOIN LATERAL (
                            SELECT i.priority, i.due_at, i.id FROM (VALUES (1)) AS one(x)
                            LEFT JOIN unnest(v_span_kinds, v_span_priorities, v_span_dues, v_span_ids, v_span_ends)
                                 AS s(kind, priority, due_at, id, ends) ON s.kind = n.kind
                            CROSS JOIN LATERAL (
                                SELECT * FROM (
                                    SELECT r.priority, r.due_at, r.id FROM {schema}.ready r
                                    WHERE r.queue = v_want.no AND r.lane = v_lane AND r.kind = n.kind
                                      AND (r.priority, r.due_at, r.id) >= (coalesce(s.priority, (-32768)::smallint),
                                          coalesce(s.due_at, {first_time}), coalesce(s.id, {first_id}))
                                      AND r.priority <= coalesce(s.ends, 32767::smallint)
                                    ORDER BY r.priority, r.due_at, r.id LIMIT v_limit) x
                                WHERE s.kind IS NULL OR s.ends IS NOT NULL
                                UNION ALL
                                SELECT r.priority, r.due_at, r.id FROM {schema}.ready r
                                WHERE r.queue = v_want.no AND r.lane = v_lane AND r.kind = n.kind
                                  AND r.priority = s.priority AND r.due_at = s.due_at AND r.id = s.id
                                  AND s.ends IS NULL) i
                            LIMIT coalesce(n.cap, v_limit)) y
                        ORDER BY y.priority, y.due_at, y.id LIMIT v_limit) g) f
                  GROUP BY f.kind) x;
            IF v_flags & 8 <> 0 AND v_kinds IS NOT NULL THEN
                v_counts := {schema}.cap_counts(v_kinds, v_counts, p_now);
            END IF;
            v_got := coalesce((SELECT sum(c) FROM unnest(v_counts) AS c), 0);
            IF v_got > 0 THEN
                -- Reads of what is only counted are no steps over what is gone: those are made again below.
                v_before := {schema}.entries_read('{schema}.ready_order');
            END IF;
        END IF;

        v_taken := 0;
        IF v_got > 0 THEN
            RETURN QUERY
            -- Taken when the first job is: an empty claim writes nothing.
            WITH number AS MATERIALIZED (
                SELECT nextval('{schema}.claim_no') AS no
            ), picked AS MATERIALIZED (
                SELECT y.tid
                FROM unnest(v_kinds, v_counts) AS n(kind, count) CROSS JOIN LATERAL (
                    -- A lateral join goes through the spans as they come, and stops when there is enough.
                    SELECT i.tid FROM (VALUES (1)) AS one(x)
                    LEFT JOIN unnest(v_span_kinds, v_span_priorities, v_span_dues, v_span_ids, v_span_ends)
                         AS s(kind, priority, due_at, id, ends) ON s.kind = n.kind
                    CROSS JOIN LATERAL (
                        SELECT x.tid FROM (
                            SELECT r.ctid AS tid FROM {schema}.ready r
                            WHERE r.queue = v_want.no AND r.lane = v_lane AND r.kind = n.kind
                              AND (r.priority, r.due_at, r.id) >= (coalesce(s.priority, (-32768)::smallint),
                                  coalesce(s.due_at, {first_time}), coalesce(s.id, {first_id}))
                              AND r.priority <= coalesce(s.ends, 32767::smallint)
                            ORDER BY r.priority, r.due_at, r.id LIMIT n.count
                            FOR UPDATE SKIP LOCKED) x
                        WHERE s.kind IS NULL OR s.ends IS NOT NULL
                        UNION ALL
                        SELECT x.tid FROM (
                            SELECT r.ctid AS tid FROM {schema}.ready r
                            WHERE r.queue = v_want.no AND r.lane = v_lane AND r.kind = n.kind
                              AND r.priority = s.priority AND r.due_at = s.due_at AND r.id = s.id
                            FOR UPDATE SKIP LOCKED) x
                        WHERE s.ends IS NULL) i
                    LIMIT n.count) y
            ), taken AS (
                DELETE FROM {schema}.ready r USING picked WHERE r.ctid = picked.tid
                RETURNING r.id, r.due_at, r.priority
            ), job AS MATERIALIZED (
                SELECT j.kind, j.id, j.payload, j.attempts, j.max_attempts, t.priority, j.throttles, j.created_at, t.due_at,
                       j.tags, j.trace, j.suspect, v_flags | (j.dedupe_key IS NOT NULL)::integer
                       | (j.concurrency_key IS NOT NULL)::integer * 16 AS flags,
                       CASE WHEN j.dedupe_states & 4 = 0 THEN j.dedupe_key END AS frees
                FROM taken t JOIN {schema}.jobs j ON j.id = t.id
            ), run AS (
                INSERT INTO {schema}.running (id, claim_no, claimed_at, process, attempt, queue, flags)
                SELECT j.id, (SELECT no FROM number), v_now, v_process, j.attempts + 1, v_want.no, j.flags FROM job j
            ), freed AS (
                -- Dedupe keys that are held by jobs that wait, and no longer.
                DELETE FROM {schema}.unique_keys u USING job j
                WHERE j.frees IS NOT NULL AND u.kind = j.kind AND u.key = j.frees AND u.id = j.id
                  AND (u.until IS NULL OR u.until > v_now)
            )
            SELECT NULL::bigint, NULL::boolean, NULL::bigint, v_now, v_want.at::integer, j.kind, j.id, (SELECT no FROM number), j.payload, j.attempts,
                   j.max_attempts, j.priority, j.throttles, j.created_at, j.due_at, j.tags, j.suspect, NULL::integer[],
                   NULL::integer[], v_want.no, j.trace
            FROM job j
            ORDER BY j.priority, j.due_at, j.id;
            GET DIAGNOSTICS v_taken = ROW_COUNT;
        END IF;
        v_read := {schema}.entries_read('{schema}.ready_order') - v_before;
        v_read_in_all := v_read_in_all + v_read;
        -- With several kinds the count tells whether there was an end to them: what others hold just now is not taken.
        IF v_read > 1000 AND v_caps IS NULL AND (CASE WHEN cardinality(v_all) > 1 THEN v_got ELSE v_taken END) < v_limit THEN
            v_passed_wants := v_passed_wants || array_fill(v_want.at::integer, ARRAY[cardinality(v_all)]);
            v_passed_kinds := v_passed_kinds || v_all;
        END IF;
        v_room := v_room - v_taken;
        IF v_flags & 8 <> 0 AND v_taken > 0 THEN
            PERFORM {schema}.charge(currval('{schema}.claim_no'), v_want.no, p_now);
        END IF;
        EXIT WHEN p_alone AND v_taken > 0;
    END LOOP;

    IF v_budgets IS NOT NULL THEN
        RETURN QUERY
        SELECT NULL::bigint, NULL::boolean, NULL::bigint, u.now_us, u.at, u.kinds, NULL::uuid, NULL::bigint,
               NULL::text, NULL::integer, NULL::integer, NULL::smallint, NULL::integer, NULL::bigint, u.until, NULL::text,
               NULL::integer, NULL::integer[], NULL::integer[], NULL::integer, NULL::text
        FROM {schema}.limited_wants(p_queues, v_allowed, p_now) u;
    END IF;

    RETURN QUERY
    SELECT s.version,
           EXISTS (SELECT FROM unnest(v_open) AS q(no) JOIN {schema}.streams t ON t.queue = q.no
                   CROSS JOIN LATERAL (SELECT FROM {schema}.ready r
                                       WHERE r.queue = q.no AND r.lane = 1 AND r.kind = t.kind LIMIT 1) y
                   WHERE p_kinds IS NULL OR t.kind = ANY (v_allowed)),
           v_read_in_all, v_now,
           NULL::integer, NULL::integer, NULL::uuid, NULL::bigint, NULL::text, NULL::integer, NULL::integer,
           NULL::smallint, NULL::integer, NULL::bigint, NULL::bigint, NULL::text, NULL::integer, v_passed_wants,
           v_passed_kinds, NULL::integer, NULL::text
    FROM {schema}.settings s;
END
$$;

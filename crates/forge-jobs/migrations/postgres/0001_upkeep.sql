-- Promotion, retention, and the queues' settings.

-- Makes deferred jobs claimable whose time has come, the earliest first.
--
-- The p_span arrays tell where to look for jobs of a status, in order: from a key on, or at one key alone. A status
-- without a span is looked through from its front. Gives how many were promoted, when the next one is due, how many
-- entries of the index were read, the time of the call, and the last key of each status among what was promoted.
CREATE FUNCTION {schema}.promote(p_limit integer, p_span_statuses smallint[], p_span_dues bigint[], p_span_ids uuid[],
    p_span_alone boolean[], p_now bigint, OUT count integer, OUT next_us bigint, OUT read bigint, OUT now_us bigint,
    OUT last_retrying bigint, OUT last_retrying_id uuid, OUT last_scheduled bigint, OUT last_scheduled_id uuid)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_read bigint := {schema}.entries_read('{schema}.deferred_order');
    v_slotted uuid[];
BEGIN
    now_us := {schema}.clock(p_now);
    WITH found AS MATERIALIZED (
        SELECT y.tid, y.due_at, y.id FROM (VALUES (3::smallint), (1::smallint)) AS t(status) CROSS JOIN LATERAL (
            -- A lateral join goes through the spans as they come, and stops when there is enough.
            SELECT i.tid, i.due_at, i.id FROM (VALUES (1)) AS one(x)
            LEFT JOIN unnest(p_span_statuses, p_span_dues, p_span_ids, p_span_alone) AS s(status, due_at, id, alone)
                 ON s.status = t.status
            CROSS JOIN LATERAL (
                SELECT x.tid, x.due_at, x.id FROM (
                    SELECT d.ctid AS tid, d.due_at, d.id FROM {schema}.deferred d
                    WHERE d.status = t.status AND d.due_at <= now_us
                      AND (d.due_at, d.id) >= (coalesce(s.due_at, {first_time}), coalesce(s.id, {first_id}))
                    ORDER BY d.due_at, d.id LIMIT p_limit FOR UPDATE SKIP LOCKED) x
                WHERE s.alone IS NOT TRUE
                UNION ALL
                SELECT x.tid, x.due_at, x.id FROM (
                    SELECT d.ctid AS tid, d.due_at, d.id FROM {schema}.deferred d
                    WHERE d.status = t.status AND d.due_at = s.due_at AND d.id = s.id AND d.due_at <= now_us
                    FOR UPDATE SKIP LOCKED) x
                WHERE s.alone) i
            LIMIT p_limit) y
    ), due AS MATERIALIZED (
        SELECT f.tid FROM found f ORDER BY f.due_at, f.id LIMIT p_limit
    ), gone AS (
        DELETE FROM {schema}.deferred d USING due WHERE d.ctid = due.tid RETURNING d.id, d.due_at, d.status
    ), job AS MATERIALIZED (
        SELECT j.due_at, j.id, j.queue, j.kind, (j.suspect > 0)::integer AS lane, j.priority,
               j.concurrency_key IS NOT NULL AS slotted
        FROM gone g JOIN {schema}.jobs j ON j.id = g.id
    ), now_ready AS (
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT j.due_at, j.id, j.queue, j.kind, j.lane, j.priority FROM job j
    )
    SELECT count(*), (SELECT array_agg(j.id) FROM job j WHERE j.slotted), r.due_at, r.id, d.due_at, d.id
    INTO count, v_slotted, last_retrying, last_retrying_id, last_scheduled, last_scheduled_id
    FROM gone g
    LEFT JOIN (SELECT z.due_at, z.id FROM gone z WHERE z.status = 3 ORDER BY z.due_at DESC, z.id DESC LIMIT 1) r ON true
    LEFT JOIN (SELECT z.due_at, z.id FROM gone z WHERE z.status = 1 ORDER BY z.due_at DESC, z.id DESC LIMIT 1) d ON true
    GROUP BY r.due_at, r.id, d.due_at, d.id;
    count := coalesce(count, 0);
    IF v_slotted IS NOT NULL THEN
        PERFORM {schema}.take_slots(v_slotted);
    END IF;
    SELECT min(y.due_at) - now_us INTO next_us
    FROM (VALUES (3::smallint), (1::smallint)) AS t(status) CROSS JOIN LATERAL (
        SELECT i.due_at FROM (VALUES (1)) AS one(x)
        LEFT JOIN unnest(p_span_statuses, p_span_dues, p_span_ids, p_span_alone) AS s(status, due_at, id, alone)
             ON s.status = t.status
        CROSS JOIN LATERAL (
            SELECT * FROM (
                SELECT d.due_at FROM {schema}.deferred d
                WHERE d.status = t.status
                  AND (d.due_at, d.id) >= (coalesce(s.due_at, {first_time}), coalesce(s.id, {first_id}))
                ORDER BY d.due_at, d.id LIMIT 1) x
            WHERE s.alone IS NOT TRUE
            UNION ALL
            SELECT d.due_at FROM {schema}.deferred d
            WHERE d.status = t.status AND d.due_at = s.due_at AND d.id = s.id AND s.alone) i
        LIMIT 1) y;
    read := {schema}.entries_read('{schema}.deferred_order') - v_read;
END
$$;

-- Looks for jobs that came in before the keys that claims and promotions go on from, the nearest first. A line is the
-- jobs of one priority (p_queues, p_kinds, p_priorities), or the deferred ones of a status (p_queues NULL, the status in
-- place of the priority).
--
-- Gives a row per job that is found, at most p_limit of them, and a last one (job false) with the line and the key
-- before which nothing was looked at yet, NULL when all lines were looked through, and how many entries of the indexes
-- were read. How many there are in a line, dead ones included, nobody knows before they are read. So they are read in
-- slices of time that get wider where little is found and narrower where there is much, until p_most were read.
CREATE FUNCTION {schema}.look_back(p_queues text[], p_kinds integer[], p_priorities smallint[], p_dues bigint[],
    p_ids uuid[], p_limit integer, p_most bigint)
RETURNS TABLE (line integer, due_at bigint, id uuid, job boolean, read bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_line record;
    v_job record;
    v_due bigint;
    v_id uuid;
    v_floor bigint;
    v_slice bigint;
    v_before bigint;
    v_entries bigint;
    v_room integer := p_limit;
    v_effort bigint := 0;
    v_week_ago bigint := {schema}.clock(NULL) - 604800000000;
BEGIN
    job := true; read := 0;
    FOR v_line IN
        SELECT x.at::integer AS at, x.queue IS NULL AS deferred, q.no, x.kind, x.priority, x.due_at, x.id
        FROM unnest(p_queues, p_kinds, p_priorities, p_dues, p_ids) WITH ORDINALITY
             AS x(queue, kind, priority, due_at, id, at)
        LEFT JOIN {schema}.queues q ON q.name = x.queue ORDER BY x.at
    LOOP
        line := v_line.at; v_due := v_line.due_at; v_id := v_line.id; v_slice := 250000;
        LOOP
            v_floor := greatest(v_due - v_slice, {first_time});
            v_before := {schema}.entries_read('{schema}.ready_order') + {schema}.entries_read('{schema}.deferred_order');
            IF v_line.deferred THEN
                FOR v_job IN
                    SELECT d.due_at, d.id FROM {schema}.deferred d
                    WHERE d.status = v_line.priority AND (d.due_at, d.id) < (v_due, v_id) AND d.due_at >= v_floor
                    ORDER BY d.due_at DESC, d.id DESC LIMIT v_room
                LOOP
                    due_at := v_job.due_at; id := v_job.id; v_room := v_room - 1;
                    RETURN NEXT;
                END LOOP;
            ELSE
                FOR v_job IN
                    SELECT r.due_at, r.id FROM {schema}.ready r
                    WHERE r.queue = v_line.no AND r.lane = 0 AND r.kind = v_line.kind AND r.priority = v_line.priority
                      AND (r.due_at, r.id) < (v_due, v_id) AND r.due_at >= v_floor
                    ORDER BY r.due_at DESC, r.id DESC LIMIT v_room
                LOOP
                    due_at := v_job.due_at; id := v_job.id; v_room := v_room - 1;
                    RETURN NEXT;
                END LOOP;
            END IF;
            v_entries := {schema}.entries_read('{schema}.ready_order')
                + {schema}.entries_read('{schema}.deferred_order') - v_before;
            read := read + v_entries;
            -- A slice costs something, though it be empty.
            v_effort := v_effort + v_entries + 50;
            IF v_room <= 0 THEN
                -- Of this slice there may be more, before the last one that was given.
                job := false;
                RETURN NEXT;
                RETURN;
            END IF;
            EXIT WHEN v_floor <= {first_time};
            v_due := v_floor; v_id := {first_id};
            IF v_effort >= p_most THEN
                due_at := v_due; id := v_id; job := false;
                RETURN NEXT;
                RETURN;
            END IF;
            v_slice := CASE WHEN v_entries < 500 THEN v_slice * 4 WHEN v_entries > 5000 THEN v_slice / 2 + 1
                            ELSE v_slice END;
            -- Nobody knows what a slice has in it: ten minutes at most of the last week, and all before it at will.
            IF v_due > v_week_ago THEN
                v_slice := least(v_slice, 600000000);
            END IF;
        END LOOP;
    END LOOP;
    line := NULL; due_at := NULL; id := NULL; job := false;
    RETURN NEXT;
END
$$;

-- Deletes at most so many finished jobs past their queue's window, the oldest first.
--
-- The p_mark arrays tell, per queue and status, from which time on to look. Gives the same of what was deleted, and how
-- many entries of the index were read.
CREATE FUNCTION {schema}.sweep(p_limit integer, p_mark_queues integer[], p_mark_statuses smallint[],
    p_mark_times bigint[], p_now bigint, OUT done integer, OUT dead integer, OUT keys bigint, OUT read bigint, OUT queues integer[],
    OUT statuses smallint[], OUT times bigint[])
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_read bigint := {schema}.entries_read('{schema}.finished_by');
    v_window record;
    v_ids uuid[];
    v_last bigint;
    v_longest bigint;
BEGIN
    done := 0; dead := 0; queues := '{}'; statuses := '{}'; times := '{}';
    FOR v_window IN
        SELECT q.no, s.status, CASE s.status WHEN 4 THEN q.done_retention_us ELSE q.dead_retention_us END AS kept,
               coalesce(m.time, {first_time}) AS mark
        FROM {schema}.queues q CROSS JOIN (VALUES (4::smallint), (5::smallint)) AS s(status)
        LEFT JOIN unnest(p_mark_queues, p_mark_statuses, p_mark_times) AS m(queue, status, time)
             ON m.queue = q.no AND m.status = s.status
        ORDER BY q.no, s.status
    LOOP
        EXIT WHEN done + dead >= p_limit;
        CONTINUE WHEN v_window.kept IS NULL;
        WITH expired AS MATERIALIZED (
            SELECT f.ctid AS tid FROM {schema}.finished f
            WHERE f.status = v_window.status AND f.queue = v_window.no AND f.finished_at >= v_window.mark
              AND f.finished_at <= v_now - v_window.kept
            ORDER BY f.finished_at LIMIT p_limit - done - dead FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM {schema}.finished f USING expired WHERE f.ctid = expired.tid RETURNING f.id, f.finished_at
        )
        SELECT array_agg(g.id), max(g.finished_at) INTO v_ids, v_last FROM gone g;
        CONTINUE WHEN v_ids IS NULL;
        queues := queues || v_window.no; statuses := statuses || v_window.status; times := times || v_last;
        PERFORM {schema}.forget(v_ids);
        IF v_window.status = 4 THEN
            done := done + cardinality(v_ids);
        ELSE
            dead := dead + cardinality(v_ids);
        END IF;
    END LOOP;
    read := {schema}.entries_read('{schema}.finished_by') - v_read;
    DELETE FROM {schema}.unique_keys u USING (
        SELECT x.kind, x.key FROM {schema}.unique_keys x WHERE x.until <= v_now ORDER BY x.until LIMIT p_limit
        FOR UPDATE SKIP LOCKED) y
    WHERE u.kind = y.kind AND u.key = y.key AND u.until <= v_now;
    GET DIAGNOSTICS keys = ROW_COUNT;
    -- What a process has finished is gone when the longest window is over. A window for ever keeps all of them.
    SELECT CASE WHEN bool_or(q.done_retention_us IS NULL OR q.dead_retention_us IS NULL) THEN NULL
                ELSE greatest({keep_ended}, max(q.done_retention_us), max(q.dead_retention_us)) END
    INTO v_longest FROM {schema}.queues q;
    DELETE FROM {schema}.processes p WHERE p.ended_at < v_now - v_longest AND NOT p.left_behind
        AND NOT EXISTS (SELECT FROM {schema}.running r WHERE r.process = p.no);
END
$$;

-- Creates a queue, or sets its workers unless an operator did.
CREATE FUNCTION {schema}.ensure_queue(p_name text, p_workers integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM {schema}.queue_no(p_name, p_workers);
    UPDATE {schema}.queues q SET workers = p_workers, version = q.version + 1
    WHERE q.name = p_name AND NOT q.workers_by_operator AND q.workers <> p_workers;
    IF FOUND THEN
        PERFORM {schema}.bump_settings();
        PERFORM {schema}.tell('w');
    END IF;
END
$$;

-- Writes settings, if the queue still has the version that they were made from. Waits for claims that are under way:
-- once it has answered, nothing is claimed by the old settings.
CREATE FUNCTION {schema}.set_queue(p_name text, p_version bigint, p_workers integer, p_by_operator boolean,
    p_paused boolean, p_backoff_enabled boolean, p_backoff_base bigint, p_backoff_max bigint, p_done_retention bigint,
    p_dead_retention bigint, p_max_running integer, p_by text, p_now bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_no integer;
    v_bounded boolean;
BEGIN
    -- Whoever edits settings takes this first, so that nobody waits with the locks of claims for somebody else's edit.
    PERFORM FROM {schema}.settings FOR UPDATE;
    SELECT q.no INTO v_no FROM {schema}.queues q WHERE q.name = p_name;
    PERFORM pg_advisory_xact_lock({lock}, v_no);
    SELECT q.max_running IS NOT NULL INTO v_bounded FROM {schema}.queues q WHERE q.no = v_no;
    UPDATE {schema}.queues q SET workers = p_workers, workers_by_operator = p_by_operator, paused = p_paused,
        backoff_enabled = p_backoff_enabled, backoff_base_us = p_backoff_base, backoff_max_us = p_backoff_max,
        done_retention_us = p_done_retention, dead_retention_us = p_dead_retention, max_running = p_max_running,
        paused_at = CASE WHEN NOT p_paused THEN NULL WHEN q.paused THEN q.paused_at ELSE {schema}.clock(p_now) END,
        paused_by = CASE WHEN NOT p_paused THEN NULL WHEN q.paused THEN q.paused_by
                         ELSE p_by::jsonb ->> 'actor' END,
        version = q.version + 1
    WHERE q.no = v_no AND q.version = p_version;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_max_running IS NOT NULL AND NOT v_bounded THEN
        -- What runs already counts.
        UPDATE {schema}.running r SET flags = r.flags | 4::smallint WHERE r.queue = v_no AND r.flags & 4 = 0;
    END IF;
    PERFORM {schema}.bump_settings();
    PERFORM {schema}.tell('w');
    PERFORM {schema}.audit(p_by, 1, NULL, NULL, NULL, p_now);
    RETURN true;
END
$$;

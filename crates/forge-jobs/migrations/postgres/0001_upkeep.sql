-- Promotion, retention, and the queues' settings.

-- Makes deferred jobs claimable whose time has come, the earliest first.
CREATE FUNCTION {schema}.promote(p_limit integer, p_now bigint, OUT count integer, OUT next_us bigint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
BEGIN
    WITH retrying AS MATERIALIZED (
        SELECT d.ctid AS tid, d.due_at FROM {schema}.deferred d
        WHERE d.status = 3 AND d.due_at <= v_now
        ORDER BY d.due_at, d.id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), scheduled AS MATERIALIZED (
        SELECT d.ctid AS tid, d.due_at FROM {schema}.deferred d
        WHERE d.status = 1 AND d.due_at <= v_now
        ORDER BY d.due_at, d.id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), due AS MATERIALIZED (
        SELECT x.tid FROM (SELECT * FROM retrying UNION ALL SELECT * FROM scheduled) x ORDER BY x.due_at LIMIT p_limit
    ), gone AS (
        DELETE FROM {schema}.deferred d USING due WHERE d.ctid = due.tid RETURNING d.id
    ), now_ready AS (
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT j.due_at, j.id, j.queue, j.kind, (j.suspect > 0)::integer, j.priority
        FROM gone g JOIN {schema}.jobs j ON j.id = g.id
    )
    SELECT count(*) INTO count FROM gone;
    SELECT min(x.due_at) - v_now INTO next_us FROM (
        (SELECT d.due_at FROM {schema}.deferred d WHERE d.status = 3
         ORDER BY d.due_at LIMIT 1)
        UNION ALL
        (SELECT d.due_at FROM {schema}.deferred d WHERE d.status = 1
         ORDER BY d.due_at LIMIT 1)) x;
END
$$;

-- Deletes at most so many finished jobs past their queue's window, the oldest first.
CREATE FUNCTION {schema}.sweep(p_limit integer, p_now bigint, OUT done integer, OUT dead integer)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_window record;
    v_ids uuid[];
    v_longest bigint;
BEGIN
    done := 0; dead := 0;
    FOR v_window IN
        SELECT q.no, s.status, CASE s.status WHEN 4 THEN q.done_retention_us ELSE q.dead_retention_us END AS kept
        FROM {schema}.queues q CROSS JOIN (VALUES (4), (5)) AS s(status) ORDER BY q.no, s.status
    LOOP
        EXIT WHEN done + dead >= p_limit;
        CONTINUE WHEN v_window.kept IS NULL;
        WITH expired AS MATERIALIZED (
            SELECT f.ctid AS tid FROM {schema}.finished f
            WHERE f.status = v_window.status AND f.queue = v_window.no AND f.finished_at <= v_now - v_window.kept
            ORDER BY f.finished_at LIMIT p_limit - done - dead FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM {schema}.finished f USING expired WHERE f.ctid = expired.tid RETURNING f.id
        )
        SELECT array_agg(id) INTO v_ids FROM gone;
        CONTINUE WHEN v_ids IS NULL;
        PERFORM {schema}.forget(v_ids);
        IF v_window.status = 4 THEN
            done := done + cardinality(v_ids);
        ELSE
            dead := dead + cardinality(v_ids);
        END IF;
    END LOOP;
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
    p_dead_retention bigint, p_max_running integer)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_no integer;
    v_bounded boolean;
BEGIN
    SELECT q.no INTO v_no FROM {schema}.queues q WHERE q.name = p_name;
    PERFORM pg_advisory_xact_lock({lock}, v_no);
    SELECT q.max_running IS NOT NULL INTO v_bounded FROM {schema}.queues q WHERE q.no = v_no;
    UPDATE {schema}.queues q SET workers = p_workers, workers_by_operator = p_by_operator, paused = p_paused,
        backoff_enabled = p_backoff_enabled, backoff_base_us = p_backoff_base, backoff_max_us = p_backoff_max,
        done_retention_us = p_done_retention, dead_retention_us = p_dead_retention, max_running = p_max_running,
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
    RETURN true;
END
$$;

-- Who is alive, and what becomes of the jobs of those who are not.

CREATE FUNCTION {schema}.register(p_id uuid, p_host text, p_pid bigint, p_version text, p_kinds text, p_queues text,
    p_beats_every bigint, p_stale_after bigint, p_now bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
BEGIN
    INSERT INTO {schema}.processes (id, host, pid, version, kinds, queues, beats_every, stale_after, started_at, beat_at)
    VALUES (p_id, p_host, p_pid, p_version, p_kinds, p_queues, p_beats_every, p_stale_after, v_now, v_now)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM {schema}.host_no(p_host);
    RETURN true;
END
$$;

-- Confirms that a process is alive; brings its cancels. With p_lead_for it takes or renews the lease of the leader, if
-- that is free or its own; without it gives its own back.
CREATE FUNCTION {schema}.heartbeat(p_id uuid, p_stopping boolean, p_lead_for bigint, p_now bigint,
    OUT alive boolean, OUT settings_version bigint, OUT jobs uuid[], OUT claims bigint[], OUT leads boolean)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_no integer;
BEGIN
    UPDATE {schema}.processes p SET beat_at = v_now, stopping = p_stopping
    WHERE p.id = p_id AND p.ended_at IS NULL
    RETURNING p.no INTO v_no;
    alive := FOUND;
    IF alive THEN
        SELECT s.version INTO settings_version FROM {schema}.settings s;
        SELECT coalesce(array_agg(r.id), '{}'), coalesce(array_agg(r.claim_no), '{}') INTO jobs, claims
        FROM {schema}.running r WHERE r.process = v_no AND r.cancel_at IS NOT NULL;
        IF p_lead_for IS NULL THEN
            leads := false;
            DELETE FROM {schema}.leases l WHERE l.name = 'leader' AND l.holder = p_id;
            IF FOUND THEN
                -- It stops, which may take long: others need not wait for the end of its lease.
                PERFORM {schema}.tell('l');
            END IF;
        ELSIF EXISTS (SELECT FROM {schema}.leases l
                      WHERE l.name = 'leader' AND l.holder <> p_id AND l.until > v_now) THEN
            leads := false;
        ELSE
            INSERT INTO {schema}.leases AS l (name, holder, until) VALUES ('leader', p_id, v_now + p_lead_for)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE l.holder = excluded.holder OR l.until <= v_now;
            leads := FOUND;
        END IF;
    END IF;
END
$$;

-- Ends a registration in good order; what the process holds goes back. Waits for a claim of it that is under way.
CREATE FUNCTION {schema}.deregister(p_id uuid, p_now bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_no integer;
    v_ended {schema}.ended[];
BEGIN
    SELECT p.no INTO v_no FROM {schema}.processes p WHERE p.id = p_id;
    PERFORM pg_advisory_xact_lock({lock}, -v_no);
    UPDATE {schema}.processes p SET ended_at = v_now WHERE p.no = v_no AND p.ended_at IS NULL;
    IF NOT FOUND THEN
        -- Ended before; what it held is the reaper's.
        RETURN 0;
    END IF;
    DELETE FROM {schema}.leases l WHERE l.holder = p_id;
    IF FOUND THEN
        -- Others need not wait for its end.
        PERFORM {schema}.tell('l');
    END IF;
    WITH gone AS (
        DELETE FROM {schema}.running r WHERE r.process = v_no RETURNING r.*
    )
    SELECT array_agg(ROW(NULL, g.id, g.claim_no, g.process, g.attempt, g.flags, g.queue, g.claimed_at,
                         g.cancel_at IS NOT NULL, 4, NULL, NULL, NULL, g.claimed_at,
                         greatest(v_now, g.claimed_at), NULL, NULL, NULL, NULL)::{schema}.ended)
    INTO v_ended FROM gone g;
    IF v_ended IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM {schema}.settle(v_ended, v_now);
    PERFORM {schema}.tell('w');
    RETURN cardinality(v_ended);
END
$$;

-- Ends the registrations of silent processes and revives their jobs. A process that is claiming right now is not
-- silent: it is looked at again in the next round. p_thorough looks for claims without a process as well.
CREATE FUNCTION {schema}.reap(p_by uuid, p_stale_after bigint, p_limit integer, p_thorough boolean, p_now bigint,
    OUT processes uuid[], OUT revived uuid[], OUT poisoned uuid[], OUT exhausted uuid[], OUT cancelled uuid[],
    OUT more boolean)
LANGUAGE plpgsql VOLATILE SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_silent record;
    v_ended {schema}.ended[];
BEGIN
    processes := '{}'; revived := '{}'; poisoned := '{}'; exhausted := '{}'; cancelled := '{}'; more := false;
    FOR v_silent IN SELECT p.no, p.id FROM {schema}.processes p
                    WHERE p.ended_at IS NULL AND p.id <> p_by AND v_now - p.beat_at > p_stale_after ORDER BY p.no LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock({lock}, -v_silent.no);
        UPDATE {schema}.processes p SET ended_at = v_now, left_behind = true
        WHERE p.no = v_silent.no AND p.ended_at IS NULL AND v_now - p.beat_at > p_stale_after;
        IF FOUND THEN
            processes := processes || v_silent.id;
            -- It may be long, if the clock was turned back since.
            DELETE FROM {schema}.leases l WHERE l.holder = v_silent.id;
        END IF;
    END LOOP;
    IF NOT p_thorough AND NOT EXISTS (SELECT FROM {schema}.processes p WHERE p.left_behind) THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM {schema}.running r WHERE r.id IN (
            SELECT o.id FROM {schema}.running o
            WHERE NOT EXISTS (SELECT FROM {schema}.processes p WHERE p.no = o.process AND p.ended_at IS NULL)
            ORDER BY o.id LIMIT p_limit FOR UPDATE OF o)
        RETURNING r.*
    )
    SELECT array_agg(ROW(NULL, g.id, g.claim_no, g.process, g.attempt, g.flags, g.queue, g.claimed_at,
                         g.cancel_at IS NOT NULL, 5, NULL, NULL, NULL, g.claimed_at,
                         greatest(v_now, g.claimed_at), NULL, NULL, NULL, NULL)::{schema}.ended)
    INTO v_ended FROM gone g;
    more := coalesce(cardinality(v_ended), 0) >= p_limit;
    IF NOT more THEN
        -- Another reaper may have been at the rows that were looked for, and has not all that are left.
        UPDATE {schema}.processes p SET left_behind = false
        WHERE p.left_behind AND NOT EXISTS (SELECT FROM {schema}.running r WHERE r.process = p.no);
    END IF;
    IF v_ended IS NOT NULL THEN
        SELECT coalesce(array_agg(s.id) FILTER (WHERE s.status = 0), '{}'),
               coalesce(array_agg(s.id) FILTER (WHERE s.reason = 3), '{}'),
               coalesce(array_agg(s.id) FILTER (WHERE s.reason = 0), '{}'),
               coalesce(array_agg(s.id) FILTER (WHERE s.reason = 2), '{}')
        INTO revived, poisoned, exhausted, cancelled
        FROM {schema}.settle(v_ended, v_now) s;
        PERFORM {schema}.tell('w');
    END IF;
END
$$;

-- Writing what became of claims.

-- A claim that has ended: its row of running, and what becomes of the job. What: 0 done, 1 retry, 2 throttle, 3 dead,
-- 4 given back, 5 its process died.
CREATE TYPE {schema}.ended AS (
    at integer, id uuid, claim_no bigint, process integer, attempt integer, flags smallint, queue integer,
    claimed_at bigint, cancelled boolean, what smallint, reason smallint, after_us bigint, error text, started_at bigint,
    ended_at bigint, error_group bigint, details text, error_type text, message text
);

-- Notes a rare event of each job; of too many the oldest go.
CREATE FUNCTION {schema}.note(p_ids uuid[], p_at bigint, p_event text, p_claims bigint[], p_processes integer[])
RETURNS void LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
BEGIN
    INSERT INTO {schema}.notes (id, no, at, event, claim_no, process, actor)
    SELECT u.id, 1 + coalesce((SELECT max(n.no) FROM {schema}.notes n WHERE n.id = u.id), 0), p_at, p_event,
           u.claim_no, u.process, nullif(current_setting('forge_jobs.actor', true), '')
    FROM unnest(p_ids, p_claims, p_processes) AS u(id, claim_no, process);
    DELETE FROM {schema}.notes n USING unnest(p_ids) AS u(id)
    WHERE n.id = u.id AND n.no <= (SELECT max(m.no) FROM {schema}.notes m WHERE m.id = u.id) - {max_notes};
END
$$;

-- What becomes of claims that have ended otherwise than in done. Their rows of running are gone already. Gives where
-- each job stands now.
CREATE FUNCTION {schema}.settle(p_ended {schema}.ended[], p_now bigint)
RETURNS TABLE (at integer, id uuid, status smallint, reason smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_ended {schema}.ended[];
    v_ids uuid[];
BEGIN
    -- A requested cancel ends the job: for `decide`, which knows of none, a failure of the last attempt made it dead.
    SELECT array_agg(ROW(e.at, e.id, e.claim_no, e.process, e.attempt, e.flags, e.queue, e.claimed_at, e.cancelled,
                         CASE WHEN c.dies THEN 3 ELSE e.what END,
                         CASE WHEN c.dies THEN 2 ELSE e.reason END,
                         e.after_us,
                         CASE WHEN c.dies AND e.what IN (2, 4, 5) THEN NULL ELSE e.error END,
                         e.started_at, e.ended_at,
                         -- A crash is counted, what was cancelled is not.
                         CASE WHEN c.dies OR (e.what = 3 AND e.reason = 2) THEN NULL
                              WHEN e.what = 5 THEN {schema}.crash_group(e.id) ELSE e.error_group END,
                         e.details, e.error_type, e.message)::{schema}.ended)
    INTO v_ended
    FROM unnest(p_ended) e
    CROSS JOIN LATERAL (SELECT e.cancelled AND (e.what <> 3 OR e.reason = 0) AS dies) c;

    -- The metrics hear of attempts that ended from those who wrote their end; nobody did of these.
    IF EXISTS (SELECT FROM unnest(p_ended) e WHERE e.what IN (4, 5) AND e.cancelled) THEN
        INSERT INTO {schema}.tape (at, process, data)
        SELECT p_now, e.process, string_agg({schema}.tape_died(e.queue, j.kind, 2::smallint), '')
        FROM unnest(p_ended) e JOIN {schema}.jobs j ON j.id = e.id
        WHERE e.what IN (4, 5) AND e.cancelled GROUP BY e.process;
    END IF;

    -- Back for another attempt, charged for a failure and not for a throttle.
    RETURN QUERY
    WITH back AS (
        UPDATE {schema}.jobs j SET
            due_at = p_now + least(e.after_us, {last_time} - p_now),
            attempts = CASE WHEN e.what = 1 THEN e.attempt ELSE e.attempt - 1 END,
            throttles = CASE WHEN e.what = 1 THEN 0 ELSE j.throttles + 1 END,
            suspect = 0, last_claim_no = e.claim_no, error = coalesce(e.error, j.error),
            error_group = coalesce(e.error_group, j.error_group), progress = NULL
        FROM unnest(v_ended) e WHERE j.id = e.id AND e.what IN (1, 2)
        RETURNING e.at, e.what, e.after_us, j.id, j.queue, j.kind, j.priority, j.due_at
    ), now_ready AS (
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT b.due_at, b.id, b.queue, b.kind, 0, b.priority FROM back b WHERE b.after_us <= 0
    ), later AS (
        INSERT INTO {schema}.deferred (due_at, id, queue, status)
        SELECT b.due_at, b.id, b.queue, CASE WHEN b.what = 1 THEN 3 ELSE 1 END FROM back b WHERE b.after_us > 0
    )
    SELECT b.at, b.id, CASE WHEN b.after_us <= 0 THEN 0 WHEN b.what = 1 THEN 3 ELSE 1 END::smallint, NULL::smallint
    FROM back b;

    -- Dead.
    RETURN QUERY
    INSERT INTO {schema}.finished AS f (id, finished_at, started_at, claim_no, queue, attempt, process, status, reason,
                                        error, error_group)
    SELECT e.id, e.ended_at, e.started_at, e.claim_no, e.queue, e.attempt - (e.reason = 2)::integer, e.process, 5,
           e.reason, e.error, e.error_group
    FROM unnest(v_ended) e WHERE e.what = 3
    RETURNING (SELECT e.at FROM unnest(v_ended) e WHERE e.id = f.id), f.id, f.status, f.reason;

    -- Back in its place, uncharged.
    SELECT array_agg(e.id) INTO v_ids FROM unnest(v_ended) e WHERE e.what = 4;
    IF v_ids IS NOT NULL THEN
        RETURN QUERY
        WITH back AS (
            UPDATE {schema}.jobs j SET last_claim_no = e.claim_no, progress = NULL
            FROM unnest(v_ended) e WHERE j.id = e.id AND e.what = 4
            RETURNING e.at, j.id, j.queue, j.kind, j.priority, j.due_at, j.suspect
        ), now_ready AS (
            INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
            SELECT b.due_at, b.id, b.queue, b.kind, (b.suspect > 0)::integer, b.priority FROM back b
        )
        SELECT b.at, b.id, 0::smallint, NULL::smallint FROM back b;
        PERFORM {schema}.note(array_agg(e.id), p_now, 'released', array_agg(e.claim_no), array_agg(e.process))
        FROM unnest(v_ended) e WHERE e.what = 4;
    END IF;

    IF EXISTS (SELECT FROM unnest(v_ended) e WHERE e.flags & 4 <> 0) THEN
        PERFORM {schema}.tell('w');
    END IF;
    IF EXISTS (SELECT FROM unnest(v_ended) e WHERE e.flags & 8 <> 0) THEN
        -- What a claim took of budgets stays used.
        DELETE FROM {schema}.permits p USING unnest(v_ended) e
        WHERE e.flags & 8 <> 0 AND p.claim_no = e.claim_no AND p.id = e.id;
    END IF;
    IF EXISTS (SELECT FROM unnest(v_ended) e WHERE e.what = 5) THEN
        RETURN QUERY SELECT c.at, c.id, c.status, c.reason FROM {schema}.crash(v_ended, p_now) c;
    END IF;

    SELECT array_agg(e.id) INTO v_ids FROM unnest(v_ended) e WHERE e.what = 3 AND e.flags & 1 <> 0;
    IF v_ids IS NOT NULL THEN
        PERFORM {schema}.free_keys(v_ids, 5::smallint, p_now);
        PERFORM {schema}.take_keys_again(v_ids, 5::smallint, p_now);
    END IF;
    SELECT array_agg(e.id) INTO v_ids FROM unnest(v_ended) e
    WHERE e.flags & 1 <> 0 AND (e.what IN (1, 2, 4)
          OR (e.what = 5 AND NOT EXISTS (SELECT FROM {schema}.finished f WHERE f.id = e.id)));
    IF v_ids IS NOT NULL THEN
        PERFORM {schema}.take_keys_again(v_ids, NULL, p_now);
    END IF;
    -- The key stays with a job that is pending again at once.
    SELECT array_agg(e.id) INTO v_ids FROM unnest(v_ended) e
    WHERE e.flags & 16 <> 0 AND (e.what = 3 OR (e.what IN (1, 2) AND e.after_us > 0)
          OR (e.what = 5 AND EXISTS (SELECT FROM {schema}.finished f WHERE f.id = e.id)));
    IF v_ids IS NOT NULL THEN
        PERFORM {schema}.give_slots_on(v_ids);
    END IF;
    PERFORM {schema}.keep_attempts(v_ended, p_now);
    IF EXISTS (SELECT FROM unnest(v_ended) e WHERE e.error_group IS NOT NULL) THEN
        PERFORM {schema}.count_errors(v_ended);
    END IF;
END
$$;

-- Jobs whose process died are suspects. Only a crash after a start that was written first is charged, and the third
-- of those makes the job dead as poison.
CREATE FUNCTION {schema}.crash(p_ended {schema}.ended[], p_now bigint)
RETURNS TABLE (at integer, id uuid, status smallint, reason smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    RETURN QUERY
    WITH hit AS (
        UPDATE {schema}.jobs j SET
            suspect = j.suspect + 1,
            crashes = j.crashes + (e.flags & 2) / 2,
            attempts = CASE WHEN e.flags & 2 <> 0 THEN e.attempt ELSE j.attempts END,
            last_claim_no = e.claim_no, progress = NULL
        FROM unnest(p_ended) e WHERE j.id = e.id AND e.what = 5
        RETURNING e.at, e.attempt, e.claim_no, e.process, e.claimed_at, e.started_at, e.ended_at, e.error_group, j.id, j.queue, j.kind,
                  j.priority, j.due_at,
                  CASE WHEN e.flags & 2 = 0 THEN NULL
                       WHEN j.crashes >= {max_crashes} THEN 3
                       WHEN j.attempts >= j.max_attempts THEN 0 END::smallint AS dies_of
    ), now_ready AS (
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT h.due_at, h.id, h.queue, h.kind, 1, h.priority FROM hit h WHERE h.dies_of IS NULL
    ), buried AS (
        INSERT INTO {schema}.finished (id, finished_at, started_at, claim_no, queue, attempt, process, status, reason,
                                       error, error_group)
        SELECT h.id, h.ended_at, h.claimed_at, h.claim_no, h.queue, h.attempt, h.process, 5, h.dies_of, {process_died},
               h.error_group
        FROM hit h WHERE h.dies_of IS NOT NULL
    ), told AS (
        INSERT INTO {schema}.tape (at, process, data)
        SELECT p_now, h.process, string_agg({schema}.tape_crashed(h.queue, h.kind)
               || coalesce({schema}.tape_died(h.queue, h.kind, h.dies_of), ''), '')
        FROM hit h GROUP BY h.process
    )
    SELECT h.at, h.id, CASE WHEN h.dies_of IS NULL THEN 0 ELSE 5 END::smallint, h.dies_of FROM hit h;
    SELECT array_agg(f.id) INTO v_ids FROM unnest(p_ended) e JOIN {schema}.finished f ON f.id = e.id
    WHERE e.what = 5 AND e.flags & 1 <> 0;
    IF v_ids IS NOT NULL THEN
        PERFORM {schema}.free_keys(v_ids, 5::smallint, p_now);
        PERFORM {schema}.take_keys_again(v_ids, 5::smallint, p_now);
    END IF;
END
$$;

-- Keeps a record of each attempt that did not end in done; of too many the oldest go.
CREATE FUNCTION {schema}.keep_attempts(p_ended {schema}.ended[], p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_cut uuid[];
BEGIN
    INSERT INTO {schema}.attempts (id, claim_no, started_at, ended_at, next_due_at, attempt, process, result, error,
                                   error_group, details)
    SELECT e.id, e.claim_no, e.started_at, e.ended_at,
           CASE WHEN e.what IN (1, 2) THEN p_now + least(e.after_us, {last_time} - p_now) END,
           e.attempt, e.process,
           CASE e.what WHEN 1 THEN 0 WHEN 2 THEN 1 WHEN 5 THEN 4
                       ELSE CASE e.reason WHEN 2 THEN 3 WHEN 0 THEN 0 ELSE 2 END END,
           CASE WHEN e.what = 5 THEN {process_died} ELSE e.error END, e.error_group, e.details
    FROM unnest(p_ended) e WHERE e.what IN (1, 2, 3, 5)
    ON CONFLICT DO NOTHING;
    WITH cut AS (
        DELETE FROM {schema}.attempts a USING unnest(p_ended) e
        WHERE e.what IN (1, 2, 3, 5) AND a.id = e.id AND a.claim_no <=
              (SELECT x.claim_no FROM {schema}.attempts x WHERE x.id = e.id ORDER BY x.claim_no DESC
               LIMIT 1 OFFSET {max_attempt_records})
        RETURNING a.id
    )
    SELECT array_agg(DISTINCT c.id) INTO v_cut FROM cut c;
    IF v_cut IS NOT NULL THEN
        -- Lines go with the record of their attempt. Of other jobs an attempt that was handed back has none, and lines.
        DELETE FROM {schema}.logs l USING unnest(v_cut) AS u(id)
        WHERE l.id = u.id AND l.claim_no < (SELECT min(x.claim_no) FROM {schema}.attempts x WHERE x.id = u.id);
    END IF;
END
$$;

-- Writes what became of each attempt of one process whose claim is valid: job, number and process together. Gives a
-- code for each: -1 the claim is not valid any more, else 8 times the status, plus 1 and the reason if dead. frees says
-- whether another job may be claimable now, for want of a notification. p_tapes tell the metrics of each end, as it was
-- meant (NULL: nobody counts).
CREATE FUNCTION {schema}.finish(p_process uuid, p_ids uuid[], p_claims bigint[], p_what smallint[],
    p_reasons smallint[], p_after bigint[], p_errors text[], p_outputs text[], p_ran bigint[], p_ago bigint[],
    p_tapes bytea[], p_groups bigint[], p_details text[], p_types text[], p_messages text[], p_now bigint,
    OUT codes smallint[], OUT frees boolean)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_process integer;
    v_done integer[];
    v_keyed uuid[];
    v_slotted uuid[];
    v_bounded boolean;
    v_permits boolean;
    v_ended {schema}.ended[];
    v_row record;
    v_at integer;
BEGIN
    codes := array_fill((-1)::smallint, ARRAY[cardinality(p_ids)]);
    frees := false;
    SELECT p.no INTO v_process FROM {schema}.processes p WHERE p.id = p_process;
    WITH gone AS (
        DELETE FROM {schema}.running r
        USING unnest(p_ids, p_claims, p_what, p_outputs, p_ran, p_ago) WITH ORDINALITY
              AS m(id, claim_no, what, output, ran, ago, at)
        WHERE m.what = 0 AND r.id = m.id AND r.claim_no = m.claim_no AND r.process = v_process
        RETURNING m.at, m.output, m.ran, greatest(v_now - m.ago, r.claimed_at) AS ended_at, r.id, r.claim_no, r.claimed_at,
                  r.queue, r.attempt, r.process, r.flags
    ), put AS (
        INSERT INTO {schema}.finished (id, finished_at, started_at, claim_no, queue, attempt, process, status, output)
        SELECT g.id, g.ended_at, greatest(g.ended_at - g.ran, g.claimed_at), g.claim_no, g.queue, g.attempt, g.process,
               4, g.output
        FROM gone g
    )
    SELECT array_agg(g.at), array_agg(g.id) FILTER (WHERE g.flags & 1 <> 0),
           array_agg(g.id) FILTER (WHERE g.flags & 16 <> 0), bool_or(g.flags & 4 <> 0), bool_or(g.flags & 8 <> 0)
    INTO v_done, v_keyed, v_slotted, v_bounded, v_permits FROM gone g;
    IF v_permits THEN
        DELETE FROM {schema}.permits p USING unnest(p_ids, p_claims, p_what) AS m(id, claim_no, what)
        WHERE m.what = 0 AND p.claim_no = m.claim_no AND p.id = m.id
          AND NOT EXISTS (SELECT FROM {schema}.running r WHERE r.id = m.id AND r.claim_no = m.claim_no);
    END IF;
    IF v_keyed IS NOT NULL THEN
        PERFORM {schema}.free_keys(v_keyed, 4::smallint, v_now);
        PERFORM {schema}.take_keys_again(v_keyed, 4::smallint, v_now);
    END IF;
    IF v_slotted IS NOT NULL THEN
        frees := {schema}.give_slots_on(v_slotted);
    END IF;
    IF v_bounded THEN
        -- Another process may have waited for the room.
        frees := true;
        PERFORM {schema}.tell('w');
    END IF;
    IF cardinality(v_done) = cardinality(p_ids) THEN
        IF p_tapes IS NOT NULL THEN
            INSERT INTO {schema}.tape (at, process, data)
            SELECT v_now, v_process, string_agg(t, '') FROM unnest(p_tapes) t;
        END IF;
        codes := array_fill(32::smallint, ARRAY[cardinality(p_ids)]);
        RETURN;
    END IF;
    FOREACH v_at IN ARRAY coalesce(v_done, '{}') LOOP
        codes[v_at] := 32;
    END LOOP;

    WITH gone AS (
        DELETE FROM {schema}.running r
        USING unnest(p_ids, p_claims, p_what, p_reasons, p_after, p_errors, p_ran, p_ago, p_groups, p_details, p_types,
                     p_messages) WITH ORDINALITY
              AS m(id, claim_no, what, reason, after_us, error, ran, ago, error_group, details, error_type, message, at)
        WHERE m.what <> 0 AND r.id = m.id AND r.claim_no = m.claim_no AND r.process = v_process
        RETURNING m.at, m.what, m.reason, m.after_us, m.error, m.ran, greatest(v_now - m.ago, r.claimed_at) AS ended_at,
                  m.error_group, m.details, m.error_type, m.message, r.id, r.claim_no, r.process, r.attempt, r.flags, r.queue, r.claimed_at,
                  r.cancel_at IS NOT NULL AS cancelled
    )
    SELECT array_agg(ROW(g.at, g.id, g.claim_no, g.process, g.attempt, g.flags, g.queue, g.claimed_at, g.cancelled,
                         g.what, g.reason, g.after_us, g.error, greatest(g.ended_at - g.ran, g.claimed_at),
                         g.ended_at, g.error_group, g.details, g.error_type, g.message)::{schema}.ended)
    INTO v_ended FROM gone g;
    IF v_ended IS NOT NULL THEN
        -- Room, or a key that another one may have waited for.
        frees := frees OR EXISTS (SELECT FROM unnest(v_ended) e WHERE e.flags & (4 | 16) <> 0);
        FOR v_row IN SELECT s.at, s.status, s.reason FROM {schema}.settle(v_ended, v_now) s LOOP
            codes[v_row.at] := v_row.status * 8 + coalesce(v_row.reason + 1, 0);
        END LOOP;
    END IF;
    IF p_tapes IS NOT NULL THEN
        -- A requested cancel makes another end of some.
        INSERT INTO {schema}.tape (at, process, data)
        SELECT v_now, v_process, x.data
        FROM (SELECT string_agg(CASE WHEN u.code > 40 THEN set_byte(u.tape, 0, 35 + u.code - 41) ELSE u.tape END, '') AS data
              FROM unnest(p_tapes, codes) AS u(tape, code) WHERE u.code >= 0) x
        WHERE x.data IS NOT NULL;
    END IF;
END
$$;

-- Gives back each claim of one process that is valid, and its permits unless its handler may have begun. Codes as those
-- of finish.
CREATE FUNCTION {schema}.release(p_process uuid, p_ids uuid[], p_claims bigint[], p_begun boolean, p_now bigint)
RETURNS smallint[] LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_process integer;
    v_codes smallint[] := array_fill((-1)::smallint, ARRAY[cardinality(p_ids)]);
    v_ended {schema}.ended[];
    v_row record;
BEGIN
    SELECT p.no INTO v_process FROM {schema}.processes p WHERE p.id = p_process;
    WITH gone AS (
        DELETE FROM {schema}.running r USING unnest(p_ids, p_claims) WITH ORDINALITY AS m(id, claim_no, at)
        WHERE r.id = m.id AND r.claim_no = m.claim_no AND r.process = v_process
        RETURNING m.at, r.id, r.claim_no, r.process, r.attempt, r.flags, r.queue, r.claimed_at,
                  r.cancel_at IS NOT NULL AS cancelled
    )
    SELECT array_agg(ROW(g.at, g.id, g.claim_no, g.process, g.attempt, g.flags, g.queue, g.claimed_at, g.cancelled, 4,
                         NULL, NULL, NULL, g.claimed_at, greatest(v_now, g.claimed_at), NULL, NULL, NULL,
                         NULL)::{schema}.ended)
    INTO v_ended FROM gone g;
    IF NOT p_begun AND EXISTS (SELECT FROM unnest(v_ended) e WHERE e.flags & 8 <> 0) THEN
        PERFORM {schema}.return_permits(v_ended, p_now);
    END IF;
    FOR v_row IN SELECT s.at, s.status, s.reason FROM {schema}.settle(v_ended, v_now) s LOOP
        v_codes[v_row.at] := v_row.status * 8 + coalesce(v_row.reason + 1, 0);
    END LOOP;
    RETURN v_codes;
END
$$;

-- A crash from now on does not count against a suspect.
CREATE FUNCTION {schema}.end_alone(p_process uuid, p_id uuid, p_claim bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE {schema}.running r SET flags = r.flags & ~2::smallint FROM {schema}.processes p
    WHERE r.id = p_id AND r.claim_no = p_claim AND p.id = p_process AND r.process = p.no;
    RETURN FOUND;
END
$$;

-- Keeps what handlers said of their progress. The rows of running are locked, so that no report comes after the end.
CREATE FUNCTION {schema}.record_progress(p_process uuid, p_ids uuid[], p_claims bigint[], p_texts text[])
RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
    WITH valid AS (
        SELECT r.id, m.progress
        FROM unnest(p_ids, p_claims, p_texts) AS m(id, claim_no, progress)
        JOIN {schema}.running r ON r.id = m.id AND r.claim_no = m.claim_no
        JOIN {schema}.processes p ON p.no = r.process AND p.id = p_process
        ORDER BY r.id FOR KEY SHARE OF r
    )
    UPDATE {schema}.jobs j SET progress = v.progress FROM valid v WHERE j.id = v.id
$$;

-- The operator's verbs. Each looks for the job where it may stand and deletes its row there: whoever deletes the row
-- has the job. A job that moves between two looks is looked for again. A host program's open transaction may be replacing
-- it: p_patience says how long that is waited for, as a lock_timeout. One that stands nowhere, which is damage, is unknown.

-- Takes a waiting job out of its table. Gives 0 it was ready, 1 scheduled, 3 retrying, NULL it is in none of these.
CREATE FUNCTION {schema}.take_waiting(p_job {schema}.jobs) RETURNS smallint LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_status smallint;
    v_lane integer := (p_job.suspect > 0)::integer;
BEGIN
    IF p_job.concurrency_key IS NOT NULL THEN
        -- In the order of those who give a key on.
        DELETE FROM {schema}.waiting WHERE kind = p_job.kind AND key = p_job.concurrency_key
            AND priority = p_job.priority AND due_at = p_job.due_at AND id = p_job.id;
        IF FOUND THEN
            v_lane := 2;
        END IF;
    END IF;
    DELETE FROM {schema}.ready WHERE queue = p_job.queue AND lane = v_lane AND kind = p_job.kind
        AND priority = p_job.priority AND due_at = p_job.due_at AND id = p_job.id;
    IF FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM {schema}.deferred WHERE status IN (1, 3) AND due_at = p_job.due_at AND id = p_job.id
    RETURNING status INTO v_status;
    RETURN v_status;
END
$$;

-- Gives a code (1 cancelled, 2 requested, 3 finished already, 4 unknown), and of a running job process and claim, of a
-- finished one status and reason.
CREATE FUNCTION {schema}.cancel(p_ids uuid[], p_patience text, p_now bigint,
    p_by text DEFAULT NULL)
RETURNS TABLE (code integer, process uuid, claim_no bigint, status smallint, reason smallint)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_id uuid;
    v_codes integer[] := '{}';
    v_job {schema}.jobs;
    v_claim {schema}.running;
    v_asked boolean;
    v_tape bytea := '';
BEGIN
    PERFORM set_config('lock_timeout', p_patience, true);
    PERFORM {schema}.act_as(p_by);
    FOREACH v_id IN ARRAY p_ids LOOP
        code := NULL; process := NULL; claim_no := NULL; status := NULL; reason := NULL;
        WHILE code IS NULL LOOP
            SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = v_id;
            IF NOT FOUND THEN
                code := 4;
                EXIT;
            END IF;
            IF {schema}.take_waiting(v_job) IS NOT NULL THEN
                INSERT INTO {schema}.finished (id, finished_at, claim_no, queue, attempt, status, reason)
                VALUES (v_id, v_now, v_job.last_claim_no, v_job.queue, v_job.attempts, 5, 2);
                v_tape := v_tape || {schema}.tape_died(v_job.queue, v_job.kind, 2::smallint);
                IF v_job.dedupe_key IS NOT NULL THEN
                    PERFORM {schema}.free_keys(ARRAY[v_id], 5::smallint, v_now);
                END IF;
                IF v_job.concurrency_key IS NOT NULL THEN
                    PERFORM {schema}.give_slots_on(ARRAY[v_id]);
                END IF;
                IF p_by IS NOT NULL THEN
                    PERFORM {schema}.note(ARRAY[v_id], v_now, 'cancel_requested', ARRAY[NULL::bigint], ARRAY[NULL::integer]);
                END IF;
                code := 1;
                EXIT;
            END IF;
            SELECT r.cancel_at IS NOT NULL INTO v_asked FROM {schema}.running r WHERE r.id = v_id FOR UPDATE;
            IF FOUND THEN
                UPDATE {schema}.running r SET cancel_at = coalesce(r.cancel_at, v_now) WHERE r.id = v_id
                RETURNING r.* INTO v_claim;
                -- A claim without a process row is one of a dead process; nobody has its identity.
                SELECT p.id INTO process FROM {schema}.processes p WHERE p.no = v_claim.process;
                IF NOT v_asked THEN
                    PERFORM {schema}.note(ARRAY[v_id], v_now, 'cancel_requested', ARRAY[v_claim.claim_no],
                                          ARRAY[v_claim.process]);
                END IF;
                IF process IS NOT NULL THEN
                    PERFORM {schema}.tell('c:' || process);
                END IF;
                code := 2;
                claim_no := v_claim.claim_no;
                EXIT;
            END IF;
            SELECT 3, f.status, f.reason INTO code, status, reason FROM {schema}.finished f WHERE f.id = v_id;
            IF code IS NULL AND {schema}.stands_nowhere(v_id) THEN
                code := 4;
            END IF;
        END LOOP;
        v_codes := v_codes || code;
        RETURN NEXT;
    END LOOP;
    IF v_tape <> '' THEN
        INSERT INTO {schema}.tape (at, data) VALUES (v_now, v_tape);
    END IF;
    PERFORM {schema}.audit_verb(p_by, v_codes, ARRAY['cancelled', 'requested', 'already_finished', 'unknown'], 2, p_now);
END
$$;

-- Gives a code (1 retried, 2 another job holds its key, 3 refused, 4 unknown), the other job, and the status.
CREATE FUNCTION {schema}.retry(p_ids uuid[], p_patience text, p_now bigint,
    p_by text DEFAULT NULL)
RETURNS TABLE (code integer, of uuid, status smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_id uuid;
    v_codes integer[] := '{}';
    v_job {schema}.jobs;
    v_end {schema}.finished;
    v_any boolean := false;
BEGIN
    PERFORM set_config('lock_timeout', p_patience, true);
    PERFORM {schema}.act_as(p_by);
    FOREACH v_id IN ARRAY p_ids LOOP
        code := NULL; of := NULL; status := NULL;
        WHILE code IS NULL LOOP
            SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = v_id;
            IF NOT FOUND THEN
                code := 4;
                EXIT;
            END IF;
            SELECT * INTO v_end FROM {schema}.finished f WHERE f.id = v_id FOR UPDATE;
            IF FOUND AND v_end.status = 5 THEN
                IF v_job.dedupe_key IS NOT NULL
                   AND (v_job.dedupe_us IS NULL OR v_job.created_at + v_job.dedupe_us > v_now) THEN
                    of := {schema}.take_key(v_job.kind, v_job.dedupe_key, v_id, v_job.created_at + v_job.dedupe_us, v_now);
                    -- A dead job may hold its key still.
                    of := nullif(of, v_id);
                    IF of IS NOT NULL THEN
                        code := 2;
                        EXIT;
                    END IF;
                END IF;
                -- The row that tells of a death goes when the job comes back; the event stays.
                PERFORM {schema}.note(ARRAY[v_id], v_end.finished_at,
                                      CASE v_end.reason WHEN 2 THEN 'cancelled' ELSE 'dead' END,
                                      ARRAY[v_end.claim_no], ARRAY[v_end.process]);
                DELETE FROM {schema}.finished f WHERE f.id = v_id;
                -- Until it is finished again, the next fire of its schedule is one too many.
                UPDATE {schema}.ticks t SET open = true WHERE t.job = v_id;
                code := 1;
                EXIT;
            ELSIF FOUND THEN
                code := 3;
                status := v_end.status;
                EXIT;
            END IF;
            DELETE FROM {schema}.deferred d WHERE d.status = 3 AND d.due_at = v_job.due_at AND d.id = v_id;
            IF FOUND THEN
                v_end := NULL;
                code := 1;
                EXIT;
            END IF;
            status := {schema}.status_of(v_job);
            code := CASE WHEN status IN (0, 1, 2) THEN 3 WHEN {schema}.stands_nowhere(v_id) THEN 4 END;
        END LOOP;
        IF code = 1 THEN
            v_any := true;
            UPDATE {schema}.jobs j SET due_at = v_now, attempts = 0, throttles = 0, crashes = 0, suspect = 0,
                last_claim_no = greatest(j.last_claim_no, v_end.claim_no), progress = NULL,
                error = coalesce(v_end.error, j.error), error_group = coalesce(v_end.error_group, j.error_group)
            WHERE j.id = v_id;
            PERFORM {schema}.note(ARRAY[v_id], v_now, 'retried', NULL, NULL);
            INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
            VALUES (v_now, v_id, v_job.queue, v_job.kind, 0, v_job.priority);
            IF v_job.concurrency_key IS NOT NULL THEN
                PERFORM {schema}.take_slots(ARRAY[v_id]);
            END IF;
        END IF;
        v_codes := v_codes || code;
        RETURN NEXT;
    END LOOP;
    IF v_any THEN
        PERFORM {schema}.tell('w');
    END IF;
    PERFORM {schema}.audit_verb(p_by, v_codes, ARRAY['retried', 'duplicate', 'refused', 'unknown'], 1, p_now);
END
$$;

-- Where a job stands; NULL in no table, as when it moves just now.
CREATE FUNCTION {schema}.status_of(p_job {schema}.jobs) RETURNS smallint LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT 0 FROM {schema}.ready WHERE queue = p_job.queue AND lane IN ((p_job.suspect > 0)::integer, 2)
            AND kind = p_job.kind AND priority = p_job.priority AND due_at = p_job.due_at AND id = p_job.id),
        (SELECT 2 FROM {schema}.running WHERE id = p_job.id),
        (SELECT status FROM {schema}.deferred WHERE status IN (1, 3) AND due_at = p_job.due_at AND id = p_job.id),
        (SELECT status FROM {schema}.finished WHERE id = p_job.id))::smallint
$$;

-- Whether a job that there is stands in no table. It is one look at all of them, so no job that moves seems to.
CREATE FUNCTION {schema}.stands_nowhere(p_id uuid) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT FROM {schema}.jobs j WHERE j.id = p_id AND {schema}.status_of(j) IS NULL)
$$;

-- Gives a code (1 made pending, 2 pending already, 3 refused, 4 unknown) and the status.
CREATE FUNCTION {schema}.run_now(p_ids uuid[], p_patience text, p_now bigint,
    p_by text DEFAULT NULL)
RETURNS TABLE (code integer, status smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_id uuid;
    v_codes integer[] := '{}';
    v_job {schema}.jobs;
    v_any boolean := false;
BEGIN
    PERFORM set_config('lock_timeout', p_patience, true);
    PERFORM {schema}.act_as(p_by);
    FOREACH v_id IN ARRAY p_ids LOOP
        code := NULL; status := NULL;
        WHILE code IS NULL LOOP
            SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = v_id;
            IF NOT FOUND THEN
                code := 4;
                EXIT;
            END IF;
            DELETE FROM {schema}.deferred d WHERE d.status IN (1, 3) AND d.due_at = v_job.due_at AND d.id = v_id;
            IF FOUND THEN
                UPDATE {schema}.jobs j SET due_at = v_now WHERE j.id = v_id;
                PERFORM {schema}.note(ARRAY[v_id], v_now, 'run_now', NULL, NULL);
                INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
                VALUES (v_now, v_id, v_job.queue, v_job.kind, (v_job.suspect > 0)::integer, v_job.priority);
                IF v_job.concurrency_key IS NOT NULL THEN
                    PERFORM {schema}.take_slots(ARRAY[v_id]);
                END IF;
                v_any := true;
                code := 1;
                EXIT;
            END IF;
            status := {schema}.status_of(v_job);
            code := CASE WHEN status = 0 THEN 2 WHEN status IN (2, 4, 5) THEN 3
                         WHEN {schema}.stands_nowhere(v_id) THEN 4 END;
        END LOOP;
        v_codes := v_codes || code;
        RETURN NEXT;
    END LOOP;
    IF v_any THEN
        PERFORM {schema}.tell('w');
    END IF;
    PERFORM {schema}.audit_verb(p_by, v_codes, ARRAY['made_pending', 'already_pending', 'refused', 'unknown'], 1, p_now);
END
$$;

-- Deletes jobs and their history. They are in none of the tables that tell where a job stands.
CREATE FUNCTION {schema}.forget(p_ids uuid[]) RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
    DELETE FROM {schema}.attempts a USING unnest(p_ids) AS u(id) WHERE a.id = u.id;
    DELETE FROM {schema}.notes n USING unnest(p_ids) AS u(id) WHERE n.id = u.id;
    DELETE FROM {schema}.logs l USING unnest(p_ids) AS u(id) WHERE l.id = u.id;
    DELETE FROM {schema}.replacements r USING unnest(p_ids) AS u(id) WHERE r.job = u.id;
    DELETE FROM {schema}.jobs j USING unnest(p_ids) AS u(id) WHERE j.id = u.id;
$$;

-- Deletes jobs for good, running ones excepted. Gives a code (1 dropped, 2 unknown, but its key is free now, 3 refused,
-- 4 unknown) and the status.
CREATE FUNCTION {schema}.drop_jobs(p_ids uuid[], p_patience text, p_now bigint,
    p_by text DEFAULT NULL)
RETURNS TABLE (code integer, status smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_id uuid;
    v_codes integer[] := '{}';
    v_job {schema}.jobs;
BEGIN
    PERFORM set_config('lock_timeout', p_patience, true);
    PERFORM {schema}.act_as(p_by);
    FOREACH v_id IN ARRAY p_ids LOOP
        code := NULL; status := NULL;
        WHILE code IS NULL LOOP
            SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = v_id;
            IF NOT FOUND THEN
                -- Retention has deleted it, and a key of it may be held for a period.
                DELETE FROM {schema}.unique_keys u WHERE u.id = v_id;
                code := CASE WHEN FOUND THEN 2 ELSE 4 END;
                EXIT;
            END IF;
            IF {schema}.take_waiting(v_job) IS NOT NULL THEN
                PERFORM {schema}.give_slots_on(ARRAY[v_id]);
                code := 1;
                EXIT;
            END IF;
            DELETE FROM {schema}.finished f WHERE f.id = v_id;
            IF FOUND THEN
                code := 1;
                EXIT;
            END IF;
            status := {schema}.status_of(v_job);
            code := CASE WHEN status = 2 THEN 3 WHEN {schema}.stands_nowhere(v_id) THEN 4 END;
        END LOOP;
        IF code = 1 THEN
            IF v_job.dedupe_key IS NOT NULL THEN
                PERFORM {schema}.free_keys(ARRAY[v_id], NULL, v_now);
            END IF;
            PERFORM {schema}.forget(ARRAY[v_id]);
        END IF;
        v_codes := v_codes || code;
        RETURN NEXT;
    END LOOP;
    PERFORM {schema}.audit_verb(p_by, v_codes, ARRAY['dropped', 'key_freed', 'refused', 'unknown'], 2, p_now);
END
$$;

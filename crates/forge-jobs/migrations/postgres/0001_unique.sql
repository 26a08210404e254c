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
        IF v_until IS NULL OR v_until > p_now THEN
            RETURN v_of;
        END IF;
        UPDATE {schema}.unique_keys SET id = p_id, until = p_until
        WHERE kind = p_kind AND key = p_key AND id = v_of AND until <= p_now;
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
-- A host program's open transaction may be about to take it. That is not waited for: these jobs are not the only ones
-- that are written just now.
CREATE FUNCTION {schema}.take_keys_again(p_ids uuid[], p_status smallint, p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET jit = off SET lock_timeout = '20ms' AS $$
DECLARE
    v_job record;
BEGIN
    FOR v_job IN
        SELECT j.id, j.kind, j.dedupe_key AS key, j.created_at + j.dedupe_us AS until
        FROM unnest(p_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id
        WHERE j.dedupe_key IS NOT NULL AND j.dedupe_states & 4 = 0
          AND (p_status IS NULL OR j.dedupe_states & (1 << p_status) <> 0)
          AND (j.dedupe_us IS NULL OR j.created_at + j.dedupe_us > p_now)
        ORDER BY j.kind, j.dedupe_key, j.id
    LOOP
        BEGIN
            PERFORM {schema}.take_key(v_job.kind, v_job.key, v_job.id, v_job.until, p_now);
        EXCEPTION WHEN lock_not_available THEN
            RETURN;
        END;
    END LOOP;
END
$$;

-- Makes a job another one, if it waits; says whether it did. It keeps its id, the terms of its key, and when it was
-- enqueued.
CREATE FUNCTION {schema}.replace(p_id uuid, p_by uuid, p_queue integer, p_priority smallint, p_max integer, p_due bigint,
    p_asked bigint, p_delay boolean, p_turn text, p_tags text, p_payload text, p_open boolean, p_now bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_job {schema}.jobs;
BEGIN
    LOOP
        SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = p_id;
        IF NOT FOUND THEN
            RETURN false;
        ELSIF p_open AND v_job.concurrency_key IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '0A000',
                MESSAGE = format('job %s has a concurrency key, and cannot be replaced in a transaction of the caller''s own', p_id),
                DETAIL = 'Jobs that wait for the key would have to wait for that transaction.',
                HINT = 'Enqueue the new one outside of the transaction, or do not ask for a replacement';
        END IF;
        EXIT WHEN {schema}.take_waiting(v_job) IS NOT NULL;
        IF {schema}.status_of(v_job) IN (2, 4, 5) THEN
            RETURN false;
        END IF;
    END LOOP;
    IF v_job.concurrency_key IS NOT NULL THEN
        PERFORM {schema}.give_slots_on(ARRAY[p_id]);
    END IF;
    UPDATE {schema}.jobs j SET queue = p_queue, priority = p_priority, max_attempts = p_max, due_at = p_due,
        asked_us = p_asked, asked_delay = p_delay, concurrency_key = p_turn, tags = p_tags, payload = p_payload,
        replaced_by = p_by, attempts = 0, throttles = 0, suspect = 0, crashes = 0, progress = NULL
    WHERE j.id = p_id;
    PERFORM {schema}.note(ARRAY[p_id], p_now, 'replaced', NULL, NULL);
    IF p_due > p_now OR (p_open AND p_turn IS NOT NULL) THEN
        INSERT INTO {schema}.deferred (due_at, id, queue, status) VALUES (p_due, p_id, p_queue, 1);
        RETURN true;
    END IF;
    INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
    VALUES (p_due, p_id, p_queue, v_job.kind, 0, p_priority);
    IF p_turn IS NOT NULL THEN
        PERFORM {schema}.take_slots(ARRAY[p_id]);
    END IF;
    RETURN true;
END
$$;

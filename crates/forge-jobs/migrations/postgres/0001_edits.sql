-- Changes a job that waits, if it still is what was seen of it. A time in the past is now; without one (NULL) it stays
-- where it stands. Gives a code (1 edited, 2 it was changed meanwhile, 3 refused, 4 unknown, 5 there is no such queue) and the
-- status.
CREATE FUNCTION {schema}.edit_job(p_id uuid, p_queue text, p_priority smallint, p_due bigint, p_tags text, p_payload text,
    p_seen_queue text, p_seen_priority smallint, p_seen_due bigint, p_seen_tags text, p_seen_payload text, p_now bigint,
    p_by text, OUT code integer, OUT status smallint) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_job {schema}.jobs;
    v_queue integer;
    v_due bigint;
    v_seen boolean;
    v_taken boolean := false;
BEGIN
    PERFORM {schema}.act_as(p_by);
    WHILE code IS NULL LOOP
        SELECT * INTO v_job FROM {schema}.jobs j WHERE j.id = p_id;
        IF NOT FOUND THEN
            code := 4;
            EXIT;
        END IF;
        SELECT (q.name, v_job.priority, v_job.due_at, v_job.payload)
                 = (p_seen_queue, p_seen_priority, p_seen_due, p_seen_payload)
               AND coalesce(v_job.tags, '[]')::jsonb = coalesce(p_seen_tags, '[]')::jsonb
        INTO v_seen FROM {schema}.queues q WHERE q.no = v_job.queue;
        SELECT q.no INTO v_queue FROM {schema}.queues q WHERE q.name = p_queue;
        IF v_taken THEN
            IF NOT v_seen THEN
                -- It was changed between the look and the taking.
                RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'the job was changed while it was edited';
            END IF;
            code := 1;
            EXIT;
        END IF;
        status := {schema}.status_of(v_job);
        IF status IN (2, 4, 5) THEN
            code := 3;
        ELSIF status IS NOT NULL AND NOT v_seen THEN
            code := 2;
        ELSIF status IS NOT NULL AND v_queue IS NULL THEN
            code := 5;
        ELSIF status IS NOT NULL THEN
            -- Nobody else moves or changes it from here on; what was read before may be out of date.
            v_taken := {schema}.take_to_replace(v_job, NULL);
        ELSIF {schema}.stands_nowhere(p_id) THEN
            code := 4;
        END IF;
    END LOOP;
    IF code <> 1 THEN
        RETURN;
    END IF;
    IF v_job.concurrency_key IS NOT NULL THEN
        PERFORM {schema}.give_slots_on(ARRAY[p_id]);
    END IF;
    -- Sent again, the request that made it is known.
    INSERT INTO {schema}.replacements (request, job, at, digest) VALUES (v_job.id, v_job.id, 0,
        {schema}.digest(v_job.queue, v_job.kind, v_job.priority, v_job.max_attempts, v_job.asked_us, v_job.asked_delay,
                        v_job.dedupe_key, v_job.dedupe_states, v_job.dedupe_us, v_job.concurrency_key, v_job.tags,
                        v_job.payload))
    ON CONFLICT (request) DO NOTHING;
    IF v_queue <> v_job.queue THEN
        INSERT INTO {schema}.streams VALUES (v_queue, v_job.kind) ON CONFLICT DO NOTHING;
    END IF;
    IF p_due IS NOT NULL THEN
        v_due := greatest(p_due, v_now);
    ELSE
        v_due := v_job.due_at;
    END IF;
    UPDATE {schema}.jobs j SET queue = v_queue, priority = p_priority, due_at = v_due, tags = p_tags, payload = p_payload
    WHERE j.id = p_id;
    PERFORM {schema}.note(ARRAY[p_id], v_now, 'edited', NULL, NULL);
    IF (p_due IS NULL AND status IN (1, 3)) OR (p_due IS NOT NULL AND v_due > v_now) THEN
        INSERT INTO {schema}.deferred (due_at, id, queue, status)
        VALUES (v_due, p_id, v_queue, CASE WHEN status = 3 THEN 3 ELSE 1 END);
    ELSE
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        VALUES (v_due, p_id, v_queue, v_job.kind, (v_job.suspect > 0)::integer, p_priority);
        IF v_job.concurrency_key IS NOT NULL THEN
            PERFORM {schema}.take_slots(ARRAY[p_id]);
        END IF;
    END IF;
    -- Whoever waits for the next due time has another one to wait for, perhaps.
    PERFORM {schema}.tell(CASE WHEN p_due IS NULL THEN 'w' ELSE 'wd' END);
    PERFORM {schema}.audit(p_by, 1, NULL, NULL, NULL, p_now);
END
$$;

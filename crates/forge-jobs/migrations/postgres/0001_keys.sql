-- Concurrency keys: one job of each kind and key may be claimable or running.
--
-- The key follows where the job stands, in the same transaction: so it is never lost, whoever dies. Both functions take
-- the rows of slots in the order of their keys, so that two calls at once do not wait for each other in a circle. Whoever
-- lets a job wait, or gives a key on, holds the key's row: so a job never waits for a key that is free.

-- Jobs have just become pending. Each takes its key, or waits if another one has it.
CREATE FUNCTION {schema}.take_slots(p_ids uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_job record;
    v_holder uuid;
BEGIN
    FOR v_job IN
        SELECT j.id, j.queue, j.kind, j.priority, j.due_at, (j.suspect > 0)::integer AS lane, j.concurrency_key AS key
        FROM unnest(p_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id WHERE j.concurrency_key IS NOT NULL
        ORDER BY j.kind, j.concurrency_key, j.priority, j.due_at, j.id
    LOOP
        LOOP
            INSERT INTO {schema}.slots (kind, key, id) VALUES (v_job.kind, v_job.key, v_job.id)
            ON CONFLICT (kind, key) DO NOTHING;
            EXIT WHEN FOUND;
            SELECT s.id INTO v_holder FROM {schema}.slots s WHERE s.kind = v_job.kind AND s.key = v_job.key FOR UPDATE;
            -- Not found: it has become free in between.
            CONTINUE WHEN NOT FOUND;
            IF v_holder <> v_job.id THEN
                DELETE FROM {schema}.ready r WHERE r.queue = v_job.queue AND r.lane = v_job.lane AND r.kind = v_job.kind
                    AND r.priority = v_job.priority AND r.due_at = v_job.due_at AND r.id = v_job.id;
                INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
                VALUES (v_job.due_at, v_job.id, v_job.queue, v_job.kind, 2, v_job.priority);
                INSERT INTO {schema}.waiting (due_at, id, kind, priority, key)
                VALUES (v_job.due_at, v_job.id, v_job.kind, v_job.priority, v_job.key);
            END IF;
            EXIT;
        END LOOP;
    END LOOP;
END
$$;

-- Jobs are finished, put off or about to be deleted: of each key that they have the first one that waits has it now.
-- Says whether there was any.
CREATE FUNCTION {schema}.give_slots_on(p_ids uuid[]) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_slot record;
    v_next {schema}.waiting;
    v_any boolean := false;
BEGIN
    FOR v_slot IN
        SELECT j.id, j.kind, j.concurrency_key AS key
        FROM unnest(p_ids) AS u(id) JOIN {schema}.jobs j ON j.id = u.id WHERE j.concurrency_key IS NOT NULL
        ORDER BY j.kind, j.concurrency_key
    LOOP
        PERFORM FROM {schema}.slots s WHERE s.kind = v_slot.kind AND s.key = v_slot.key AND s.id = v_slot.id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        -- One that is being cancelled is locked: it is waited for, and then the one after it is the first.
        SELECT w.* INTO v_next FROM {schema}.waiting w WHERE w.kind = v_slot.kind AND w.key = v_slot.key
        ORDER BY w.priority, w.due_at, w.id LIMIT 1 FOR UPDATE;
        IF NOT FOUND THEN
            DELETE FROM {schema}.slots s WHERE s.kind = v_slot.kind AND s.key = v_slot.key;
            CONTINUE;
        END IF;
        DELETE FROM {schema}.waiting w WHERE w.kind = v_next.kind AND w.key = v_next.key
            AND w.priority = v_next.priority AND w.due_at = v_next.due_at AND w.id = v_next.id;
        UPDATE {schema}.slots s SET id = v_next.id WHERE s.kind = v_slot.kind AND s.key = v_slot.key;
        WITH gone AS (
            DELETE FROM {schema}.ready r USING {schema}.jobs j
            WHERE j.id = v_next.id AND r.queue = j.queue AND r.lane = 2 AND r.kind = j.kind AND r.priority = j.priority
              AND r.due_at = j.due_at AND r.id = j.id
            RETURNING r.due_at, r.id, r.queue, r.kind, (j.suspect > 0)::integer AS lane, r.priority
        )
        INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority)
        SELECT g.due_at, g.id, g.queue, g.kind, g.lane, g.priority FROM gone g;
        v_any := true;
    END LOOP;
    IF v_any THEN
        PERFORM {schema}.tell('w');
    END IF;
    RETURN v_any;
END
$$;

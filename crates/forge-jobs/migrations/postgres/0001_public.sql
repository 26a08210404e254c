-- For everyone who can run SQL: psql, triggers, other languages (docs/operations.md, "Enqueue from SQL").

-- A time-ordered identity, as the clients make them (RFC 9562, version 7).
CREATE FUNCTION {schema}.uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(r::text, '-', ''), 14, 3) || substr(replace(r::text, '-', ''), 17))::uuid
    FROM gen_random_uuid() r
$$;

-- Refuses a name that no Forge client would take.
CREATE FUNCTION {schema}.check_name(p_what text, p_name text) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_name IS NULL OR p_name !~ '^[A-Za-z0-9._:/-]{1,{max_name}}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('%s %L is not allowed', p_what, left(p_name, 200)),
            HINT = 'Use 1 to {max_name} of A-Z a-z 0-9 . _ : / -';
    END IF;
END
$$;

-- Refuses a payload that no Forge client would take: what one storage takes the other takes too.
CREATE FUNCTION {schema}.check_payload(p_payload json) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text := p_payload::text;
    v_depth integer := 0;
    v_shell text;
BEGIN
    IF octet_length(v_text) > {max_payload} THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('the payload has %s bytes, over the limit of {max_payload}', octet_length(v_text)),
            HINT = 'Keep the data elsewhere and put a reference into the payload';
    END IF;
    -- jsonb refuses NUL and lone surrogates; that it cannot hold a number matters to nobody, since text is stored.
    BEGIN
        PERFORM p_payload::jsonb;
    EXCEPTION WHEN numeric_value_out_of_range THEN
        NULL;
    END;
    v_shell := regexp_replace(regexp_replace(v_text, '"([^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g');
    WHILE v_shell <> '' LOOP
        v_depth := v_depth + 1;
        IF v_depth > {max_depth} THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'the payload is nested deeper than {max_depth} levels';
        END IF;
        v_shell := replace(replace(v_shell, '[]', ''), '{}', '');
    END LOOP;
END
$$;

-- Enqueues a job in the caller's transaction: committed or rolled back with it.
--
-- payload is kept byte for byte. run_at and delay exclude each other; neither: now. An id makes the call idempotent:
-- the same job sent twice is there once. notify => false leaves out the NOTIFY, which serialises the commits of
-- everybody who sends one; workers then find the job when they next look, within seconds.
--
-- outcome: inserted; already_there (the same id and content); duplicate (an unfinished job of its kind holds the
-- dedupe key: id is that job's). Another job under the same id is an error.
CREATE FUNCTION {schema}.enqueue(kind text, payload json DEFAULT 'null', queue text DEFAULT 'default',
    priority integer DEFAULT 0, run_at timestamptz DEFAULT NULL, delay interval DEFAULT NULL,
    max_attempts integer DEFAULT {default_max_attempts}, dedupe_key text DEFAULT NULL, tags text[] DEFAULT '{}',
    id uuid DEFAULT NULL, notify boolean DEFAULT true)
RETURNS TABLE (job uuid, outcome text) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
DECLARE
    v_now bigint := {schema}.clock(NULL);
    v_id uuid := coalesce(id, {schema}.uuid7());
    v_asked bigint := coalesce((extract(epoch FROM delay) * 1000000)::bigint,
                               (extract(epoch FROM run_at) * 1000000)::bigint);
    v_names record;
    v_tags text;
    v_results {schema}.inserted[];
BEGIN
    PERFORM {schema}.check_name('kind', kind), {schema}.check_name('queue', queue);
    PERFORM {schema}.check_payload(payload);
    IF payload IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22004', MESSAGE = 'payload must not be NULL', HINT = 'Pass the JSON null: ''null''';
    ELSIF run_at IS NOT NULL AND delay IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'run_at and delay exclude each other';
    ELSIF delay < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('delay %s is negative', delay);
    ELSIF priority NOT BETWEEN -32768 AND 32767 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('priority %s is out of range: use -32768 to 32767', priority);
    ELSIF max_attempts NOT BETWEEN 1 AND {max_max_attempts} THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('max_attempts %s is out of range: use 1 to {max_max_attempts}', max_attempts);
    ELSIF dedupe_key = '' OR octet_length(dedupe_key) > {max_key} THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'dedupe_key must have 1 to {max_key} bytes';
    ELSIF cardinality(tags) > {max_tags} THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('%s tags are too many: use at most {max_tags}', cardinality(tags));
    ELSIF EXISTS (SELECT FROM unnest(tags) t WHERE t IS NULL OR t = '' OR octet_length(t) > {max_tag}) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a tag must have 1 to {max_tag} bytes';
    END IF;
    SELECT n.queue, n.kind INTO v_names FROM {schema}.names(ARRAY[queue], ARRAY[kind]) n;
    -- In the form in which clients write it: without spaces.
    IF cardinality(tags) > 0 THEN
        SELECT '[' || string_agg(to_json(t)::text, ',' ORDER BY at) || ']' INTO v_tags
        FROM unnest(tags) WITH ORDINALITY AS u(t, at);
    END IF;
    v_results := {schema}.insert_jobs(ARRAY[v_id], ARRAY[v_names.queue], ARRAY[v_names.kind],
        ARRAY[priority::smallint], ARRAY[max_attempts], ARRAY[v_asked], ARRAY[delay IS NOT NULL], ARRAY[dedupe_key],
        ARRAY[v_tags], ARRAY[payload::text], v_now);
    job := v_id;
    outcome := 'inserted';
    IF v_results[1].code = 1 THEN
        outcome := 'already_there';
    ELSIF v_results[1].code = 2 THEN
        outcome := 'duplicate';
        job := v_results[1].of;
    ELSIF v_results[1].code = 3 THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('the id %s belongs to another job', v_id),
            HINT = 'Leave the id out to get a new one';
    END IF;
    IF notify AND outcome = 'inserted' THEN
        PERFORM {schema}.tell(CASE WHEN v_asked IS NULL THEN 'w' ELSE 'wd' END);
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION {schema}.enqueue IS
    'Enqueues a background job in the caller''s transaction. See docs/operations.md, "Enqueue from SQL".';

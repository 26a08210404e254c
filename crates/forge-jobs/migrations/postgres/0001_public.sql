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

-- Refuses a payload that no Forge client would take: what one storage takes the other takes too. The type has checked
-- the syntax, which is what makes the short cuts below right.
CREATE FUNCTION {schema}.check_payload(p_payload json) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text := p_payload::text;
    v_depth integer := 0;
BEGIN
    IF octet_length(v_text) > {max_payload} THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('the payload has %s bytes, over the limit of {max_payload}', octet_length(v_text)),
            HINT = 'Keep the data elsewhere and put a reference into the payload';
    END IF;
    -- Backslashes stand in strings only. Without the escaped ones each of the others begins an escape; something must
    -- stay in their place, or what they part would come together.
    IF strpos(v_text, '\') > 0 THEN
        v_text := replace(v_text, '\\', '__');
        IF strpos(v_text, '\u0000') > 0 THEN
            RAISE EXCEPTION USING ERRCODE = '22P05', MESSAGE = 'the payload holds a NUL (\u0000)',
                HINT = 'Encode binary data, for instance as base64';
        END IF;
        IF v_text ~ '\\u[dD][89a-fA-F]' THEN
            v_text := regexp_replace(v_text, '\\u[dD][89abAB]..\\u[dD][c-fC-F]..', '__', 'g');
            IF v_text ~ '\\u[dD][89a-fA-F]' THEN
                RAISE EXCEPTION USING ERRCODE = '22P05', MESSAGE = 'the payload holds a lone surrogate',
                    HINT = 'Half of a pair is no character: send both halves, or \ufffd';
            END IF;
        END IF;
    END IF;
    -- Mostly there are fewer brackets than levels are allowed.
    IF length(v_text) - length(translate(v_text, '[{', '')) <= {max_depth} THEN
        RETURN;
    END IF;
    v_text := replace(v_text, '\"', '');
    -- What stands outside of strings; then its brackets alone, all of one sort, since they are known to match.
    SELECT coalesce(string_agg(u.part, ''), '') INTO v_text
    FROM unnest(string_to_array(v_text, '"')) WITH ORDINALITY AS u(part, at) WHERE u.at % 2 = 1;
    v_text := translate(v_text, '[]{},:0123456789+-.eE truefalsn' || chr(9) || chr(10) || chr(13), '[][]');
    WHILE v_text <> '' LOOP
        v_depth := v_depth + 1;
        IF v_depth > {max_depth} THEN
            RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'the payload is nested deeper than {max_depth} levels',
                HINT = 'Keep the data elsewhere and put a reference into the payload';
        END IF;
        v_text := replace(v_text, '[]', '');
    END LOOP;
END
$$;

-- Refuses a tag or key that no Forge client would take.
CREATE FUNCTION {schema}.check_text(p_what text, p_text text, p_limit integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_text IS NULL OR p_text = '' OR octet_length(p_text) > p_limit OR p_text ~ '[\u0001-\u001F\u007F-\u009F]' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('%s %L is not allowed', p_what, left(p_text, 64)),
            HINT = format('Use 1 to %s bytes of text without control characters', p_limit);
    END IF;
END
$$;

-- The states in which a dedupe key is held, as they are stored; refuses what no Forge client would take.
CREATE FUNCTION {schema}.check_states(p_states text[], p_period interval) RETURNS smallint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_all CONSTANT text[] := ARRAY['pending', 'scheduled', 'running', 'retrying', 'done', 'dead'];
    v_state text;
    v_bits integer := 0;
BEGIN
    FOREACH v_state IN ARRAY coalesce(p_states, v_all[1:4]) LOOP
        IF v_state IS NULL OR v_state <> ALL (v_all) THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('%L in dedupe_states is no state', left(v_state, 64)),
                HINT = format('Use %s', array_to_string(v_all, ', '));
        END IF;
        v_bits := v_bits | (1 << (array_position(v_all, v_state) - 1));
    END LOOP;
    IF v_bits & 11 <> 11 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'dedupe_states lacks a state of jobs that wait',
            HINT = 'A job that waits holds its key: name pending, scheduled and retrying';
    ELSIF v_bits > 15 AND p_period IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = 'a dedupe_key that finished jobs hold needs a dedupe_period',
            HINT = 'Say for how long after the enqueue';
    ELSIF extract(epoch FROM p_period) NOT BETWEEN 1 AND 366 * 86400 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('dedupe_period %s is out of range', p_period),
            HINT = 'Use 1 second to 366 days';
    END IF;
    RETURN nullif(v_bits, 15);
END
$$;

-- Enqueues a job in the caller's transaction: committed or rolled back with it.
--
-- payload is kept byte for byte. run_at and delay exclude each other; neither: now. An id makes the call idempotent:
-- the same job sent twice is there once. notify => false leaves out the NOTIFY, which serialises the commits of
-- everybody who sends one; workers then find the job when they next look, within seconds. NULL means the default,
-- but for kind and payload, which must not be NULL.
--
-- dedupe_states are the states in which a job holds its key (NULL: pending, scheduled, retrying, running), of which the
-- first three must be named; done and dead may be with a dedupe_period, after which the key is free whatever the state.
-- on_duplicate => 'replace' makes the job that holds the key this one, if it waits.
--
-- outcome: inserted; already_there (the same id and content); duplicate (a job of its kind holds the dedupe key: job is
-- that one); replaced (that one has become this one). Another job under the same id is an error.
CREATE FUNCTION {schema}.enqueue(kind text, payload json DEFAULT 'null', queue text DEFAULT 'default',
    priority integer DEFAULT 0, run_at timestamptz DEFAULT NULL, delay interval DEFAULT NULL,
    max_attempts integer DEFAULT {default_max_attempts}, dedupe_key text DEFAULT NULL, tags text[] DEFAULT '{}',
    id uuid DEFAULT NULL, notify boolean DEFAULT true, concurrency_key text DEFAULT NULL,
    dedupe_states text[] DEFAULT NULL, dedupe_period interval DEFAULT NULL, on_duplicate text DEFAULT 'keep')
RETURNS TABLE (job uuid, outcome text) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
DECLARE
    v_id uuid := coalesce(id, {schema}.uuid7());
    v_queue text := coalesce(queue, 'default');
    v_priority integer := coalesce(priority, 0);
    v_max integer := coalesce(max_attempts, {default_max_attempts});
    v_asked numeric;
    v_states smallint;
    v_period bigint;
    v_tags text;
    v_results {schema}.inserted[];
BEGIN
    PERFORM {schema}.check_name('kind', kind), {schema}.check_name('queue', v_queue);
    IF payload IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22004', MESSAGE = 'payload must not be NULL',
            HINT = 'Pass the JSON null: ''null''';
    ELSIF run_at IS NOT NULL AND delay IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'run_at and delay exclude each other',
            HINT = 'Leave one of them out';
    ELSIF delay < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('delay %s is negative', delay),
            HINT = 'Leave it out to run the job now';
    ELSIF v_priority NOT BETWEEN -32768 AND 32767 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('priority %s is out of range', v_priority),
            HINT = 'Use -32768 to 32767; lower runs first';
    ELSIF v_max NOT BETWEEN 1 AND {max_max_attempts} THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('max_attempts %s is out of range', v_max),
            HINT = 'Use 1 to {max_max_attempts}';
    ELSIF cardinality(tags) > {max_tags} THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('%s tags are too many', cardinality(tags)),
            HINT = 'Use at most {max_tags}';
    END IF;
    PERFORM {schema}.check_payload(payload);
    IF dedupe_key IS NOT NULL THEN
        PERFORM {schema}.check_text('dedupe_key', dedupe_key, {max_key});
        v_states := {schema}.check_states(dedupe_states, dedupe_period);
        v_period := extract(epoch FROM dedupe_period)::numeric * 1000000;
    ELSIF dedupe_states IS NOT NULL OR dedupe_period IS NOT NULL OR on_duplicate = 'replace' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'there is no dedupe_key',
            HINT = 'dedupe_states, dedupe_period and on_duplicate are terms of a dedupe_key';
    END IF;
    IF on_duplicate IS NOT NULL AND on_duplicate NOT IN ('keep', 'replace') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('on_duplicate %L is not allowed', left(on_duplicate, 64)),
            HINT = 'Use keep or replace';
    END IF;
    IF concurrency_key IS NOT NULL THEN
        PERFORM {schema}.check_text('concurrency_key', concurrency_key, {max_key});
    END IF;
    IF cardinality(tags) > 0 THEN
        PERFORM {schema}.check_text('tag', t, {max_tag}) FROM unnest(tags) t;
        -- In the form in which clients write it: without spaces.
        SELECT '[' || string_agg(to_json(t)::text, ',' ORDER BY at) || ']' INTO v_tags
        FROM unnest(tags) WITH ORDINALITY AS u(t, at);
    END IF;
    -- Within what clients can say; so infinity is the end of time.
    IF delay IS NOT NULL THEN
        v_asked := least(extract(epoch FROM delay)::numeric * 1000000, 9223372036854775807);
    ELSIF run_at IS NOT NULL THEN
        v_asked := least(greatest(extract(epoch FROM run_at)::numeric * 1000000, {first_time}), {last_time});
    END IF;
    v_results := {schema}.insert_named(ARRAY[v_id], ARRAY[v_queue], ARRAY[kind], ARRAY[v_priority::smallint],
        ARRAY[v_max], ARRAY[v_asked::bigint], ARRAY[delay IS NOT NULL], ARRAY[dedupe_key], ARRAY[v_states],
        ARRAY[v_period], ARRAY[coalesce(on_duplicate, 'keep') = 'replace'],
        ARRAY[concurrency_key], ARRAY[v_tags], ARRAY[payload::text], coalesce(notify, true), NULL);
    job := v_id;
    outcome := 'inserted';
    IF v_results[1].code = 1 THEN
        outcome := 'already_there';
    ELSIF v_results[1].code = 2 THEN
        outcome := 'duplicate';
        job := v_results[1].of;
    ELSIF v_results[1].code = 4 THEN
        outcome := 'replaced';
        job := v_results[1].of;
    ELSIF v_results[1].code = 3 THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('the id %s belongs to another job', v_id),
            HINT = 'Leave the id out to get a new one';
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION {schema}.enqueue IS
    'Enqueues a background job in the caller''s transaction. See docs/operations.md, "Enqueue from SQL".';

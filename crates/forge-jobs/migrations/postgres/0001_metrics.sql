-- What is measured (ADR 0009).

-- Where processes run.
CREATE TABLE {schema}.hosts (
    no   integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text    COLLATE "C" NOT NULL UNIQUE
);

-- What happened to jobs, a piece per transaction, until it is added up. Numbers in it have the highest byte first.
CREATE TABLE {schema}.tape (
    no      bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      bigint  NOT NULL,
    process integer,                        -- where; NULL: see the piece
    data    bytea   NOT NULL
);
-- Pieces are small, come and go: they are neither compressed nor, if they can be helped, stored apart.
ALTER TABLE {schema}.tape ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE {schema}.tape SET (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);

-- It, added up. Of the same stretch there may be several, which add up.
CREATE TABLE {schema}.metrics (
    no     bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at     bigint   NOT NULL,               -- where the stretch begins
    level  integer  NOT NULL,               -- its length in seconds: 60, 300, 3600; 0: since ever
    of     integer  NOT NULL,               -- which queue or kind; 0: those without tallies of their own
    host   integer  NOT NULL,               -- 0: not known
    source smallint NOT NULL,               -- 0 all jobs, 1 those of a queue, 2 those of a kind
    data   bytea    NOT NULL
);
CREATE INDEX metrics_of ON {schema}.metrics (level, source, of, at, host);
CREATE INDEX metrics_at ON {schema}.metrics (level, at);
ALTER TABLE {schema}.metrics SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);

-- What processes use.
CREATE TABLE {schema}.samples (
    at      bigint  NOT NULL,
    level   integer NOT NULL,
    process integer NOT NULL,
    data    text    NOT NULL,               -- JSON
    PRIMARY KEY (level, at, process)
) WITH (fillfactor = 50);

CREATE FUNCTION {schema}.host_no(p_name text) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_no integer;
BEGIN
    SELECT no INTO v_no FROM {schema}.hosts WHERE name = p_name;
    IF NOT FOUND THEN
        INSERT INTO {schema}.hosts (name) VALUES (p_name) ON CONFLICT (name) DO NOTHING RETURNING no INTO v_no;
        IF NOT FOUND THEN
            SELECT no INTO v_no FROM {schema}.hosts WHERE name = p_name;
        END IF;
    END IF;
    RETURN v_no;
END
$$;

-- Records of a tape: so many jobs came in; one died without an attempt that ended; the process of an attempt died.
CREATE FUNCTION {schema}.tape_enqueued(p_queue integer, p_kind integer, p_count bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '\x10'::bytea || int4send(p_queue) || int4send(p_kind) || int4send(p_count::integer)
$$;
CREATE FUNCTION {schema}.tape_died(p_queue integer, p_kind integer, p_reason smallint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT set_byte('\x40'::bytea, 0, 64 + p_reason) || int4send(p_queue) || int4send(p_kind)
$$;
CREATE FUNCTION {schema}.tape_crashed(p_queue integer, p_kind integer) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '\x50'::bytea || int4send(p_queue) || int4send(p_kind)
$$;

-- The pieces that are to be added up: the first of those after p_after, at most so many, and so many bytes but for one.
CREATE FUNCTION {schema}.pieces(p_after bigint, p_limit integer, p_bytes bigint)
RETURNS TABLE (no bigint, at bigint, host integer, data bytea) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
    SELECT t.no, t.at, coalesce(h.no, 0), t.data
    FROM (SELECT x.*, sum(octet_length(x.data)) OVER (ORDER BY x.no) - octet_length(x.data) AS before
          FROM (SELECT * FROM {schema}.tape WHERE tape.no > p_after ORDER BY tape.no LIMIT p_limit) x) t
    LEFT JOIN {schema}.processes p ON p.no = t.process
    LEFT JOIN {schema}.hosts h ON h.name = p.host
    WHERE t.before < p_bytes
    ORDER BY t.no
$$;

-- Puts sums in the place of the pieces and the sums that they were made of, unless somebody else has added up one of
-- those meanwhile; then nothing is done. One at a time.
CREATE FUNCTION {schema}.roll(p_pieces bigint[], p_old bigint[], p_levels integer[], p_sources smallint[],
    p_ofs integer[], p_ats bigint[], p_hosts integer[], p_datas bytea[])
RETURNS boolean LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_count bigint;
BEGIN
    PERFORM pg_advisory_xact_lock({lock}, 0);
    SELECT count(*) INTO v_count FROM {schema}.tape t WHERE t.no = ANY (p_pieces);
    IF v_count < cardinality(p_pieces) THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO v_count FROM {schema}.metrics m WHERE m.no = ANY (p_old);
    IF v_count < cardinality(p_old) THEN
        RETURN false;
    END IF;
    DELETE FROM {schema}.tape t WHERE t.no = ANY (p_pieces);
    DELETE FROM {schema}.metrics m WHERE m.no = ANY (p_old);
    INSERT INTO {schema}.metrics (level, source, of, at, host, data)
    SELECT u.* FROM unnest(p_levels, p_sources, p_ofs, p_ats, p_hosts, p_datas) AS u(level, source, of, at, host, data);
    RETURN true;
END
$$;

-- Deletes sums and samples past their time, at most so many of each level.
CREATE FUNCTION {schema}.expire_metrics(p_levels integer[], p_kept bigint[], p_limit integer, p_now bigint)
RETURNS bigint LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_level record;
    v_count bigint;
    v_all bigint := 0;
BEGIN
    FOR v_level IN SELECT u.level, v_now - u.kept AS before FROM unnest(p_levels, p_kept) AS u(level, kept) LOOP
        DELETE FROM {schema}.metrics m WHERE m.no IN (
            SELECT x.no FROM {schema}.metrics x WHERE x.level = v_level.level AND x.at < v_level.before
            ORDER BY x.at LIMIT p_limit FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_all := v_all + v_count;
        DELETE FROM {schema}.samples s WHERE (s.level, s.at, s.process) IN (
            SELECT x.level, x.at, x.process FROM {schema}.samples x WHERE x.level = v_level.level AND x.at < v_level.before
            ORDER BY x.at LIMIT p_limit FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_all := v_all + v_count;
    END LOOP;
    RETURN v_all;
END
$$;

-- Keeps what a process used; what is known of the same stretch gives way.
CREATE FUNCTION {schema}.record_samples(p_process uuid, p_levels integer[], p_ats bigint[], p_datas text[])
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO {schema}.samples (at, level, process, data)
    SELECT u.at, u.level, p.no, u.data
    FROM unnest(p_levels, p_ats, p_datas) AS u(level, at, data) JOIN {schema}.processes p ON p.id = p_process
    ON CONFLICT (level, at, process) DO UPDATE SET data = excluded.data
$$;

-- When the first claimable job of each queue was due. Of more groups of jobs than p_limit nobody needs to know it so
-- exactly.
CREATE FUNCTION {schema}.oldest(p_limit integer) RETURNS TABLE (name text, due_at bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_next record;
    v_queue integer := 0;
    v_lane smallint := 0;
    v_kind integer := 0;
    v_priority smallint := -32768;
    v_first bigint;
    v_is_first boolean := true;
BEGIN
    FOR i IN 1..p_limit LOOP
        IF v_is_first THEN
            SELECT r.queue, r.lane, r.kind, r.priority, r.due_at INTO v_next FROM {schema}.ready r
            ORDER BY r.queue, r.lane, r.kind, r.priority, r.due_at, r.id LIMIT 1;
        ELSE
            SELECT r.queue, r.lane, r.kind, r.priority, r.due_at INTO v_next FROM {schema}.ready r
            WHERE (r.queue, r.lane, r.kind, r.priority) > (v_queue, v_lane, v_kind, v_priority)
            ORDER BY r.queue, r.lane, r.kind, r.priority, r.due_at, r.id LIMIT 1;
        END IF;
        EXIT WHEN NOT FOUND;
        IF v_first IS NOT NULL AND v_next.queue <> v_queue THEN
            RETURN QUERY SELECT q.name, v_first FROM {schema}.queues q WHERE q.no = v_queue;
            v_first := NULL;
        END IF;
        v_is_first := false;
        v_queue := v_next.queue; v_kind := v_next.kind; v_lane := v_next.lane; v_priority := v_next.priority;
        -- Those that wait for a key cannot run.
        IF v_lane < 2 THEN
            v_first := least(v_first, v_next.due_at);
        END IF;
    END LOOP;
    IF v_first IS NOT NULL THEN
        RETURN QUERY SELECT q.name, v_first FROM {schema}.queues q WHERE q.no = v_queue;
    END IF;
END
$$;

-- Errors by sort, and the lines that handlers logged.

-- The number of a group of errors: FNV-1a of 64 bits, as the clients work it out. For crashes, which are seen here alone.
CREATE FUNCTION {schema}.fingerprint(p_kind text, p_type text, p_message text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_bytes bytea := convert_to(p_kind || chr(10) || p_type || chr(10) || p_message, 'UTF8');
    v_all CONSTANT numeric := 18446744073709551616;
    v_hash numeric := 14695981039346656037;
    v_low integer;
BEGIN
    FOR v_at IN 0 .. length(v_bytes) - 1 LOOP
        -- Only the lowest byte changes by the exclusive or.
        v_low := (v_hash % 256)::integer;
        v_hash := (v_hash - v_low + (v_low # get_byte(v_bytes, v_at))) * 1099511628211 % v_all;
    END LOOP;
    RETURN (CASE WHEN v_hash >= v_all / 2 THEN v_hash - v_all ELSE v_hash END)::bigint;
END
$$;

-- The group of attempts of a job's kind whose process died.
CREATE FUNCTION {schema}.crash_group(p_id uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT {schema}.fingerprint(k.name, 'crashed', '')
    FROM {schema}.jobs j JOIN {schema}.kinds k ON k.no = j.kind WHERE j.id = p_id
$$;

-- Writes down errors of attempts that have ended: a row for all of one group, queue and process.
CREATE FUNCTION {schema}.count_errors(p_ended {schema}.ended[]) RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
    INSERT INTO {schema}.error_hits (error_group, first_at, last_at, last_job, count, kind, queue, process, error_type,
                                     message)
    SELECT e.error_group, min(e.ended_at), max(e.ended_at), (array_agg(e.id ORDER BY e.ended_at DESC, e.id DESC))[1],
           count(*), min(j.kind), e.queue, e.process, coalesce(min(e.error_type), 'crashed'),
           coalesce(min(e.message), '')
    FROM unnest(p_ended) e JOIN {schema}.jobs j ON j.id = e.id
    WHERE e.error_group IS NOT NULL
    GROUP BY e.error_group, e.queue, e.process
$$;

-- Adds up what was written down of errors, and forgets groups that were not seen for long, and those that are too many.
-- A row is deleted in the transaction that adds it, so it counts once, whoever else does the same.
CREATE FUNCTION {schema}.tend_errors(p_limit integer, p_kept bigint, p_groups integer, p_now bigint, OUT counted bigint,
    OUT forgotten bigint, OUT more boolean)
LANGUAGE plpgsql VOLATILE SET jit = off AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_hits {schema}.error_hits[];
    v_gone bigint[];
BEGIN
    counted := 0; forgotten := 0; more := false;
    WITH gone AS (
        DELETE FROM {schema}.error_hits h WHERE h.ctid = ANY (ARRAY(
            SELECT x.ctid FROM {schema}.error_hits x LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING h.*
    )
    SELECT array_agg(g::{schema}.error_hits) INTO v_hits FROM gone g;
    IF v_hits IS NOT NULL THEN
        more := cardinality(v_hits) >= p_limit;
        INSERT INTO {schema}.error_groups (id, first_at, kind, error_type, message, first_version)
        SELECT DISTINCT ON (h.error_group) h.error_group, h.first_at, h.kind, h.error_type, h.message,
               coalesce(p.version, '')
        FROM unnest(v_hits) h LEFT JOIN {schema}.processes p ON p.no = h.process
        ORDER BY h.error_group, h.first_at
        ON CONFLICT (id) DO NOTHING;
        INSERT INTO {schema}.error_counts AS c (error_group, count, first_at, last_at, last_job, queue)
        SELECT h.error_group, sum(h.count), min(h.first_at), max(h.last_at),
               (array_agg(h.last_job ORDER BY h.last_at DESC, h.last_job DESC))[1], h.queue
        FROM unnest(v_hits) h GROUP BY h.error_group, h.queue ORDER BY h.error_group, h.queue
        ON CONFLICT (error_group, queue) DO UPDATE SET count = c.count + excluded.count,
            first_at = least(c.first_at, excluded.first_at), last_at = greatest(c.last_at, excluded.last_at),
            last_job = CASE WHEN excluded.last_at >= c.last_at THEN excluded.last_job ELSE c.last_job END;
        SELECT sum(h.count) INTO counted FROM unnest(v_hits) h;
    END IF;

    DELETE FROM {schema}.error_counts c USING (
        SELECT x.error_group, x.queue FROM {schema}.error_counts x WHERE x.last_at < v_now - p_kept
        ORDER BY x.error_group, x.queue LIMIT p_limit FOR UPDATE) y
    WHERE c.error_group = y.error_group AND c.queue = y.queue;
    IF (SELECT count(*) FROM {schema}.error_groups) > p_groups THEN
        DELETE FROM {schema}.error_counts c USING (
            SELECT x.error_group FROM {schema}.error_counts x GROUP BY x.error_group
            ORDER BY max(x.last_at) DESC, x.error_group LIMIT p_limit OFFSET p_groups) y
        WHERE c.error_group = y.error_group;
    END IF;
    DELETE FROM {schema}.error_groups g
    WHERE NOT EXISTS (SELECT FROM {schema}.error_counts c WHERE c.error_group = g.id);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END
$$;

-- Errors by sort and queue, added up or not.
CREATE VIEW {schema}.error_sums AS
SELECT x.error_group, x.queue, sum(x.count) AS count, min(x.first_at) AS first_at, max(x.last_at) AS last_at,
       (array_agg(x.last_job ORDER BY x.last_at DESC, x.last_job DESC))[1] AS last_job
FROM (SELECT c.error_group, c.queue, c.count, c.first_at, c.last_at, c.last_job FROM {schema}.error_counts c
      UNION ALL
      SELECT h.error_group, h.queue, h.count, h.first_at, h.last_at, h.last_job FROM {schema}.error_hits h) x
GROUP BY x.error_group, x.queue;

-- Keeps lines of handlers. The rows of the jobs are locked, so that none are kept of a job that is being deleted; a chunk
-- that is there stays as it is.
CREATE FUNCTION {schema}.record_logs(p_ids uuid[], p_claims bigint[], p_nos integer[], p_lines text[], p_over integer[],
    p_lost integer[])
RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET jit = off AS $$
    WITH there AS MATERIALIZED (
        SELECT j.id FROM {schema}.jobs j WHERE j.id = ANY (p_ids) ORDER BY j.id FOR KEY SHARE
    )
    INSERT INTO {schema}.logs (id, claim_no, no, "over", lost, lines)
    SELECT m.id, m.claim_no, m.no, m."over", m.lost, m.lines
    FROM unnest(p_ids, p_claims, p_nos, p_lines, p_over, p_lost) AS m(id, claim_no, no, lines, "over", lost)
    JOIN there t ON t.id = m.id ORDER BY m.id, m.claim_no, m.no
    ON CONFLICT DO NOTHING
$$;

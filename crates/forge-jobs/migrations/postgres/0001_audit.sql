-- What people did, and who. A row is written in the transaction of the action.
--
-- Functions that people cause take p_by: who acts and what is asked for, as JSON; NULL for a program's own housekeeping.

CREATE TABLE {schema}.audit (
    no      bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      bigint   NOT NULL,
    count   bigint   NOT NULL,              -- things that were changed
    actor   text     COLLATE "C" NOT NULL,
    role    text,
    source  text     NOT NULL,
    address text,
    action  text     COLLATE "C" NOT NULL,
    what    text     COLLATE "C" NOT NULL,
    target  text     COLLATE "C",           -- NULL: several
    outcome text     NOT NULL,
    before  text,                           -- JSON objects
    after   text,
    detail  text
);
CREATE INDEX audit_at ON {schema}.audit (at);
CREATE INDEX audit_actor ON {schema}.audit (actor, no);
CREATE INDEX audit_action ON {schema}.audit (action, no);
CREATE INDEX audit_target ON {schema}.audit (target, no);

-- Settings within the bound of the audit.
CREATE FUNCTION {schema}.audit_text(p_text text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN octet_length(p_text) > {max_audit} THEN jsonb_build_object('cut', octet_length(p_text))::text
                ELSE p_text END
$$;

-- Writes an action that changed so many things. What is NULL here is as p_by says.
CREATE FUNCTION {schema}.audit(p_by text, p_count bigint, p_before text, p_after text, p_detail text, p_now bigint)
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO {schema}.audit (at, count, actor, role, source, address, action, what, target, outcome, before, after,
        detail)
    SELECT {schema}.clock(p_now), p_count, b.j ->> 'actor', b.j ->> 'role', b.j ->> 'source', b.j ->> 'address',
           b.j ->> 'action', b.j ->> 'what', b.j ->> 'target',
           coalesce(b.j ->> 'outcome', CASE WHEN p_count > 0 THEN 'done' ELSE 'unchanged' END),
           {schema}.audit_text(coalesce(p_before, b.j ->> 'before')),
           {schema}.audit_text(coalesce(p_after, b.j ->> 'after')),
           {schema}.audit_text(coalesce(p_detail, b.j ->> 'detail'))
    FROM (SELECT p_by::jsonb AS j) b WHERE p_by IS NOT NULL
$$;

-- From here to the end of the transaction notes name who acts.
CREATE FUNCTION {schema}.act_as(p_by text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_by IS NOT NULL THEN
        PERFORM set_config('forge_jobs.actor', p_by::jsonb ->> 'actor', true);
    END IF;
END
$$;

-- Writes a verb on jobs: its code for each, the words of the codes, and the highest code that stands for a change.
CREATE FUNCTION {schema}.audit_verb(p_by text, p_codes integer[], p_words text[], p_changed integer, p_now bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_ends jsonb;
    v_count bigint;
BEGIN
    IF p_by IS NULL THEN
        RETURN;
    END IF;
    SELECT jsonb_object_agg(p_words[x.code], x.n), coalesce(sum(x.n) FILTER (WHERE x.code <= p_changed), 0)
    INTO v_ends, v_count
    FROM (SELECT u.code, count(*) AS n FROM unnest(p_codes) AS u(code) GROUP BY u.code) x;
    PERFORM {schema}.audit(p_by, v_count, NULL, NULL,
        ((p_by::jsonb ->> 'detail')::jsonb || jsonb_build_object('ends', coalesce(v_ends, jsonb_build_object())))::text,
        p_now);
END
$$;

-- A limit, as the audit tells it.
CREATE FUNCTION {schema}.limit_facts(p_limit {schema}.limits) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_limit.scope IS NOT NULL THEN
        jsonb_build_object('permits', p_limit.permits, 'window_seconds', p_limit.window_us / 1000000.0,
            'mode', CASE WHEN p_limit.smooth THEN 'smooth' ELSE 'sliding' END)::text END
$$;

-- A schedule, without the payload of its jobs, likewise.
CREATE FUNCTION {schema}.schedule_facts(p_schedule {schema}.schedules) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_schedule.name IS NOT NULL THEN
        ((p_schedule.spec::jsonb - 'payload') || jsonb_build_object('expression', p_schedule.expression,
            'zone', p_schedule.zone, 'enabled', p_schedule.enabled))::text END
$$;

-- Deletes the oldest rows from before a time.
CREATE FUNCTION {schema}.sweep_audit(p_keep bigint, p_limit integer, p_now bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_count integer;
BEGIN
    DELETE FROM {schema}.audit a WHERE a.no IN (
        SELECT i.no FROM {schema}.audit i WHERE i.at < {schema}.clock(p_now) - p_keep
        ORDER BY i.at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

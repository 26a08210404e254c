-- Schedules: when to enqueue what; and ticks, which make jobs of their fires.

-- A spec is the rest of a schedule as JSON: the job, and the policies.
CREATE TABLE {schema}.schedules (
    no              integer  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name            text     COLLATE "C" NOT NULL UNIQUE,
    expression      text     NOT NULL,      -- this and the next three are in effect
    zone            text     NOT NULL,
    spec            text     NOT NULL,
    enabled         boolean  NOT NULL,
    owner           smallint NOT NULL,      -- whose they are: 0 code, 1 operator
    code_expression text,                   -- what the code wants; NULL: none declared it
    code_zone       text,
    code_spec       text,
    code_enabled    boolean,
    program         text     COLLATE "C",   -- which declared it last
    declared        boolean  NOT NULL DEFAULT false, -- and whether it still does
    version         bigint   NOT NULL,      -- the version of all settings at its last edit
    handled_until   bigint   NOT NULL,      -- fires up to then are dealt with
    next_at         bigint,                 -- when to look at it again; NULL: never
    last_fire_at    bigint,
    last_job        uuid,
    created_at      bigint   NOT NULL,
    edited_at       bigint   NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE {schema}.schedules SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0);

-- What became of fires, each once. Those that are no job may stand together in one row, under the last of them.
CREATE TABLE {schema}.ticks (
    fire_at     bigint   NOT NULL,
    first_at    bigint   NOT NULL,
    recorded_at bigint   NOT NULL,
    job         uuid,
    schedule    integer  NOT NULL,
    count       integer  NOT NULL,
    outcome     smallint NOT NULL,          -- 0 fired, 1 coalesced, 2 overlapped, 3 missed, 4 run now
    open        boolean  NOT NULL,          -- the job may be unfinished: closed when an overlap is looked for
    PRIMARY KEY (schedule, fire_at)
);
CREATE INDEX ticks_open ON {schema}.ticks (schedule) WHERE open;
CREATE INDEX ticks_job ON {schema}.ticks (job) WHERE job IS NOT NULL;

-- Another number with each edit.
CREATE FUNCTION {schema}.next_schedule_version() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_version bigint;
BEGIN
    PERFORM {schema}.bump_settings();
    SELECT s.version INTO v_version FROM {schema}.settings s;
    RETURN v_version;
END
$$;

-- Writes an edit, if it changes anything; a schedule that is to fire at other times does so from now on.
CREATE FUNCTION {schema}.edit_schedule(p_before {schema}.schedules, p_after {schema}.schedules, p_now bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_after IS NOT DISTINCT FROM p_before THEN
        RETURN;
    END IF;
    UPDATE {schema}.schedules s SET expression = p_after.expression, zone = p_after.zone, spec = p_after.spec,
        enabled = p_after.enabled, owner = p_after.owner, code_expression = p_after.code_expression,
        code_zone = p_after.code_zone, code_spec = p_after.code_spec, code_enabled = p_after.code_enabled,
        program = p_after.program, declared = p_after.declared, version = {schema}.next_schedule_version(),
        edited_at = p_now
    WHERE s.no = p_before.no;
    IF (p_after.expression, p_after.zone, p_after.enabled) IS DISTINCT FROM
       (p_before.expression, p_before.zone, p_before.enabled) THEN
        -- What came before is dealt with, and the leader works out when it is due.
        UPDATE {schema}.schedules s SET handled_until = greatest(s.handled_until, p_now), next_at = p_now
        WHERE s.no = p_before.no;
    END IF;
    PERFORM {schema}.tell('w');
END
$$;

-- Makes a schedule or changes it; p_program NULL: a person does. Gives 0 done, 1 it has another version, 2 there are too
-- many, 3 there is none with a version.
CREATE FUNCTION {schema}.put_schedule(p_name text, p_expression text, p_zone text, p_spec text, p_enabled boolean,
    p_program text, p_expected bigint, p_most integer, p_now bigint, p_by text)
RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_before {schema}.schedules;
    v_after {schema}.schedules;
BEGIN
    SELECT * INTO v_before FROM {schema}.schedules s WHERE s.name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        IF p_expected IS NOT NULL THEN
            RETURN 3;
        ELSIF (SELECT count(*) FROM {schema}.schedules) >= p_most THEN
            RETURN 2;
        END IF;
        INSERT INTO {schema}.schedules (name, expression, zone, spec, enabled, owner, code_expression, code_zone,
            code_spec, code_enabled, program, declared, version, handled_until, next_at, created_at, edited_at)
        VALUES (p_name, p_expression, p_zone, p_spec, p_enabled, (p_program IS NULL)::integer,
            CASE WHEN p_program IS NOT NULL THEN p_expression END, CASE WHEN p_program IS NOT NULL THEN p_zone END,
            CASE WHEN p_program IS NOT NULL THEN p_spec END, CASE WHEN p_program IS NOT NULL THEN p_enabled END,
            p_program, p_program IS NOT NULL, 0, v_now, v_now, v_now, v_now)
        ON CONFLICT (name) DO NOTHING;
        IF FOUND THEN
            -- After the row, as everywhere: nobody who holds the version waits for a schedule.
            UPDATE {schema}.schedules s SET version = {schema}.next_schedule_version() WHERE s.name = p_name;
            PERFORM {schema}.tell('w');
            PERFORM {schema}.audit(p_by, 1, NULL, {schema}.schedule_facts(s), NULL, v_now) FROM {schema}.schedules s
            WHERE s.name = p_name;
            RETURN 0;
        END IF;
        -- Another call was first.
        SELECT * INTO v_before FROM {schema}.schedules s WHERE s.name = p_name FOR UPDATE;
        IF NOT FOUND THEN
            RETURN 1;
        END IF;
    END IF;
    IF p_expected <> v_before.version THEN
        RETURN 1;
    END IF;
    v_after := v_before;
    IF p_program IS NULL THEN
        v_after.expression := p_expression; v_after.zone := p_zone; v_after.spec := p_spec;
        v_after.owner := 1;
    ELSE
        IF v_before.owner = 0 THEN
            v_after.expression := p_expression; v_after.zone := p_zone; v_after.spec := p_spec;
        END IF;
        -- A pause, or its end, is a person's if the code wanted it otherwise.
        IF v_before.enabled = v_before.code_enabled THEN
            v_after.enabled := p_enabled;
        END IF;
        v_after.code_expression := p_expression; v_after.code_zone := p_zone; v_after.code_spec := p_spec;
        v_after.code_enabled := p_enabled; v_after.program := p_program; v_after.declared := true;
    END IF;
    PERFORM {schema}.edit_schedule(v_before, v_after, v_now);
    PERFORM {schema}.audit(p_by, (v_before IS DISTINCT FROM v_after)::integer, {schema}.schedule_facts(v_before),
        {schema}.schedule_facts(v_after), NULL, v_now);
    RETURN 0;
END
$$;

-- Lets a schedule fire, pauses it, or (p_enabled NULL) gives it back to the code. Gives 0 done, 1 it has another version,
-- 3 there is none, 4 no code ever declared it.
CREATE FUNCTION {schema}.change_schedule(p_name text, p_enabled boolean, p_expected bigint, p_now bigint, p_by text)
RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_before {schema}.schedules;
    v_after {schema}.schedules;
BEGIN
    SELECT * INTO v_before FROM {schema}.schedules s WHERE s.name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 3;
    ELSIF p_expected <> v_before.version THEN
        RETURN 1;
    END IF;
    v_after := v_before;
    IF p_enabled IS NOT NULL THEN
        v_after.enabled := p_enabled;
    ELSIF v_before.code_expression IS NULL THEN
        RETURN 4;
    ELSE
        v_after.expression := v_before.code_expression; v_after.zone := v_before.code_zone;
        v_after.spec := v_before.code_spec; v_after.enabled := v_before.code_enabled; v_after.owner := 0;
    END IF;
    PERFORM {schema}.edit_schedule(v_before, v_after, {schema}.clock(p_now));
    PERFORM {schema}.audit(p_by, (v_before IS DISTINCT FROM v_after)::integer, {schema}.schedule_facts(v_before),
        {schema}.schedule_facts(v_after), NULL, p_now);
    RETURN 0;
END
$$;

-- Deletes a schedule and its ticks. Says whether it was there.
CREATE FUNCTION {schema}.remove_schedule(p_name text, p_by text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_row {schema}.schedules;
BEGIN
    DELETE FROM {schema}.schedules s WHERE s.name = p_name RETURNING s.* INTO v_row;
    IF NOT FOUND THEN
        PERFORM {schema}.audit(p_by, 0, NULL, NULL, NULL, NULL);
        RETURN false;
    END IF;
    DELETE FROM {schema}.ticks t WHERE t.schedule = v_row.no;
    PERFORM {schema}.bump_settings();
    PERFORM {schema}.audit(p_by, 1, {schema}.schedule_facts(v_row), NULL, NULL, NULL);
    PERFORM {schema}.tell('w');
    RETURN true;
END
$$;

-- Marks what a program declared before and does not any more. Gives the names, in order.
CREATE FUNCTION {schema}.undeclare_schedules(p_program text, p_declared text[]) RETURNS text[]
LANGUAGE sql VOLATILE AS $$
    WITH gone AS MATERIALIZED (
        SELECT s.no FROM {schema}.schedules s
        WHERE s.program = p_program AND s.declared AND s.name <> ALL (p_declared) ORDER BY s.name FOR UPDATE
    ), marked AS (
        UPDATE {schema}.schedules s SET declared = false FROM gone WHERE s.no = gone.no RETURNING s.name
    )
    SELECT coalesce(array_agg(m.name ORDER BY m.name), '{}') FROM marked m
$$;

-- Whether a job of a schedule is unfinished. Closes the ticks whose jobs are finished, or gone.
CREATE FUNCTION {schema}.schedule_overlaps(p_no integer) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    UPDATE {schema}.ticks t SET open = false
    WHERE t.schedule = p_no AND t.open AND NOT EXISTS (
        SELECT FROM {schema}.jobs j
        WHERE j.id = t.job AND NOT EXISTS (SELECT FROM {schema}.finished f WHERE f.id = j.id));
    RETURN EXISTS (SELECT FROM {schema}.ticks t WHERE t.schedule = p_no AND t.open);
END
$$;

-- Deletes the oldest ticks of a schedule; those that are open stay, but where nothing closes them.
CREATE FUNCTION {schema}.forget_ticks(p_no integer, p_also_open boolean) RETURNS void LANGUAGE sql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
    DELETE FROM {schema}.ticks t
    WHERE t.schedule = p_no AND (p_also_open OR NOT t.open)
      AND t.fire_at <= (SELECT o.fire_at FROM {schema}.ticks o WHERE o.schedule = p_no
                        ORDER BY o.fire_at DESC OFFSET {max_ticks} LIMIT 1)
$$;

-- Writes what was decided about schedules: arrays of members, of their ticks, and of the fires that are no jobs; the
-- p_..._of arrays tell whose they are. Rows are taken in the order of their names.
--
-- Gives per member a code (0 done, 1 edited meanwhile, 2 removed) and what came of its ticks: 0 a job, 2 overlapped, NULL
-- it was dealt with before.
CREATE FUNCTION {schema}.fire(p_names text[], p_versions bigint[], p_untils bigint[], p_nexts bigint[], p_skips boolean[],
    p_queues integer[], p_kinds integer[], p_priorities smallint[], p_max integer[], p_tags text[], p_payloads text[],
    p_tick_of integer[], p_tick_fires bigint[], p_tick_jobs uuid[], p_tick_dues bigint[],
    p_record_of integer[], p_record_firsts bigint[], p_record_lasts bigint[], p_record_counts integer[],
    p_record_outcomes smallint[], p_now bigint)
RETURNS TABLE (member integer, code integer, outcomes smallint[]) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_member record;
    v_row {schema}.schedules;
    v_tick record;
    v_outcome smallint;
    v_fire_at bigint;
    v_job uuid;
BEGIN
    FOR v_member IN
        SELECT u.*, u.at::integer AS no
        FROM unnest(p_names, p_versions, p_untils, p_nexts, p_skips, p_queues, p_kinds, p_priorities, p_max, p_tags,
                    p_payloads) WITH ORDINALITY
             AS u(name, version, until, next, skips, queue, kind, priority, max, tags, payload, at)
        ORDER BY u.name COLLATE "C"
    LOOP
        member := v_member.no; code := 0; outcomes := '{}';
        v_fire_at := NULL; v_job := NULL;
        SELECT * INTO v_row FROM {schema}.schedules s WHERE s.name = v_member.name FOR UPDATE;
        IF NOT FOUND THEN
            code := 2;
            RETURN NEXT;
            CONTINUE;
        ELSIF v_row.version <> v_member.version THEN
            code := 1;
            RETURN NEXT;
            CONTINUE;
        END IF;
        FOR v_tick IN
            SELECT u.fire, u.job, u.due FROM unnest(p_tick_of, p_tick_fires, p_tick_jobs, p_tick_dues) WITH ORDINALITY
                   AS u(of, fire, job, due, at)
            WHERE u.of = v_member.no ORDER BY u.at
        LOOP
            IF v_tick.fire <= v_row.handled_until THEN
                outcomes := array_append(outcomes, NULL::smallint);
                CONTINUE;
            END IF;
            v_outcome := CASE WHEN v_member.skips AND {schema}.schedule_overlaps(v_row.no) THEN 2 ELSE 0 END;
            INSERT INTO {schema}.ticks (schedule, fire_at, first_at, count, outcome, job, open, recorded_at)
            VALUES (v_row.no, v_tick.fire, v_tick.fire, 1, v_outcome, CASE v_outcome WHEN 0 THEN v_tick.job END,
                    v_outcome = 0, v_now)
            ON CONFLICT (schedule, fire_at) DO NOTHING;
            IF NOT FOUND THEN
                outcomes := array_append(outcomes, NULL::smallint);
                CONTINUE;
            END IF;
            IF v_outcome = 0 THEN
                PERFORM {schema}.insert_keyed(v_tick.job, v_member.queue, v_member.kind, v_member.priority, v_member.max,
                    v_tick.due, false, NULL, NULL, NULL, false, NULL, v_member.tags, v_member.payload, false, v_now);
                INSERT INTO {schema}.tape (at, data)
                VALUES (v_now, {schema}.tape_enqueued(v_member.queue, v_member.kind, 1));
                v_fire_at := v_tick.fire; v_job := v_tick.job;
            END IF;
            outcomes := array_append(outcomes, v_outcome);
        END LOOP;
        INSERT INTO {schema}.ticks (schedule, fire_at, first_at, count, outcome, open, recorded_at)
        SELECT v_row.no, u.last, u.first, u.count, u.outcome, false, v_now
        FROM unnest(p_record_of, p_record_firsts, p_record_lasts, p_record_counts, p_record_outcomes)
             AS u(of, first, last, count, outcome)
        WHERE u.of = v_member.no AND u.last > v_row.handled_until
        ON CONFLICT (schedule, fire_at) DO NOTHING;
        UPDATE {schema}.schedules s SET next_at = v_member.next,
            handled_until = CASE WHEN s.handled_until > v_now + {clock_correction} THEN v_member.until
                                 ELSE greatest(s.handled_until, v_member.until) END, last_fire_at = coalesce(v_fire_at, s.last_fire_at),
            last_job = coalesce(v_job, s.last_job)
        WHERE s.no = v_row.no;
        PERFORM {schema}.forget_ticks(v_row.no, NOT v_member.skips);
        RETURN NEXT;
    END LOOP;
END
$$;

-- Enqueues the job of a schedule now, if that still has the version that the job was made of. Gives the tick, nothing if
-- it was edited meanwhile or removed. Fires of expressions are whole seconds; this one is none, so that it takes no place
-- of theirs.
CREATE FUNCTION {schema}.run_schedule(p_name text, p_version bigint, p_job uuid, p_queue integer, p_kind integer,
    p_priority smallint, p_max integer, p_tags text, p_payload text, p_skips boolean, p_now bigint, p_by text)
RETURNS SETOF {schema}.ticks LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now bigint := {schema}.clock(p_now);
    v_at bigint := v_now + (v_now % 1000000 = 0)::integer;
    v_row {schema}.schedules;
BEGIN
    SELECT * INTO v_row FROM {schema}.schedules s WHERE s.name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT t.* FROM {schema}.ticks t WHERE t.schedule = v_row.no AND t.job = p_job;
    IF FOUND OR v_row.version <> p_version THEN
        RETURN;
    END IF;
    LOOP
        INSERT INTO {schema}.ticks (schedule, fire_at, first_at, count, outcome, job, open, recorded_at)
        VALUES (v_row.no, v_at, v_at, 1, 4, p_job, true, v_now) ON CONFLICT (schedule, fire_at) DO NOTHING;
        EXIT WHEN FOUND;
        v_at := v_at + 1;
    END LOOP;
    PERFORM {schema}.insert_keyed(p_job, p_queue, p_kind, p_priority, p_max, NULL, false, NULL, NULL, NULL, false,
        NULL, p_tags, p_payload, false, v_now);
    INSERT INTO {schema}.tape (at, data) VALUES (v_now, {schema}.tape_enqueued(p_queue, p_kind, 1));
    UPDATE {schema}.schedules s SET last_job = p_job WHERE s.no = v_row.no;
    IF p_skips THEN
        -- Of a schedule that never fires nothing else closes them, and open ones are kept.
        PERFORM {schema}.schedule_overlaps(v_row.no);
    END IF;
    PERFORM {schema}.forget_ticks(v_row.no, NOT p_skips);
    PERFORM {schema}.tell('w');
    PERFORM {schema}.audit(p_by, 1, NULL, NULL, NULL, v_now);
    RETURN QUERY SELECT t.* FROM {schema}.ticks t WHERE t.schedule = v_row.no AND t.fire_at = v_at;
END
$$;

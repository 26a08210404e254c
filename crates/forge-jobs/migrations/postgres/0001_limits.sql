-- Budgets of calls (ADR 0020): at most so many permits in any window of time, for all processes together.
--
-- A permit is counted in a sub-window of the window, and counts until the whole sub-window has left it. A shared advisory
-- lock of {limit_lock} stands for "the limits are as they were read": an edit takes the exclusive one, so that nothing
-- is given by the old limit after its answer. Then come rows of budgets, by scope.

-- A keyed scope (slack:team-7) without a row of its own has the one of its template (slack).
CREATE TABLE {schema}.limits (
    scope       text    COLLATE "C" PRIMARY KEY,
    permits     integer NOT NULL,
    window_us   bigint  NOT NULL,
    smooth      boolean NOT NULL,
    by_operator boolean NOT NULL,
    version     bigint  NOT NULL DEFAULT 1
);

-- What is counted of a scope: the ends of sub-windows, the oldest first, and the permits given in each.
CREATE TABLE {schema}.budgets (
    scope         text      COLLATE "C" PRIMARY KEY,
    ends          bigint[]  NOT NULL DEFAULT '{}',
    counts        integer[] NOT NULL DEFAULT '{}',
    next_at       bigint    NOT NULL DEFAULT 0, -- of a smooth scope: when the next permit is due
    drained_until bigint,
    idle_at       bigint    NOT NULL DEFAULT 0  -- from then on the row says nothing that matters
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0);

-- Queues (0) and kinds (1) each of whose jobs takes a permit when it is claimed.
CREATE TABLE {schema}.attached (
    what  smallint NOT NULL,
    no    integer  NOT NULL,
    scope text     COLLATE "C" NOT NULL,
    PRIMARY KEY (what, no)
);

-- The permits of running jobs, by which sub-window: a job that goes back unstarted gives them back.
CREATE TABLE {schema}.permits (
    claim_no bigint NOT NULL,
    id       uuid   NOT NULL,
    scope    text   COLLATE "C" NOT NULL,
    ends     bigint NOT NULL,
    PRIMARY KEY (claim_no, id, scope)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX running_permits ON {schema}.running (claim_no) WHERE flags & 8 <> 0;

-- The limit of a scope: its own, or that of its template. All NULL when there is none.
CREATE FUNCTION {schema}.limit_of(p_scope text) RETURNS {schema}.limits LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_limit {schema}.limits;
BEGIN
    SELECT l.* INTO v_limit FROM {schema}.limits l WHERE l.scope IN (p_scope, split_part(p_scope, ':', 1))
    ORDER BY length(l.scope) DESC LIMIT 1;
    RETURN v_limit;
END
$$;

-- A budget at a time: without what has left the window, and how many permits could be given one by one. What lies ahead
-- of a clock that was turned back, or of a sub-window that an edit made shorter, counts as given now; `cut` says that there
-- was any. It must be stored then, or it would be moved on again by each who asks. `due` is when the next one is, as far as
-- pace and drain say.
CREATE FUNCTION {schema}.budget_at(p_budget {schema}.budgets, p_limit {schema}.limits, p_above bigint, p_now bigint,
    OUT ends bigint[], OUT counts integer[], OUT next_at bigint, OUT used integer, OUT due bigint, OUT free integer,
    OUT cut boolean)
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
    v_sub bigint := greatest((p_limit.window_us + {sub_windows} - 1) / {sub_windows}, 1);
    v_end bigint := (p_now / v_sub + 1) * v_sub;
    v_pace bigint := CASE WHEN p_limit.smooth THEN p_limit.window_us / p_limit.permits ELSE 0 END;
    v_next bigint := least(coalesce(p_budget.next_at, 0), p_now + p_limit.window_us);
    v_left integer;
BEGIN
    SELECT coalesce(array_agg(s.ends ORDER BY s.ends), '{}'), coalesce(array_agg(s.count ORDER BY s.ends), '{}'),
           coalesce(sum(s.count), 0)
    INTO ends, counts, used
    FROM (SELECT least(u.ends, v_end) AS ends, sum(u.count)::integer AS count
          FROM unnest(p_budget.ends, p_budget.counts) AS u(ends, count)
          WHERE least(u.ends, v_end) > p_now - p_limit.window_us AND u.count > 0 GROUP BY 1) s;
    next_at := v_next;
    cut := coalesce(p_budget.next_at > v_next, false) OR coalesce(p_budget.ends[cardinality(p_budget.ends)] > v_end, false);
    -- least() and greatest() pass over NULL.
    due := greatest(p_now, CASE WHEN p_budget.drained_until IS NOT NULL
                                THEN least(p_budget.drained_until, p_now + {max_drain}) END, p_above);
    free := 0;
    v_left := greatest(p_limit.permits - used, 0);
    IF v_pace > 0 THEN
        -- What comes late catches up, by one sub-window.
        v_next := greatest(v_next, p_now - v_sub);
        v_left := CASE WHEN v_next > p_now THEN 0 ELSE least(v_left, (p_now - v_next) / v_pace + 1) END;
        IF due <= p_now THEN
            free := v_left;
        END IF;
        due := greatest(due, v_next);
    ELSIF due <= p_now THEN
        free := v_left;
    END IF;
END
$$;

-- When so many permits can be given at once, out of what budget_at says.
CREATE FUNCTION {schema}.budget_when(p_ends bigint[], p_counts integer[], p_used integer, p_due bigint,
    p_limit {schema}.limits, p_want integer)
RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_at bigint := p_due;
    v_left integer := p_used;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(p_ends), 0) LOOP
        EXIT WHEN v_left + p_want <= p_limit.permits;
        v_left := v_left - p_counts[i];
        v_at := greatest(v_at, p_ends[i] + p_limit.window_us);
    END LOOP;
    RETURN v_at;
END
$$;

-- Counts permits as given now. Gives the end of their sub-window.
CREATE FUNCTION {schema}.budget_add(INOUT ends bigint[], INOUT counts integer[], INOUT next_at bigint,
    p_limit {schema}.limits, p_permits integer, p_now bigint, OUT sub_end bigint)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_sub bigint := greatest((p_limit.window_us + {sub_windows} - 1) / {sub_windows}, 1);
    v_last integer := cardinality(ends);
BEGIN
    sub_end := (p_now / v_sub + 1) * v_sub;
    IF v_last > 0 AND ends[v_last] = sub_end THEN
        counts[v_last] := counts[v_last] + p_permits;
    ELSE
        ends := ends || sub_end;
        counts := counts || p_permits;
        IF cardinality(ends) > {sub_windows_kept} THEN
            -- Only when the window is edited again and again: the oldest two are one.
            counts[2] := counts[2] + counts[1];
            ends := ends[2:];
            counts := counts[2:];
        END IF;
    END IF;
    IF p_limit.smooth THEN
        next_at := greatest(next_at, p_now - v_sub) + p_limit.window_us / p_limit.permits * p_permits;
    END IF;
END
$$;

-- A scope's row, locked. It is made if there is none, unless there are too many. One that has a limit of its own, or that
-- something is attached to, has room in any case: of those there are few, and claims and drains need them.
CREATE FUNCTION {schema}.lock_budget(p_scope text) RETURNS {schema}.budgets LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_row {schema}.budgets;
BEGIN
    LOOP
        SELECT b.* INTO v_row FROM {schema}.budgets b WHERE b.scope = p_scope FOR UPDATE;
        IF FOUND THEN
            RETURN v_row;
        END IF;
        IF (SELECT count(*) FROM {schema}.budgets) >= {max_budgets}
           AND NOT EXISTS (SELECT FROM {schema}.limits l WHERE l.scope = p_scope)
           AND NOT EXISTS (SELECT FROM {schema}.attached a WHERE a.scope = p_scope) THEN
            PERFORM {schema}.sweep_budgets({max_budgets}, NULL);
            IF (SELECT count(*) FROM {schema}.budgets) >= {max_budgets} THEN
                RAISE EXCEPTION USING ERRCODE = 'FJ003', MESSAGE = 'too many scopes have something counted';
            END IF;
        END IF;
        INSERT INTO {schema}.budgets (scope) VALUES (p_scope) ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

-- Until when a keyed scope's template is drained.
CREATE FUNCTION {schema}.drain_above(p_scope text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT b.drained_until FROM {schema}.budgets b
    WHERE b.scope = split_part(p_scope, ':', 1) AND b.scope <> p_scope
$$;

-- Writes what was counted of a scope whose row is locked.
CREATE FUNCTION {schema}.put_budget(p_scope text, p_ends bigint[], p_counts integer[], p_next bigint,
    p_limit {schema}.limits)
RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE {schema}.budgets b SET ends = p_ends, counts = p_counts, next_at = p_next,
        idle_at = greatest(b.drained_until, p_ends[cardinality(p_ends)] + p_limit.window_us, 0)
    WHERE b.scope = p_scope
$$;

-- Takes permits for callers, in their order. A code for each: 0 given, 1 to wait, 2 never so many. permits is NULL when
-- there is no limit.
CREATE FUNCTION {schema}.acquire(p_scope text, p_wants integer[], p_now bigint,
    OUT permits integer, OUT codes smallint[], OUT untils bigint[], OUT now_us bigint)
LANGUAGE plpgsql VOLATILE SET jit = off AS $$
DECLARE
    v_limit {schema}.limits;
    v_row {schema}.budgets;
    v_at record;
    v_ends bigint[];
    v_counts integer[];
    v_next bigint;
    v_used integer;
    v_due bigint;
    v_given integer := 0;
    v_until bigint;
    v_blocked bigint;
    v_want integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({limit_lock}, 0);
    v_limit := {schema}.limit_of(p_scope);
    permits := v_limit.permits;
    IF permits IS NULL THEN
        RETURN;
    END IF;
    v_row := {schema}.lock_budget(p_scope);
    -- After the row is ours, so that times only grow from one holder to the next.
    now_us := {schema}.clock(p_now);
    SELECT * INTO v_at FROM {schema}.budget_at(v_row, v_limit, {schema}.drain_above(p_scope), now_us);
    v_ends := v_at.ends; v_counts := v_at.counts; v_next := v_at.next_at; v_used := v_at.used; v_due := v_at.due;
    codes := '{}'; untils := '{}';
    FOREACH v_want IN ARRAY p_wants LOOP
        IF v_want NOT BETWEEN 1 AND permits THEN
            codes := codes || 2::smallint; untils := untils || NULL::bigint;
            CONTINUE;
        END IF;
        v_until := greatest({schema}.budget_when(v_ends, v_counts, v_used, v_due, v_limit, v_want), v_blocked);
        IF v_until > now_us THEN
            v_blocked := v_until;
            codes := codes || 1::smallint; untils := untils || v_until;
            CONTINUE;
        END IF;
        SELECT a.ends, a.counts, a.next_at INTO v_ends, v_counts, v_next
        FROM {schema}.budget_add(v_ends, v_counts, v_next, v_limit, v_want, now_us) a;
        v_used := v_used + v_want;
        v_given := v_given + v_want;
        IF v_limit.smooth THEN
            v_due := greatest(v_due, v_next);
        END IF;
        codes := codes || 0::smallint; untils := untils || now_us;
    END LOOP;
    IF v_given > 0 OR v_at.cut THEN
        PERFORM {schema}.put_budget(p_scope, v_ends, v_counts, v_next, v_limit);
    END IF;
END
$$;

-- A limit was changed: waiting callers and claims look again.
CREATE FUNCTION {schema}.limits_edited() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT {schema}.bump_settings(), {schema}.tell('wb')
$$;

-- Gives a scope a limit: 0 as it was, 1 changed, 2 one scope too many, 3 what holds has another version.
CREATE FUNCTION {schema}.set_limit(p_scope text, p_permits integer, p_window bigint, p_smooth boolean,
    p_operator boolean, p_by text, p_now bigint, p_expected bigint)
RETURNS smallint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_own {schema}.limits;
BEGIN
    -- What may be waited for comes first: a host program's open transaction may have made a queue.
    PERFORM FROM {schema}.settings FOR UPDATE;
    PERFORM pg_advisory_xact_lock({limit_lock}, 0);
    IF p_expected IS DISTINCT FROM (SELECT l.version FROM {schema}.limits l
        WHERE p_expected IS NOT NULL AND l.scope IN (p_scope, split_part(p_scope, ':', 1))
        ORDER BY l.scope = p_scope DESC LIMIT 1) THEN
        RETURN 3;
    END IF;
    SELECT l.* INTO v_own FROM {schema}.limits l WHERE l.scope = p_scope;
    IF FOUND AND (v_own.by_operator AND NOT p_operator
                  OR (v_own.permits, v_own.window_us, v_own.smooth, v_own.by_operator)
                     = (p_permits, p_window, p_smooth, p_operator)) THEN
        PERFORM {schema}.audit(p_by, 0, {schema}.limit_facts(v_own), NULL, NULL, p_now);
        RETURN 0;
    END IF;
    IF v_own.scope IS NULL AND (SELECT count(*) FROM {schema}.limits) >= {max_scopes} THEN
        RETURN 2;
    END IF;
    INSERT INTO {schema}.limits AS l (scope, permits, window_us, smooth, by_operator)
    VALUES (p_scope, p_permits, p_window, p_smooth, p_operator)
    ON CONFLICT (scope) DO UPDATE SET permits = excluded.permits, window_us = excluded.window_us,
        smooth = excluded.smooth, by_operator = excluded.by_operator, version = l.version + 1;
    PERFORM {schema}.limits_edited();
    PERFORM {schema}.audit(p_by, 1, {schema}.limit_facts(v_own), NULL, NULL, p_now);
    RETURN 1;
END
$$;

-- Takes a scope's own limit away, unless something attached would have none then: that is named.
CREATE FUNCTION {schema}.remove_limit(p_scope text, p_by text, OUT removed boolean, OUT what smallint, OUT name text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_own {schema}.limits;
BEGIN
    PERFORM FROM {schema}.settings FOR UPDATE;
    PERFORM pg_advisory_xact_lock({limit_lock}, 0);
    SELECT l.* INTO v_own FROM {schema}.limits l WHERE l.scope = p_scope;
    removed := FOUND;
    IF NOT removed THEN
        PERFORM {schema}.audit(p_by, 0, NULL, NULL, NULL, NULL);
        RETURN;
    END IF;
    SELECT a.what, coalesce(q.name, k.name) INTO what, name
    FROM {schema}.attached a
    LEFT JOIN {schema}.queues q ON a.what = 0 AND q.no = a.no LEFT JOIN {schema}.kinds k ON a.what = 1 AND k.no = a.no
    WHERE NOT EXISTS (SELECT FROM {schema}.limits l
                      WHERE l.scope <> p_scope AND l.scope IN (a.scope, split_part(a.scope, ':', 1)))
    ORDER BY a.what, a.no LIMIT 1;
    IF NOT FOUND THEN
        DELETE FROM {schema}.limits l WHERE l.scope = p_scope;
        PERFORM {schema}.limits_edited();
        PERFORM {schema}.audit(p_by, 1, {schema}.limit_facts(v_own), NULL, NULL, NULL);
    END IF;
END
$$;

-- Attaches a queue (0) or a kind (1) to a scope, or detaches it: 0 as it was, 1 changed, 2 no limit, 3 no such queue.
-- Waits for claims that are under way: once it has answered, nothing is claimed without a permit.
CREATE FUNCTION {schema}.attach(p_what smallint, p_name text, p_scope text, p_by text) RETURNS smallint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_no integer;
    v_before text;
BEGIN
    IF p_what = 0 THEN
        SELECT q.no INTO v_no FROM {schema}.queues q WHERE q.name = p_name;
        IF NOT FOUND THEN
            RETURN 3;
        END IF;
    ELSE
        -- Made by a call before this one: a host program's open transaction may be the first to name it.
        SELECT k.no INTO v_no FROM {schema}.kinds k WHERE k.name = p_name;
    END IF;
    PERFORM FROM {schema}.settings FOR UPDATE;
    PERFORM pg_advisory_xact_lock({lock}, x.no)
    FROM (SELECT q.no FROM {schema}.queues q WHERE p_what = 1 OR q.no = v_no ORDER BY q.no) x;
    PERFORM pg_advisory_xact_lock({limit_lock}, 0);
    IF p_scope IS NOT NULL AND ({schema}.limit_of(p_scope)).permits IS NULL THEN
        RETURN 2;
    END IF;
    SELECT jsonb_build_object('scope', a.scope)::text INTO v_before FROM {schema}.attached a
    WHERE a.what = p_what AND a.no = v_no;
    IF p_scope IS NULL THEN
        DELETE FROM {schema}.attached a WHERE a.what = p_what AND a.no = v_no;
    ELSE
        INSERT INTO {schema}.attached AS a (what, no, scope) VALUES (p_what, v_no, p_scope)
        ON CONFLICT (what, no) DO UPDATE SET scope = excluded.scope WHERE a.scope <> excluded.scope;
    END IF;
    IF NOT FOUND THEN
        PERFORM {schema}.audit(p_by, 0, v_before, NULL, NULL, NULL);
        RETURN 0;
    END IF;
    PERFORM {schema}.limits_edited();
    PERFORM {schema}.audit(p_by, 1, v_before, NULL, NULL, NULL);
    RETURN 1;
END
$$;

-- Gives nothing of a scope before a time; gives the time that holds, NULL when there is no limit.
CREATE FUNCTION {schema}.drain(p_scope text, p_wait bigint, p_now bigint, p_by text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_row {schema}.budgets;
    v_now bigint;
    v_until bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({limit_lock}, 0);
    IF ({schema}.limit_of(p_scope)).permits IS NULL THEN
        RETURN NULL;
    END IF;
    v_row := {schema}.lock_budget(p_scope);
    v_now := {schema}.clock(p_now);
    v_until := v_now + least(p_wait, {max_drain});
    IF v_row.drained_until IS NOT NULL THEN
        v_until := greatest(v_until, least(v_row.drained_until, v_now + {max_drain}));
    END IF;
    UPDATE {schema}.budgets b SET drained_until = v_until, idle_at = greatest(b.idle_at, v_until) WHERE b.scope = p_scope;
    PERFORM {schema}.audit(p_by, 1, NULL, NULL, NULL, p_now);
    RETURN greatest(v_until, {schema}.drain_above(p_scope));
END
$$;

-- Ends the drain of a scope; says whether there was one.
CREATE FUNCTION {schema}.lift_drain(p_scope text, p_now bigint, p_by text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_was boolean;
BEGIN
    PERFORM FROM {schema}.settings FOR UPDATE;
    SELECT b.drained_until > {schema}.clock(p_now) INTO v_was FROM {schema}.budgets b WHERE b.scope = p_scope FOR UPDATE;
    IF v_was IS NOT TRUE THEN
        PERFORM {schema}.audit(p_by, 0, NULL, NULL, NULL, p_now);
        RETURN false;
    END IF;
    UPDATE {schema}.budgets b SET drained_until = NULL WHERE b.scope = p_scope;
    PERFORM {schema}.limits_edited();
    PERFORM {schema}.audit(p_by, 1, NULL, NULL, NULL, p_now);
    RETURN true;
END
$$;

-- Forgets scopes of which nothing counts any more.
CREATE FUNCTION {schema}.sweep_budgets(p_limit integer, p_now bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_count integer;
BEGIN
    DELETE FROM {schema}.budgets b WHERE b.scope IN (
        SELECT i.scope FROM {schema}.budgets i WHERE i.idle_at <= {schema}.clock(p_now)
        ORDER BY i.scope LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- Claims. Nothing below is called while nothing is attached.

-- A scope at this moment: permits that can be given, when the next one can, and the end of the sub-window.
CREATE FUNCTION {schema}.budget_of(p_scope text, p_now bigint, OUT free integer, OUT until bigint, OUT sub_end bigint,
    OUT now_us bigint, OUT cut boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_limit {schema}.limits := {schema}.limit_of(p_scope);
    v_row {schema}.budgets;
    v_at record;
BEGIN
    SELECT b.* INTO v_row FROM {schema}.budgets b WHERE b.scope = p_scope;
    now_us := {schema}.clock(p_now);
    IF v_limit.permits IS NULL THEN
        -- It cannot be: what is attached has a limit.
        free := 0; until := now_us + 1000000; sub_end := now_us;
        RETURN;
    END IF;
    SELECT * INTO v_at FROM {schema}.budget_at(v_row, v_limit, {schema}.drain_above(p_scope), now_us);
    free := v_at.free;
    cut := v_at.cut;
    until := {schema}.budget_when(v_at.ends, v_at.counts, v_at.used, v_at.due, v_limit, 1);
    sub_end := greatest((v_limit.window_us + {sub_windows} - 1) / {sub_windows}, 1);
    sub_end := (now_us / sub_end + 1) * sub_end;
END
$$;

-- The scopes whose permits jobs of these queues and kinds take. p_kinds NULL: any.
CREATE FUNCTION {schema}.scopes_of(p_queues text[], p_kinds integer[])
RETURNS TABLE (at integer, what smallint, no integer, scope text) LANGUAGE sql VOLATILE AS $$
    SELECT w.at::integer, a.what, a.no, a.scope
    FROM unnest(p_queues) WITH ORDINALITY AS w(name, at) JOIN {schema}.queues q ON q.name = w.name
    JOIN {schema}.attached a ON a.what = 0 AND a.no = q.no
                             OR a.what = 1 AND (p_kinds IS NULL OR a.no = ANY (p_kinds))
                                AND EXISTS (SELECT FROM {schema}.streams s WHERE s.queue = q.no AND s.kind = a.no)
$$;

-- Locks the budgets that a claim may take of, by scope, but for those that have nothing to give. Gives the ones locked.
CREATE FUNCTION {schema}.lock_budgets(p_queues text[], p_kinds integer[], p_now bigint) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_scope text;
    v_locked text[] := '{}';
    v_is record;
    v_row {schema}.budgets;
    v_limit {schema}.limits;
    v_at record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({limit_lock}, 0);
    FOR v_scope IN SELECT DISTINCT s.scope COLLATE "C" FROM {schema}.scopes_of(p_queues, p_kinds) s ORDER BY 1 LOOP
        SELECT * INTO v_is FROM {schema}.budget_of(v_scope, p_now);
        CONTINUE WHEN v_is.free <= 0 AND v_is.cut IS NOT TRUE;
        v_row := {schema}.lock_budget(v_scope);
        v_locked := v_locked || v_scope;
        IF v_is.cut THEN
            v_limit := {schema}.limit_of(v_scope);
            SELECT * INTO v_at FROM {schema}.budget_at(v_row, v_limit, NULL, {schema}.clock(p_now));
            PERFORM {schema}.put_budget(v_scope, v_at.ends, v_at.counts, v_at.next_at, v_limit);
        END IF;
    END LOOP;
    RETURN v_locked;
END
$$;

-- How many jobs of a queue, and of each kind of it, the locked budgets allow. Kinds of which none is allowed are left
-- out. kinds is NULL when nothing is.
CREATE FUNCTION {schema}.cap_want(p_queue integer, p_kinds integer[], p_limit integer, p_budgets text[], p_now bigint,
    OUT limited boolean, OUT total integer, OUT kinds integer[], OUT caps integer[])
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_scope text;
BEGIN
    total := p_limit;
    SELECT a.scope INTO v_scope FROM {schema}.attached a WHERE a.what = 0 AND a.no = p_queue;
    limited := FOUND;
    IF limited THEN
        total := CASE WHEN v_scope = ANY (p_budgets)
                      THEN least(p_limit, ({schema}.budget_of(v_scope, p_now)).free) ELSE 0 END;
    END IF;
    IF total <= 0 THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM {schema}.attached a WHERE a.what = 1 AND a.no = ANY (p_kinds)) THEN
        limited := true;
        SELECT array_agg(x.kind), array_agg(x.cap) INTO kinds, caps
        FROM (SELECT u.kind, CASE WHEN a.scope IS NULL THEN total
                                  WHEN a.scope = ANY (p_budgets)
                                  THEN least(total, ({schema}.budget_of(a.scope, p_now)).free) ELSE 0 END AS cap
              FROM unnest(p_kinds) AS u(kind) LEFT JOIN {schema}.attached a ON a.what = 1 AND a.no = u.kind) x
        WHERE x.cap > 0;
    ELSE
        kinds := p_kinds;
        caps := array_fill(total, ARRAY[cardinality(p_kinds)]);
    END IF;
END
$$;

-- What kinds that share a scope may have together.
CREATE FUNCTION {schema}.cap_counts(p_kinds integer[], p_counts integer[], p_now bigint) RETURNS integer[]
LANGUAGE sql VOLATILE AS $$
    SELECT array_agg(CASE WHEN x.scope IS NULL THEN x.count
                          ELSE greatest(0, least(x.count, ({schema}.budget_of(x.scope, p_now)).free - x.before))
                          END ORDER BY x.at)
    FROM (SELECT u.at, u.count, a.scope,
                 (sum(u.count) OVER (PARTITION BY a.scope ORDER BY u.at) - u.count)::integer AS before
          FROM unnest(p_kinds, p_counts) WITH ORDINALITY AS u(kind, count, at)
          LEFT JOIN {schema}.attached a ON a.what = 1 AND a.no = u.kind) x
$$;

-- Counts the permits of the jobs of a queue that a claim has just taken, out of budgets that are locked.
CREATE FUNCTION {schema}.charge(p_claim bigint, p_queue integer, p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_scopes text[];
    v_counts integer[];
    v_limit {schema}.limits;
    v_row {schema}.budgets;
    v_at record;
    v_new record;
    v_now bigint := {schema}.clock(p_now);
BEGIN
    WITH job AS MATERIALIZED (
        SELECT r.id, r.queue, j.kind FROM {schema}.running r JOIN {schema}.jobs j ON j.id = r.id
        WHERE r.claim_no = p_claim AND r.flags & 8 <> 0 AND r.queue = p_queue
    ), had AS MATERIALIZED (
        SELECT DISTINCT job.id, a.scope FROM job JOIN {schema}.attached a
             ON a.what = 0 AND a.no = job.queue OR a.what = 1 AND a.no = job.kind
    ), kept AS (
        INSERT INTO {schema}.permits (claim_no, id, scope, ends)
        SELECT p_claim, h.id, h.scope, e.sub_end FROM had h
        JOIN (SELECT s.scope, ({schema}.budget_of(s.scope, v_now)).sub_end
              FROM (SELECT DISTINCT had.scope FROM had) s) e ON e.scope = h.scope
    )
    SELECT array_agg(c.scope ORDER BY c.scope), array_agg(c.count::integer ORDER BY c.scope) INTO v_scopes, v_counts
    FROM (SELECT h.scope, count(*) AS count FROM had h GROUP BY h.scope) c;
    FOR i IN 1 .. coalesce(cardinality(v_scopes), 0) LOOP
        v_limit := {schema}.limit_of(v_scopes[i]);
        SELECT b.* INTO v_row FROM {schema}.budgets b WHERE b.scope = v_scopes[i];
        SELECT * INTO v_at FROM {schema}.budget_at(v_row, v_limit, NULL, v_now);
        SELECT * INTO v_new FROM {schema}.budget_add(v_at.ends, v_at.counts, v_at.next_at, v_limit, v_counts[i], v_now);
        PERFORM {schema}.put_budget(v_scopes[i], v_new.ends, v_new.counts, v_new.next_at, v_limit);
    END LOOP;
END
$$;

-- Of each wanted queue whose jobs take permits: all of them (kinds 0) or some kinds (1), and when it is worth asking
-- again if there are none left.
CREATE FUNCTION {schema}.limited_wants(p_queues text[], p_kinds integer[], p_now bigint)
RETURNS TABLE (at integer, kinds integer, until bigint, now_us bigint) LANGUAGE sql VOLATILE AS $$
    WITH scopes AS MATERIALIZED (
        SELECT * FROM {schema}.scopes_of(p_queues, p_kinds)
    ), budget AS MATERIALIZED (
        SELECT d.scope, b.now_us, CASE WHEN b.free <= 0 THEN b.until END AS until
        FROM (SELECT DISTINCT s.scope FROM scopes s) d CROSS JOIN LATERAL {schema}.budget_of(d.scope, p_now) b
    ), want AS (
        SELECT s.at, bool_or(s.what = 0) AS whole, bool_or(s.what = 1) AS some,
               max(b.until) FILTER (WHERE s.what = 0) AS whole_until,
               min(b.until) FILTER (WHERE s.what = 1) AS some_until, max(b.now_us) AS now_us
        FROM scopes s JOIN budget b ON b.scope = s.scope GROUP BY s.at
    )
    SELECT w.at, CASE WHEN w.whole AND (NOT w.some OR w.whole_until IS NOT NULL) THEN 0 ELSE 1 END,
           CASE WHEN w.whole AND (NOT w.some OR w.whole_until IS NOT NULL) THEN w.whole_until ELSE w.some_until END,
           w.now_us
    FROM want w
$$;

-- Gives back what claims took of budgets and never used.
CREATE FUNCTION {schema}.return_permits(p_ended {schema}.ended[], p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_scopes text[];
    v_ends bigint[];
    v_counts integer[];
    v_limit {schema}.limits;
    v_row {schema}.budgets;
    v_at integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({limit_lock}, 0);
    WITH gone AS (
        DELETE FROM {schema}.permits p USING unnest(p_ended) e
        WHERE p.claim_no = e.claim_no AND p.id = e.id AND e.flags & 8 <> 0 RETURNING p.scope, p.ends
    )
    SELECT array_agg(c.scope), array_agg(c.ends), array_agg(c.count::integer) INTO v_scopes, v_ends, v_counts
    FROM (SELECT g.scope, g.ends, count(*) AS count FROM gone g GROUP BY g.scope, g.ends ORDER BY g.scope, g.ends) c;
    FOR i IN 1 .. coalesce(cardinality(v_scopes), 0) LOOP
        v_limit := {schema}.limit_of(v_scopes[i]);
        SELECT b.* INTO v_row FROM {schema}.budgets b WHERE b.scope = v_scopes[i] FOR UPDATE;
        v_at := array_position(v_row.ends, v_ends[i]);
        CONTINUE WHEN v_at IS NULL;
        v_counts[i] := least(v_counts[i], v_row.counts[v_at]);
        v_row.counts[v_at] := v_row.counts[v_at] - v_counts[i];
        UPDATE {schema}.budgets b SET counts = v_row.counts,
            next_at = b.next_at - CASE WHEN v_limit.smooth THEN v_limit.window_us / v_limit.permits ELSE 0 END * v_counts[i]
        WHERE b.scope = v_scopes[i];
    END LOOP;
    IF v_scopes IS NOT NULL THEN
        -- Whoever waits need not wait as long as it was told.
        PERFORM {schema}.tell('wb');
    END IF;
END
$$;

-- Where a job stands is told by which small table holds it (ADR 0003): forge_ready (pending), forge_deferred
-- (scheduled, retrying), forge_running, forge_finished (done, dead). The job's own row is written once and changed
-- only when the job comes back, never by a claim or a finish in done.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Statuses: 0 pending, 1 scheduled, 2 running, 3 retrying, 4 done,
-- 5 dead. Everything is prefixed forge_, since the file may hold other tables too.

-- The number of the last claim; each claim takes the next, so that (job, claim_no) never comes twice.
CREATE TABLE forge_counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO forge_counters VALUES ('claim_no', 0), ('settings_version', 0);

CREATE TABLE forge_queues (
    no                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT    NOT NULL UNIQUE,
    workers             INTEGER NOT NULL,
    workers_by_operator INTEGER NOT NULL DEFAULT 0,
    paused              INTEGER NOT NULL DEFAULT 0,
    paused_by           TEXT,              -- who paused it, if that was told
    paused_at           INTEGER,
    backoff_enabled     INTEGER NOT NULL,
    backoff_base_us     INTEGER NOT NULL,
    backoff_max_us      INTEGER NOT NULL,
    done_retention_us   INTEGER,           -- NULL: for ever
    dead_retention_us   INTEGER,           -- NULL: for ever
    max_running         INTEGER,           -- in all processes together; NULL: no bound
    version             INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE forge_kinds (
    no   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE
);

-- One row per boot of a process. It stays after the registration has ended, so that the process of a finished job can
-- be named, and goes when nothing refers to it any more.
CREATE TABLE forge_processes (
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB    NOT NULL UNIQUE,
    host       TEXT    NOT NULL,
    pid        INTEGER NOT NULL,
    version    TEXT    NOT NULL,
    kinds      TEXT,                       -- JSON array; NULL: any
    queues     TEXT,                       -- JSON array; NULL: all
    beats_every INTEGER NOT NULL,
    stale_after INTEGER NOT NULL,
    stopping   INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL,
    ended_at   INTEGER                     -- not NULL: fenced
);

-- Who looks after the database for all processes. A lease that has run out is free.
CREATE TABLE forge_leases (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder BLOB    NOT NULL,
    until  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE forge_jobs (
    seq           INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    queue         INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0, -- charged so far
    max_attempts  INTEGER NOT NULL,
    throttles     INTEGER NOT NULL DEFAULT 0, -- in a row
    suspect       INTEGER NOT NULL DEFAULT 0, -- times in a row that its process died with it
    crashes       INTEGER NOT NULL DEFAULT 0,
    last_claim_no INTEGER NOT NULL DEFAULT 0, -- of claims that came to an end without finishing the job
    asked_us      INTEGER,                    -- run-at as asked; the delay as asked if asked_delay
    asked_delay   INTEGER NOT NULL DEFAULT 0,
    dedupe_key    TEXT,
    dedupe_states INTEGER,                    -- in which its key is held: 1 << status each; NULL: while unfinished
    dedupe_us     INTEGER,                    -- its key is free so long after created_at; NULL: no such bound
    concurrency_key TEXT,
    tags          TEXT,                       -- JSON array
    trace         TEXT,                       -- traceparent and tracestate of its enqueue
    progress      TEXT,                       -- JSON
    error         TEXT,                       -- the latest
    error_group   INTEGER,                    -- and the group it is counted in
    payload       TEXT    NOT NULL
);

-- Pending jobs, per kind in claim order, and nothing else: a million scheduled or done jobs do not slow a claim, nor do
-- a million of a kind that the claiming process cannot run. A claim merges the kinds that it can.
CREATE TABLE forge_ready (
    queue    INTEGER NOT NULL,
    lane     INTEGER NOT NULL,                -- 0 ordinary, 1 suspects, which run alone, 2 waits for its key
    kind     INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    id       BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (queue, lane, kind, priority, due_at, id)
) WITHOUT ROWID;

CREATE TABLE forge_deferred (
    status   INTEGER NOT NULL,                -- 1 scheduled, 3 retrying
    due_at   INTEGER NOT NULL,
    id       BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    queue    INTEGER NOT NULL,
    PRIMARY KEY (status, due_at, id)
) WITHOUT ROWID;

CREATE TABLE forge_running (
    seq        INTEGER PRIMARY KEY,
    claim_no   INTEGER NOT NULL,
    process    INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    flags      INTEGER NOT NULL,              -- 1 has a dedupe key, 2 its start was written first (claimed alone),
                                              -- 8 has permits, 16 has a concurrency key
    queue      INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    cancel_at  INTEGER
);

CREATE TABLE forge_finished (
    seq         INTEGER PRIMARY KEY,
    status      INTEGER NOT NULL,             -- 4 done, 5 dead
    queue       INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    started_at  INTEGER,
    attempt     INTEGER NOT NULL,
    claim_no    INTEGER NOT NULL,
    process     INTEGER,
    reason      INTEGER,                      -- 0 exhausted, 1 discarded, 2 cancelled, 3 poison, 4 undecodable
    error       TEXT,
    output      TEXT,
    error_group INTEGER,
    CHECK ((status = 5) = (reason IS NOT NULL))
);
CREATE INDEX forge_finished_by ON forge_finished (status, queue, finished_at);
CREATE INDEX forge_finished_group ON forge_finished (error_group, finished_at) WHERE error_group IS NOT NULL;

-- Dedupe keys, held while their job is in one of its states, at most until a time. A job that has one with a time may be
-- gone.
CREATE TABLE forge_unique (
    kind  INTEGER NOT NULL,
    key   TEXT    NOT NULL,
    id    BLOB    NOT NULL,
    until INTEGER,                            -- NULL: no such bound
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX forge_unique_until ON forge_unique (until) WHERE until IS NOT NULL;

-- Requests that a job has become, the one that made it included, so that each can be sent again; a number stands for what
-- it asked for.
CREATE TABLE forge_replacements (
    request BLOB    PRIMARY KEY,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    digest  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX forge_replacements_job ON forge_replacements (seq, at);

-- The job of each concurrency key that may run: it is pending or running. Who has it gives it on when it ends or is put
-- off.
CREATE TABLE forge_slots (
    kind INTEGER NOT NULL,
    key  TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- Pending jobs whose key another one has, in claim order. They stand in lane 2 of forge_ready, which nobody claims.
CREATE TABLE forge_waiting (
    kind     INTEGER NOT NULL,
    key      TEXT    NOT NULL,
    priority INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    id       BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (kind, key, priority, due_at, id)
) WITHOUT ROWID;

-- Attempts that did not end in done; those that did live in forge_finished.
CREATE TABLE forge_attempts (
    seq         INTEGER NOT NULL,
    claim_no    INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    process     INTEGER,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    result      INTEGER NOT NULL,             -- 0 failed, 1 throttled, 2 dead, 3 cancelled, 4 crashed
    next_due_at INTEGER,
    error       TEXT,
    error_group INTEGER,                      -- that it is counted in
    details     TEXT,                         -- JSON: cause, location, chain of errors; NULL: no more than the error says
    PRIMARY KEY (seq, claim_no)
) WITHOUT ROWID;

-- Errors of the same sort (ADR 0025). The number is a hash of kind, type and message.
CREATE TABLE forge_error_groups (
    id            INTEGER PRIMARY KEY,
    kind          INTEGER NOT NULL,
    error_type    TEXT    NOT NULL,
    message       TEXT    NOT NULL,
    first_at      INTEGER NOT NULL,
    first_version TEXT    NOT NULL            -- of the program that it was seen in first
);

-- How often each was seen, per queue.
CREATE TABLE forge_error_counts (
    error_group INTEGER NOT NULL,
    queue       INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    last_job    BLOB    NOT NULL,
    PRIMARY KEY (error_group, queue)
) WITHOUT ROWID;

-- What handlers logged: a row per attempt and flush. Deleted with the job.
CREATE TABLE forge_logs (
    seq      INTEGER NOT NULL,
    claim_no INTEGER NOT NULL,
    no       INTEGER NOT NULL,                -- of the first line; 1 is the first one of the attempt
    lines    TEXT    NOT NULL,                -- JSON array
    over     INTEGER NOT NULL,                -- lines left out so far: over the bounds of an attempt
    lost     INTEGER NOT NULL,                -- lines left out so far: no room for them, or the storage was away
    PRIMARY KEY (seq, claim_no, no)
) WITHOUT ROWID;

-- Rare events that no other table tells of.
CREATE TABLE forge_notes (
    seq      INTEGER NOT NULL,
    no       INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    claim_no INTEGER,
    process  INTEGER,
    actor    TEXT,                            -- the person who caused it
    PRIMARY KEY (seq, no)
) WITHOUT ROWID;

-- What people did, and who: written in the transaction of the action.
CREATE TABLE forge_audit (
    no      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    count   INTEGER NOT NULL,                 -- things that were changed
    actor   TEXT    NOT NULL,
    role    TEXT,
    source  TEXT    NOT NULL,
    address TEXT,
    action  TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    target  TEXT,                             -- NULL: several
    outcome TEXT    NOT NULL,
    before  TEXT,                             -- JSON objects
    after   TEXT,
    detail  TEXT
);
CREATE INDEX forge_audit_at ON forge_audit (at);
CREATE INDEX forge_audit_actor ON forge_audit (actor, no);
CREATE INDEX forge_audit_action ON forge_audit (action, no);
CREATE INDEX forge_audit_target ON forge_audit (target, no);

-- Budgets of calls (ADR 0020): at most so many permits in any window of time. A keyed scope (slack:team-7) without a row
-- of its own has the one of its template (slack).
CREATE TABLE forge_limits (
    scope       TEXT    NOT NULL PRIMARY KEY,
    permits     INTEGER NOT NULL,
    window_us   INTEGER NOT NULL,
    smooth      INTEGER NOT NULL,
    by_operator INTEGER NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

-- What is counted of a scope: the ends of sub-windows and the permits given in each.
CREATE TABLE forge_budgets (
    scope         TEXT    NOT NULL PRIMARY KEY,
    slots         TEXT    NOT NULL,           -- JSON: [[end, permits], …], the oldest first
    next_at       INTEGER NOT NULL,           -- of a smooth scope: when the next permit is due
    drained_until INTEGER,
    idle_at       INTEGER NOT NULL            -- from then on the row says nothing that matters
) WITHOUT ROWID;

-- Queues and kinds each of whose jobs takes a permit when it is claimed.
CREATE TABLE forge_attached (
    what  INTEGER NOT NULL,                   -- 0 queue, 1 kind
    no    INTEGER NOT NULL,
    scope TEXT    NOT NULL,
    PRIMARY KEY (what, no)
) WITHOUT ROWID;

-- The permits of running jobs, by which sub-window: a job that goes back unstarted gives them back.
CREATE TABLE forge_permits (
    claim_no INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    scope    TEXT    NOT NULL,
    ends     INTEGER NOT NULL,
    PRIMARY KEY (claim_no, seq, scope)
) WITHOUT ROWID;

-- Schedules: when to enqueue what. A spec is the rest as JSON: the job, and the policies.
CREATE TABLE forge_schedules (
    no              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL UNIQUE,
    expression      TEXT    NOT NULL,         -- this and the next three are in effect
    zone            TEXT    NOT NULL,
    spec            TEXT    NOT NULL,
    enabled         INTEGER NOT NULL,
    owner           INTEGER NOT NULL,         -- whose they are: 0 code, 1 operator
    code_expression TEXT,                     -- what the code wants; NULL: none declared it
    code_zone       TEXT,
    code_spec       TEXT,
    code_enabled    INTEGER,
    program         TEXT,                     -- which declared it last
    declared        INTEGER NOT NULL,         -- and whether it still does
    version         INTEGER NOT NULL,         -- the settings_version of its last edit
    handled_until   INTEGER NOT NULL,         -- fires up to then are dealt with
    next_at         INTEGER,                  -- when to look at it again; NULL: never
    last_fire_at    INTEGER,
    last_job        BLOB,
    created_at      INTEGER NOT NULL,
    edited_at       INTEGER NOT NULL
);

-- What became of fires, each once. Those that are no job may stand together in one row, under the last of them.
CREATE TABLE forge_ticks (
    schedule    INTEGER NOT NULL,
    fire_at     INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    outcome     INTEGER NOT NULL,             -- 0 fired, 1 coalesced, 2 overlapped, 3 missed, 4 run now
    job         BLOB,
    open        INTEGER NOT NULL,             -- the job may be unfinished: closed when an overlap is looked for
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (schedule, fire_at)
) WITHOUT ROWID;
CREATE INDEX forge_ticks_open ON forge_ticks (schedule) WHERE open = 1;
CREATE INDEX forge_ticks_job ON forge_ticks (job) WHERE job IS NOT NULL;

-- Where processes run.
CREATE TABLE forge_hosts (
    no   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE
);

-- What happened to jobs, a piece per transaction, until it is added up (ADR 0009).
CREATE TABLE forge_tape (
    no   INTEGER PRIMARY KEY AUTOINCREMENT,
    data BLOB    NOT NULL
);

-- It, added up.
CREATE TABLE forge_metrics (
    level  INTEGER NOT NULL,                  -- the length of the stretch in seconds: 60, 300, 3600; 0: ever
    source INTEGER NOT NULL,                  -- 0 all jobs, 1 those of a queue, 2 those of a kind
    of     INTEGER NOT NULL,                  -- which queue or kind; 0: those without tallies of their own
    at     INTEGER NOT NULL,                  -- where the stretch begins
    host   INTEGER NOT NULL,                  -- 0: not known
    data   BLOB    NOT NULL,
    PRIMARY KEY (level, source, of, at, host)
) WITHOUT ROWID;
CREATE INDEX forge_metrics_at ON forge_metrics (level, at);

-- What processes use.
CREATE TABLE forge_samples (
    level   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    process INTEGER NOT NULL,
    data    TEXT    NOT NULL,                 -- JSON
    PRIMARY KEY (level, at, process)
) WITHOUT ROWID;

-- For people with a SQL prompt: stable and documented (docs/operations.md). Filter by queue, status or time; to look one
-- job up fast, filter by id_bytes: WHERE id_bytes = unhex('0190…', '-').
CREATE VIEW forge_inspect_jobs AS
SELECT lower(substr(hex(j.id), 1, 8) || '-' || substr(hex(j.id), 9, 4) || '-' || substr(hex(j.id), 13, 4) || '-'
             || substr(hex(j.id), 17, 4) || '-' || substr(hex(j.id), 21)) AS id,
       k.name AS kind,
       q.name AS queue,
       CASE WHEN f.status = 4 THEN 'done' WHEN f.status = 5 THEN 'dead' WHEN r.seq IS NOT NULL THEN 'running'
            WHEN y.seq IS NOT NULL THEN 'pending' WHEN s.seq IS NOT NULL THEN 'scheduled'
            WHEN t.seq IS NOT NULL THEN 'retrying' END AS status,
       CASE f.reason WHEN 0 THEN 'exhausted' WHEN 1 THEN 'discarded' WHEN 2 THEN 'cancelled' WHEN 3 THEN 'poison'
                     WHEN 4 THEN 'undecodable' END AS dead_reason,
       coalesce(f.attempt, r.attempt, j.attempts) AS attempt,
       j.max_attempts,
       coalesce(f.claim_no, r.claim_no, j.last_claim_no) AS claim_no,
       (SELECT lower(substr(hex(p.id), 1, 8) || '-' || substr(hex(p.id), 9, 4) || '-' || substr(hex(p.id), 13, 4) || '-'
                      || substr(hex(p.id), 17, 4) || '-' || substr(hex(p.id), 21))
        FROM forge_processes p WHERE p.no = coalesce(f.process, r.process)) AS process,
       j.priority,
       j.created_at,
       j.due_at,
       coalesce(f.started_at, r.claimed_at) AS started_at,
       f.finished_at,
       r.cancel_at AS cancel_requested_at,
       j.throttles,
       j.crashes,
       j.suspect,
       j.dedupe_key,
       j.concurrency_key,
       j.tags,
       coalesce(f.error, j.error) AS error,
       j.progress,
       f.output,
       j.payload,
       j.id AS id_bytes
FROM forge_jobs j
JOIN forge_kinds k ON k.no = j.kind
JOIN forge_queues q ON q.no = j.queue
LEFT JOIN forge_finished f ON f.seq = j.seq
LEFT JOIN forge_running r ON r.seq = j.seq
LEFT JOIN forge_ready y ON y.queue = j.queue AND y.lane IN ((j.suspect > 0), 2) AND y.kind = j.kind
                       AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id
LEFT JOIN forge_deferred s ON s.status = 1 AND s.due_at = j.due_at AND s.id = j.id
LEFT JOIN forge_deferred t ON t.status = 3 AND t.due_at = j.due_at AND t.id = j.id;

CREATE VIEW forge_job_events AS
SELECT lower(substr(hex(j.id), 1, 8) || '-' || substr(hex(j.id), 9, 4) || '-' || substr(hex(j.id), 13, 4) || '-'
             || substr(hex(j.id), 17, 4) || '-' || substr(hex(j.id), 21)) AS job,
       e.at, e.event, e.attempt, e.claim_no,
       CASE WHEN p.no IS NOT NULL
            THEN lower(substr(hex(p.id), 1, 8) || '-' || substr(hex(p.id), 9, 4) || '-' || substr(hex(p.id), 13, 4) || '-'
                       || substr(hex(p.id), 17, 4) || '-' || substr(hex(p.id), 21)) END AS process,
       e.detail,
       p.host, p.version, e.cause, e.ran_us, e.actor,
       j.id AS job_bytes
FROM (SELECT seq, created_at AS at, 'enqueued' AS event, NULL AS attempt, NULL AS claim_no, NULL AS process,
             NULL AS detail, 'caller' AS cause, NULL AS ran_us, NULL AS actor
      FROM forge_jobs
      UNION ALL
      SELECT seq, claimed_at, 'started', attempt, claim_no, process, NULL, 'claim', NULL, NULL FROM forge_running
      UNION ALL
      SELECT seq, started_at, 'started', attempt, claim_no, process, NULL, 'claim', NULL, NULL FROM forge_attempts
      UNION ALL
      SELECT seq, ended_at,
             CASE result WHEN 1 THEN 'throttled' WHEN 4 THEN 'crashed' ELSE 'failed' END,
             attempt, claim_no, process, error,
             coalesce(json_extract(details, '$.cause'), CASE result WHEN 3 THEN 'cancel' WHEN 4 THEN 'process_died' ELSE 'handler' END),
             ended_at - started_at, NULL
      FROM forge_attempts
      UNION ALL
      SELECT seq, at, event, NULL, claim_no, process, NULL,
             CASE event WHEN 'released' THEN 'handed_back' WHEN 'replaced' THEN 'caller' WHEN 'dead' THEN NULL
                        ELSE 'operator' END, NULL, actor
      FROM forge_notes
      UNION ALL
      SELECT seq, started_at, 'started', attempt, claim_no, process, NULL, 'claim', NULL, NULL
      FROM forge_finished WHERE status = 4
      UNION ALL
      SELECT seq, finished_at,
             CASE WHEN status = 4 THEN 'done' WHEN reason = 2 THEN 'cancelled' ELSE 'dead' END,
             attempt, claim_no, process, error,
             CASE reason WHEN 0 THEN 'exhausted' WHEN 1 THEN 'discarded' WHEN 2 THEN 'operator' WHEN 3 THEN 'poison'
                         WHEN 4 THEN 'undecodable' ELSE 'handler' END,
             finished_at - started_at, NULL
      FROM forge_finished) e
JOIN forge_jobs j ON j.seq = e.seq
LEFT JOIN forge_processes p ON p.no = e.process;

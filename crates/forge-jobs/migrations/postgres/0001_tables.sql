-- Where a job stands is told by which small table holds it (ADR 0003): ready (pending), deferred (scheduled, retrying),
-- running, finished (done, dead). The job's own row is written once and changed only when the job comes back, never by
-- a claim or a finish in done. A job is moved by deleting its row from the one table and inserting it into the next:
-- whoever deletes the row has the job, everybody else finds it gone.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Statuses: 0 pending, 1 scheduled, 2 running, 3 retrying, 4 done,
-- 5 dead. {schema} is the schema's name, quoted; {lock} and {cap_lock} are numbers made from it, for advisory locks.

-- Grows with each edit of a queue's settings.
CREATE TABLE {schema}.settings (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);
INSERT INTO {schema}.settings (version) VALUES (0);

-- Each claim takes the next number, so that (job, claim_no) never comes twice.
CREATE SEQUENCE {schema}.claim_no;

CREATE TABLE {schema}.queues (
    no                  integer  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name                text     COLLATE "C" NOT NULL UNIQUE,
    workers             integer  NOT NULL,
    workers_by_operator boolean  NOT NULL DEFAULT false,
    paused              boolean  NOT NULL DEFAULT false,
    paused_by           text,               -- who paused it, if that was told
    paused_at           bigint,
    backoff_enabled     boolean  NOT NULL DEFAULT true,
    backoff_base_us     bigint   NOT NULL,
    backoff_max_us      bigint   NOT NULL,
    done_retention_us   bigint,             -- NULL: for ever
    dead_retention_us   bigint,             -- NULL: for ever
    max_running         integer,            -- in all processes together; NULL: no bound
    version             bigint   NOT NULL DEFAULT 1
);

CREATE TABLE {schema}.kinds (
    no   integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text    COLLATE "C" NOT NULL UNIQUE
);

-- Which kinds a queue ever had: a claim looks at the beginning of each.
CREATE TABLE {schema}.streams (
    queue integer NOT NULL,
    kind  integer NOT NULL,
    PRIMARY KEY (queue, kind)
);

-- One row per boot of a process. It stays after the registration has ended, so that the process of a finished job can
-- be named, and goes when nothing refers to it any more.
CREATE TABLE {schema}.processes (
    no          integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id          uuid    NOT NULL UNIQUE,
    host        text    NOT NULL,
    pid         bigint  NOT NULL,
    version     text    NOT NULL,
    kinds       text,                       -- JSON array; NULL: any
    queues      text,                       -- JSON array; NULL: all
    beats_every bigint  NOT NULL,
    stale_after bigint  NOT NULL,
    stopping    boolean NOT NULL DEFAULT false,
    started_at  bigint  NOT NULL,
    beat_at     bigint  NOT NULL,
    ended_at    bigint,                     -- not NULL: fenced
    left_behind boolean NOT NULL DEFAULT false -- ended by the reaper, jobs of it may still be running rows
) WITH (fillfactor = 50);

CREATE TABLE {schema}.jobs (
    id            uuid     PRIMARY KEY,
    due_at        bigint   NOT NULL,
    created_at    bigint   NOT NULL,
    asked_us      bigint,                   -- run-at as asked; the delay as asked if asked_delay
    dedupe_us     bigint,                   -- its dedupe key is free so long after created_at; NULL: no such bound
    last_claim_no bigint   NOT NULL DEFAULT 0, -- of claims that came to an end without finishing the job
    queue         integer  NOT NULL,
    kind          integer  NOT NULL,
    attempts      integer  NOT NULL DEFAULT 0, -- charged so far
    max_attempts  integer  NOT NULL,
    throttles     integer  NOT NULL DEFAULT 0, -- in a row
    suspect       integer  NOT NULL DEFAULT 0, -- times in a row that its process died with it
    crashes       integer  NOT NULL DEFAULT 0,
    priority      smallint NOT NULL,
    asked_delay   boolean  NOT NULL DEFAULT false,
    dedupe_states smallint,                 -- in which its key is held: 1 << status each; NULL: while unfinished
    dedupe_key    text     COLLATE "C",
    concurrency_key text   COLLATE "C",
    tags          text,                     -- JSON array
    trace         text,                     -- traceparent and tracestate of its enqueue
    progress      text,                     -- JSON
    error         text,                     -- the latest
    error_group   bigint,                   -- and the group it is counted in
    payload       text     NOT NULL
);
-- For lists. Jobs that were sent together have one time, so that an entry is shared by many and costs little.
CREATE INDEX jobs_created ON {schema}.jobs (created_at);

-- Pending jobs, per kind in claim order, and nothing else: a million scheduled or done jobs do not slow a claim, nor do
-- a million of a kind that the claiming process cannot run. A claim merges the kinds that it can.
CREATE TABLE {schema}.ready (
    due_at   bigint   NOT NULL,
    id       uuid     NOT NULL,
    queue    integer  NOT NULL,
    kind     integer  NOT NULL,
    lane     smallint NOT NULL,             -- 0 ordinary, 1 suspects, which run alone, 2 waits for its key
    priority smallint NOT NULL
);
CREATE UNIQUE INDEX ready_order ON {schema}.ready (queue, lane, kind, priority, due_at, id);

CREATE TABLE {schema}.deferred (
    due_at bigint   NOT NULL,
    id     uuid     NOT NULL,
    queue  integer  NOT NULL,
    status smallint NOT NULL                -- 1 scheduled, 3 retrying
);
CREATE UNIQUE INDEX deferred_order ON {schema}.deferred (status, due_at, id);

CREATE TABLE {schema}.running (
    id         uuid     PRIMARY KEY,
    claim_no   bigint   NOT NULL,
    claimed_at bigint   NOT NULL,
    cancel_at  bigint,
    process    integer  NOT NULL,
    attempt    integer  NOT NULL,
    queue      integer  NOT NULL,
    flags      smallint NOT NULL            -- 1 has a dedupe key, 2 claimed alone, 4 counts against its queue's bound,
                                            -- 8 has permits, 16 has a concurrency key
);
CREATE INDEX running_cancels ON {schema}.running (process) WHERE cancel_at IS NOT NULL;
CREATE INDEX running_bounded ON {schema}.running (queue) WHERE flags & 4 <> 0;

CREATE TABLE {schema}.finished (
    id          uuid     PRIMARY KEY,
    finished_at bigint   NOT NULL,
    started_at  bigint,
    claim_no    bigint   NOT NULL,
    queue       integer  NOT NULL,
    attempt     integer  NOT NULL,
    process     integer,
    status      smallint NOT NULL,          -- 4 done, 5 dead
    reason      smallint,                   -- 0 exhausted, 1 discarded, 2 cancelled, 3 poison, 4 undecodable
    error       text,
    output      text,
    error_group bigint,
    CHECK ((status = 5) = (reason IS NOT NULL))
);
CREATE INDEX finished_by ON {schema}.finished (status, queue, finished_at);
CREATE INDEX finished_group ON {schema}.finished (error_group, finished_at) WHERE error_group IS NOT NULL;

-- Dedupe keys, held while their job is in one of its states, at most until a time. A job that has one with a time may be
-- gone.
CREATE TABLE {schema}.unique_keys (
    until bigint,                           -- NULL: no such bound
    kind  integer NOT NULL,
    id    uuid    NOT NULL,
    key   text    COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX unique_until ON {schema}.unique_keys (until) WHERE until IS NOT NULL;

-- Requests that a job has become, the one that made it included, so that each can be sent again; a number stands for what
-- it asked for.
CREATE TABLE {schema}.replacements (
    request uuid   PRIMARY KEY,
    job     uuid   NOT NULL,
    at      bigint NOT NULL,
    digest  bigint NOT NULL
);
CREATE INDEX replacements_job ON {schema}.replacements (job, at);

-- The job of each concurrency key that may run: it is pending or running. Who has it gives it on when it ends or is put
-- off.
CREATE TABLE {schema}.slots (
    kind integer NOT NULL,
    key  text    COLLATE "C" NOT NULL,
    id   uuid    NOT NULL,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 50);

-- Pending jobs whose key another one has, in claim order. They stand in lane 2 of ready, which nobody claims.
CREATE TABLE {schema}.waiting (
    due_at   bigint   NOT NULL,
    id       uuid     NOT NULL,
    kind     integer  NOT NULL,
    priority smallint NOT NULL,
    key      text     COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key, priority, due_at, id)
);

-- Attempts that did not end in done; those that did live in finished.
CREATE TABLE {schema}.attempts (
    id          uuid     NOT NULL,
    claim_no    bigint   NOT NULL,
    started_at  bigint   NOT NULL,
    ended_at    bigint   NOT NULL,
    next_due_at bigint,
    attempt     integer  NOT NULL,
    process     integer,
    result      smallint NOT NULL,          -- 0 failed, 1 throttled, 2 dead, 3 cancelled, 4 crashed
    error_group bigint,                     -- that it is counted in
    error       text,
    details     text,                       -- JSON: cause, location, chain of errors; NULL: no more than the error says
    PRIMARY KEY (id, claim_no)
);

-- Rare events that no other table tells of.
CREATE TABLE {schema}.notes (
    id       uuid    NOT NULL,
    no       integer NOT NULL,
    at       bigint  NOT NULL,
    event    text    NOT NULL,
    claim_no bigint,
    process  integer,
    actor    text,                          -- the person who caused it
    PRIMARY KEY (id, no)
);

-- Errors of the same sort (ADR 0025). The number is a hash of kind, type and message.
CREATE TABLE {schema}.error_groups (
    id            bigint  PRIMARY KEY,
    first_at      bigint  NOT NULL,
    kind          integer NOT NULL,
    error_type    text    NOT NULL,
    message       text    NOT NULL,
    first_version text    NOT NULL          -- of the program that it was seen in first
);

-- How often each was seen, per queue, as far as it was added up.
CREATE TABLE {schema}.error_counts (
    error_group bigint  NOT NULL,
    count       bigint  NOT NULL,
    first_at    bigint  NOT NULL,
    last_at     bigint  NOT NULL,
    last_job    uuid    NOT NULL,
    queue       integer NOT NULL,
    PRIMARY KEY (error_group, queue)
) WITH (fillfactor = 50);

-- What was seen since: written where attempts end, and added up by the leader. Nobody waits for a row, or changes one.
CREATE TABLE {schema}.error_hits (
    error_group bigint  NOT NULL,
    first_at    bigint  NOT NULL,
    last_at     bigint  NOT NULL,
    last_job    uuid    NOT NULL,
    count       integer NOT NULL,
    kind        integer NOT NULL,
    queue       integer NOT NULL,
    process     integer,
    error_type  text    NOT NULL,
    message     text    NOT NULL
);

-- What handlers logged: a row per attempt and flush. Deleted with the job.
CREATE TABLE {schema}.logs (
    id       uuid    NOT NULL,
    claim_no bigint  NOT NULL,
    no       integer NOT NULL,
    "over"   integer NOT NULL,              -- lines left out: over the bounds of an attempt; -1: all from here on
    lost     integer NOT NULL,              -- lines left out: no room for them, or the storage was away
    lines    text    NOT NULL,              -- JSON array
    PRIMARY KEY (id, claim_no, no)
);

-- Who looks after the database for all processes. A lease that has run out is free.
CREATE TABLE {schema}.leases (
    name   text   COLLATE "C" PRIMARY KEY,
    holder uuid   NOT NULL,
    until  bigint NOT NULL
) WITH (fillfactor = 50);

-- Rows come and go as fast as jobs do: vacuum by number, not by share, and without pauses.
ALTER TABLE {schema}.ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);
ALTER TABLE {schema}.running SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);
ALTER TABLE {schema}.deferred SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.unique_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.slots SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.waiting SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.error_hits SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.processes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE {schema}.leases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0);

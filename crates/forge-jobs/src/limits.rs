//! Every bound and default that a user of the queue meets, in one place, with the relations among them checked when this crate is compiled.
//!
//! A default can be overridden where its doc says so; a limit cannot.

use std::time::Duration;

/// How often a process confirms that it is alive, unless [`RuntimeConfig`](crate::RuntimeConfig) says otherwise.
///
/// Also the longest time until a cancel request is seen that was made through another process, where the hint that tells of
/// it is lost.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// Silence after which a process counts as dead and its jobs are revived.
pub const STALE_AFTER: Duration = Duration::from_secs(45);
/// A stale window shorter than this many heartbeats is refused at start: one lost write must never cost a job.
pub const MIN_HEARTBEATS_PER_STALE_WINDOW: u32 = 4;
/// The lease of the leader, in heartbeats: after a leader that died, another process takes over within two of them.
pub const LEASE_HEARTBEATS: f64 = 1.5;
/// How often a process looks for dead ones.
pub const REAPER_INTERVAL: Duration = Duration::from_secs(15);
/// How often a process samples itself, and the leader adds up what happened.
pub const METRICS_TICK: Duration = Duration::from_secs(10);
/// How long tallies and samples of minutes and of five minutes are kept.
pub const METRICS_MINUTES_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long tallies and samples of hours are kept.
pub const METRICS_HOURS_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Queues with metrics of their own: the first that the database ever had. The others are counted together.
pub const MAX_METRIC_QUEUES: usize = 1_000;
/// Kinds with metrics of their own: the first that the database ever had. The others are counted together.
pub const MAX_METRIC_KINDS: usize = 200;
/// Points of a chart unless asked otherwise.
pub const DEFAULT_POINTS: u32 = 300;
/// Most bytes of tape that one roll adds up.
pub const MAX_ROLL_BYTES: usize = 4 << 20;
/// Most pieces of tape that one roll adds up.
pub const MAX_ROLL_PIECES: u32 = 10_000;
/// Most tallies and samples past their time that one roll deletes.
pub const MAX_ROLL_EXPIRED: u32 = 2_000;
/// How often finished jobs past their retention are swept.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// The longest wait between two looks at the database while there is work. Wake-ups come first; this is the backstop.
pub const POLL_BUSY: Duration = Duration::from_secs(1);
/// The longest wait between two looks at the database while there is none.
pub const POLL_IDLE: Duration = Duration::from_secs(5);

/// Time for running jobs to finish at a graceful shutdown, for callers that have no better figure.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);
/// Time for handlers to stop after they were told to, at shutdown and after their time limit.
pub const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// A cancelled handler that still runs after this long is reported.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);
/// Time limit of one attempt, unless its handler says otherwise.
pub const ATTEMPT_TIME_LIMIT: Duration = Duration::from_secs(600);

/// Workers of a queue that nobody configured.
pub const DEFAULT_WORKERS: u32 = 10;
/// Most workers of one queue in one process.
pub const MAX_WORKERS: u32 = 1_024;
/// Most jobs of one queue that its bound may let all processes together run at a time.
pub const MAX_RUNNING: u32 = 1_000_000;
/// Attempts of a job that does not say.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 20;
/// Most attempts a job may ask for.
pub const MAX_MAX_ATTEMPTS: u32 = 10_000;
/// First backoff delay.
pub const BACKOFF_BASE: Duration = Duration::from_secs(15);
/// Longest backoff delay.
pub const BACKOFF_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Longest delay that a setting may ask for: 366 days.
pub const MAX_BACKOFF_SETTING: Duration = Duration::from_secs(366 * 86_400);
/// Share of random spread around a backoff delay: 0.2 gives 80 % to 120 %.
pub const BACKOFF_JITTER: f64 = 0.2;
/// Least delay after a throttle when backoff is off, so that a throttled job never spins.
pub const THROTTLE_FLOOR: Duration = Duration::from_millis(100);
/// Throttles in a row after which a job is dead.
pub const MAX_THROTTLES: u32 = 1_000;
/// Crashes of its process, each after a start that was written down first, after which a job is dead as `poison`.
pub const MAX_CRASHES: u32 = 3;

/// How long a suspect runs alone at first.
///
/// It doubles each time its process dies again, up to [`ALONE_WINDOW_MAX`]; a suspect that outlives it lets other jobs
/// run beside it, and a crash then counts against nobody.
pub const ALONE_WINDOW: Duration = Duration::from_secs(30);
/// Longest time that a suspect runs alone.
pub const ALONE_WINDOW_MAX: Duration = Duration::from_secs(3_600);

/// How long done jobs are kept.
pub const DONE_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// How long dead jobs are kept.
pub const DEAD_RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// Longest retention that can be asked for, 100 years. "For ever" is a value of its own.
pub const MAX_RETENTION: Duration = Duration::from_secs(36_525 * 86_400);
/// Rows that one retention sweep deletes at most before it pauses.
pub const SWEEP_BATCH: u32 = 1_000;

/// Longest payload in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Deepest nesting of a payload.
pub const MAX_PAYLOAD_DEPTH: usize = 128;
/// Longest output that a job may keep, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Longest error text in bytes; longer ones are cut, visibly.
pub const MAX_ERROR_BYTES: usize = 16 << 10;
/// Most errors of a chain that are kept of an attempt; the last one says how many were left out.
pub const MAX_CAUSES: usize = 16;
/// Longest message of an error in a chain in bytes; longer ones are cut, visibly.
pub const MAX_CAUSE_BYTES: usize = 2 << 10;
/// Bytes of messages of a chain after which the rest of it is left out.
pub const MAX_CAUSES_BYTES: usize = 8 << 10;
/// Longest message of a group of errors in bytes.
pub const MAX_GROUP_MESSAGE_BYTES: usize = 256;
/// Most lines that are kept of what one attempt logs.
pub const MAX_LOG_LINES: u32 = 1_000;
/// Bytes of lines that are kept of what one attempt logs.
pub const MAX_LOG_BYTES: usize = 256 << 10;
/// Longest message, and longest text in a field, of a line in bytes; longer ones are cut, visibly.
pub const MAX_LOG_TEXT_BYTES: usize = 4 << 10;
/// Most fields of a line; further ones are left out, and a field `…` says so.
pub const MAX_LOG_FIELDS: usize = 32;
/// Bytes of lines that wait to be stored, of all attempts of a process together; what comes beyond is lost, visibly.
pub const MAX_LOG_BUFFER_BYTES: usize = 16 << 20;
/// How often lines are stored, unless [`RuntimeConfig`](crate::RuntimeConfig) says otherwise.
pub const LOG_INTERVAL: Duration = Duration::from_secs(1);
/// Most chunks of lines in one call to a storage.
pub const MAX_LOG_BATCH: usize = 2_000;
/// Bytes of lines in one call to a storage, unless a single chunk has more.
pub const MAX_LOG_BATCH_BYTES: usize = 4 << 20;
/// Most lines of a page of a job's log.
pub const MAX_LOG_PAGE: u32 = 1_000;
/// Groups of errors that are kept; of too many those go that were not seen for longest.
pub const MAX_ERROR_GROUPS: u32 = 10_000;
/// How long a group of errors is kept after it was last seen.
pub const ERROR_GROUP_RETENTION: Duration = Duration::from_secs(90 * 86_400);
/// Records of failed attempts that one call adds to the counts of their groups.
pub const MAX_COUNTED_BATCH: u32 = 10_000;
/// Longest note of a progress report in bytes.
pub const MAX_PROGRESS_NOTE_BYTES: usize = 1_024;
/// Attempt records kept for one job; the oldest go first.
pub const MAX_ATTEMPT_RECORDS: u32 = 50;
/// Rare events (cancel, retry, run now, release) kept for one job; the oldest go first.
pub const MAX_NOTES: u32 = 100;
/// Longest name of a person in the audit in bytes.
pub const MAX_ACTOR_BYTES: usize = 128;
/// Longest address of a person in the audit in bytes.
pub const MAX_ADDRESS_BYTES: usize = 64;
/// Longest of each of the JSON texts of an action in the audit; of a longer one only its length is kept.
pub const MAX_AUDIT_BYTES: usize = 4_096;
/// Ids of jobs that the audit keeps of one action.
pub const MAX_AUDIT_IDS: usize = 20;
/// How long the audit is kept.
pub const AUDIT_RETENTION: Duration = Duration::from_secs(90 * 86_400);
/// Longest name of a queue, kind or scope in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Longest dedupe key in bytes.
pub const MAX_DEDUPE_KEY_BYTES: usize = 512;
/// Shortest period of a dedupe key.
pub const MIN_DEDUPE_PERIOD: Duration = Duration::from_secs(1);
/// Longest period of a dedupe key.
pub const MAX_DEDUPE_PERIOD: Duration = Duration::from_secs(366 * 86_400);
/// Replacements of a job that are known when they are sent again; the oldest go first.
pub const MAX_REPLACEMENTS: u32 = 100;
/// Most bytes of a concurrency key.
pub const MAX_CONCURRENCY_KEY_BYTES: usize = 512;
/// Longest `tracestate` that is kept of a trace context in bytes; a longer one is left out.
pub const MAX_TRACESTATE_BYTES: usize = 512;
/// Most tags of one job.
pub const MAX_TAGS: usize = 16;
/// Longest tag in bytes.
pub const MAX_TAG_BYTES: usize = 128;

/// Longest cron expression in bytes: none has a canonical text that is longer.
pub const MAX_CRON_BYTES: usize = 1_024;
/// Longest name of a time zone in bytes; the longest there is has 32.
pub const MAX_ZONE_BYTES: usize = 64;
/// Most fires of a cron expression that one call lists.
pub const MAX_CRON_FIRES: u32 = 1_000;

/// Most permits of a budget per window.
pub const MAX_RATE_PERMITS: u32 = 1_000_000;
/// Shortest window of a budget: below it the way to the database and back is what limits.
pub const MIN_RATE_WINDOW: Duration = Duration::from_millis(100);
/// Longest window of a budget: 366 days.
pub const MAX_RATE_WINDOW: Duration = Duration::from_secs(366 * 86_400);
/// Sub-windows that a budget's window is counted in. Of each window one of them is lost at most: 40 leave 97.5 %.
pub const RATE_SUB_WINDOWS: u32 = 40;
/// Longest time that a budget can be drained for; a longer one is cut to it.
pub const MAX_RATE_DRAIN: Duration = Duration::from_secs(86_400);
/// Most scopes with a limit of their own.
pub const MAX_RATE_SCOPES: usize = 1_000;
/// Most scopes, keyed ones included, of which something is counted at a time.
pub const MAX_BUDGETS: u32 = 10_000;
/// Most callers that one call asks a budget for.
pub const MAX_ACQUIRE_BATCH: usize = 200;
/// Most callers of one process that wait for one scope at a time.
pub const MAX_RATE_WAITERS: usize = 100_000;
/// Longest wait between two looks at a budget that is waited for. Wake-ups come first; this is the backstop.
pub const RATE_POLL: Duration = Duration::from_secs(30);
/// Most schedules of a database.
pub const MAX_SCHEDULES: u32 = 1_000;
/// How old a missed fire may be to be made up for, unless its schedule says otherwise.
pub const MISSED_WITHIN: Duration = Duration::from_secs(3_600);
/// How late a fire may be and still count as on time, where nothing is made up for.
pub const LATE_WITHIN: Duration = Duration::from_secs(60);
/// Shortest window for missed fires that a schedule may ask for.
pub const MIN_MISSED_WITHIN: Duration = Duration::from_secs(1);
/// Longest window for missed fires that a schedule may ask for: 366 days.
pub const MAX_MISSED_WITHIN: Duration = Duration::from_secs(366 * 86_400);
/// Most missed fires that a schedule may ask to catch up on.
pub const MAX_CATCH_UP: u32 = 100;
/// Longest time that a schedule may spread its jobs over.
pub const MAX_SCHEDULE_JITTER: Duration = Duration::from_secs(86_400);
/// Records of fires kept for one schedule; the oldest go first, but for those whose job an overlap would meet.
pub const MAX_TICKS: u32 = 1_000;
/// Most schedules that one look for due ones gives, and that one call fires.
pub const MAX_FIRE_BATCH: u32 = 100;
/// Most ticks in one call that fires schedules.
pub const MAX_FIRE_TICKS: usize = 500;
/// Bytes of payload in one call that fires schedules, unless a single one has more.
pub const MAX_FIRE_BYTES: usize = 4 << 20;
/// The leader looks for due schedules at least this often, in case that the database's clock was turned.
pub const SCHEDULES_CHECK: Duration = Duration::from_secs(30);

/// A schedule that is dealt with up to a moment further ahead than this goes on from now.
///
/// It was fired by a clock that was wrong and has been set right. Below it nothing fires until the time has come again, as of old with cron.
pub const CLOCK_CORRECTION: Duration = Duration::from_secs(3 * 3_600);

/// Most jobs in one enqueue call to a storage: the piece that one transaction may take.
pub const MAX_ENQUEUE_BATCH: usize = 2_000;
/// Most jobs in one claim.
pub const MAX_CLAIM_BATCH: u32 = 1_000;
/// Most jobs in one finish, release or progress call to a storage.
pub const MAX_FINISH_BATCH: usize = 2_000;
/// Most jobs that one call of an operator's verb (cancel, retry, run now, drop) may name.
pub const MAX_VERB_BATCH: usize = 1_000;
/// Most deferred jobs that one promotion makes claimable.
pub const MAX_PROMOTE_BATCH: u32 = 1_000;
/// Work that a process claims ahead of free workers, as time.
pub const CLAIM_AHEAD: Duration = Duration::from_millis(100);
/// Most jobs of a queue that a process claims ahead of free workers: two claims, so that there is work for the workers
/// while the next claim is under way.
pub const MAX_CLAIMED_AHEAD: u32 = 2 * MAX_CLAIM_BATCH;
/// Most bytes of payloads of a queue that a process claims ahead of free workers, going by those of its latest claim.
pub const MAX_CLAIMED_AHEAD_BYTES: usize = 32 << 20;
/// Rows of a list page at most.
pub const MAX_PAGE: u32 = 500;
/// Rows of a list page unless asked otherwise.
pub const DEFAULT_PAGE: u32 = 50;
/// Counts shown to people stop here ("10 000+"): an exact count of a huge table would hurt the workers.
pub const COUNT_CAP: u64 = 10_000;
/// Rows that a list or a count looks at for what no index tells, before it says how far it came.
pub const SCAN_ROWS: u32 = 10_000;
/// Bytes of payloads that a list or a count searches, likewise.
pub const SCAN_BYTES: u64 = 16 << 20;
/// Most queues that a filter may name.
pub const MAX_FILTER_QUEUES: usize = 50;
/// Longest text that a filter may look for in payloads in bytes.
pub const MAX_FILTER_TEXT_BYTES: usize = 256;
/// Longest time that one call to a storage may take.
pub const STORAGE_CALL_LIMIT: Duration = Duration::from_secs(30);

/// Connections for work that a process keeps to a Postgres server, unless told otherwise.
pub const POSTGRES_CONNECTIONS: u32 = 4;
/// Most connections for work that a process may keep to a Postgres server.
pub const MAX_POSTGRES_CONNECTIONS: u32 = 64;
/// Connections for reads for people that a process keeps to a Postgres server, unless told otherwise.
pub const POSTGRES_READ_CONNECTIONS: u32 = 2;
/// Most connections for reads for people that a process may keep to a Postgres server.
pub const MAX_POSTGRES_READ_CONNECTIONS: u32 = 16;
/// Longest wait for a connection to a Postgres server, unless told otherwise.
pub const POSTGRES_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest read for people on a Postgres server, unless told otherwise.
pub const POSTGRES_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Shortest time limit that a setting for Postgres may ask for: a network needs that much.
pub const MIN_POSTGRES_TIMEOUT: Duration = Duration::from_millis(100);
/// Longest time limit that a setting for Postgres may ask for.
pub const MAX_POSTGRES_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest name of the schema in bytes: 15 of Postgres's 63 are left for names made of it, of channels for instance.
pub const MAX_SCHEMA_BYTES: usize = 48;
/// Longest name under which a connection is shown to a database administrator; Postgres cuts longer ones.
pub const MAX_APPLICATION_NAME_BYTES: usize = 63;
/// Bytes of a password file that are read.
pub const MAX_PASSFILE_BYTES: u64 = 1 << 20;

const _: () = assert!(
    MIN_HEARTBEATS_PER_STALE_WINDOW as u64 * HEARTBEAT_INTERVAL.as_secs() <= STALE_AFTER.as_secs(),
    "the default stale window must hold four heartbeats"
);
const _: () = assert!(REAPER_INTERVAL.as_secs() < STALE_AFTER.as_secs());
const _: () = assert!(BACKOFF_BASE.as_secs() <= BACKOFF_MAX.as_secs());
const _: () = assert!(BACKOFF_MAX.as_secs() <= MAX_BACKOFF_SETTING.as_secs());
const _: () = assert!(MAX_CLAIM_BATCH as usize <= MAX_FINISH_BATCH);
const _: () = assert!(ALONE_WINDOW.as_secs() <= ALONE_WINDOW_MAX.as_secs());
const _: () = assert!(DEFAULT_PAGE <= MAX_PAGE && MAX_PAGE < SCAN_ROWS);
const _: () = assert!(DEFAULT_MAX_ATTEMPTS <= MAX_MAX_ATTEMPTS);
const _: () = assert!(
    // One of N + 1 sub-windows is lost.
    RATE_SUB_WINDOWS >= 20,
    "95 % of a budget must be usable"
);
const _: () = assert!(MIN_RATE_WINDOW.as_micros() >= RATE_SUB_WINDOWS as u128);
const _: () = assert!(MAX_CATCH_UP as usize <= MAX_FIRE_TICKS);
const _: () = assert!(MAX_CATCH_UP <= MAX_TICKS);
const _: () = assert!(LATE_WITHIN.as_secs() >= 2 * HEARTBEAT_INTERVAL.as_secs() * 3 / 2);
const _: () = assert!(POSTGRES_CONNECTIONS <= MAX_POSTGRES_CONNECTIONS);
const _: () = assert!(POSTGRES_READ_CONNECTIONS <= MAX_POSTGRES_READ_CONNECTIONS);
const _: () = assert!(MIN_POSTGRES_TIMEOUT.as_millis() <= POSTGRES_CONNECT_TIMEOUT.as_millis());
const _: () = assert!(POSTGRES_READ_TIMEOUT.as_secs() <= MAX_POSTGRES_TIMEOUT.as_secs());
const _: () = assert!(STORAGE_CALL_LIMIT.as_secs() <= MAX_POSTGRES_TIMEOUT.as_secs());

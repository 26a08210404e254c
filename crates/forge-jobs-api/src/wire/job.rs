//! Jobs, what happened to them, and what came of an operator's verb.

use super::Seconds;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A job as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Job {
    /// Identity.
    pub id: String,
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Why it is dead.
    pub dead_reason: Option<DeadReason>,
    /// Lower runs first.
    pub priority: i16,
    /// Attempts started and charged, the running one included.
    pub attempt: u32,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// The number of its latest claim; 0 before the first.
    pub claim_no: i64,
    /// The process that holds it, or that finished it.
    pub process: Option<String>,
    /// When it was enqueued.
    pub created_at: String,
    /// When it becomes or became due.
    pub due_at: String,
    /// When the latest claim or attempt began.
    pub started_at: Option<String>,
    /// When it was done or dead.
    pub finished_at: Option<String>,
    /// When a cancel was requested of the running attempt.
    pub cancel_requested_at: Option<String>,
    /// Throttles in a row.
    pub throttles: u32,
    /// Crashes of its process that count against it.
    pub crashes: u32,
    /// Whether it runs alone because it may have killed its process.
    pub suspect: bool,
    /// At most one job per kind and key, among those in `dedupe_states`.
    pub dedupe_key: Option<String>,
    /// The states in which it holds its dedupe key; empty without one.
    pub dedupe_states: Vec<String>,
    /// When its dedupe key comes free at the latest, RFC 3339 in UTC; null: no such bound.
    pub dedupe_until: Option<String>,
    /// At most one job per kind and key runs at a time.
    pub concurrency_key: Option<String>,
    /// The job that has this pending one's concurrency key: it goes on when that one has ended or is put off.
    pub waits_for: Option<String>,
    /// For people to search by.
    pub tags: Vec<String>,
    /// The data, as it was enqueued.
    pub payload: Box<RawValue>,
    /// The latest error.
    pub error: Option<String>,
    /// What the handler left as its result. A result of `null` and no result look the same.
    pub output: Option<Box<RawValue>>,
    /// What the handler last said of its progress.
    pub progress: Option<Progress>,
    /// The fields that are not here as they are stored: cut because they are long, or masked because they may be secret.
    #[serde(default)]
    pub partial: Vec<String>,
}

equal!(Job {
    id, kind, queue, status, dead_reason, priority, attempt, max_attempts, claim_no, process, created_at, due_at, started_at,
    finished_at, cancel_requested_at, throttles, crashes, suspect, dedupe_key, dedupe_states, dedupe_until, concurrency_key,
    waits_for, tags, error, progress, partial;
    payload, output
});

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Due: a worker may claim it now.
    Pending,
    /// Not due yet.
    Scheduled,
    /// Claimed by a process.
    Running,
    /// Failed, waiting for its next attempt.
    Retrying,
    /// Finished well.
    Done,
    /// Finished for good without success.
    Dead,
    /// A status of a newer version.
    #[serde(other)]
    Unknown,
}

/// Why a job is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// Its attempts are used up.
    Exhausted,
    /// Its handler gave it up.
    Discarded,
    /// A person cancelled it.
    Cancelled,
    /// It kept killing its process.
    Poison,
    /// Its payload does not fit its handler's type.
    Undecodable,
    /// A reason of a newer version.
    #[serde(other)]
    Unknown,
}

/// How far a running handler has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all; `null` when unknown.
    pub total: Option<u64>,
    /// What it is doing.
    pub note: Option<String>,
}

/// A job with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobDetail {
    /// The job.
    pub job: Job,
    /// Its attempts that have ended, oldest first. Of those that did not end in `done` only the last 50 are kept.
    pub attempts: Vec<Attempt>,
    /// What happened to it, oldest first.
    pub events: Vec<JobEvent>,
    /// Its version, as the `ETag`: another one when anything has happened to it.
    #[serde(default)]
    pub version: i64,
}

/// The program that a process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Worker {
    /// The host's name.
    pub host: String,
    /// The operating system's process id.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
}

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorCause {
    /// The type as it names itself; `null` when it does not.
    #[serde(rename = "type")]
    pub error_type: Option<String>,
    /// What it says.
    pub message: String,
}

/// One attempt that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Which attempt, 1-based.
    pub attempt: u32,
    /// The claim it ran under.
    pub claim_no: i64,
    /// The process it ran in.
    pub process: Option<String>,
    /// What is known of that process.
    pub worker: Option<Worker>,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: String,
    /// How long it took.
    pub ran_seconds: Seconds,
    /// How it ended.
    pub result: AttemptResult,
    /// What ended it: `handler`, `panic`, `time_limit`, `undecodable`, `throttles`, `cancel`, `process_died`.
    pub cause: String,
    /// The error text.
    pub error: Option<String>,
    /// The error and its sources, the outermost first; empty when there is no more than the text.
    pub chain: Vec<ErrorCause>,
    /// Where it panicked: file, line and column.
    pub location: Option<String>,
    /// The group of errors that it was counted in.
    pub error_group: Option<String>,
    /// When the job was to come back, if it was.
    pub next_due_at: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// It failed.
    Failed,
    /// The handler asked to wait.
    Throttled,
    /// The handler gave the job up.
    Dead,
    /// It was cancelled.
    Cancelled,
    /// Its process died.
    Crashed,
    /// It worked.
    Done,
    /// A result of a newer version.
    #[serde(other)]
    Unknown,
}

/// One thing that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobEvent {
    /// When.
    pub at: String,
    /// What: `enqueued`, `started`, `failed`, `throttled`, `crashed`, `done`, `dead`, `cancel_requested`,
    /// `cancelled`, `retried`, `replaced`, `run_now`, `released`, `edited`.
    pub event: String,
    /// Which attempt.
    pub attempt: Option<u32>,
    /// Which claim.
    pub claim_no: Option<i64>,
    /// In which process.
    pub process: Option<String>,
    /// What is known of that process.
    pub worker: Option<Worker>,
    /// Who or what made it happen: `caller`, `schedule`, `claim`, `operator`, `handed_back`, the dead reason of a job
    /// that died, or the cause of an attempt's end.
    pub cause: Option<String>,
    /// How long the attempt took that ended here.
    pub ran_seconds: Option<Seconds>,
    /// An error text, the schedule that made the job, or another detail for people.
    pub detail: Option<String>,
    /// The person who caused it, if one did and was named.
    #[serde(default)]
    pub actor: Option<String>,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobEvents {
    /// The job.
    pub id: String,
    /// What happened to it, oldest first.
    pub events: Vec<JobEvent>,
}

/// What came of a verb (cancel, retry, run now, drop) for each of its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerbReport {
    /// In the order of the request.
    pub results: Vec<VerbResult>,
}

/// What came of a verb for one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerbResult {
    /// The job.
    pub id: String,
    /// What came of it.
    pub outcome: VerbOutcome,
    /// Where the job stands, when that is why nothing was done.
    pub status: Option<JobStatus>,
    /// Why it is dead, when that is why nothing was done.
    pub dead_reason: Option<DeadReason>,
    /// The process that was asked to stop it.
    pub process: Option<String>,
    /// The claim that was asked to stop.
    pub claim_no: Option<i64>,
    /// The job that holds its dedupe key.
    pub duplicate_of: Option<String>,
}

/// What came of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerbOutcome {
    /// Cancel: it was waiting and is dead as `cancelled` now.
    Cancelled,
    /// Cancel: it runs, and its process was asked to stop it.
    Requested,
    /// Cancel: it was done or dead before.
    AlreadyFinished,
    /// Retry: it is pending, with a fresh attempt budget.
    Retried,
    /// Run now: it is pending.
    MadePending,
    /// Run now: it was pending before.
    AlreadyPending,
    /// Drop: it is gone, with its history.
    Dropped,
    /// Not allowed where it stands; nothing was changed.
    Refused,
    /// Retry: another job holds its dedupe key; nothing was changed.
    Duplicate,
    /// There is no such job. In JSON of a newer version it may also be an outcome that this version does not know.
    #[serde(other)]
    Unknown,
}

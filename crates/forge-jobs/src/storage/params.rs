//! One struct per operation of the seam.
//!
//! `now` is the time to act at. `None`, as in production, means the database's own clock, because replicas disagree;
//! tests pass a time to move it.

use super::Lease;
use crate::retry::Transition;
use crate::{
    ClaimedJob, DeadReason, Failure, JobId, JobStatus, NewJob, ProcessId, Progress, Timestamp, Timing,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// For [`JobQueue::enqueue`](super::JobQueue::enqueue).
#[derive(Clone, Debug)]
pub struct EnqueueParams {
    /// The jobs, at most [`MAX_ENQUEUE_BATCH`](crate::limits::MAX_ENQUEUE_BATCH).
    pub jobs: Vec<NewJob>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What came of one enqueued job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inserted {
    /// It is in the queue.
    Inserted,
    /// The same job, under the same id, is there already: it was sent twice. Nothing was changed.
    AlreadyThere,
    /// A job of its kind holds its dedupe key. Nothing was inserted.
    Duplicate {
        /// The job that holds the key.
        of: JobId,
    },
    /// The job that holds its dedupe key waited, and has become this one. It keeps its id.
    Replaced {
        /// The job that holds the key.
        of: JobId,
    },
    /// Another job has this id. Nothing was inserted.
    IdTaken,
}

/// For [`JobQueue::claim`](super::JobQueue::claim).
#[derive(Clone, Debug)]
pub struct ClaimParams {
    /// Who claims. It must be registered.
    pub process: ProcessId,
    /// How many jobs of which queues.
    pub wants: Vec<ClaimWant>,
    /// The kinds that the process can run.
    pub kinds: KindFilter,
    /// Ordinary jobs, or one suspect.
    pub mode: ClaimMode,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// How many jobs of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimWant {
    /// The queue.
    pub queue: String,
    /// At most so many.
    pub limit: u32,
}

/// Ordinary jobs, or one suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimMode {
    /// Jobs that nobody suspects, as many as wanted.
    Ordinary,
    /// One job suspected of killing its process, for a process that runs nothing else. Its start is written down in
    /// the same transaction: the claim is the start.
    Alone,
}

/// Which kinds a process can run.
#[derive(Clone, Debug, Default)]
pub enum KindFilter {
    /// Any.
    #[default]
    Any,
    /// These.
    Only(Arc<HashSet<String>>),
}

impl KindFilter {
    /// Whether a job of this kind passes.
    #[must_use]
    pub fn allows(&self, kind: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(kinds) => kinds.contains(kind),
        }
    }
}

/// What a claim gave.
#[derive(Clone, Debug, Default)]
pub struct ClaimBatch {
    /// The jobs, per queue in claim order: (priority, due time, id).
    pub jobs: Vec<Claimed>,
    /// Whether a wanted queue has suspects that this process could run alone.
    pub suspects_waiting: bool,
    /// The version of all queue settings; it grows with each edit.
    pub settings_version: i64,
    /// The wanted queues whose jobs take permits of a budget: at least those that gave such jobs or have some pending. A
    /// queue that is not named may have such jobs at another time.
    pub limited: Vec<LimitedWant>,
}

/// A wanted queue whose jobs take permits of a budget when they are claimed, all of them or some kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedWant {
    /// The queue.
    pub queue: String,
    /// Which of its jobs.
    pub reach: LimitReach,
    /// When it is worth asking for them again, if a budget is used up; `None` while there is some left.
    pub again_in: Option<Duration>,
}

/// Which jobs of a queue a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReach {
    /// All of them.
    Queue,
    /// Those of some kinds.
    Kinds,
}

/// A job and the proof that it is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The job.
    pub job: ClaimedJob,
    /// The proof.
    pub lease: Lease,
}

/// For [`JobQueue::finish`](super::JobQueue::finish).
#[derive(Clone, Debug)]
pub struct FinishParams {
    /// The attempts that ended, at most [`MAX_FINISH_BATCH`](crate::limits::MAX_FINISH_BATCH).
    pub members: Vec<Finish>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The proof of the claim.
    pub lease: Lease,
    /// What becomes of the job.
    pub transition: Transition,
    /// How long it took.
    pub timing: Timing,
    /// What else is known of an attempt that did not end in done; `None`: nothing, and it is counted nowhere.
    pub failure: Option<Box<Failure>>,
}

/// For [`JobQueue::release`](super::JobQueue::release).
#[derive(Clone, Debug)]
pub struct ReleaseParams {
    /// The claims to give back, at most [`MAX_FINISH_BATCH`](crate::limits::MAX_FINISH_BATCH).
    pub leases: Vec<Lease>,
    /// Whether their handlers have begun.
    pub begun: Begun,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// Whether handlers of claims have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// None of them has: the permits that the claims took are given back.
    No,
    /// They may have, and may have used their permits.
    Perhaps,
}

/// For [`JobQueue::record_progress`](super::JobQueue::record_progress).
#[derive(Clone, Debug)]
pub struct ProgressParams {
    /// What each handler last said.
    pub members: Vec<(Lease, Progress)>,
}

/// For [`JobQueue::promote`](super::JobQueue::promote).
#[derive(Clone, Copy, Debug)]
pub struct PromoteParams {
    /// At most so many jobs.
    pub limit: u32,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What a promotion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Promoted {
    /// Jobs that are claimable now.
    pub count: u32,
    /// Until the next deferred job is due; `None` if there is none. Zero when `limit` cut this promotion short.
    pub next_due_in: Option<Duration>,
}

/// For the operator's verbs.
#[derive(Clone, Debug)]
pub struct VerbParams {
    /// The jobs, at most [`MAX_VERB_BATCH`](crate::limits::MAX_VERB_BATCH).
    pub ids: Vec<JobId>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<super::Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What came of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelOutcome {
    /// The job was waiting; it is dead as `cancelled` now.
    Cancelled,
    /// The job is running; its process was asked to stop it. `Done` still makes it done; a failure, a throttle or
    /// a release ends in dead/`cancelled`; a `Dead` that the handler decided on before its process heard of the
    /// request keeps its reason.
    Requested {
        /// The process that runs it.
        process: ProcessId,
        /// The claim it runs under.
        claim_no: i64,
    },
    /// It was done or dead before.
    AlreadyFinished {
        /// Which of the two.
        status: JobStatus,
        /// Why, if dead.
        dead_reason: Option<DeadReason>,
    },
    /// There is no such job.
    Unknown,
}

/// What came of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryOutcome {
    /// It is pending now, with a fresh attempt budget.
    Retried,
    /// Only `dead` and `retrying` jobs can be retried; this one is something else. Nothing was changed.
    Refused {
        /// Where it stands.
        status: JobStatus,
    },
    /// Another job holds its dedupe key. Nothing was changed: finish or drop that one first.
    Duplicate {
        /// The job that holds the key.
        of: JobId,
    },
    /// There is no such job.
    Unknown,
}

/// What came of a run-now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunNowOutcome {
    /// It is pending now; its attempts are as they were.
    MadePending,
    /// It was pending before.
    AlreadyPending,
    /// It runs or is finished. Nothing was changed.
    Refused {
        /// Where it stands.
        status: JobStatus,
    },
    /// There is no such job.
    Unknown,
}

/// What came of a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropOutcome {
    /// It is gone, with its history.
    Dropped,
    /// It runs: cancel it first. Nothing was changed.
    Refused {
        /// Where it stands.
        status: JobStatus,
    },
    /// There is no such job.
    Unknown,
}

/// For [`JobQueue::sweep`](super::JobQueue::sweep).
#[derive(Clone, Copy, Debug)]
pub struct SweepParams {
    /// At most so many jobs.
    pub limit: u32,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What a sweep deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Done jobs past their queue's window.
    pub done: u32,
    /// Dead jobs past their queue's window.
    pub dead: u32,
    /// Whether `limit` cut it short.
    pub more: bool,
}

/// For [`ProcessRegistry::register`](super::ProcessRegistry::register).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterParams {
    /// Identity of this boot.
    pub process: ProcessId,
    /// The host's name, for people.
    pub host: String,
    /// The operating system's process id, for people.
    pub pid: u32,
    /// The version of the program, for people.
    pub version: String,
    /// The kinds it can run, for people; `None`: any.
    pub kinds: Option<Vec<String>>,
    /// The queues it works on, for people; `None`: all.
    pub queues: Option<Vec<String>>,
    /// How often it will beat, for people.
    pub heartbeat_interval: Duration,
    /// The silence after which it counts as dead, for people; each reaper goes by its own.
    pub stale_after: Duration,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// For [`ProcessRegistry::heartbeat`](super::ProcessRegistry::heartbeat).
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatParams {
    /// Who is alive.
    pub process: ProcessId,
    /// Whether it is about to end: it takes nothing on any more.
    pub stopping: bool,
    /// Take the lease of the leader for so long, if it is free, or renew it: the leader does for all processes what one
    /// of them should do. `None`: give it back, if it is this process's.
    pub lead_for: Option<Duration>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heartbeat {
    /// The process is registered and its claims are good.
    Alive {
        /// Its running jobs whose cancel was requested.
        cancels: Vec<Lease>,
        /// The version of all queue settings; it grows with each edit.
        settings_version: i64,
        /// Whether the process is the leader, for as long as it asked for.
        leads: bool,
    },
    /// The registration was ended: somebody took this process for dead and revived its jobs. Stop every handler,
    /// then register anew under a new identity.
    Fenced,
}

/// For [`ProcessRegistry::deregister`](super::ProcessRegistry::deregister).
#[derive(Clone, Copy, Debug)]
pub struct DeregisterParams {
    /// Who leaves.
    pub process: ProcessId,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// For [`ProcessRegistry::reap`](super::ProcessRegistry::reap).
#[derive(Clone, Copy, Debug)]
pub struct ReapParams {
    /// Silence after which a process counts as dead.
    pub stale_after: Duration,
    /// At most so many jobs in this round; the rest waits for the next.
    pub limit: u32,
    /// Who reaps: it is never reaped itself in this call.
    pub by: ProcessId,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What a reaping did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReapReport {
    /// Processes whose registration was ended.
    pub processes: Vec<ProcessId>,
    /// Jobs that are pending again.
    pub revived: Vec<JobId>,
    /// Jobs that are dead as `poison`.
    pub poisoned: Vec<JobId>,
    /// Jobs that are dead as `exhausted`: a crash after a written start charged their last attempt.
    pub exhausted: Vec<JobId>,
    /// Jobs that are dead as `cancelled`, since that was requested before their process died.
    pub cancelled: Vec<JobId>,
    /// Whether `limit` cut it short.
    pub more: bool,
}

/// For [`QueueConfig::ensure`](super::QueueConfig::ensure).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsureQueueParams {
    /// The queue.
    pub queue: String,
    /// Workers per process, as the program's code wants it.
    pub workers: u32,
}

/// For [`QueueConfig::update`](super::QueueConfig::update).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateQueueParams {
    /// The queue.
    pub queue: String,
    /// What to change.
    pub patch: super::QueueSettingsPatch,
    /// Change it only if it still has this version; `None`: whatever it has.
    pub expected_version: Option<i64>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<super::Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

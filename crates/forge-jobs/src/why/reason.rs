//! The answers.

use crate::storage::{BoundedCount, Limited};
use crate::{DeadReason, Job, JobId, JobStatus, ProcessId, Timestamp};
use std::time::Duration;

/// Why a job is not running.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Why {
    /// The job as it stood.
    pub job: Job,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// The reasons, the first one to be dealt with first. Never empty.
    pub reasons: Vec<Reason>,
}

impl Why {
    /// Whether the next free worker takes it, or one after those before it in line: nothing else keeps it from running.
    #[must_use]
    pub fn is_claimable(&self) -> bool {
        self.job.status == JobStatus::Pending && !self.reasons.iter().any(Reason::holds)
    }
}

/// What keeps a job from running; or, of one that runs or is finished, that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is done or dead.
    Finished {
        /// Which of them.
        status: JobStatus,
        /// Why it is dead.
        reason: Option<DeadReason>,
        /// When it ended.
        at: Option<Timestamp>,
        /// The latest error.
        error: Option<String>,
    },
    /// It is running.
    Running {
        /// In this process.
        process: Option<ProcessId>,
        /// Since then.
        since: Option<Timestamp>,
        /// When it was asked to stop.
        cancel_requested_at: Option<Timestamp>,
    },
    /// It was claimed by a process that has died, or has been silent for too long: a live one revives it.
    HolderGone {
        /// The process.
        process: Option<ProcessId>,
        /// Its last sign of life, if it is still registered.
        beat_at: Option<Timestamp>,
        /// When its jobs are revived, at the earliest.
        revived_at: Timestamp,
    },
    /// Its time has not come.
    NotDue {
        /// When it comes.
        until: Timestamp,
        /// Why only then.
        cause: NotDueCause,
    },
    /// Its time has come, and the next process that looks makes it pending: mostly within milliseconds.
    NotPromoted {
        /// Since when it is due.
        since: Timestamp,
    },
    /// Claims from its queue are suspended.
    QueuePaused {
        /// The queue.
        queue: String,
        /// Who paused it, if that was told.
        by: Option<String>,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// No live process can run it.
    NoProcess {
        /// Its queue.
        queue: String,
        /// Its kind.
        kind: String,
        /// Processes that are alive.
        alive: u32,
        /// Those of them that work on the queue.
        on_queue: u32,
    },
    /// Another job of its kind has its concurrency key.
    KeyHeld {
        /// The key.
        key: String,
        /// The job that has it.
        by: JobId,
    },
    /// The budget of its queue or kind is used up.
    BudgetUsedUp {
        /// What is attached to it.
        what: Limited,
        /// The scope.
        scope: String,
        /// Permits that count now.
        used: u32,
        /// Permits of a window.
        permits: u32,
        /// The window.
        window: Duration,
        /// When the next one can be given.
        next_at: Option<Timestamp>,
    },
    /// The budget of its queue or kind is drained.
    BudgetDrained {
        /// What is attached to it.
        what: Limited,
        /// The scope.
        scope: String,
        /// Nothing is given before this.
        until: Timestamp,
    },
    /// All processes together run as many jobs of its queue as they may.
    QueueFull {
        /// The queue.
        queue: String,
        /// Jobs that are claimed.
        running: u64,
        /// The bound.
        max_running: u32,
    },
    /// Each process that can run it has all its workers of the queue at work.
    AllBusy {
        /// The queue.
        queue: String,
        /// Processes that can run it.
        processes: u32,
        /// Workers that each has for the queue.
        workers: u32,
    },
    /// Its process died with it, so it runs alone: once one process has ended what it runs.
    RunsAlone {
        /// Crashes of its process that count against it.
        crashes: u32,
    },
    /// It can be claimed.
    InLine {
        /// Jobs before it, of kinds that live processes can run.
        ahead: BoundedCount,
        /// Jobs in the line, this one included.
        of: BoundedCount,
        /// How long that takes at the rate of the last minutes; `None` if nothing of its queue was started in them.
        takes: Option<Duration>,
    },
}

/// Why a job is due only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotDueCause {
    /// It was asked for at that time, or with a delay.
    Asked,
    /// An attempt failed, and the next one waits.
    Backoff {
        /// The attempt that failed.
        attempt: u32,
        /// The attempt after which a failure is final.
        max_attempts: u32,
    },
    /// Its handler asked to wait.
    Throttled {
        /// How often in a row.
        times: u32,
    },
}

impl Reason {
    /// Whether the job cannot be claimed while this lasts.
    #[must_use]
    pub const fn holds(&self) -> bool {
        !matches!(self, Self::AllBusy { .. } | Self::InLine { .. } | Self::RunsAlone { .. })
    }

    /// A name for programs, in `snake_case`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished { .. } => "finished",
            Self::Running { .. } => "running",
            Self::HolderGone { .. } => "holder_gone",
            Self::NotDue { .. } => "not_due",
            Self::NotPromoted { .. } => "not_promoted",
            Self::QueuePaused { .. } => "queue_paused",
            Self::NoProcess { .. } => "no_process",
            Self::KeyHeld { .. } => "key_held",
            Self::BudgetUsedUp { .. } => "budget_used_up",
            Self::BudgetDrained { .. } => "budget_drained",
            Self::QueueFull { .. } => "queue_full",
            Self::AllBusy { .. } => "all_busy",
            Self::RunsAlone { .. } => "runs_alone",
            Self::InLine { .. } => "in_line",
        }
    }

    /// When it ends by itself, as far as that is known.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::NotDue { until, .. } | Self::BudgetDrained { until, .. } => Some(*until),
            Self::HolderGone { revived_at, .. } => Some(*revived_at),
            Self::BudgetUsedUp { next_at, .. } => *next_at,
            _ => None,
        }
    }
}

//! Why a job is not running.

use super::{BoundedCount, JobStatus};
use serde::{Deserialize, Serialize};

/// Why a job is not running, or that it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// The job.
    pub id: String,
    /// Where it stands.
    pub status: JobStatus,
    /// When that was so, by the database's clock.
    pub at: String,
    /// Whether the next free worker takes it, or one after those before it in line.
    pub claimable: bool,
    /// The reasons, the first one to be dealt with first. Never empty.
    pub reasons: Vec<WhyReason>,
}

/// What keeps a job from running; or, of one that runs or is finished, that it does. Values that a reason has not are
/// null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhyReason {
    /// `finished`, `running`, `holder_gone`, `not_due`, `not_promoted`, `queue_paused`, `no_process`, `key_held`,
    /// `budget_used_up`, `budget_drained`, `queue_full`, `all_busy`, `runs_alone` or `in_line`; a newer version may know
    /// more.
    pub reason: String,
    /// The same for people, with what helps.
    pub text: String,
    /// Whether the job cannot be claimed while this lasts.
    pub holds: bool,
    /// When it ends by itself, as far as that is known.
    pub until: Option<String>,
    /// Who paused the queue, if that was told.
    #[serde(default)]
    pub by: Option<String>,
    /// Since when it is so, if that is known.
    #[serde(default)]
    pub since: Option<String>,
    /// The queue that it is about.
    pub queue: Option<String>,
    /// The kind that it is about.
    pub kind: Option<String>,
    /// The process that runs or ran it.
    pub process: Option<String>,
    /// The job that has its concurrency key.
    pub job: Option<String>,
    /// The scope of the budget.
    pub scope: Option<String>,
    /// Permits that are used, or jobs that run.
    pub used: Option<u64>,
    /// How many there may be.
    pub limit: Option<u64>,
    /// Jobs before it in line.
    pub ahead: Option<BoundedCount>,
    /// Jobs in the line.
    pub of: Option<BoundedCount>,
    /// Seconds until its turn, at the rate of the last minutes; null if nothing was started in them.
    pub takes_seconds: Option<f64>,
}

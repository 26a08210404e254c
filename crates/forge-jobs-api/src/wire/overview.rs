//! What a person needs to see first.

use super::{Counts, Latency, Seconds};
use serde::{Deserialize, Serialize};

/// The state of all queues together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    /// The server's version.
    pub version: String,
    /// When that was so.
    pub at: String,
    /// How many queues there are.
    pub queues: u64,
    /// How many of them are paused.
    pub paused_queues: u64,
    /// How many schedules there are.
    pub schedules: u64,
    /// How many processes are alive.
    pub live_processes: u64,
    /// How many processes were silent for so long that they count as dead, and are still registered.
    pub stale_processes: u64,
    /// Jobs of all queues together. Each count of a queue stops at 10,000.
    pub counts: Counts,
    /// What happened to jobs of all queues in the last minutes.
    pub recent: Recent,
    /// Each queue, by name; of more than 200 those with the most jobs that could run.
    pub by_queue: Vec<QueueGlance>,
    /// Queues that are not among them.
    #[serde(default)]
    pub queues_left_out: u64,
    /// What needs a person; empty when all is well. At most 100.
    pub alerts: Vec<Alert>,
    /// So many more need a person.
    #[serde(default)]
    pub alerts_left_out: u64,
}

/// A queue at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueGlance {
    /// The queue.
    pub queue: String,
    /// Whether claims are suspended.
    pub paused: bool,
    /// Its jobs by status.
    pub counts: Counts,
    /// How long the first job that could run has been waiting; `null` without one.
    pub oldest_waiting_seconds: Option<Seconds>,
    /// Live processes that work on it.
    pub processes: u64,
    /// What happened to its jobs in the last minutes.
    pub recent: Recent,
}

/// What happened to jobs in the last minutes, as far as it was added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recent {
    /// How long that is.
    pub seconds: Seconds,
    /// Jobs that came in, per second.
    pub enqueued_per_second: f64,
    /// Attempts that began, per second.
    pub started_per_second: f64,
    /// Jobs that were done, per second.
    pub done_per_second: f64,
    /// Attempts that failed, crashed or ended with a dead job, per second; what people cancelled is not among them.
    pub failed_per_second: f64,
    /// From when jobs were due until their handlers began; `null` if none did.
    pub wait: Option<Latency>,
    /// How long handlers ran; `null` if none ended.
    pub run: Option<Latency>,
}

/// What sort of thing needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertSort {
    /// Jobs of a queue wait, and nobody works on it.
    QueueWithoutWorker,
    /// A process is silent, and nobody has revived its jobs.
    StaleProcess,
    /// A schedule was to fire and has not.
    ScheduleOverdue,
    /// The latest job of a schedule is dead.
    ScheduleFailing,
    /// A schedule is not understood by this version.
    ScheduleUnreadable,
    /// The volume of the database, or of a process beside a database on a server, is nearly full.
    DiskNearlyFull,
    /// A session holds an old snapshot, which slows the database down.
    SnapshotHeld,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// What sort of thing it is.
    pub alert: AlertSort,
    /// The queue, process, schedule or host that it is about.
    pub subject: String,
    /// What is wrong.
    pub text: String,
    /// What helps.
    pub remedy: String,
}

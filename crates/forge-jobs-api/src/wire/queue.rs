//! Queues: settings and counts.

use super::{Process, Seconds};
use serde::{Deserialize, Serialize};

/// All queues, and who works on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueList {
    /// By name.
    pub queues: Vec<Queue>,
    /// The live processes, oldest first.
    pub processes: Vec<Process>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Grows with each edit; for edits that must not overwrite another's.
    pub version: i64,
    /// Whether a person set the workers, so that the number in the program's code does not undo it.
    pub workers_set_by_operator: bool,
    /// Since when it is paused; `null` while it is not.
    #[serde(default)]
    pub paused_at: Option<String>,
    /// Who paused it, if that was told.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// Its settings.
    pub settings: QueueSettings,
    /// How many jobs stand where; `null` where they were not counted.
    pub counts: Option<Counts>,
}

/// The settings of a queue. All take effect on the next tick of each process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueSettings {
    /// Jobs that one process runs at a time.
    pub workers: u32,
    /// Whether claims are suspended.
    pub paused: bool,
    /// Whether there is a delay before the next attempt.
    pub backoff_enabled: bool,
    /// Delay after the first failure.
    pub base_seconds: Seconds,
    /// Longest delay.
    pub max_seconds: Seconds,
    /// How long done jobs are kept.
    pub done_retention_seconds: Retention,
    /// How long dead jobs are kept.
    pub dead_retention_seconds: Retention,
    /// Jobs that all processes together run at a time; `null`: no bound but the workers of each process.
    #[serde(default)]
    pub max_running: Option<u32>,
}

/// How long finished jobs are kept: a number of seconds, or `"forever"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Retention {
    /// For so many seconds after they finished.
    For(Seconds),
    /// Until somebody drops them.
    Forever(Forever),
}

impl Retention {
    /// Until somebody drops them.
    pub const FOREVER: Self = Self::Forever(Forever::Forever);
}

/// The word `"forever"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Forever {
    /// `"forever"`.
    Forever,
}

/// A count that stops at a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BoundedCount {
    /// So many, at least.
    pub count: u64,
    /// Whether there are more.
    pub more: bool,
}

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// Due.
    pub pending: BoundedCount,
    /// Not due yet.
    pub scheduled: BoundedCount,
    /// Claimed.
    pub running: BoundedCount,
    /// Waiting for their next attempt.
    pub retrying: BoundedCount,
    /// Finished well.
    pub done: BoundedCount,
    /// Finished without success.
    pub dead: BoundedCount,
}

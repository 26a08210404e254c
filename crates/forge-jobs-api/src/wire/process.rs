//! Worker processes.

use super::{BoundedCount, Seconds};
use serde::{Deserialize, Serialize};

/// A registered process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Process {
    /// Identity of this boot.
    pub id: String,
    /// The host's name.
    pub host: String,
    /// The operating system's process id.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// The kinds it can run; `null`: any.
    pub kinds: Option<Vec<String>>,
    /// The queues it works on; `null`: all.
    pub queues: Option<Vec<String>>,
    /// When it registered.
    pub started_at: String,
    /// Its last confirmed heartbeat.
    pub beat_at: String,
    /// How often it beats, in seconds.
    pub heartbeat_seconds: Seconds,
    /// The silence after which it counts as dead, in seconds.
    pub stale_seconds: Seconds,
    /// Whether it is about to end: it takes nothing on any more.
    pub stopping: bool,
    /// Whether it was silent for more than two heartbeats, and is not taken for dead yet.
    pub late: bool,
    /// Whether its last heartbeat is recent enough to count as alive, and it is not known to have died.
    pub live: bool,
    /// Jobs it holds, running or claimed ahead.
    pub holds: BoundedCount,
}

/// What a worker's stop came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stopped {
    /// Identity of the boot that stopped.
    pub process: String,
    /// Attempts whose end was written while it stopped.
    pub finished: u64,
    /// Claims that were given back.
    pub handed_back: u64,
    /// Jobs whose handlers still ran when the process ended; they were given back too.
    pub cut_short: Vec<String>,
}

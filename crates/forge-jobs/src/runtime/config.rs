//! Intervals and choice of queues.
use crate::limits;
use std::collections::BTreeMap;
use std::time::Duration;

/// Intervals, and which queues to run. Every interval can be set in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// How often this process confirms that it is alive. Default 10 s, at least 10 ms.
    pub heartbeat_interval: Duration,
    /// Silence after which another process counts as dead. Default 45 s, at least four heartbeats.
    pub stale_after: Duration,
    /// How often to look for dead processes. Default 15 s.
    pub reaper_interval: Duration,
    /// How often to delete finished jobs past their retention. Default 30 s.
    pub sweep_interval: Duration,
    /// Longest wait between two looks while there is work. Default 1 s.
    pub poll_busy: Duration,
    /// Longest wait between two looks while there is none. Default 5 s.
    pub poll_idle: Duration,
    /// Time for handlers to stop after they were told to. Default 5 s.
    pub cancel_grace: Duration,
    /// Run only these queues, with this many workers each (`None`: what the queue's settings say). Empty: every
    /// queue.
    pub queues: BTreeMap<String, Option<u32>>,
    /// The version of the program, shown to people.
    pub version: String,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            stale_after: limits::STALE_AFTER,
            reaper_interval: limits::REAPER_INTERVAL,
            sweep_interval: limits::SWEEP_INTERVAL,
            poll_busy: limits::POLL_BUSY,
            poll_idle: limits::POLL_IDLE,
            cancel_grace: limits::CANCEL_GRACE,
            queues: BTreeMap::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

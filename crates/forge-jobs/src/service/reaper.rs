//! Revives the jobs of dead processes. Any process may do it; the storage makes it idempotent.

use super::Service;
use super::clocks::{CLOCK_TOLERANCE, Clocks};
use crate::limits::MAX_CLAIM_BATCH;
use crate::runtime::{Core, in_time};
use crate::storage::{ReapParams, StorageError};
use crate::{Timestamp, telemetry};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What tells that a process is dead.
enum Trust {
    /// Silence for the stale window, up to this time (`None`: the database's own), or certain death.
    Silence(Option<Timestamp>),
    /// Certain death alone: its lock is free.
    DeathAlone,
}

/// Revives the jobs of dead processes.
pub(crate) struct Reaper {
    core: Arc<Core>,
    clocks: Clocks,
}

impl Reaper {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, clocks: Clocks::default() }
    }

    /// By what this round goes. On a storage whose clock is the host's, a step by an hour makes everybody's last
    /// heartbeat look an hour old; and so does a sleep of the machine, or of this process and the others with it.
    /// Until the next round all who live have beaten again.
    fn trust(&mut self) -> Trust {
        let passed = self.clocks.look();
        if !self.core.storage.capabilities.host_clock || self.core.clock.storage_now().is_some() {
            return Trust::Silence(self.core.clock.storage_now());
        }
        // Whether the clock was stepped just before this start nobody can tell.
        let Some(passed) = passed else { return Trust::DeathAlone };
        let was_away = passed.boot > 2 * self.core.config.reaper_interval + CLOCK_TOLERANCE;
        if passed.stepped() || was_away {
            telemetry::reaper_skipped(passed.wall, passed.boot);
            return Trust::DeathAlone;
        }
        // The time that was checked: a step from here on changes nothing.
        Trust::Silence(Some(passed.now))
    }
}

#[async_trait]
impl Service for Reaper {
    fn name(&self) -> &'static str {
        "reaper"
    }

    fn interval(&self) -> Duration {
        self.core.config.reaper_interval
    }

    /// A program that was killed and started again finds its jobs at once.
    fn starts_at_once(&self) -> bool {
        true
    }

    async fn run_once(&mut self) -> Result<(), StorageError> {
        let (stale_after, now) = match self.trust() {
            Trust::Silence(now) => (self.core.config.stale_after, now),
            Trust::DeathAlone => (Duration::MAX, None),
        };
        loop {
            let Some(session) = self.core.sessions.current() else { return Ok(()) };
            let params = ReapParams { stale_after, limit: MAX_CLAIM_BATCH, by: session.process, now };
            let report = in_time(self.core.storage.processes.reap(params)).await?;
            telemetry::reaped(&report);
            if !report.more || self.core.is_stopping() {
                return Ok(());
            }
        }
    }
}

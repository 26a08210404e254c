//! Revives the jobs of dead processes. Any process may do it; the storage makes it idempotent.

use super::Service;
use crate::limits::MAX_CLAIM_BATCH;
use crate::runtime::{BootInstant, Core, in_time};
use crate::storage::{ReapParams, StorageError};
use crate::{Timestamp, telemetry};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A round is skipped when wall and boot clock disagree by more than this about the time since the last one.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Revives the jobs of dead processes.
pub(crate) struct Reaper {
    core: Arc<Core>,
    last: Option<(Timestamp, BootInstant)>,
}

impl Reaper {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core, last: None }
    }

    /// Whether the wall clock was stepped since the last round. On a storage whose clock is the host's, a step by
    /// an hour makes everybody's last heartbeat look an hour old; until the next round all have beaten again.
    fn clock_was_stepped(&mut self) -> bool {
        let now = (Timestamp::now(), BootInstant::now());
        let Some(last) = self.last.replace(now) else { return false };
        if !self.core.storage.capabilities.host_clock || self.core.clock.storage_now().is_some() {
            return false;
        }
        let boot = now.1.saturating_since(last.1);
        let wall = now.0.saturating_since(last.0);
        let stepped = now.0 < last.0 || boot.abs_diff(wall) > CLOCK_TOLERANCE;
        if stepped {
            telemetry::reaper_skipped(wall, boot);
        }
        stepped
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
        if self.clock_was_stepped() {
            return Ok(());
        }
        loop {
            let Some(session) = self.core.sessions.current() else { return Ok(()) };
            let params = ReapParams {
                stale_after: self.core.config.stale_after,
                limit: MAX_CLAIM_BATCH,
                by: session.process,
                now: self.core.clock.storage_now(),
            };
            let report = in_time(self.core.storage.processes.reap(params)).await?;
            telemetry::reaped(&report);
            if !report.more || self.core.is_stopping() {
                return Ok(());
            }
        }
    }
}

//! Upkeep: adds up what was seen of errors; and retention: deletes finished jobs past their queue's window, a bounded batch at a time.

use super::Service;
use crate::limits::{AUDIT_RETENTION, MAX_COUNTED_BATCH, SWEEP_BATCH};
use crate::runtime::{Core, in_time};
use crate::storage::{StorageError, SweepAuditParams, SweepParams, TendErrorsParams};
use crate::telemetry;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Between two batches, so that a large sweep leaves the database to others in between.
const PAUSE: Duration = Duration::from_millis(50);

/// Deletes finished jobs past their retention.
pub(crate) struct Cleanup {
    core: Arc<Core>,
}

impl Cleanup {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl Cleanup {
    /// Adds up what was seen of errors, and forgets what was not seen for long.
    async fn tend_errors(&self) -> Result<(), StorageError> {
        loop {
            let params = TendErrorsParams { limit: MAX_COUNTED_BATCH, now: self.core.clock.storage_now() };
            let report = in_time(self.core.storage.history.tend_errors(params)).await?;
            if !report.more || self.core.is_stopping() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[async_trait]
impl Service for Cleanup {
    fn name(&self) -> &'static str {
        "cleanup"
    }

    fn interval(&self) -> Duration {
        self.core.config.sweep_interval
    }

    async fn run_once(&mut self) -> Result<(), StorageError> {
        // One process is enough; the others would look for the same rows.
        if !self.core.is_leader() {
            return Ok(());
        }
        let now = self.core.clock.storage_now();
        in_time(self.core.storage.rate_limits.sweep_budgets(SWEEP_BATCH, now)).await?;
        // One round of it in each: there are few actions of people.
        let old = SweepAuditParams { keep: AUDIT_RETENTION, limit: SWEEP_BATCH, now };
        in_time(self.core.storage.audit.sweep_audit(old)).await?;
        self.tend_errors().await?;
        loop {
            let params = SweepParams { limit: SWEEP_BATCH, now: self.core.clock.storage_now() };
            let report = in_time(self.core.storage.jobs.sweep(params)).await?;
            telemetry::swept(report);
            if !report.more || self.core.is_stopping() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

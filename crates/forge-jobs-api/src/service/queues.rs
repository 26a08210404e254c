//! Queues and their settings.

use super::{Api, ApiError};
use crate::wire::{Queue, QueueEdit, QueueList, Retention, Seconds};
use forge_jobs::storage::{self, QueueSettingsPatch, UpdateQueueParams};
use std::sync::Arc;
use std::time::Duration;

/// A number of seconds as a duration.
pub(super) fn duration(field: &'static str, Seconds(seconds): Seconds) -> Result<Duration, ApiError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        let remedy = "use a number of seconds of 0 or more, within the bounds of the field";
        ApiError::invalid(field, format!("{field} {seconds} is out of range")).with_remedy(remedy)
    })
}

fn retention(field: &'static str, value: Retention) -> Result<storage::Retention, ApiError> {
    match value {
        Retention::For(seconds) => duration(field, seconds).map(storage::Retention::For),
        Retention::Forever(_) => Ok(storage::Retention::Forever),
    }
}

fn patch(edit: &QueueEdit) -> Result<QueueSettingsPatch, ApiError> {
    let mut patch = QueueSettingsPatch::default();
    patch.workers = edit.workers;
    patch.paused = edit.paused;
    patch.backoff_enabled = edit.backoff_enabled;
    patch.backoff_base = edit.base_seconds.map(|s| duration("base_seconds", s)).transpose()?;
    patch.backoff_max = edit.max_seconds.map(|s| duration("max_seconds", s)).transpose()?;
    patch.done_retention =
        edit.done_retention_seconds.map(|r| retention("done_retention_seconds", r)).transpose()?;
    patch.dead_retention =
        edit.dead_retention_seconds.map(|r| retention("dead_retention_seconds", r)).transpose()?;
    patch.max_running = edit.max_running;
    Ok(patch)
}

impl Api {
    /// Queues with their counts, at most half a second old, or some seconds where counting takes long; never from before
    /// something was changed through this object.
    pub(super) async fn counted_queues(&self) -> Result<Vec<Queue>, ApiError> {
        let inspect = Arc::clone(&self.storage.inspect);
        let count = move || async move {
            let rows = inspect.queue_counts().await?;
            Ok(rows.iter().map(Queue::from).collect())
        };
        self.counted.get_or_renew(count).await
    }

    /// All queues with their settings and counts, by name, and the live processes.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn queues(&self) -> Result<QueueList, ApiError> {
        let queues = self.counted_queues().await?;
        let mut processes = self.processes().await?.processes;
        processes.retain(|p| p.live);
        Ok(QueueList { queues, processes })
    }

    /// One queue, with its counts.
    ///
    /// # Errors
    ///
    /// `not_found`, and what reading the storage gave.
    pub async fn queue(&self, name: &str) -> Result<Queue, ApiError> {
        ApiError::unless_named("queue", name)?;
        // Settings are never old: an edit that begins with them would be refused.
        let row = self.storage.queues.get(name).await?.ok_or_else(|| ApiError::not_found("queue", name))?;
        let find = |queues: Vec<Queue>| queues.into_iter().find(|q| q.name == name).and_then(|q| q.counts);
        let mut counts = find(self.counted_queues().await?);
        if counts.is_none() {
            // It is newer than the latest count.
            self.touched();
            counts = find(self.counted_queues().await?);
        }
        Ok(Queue { counts, ..Queue::from(&row) })
    }

    /// Changes settings of a queue, if it still has the expected version; `None`: whatever it has.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, `precondition_failed`, and what the storage gave. Nothing is changed then.
    pub async fn edit_queue(
        &self,
        name: &str,
        edit: &QueueEdit,
        expected_version: Option<i64>,
    ) -> Result<Queue, ApiError> {
        if *edit == QueueEdit::default() {
            return Err(ApiError::invalid("body", "nothing to change: give at least one setting"));
        }
        self.update_queue(name, patch(edit)?, expected_version).await
    }

    /// Claims no more jobs of a queue; running ones go on.
    ///
    /// # Errors
    ///
    /// As [`Self::edit_queue`].
    pub async fn pause_queue(&self, name: &str, expected_version: Option<i64>) -> Result<Queue, ApiError> {
        self.update_queue(name, QueueSettingsPatch::paused(true), expected_version).await
    }

    /// Claims jobs of a queue again.
    ///
    /// # Errors
    ///
    /// As [`Self::edit_queue`].
    pub async fn resume_queue(&self, name: &str, expected_version: Option<i64>) -> Result<Queue, ApiError> {
        self.update_queue(name, QueueSettingsPatch::paused(false), expected_version).await
    }

    async fn update_queue(
        &self,
        name: &str,
        patch: QueueSettingsPatch,
        expected_version: Option<i64>,
    ) -> Result<Queue, ApiError> {
        ApiError::unless_named("queue", name)?;
        let params = UpdateQueueParams {
            queue: name.to_owned(),
            patch,
            expected_version,
            actor: self.actor(),
            now: None,
        };
        let row = self.storage.queues.update(params).await;
        self.touched();
        row.map(|row| Queue::from(&row)).map_err(|e| ApiError::from(e).if_match(expected_version))
    }
}

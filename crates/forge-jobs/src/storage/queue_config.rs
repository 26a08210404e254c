//! `QueueConfig`: per-queue knobs, live.

use super::{EnsureQueueParams, InvalidValue, StorageError, UpdateQueueParams};
use crate::Timestamp;
use crate::limits::{
    DEAD_RETENTION, DEFAULT_WORKERS, DONE_RETENTION, MAX_BACKOFF_SETTING, MAX_RETENTION, MAX_RUNNING,
    MAX_WORKERS,
};
use crate::retry::BackoffPolicy;
use async_trait::async_trait;
use std::time::Duration;

/// How long finished jobs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For this long after they finished. Zero: until the next sweep.
    For(Duration),
    /// Until somebody drops them.
    Forever,
}

/// The settings of a queue. All are live: an edit takes effect on the next tick of each process, without a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueSettings {
    /// Jobs of this queue that one process runs at a time. Default 10, range 0 to 1,024. Lowering it harms no running job.
    pub workers: u32,
    /// Whether claims are suspended. Running jobs go on.
    pub paused: bool,
    /// The delay before the next attempt, for failures and throttles alike.
    pub backoff: BackoffPolicy,
    /// How long done jobs are kept. Default 7 days.
    pub done_retention: Retention,
    /// How long dead jobs are kept. Default 30 days.
    pub dead_retention: Retention,
    /// Jobs that all processes together run at a time. Default `None`: no bound but the workers of each process; range 1
    /// to 1,000,000. Nothing is claimed ahead in a queue with a bound. Lowering it harms no running job.
    pub max_running: Option<u32>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            workers: DEFAULT_WORKERS,
            paused: false,
            backoff: BackoffPolicy::default(),
            done_retention: Retention::For(DONE_RETENTION),
            dead_retention: Retention::For(DEAD_RETENTION),
            max_running: None,
        }
    }
}

impl QueueSettings {
    /// Checks every bound.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for the first value out of range, naming field, value and remedy.
    pub fn validate(&self) -> Result<(), InvalidValue> {
        let bad = |field, value: String, remedy: String| Err(InvalidValue { field, value, remedy });
        if self.workers > MAX_WORKERS {
            return bad("workers", self.workers.to_string(), format!("use 0 to {MAX_WORKERS}"));
        }
        if let Some(bound) = self.max_running
            && !(1..=MAX_RUNNING).contains(&bound)
        {
            let remedy =
                format!("use 1 to {MAX_RUNNING}, or \"none\"; to hold a queue up altogether, pause it");
            return bad("max_running", bound.to_string(), remedy);
        }
        let BackoffPolicy { base, max, .. } = self.backoff;
        let most = MAX_BACKOFF_SETTING.as_secs();
        for (field, value) in [("base_seconds", base), ("max_seconds", max)] {
            if value > MAX_BACKOFF_SETTING {
                return bad(field, value.as_secs_f64().to_string(), format!("use 0 to {most}"));
            }
        }
        if base > max {
            let remedy = format!("it must not be above max_seconds, which is {}", max.as_secs_f64());
            return bad("base_seconds", base.as_secs_f64().to_string(), remedy);
        }
        for (field, value) in
            [("done_retention_seconds", self.done_retention), ("dead_retention_seconds", self.dead_retention)]
        {
            if let Retention::For(d) = value
                && d > MAX_RETENTION
            {
                let remedy = format!("use 0 to {}, or \"forever\"", MAX_RETENTION.as_secs());
                return bad(field, d.as_secs_f64().to_string(), remedy);
            }
        }
        Ok(())
    }
}

/// What to change of a queue's settings; `None` leaves a value as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueueSettingsPatch {
    /// See [`QueueSettings::workers`].
    pub workers: Option<u32>,
    /// See [`QueueSettings::paused`].
    pub paused: Option<bool>,
    /// See [`BackoffPolicy::enabled`].
    pub backoff_enabled: Option<bool>,
    /// See [`BackoffPolicy::base`].
    pub backoff_base: Option<Duration>,
    /// See [`BackoffPolicy::max`].
    pub backoff_max: Option<Duration>,
    /// See [`QueueSettings::done_retention`].
    pub done_retention: Option<Retention>,
    /// See [`QueueSettings::dead_retention`].
    pub dead_retention: Option<Retention>,
    /// See [`QueueSettings::max_running`]; `Some(None)` takes the bound away.
    pub max_running: Option<Option<u32>>,
}

impl QueueSettingsPatch {
    /// A patch that pauses (`true`) or resumes (`false`).
    #[must_use]
    pub fn paused(paused: bool) -> Self {
        Self { paused: Some(paused), ..Self::default() }
    }

    /// A patch that sets the workers per process.
    #[must_use]
    pub fn workers(workers: u32) -> Self {
        Self { workers: Some(workers), ..Self::default() }
    }

    /// Sets the backoff.
    #[must_use]
    pub const fn with_backoff(mut self, policy: BackoffPolicy) -> Self {
        self.backoff_enabled = Some(policy.enabled);
        self.backoff_base = Some(policy.base);
        self.backoff_max = Some(policy.max);
        self
    }

    /// Sets how long done jobs are kept.
    #[must_use]
    pub const fn with_done_retention(mut self, retention: Retention) -> Self {
        self.done_retention = Some(retention);
        self
    }

    /// Sets how long dead jobs are kept.
    #[must_use]
    pub const fn with_dead_retention(mut self, retention: Retention) -> Self {
        self.dead_retention = Some(retention);
        self
    }

    /// Sets how many jobs all processes together run at a time; `None`: no bound.
    #[must_use]
    pub const fn with_max_running(mut self, bound: Option<u32>) -> Self {
        self.max_running = Some(bound);
        self
    }

    /// The settings after this change.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] when the result is out of bounds.
    pub fn apply(&self, to: QueueSettings) -> Result<QueueSettings, InvalidValue> {
        let settings = QueueSettings {
            workers: self.workers.unwrap_or(to.workers),
            paused: self.paused.unwrap_or(to.paused),
            backoff: BackoffPolicy {
                enabled: self.backoff_enabled.unwrap_or(to.backoff.enabled),
                base: self.backoff_base.unwrap_or(to.backoff.base),
                max: self.backoff_max.unwrap_or(to.backoff.max),
            },
            done_retention: self.done_retention.unwrap_or(to.done_retention),
            dead_retention: self.dead_retention.unwrap_or(to.dead_retention),
            max_running: self.max_running.unwrap_or(to.max_running),
        };
        settings.validate()?;
        Ok(settings)
    }
}

/// A queue and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: QueueSettings,
    /// Grows with each edit; for edits that must not overwrite another's.
    pub version: i64,
    /// Whether a person set the workers: then the number in the program's code does not undo it.
    pub workers_set_by_operator: bool,
    /// Since when it is paused; `None` while it is not.
    pub paused_at: Option<Timestamp>,
    /// Who paused it, if that was told.
    pub paused_by: Option<String>,
}

/// Per-queue knobs.
///
/// Every call is one transaction, and idempotent unless its doc says otherwise.
#[async_trait]
pub trait QueueConfig: Send + Sync + 'static {
    /// Creates the queue if it is not there, else sets its workers unless an operator did. Returns it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a bad name or number of workers; nothing is changed then.
    async fn ensure(&self, params: EnsureQueueParams) -> Result<QueueRow, StorageError>;

    /// Changes settings and returns the queue. Not idempotent: each call makes a new version.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`], [`StorageError::Conflict`] when `expected_version` is not the present one,
    /// [`StorageError::Invalid`]; nothing is changed then.
    async fn update(&self, params: UpdateQueueParams) -> Result<QueueRow, StorageError>;

    /// One queue; `None` if there is none of that name.
    async fn get(&self, queue: &str) -> Result<Option<QueueRow>, StorageError>;

    /// All queues, by name.
    async fn list(&self) -> Result<Vec<QueueRow>, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_settings_are_refused_with_field_value_and_remedy() {
        let base = QueueSettings::default();
        let long = Duration::from_secs(u64::MAX);
        for (patch, words) in [
            (QueueSettingsPatch::workers(1_025), "workers 1025"),
            (QueueSettingsPatch::default().with_max_running(Some(0)), "max_running 0"),
            (QueueSettingsPatch { backoff_max: Some(long), ..Default::default() }, "max_seconds"),
            (
                QueueSettingsPatch { backoff_base: Some(Duration::from_secs(30_000)), ..Default::default() },
                "base_seconds 30000",
            ),
            (
                QueueSettingsPatch::default().with_done_retention(Retention::For(long)),
                "done_retention_seconds",
            ),
            (
                QueueSettingsPatch::default().with_dead_retention(Retention::For(long)),
                "dead_retention_seconds",
            ),
        ] {
            let e = patch.apply(base).unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        }
    }

    #[test]
    fn an_empty_patch_changes_nothing() {
        let base = QueueSettings { workers: 3, paused: true, ..Default::default() };
        assert_eq!(QueueSettingsPatch::default().apply(base), Ok(base));
    }
}

//! Queues at run time: their settings, paused and resumed.

use crate::storage::{Actor, QueueRow, QueueSettingsPatch, Storage, StorageError, UpdateQueueParams};
use crate::{Clock, SystemClock, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Edits queues as a person does.
///
/// What it sets is in effect at once, in every process, and no program's start undoes it. For what a program wants as
/// long as nobody has said otherwise there is [`QueueRuntime::ensure_queue`](crate::QueueRuntime::ensure_queue).
///
/// No call that changes something is cancel safe: one that is dropped may take effect all the same.
///
/// ```no_run
/// # use forge_jobs::QueueRuntime;
/// # use forge_jobs::storage::{QueueSettingsPatch, StorageError};
/// # async fn calm(runtime: &QueueRuntime) -> Result<(), StorageError> {
/// let queues = runtime.queues();
/// queues.pause("mail").await?;
/// queues.set("mail", QueueSettingsPatch::workers(2)).await?;
/// queues.resume("mail").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Queues {
    storage: Storage,
    clock: Arc<dyn Clock>,
    actor: Option<Actor>,
}

impl Queues {
    /// Of a storage.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self::with_clock(storage, Arc::new(SystemClock))
    }

    /// With a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(storage: Storage, clock: Arc<dyn Clock>) -> Self {
        Self { storage, clock, actor: None }
    }

    /// On behalf of a person, whom the audit names.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// One queue with its settings; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn get(&self, queue: &str) -> Result<Option<QueueRow>, StorageError> {
        self.storage.queues.get(queue).await
    }

    /// All queues with their settings, by name.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn list(&self) -> Result<Vec<QueueRow>, StorageError> {
        self.storage.queues.list().await
    }

    /// Changes settings of a queue.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] for a queue that is not there, [`StorageError::Invalid`] for a value out of its bounds.
    pub async fn set(&self, queue: &str, patch: QueueSettingsPatch) -> Result<QueueRow, StorageError> {
        self.update(queue, patch, None).await
    }

    /// Changes settings of a queue, if it still has the version that was looked at.
    ///
    /// # Errors
    ///
    /// As [`Self::set`], and [`StorageError::Conflict`] when it has another version.
    pub async fn set_if(
        &self,
        queue: &str,
        patch: QueueSettingsPatch,
        version: i64,
    ) -> Result<QueueRow, StorageError> {
        self.update(queue, patch, Some(version)).await
    }

    /// Holds a queue up: nothing of it is claimed any more. What runs goes on.
    ///
    /// # Errors
    ///
    /// As [`Self::set`].
    pub async fn pause(&self, queue: &str) -> Result<QueueRow, StorageError> {
        self.set(queue, QueueSettingsPatch::paused(true)).await
    }

    /// Lets a queue that was paused go on.
    ///
    /// # Errors
    ///
    /// As [`Self::set`].
    pub async fn resume(&self, queue: &str) -> Result<QueueRow, StorageError> {
        self.set(queue, QueueSettingsPatch::paused(false)).await
    }

    async fn update(
        &self,
        queue: &str,
        patch: QueueSettingsPatch,
        expected_version: Option<i64>,
    ) -> Result<QueueRow, StorageError> {
        let (actor, now): (_, Option<Timestamp>) = (self.actor.clone(), self.clock.storage_now());
        let params = UpdateQueueParams { queue: queue.to_owned(), patch, expected_version, actor, now };
        self.storage.queues.update(params).await
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").field("storage", &self.storage).finish_non_exhaustive()
    }
}

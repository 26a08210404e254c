//! Jobs at run time: looked at, cancelled, retried, run, edited, dropped.

use crate::storage::{
    Actor, CancelOutcome, DropOutcome, EditJobParams, EditOutcome, JobCount, JobFilter, JobPage, JobPatch,
    ListParams, PageCursor, RetryOutcome, RunNowOutcome, Storage, StorageError, VerbParams,
};
use crate::why::{Why, why};
use crate::{Attempt, Clock, Job, JobId, SystemClock, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Looks at jobs and steers them, one by one.
///
/// It needs no runtime, and no worker in this process. For many jobs at once there is
/// [`JobQueue`](crate::storage::JobQueue), whose calls these are.
///
/// No call that changes something is cancel safe: one that is dropped may take effect all the same.
///
/// ```no_run
/// # use forge_jobs::{JobId, QueueRuntime};
/// # use forge_jobs::storage::{RetryOutcome, StorageError};
/// # async fn again(runtime: &QueueRuntime, id: JobId) -> Result<(), StorageError> {
/// let jobs = runtime.jobs();
/// if let RetryOutcome::Refused { status } = jobs.retry(id).await? {
///     println!("it is {status}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jobs {
    storage: Storage,
    clock: Arc<dyn Clock>,
    actor: Option<Actor>,
}

impl Jobs {
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

    /// One job; `None` if there is none, or none any more.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.storage.inspect.job(id).await
    }

    /// The attempts of a job that have ended, the oldest first.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, StorageError> {
        self.storage.inspect.attempts(id).await
    }

    /// Why a job is not running, and what helps; `None` if there is no such job.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn why(&self, id: JobId) -> Result<Option<Why>, StorageError> {
        why(&self.storage, id, self.now()).await
    }

    /// A page of jobs, at most `limit` (1 to [`MAX_PAGE`](crate::limits::MAX_PAGE)), which begins after
    /// [`JobPage::next`] of the page before.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a limit out of range and for a filter that cannot be.
    pub async fn list(
        &self,
        filter: JobFilter,
        limit: u32,
        after: Option<PageCursor>,
    ) -> Result<JobPage, StorageError> {
        self.storage.inspect.list(ListParams { filter, limit, after }).await
    }

    /// How many jobs there are, counted no further than it is cheap.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a filter that cannot be.
    pub async fn count(&self, filter: JobFilter) -> Result<JobCount, StorageError> {
        self.storage.inspect.count(filter).await
    }

    /// Cancels a job: one that waits is dead as `cancelled` at once, one that runs is asked to stop, in whatever process.
    ///
    /// # Errors
    ///
    /// What the storage gave.
    pub async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StorageError> {
        let outcomes = self.storage.jobs.cancel(self.verb(id)).await?;
        Ok(outcomes.first().copied().unwrap_or(CancelOutcome::Unknown))
    }

    /// Makes a dead or retrying job pending, with all its attempts to come.
    ///
    /// # Errors
    ///
    /// What the storage gave.
    pub async fn retry(&self, id: JobId) -> Result<RetryOutcome, StorageError> {
        let outcomes = self.storage.jobs.retry(self.verb(id)).await?;
        Ok(outcomes.first().copied().unwrap_or(RetryOutcome::Unknown))
    }

    /// Makes a scheduled or retrying job pending; the attempts that it spent stay spent.
    ///
    /// # Errors
    ///
    /// What the storage gave.
    pub async fn run_now(&self, id: JobId) -> Result<RunNowOutcome, StorageError> {
        let outcomes = self.storage.jobs.run_now(self.verb(id)).await?;
        Ok(outcomes.first().copied().unwrap_or(RunNowOutcome::Unknown))
    }

    /// Deletes a job for good, with its history. One that runs is refused: cancel it first.
    ///
    /// # Errors
    ///
    /// What the storage gave.
    pub async fn drop_job(&self, id: JobId) -> Result<DropOutcome, StorageError> {
        let outcomes = self.storage.jobs.drop_jobs(self.verb(id)).await?;
        Ok(outcomes.first().copied().unwrap_or(DropOutcome::Unknown))
    }

    /// Changes a job that waits: its payload, priority, time, queue or tags.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] for a queue that is not there, [`StorageError::Invalid`] for an empty patch and for
    /// values out of their bounds.
    pub async fn edit(&self, id: JobId, patch: JobPatch) -> Result<EditOutcome, StorageError> {
        let (actor, now) = (self.actor.clone(), self.now());
        self.storage.jobs.edit(EditJobParams { id, patch, expected_version: None, actor, now }).await
    }

    fn verb(&self, id: JobId) -> VerbParams {
        VerbParams { ids: vec![id], actor: self.actor.clone(), now: self.now() }
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.storage_now()
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("storage", &self.storage).finish_non_exhaustive()
    }
}

//! Schedules at run time: made, edited, paused, run by hand.

use crate::schedule::{InvalidSchedule, Schedule};
use crate::storage::{
    Activity, Actor, AllSchedules, Author, EditScheduleParams, PutScheduleParams, RunScheduleParams,
    ScheduleRow, Storage, StorageError, TickRow, TicksParams,
};
use crate::{Clock, JobId, Router, SystemClock, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Makes and edits schedules as a person does: what it changes is in effect until it is changed again or
/// [reset](Self::reset_to_code), whatever programs declare.
///
/// No call is cancel safe: one that is dropped may take effect all the same. An edit takes effect at once in the process
/// that leads, also if that is another one.
///
/// ```no_run
/// # use forge_jobs::{EnqueueRequest, QueueRuntime, Schedule, ScheduleError};
/// # async fn edit(runtime: &QueueRuntime) -> Result<(), ScheduleError> {
/// let schedules = runtime.schedules();
/// schedules.put(Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1))).await?;
/// schedules.run_now("nightly").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Schedules {
    storage: Storage,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
    actor: Option<Actor>,
}

impl Schedules {
    /// On a storage; the router picks the queue of jobs that name none.
    #[must_use]
    pub fn new(storage: Storage, router: Arc<dyn Router>) -> Self {
        Self::with_clock(storage, router, Arc::new(SystemClock))
    }

    /// With a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(storage: Storage, router: Arc<dyn Router>, clock: Arc<dyn Clock>) -> Self {
        Self { storage, router, clock, actor: None }
    }

    /// On behalf of a person, whom the audit names.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Makes a schedule, or sets all values of the one of its name; whether that fires stays as it is. Times that have
    /// passed are not fired.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Invalid`]; [`ScheduleError::Storage`] with [`StorageError::Invalid`] when there are too many.
    pub async fn put(&self, schedule: Schedule) -> Result<ScheduleRow, ScheduleError> {
        self.put_as(schedule, None).await
    }

    /// Sets all values of a schedule, if it still has the version that was looked at.
    ///
    /// # Errors
    ///
    /// As [`Self::put`], and [`StorageError::Conflict`] when it has another version, [`StorageError::NotFound`] when it
    /// is gone.
    pub async fn put_if(&self, schedule: Schedule, version: i64) -> Result<ScheduleRow, ScheduleError> {
        self.put_as(schedule, Some(version)).await
    }

    async fn put_as(
        &self,
        schedule: Schedule,
        expected_version: Option<i64>,
    ) -> Result<ScheduleRow, ScheduleError> {
        let schedule = schedule.check(&*self.router)?;
        let params = PutScheduleParams {
            schedule,
            by: Author::Operator { expected_version },
            actor: self.actor.clone(),
            now: self.now(),
        };
        Ok(self.storage.cron.put(params).await?)
    }

    /// One schedule; `None` if there is none of that name.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn get(&self, name: &str) -> Result<Option<ScheduleRow>, StorageError> {
        self.storage.cron.get(name).await
    }

    /// All schedules, by name.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn list(&self) -> Result<AllSchedules, StorageError> {
        self.storage.cron.list().await
    }

    /// Stops a schedule from firing. Jobs that it has enqueued stay.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`].
    pub async fn pause(&self, name: &str) -> Result<ScheduleRow, StorageError> {
        self.storage.cron.set_enabled(self.edit(name), Activity::Paused).await
    }

    /// Lets a schedule fire from now on. What it would have fired meanwhile is not made up for.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`].
    pub async fn resume(&self, name: &str) -> Result<ScheduleRow, StorageError> {
        self.storage.cron.set_enabled(self.edit(name), Activity::Enabled).await
    }

    /// Gives a schedule back to the code that declared it: its values are in effect from now on.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`], [`StorageError::Conflict`] when no code ever declared it.
    pub async fn reset_to_code(&self, name: &str) -> Result<ScheduleRow, StorageError> {
        self.storage.cron.reset(self.edit(name)).await
    }

    /// Enqueues the job of a schedule now, whether it is paused or not and whatever runs.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`].
    pub async fn run_now(&self, name: &str) -> Result<TickRow, StorageError> {
        let params = RunScheduleParams {
            name: name.to_owned(),
            job: JobId::new(),
            actor: self.actor.clone(),
            now: self.now(),
        };
        self.storage.cron.run_now(params).await
    }

    /// Deletes a schedule, with the record of its fires. Its jobs stay. Says whether it was there. A program that
    /// declares it makes it anew at its next start: pause it instead.
    ///
    /// # Errors
    ///
    /// What the storage gave.
    pub async fn remove(&self, name: &str) -> Result<bool, StorageError> {
        self.storage.cron.remove(name, self.actor.clone()).await
    }

    /// What became of the latest fires of a schedule, at most `limit` (1 to 500), the latest first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a limit out of range.
    pub async fn ticks(&self, name: &str, limit: u32) -> Result<Vec<TickRow>, StorageError> {
        self.storage.cron.ticks(TicksParams { name: name.to_owned(), before: None, limit }).await
    }

    fn edit(&self, name: &str) -> EditScheduleParams {
        EditScheduleParams {
            name: name.to_owned(),
            expected_version: None,
            actor: self.actor.clone(),
            now: self.now(),
        }
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.storage_now()
    }
}

impl fmt::Debug for Schedules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedules").field("storage", &self.storage).finish_non_exhaustive()
    }
}

/// A schedule could not be made or edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// It is not allowed. Nothing was changed.
    #[error(transparent)]
    Invalid(#[from] InvalidSchedule),
    /// The storage failed or refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

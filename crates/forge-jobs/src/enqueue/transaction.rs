//! Validate → route → insert, in a transaction of the caller's own.

use super::{Enqueued, Enqueuer, enqueued, no_answer};
use crate::storage::{BlockingJobTransaction, EnqueueParams, Inserted, JobTransaction};
use crate::{EnqueueError, EnqueueRequest, JobId, NewJob};

/// Jobs in a transaction of the caller's own: they are there once it commits, and never were if it rolls back.
///
/// The storage is not asked, so the transaction must be one on its database. Its handle comes from the backend:
/// `PostgresStorage::within`, or `SqliteStorage::within` for the blocking calls; without an open backend, from `within`
/// and `within_sqlx` of `storage::postgres::transaction` with
/// [`DatabaseConfig::postgres`](crate::storage::DatabaseConfig::postgres), or `storage::sqlite::transaction::within`. Do
/// not wait for a call of the storage itself while the transaction is open: what that needs may be locked by it.
impl Enqueuer {
    /// Checks a job and inserts it in the caller's transaction.
    ///
    /// [`EnqueueOutcome::Duplicate`](crate::EnqueueOutcome::Duplicate) may name a job of the same transaction. Another
    /// transaction that is about to insert the same dedupe key or id is waited for.
    ///
    /// Not cancel safe: roll back after a dropped call.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`], never with an unknown outcome. After [`EnqueueError::Invalid`] and [`EnqueueError::IdTaken`]
    /// nothing was changed, and the transaction can go on; after [`EnqueueError::Storage`] roll it back.
    pub async fn enqueue_in(
        &self,
        mut tx: impl JobTransaction,
        request: EnqueueRequest,
    ) -> Result<Enqueued, EnqueueError> {
        let (ids, params) = self.checked([request])?;
        one(&ids, &tx.insert(params).await?)
    }

    /// Checks many jobs and inserts them in the caller's transaction. The receipts come in the order of the requests.
    ///
    /// All are checked before the first one is sent.
    ///
    /// Not cancel safe: roll back after a dropped call.
    ///
    /// # Errors
    ///
    /// The first [`EnqueueError`]. After [`EnqueueError::Invalid`] nothing was inserted; after
    /// [`EnqueueError::IdTaken`] the other jobs are a part of the transaction, so roll it back if it is to be all or
    /// none.
    pub async fn enqueue_many_in(
        &self,
        mut tx: impl JobTransaction,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Result<Vec<Enqueued>, EnqueueError> {
        let (ids, params) = self.checked(requests)?;
        all(&ids, &tx.insert(params).await?)
    }

    /// As [`Self::enqueue_in`], on a connection that blocks.
    ///
    /// # Errors
    ///
    /// As [`Self::enqueue_in`].
    pub fn blocking_enqueue_in(
        &self,
        mut tx: impl BlockingJobTransaction,
        request: EnqueueRequest,
    ) -> Result<Enqueued, EnqueueError> {
        let (ids, params) = self.checked([request])?;
        one(&ids, &tx.insert(params)?)
    }

    /// As [`Self::enqueue_many_in`], on a connection that blocks.
    ///
    /// # Errors
    ///
    /// As [`Self::enqueue_many_in`].
    pub fn blocking_enqueue_many_in(
        &self,
        mut tx: impl BlockingJobTransaction,
        requests: impl IntoIterator<Item = EnqueueRequest>,
    ) -> Result<Vec<Enqueued>, EnqueueError> {
        let (ids, params) = self.checked(requests)?;
        all(&ids, &tx.insert(params)?)
    }

    /// Tells waiting runtimes to look at once, after a commit that nobody told them of. Only a hint: without it they
    /// look within seconds.
    pub fn wake(&self) {
        self.jobs.wake();
    }

    fn checked(
        &self,
        requests: impl IntoIterator<Item = EnqueueRequest>,
    ) -> Result<(Vec<JobId>, EnqueueParams), EnqueueError> {
        let jobs =
            requests.into_iter().map(|request| self.check(request)).collect::<Result<Vec<NewJob>, _>>()?;
        let ids = jobs.iter().map(|job| job.id).collect();
        Ok((ids, EnqueueParams { jobs, now: self.clock.storage_now() }))
    }
}

fn one(ids: &[JobId], inserted: &[Inserted]) -> Result<Enqueued, EnqueueError> {
    all(ids, inserted)?.pop().ok_or_else(|| no_answer().into())
}

fn all(ids: &[JobId], inserted: &[Inserted]) -> Result<Vec<Enqueued>, EnqueueError> {
    if ids.len() != inserted.len() {
        return Err(no_answer().into());
    }
    ids.iter().zip(inserted).map(|(id, inserted)| enqueued(*id, *inserted)).collect()
}

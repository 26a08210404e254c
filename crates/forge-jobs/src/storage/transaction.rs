//! The seam for jobs that are inserted in a transaction of the caller's own: committed or rolled back with it.
//!
//! A backend gives what implements these traits for a connection of its driver; [`Enqueuer`](crate::Enqueuer) checks and
//! routes in front of them, as it does in front of a storage.

use super::{EnqueueParams, Inserted, StorageError};
use std::future::Future;

/// A transaction of the caller's own, on a connection that is waited for.
pub trait JobTransaction: Send {
    /// Inserts jobs. They are there, for everybody, once the caller commits, and never were if it rolls back.
    ///
    /// Results come in the order of the members, as from [`JobQueue::enqueue`](super::JobQueue::enqueue). An unknown
    /// queue is created with defaults, in the same transaction. Any number of jobs may be given.
    ///
    /// Not cancel safe: what was sent when the call is dropped may be a part of the transaction.
    ///
    /// # Errors
    ///
    /// [`StorageError`], never with an unknown outcome: nothing is there before the caller commits. Whether the
    /// transaction can go on is the backend's business; rolling it back is always right.
    fn insert(
        &mut self,
        params: EnqueueParams,
    ) -> impl Future<Output = Result<Vec<Inserted>, StorageError>> + Send;
}

/// The same for a connection that blocks.
pub trait BlockingJobTransaction {
    /// As [`JobTransaction::insert`]. Blocks the thread as long as the connection does.
    ///
    /// # Errors
    ///
    /// As [`JobTransaction::insert`].
    fn insert(&mut self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError>;
}

//! What can go wrong with a queue of a test.

use crate::config::OpenError;
use crate::storage::StorageError;
use crate::{EnqueueError, JobId, JobStatus, StartError};

/// A step of a [`TestQueue`](super::TestQueue) could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no room for its file.
    #[error("a directory for the database cannot be made: {0}")]
    Directory(#[source] std::io::Error),
    /// A handler, a schedule or a setting is not allowed.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A job cannot be enqueued.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There was no end to it.
    #[error(
        "{ran} jobs ran and there are more; the last ones were of the kind {kind:?}: jobs that enqueue each other, or that \
         fail in a queue without backoff, never end; say how many are to run with `drain_at_most`"
    )]
    Endless {
        /// So many ran.
        ran: usize,
        /// The kind of the last one.
        kind: String,
    },
    /// A job that was to run at once cannot be claimed now.
    #[error(
        "job {id} of the kind {kind:?} cannot run now, it is {status}: its queue is paused, rests or is none of this \
         process's, it is due later, or its concurrency key or a budget holds it up"
    )]
    Waits {
        /// The job.
        id: JobId,
        /// Its kind.
        kind: String,
        /// Where it stands.
        status: JobStatus,
    },
    /// Nobody can run a job.
    #[error("there is no handler for the kind {kind:?}: register one, a FakeHandler for instance")]
    NoHandler {
        /// The kind.
        kind: String,
    },
}

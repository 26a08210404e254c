//! What a running runtime can be asked.
use crate::storage::{CancelOutcome, StorageError};
use crate::{JobId, ProcessId};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// A running runtime.
pub struct QueueHandle {
    process: ProcessId,
}

impl QueueHandle {
    /// Identity of this process's boot.
    #[must_use]
    pub const fn process_id(&self) -> ProcessId {
        self.process
    }

    /// Cancels a job. Takes effect even if the returned future is dropped; await it to learn what came of it.
    pub fn request_cancel(&self, _id: &JobId) -> CancelRequest {
        let (_tx, rx) = oneshot::channel();
        CancelRequest(rx)
    }

    /// Stops claiming, lets running jobs finish for `timeout`, then tells them to stop, and hands back what is left.
    pub async fn shutdown_graceful(&self, _timeout: Duration) -> ShutdownReport {
        ShutdownReport::default()
    }
}

/// The answer to a cancel, to come.
pub struct CancelRequest(oneshot::Receiver<Result<CancelOutcome, StorageError>>);

impl Future for CancelRequest {
    type Output = Result<CancelOutcome, StorageError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap_or(Err(StorageError::Closed)))
    }
}

/// What a shutdown came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs that finished while it waited.
    pub finished: u64,
    /// Jobs given back: claimed and not started, or stopped.
    pub handed_back: u64,
    /// Jobs whose handlers ignored the signal: they are still running, and still ours.
    pub still_running: Vec<JobId>,
}

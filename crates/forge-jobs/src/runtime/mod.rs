//! The runtime: claims, runs, finishes.
mod config;
mod handle;
pub use config::RuntimeConfig;
pub use handle::{CancelRequest, QueueHandle, ShutdownReport};

use crate::storage::{EnsureQueueParams, QueueRow, Storage, StorageError};
use crate::{
    Clock, EnqueueError, EnqueueRequest, Enqueued, Enqueuer, HandlerRegistry, RegisterError, Router,
    SystemClock,
};
use std::sync::Arc;

/// Runs the jobs of a storage with a set of handlers.
pub struct QueueRuntime {
    storage: Storage,
    handlers: Arc<HandlerRegistry>,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
    config: RuntimeConfig,
    enqueuer: Arc<Enqueuer>,
}

impl QueueRuntime {
    /// A runtime with default settings, not started.
    #[must_use]
    pub fn new(storage: Storage, handlers: HandlerRegistry, router: Arc<dyn Router>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let enqueuer = Arc::new(Enqueuer::with_clock(storage.clone(), router.clone(), clock.clone()));
        Self {
            storage,
            handlers: Arc::new(handlers),
            router,
            clock,
            config: RuntimeConfig::default(),
            enqueuer,
        }
    }

    /// With these intervals and this choice of queues.
    #[must_use]
    pub fn with_config(mut self, config: RuntimeConfig) -> Self {
        self.config = config;
        self
    }

    /// With a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.enqueuer =
            Arc::new(Enqueuer::with_clock(self.storage.clone(), self.router.clone(), clock.clone()));
        self.clock = clock;
        self
    }

    /// Creates the queue if it is not there, else sets its workers, unless an operator did.
    ///
    /// # Errors
    ///
    /// As [`QueueConfig::ensure`](crate::storage::QueueConfig::ensure).
    pub async fn ensure_queue(&self, queue: &str, workers: u32) -> Result<QueueRow, StorageError> {
        self.storage.queues.ensure(EnsureQueueParams { queue: queue.to_owned(), workers }).await
    }

    /// Enqueues a job, see [`Enqueuer::enqueue`].
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        self.enqueuer.enqueue(request).await
    }

    /// Enqueues many jobs, see [`Enqueuer::enqueue_many`].
    pub async fn enqueue_many(
        &self,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        self.enqueuer.enqueue_many(requests).await
    }

    /// Something to enqueue with, to hand to other parts of the program.
    #[must_use]
    pub fn enqueuer(&self) -> Arc<Enqueuer> {
        self.enqueuer.clone()
    }

    /// The storage.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Starts.
    pub async fn start(&self) -> Result<QueueHandle, StartError> {
        let _ = (&self.handlers, &self.clock, &self.config);
        Err(StartError::Storage(StorageError::Closed))
    }
}

/// A runtime could not start. Nothing runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A handler could not be registered.
    #[error(transparent)]
    Handler(#[from] RegisterError),
    /// The storage refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting is out of its bounds.
    #[error("{0}")]
    Config(#[from] crate::storage::InvalidValue),
    /// This runtime runs already.
    #[error("this runtime runs already: shut the first handle down, or make another runtime")]
    AlreadyStarted,
}

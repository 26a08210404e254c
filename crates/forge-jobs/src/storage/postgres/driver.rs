//! The thread that every connection of a storage lives on.
//!
//! A caller's future only waits for an answer: the work itself is a task of this thread. So a future that is dropped
//! leaves no half-read answer and no open transaction behind, and a host program whose threads are all busy cannot
//! hold up a heartbeat.

use crate::storage::StorageError;
use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Longest time for what must still be said when a storage is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// The thread, and the way to it.
pub(super) struct Driver {
    handle: Handle,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Held by whatever must be done before the thread ends.
#[derive(Clone)]
pub(super) struct Closing {
    closing: watch::Receiver<bool>,
    _done: mpsc::Sender<()>,
}

impl Closing {
    /// Resolves when the storage is being closed. Cancel safe.
    pub(super) async fn wait(&mut self) {
        // An error says the same: the driver is gone.
        let _ = self.closing.wait_for(|c| *c).await;
    }
}

impl Driver {
    /// Starts the thread. [`Closing`] is for tasks that have a last word.
    pub(super) fn start() -> Result<(Self, Closing), StorageError> {
        let failed = |e: std::io::Error| StorageError::Internal {
            detail: "the thread for the database connections could not be started".into(),
            source: Some(Box::new(e)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (closing, seen) = watch::channel(false);
        let (done, mut all_done) = mpsc::channel(1);
        let mut until = seen.clone();
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new()
            .name("forge-postgres".into())
            .spawn(move || {
                runtime.block_on(async {
                    let _ = until.wait_for(|c| *c).await;
                    let _ = tokio::time::timeout(FAREWELL, all_done.recv()).await;
                });
                runtime.shutdown_timeout(Duration::ZERO);
            })
            .map_err(failed)?;
        Ok((Self { handle, closing, thread: Some(thread) }, Closing { closing: seen, _done: done }))
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a task on the thread and gives its result. Dropping the future does not stop the task.
    pub(super) async fn run<T, F>(&self, task: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
    {
        match self.handle.spawn(task).await {
            Ok(result) => result,
            Err(e) if e.is_panic() => {
                Err(StorageError::Internal { detail: "a call panicked".into(), source: Some(Box::new(e)) })
            }
            Err(_) => Err(StorageError::Closed),
        }
    }
}

impl Drop for Driver {
    /// Lets the last words be said, within bounds.
    fn drop(&mut self) {
        self.closing.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // On that thread itself there is nothing to wait for.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

//! Jobs that run where they are enqueued.

use super::wrapped::{Hook, Operation, wrap};
use crate::runtime::{Ended, Steps};
use crate::storage::{Storage, StorageError};
use crate::{Clock, Enqueuer, JobOutcome, NewJob, Router};
use async_trait::async_trait;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// Jobs inside jobs: deeper than this they are taken for endless, before the thread's stack is used up.
const DEEPEST: usize = 16;

struct Inline {
    steps: Arc<Steps>,
    /// Empty: all.
    queues: Vec<String>,
    /// The enqueuer that handlers are given: what they enqueue runs at once too.
    enqueuer: Arc<OnceLock<Weak<Enqueuer>>>,
    depth: AtomicUsize,
}

/// An enqueuer that runs each job of these queues (none: of all) before it returns.
pub(super) fn enqueuer(
    storage: &Storage,
    steps: Arc<Steps>,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
    queues: Vec<String>,
) -> Arc<Enqueuer> {
    let own = Arc::new(OnceLock::new());
    let hook = Inline { steps, queues, enqueuer: Arc::clone(&own), depth: AtomicUsize::new(0) };
    let enqueuer = Arc::new(Enqueuer::with_clock(wrap(storage.clone(), hook), router, clock));
    // It is new, so nobody was first.
    let _ = own.set(Arc::downgrade(&enqueuer));
    enqueuer
}

#[async_trait]
impl Hook for Inline {
    async fn before(&self, _operation: Operation) -> Result<bool, StorageError> {
        Ok(false)
    }

    fn hears_of_jobs(&self) -> bool {
        true
    }

    async fn inserted(&self, jobs: Vec<NewJob>) -> Result<(), StorageError> {
        for job in jobs {
            let wanted = self.queues.is_empty() || self.queues.contains(&job.queue);
            if wanted && self.steps.handles(&job.kind) {
                self.run(&job).await?;
            }
        }
        Ok(())
    }
}

/// One job deeper, until this is dropped.
struct Deeper<'a>(&'a AtomicUsize);

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Inline {
    async fn run(&self, job: &NewJob) -> Result<(), StorageError> {
        let refused = |detail: String| Err(StorageError::Conflict { what: "inline", detail });
        let deep = self.depth.fetch_add(1, Ordering::AcqRel);
        let _deeper = Deeper(&self.depth);
        if deep >= DEEPEST {
            return refused(format!(
                "the job {} of the kind {:?} was enqueued {deep} jobs deep, and stays pending: drain in place of it",
                job.id, job.kind
            ));
        }
        let Some(enqueuer) = self.enqueuer.get().and_then(Weak::upgrade) else { return Ok(()) };
        // What is due later, or held up, stays where it is.
        let Some(claimed) = self.steps.claim_this(&job.queue, &job.kind, job.id).await? else {
            return Ok(());
        };
        match self.steps.run(claimed, enqueuer).await? {
            Some(Ended { outcome: JobOutcome::Failed(text) | JobOutcome::Dead(text), job, .. }) => {
                refused(format!("the job {} of the kind {:?} failed: {text}", job.id, job.kind))
            }
            _ => Ok(()),
        }
    }
}

//! Jobs that run where they are enqueued.

use super::ManualClock;
use super::wrapped::{End, Hook, Operation, wrap};
use crate::runtime::{Ended, Steps};
use crate::storage::{Storage, StorageError};
use crate::{Enqueuer, JobOutcome, NewJob, Router};
use async_trait::async_trait;
use std::sync::Arc;

/// Jobs inside jobs: deeper than this they are taken for endless, before the thread's stack is used up.
const DEEPEST: usize = 16;

tokio::task_local! {
    /// How many jobs the present one is inside of. Of the task and not of the enqueuer, since calls beside each other are
    /// not inside each other.
    static DEPTH: usize;
}

/// Runs each job of these queues before its enqueue returns.
#[derive(Clone)]
pub(super) struct Inline {
    pub(super) storage: Storage,
    pub(super) steps: Arc<Steps>,
    pub(super) router: Arc<dyn Router>,
    pub(super) clock: ManualClock,
    /// Empty: all.
    pub(super) queues: Arc<[String]>,
}

#[async_trait]
impl Hook for Inline {
    async fn before(&self, _operation: Operation) -> Result<End, StorageError> {
        Ok(End::Answer)
    }

    fn hears_of_jobs(&self) -> bool {
        true
    }

    async fn inserted(&self, jobs: Vec<NewJob>) -> Result<(), StorageError> {
        let mut all = Ok(());
        for job in jobs {
            let wanted = self.queues.is_empty() || self.queues.contains(&job.queue);
            if wanted && self.steps.handles(&job.kind) {
                // One that fails keeps the others from nothing.
                all = all.and(self.run(&job).await);
            }
        }
        all
    }
}

impl Inline {
    pub(super) fn enqueuer(&self) -> Arc<Enqueuer> {
        let storage = wrap(self.storage.clone(), self.clone());
        Arc::new(Enqueuer::with_clock(storage, self.router.clone(), Arc::new(self.clock.clone())))
    }

    async fn run(&self, job: &NewJob) -> Result<(), StorageError> {
        let refused = |detail: String| Err(StorageError::Conflict { what: "inline", detail });
        let deep = DEPTH.try_with(|depth| *depth).unwrap_or(0);
        if deep >= DEEPEST {
            return refused(format!(
                "the job {} of the kind {:?} was enqueued {deep} jobs deep, and stays pending: drain in place of it",
                job.id, job.kind
            ));
        }
        // What is due later, or held up, stays where it is.
        let Some(claimed) = self.steps.claim_this(&job.queue, &job.kind, job.id).await? else {
            return Ok(());
        };
        // What the handler enqueues runs at once too.
        let ended = DEPTH.scope(deep + 1, self.steps.run(claimed, self.enqueuer())).await?;
        match ended {
            Some(Ended { outcome: JobOutcome::Failed(text) | JobOutcome::Dead(text), job, .. }) => {
                refused(format!("the job {} of the kind {:?} failed: {text}", job.id, job.kind))
            }
            _ => Ok(()),
        }
    }
}

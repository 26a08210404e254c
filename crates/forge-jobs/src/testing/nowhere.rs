//! In place of a storage, for a handler that is run alone: takes jobs and permits, and remembers them.

use crate::rate_limit::Scope;
use crate::storage::{
    AcquireParams, Acquired, Actor, AttachParams, CancelOutcome, Changes, ClaimBatch, ClaimParams,
    DrainParams, DropOutcome, EditJobParams, EditOutcome, EnqueueParams, FinishParams, FinishResult,
    Inserted, JobQueue, Lease, LimitRow, Limited, ProgressParams, PromoteParams, Promoted, RateLimitStorage,
    ReleaseParams, RetryOutcome, RunNowOutcome, SetLimitParams, StorageError, SweepParams, SweepReport,
    VerbParams,
};
use crate::{NewJob, Timestamp};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What a handler did while it ran.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) enqueued: Vec<NewJob>,
    pub(super) permits: Vec<(String, u32)>,
    pub(super) drained: Vec<(String, Duration)>,
}

#[derive(Debug, Default)]
pub(super) struct Nowhere(Mutex<Done>, watch::Sender<Changes>);

impl Nowhere {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Done {
        std::mem::take(&mut *self.done())
    }
}

fn none<T>() -> Result<T, StorageError> {
    let detail = "a handler that is run alone has none: use a TestQueue".into();
    Err(StorageError::Conflict { what: "storage", detail })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl JobQueue for Nowhere {
    async fn enqueue(&self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        let inserted = vec![Inserted::Inserted; params.jobs.len()];
        self.done().enqueued.extend(params.jobs);
        Ok(inserted)
    }

    async fn claim(&self, _: ClaimParams) -> Result<ClaimBatch, StorageError> {
        none()
    }

    async fn finish(&self, _: FinishParams) -> Result<Vec<FinishResult>, StorageError> {
        none()
    }

    async fn release(&self, _: ReleaseParams) -> Result<Vec<FinishResult>, StorageError> {
        none()
    }

    async fn end_alone(&self, _: Lease) -> Result<bool, StorageError> {
        none()
    }

    async fn record_progress(&self, _: ProgressParams) -> Result<(), StorageError> {
        none()
    }

    async fn promote(&self, _: PromoteParams) -> Result<Promoted, StorageError> {
        none()
    }

    async fn cancel(&self, _: VerbParams) -> Result<Vec<CancelOutcome>, StorageError> {
        none()
    }

    async fn retry(&self, _: VerbParams) -> Result<Vec<RetryOutcome>, StorageError> {
        none()
    }

    async fn run_now(&self, _: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError> {
        none()
    }

    async fn drop_jobs(&self, _: VerbParams) -> Result<Vec<DropOutcome>, StorageError> {
        none()
    }

    async fn edit(&self, _: EditJobParams) -> Result<EditOutcome, StorageError> {
        none()
    }

    async fn sweep(&self, _: SweepParams) -> Result<SweepReport, StorageError> {
        none()
    }

    fn wake(&self) {}

    fn changes(&self) -> watch::Receiver<Changes> {
        self.1.subscribe()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RateLimitStorage for Nowhere {
    async fn set_limit(&self, _: SetLimitParams) -> Result<LimitRow, StorageError> {
        none()
    }

    async fn limit(&self, _: &Scope, _: Option<Timestamp>) -> Result<Option<LimitRow>, StorageError> {
        none()
    }

    async fn limits(&self, _: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError> {
        none()
    }

    async fn remove_limit(&self, _: &Scope, _: Option<Actor>) -> Result<bool, StorageError> {
        none()
    }

    async fn attach(&self, _: AttachParams) -> Result<bool, StorageError> {
        none()
    }

    async fn attachments(&self) -> Result<Vec<(Limited, Scope)>, StorageError> {
        none()
    }

    async fn acquire(&self, params: AcquireParams) -> Result<Vec<Acquired>, StorageError> {
        let at = params.now.unwrap_or_else(Timestamp::now);
        let scope = params.scope.to_string();
        self.done().permits.extend(params.wants.iter().map(|permits| (scope.clone(), *permits)));
        Ok(vec![Acquired::Granted { at }; params.wants.len()])
    }

    async fn drain(&self, params: DrainParams) -> Result<Timestamp, StorageError> {
        self.done().drained.push((params.scope.to_string(), params.wait));
        Ok(params.now.unwrap_or_else(Timestamp::now).saturating_add(params.wait))
    }

    async fn lift_drain(
        &self,
        _: &Scope,
        _: Option<Actor>,
        _: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        none()
    }

    async fn sweep_budgets(&self, _: u32, _: Option<Timestamp>) -> Result<u32, StorageError> {
        none()
    }
}

//! The calls of the storage's traits.

use super::{
    PostgresStorage, changes, checkup, claim, edits, enqueue, finish, health, inspect, limits, line, list,
    metrics, processes, queues, upkeep, verbs,
};
use crate::rate_limit::Scope;
use crate::storage::{
    AcquireParams, Acquired, Actor, AttachParams, CancelOutcome, Changes, Checkup, ClaimBatch, ClaimParams,
    DeregisterParams, DrainParams, DropOutcome, DueKind, EditJobParams, EditOutcome, EnqueueParams,
    EnsureQueueParams, FinishParams, FinishResult, Health, Heartbeat, HeartbeatParams, Inserted, Inspect,
    JobCount, JobEvent, JobFilter, JobPage, JobQueue, Lease, LimitRow, Limited, Line, LineParams, ListParams,
    MetricsStorage, OpenTransaction, ProcessRegistry, ProcessRow, ProgressParams, PromoteParams, Promoted,
    QueueConfig, QueueCounts, QueueRow, RateLimitStorage, ReapParams, ReapReport, RegisterParams,
    ReleaseParams, RetryOutcome, RollParams, RollReport, RunNowOutcome, SampleRow, SampleSeriesParams,
    SamplesParams, Series, SeriesParams, SetLimitParams, StorageError, SweepParams, SweepReport, Traffic,
    UpdateQueueParams, VerbParams,
};
use crate::{Attempt, Job, JobId, Timestamp};
use async_trait::async_trait;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

#[async_trait]
impl JobQueue for PostgresStorage {
    async fn enqueue(&self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        enqueue::enqueue(&self.hub, self.driver.handle(), params).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<ClaimBatch, StorageError> {
        self.run(|hub| claim::claim(hub, params)).await
    }

    async fn finish(&self, params: FinishParams) -> Result<Vec<FinishResult>, StorageError> {
        self.run(|hub| finish::finish(hub, params)).await
    }

    async fn release(&self, params: ReleaseParams) -> Result<Vec<FinishResult>, StorageError> {
        self.run(|hub| finish::release(hub, params)).await
    }

    async fn end_alone(&self, lease: Lease) -> Result<bool, StorageError> {
        self.run(|hub| finish::end_alone(hub, lease)).await
    }

    async fn record_progress(&self, params: ProgressParams) -> Result<(), StorageError> {
        self.run(|hub| finish::record_progress(hub, params)).await
    }

    async fn promote(&self, params: PromoteParams) -> Result<Promoted, StorageError> {
        self.run(|hub| upkeep::promote(hub, params)).await
    }

    async fn cancel(&self, params: VerbParams) -> Result<Vec<CancelOutcome>, StorageError> {
        self.run(|hub| verbs::cancel(hub, params)).await
    }

    async fn retry(&self, params: VerbParams) -> Result<Vec<RetryOutcome>, StorageError> {
        self.run(|hub| verbs::retry(hub, params)).await
    }

    async fn run_now(&self, params: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError> {
        self.run(|hub| verbs::run_now(hub, params)).await
    }

    async fn drop_jobs(&self, params: VerbParams) -> Result<Vec<DropOutcome>, StorageError> {
        self.run(|hub| verbs::drop_jobs(hub, params)).await
    }

    async fn edit(&self, params: EditJobParams) -> Result<EditOutcome, StorageError> {
        self.run(|hub| edits::edit(hub, params)).await
    }

    async fn sweep(&self, params: SweepParams) -> Result<SweepReport, StorageError> {
        self.run(|hub| upkeep::sweep(hub, params)).await
    }

    fn wake(&self) {
        self.hub.tell(changes::Effects::ANY);
    }

    fn changes(&self) -> watch::Receiver<Changes> {
        self.hub.changes.subscribe()
    }
}

#[async_trait]
impl ProcessRegistry for PostgresStorage {
    async fn register(&self, params: RegisterParams) -> Result<(), StorageError> {
        self.run(|hub| processes::register(hub, params)).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Heartbeat, StorageError> {
        self.run(|hub| processes::heartbeat(hub, params)).await
    }

    async fn deregister(&self, params: DeregisterParams) -> Result<u32, StorageError> {
        self.run(|hub| processes::deregister(hub, params)).await
    }

    async fn reap(&self, params: ReapParams) -> Result<ReapReport, StorageError> {
        self.run(|hub| processes::reap(hub, params)).await
    }
}

#[async_trait]
impl QueueConfig for PostgresStorage {
    async fn ensure(&self, params: EnsureQueueParams) -> Result<QueueRow, StorageError> {
        self.run(|hub| queues::ensure(hub, params)).await
    }

    async fn update(&self, params: UpdateQueueParams) -> Result<QueueRow, StorageError> {
        self.run(|hub| queues::update(hub, params)).await
    }

    async fn get(&self, queue: &str) -> Result<Option<QueueRow>, StorageError> {
        let queue = queue.to_owned();
        self.run(|hub| queues::get(hub, queue)).await
    }

    async fn list(&self) -> Result<Vec<QueueRow>, StorageError> {
        self.run(queues::list).await
    }
}

#[async_trait]
impl RateLimitStorage for PostgresStorage {
    async fn set_limit(&self, params: SetLimitParams) -> Result<LimitRow, StorageError> {
        self.run(|hub| limits::set(hub, params)).await
    }

    async fn limit(&self, scope: &Scope, now: Option<Timestamp>) -> Result<Option<LimitRow>, StorageError> {
        let scope = scope.clone();
        self.run(|hub| limits::get(hub, scope, now)).await
    }

    async fn limits(&self, now: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError> {
        self.run(|hub| limits::list(hub, now)).await
    }

    async fn remove_limit(&self, scope: &Scope, actor: Option<Actor>) -> Result<bool, StorageError> {
        let scope = scope.clone();
        self.run(|hub| limits::remove(hub, scope, actor)).await
    }

    async fn attach(&self, params: AttachParams) -> Result<bool, StorageError> {
        self.run(|hub| limits::attach(hub, params)).await
    }

    async fn attachments(&self) -> Result<Vec<(Limited, Scope)>, StorageError> {
        self.run(limits::attachments).await
    }

    async fn acquire(&self, params: AcquireParams) -> Result<Vec<Acquired>, StorageError> {
        self.run(|hub| limits::acquire(hub, params)).await
    }

    async fn drain(&self, params: DrainParams) -> Result<Timestamp, StorageError> {
        self.run(|hub| limits::drain(hub, params)).await
    }

    async fn lift_drain(
        &self,
        scope: &Scope,
        actor: Option<Actor>,
        now: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let scope = scope.clone();
        self.run(|hub| limits::lift_drain(hub, scope, actor, now)).await
    }

    async fn sweep_budgets(&self, limit: u32, now: Option<Timestamp>) -> Result<u32, StorageError> {
        self.run(|hub| limits::sweep(hub, limit, now)).await
    }
}

#[async_trait]
impl MetricsStorage for PostgresStorage {
    async fn roll(&self, params: RollParams) -> Result<RollReport, StorageError> {
        self.run(|hub| metrics::roll(hub, params)).await
    }

    async fn series(&self, params: SeriesParams) -> Result<Series, StorageError> {
        self.run(|hub| metrics::series(hub, params)).await
    }

    async fn record_samples(&self, params: SamplesParams) -> Result<(), StorageError> {
        self.run(|hub| metrics::record_samples(hub, params)).await
    }

    async fn samples(&self, params: SampleSeriesParams) -> Result<Vec<SampleRow>, StorageError> {
        self.run(|hub| metrics::samples(hub, params)).await
    }

    async fn oldest(&self, now: Option<Timestamp>) -> Result<Vec<(String, Duration)>, StorageError> {
        self.run(|hub| metrics::oldest(hub, now)).await
    }

    fn traffic(&self) -> Traffic {
        let (open, limit) = self.hub.connections();
        self.hub.usage.take(0, open, limit)
    }

    fn volume(&self) -> Option<PathBuf> {
        None
    }
}

#[async_trait]
impl Inspect for PostgresStorage {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.run(|hub| inspect::job(hub, id)).await
    }

    async fn list(&self, params: ListParams) -> Result<JobPage, StorageError> {
        self.run(|hub| list::page(hub, params)).await
    }

    async fn count(&self, filter: JobFilter) -> Result<JobCount, StorageError> {
        self.run(|hub| list::count(hub, filter)).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, StorageError> {
        self.run(|hub| inspect::attempts(hub, id)).await
    }

    async fn events(&self, id: JobId) -> Result<Vec<JobEvent>, StorageError> {
        self.run(|hub| inspect::events(hub, id)).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StorageError> {
        self.run(inspect::queue_counts).await
    }

    async fn due_kinds(&self, now: Option<Timestamp>) -> Result<Vec<DueKind>, StorageError> {
        self.run(|hub| inspect::due_kinds(hub, now)).await
    }

    async fn has_unfinished(&self, queue: Option<&str>) -> Result<bool, StorageError> {
        let queue = queue.map(str::to_owned);
        self.run(|hub| inspect::has_unfinished(hub, queue)).await
    }

    async fn line(&self, params: LineParams) -> Result<Line, StorageError> {
        self.run(|hub| line::line(hub, params)).await
    }

    async fn processes(&self) -> Result<Vec<ProcessRow>, StorageError> {
        self.run(inspect::processes).await
    }

    async fn health(&self) -> Result<Health, StorageError> {
        self.run(health::health).await
    }

    async fn oldest_snapshot(&self) -> Result<Option<OpenTransaction>, StorageError> {
        self.run(health::oldest_snapshot).await
    }

    async fn checkup(&self) -> Result<Checkup, StorageError> {
        self.run(checkup::checkup).await
    }
}

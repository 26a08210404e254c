//! Forwards every call of a storage, with a hook around it.

use crate::errors::ErrorGroupId;
use crate::rate_limit::Scope;
use crate::storage::{
    AcquireParams, Acquired, AttachParams, DrainParams, LimitRow, Limited, RateLimitStorage, SetLimitParams,
};
use crate::storage::{
    Activity, AllSchedules, CronStorage, DueParams, DueSchedules, EditScheduleParams, FireParams, FireResult,
    PutScheduleParams, RunScheduleParams, ScheduleRow, TickRow, TicksParams, UndeclareParams,
};
use crate::storage::{
    Actor, Audit, AuditListParams, AuditPage, OpenTransaction, RecordParams, SweepAuditParams,
};
use crate::storage::{
    CancelOutcome, Changes, Checkup, ClaimBatch, ClaimParams, DeregisterParams, DropOutcome, DueKind,
    EditJobParams, EditOutcome, EnqueueParams, EnsureQueueParams, FinishParams, FinishResult, Health,
    Heartbeat, HeartbeatParams, Inserted, Inspect, JobCount, JobEvent, JobFilter, JobPage, JobQueue, Lease,
    Line, LineParams, ListParams, ProcessRegistry, ProcessRow, ProgressParams, PromoteParams, Promoted,
    QueueConfig, QueueCounts, QueueRow, ReapParams, ReapReport, RegisterParams, ReleaseParams, RetryOutcome,
    RunNowOutcome, Storage, StorageError, SweepParams, SweepReport, UpdateQueueParams, VerbParams,
};
use crate::storage::{
    ErrorGroup, ErrorGroupList, ErrorGroupsParams, History, LogPage, LogsParams, RecordLogsParams,
    TendErrorsParams, TendErrorsReport,
};
use crate::storage::{
    MetricsStorage, RollParams, RollReport, SampleRow, SampleSeriesParams, SamplesParams, Series,
    SeriesParams, Traffic,
};
use crate::{Attempt, Job, JobId, NewJob, Timestamp};
use async_trait::async_trait;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A call to a storage, as far as wrappers tell calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named after its method")]
pub enum Operation {
    Enqueue,
    Claim,
    Finish,
    Release,
    EndAlone,
    RecordProgress,
    Promote,
    Cancel,
    Retry,
    RunNow,
    Drop,
    Edit,
    Sweep,
    Register,
    Heartbeat,
    Deregister,
    Reap,
    EnsureQueue,
    UpdateQueue,
    Acquire,
    Drain,
    /// Any edit of limits and of what is attached to them.
    EditLimits,
    SweepBudgets,
    PutSchedule,
    SetScheduleEnabled,
    ResetSchedule,
    RemoveSchedule,
    UndeclareSchedules,
    DueSchedules,
    FireSchedules,
    RunSchedule,
    Roll,
    RecordSamples,
    RecordAction,
    SweepAudit,
    RecordLogs,
    TendErrors,
    /// Any read, of queues or for people.
    Read,
}

/// What becomes of the answer to a call that is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is given.
    Answer,
    /// It is lost on its way.
    Lost,
    /// The call panics.
    Panic,
}

/// What happens around each call.
#[async_trait]
pub(super) trait Hook: Send + Sync + 'static {
    /// Before the call. An error keeps it from being carried out.
    async fn before(&self, operation: Operation) -> Result<End, StorageError>;

    /// Whether it wants to be told of jobs that were inserted.
    fn hears_of_jobs(&self) -> bool {
        false
    }

    /// These jobs were inserted. An error is the answer to the call that inserted them.
    async fn inserted(&self, jobs: Vec<NewJob>) -> Result<(), StorageError> {
        drop(jobs);
        Ok(())
    }
}

/// The wrapped storage.
pub(super) fn wrap(inner: Storage, hook: impl Hook) -> Storage {
    let capabilities = inner.capabilities;
    Storage::new(Arc::new(Wrapped { inner, hook }), capabilities)
}

struct Wrapped<H> {
    inner: Storage,
    hook: H,
}

impl<H: Hook> Wrapped<H> {
    async fn around<T: Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        let end = self.hook.before(operation).await?;
        let answer = call.await?;
        match end {
            End::Answer => Ok(answer),
            End::Lost => Err(StorageError::Unavailable {
                detail: "a fault was injected after the call".into(),
                outcome_unknown: true,
                source: None,
            }),
            End::Panic => panic!("a fault was injected after the call"),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> JobQueue for Wrapped<H> {
    async fn enqueue(&self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        let heard = self.hook.hears_of_jobs().then(|| params.jobs.clone());
        let inserted = self.around(Operation::Enqueue, self.inner.jobs.enqueue(params)).await?;
        if let Some(mut jobs) = heard {
            let mut outcomes = inserted.iter();
            jobs.retain(|_| outcomes.next() == Some(&Inserted::Inserted));
            self.hook.inserted(jobs).await?;
        }
        Ok(inserted)
    }

    async fn claim(&self, params: ClaimParams) -> Result<ClaimBatch, StorageError> {
        self.around(Operation::Claim, self.inner.jobs.claim(params)).await
    }

    async fn finish(&self, params: FinishParams) -> Result<Vec<FinishResult>, StorageError> {
        self.around(Operation::Finish, self.inner.jobs.finish(params)).await
    }

    async fn release(&self, params: ReleaseParams) -> Result<Vec<FinishResult>, StorageError> {
        self.around(Operation::Release, self.inner.jobs.release(params)).await
    }

    async fn end_alone(&self, lease: Lease) -> Result<bool, StorageError> {
        self.around(Operation::EndAlone, self.inner.jobs.end_alone(lease)).await
    }

    async fn record_progress(&self, params: ProgressParams) -> Result<(), StorageError> {
        self.around(Operation::RecordProgress, self.inner.jobs.record_progress(params)).await
    }

    async fn promote(&self, params: PromoteParams) -> Result<Promoted, StorageError> {
        self.around(Operation::Promote, self.inner.jobs.promote(params)).await
    }

    async fn cancel(&self, params: VerbParams) -> Result<Vec<CancelOutcome>, StorageError> {
        self.around(Operation::Cancel, self.inner.jobs.cancel(params)).await
    }

    async fn retry(&self, params: VerbParams) -> Result<Vec<RetryOutcome>, StorageError> {
        self.around(Operation::Retry, self.inner.jobs.retry(params)).await
    }

    async fn run_now(&self, params: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError> {
        self.around(Operation::RunNow, self.inner.jobs.run_now(params)).await
    }

    async fn drop_jobs(&self, params: VerbParams) -> Result<Vec<DropOutcome>, StorageError> {
        self.around(Operation::Drop, self.inner.jobs.drop_jobs(params)).await
    }

    async fn edit(&self, params: EditJobParams) -> Result<EditOutcome, StorageError> {
        self.around(Operation::Edit, self.inner.jobs.edit(params)).await
    }

    async fn sweep(&self, params: SweepParams) -> Result<SweepReport, StorageError> {
        self.around(Operation::Sweep, self.inner.jobs.sweep(params)).await
    }

    fn wake(&self) {
        self.inner.jobs.wake();
    }

    fn changes(&self) -> watch::Receiver<Changes> {
        self.inner.jobs.changes()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> ProcessRegistry for Wrapped<H> {
    async fn register(&self, params: RegisterParams) -> Result<(), StorageError> {
        self.around(Operation::Register, self.inner.processes.register(params)).await
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Heartbeat, StorageError> {
        self.around(Operation::Heartbeat, self.inner.processes.heartbeat(params)).await
    }

    async fn deregister(&self, params: DeregisterParams) -> Result<u32, StorageError> {
        self.around(Operation::Deregister, self.inner.processes.deregister(params)).await
    }

    async fn reap(&self, params: ReapParams) -> Result<ReapReport, StorageError> {
        self.around(Operation::Reap, self.inner.processes.reap(params)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> QueueConfig for Wrapped<H> {
    async fn ensure(&self, params: EnsureQueueParams) -> Result<QueueRow, StorageError> {
        self.around(Operation::EnsureQueue, self.inner.queues.ensure(params)).await
    }

    async fn update(&self, params: UpdateQueueParams) -> Result<QueueRow, StorageError> {
        self.around(Operation::UpdateQueue, self.inner.queues.update(params)).await
    }

    async fn get(&self, queue: &str) -> Result<Option<QueueRow>, StorageError> {
        self.around(Operation::Read, self.inner.queues.get(queue)).await
    }

    async fn list(&self) -> Result<Vec<QueueRow>, StorageError> {
        self.around(Operation::Read, self.inner.queues.list()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> RateLimitStorage for Wrapped<H> {
    async fn set_limit(&self, params: SetLimitParams) -> Result<LimitRow, StorageError> {
        self.around(Operation::EditLimits, self.inner.rate_limits.set_limit(params)).await
    }

    async fn limit(&self, scope: &Scope, now: Option<Timestamp>) -> Result<Option<LimitRow>, StorageError> {
        self.around(Operation::Read, self.inner.rate_limits.limit(scope, now)).await
    }

    async fn limits(&self, now: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError> {
        self.around(Operation::Read, self.inner.rate_limits.limits(now)).await
    }

    async fn remove_limit(&self, scope: &Scope, actor: Option<Actor>) -> Result<bool, StorageError> {
        self.around(Operation::EditLimits, self.inner.rate_limits.remove_limit(scope, actor)).await
    }

    async fn attach(&self, params: AttachParams) -> Result<bool, StorageError> {
        self.around(Operation::EditLimits, self.inner.rate_limits.attach(params)).await
    }

    async fn attachments(&self) -> Result<Vec<(Limited, Scope)>, StorageError> {
        self.around(Operation::Read, self.inner.rate_limits.attachments()).await
    }

    async fn acquire(&self, params: AcquireParams) -> Result<Vec<Acquired>, StorageError> {
        self.around(Operation::Acquire, self.inner.rate_limits.acquire(params)).await
    }

    async fn drain(&self, params: DrainParams) -> Result<Timestamp, StorageError> {
        self.around(Operation::Drain, self.inner.rate_limits.drain(params)).await
    }

    async fn lift_drain(
        &self,
        scope: &Scope,
        actor: Option<Actor>,
        now: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        self.around(Operation::EditLimits, self.inner.rate_limits.lift_drain(scope, actor, now)).await
    }

    async fn sweep_budgets(&self, limit: u32, now: Option<Timestamp>) -> Result<u32, StorageError> {
        self.around(Operation::SweepBudgets, self.inner.rate_limits.sweep_budgets(limit, now)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> CronStorage for Wrapped<H> {
    async fn put(&self, params: PutScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.around(Operation::PutSchedule, self.inner.cron.put(params)).await
    }

    async fn set_enabled(
        &self,
        params: EditScheduleParams,
        activity: Activity,
    ) -> Result<ScheduleRow, StorageError> {
        self.around(Operation::SetScheduleEnabled, self.inner.cron.set_enabled(params, activity)).await
    }

    async fn reset(&self, params: EditScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.around(Operation::ResetSchedule, self.inner.cron.reset(params)).await
    }

    async fn remove(&self, name: &str, actor: Option<Actor>) -> Result<bool, StorageError> {
        self.around(Operation::RemoveSchedule, self.inner.cron.remove(name, actor)).await
    }

    async fn undeclare(&self, params: UndeclareParams) -> Result<Vec<String>, StorageError> {
        self.around(Operation::UndeclareSchedules, self.inner.cron.undeclare(params)).await
    }

    async fn get(&self, name: &str) -> Result<Option<ScheduleRow>, StorageError> {
        self.around(Operation::Read, self.inner.cron.get(name)).await
    }

    async fn list(&self) -> Result<AllSchedules, StorageError> {
        self.around(Operation::Read, self.inner.cron.list()).await
    }

    async fn due(&self, params: DueParams) -> Result<DueSchedules, StorageError> {
        self.around(Operation::DueSchedules, self.inner.cron.due(params)).await
    }

    async fn fire(&self, params: FireParams) -> Result<Vec<FireResult>, StorageError> {
        self.around(Operation::FireSchedules, self.inner.cron.fire(params)).await
    }

    async fn run_now(&self, params: RunScheduleParams) -> Result<TickRow, StorageError> {
        self.around(Operation::RunSchedule, self.inner.cron.run_now(params)).await
    }

    async fn ticks(&self, params: TicksParams) -> Result<Vec<TickRow>, StorageError> {
        self.around(Operation::Read, self.inner.cron.ticks(params)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> MetricsStorage for Wrapped<H> {
    async fn roll(&self, params: RollParams) -> Result<RollReport, StorageError> {
        self.around(Operation::Roll, self.inner.metrics.roll(params)).await
    }

    async fn series(&self, params: SeriesParams) -> Result<Series, StorageError> {
        self.around(Operation::Read, self.inner.metrics.series(params)).await
    }

    async fn record_samples(&self, params: SamplesParams) -> Result<(), StorageError> {
        self.around(Operation::RecordSamples, self.inner.metrics.record_samples(params)).await
    }

    async fn samples(&self, params: SampleSeriesParams) -> Result<Vec<SampleRow>, StorageError> {
        self.around(Operation::Read, self.inner.metrics.samples(params)).await
    }

    async fn oldest(&self, now: Option<Timestamp>) -> Result<Vec<(String, Duration)>, StorageError> {
        self.around(Operation::Read, self.inner.metrics.oldest(now)).await
    }

    fn traffic(&self) -> Traffic {
        self.inner.metrics.traffic()
    }

    fn volume(&self) -> Option<PathBuf> {
        self.inner.metrics.volume()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> Audit for Wrapped<H> {
    async fn list(&self, params: AuditListParams) -> Result<AuditPage, StorageError> {
        self.around(Operation::Read, self.inner.audit.list(params)).await
    }

    async fn record(&self, params: RecordParams) -> Result<(), StorageError> {
        self.around(Operation::RecordAction, self.inner.audit.record(params)).await
    }

    async fn sweep_audit(&self, params: SweepAuditParams) -> Result<u32, StorageError> {
        self.around(Operation::SweepAudit, self.inner.audit.sweep_audit(params)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> Inspect for Wrapped<H> {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.job(id)).await
    }

    async fn list(&self, params: ListParams) -> Result<JobPage, StorageError> {
        self.around(Operation::Read, self.inner.inspect.list(params)).await
    }

    async fn count(&self, filter: JobFilter) -> Result<JobCount, StorageError> {
        self.around(Operation::Read, self.inner.inspect.count(filter)).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.attempts(id)).await
    }

    async fn events(&self, id: JobId) -> Result<Vec<JobEvent>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.events(id)).await
    }

    async fn has_unfinished(&self, queue: Option<&str>) -> Result<bool, StorageError> {
        self.around(Operation::Read, self.inner.inspect.has_unfinished(queue)).await
    }

    async fn line(&self, params: LineParams) -> Result<Line, StorageError> {
        self.around(Operation::Read, self.inner.inspect.line(params)).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.queue_counts()).await
    }

    async fn due_kinds(&self, now: Option<Timestamp>) -> Result<Vec<DueKind>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.due_kinds(now)).await
    }

    async fn processes(&self) -> Result<Vec<ProcessRow>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.processes()).await
    }

    async fn health(&self) -> Result<Health, StorageError> {
        self.around(Operation::Read, self.inner.inspect.health()).await
    }

    async fn oldest_snapshot(&self) -> Result<Option<OpenTransaction>, StorageError> {
        self.around(Operation::Read, self.inner.inspect.oldest_snapshot()).await
    }

    async fn checkup(&self) -> Result<Checkup, StorageError> {
        self.around(Operation::Read, self.inner.inspect.checkup()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: Hook> History for Wrapped<H> {
    async fn record_logs(&self, params: RecordLogsParams) -> Result<(), StorageError> {
        self.around(Operation::RecordLogs, self.inner.history.record_logs(params)).await
    }

    async fn logs(&self, params: LogsParams) -> Result<LogPage, StorageError> {
        self.around(Operation::Read, self.inner.history.logs(params)).await
    }

    async fn error_groups(&self, params: ErrorGroupsParams) -> Result<ErrorGroupList, StorageError> {
        self.around(Operation::Read, self.inner.history.error_groups(params)).await
    }

    async fn error_group(&self, id: ErrorGroupId) -> Result<Option<ErrorGroup>, StorageError> {
        self.around(Operation::Read, self.inner.history.error_group(id)).await
    }

    async fn tend_errors(&self, params: TendErrorsParams) -> Result<TendErrorsReport, StorageError> {
        self.around(Operation::TendErrors, self.inner.history.tend_errors(params)).await
    }
}

//! The calls of the storage's traits, each with the lane or the connection on which it runs.

use super::changes::{self, Effects, announce};
use super::locks::{Fresh, To};
use super::open::{self, Readers};
use super::writer::{Cx, Lane, time};
use super::{
    SETTINGS_LIMIT, SqliteStorage, checkup, claim, edits, enqueue, finish, health, inspect, limits, line,
    list, looks, metrics, processes, progress, promote, queues, reap, rows, sweep, verbs,
};
use crate::limits::STORAGE_CALL_LIMIT;
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
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::watch;

/// Longest time of a check-up, which reads everything.
const CHECKUP_LIMIT: Duration = Duration::from_secs(600);

/// Longest time of a look at the database's health, which takes milliseconds.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

const _: () = assert!(CHECKUP_LIMIT.as_secs() > STORAGE_CALL_LIMIT.as_secs());

#[async_trait]
impl JobQueue for SqliteStorage {
    async fn enqueue(&self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        self.write(Lane::Bulk, move |cx| enqueue::enqueue(cx, &params)).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<ClaimBatch, StorageError> {
        let look = params.clone();
        let looked = move |cx: &mut Cx<'_, '_>| looks::claim(cx, &look);
        self.look_or_write(Lane::Bulk, looked, move |cx| claim::claim(cx, &params)).await
    }

    async fn finish(&self, params: FinishParams) -> Result<Vec<FinishResult>, StorageError> {
        self.write(Lane::Bulk, move |cx| finish::finish(cx, &params)).await
    }

    async fn release(&self, params: ReleaseParams) -> Result<Vec<FinishResult>, StorageError> {
        self.write(Lane::Bulk, move |cx| finish::release(cx, &params)).await
    }

    async fn end_alone(&self, lease: Lease) -> Result<bool, StorageError> {
        self.write(Lane::Urgent, move |cx| finish::end_alone(cx, &lease)).await
    }

    async fn record_progress(&self, params: ProgressParams) -> Result<(), StorageError> {
        self.write(Lane::Bulk, move |cx| progress::record(cx, &params)).await
    }

    async fn promote(&self, params: PromoteParams) -> Result<Promoted, StorageError> {
        let looked = move |cx: &mut Cx<'_, '_>| looks::promote(cx, &params);
        self.look_or_write(Lane::Bulk, looked, move |cx| promote::promote(cx, &params)).await
    }

    async fn cancel(&self, params: VerbParams) -> Result<Vec<CancelOutcome>, StorageError> {
        let locks = self.locks.share();
        let cancelled = move |cx: &mut Cx<'_, '_>| {
            Ok(verbs::Cancelled { outcomes: verbs::cancel(cx, &params)?, locks: locks.clone() })
        };
        let cancelled = self.write(Lane::Urgent, cancelled).await?;
        Ok(cancelled.outcomes.clone())
    }

    async fn retry(&self, params: VerbParams) -> Result<Vec<RetryOutcome>, StorageError> {
        self.write(Lane::Bulk, move |cx| verbs::retry(cx, &params)).await
    }

    async fn run_now(&self, params: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError> {
        self.write(Lane::Bulk, move |cx| verbs::run_now(cx, &params)).await
    }

    async fn drop_jobs(&self, params: VerbParams) -> Result<Vec<DropOutcome>, StorageError> {
        self.write(Lane::Bulk, move |cx| verbs::drop_jobs(cx, &params)).await
    }

    async fn edit(&self, params: EditJobParams) -> Result<EditOutcome, StorageError> {
        self.write(Lane::Bulk, move |cx| edits::edit(cx, &params)).await
    }

    async fn sweep(&self, params: SweepParams) -> Result<SweepReport, StorageError> {
        let looked = move |cx: &mut Cx<'_, '_>| looks::sweep(cx, &params);
        self.look_or_write(Lane::Bulk, looked, move |cx| sweep::sweep(cx, &params)).await
    }

    fn wake(&self) {
        // Other processes watch the log.
        announce(&self.changes, Effects::ANY);
    }

    fn changes(&self) -> watch::Receiver<Changes> {
        self.changes.subscribe()
    }
}

#[async_trait]
impl ProcessRegistry for SqliteStorage {
    async fn register(&self, params: RegisterParams) -> Result<(), StorageError> {
        let process = params.process;
        // Before the row: whoever sees the row must find the lock held.
        let taken = processes::take_lock(&self.locks, process)?;
        let mut fresh = taken.then(|| Fresh::new(&self.locks, process));
        if let Some(watcher) = &mut *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) {
            changes::watch_locks(watcher, self.locks.directory());
        }
        let registered = self.write(Lane::Urgent, move |cx| processes::register(cx, &params)).await;
        if let Some(fresh) = &mut fresh {
            match &registered {
                Ok(()) => fresh.keep(),
                // Somebody's before, who has let go of it: its file still tells others that it died.
                Err(StorageError::Conflict { .. }) => {
                    self.locks.let_go(process);
                    fresh.keep();
                }
                Err(_) => {}
            }
        }
        registered
    }

    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Heartbeat, StorageError> {
        let (beat, lead_is_free) =
            self.write(Lane::Urgent, move |cx| processes::heartbeat(cx, &params)).await?;
        if lead_is_free {
            changes::tell_news(&self.changes);
            self.locks.tell(To::All);
        }
        Ok(beat)
    }

    async fn deregister(&self, params: DeregisterParams) -> Result<u32, StorageError> {
        let handed_back = self.write(Lane::Urgent, move |cx| processes::deregister(cx, &params)).await?;
        self.locks.remove(params.process);
        // Others may take the lead.
        changes::tell_news(&self.changes);
        self.locks.tell(To::All);
        Ok(handed_back)
    }

    async fn reap(&self, params: ReapParams) -> Result<ReapReport, StorageError> {
        let locks = self.locks.share();
        let looked = move |cx: &mut Cx<'_, '_>| looks::reap(cx, &params);
        let reaped = move |cx: &mut Cx<'_, '_>| reap::reap(cx, &params, &locks);
        let report = self.look_or_write(Lane::Bulk, looked, reaped).await?;
        for process in &report.processes {
            self.locks.remove(*process);
        }
        if !report.processes.is_empty() {
            changes::tell_news(&self.changes);
            self.locks.tell(To::All);
        }
        Ok(report)
    }
}

#[async_trait]
impl QueueConfig for SqliteStorage {
    async fn ensure(&self, params: EnsureQueueParams) -> Result<QueueRow, StorageError> {
        self.write(Lane::Bulk, move |cx| queues::ensure(cx, &params)).await
    }

    async fn update(&self, params: UpdateQueueParams) -> Result<QueueRow, StorageError> {
        self.write(Lane::Bulk, move |cx| queues::update(cx, &params)).await
    }

    async fn get(&self, queue: &str) -> Result<Option<QueueRow>, StorageError> {
        let queue = queue.to_owned();
        let limit = Some(SETTINGS_LIMIT);
        self.read_by(self.settings.as_ref(), limit, move |conn| Ok(queues::get(conn, &queue)?)).await
    }

    async fn list(&self) -> Result<Vec<QueueRow>, StorageError> {
        self.read_by(self.settings.as_ref(), Some(SETTINGS_LIMIT), |conn| Ok(queues::list(conn)?)).await
    }
}

#[async_trait]
impl RateLimitStorage for SqliteStorage {
    async fn set_limit(&self, params: SetLimitParams) -> Result<LimitRow, StorageError> {
        self.write(Lane::Urgent, move |cx| limits::set(cx, &params)).await
    }

    async fn limit(&self, scope: &Scope, now: Option<Timestamp>) -> Result<Option<LimitRow>, StorageError> {
        let scope = scope.clone();
        self.read(None, move |conn| limits::get(conn, &scope, time(now))).await
    }

    async fn limits(&self, now: Option<Timestamp>) -> Result<Vec<LimitRow>, StorageError> {
        self.read(None, move |conn| limits::list(conn, time(now))).await
    }

    async fn remove_limit(&self, scope: &Scope, actor: Option<Actor>) -> Result<bool, StorageError> {
        let scope = scope.clone();
        self.write(Lane::Urgent, move |cx| limits::remove(cx, &scope, actor.as_ref())).await
    }

    async fn attach(&self, params: AttachParams) -> Result<bool, StorageError> {
        self.write(Lane::Urgent, move |cx| limits::attach(cx, &params)).await
    }

    async fn attachments(&self) -> Result<Vec<(Limited, Scope)>, StorageError> {
        self.read(None, limits::attachments).await
    }

    async fn acquire(&self, params: AcquireParams) -> Result<Vec<Acquired>, StorageError> {
        self.write(Lane::Bulk, move |cx| limits::acquire(cx, &params)).await
    }

    async fn drain(&self, params: DrainParams) -> Result<Timestamp, StorageError> {
        self.write(Lane::Urgent, move |cx| limits::drain(cx, &params)).await
    }

    async fn lift_drain(
        &self,
        scope: &Scope,
        actor: Option<Actor>,
        now: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let scope = scope.clone();
        self.write(Lane::Urgent, move |cx| limits::lift_drain(cx, &scope, actor.as_ref(), now)).await
    }

    async fn sweep_budgets(&self, limit: u32, now: Option<Timestamp>) -> Result<u32, StorageError> {
        let looked = move |cx: &mut Cx<'_, '_>| limits::none_idle(cx, now);
        self.look_or_write(Lane::Bulk, looked, move |cx| limits::sweep(cx, limit, now)).await
    }
}

#[async_trait]
impl MetricsStorage for SqliteStorage {
    async fn roll(&self, params: RollParams) -> Result<RollReport, StorageError> {
        self.write(Lane::Bulk, move |cx| metrics::roll(cx, &params)).await
    }

    async fn series(&self, params: SeriesParams) -> Result<Series, StorageError> {
        self.read(None, move |conn| metrics::series(conn, &params)).await
    }

    async fn record_samples(&self, params: SamplesParams) -> Result<(), StorageError> {
        self.write(Lane::Bulk, move |cx| metrics::record_samples(cx, &params)).await
    }

    async fn samples(&self, params: SampleSeriesParams) -> Result<Vec<SampleRow>, StorageError> {
        self.read(None, move |conn| metrics::samples(conn, &params)).await
    }

    async fn oldest(&self, now: Option<Timestamp>) -> Result<Vec<(String, Duration)>, StorageError> {
        self.read(None, move |conn| metrics::oldest(conn, time(now))).await
    }

    fn traffic(&self) -> Traffic {
        let (open, limit) = self.readers.as_ref().map_or((0, 0), Readers::connections);
        // And the writer's.
        self.usage.take(open::busy(), open + 1, limit + 1)
    }

    fn volume(&self) -> Option<PathBuf> {
        self.file.as_ref()?.parent().map(PathBuf::from)
    }
}

#[async_trait]
impl Inspect for SqliteStorage {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        self.read(None, move |conn| inspect::job(conn, id)).await
    }

    async fn list(&self, params: ListParams) -> Result<JobPage, StorageError> {
        self.read(None, move |conn| list::page(conn, &params)).await
    }

    async fn count(&self, filter: JobFilter) -> Result<JobCount, StorageError> {
        self.read(None, move |conn| list::count(conn, &filter)).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, StorageError> {
        self.read(None, move |conn| {
            Ok(match rows::seq_of(conn, id)? {
                Some(seq) => rows::attempts(conn, seq)?,
                None => Vec::new(),
            })
        })
        .await
    }

    async fn events(&self, id: JobId) -> Result<Vec<JobEvent>, StorageError> {
        self.read(None, move |conn| inspect::events(conn, id)).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StorageError> {
        self.read(None, inspect::queue_counts).await
    }

    async fn due_kinds(&self, now: Option<Timestamp>) -> Result<Vec<DueKind>, StorageError> {
        self.read(None, move |conn| inspect::due_kinds(conn, time(now))).await
    }

    async fn has_unfinished(&self, queue: Option<&str>) -> Result<bool, StorageError> {
        let queue = queue.map(str::to_owned);
        self.read(None, move |conn| inspect::has_unfinished(conn, queue.as_deref())).await
    }

    async fn line(&self, params: LineParams) -> Result<Line, StorageError> {
        self.read(None, move |conn| line::line(conn, &params)).await
    }

    async fn processes(&self) -> Result<Vec<ProcessRow>, StorageError> {
        let locks = self.locks.share();
        self.read(None, move |conn| inspect::processes(conn, &locks)).await
    }

    async fn health(&self) -> Result<Health, StorageError> {
        let file = self.file.clone();
        // Without a snapshot, in which SQLite does not look at its log.
        self.read(Some(HEALTH_LIMIT), move |conn| health::health(conn, file.as_deref())).await
    }

    async fn oldest_snapshot(&self) -> Result<Option<OpenTransaction>, StorageError> {
        Ok(None)
    }

    async fn checkup(&self) -> Result<Checkup, StorageError> {
        let database = self
            .file
            .as_ref()
            .map_or_else(|| "sqlite::memory:".into(), |f| format!("sqlite:{}", f.display()));
        self.read(Some(CHECKUP_LIMIT), move |conn| checkup::checkup(conn, database.clone())).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::SqliteOptions;
    use super::*;
    use rusqlite::Connection;

    #[tokio::test]
    async fn reads_of_people_do_not_keep_workers_from_their_settings() {
        let dir = tempfile::tempdir().unwrap();
        let storage =
            SqliteStorage::open(dir.path().join("jobs.db"), SqliteOptions::default().normal()).await.unwrap();
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        // More than there are connections for.
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let storage = storage.clone();
                let read = move |c: &Connection| Ok(c.query_row(endless, [], |_| Ok(()))?);
                tokio::spawn(async move { storage.read(Some(CHECKUP_LIMIT), read).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let settings = tokio::time::timeout(Duration::from_secs(20), QueueConfig::list(&*storage)).await;
        assert!(settings.expect("the settings wait for people's reads").is_ok());
        reads.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

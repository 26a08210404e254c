//! The embedded storage: one SQLite file that the processes of one host can share, or a database in memory.
//!
//! Writes go through one connection on a thread of its own, with group commit (`writer`); reads for people have
//! connections apart. Where a job stands is told by which small table holds it (`state`, ADR 0003).

mod audit;
mod audit_ends;
mod changes;
mod checkup;
mod claim;
mod edits;
mod enqueue;
mod error;
mod error_groups;
mod filters;
mod finish;
mod guards;
mod health;
mod history;
mod hot;
mod identity;
mod inspect;
mod limits;
mod line;
mod list;
mod locks;
mod looks;
mod metrics;
mod migrate;
#[cfg(target_os = "linux")]
mod mounts;
mod names;
mod open;
mod permits;
mod place;
mod processes;
mod progress;
mod promote;
mod queues;
mod reap;
mod room;
mod rows;
mod schedules;
mod slots;
mod state;
mod sweep;
mod ticks;
pub mod transaction;
mod unique;
mod verbs;
mod writer;

/// The driver, in the version whose connections this storage takes: a binary can hold only one SQLite.
pub use rusqlite;

#[cfg(feature = "conformance")]
pub use crate::storage::guard::Guard;

use self::changes::{Effects, announce};
use self::error::Fault;
use self::guards::Guards;
use self::identity::Identity;
use self::locks::{Fresh, Locks, Owned, To};
use self::open::{Purpose, Readers, Synchronous};
use self::writer::{Cx, Lane, Setup, Writer, time};
use crate::limits::STORAGE_CALL_LIMIT;
use crate::metrics::tape::Tape;
use crate::rate_limit::Scope;
use crate::storage::Actor;
use crate::storage::usage::{Call, Usage};
use crate::storage::{
    AcquireParams, Acquired, AttachParams, DrainParams, LimitRow, Limited, RateLimitStorage, SetLimitParams,
};
use crate::storage::{
    CancelOutcome, Capabilities, Changes, Checkup, ClaimBatch, ClaimParams, DeregisterParams, DropOutcome,
    DueKind, EditJobParams, EditOutcome, EnqueueParams, EnsureQueueParams, FinishParams, FinishResult,
    Health, Heartbeat, HeartbeatParams, Inserted, Inspect, JobCount, JobEvent, JobFilter, JobPage, JobQueue,
    Lease, Line, LineParams, ListParams, OpenTransaction, ProcessRegistry, ProcessRow, ProgressParams,
    PromoteParams, Promoted, QueueConfig, QueueCounts, QueueRow, ReapParams, ReapReport, RegisterParams,
    ReleaseParams, RetryOutcome, RunNowOutcome, Storage, StorageError, SweepParams, SweepReport,
    UpdateQueueParams, VerbParams,
};
use crate::storage::{
    MetricsStorage, RollParams, RollReport, SampleRow, SampleSeriesParams, SamplesParams, Series,
    SeriesParams, Traffic,
};
use crate::{Attempt, Job, JobId, ProcessId, Timestamp};
use async_trait::async_trait;
use notify::RecommendedWatcher;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Longest time of a check-up, which reads everything.
const CHECKUP_LIMIT: Duration = Duration::from_secs(600);

/// Longest time of a look at the database's health, which takes milliseconds.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// Longest time of a look at the settings: one statement, which needs no snapshot.
const SETTINGS_LIMIT: Duration = Duration::from_secs(5);

/// How to open a SQLite storage.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    synchronous: Synchronous,
    purpose: Purpose,
    guards: Guards,
    metered: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            purpose: Purpose::Use,
            guards: Guards::default(),
            metered: true,
        }
    }
}

impl SqliteOptions {
    /// With `synchronous = NORMAL`: an acknowledged job survives a crash of the process, but the last ones may not
    /// survive a power cut. Without this, with `FULL`, they do.
    #[must_use]
    pub const fn normal(mut self) -> Self {
        self.synchronous = Synchronous::Normal;
        self
    }

    /// Only a database that is Forge's already and of this version: a look neither makes one, nor brings one up to
    /// date, nor touches somebody else's file. For tools that people point at a file.
    #[must_use]
    pub const fn existing_only(mut self) -> Self {
        self.purpose = Purpose::Look;
        self
    }

    /// Beside the tables of the program itself, in one file: Forge's own are prefixed `forge_`. The file becomes a WAL
    /// database. Without this a database that holds other tables is refused, since the path is most likely a slip.
    #[must_use]
    pub const fn share_file(mut self) -> Self {
        self.purpose = Purpose::Share;
        self
    }

    /// Without counting what happens to jobs by this handle, for [`metrics`](crate::metrics): a few per cent of the
    /// throughput.
    #[must_use]
    pub const fn without_metrics(mut self) -> Self {
        self.metered = false;
        self
    }

    /// Without one of the guards that make the storage safe. For tests that a rule notices, and for nothing else.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn without_guard(mut self, guard: Guard) -> Self {
        self.guards = self.guards.without(guard);
        self
    }
}

/// The embedded storage.
///
/// Dropping the last handle carries out what was handed over and closes the file.
pub struct SqliteStorage {
    writer: Writer,
    readers: Option<Readers>,
    /// For queue settings, which workers wait for.
    settings: Option<Readers>,
    locks: Owned,
    changes: Arc<watch::Sender<Changes>>,
    /// `None` where the platform offers no watch.
    watcher: Mutex<Option<RecommendedWatcher>>,
    usage: Usage,
    file: Option<PathBuf>,
}

impl SqliteStorage {
    /// Opens a file, creates it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StorageError::Corrupt`] for a file that is no database, [`StorageError::NotForge`] for one that holds tables
    /// of somebody else, [`StorageError::SchemaTooNew`] for one that a newer version made (none of them is changed),
    /// [`StorageError::SchemaTooOld`] with [`SqliteOptions::existing_only`], [`StorageError::Unavailable`] when the file cannot be opened or locked, or
    /// is on a network file system.
    pub async fn open(file: impl Into<PathBuf>, options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        // Connections for reads are opened later, when the program may have changed its directory.
        let file = place::real(&file.into()).map_err(|e| StorageError::Unavailable {
            detail: format!("the path of the database cannot be made absolute: {e}"),
            outcome_unknown: false,
            source: Some(Box::new(e)),
        })?;
        let path = file.clone();
        let (synchronous, purpose) = (options.synchronous, options.purpose);
        let conn = blocking(move || open::open_file(&path, synchronous, purpose)).await?;
        let storage = Self::build(conn, options, Some(file.clone()))?;
        let (news, locks) = (storage.changes.clone(), storage.locks.share());
        let gone = move |path: &Path| {
            if locks.is_for_here(path) {
                changes::tell_news(&news);
            }
        };
        let watcher = changes::watch_files(&file, storage.writer.looker(), gone);
        *storage.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watcher;
        Ok(Arc::new(storage))
    }

    /// Opens a database in memory, for tests and for programs that need no durability. It is private to this handle.
    ///
    /// # Errors
    ///
    /// [`StorageError::Internal`].
    pub async fn open_in_memory(options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        let conn = blocking(open::open_memory).await?;
        Ok(Arc::new(Self::build(conn, options, None)?))
    }

    fn build(conn: Connection, options: SqliteOptions, file: Option<PathBuf>) -> Result<Self, StorageError> {
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let identity = file.as_deref().map(Identity::of);
        let tape = if options.metered { Tape::default() } else { Tape::off() };
        let writer = Writer::start(conn, Setup::new(identity, options.guards, tape, changes.clone()))?;
        let readers = file.clone().map(Readers::new);
        let settings = file.clone().map(Readers::single);
        let locks = Owned::new(Locks::beside(file.as_deref()));
        let usage = Usage::default();
        Ok(Self { writer, readers, settings, locks, changes, watcher: Mutex::new(None), usage, file })
    }

    /// The bundle for a runtime.
    #[must_use]
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        let several_processes = self.file.is_some();
        Storage::new(self, Capabilities::of_host(several_processes))
    }

    /// How many transactions were committed that changed something, since this handle was opened. For tests and
    /// metrics.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Runs a command that writes.
    async fn write<T, F>(&self, lane: Lane, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        self.look_or_write(lane, |_| Ok(None), run).await
    }

    /// The same, unless a look says that there is nothing to be written.
    async fn look_or_write<T, L, F>(&self, lane: Lane, look: L, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        L: FnMut(&mut Cx<'_, '_>) -> Result<Option<T>, Fault> + Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        let _under_way = self.usage.begin(Call::Write);
        self.writer.look_or_write(lane, look, run).await
    }

    /// Runs a read for people: on a connection of its own, or in memory on the only one there is.
    async fn read<T, F>(&self, limit: Option<Duration>, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.read_by(self.readers.as_ref(), limit, run).await
    }

    async fn read_by<T, F>(
        &self,
        readers: Option<&Readers>,
        limit: Option<Duration>,
        run: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let _under_way = self.usage.begin(Call::Read);
        match readers {
            Some(readers) => readers.read(run, limit).await,
            None => self.writer.write(Lane::Bulk, move |cx| run(cx.conn)).await,
        }
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("file", &self.file).finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|e| {
        Err(StorageError::Internal { detail: "opening panicked".into(), source: Some(Box::new(e)) })
    })
}

/// What a cancel did. Processes of other storages hear of it when it is dropped, which is after its commit: by its caller
/// or, if that has stopped waiting, by whoever would have answered.
struct Cancelled {
    outcomes: Vec<CancelOutcome>,
    locks: Arc<Locks>,
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        let asked = self.outcomes.iter().filter_map(|outcome| match outcome {
            CancelOutcome::Requested { process, .. } => Some(*process),
            _ => None,
        });
        let mut told = BTreeSet::new();
        for process in asked {
            // Those of this storage have heard of it with the commit.
            if !self.locks.holds(process) && told.insert(process) {
                self.locks.tell(To::One(process));
            }
        }
    }
}

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
            Ok(Cancelled { outcomes: verbs::cancel(cx, &params)?, locks: locks.clone() })
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
        let taken = self.take_lock(process)?;
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

impl SqliteStorage {
    /// Takes the lock of a process; `false` if this storage holds it already.
    fn take_lock(&self, process: ProcessId) -> Result<bool, StorageError> {
        if self.locks.holds(process) {
            return Ok(false);
        }
        match self.locks.take(process) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                Err(processes::registered_before(process))
            }
            Err(e) => Err(StorageError::Unavailable {
                detail: format!(
                    "no lock file of this process can be made in {}: {e}",
                    self.locks.directory().display()
                ),
                outcome_unknown: false,
                source: Some(Box::new(e)),
            }),
        }
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

const _: () = assert!(CHECKUP_LIMIT.as_secs() > STORAGE_CALL_LIMIT.as_secs());

#[cfg(test)]
mod tests {
    use super::*;

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

//! The shared storage: a Postgres database that the processes of any number of hosts share.
//!
//! Each operation is one statement, a call of one of the schema's own functions (ADR 0016): one round trip, one
//! transaction, nothing left open when a caller goes away, and any pooler may stand between. Where a job stands is told
//! by which small table holds it, as in the embedded storage (ADR 0003).

mod audit;
mod changes;
mod checkup;
mod claim;
mod connect;
mod driver;
mod edits;
mod enqueue;
mod error;
mod filters;
mod finish;
#[cfg(feature = "conformance")]
mod guards;
mod health;
mod history;
mod hub;
mod inspect;
mod limits;
mod line;
mod link;
mod list;
mod look_back;
mod marks;
mod metrics;
mod migrate;
mod names;
mod processes;
mod queues;
mod replace;
mod rows;
mod schedules;
mod schema;
mod socket;
mod ticks;
mod tls;
pub mod transaction;
mod upkeep;
mod verbs;

// The drivers, in the versions whose connections this storage takes.
#[cfg(feature = "sqlx")]
pub use sqlx;
pub use tokio_postgres;

#[cfg(feature = "conformance")]
pub use crate::storage::guard::Guard;

use self::connect::Server;
use self::driver::Driver;
use self::hub::Hub;
use self::schema::Schema;
use crate::config::PostgresConfig;
use crate::rate_limit::Scope;
use crate::storage::Actor;
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
use crate::{Attempt, Job, JobId, Timestamp};
use async_trait::async_trait;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The newest version of the schema that this program knows.
pub const SCHEMA_VERSION: i64 = migrate::KNOWN;

/// The SQL that makes the tables, views and functions in a schema of this name: for people who review what a migration
/// does, or whose roles may not run one.
#[must_use]
pub fn schema_sql(schema: &str) -> String {
    let schema = Schema::new(schema);
    schema::STEPS.iter().flat_map(|step| step.iter()).map(|part| schema.render(part)).collect()
}

/// Drops a schema with everything that is in it.
#[cfg(feature = "testing")]
pub(crate) async fn drop_schema(config: &PostgresConfig) -> Result<(), StorageError> {
    let server = Server::of(config)?;
    let drop = format!(
        "SET lock_timeout = '10s'; SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{}\" CASCADE",
        config.schema()
    );
    let (driver, closing) = Driver::start()?;
    // Nobody has a last word.
    std::mem::drop(closing);
    driver
        .run(async move {
            let dropped = async {
                let live = connect::connect(&server).await?;
                Ok(live.client().batch_execute(&drop).await?)
            };
            dropped.await.map_err(|e: error::Fault| e.into_storage(true))
        })
        .await
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A look or an order: nothing is made or brought up to date.
    Look,
    /// Work: brought up to date only if the configuration says so.
    Use,
    /// Bringing it to the schema that this version knows.
    Migrate,
}

/// The shared storage.
///
/// Its connections live on a thread of its own. Dropping the last handle says what is still to be said and closes them.
pub struct PostgresStorage {
    // First, so that it is dropped first: its tasks hold the hub.
    driver: Driver,
    hub: Arc<Hub>,
}

impl PostgresStorage {
    /// Connects, and checks that the database is one that this program can work with.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the server cannot be reached or is a standby, [`StorageError::NotForge`] for
    /// a server older than 14, a database that is not UTF-8, one without Forge's tables, or a schema that holds
    /// somebody else's, [`StorageError::SchemaTooOld`], [`StorageError::SchemaTooNew`]. Nothing is changed then.
    pub async fn open(config: &PostgresConfig, purpose: Purpose) -> Result<Arc<Self>, StorageError> {
        let server = Arc::new(Server::of(config)?);
        let schema = Schema::new(config.schema());
        let (driver, closing) = Driver::start()?;
        let (connect_to, prepared, auto) = (server.clone(), schema.clone(), config.auto_migrate());
        let limit = config.call_timeout();
        driver
            .run(async move {
                let opened = async {
                    let live = connect::connect(&connect_to).await?;
                    connect::answered(limit, connect::check(&live)).await?;
                    let may = migrate::May { purpose, auto_migrate: auto, limit };
                    migrate::prepare(&live, &prepared, &connect_to, may).await
                };
                opened.await.map_err(|e: error::Fault| e.into_storage(true))
            })
            .await?;
        let hub = Arc::new(Hub::new(server, schema, config));
        driver.handle().spawn(changes::tell(hub.clone(), closing));
        if purpose != Purpose::Look {
            driver.handle().spawn(look_back::look_back(hub.clone()));
            if config.listen() {
                driver.handle().spawn(changes::listen(hub.clone()));
            } else {
                driver.handle().spawn(changes::poll(hub.clone()));
            }
        }
        Ok(Arc::new(Self { driver, hub }))
    }

    /// The parts that a runtime needs.
    #[must_use]
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        Storage::new(self, Capabilities::of_server())
    }

    /// How many statements were sent since this handle was opened, those for listening excepted. For tests and
    /// metrics.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.hub.statements()
    }

    /// Whether it is certain that no pooler and no proxy stands between this storage and the server: the server keeps
    /// its statements then. Behind a translation of addresses, and on a Unix socket, it is not. Cancel safe.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn is_direct(&self) -> Result<bool, StorageError> {
        self.run(|hub| async move { hub.is_direct().await.map_err(|e| e.into_storage(false)) }).await
    }

    /// Takes one of the guards that make the storage safe out of the database's functions. For tests that a rule
    /// notices, and for nothing else.
    ///
    /// # Errors
    ///
    /// When the function cannot be replaced.
    #[cfg(feature = "conformance")]
    pub async fn remove_guard(&self, guard: Guard) -> Result<(), StorageError> {
        let hub = self.hub.clone();
        self.driver
            .run(async move {
                let sql = guard.without(&hub.schema);
                hub.order(&sql).await.map_err(|e| e.into_storage(true))
            })
            .await
    }

    /// Runs a call on the thread of the connections.
    async fn run<T, F, C>(&self, call: C) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
        C: FnOnce(Arc<Hub>) -> F,
    {
        self.driver.run(call(self.hub.clone())).await
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage").field("server", &self.hub.server.name()).finish_non_exhaustive()
    }
}

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

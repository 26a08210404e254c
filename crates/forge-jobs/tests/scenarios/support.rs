//! What the scenarios share.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{QueueSettingsPatch, RegisterParams, UpdateQueueParams};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, Job, JobId, JobOutcome, JobStatus, ProcessId,
    QueueHandle, QueueRuntime, RuntimeConfig, Storage,
};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The registration of a process that is there and does nothing.
pub(crate) fn registration(process: ProcessId) -> RegisterParams {
    RegisterParams {
        process,
        host: "test".into(),
        pid: 0,
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    }
}

/// A wait longer than this is a hang, not slowness.
pub(crate) const HANG: Duration = Duration::from_secs(180);

/// A database of its own, and storages on it.
pub(crate) struct Db {
    // First, so that it is closed before its database goes.
    pub(crate) storage: Storage,
    place: Place,
}

/// Where a database is, kept there as long as this lives.
enum Place {
    File(TempDir),
    #[cfg(feature = "postgres")]
    Postgres(forge_test_cluster::TestDatabase<'static>),
}

/// How to open a database.
#[derive(Clone)]
pub(crate) enum Way {
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(String),
}

impl Way {
    pub(crate) async fn open(self) -> Storage {
        match self {
            Self::File(file) => {
                SqliteStorage::open(file, SqliteOptions::default().normal()).await.unwrap().into_bundle()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => crate::databases::open(&url).await.into_bundle(),
        }
    }
}

impl Db {
    pub(crate) async fn new() -> Self {
        let place = Self::place().await;
        Self { storage: way_to(&place).open().await, place }
    }

    #[cfg(feature = "postgres")]
    async fn place() -> Place {
        if on_postgres() {
            Place::Postgres(crate::databases::fresh().await)
        } else {
            Place::File(tempfile::tempdir().unwrap())
        }
    }

    #[cfg(not(feature = "postgres"))]
    async fn place() -> Place {
        Place::File(tempfile::tempdir().unwrap())
    }

    /// How another process would open it.
    pub(crate) fn way(&self) -> Way {
        way_to(&self.place)
    }

    /// A storage of its own on the same database, as another process would have.
    pub(crate) async fn another(&self) -> Storage {
        self.way().open().await
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.storage.inspect.job(id).await.unwrap().unwrap()
    }

    pub(crate) async fn until_status(&self, id: JobId, status: JobStatus) -> Job {
        until(&format!("job {id} to be {status}"), || async {
            self.storage.inspect.job(id).await.unwrap().is_some_and(|j| j.status == status)
        })
        .await;
        self.job(id).await
    }

    pub(crate) async fn set(&self, queue: &str, patch: QueueSettingsPatch) {
        let params =
            UpdateQueueParams { queue: queue.into(), patch, expected_version: None, actor: None, now: None };
        self.storage.queues.update(params).await.unwrap();
    }

    /// Without delays between attempts.
    pub(crate) async fn without_backoff(&self, runtime: &QueueRuntime) {
        runtime.ensure_queue("default", 4).await.unwrap();
        let mut patch = QueueSettingsPatch::default();
        patch.backoff_enabled = Some(false);
        self.set("default", patch).await;
    }

    /// Shuts down, and checks that nothing of the runtime is left and that the database is in order.
    pub(crate) async fn stop(&self, handle: QueueHandle) {
        let report = handle.shutdown_graceful(HANG).await;
        assert_eq!(report.still_running, [], "{report:?}");
        handle.ended().await;
        self.check().await;
    }

    /// Changes the tables past the crate. They are called `{forge}name`, and stand so in a schema or with a prefix.
    pub(crate) async fn damage(&self, statement: &str) {
        match &self.place {
            Place::File(dir) => {
                let conn = rusqlite::Connection::open(dir.path().join("jobs.db")).unwrap();
                conn.busy_timeout(HANG).unwrap();
                conn.execute_batch(&statement.replace("{forge}", "forge_")).unwrap();
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let client = forge_test_cluster::connect(database.url()).await.unwrap();
                client.batch_execute(&statement.replace("{forge}", "forge.")).await.unwrap();
            }
        }
    }

    pub(crate) async fn check(&self) {
        let checkup = self.storage.inspect.checkup().await.unwrap();
        assert_eq!(checkup.problems, Vec::<String>::new());
    }
}

/// Which database these scenarios run on.
pub(crate) const fn on_postgres() -> bool {
    #[cfg(feature = "postgres")]
    return crate::ON_POSTGRES;
    #[cfg(not(feature = "postgres"))]
    false
}

fn way_to(place: &Place) -> Way {
    match place {
        Place::File(dir) => Way::File(dir.path().join("jobs.db")),
        #[cfg(feature = "postgres")]
        Place::Postgres(database) => Way::Postgres(database.url().to_owned()),
    }
}

/// Intervals that make a test quick.
pub(crate) fn quick() -> RuntimeConfig {
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(100));
    // After half of it a process that could not confirm a heartbeat stops its jobs: no machine is busy for so long.
    config.stale_after = Duration::from_secs(60);
    config.poll_busy = Duration::from_millis(50);
    config.poll_idle = Duration::from_millis(200);
    config.sweep_interval = Duration::from_millis(50);
    config.alone_window = Duration::from_millis(500);
    config.log_interval = Duration::from_millis(20);
    config
}

/// Those of a test that waits for a process that cannot confirm its heartbeat to stop its jobs.
pub(crate) fn soon_stale() -> RuntimeConfig {
    let mut config = quick();
    // Twice what a busy machine takes for a heartbeat.
    config.stale_after = Duration::from_secs(6);
    config
}

pub(crate) fn runtime(storage: &Storage, handlers: HandlerRegistry) -> QueueRuntime {
    QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter)).with_config(quick())
}

pub(crate) async fn until<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + HANG;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {HANG:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Bounds a wait that would otherwise hang the suite.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("waited {HANG:?} for {what}"))
}

pub(crate) fn request(kind: &str) -> EnqueueRequest {
    EnqueueRequest::new(kind, serde_json::json!({}))
}

/// A handler that waits to be told its outcome: each start is announced with the means to end it.
pub(crate) struct Puppet {
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    pub(crate) cancel: forge_jobs::CancelToken,
    end: oneshot::Sender<JobOutcome>,
}

impl Puppet {
    pub(crate) fn end(self, outcome: JobOutcome) {
        self.end.send(outcome).unwrap();
    }
}

/// Registers a puppet handler; the receiver gets one puppet per started attempt.
pub(crate) fn puppets(handlers: &mut HandlerRegistry, kind: &str) -> mpsc::UnboundedReceiver<Puppet> {
    let (started, puppets) = mpsc::unbounded_channel();
    handlers.register_fn(kind, move |ctx| {
        let started = started.clone();
        async move {
            let (end, told) = oneshot::channel();
            let puppet = Puppet { id: ctx.job_id(), attempt: ctx.attempt(), cancel: ctx.cancel.clone(), end };
            // A test that looks no more has seen enough.
            let _ = started.send(puppet);
            told.await.unwrap_or(JobOutcome::Done)
        }
    });
    puppets
}

pub(crate) async fn next(puppets: &mut mpsc::UnboundedReceiver<Puppet>) -> Puppet {
    soon("a job to start", puppets.recv()).await.unwrap()
}

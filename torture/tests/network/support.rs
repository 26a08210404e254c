//! What the scenarios share.

use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::{
    ClaimMode, ClaimParams, ClaimWant, EnqueueParams, KindFilter, RegisterParams, VerbParams,
};
use forge_jobs::{
    CancelToken, DefaultRouter, EnqueueRequest, HandlerRegistry, JobId, JobOutcome, NewJob, ProcessId,
    QueueRuntime, RuntimeConfig, Storage,
};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

/// A wait longer than this is a hang, not slowness.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// A seed of the day, printed with what comes of it.
pub(crate) fn seed() -> u64 {
    let seed = fastrand::u64(0..1_000_000);
    println!("seed {seed}");
    seed
}

/// One scenario at a time: each measures, or keeps the machine busy.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

pub(crate) fn config(url: &str) -> PostgresConfig {
    PostgresConfig::from_url(url).unwrap().with_connections(2).unwrap().with_read_connections(1).unwrap()
}

pub(crate) async fn open(config: &PostgresConfig) -> Arc<PostgresStorage> {
    PostgresStorage::open(config, Purpose::Use).await.unwrap()
}

pub(crate) fn job(kind: &str) -> NewJob {
    request(kind).validate(&DefaultRouter).unwrap()
}

pub(crate) fn request(kind: &str) -> EnqueueRequest {
    EnqueueRequest::new(kind, 1)
}

pub(crate) const fn enqueue(jobs: Vec<NewJob>) -> EnqueueParams {
    EnqueueParams { jobs, now: None }
}

pub(crate) fn verb(id: JobId) -> VerbParams {
    VerbParams { ids: vec![id], actor: None, now: None }
}

pub(crate) fn claim(process: ProcessId, limit: u32) -> ClaimParams {
    let wants = vec![ClaimWant { queue: "default".into(), limit }];
    ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None }
}

pub(crate) fn register(process: ProcessId) -> RegisterParams {
    RegisterParams {
        process,
        host: "test".into(),
        pid: 1,
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    }
}

pub(crate) fn runtime(storage: Storage, handlers: HandlerRegistry, config: RuntimeConfig) -> QueueRuntime {
    QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter)).with_config(config)
}

/// Heartbeats of this interval, and polls of the longest time that the brief wake-ups leave to them.
pub(crate) fn beating(interval: Duration) -> RuntimeConfig {
    let mut config = RuntimeConfig::default().with_heartbeat(interval);
    config.poll_idle = config.poll_busy;
    config
}

/// An attempt that waits to be told its outcome.
pub(crate) struct Puppet {
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    pub(crate) started: Instant,
    pub(crate) cancel: CancelToken,
    end: Option<oneshot::Sender<JobOutcome>>,
}

impl Puppet {
    /// Tells it its outcome. One whose handler was stopped hears nothing.
    pub(crate) fn end(&mut self, outcome: JobOutcome) {
        if let Some(end) = self.end.take() {
            let _ = end.send(outcome);
        }
    }
}

/// A handler for `k` that waits to be told its outcome; the receiver gets each attempt that starts.
pub(crate) fn puppets() -> (HandlerRegistry, mpsc::UnboundedReceiver<Puppet>) {
    let (said, puppets) = mpsc::unbounded_channel();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", move |ctx| {
        let said = said.clone();
        async move {
            let (end, told) = oneshot::channel();
            let end = Some(end);
            let (id, attempt, cancel) = (ctx.job_id(), ctx.attempt(), ctx.cancel.clone());
            // A test that looks no more has seen enough.
            let _ = said.send(Puppet { id, attempt, started: Instant::now(), cancel, end });
            told.await.unwrap_or(JobOutcome::Done)
        }
    });
    (handlers, puppets)
}

pub(crate) async fn next(puppets: &mut mpsc::UnboundedReceiver<Puppet>) -> Puppet {
    soon("a job to start", puppets.recv()).await.unwrap()
}

/// Bounds a wait that would otherwise hang the suite.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("waited {HANG:?} for {what}"))
}

pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {HANG:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The first column of a query's rows, by whoever the URL says.
pub(crate) async fn sql(url: &str, query: &str) -> Result<Vec<String>, String> {
    let client = forge_test_cluster::connect(url).await.map_err(|e| e.to_string())?;
    let rows = client.simple_query(query).await.map_err(|e| {
        e.as_db_error().map_or_else(|| e.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
    })?;
    let text = |m| match m {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(text).collect())
}

//! `graphile_worker` under the workloads of `forge bench`.
//!
//! `defaults` is a worker that is told the URL, the concurrency and the handler, and nothing else. `tuned` is what its
//! documentation offers to those who want more, with the values that were best here:
//!
//! - A local queue of 2,000: a worker fetches 2,000 jobs at a time. With more, or with several such queues, it is not
//!   faster.
//! - Completions are written in batches of 5 ms, failures likewise.
//! - A pool with a connection for each producer, up to 4: each job is told with `NOTIFY`, so that one commit waits for
//!   the other. Connections are not tested before each use, which would be one more round trip.
//!
//! A finished job is deleted, whatever the settings.

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, Worker, WorkerContext,
    WorkerOptions,
};
use peer_harness::{Answer, Failure, PAYLOAD, Peer, Round, ServerArgs, ServerPeer, Settings, Workload};
use peer_server::Database;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

const TUNED: Settings = Settings { name: "tuned", keeps: false };
const DEFAULTS: Settings = Settings { name: "defaults", keeps: false };
const PEER: ServerPeer =
    ServerPeer { peer: Peer { name: "graphile_worker", version: "0.14.1" }, settings: &[TUNED, DEFAULTS] };

/// Jobs in one call of `add_raw_jobs`, which is one commit.
const BULK: u32 = 1_000;
/// Jobs in one fetch.
const FETCH: usize = 2_000;
/// How long ends are gathered before they are written.
const GATHER: Duration = Duration::from_millis(5);
/// Connections of producers: each job is told with NOTIFY, so that one commit waits for the other.
const CONNECTIONS: u16 = 4;
/// Connections of a worker that is tuned.
const WORKER_CONNECTIONS: u32 = 10;

const ALL: &str = "SELECT count(*) FROM graphile_worker._private_jobs";
const NONE: &str = "SELECT NOT EXISTS (SELECT FROM graphile_worker._private_jobs)";

fn main() -> ExitCode {
    peer_server::main(PEER, async |args, database| measure(args, database).await.map(Answer::Measured))
}

async fn measure(args: &ServerArgs, database: &Database) -> Result<Round, Failure> {
    let bench = Bench { args, database };
    match args.workload {
        Workload::Enqueue => bench.one_by_one().await,
        Workload::Bulk => bench.bulk().await,
        Workload::Drain => bench.drain().await,
        Workload::PickUp => bench.pick_up().await,
    }
}

/// The handlers that are yet to run.
#[derive(Clone, Debug)]
struct Left(Arc<(AtomicU32, Notify)>);

/// Does nothing but tick off a job. What the payload says is not looked at.
#[derive(Serialize, Deserialize)]
struct Nothing {}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(Left(left)) = ctx.get_ext::<Left>()
            && left.0.fetch_sub(1, Ordering::Relaxed) == 1
        {
            left.1.notify_one();
        }
        Ok::<(), String>(())
    }
}

/// Is told when a handler starts.
#[derive(Clone, Debug)]
struct Starts(mpsc::UnboundedSender<Instant>);

/// Says when it was started.
#[derive(Serialize, Deserialize)]
struct Tells(u32);

impl TaskHandler for Tells {
    const IDENTIFIER: &'static str = "tells";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(Starts(started)) = ctx.get_ext::<Starts>() {
            // Nobody listens any more when the measurement was broken off.
            let _ = started.send(Instant::now());
        }
        Ok::<(), String>(())
    }
}

struct Bench<'a> {
    args: &'a ServerArgs,
    database: &'a Database,
}

impl Bench<'_> {
    /// What there is to say of every worker, with a pool for so many at once.
    async fn options(&self, connections: u32) -> Result<WorkerOptions, Failure> {
        let options = WorkerOptions::default();
        if self.args.settings == DEFAULTS {
            return Ok(options.database_url(self.database.url()));
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .connect_with(PgConnectOptions::from_str(self.database.url())?.disable_statement_logging())
            .await?;
        Ok(options
            .pg_pool(pool)
            .local_queue(LocalQueueConfig::default().with_size(FETCH))
            .complete_job_batch_delay(GATHER)
            .fail_job_batch_delay(GATHER))
    }

    /// A worker that only enqueues.
    async fn producer(&self) -> Result<Worker, Failure> {
        let options = self.options(self.args.width.min(CONNECTIONS).into()).await?;
        Ok(options.define_job::<Nothing>().init().await?)
    }

    /// Nothing is reported unless there are so many jobs now.
    async fn check(&self, jobs: u32) -> Result<(), Failure> {
        let pool = PgPool::connect(self.database.url()).await?;
        peer_server::expect_durable(sqlx::query_scalar(peer_server::DURABLE).fetch_one(&pool).await?)?;
        peer_server::expect_rows("jobs there", jobs, sqlx::query_scalar(ALL).fetch_one(&pool).await?)
    }

    /// One by one from several producers, each of which waits for its own commit.
    async fn one_by_one(&self) -> Result<Round, Failure> {
        let producer = self.producer().await?;
        self.database.settle(false).await?;
        let payload: Value = serde_json::from_str(PAYLOAD)?;
        let begun = Instant::now();
        let tasks: Vec<_> = peer_harness::shares(self.args.jobs, self.args.width.into())
            .map(|jobs| {
                let (utils, payload) = (producer.create_utils(), payload.clone());
                tokio::spawn(async move {
                    let mut waits = Vec::with_capacity(jobs as usize);
                    for _ in 0..jobs {
                        let called = Instant::now();
                        utils.add_raw_job(Nothing::IDENTIFIER, &payload, JobSpec::default()).await?;
                        waits.push(called.elapsed());
                    }
                    Ok::<_, Failure>(waits)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await??);
        }
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        self.check(self.args.jobs).await?;
        Ok(Round { rate: Some(rate), waits, ..Round::default() })
    }

    /// Many at once, from the requests to the last commit.
    async fn bulk(&self) -> Result<Round, Failure> {
        let producer = self.producer().await?;
        self.database.settle(false).await?;
        let begun = Instant::now();
        self.fill(&producer).await?;
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        self.check(self.args.jobs).await?;
        Ok(Round { rate: Some(rate), ..Round::default() })
    }

    async fn fill(&self, producer: &Worker) -> Result<(), Failure> {
        let (utils, payload): (_, Value) = (producer.create_utils(), serde_json::from_str(PAYLOAD)?);
        for start in (0..self.args.jobs).step_by(BULK as usize) {
            let jobs: Vec<_> = (start..self.args.jobs.min(start + BULK))
                .map(|_| RawJobSpec {
                    identifier: Nothing::IDENTIFIER.into(),
                    payload: payload.clone(),
                    spec: JobSpec::default(),
                })
                .collect();
            utils.add_raw_jobs(&jobs).await?;
        }
        Ok(())
    }

    /// From the start of a worker until all jobs are finished and committed.
    async fn drain(&self) -> Result<Round, Failure> {
        let pool = PgPool::connect(self.database.url()).await?;
        let left = Left(Arc::new((self.args.jobs.into(), Notify::new())));
        let options = self.options(WORKER_CONNECTIONS).await?.concurrency(self.args.width.into());
        let worker = options.add_extension(left.clone()).define_job::<Nothing>().init().await?;
        self.fill(&worker).await?;
        self.check(self.args.jobs).await?;
        self.database.settle(!self.args.unaided).await?;
        let begun = Instant::now();
        let mut running = Running::start(worker);
        tokio::select! {
            () = left.0.1.notified() => {}
            ended = &mut running.task => return Err(format!("the worker ended: {ended:?}").into()),
        }
        until_none(&pool).await?;
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        running.stop().await?;
        self.check(0).await?;
        Ok(Round { rate: Some(rate), ..Round::default() })
    }

    /// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
    async fn pick_up(&self) -> Result<Round, Failure> {
        let pool = PgPool::connect(self.database.url()).await?;
        let (started, mut starts) = mpsc::unbounded_channel();
        let concurrency = peer_harness::PICK_UP_WIDTH.into();
        let options = self.options(WORKER_CONNECTIONS).await?.concurrency(concurrency);
        let worker = options.add_extension(Starts(started)).define_job::<Tells>().init().await?;
        let utils = worker.create_utils();
        self.database.settle(false).await?;
        let running = Running::start(worker);
        let mut waits = Vec::new();
        for n in 0..self.args.jobs + peer_harness::WARM_UP {
            tokio::time::sleep(peer_harness::pause(n)).await;
            let called = Instant::now();
            utils.add_job(Tells(n), JobSpec::default()).await?;
            let at = starts.recv().await.ok_or("the worker ended")?;
            if n >= peer_harness::WARM_UP {
                waits.push(at.saturating_duration_since(called));
            }
        }
        until_none(&pool).await?;
        running.stop().await?;
        self.check(0).await?;
        Ok(Round { waits, ..Round::default() })
    }
}

/// Returns once no job is there any more.
async fn until_none(pool: &PgPool) -> Result<(), Failure> {
    while !sqlx::query_scalar::<_, bool>(NONE).fetch_one(pool).await? {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// A worker at work.
struct Running {
    worker: Arc<Worker>,
    task: JoinHandle<Result<(), String>>,
}

impl Running {
    fn start(worker: Worker) -> Self {
        let worker = Arc::new(worker);
        let runs = worker.clone();
        let task = tokio::spawn(async move { runs.run().await.map_err(|e| e.to_string()) });
        Self { worker, task }
    }

    async fn stop(self) -> Result<(), Failure> {
        self.worker.request_shutdown();
        Ok(self.task.await??)
    }
}

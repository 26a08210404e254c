//! apalis on Postgres under the workloads of `forge bench`.
//!
//! The settings that suit it best:
//!
//! - A worker fetches 5,000 jobs at a time, not 10 as by default.
//! - Tasks are not locked: a fetched job belongs to its worker already, and the lock would be one more write to say that
//!   it runs.
//! - Results are persisted, as by default: without that a job is never marked as done.
//! - Handlers run in the task of the worker: they do nothing, and a task for each would cost more.
//! - Many jobs are handed over 10,000 at a time, which is one statement and one transaction.
//! - For the pick-up the worker is woken by `LISTEN`, with a poll every half second beside it.
//! - The pool has a connection for each producer, up to 4: each job is told with `NOTIFY`, so that one commit waits for
//!   the other. Connections are not tested before each use, which would be one more round trip.
//! - The planner gets no statistics before a drain: with them it was slower.
//!
//! A finished job stays in the table, as done.

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use peer_harness::{Answer, Failure, PAYLOAD, Peer, Round, ServerArgs, ServerPeer, Settings, Workload};
use peer_server::Database;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot};

const PEER: ServerPeer = ServerPeer {
    peer: Peer { name: "apalis-postgres", version: "1.0.0" },
    settings: &[Settings { name: "tuned", keeps: true }],
};

/// JSON text that need not be read and written again.
type Payload = Box<RawValue>;
type Storage = PostgresStorage<Payload>;

/// The queue of all jobs here.
const QUEUE: &str = "bench";
/// Jobs in one call of `push_bulk`, which is one commit.
const BULK: u32 = 10_000;
/// Jobs in one fetch.
const FETCH: usize = 5_000;
/// The poll beside what is heard.
const POLL: Duration = Duration::from_millis(500);
/// Connections of producers: each job is told with NOTIFY, so that one commit waits for the other.
const CONNECTIONS: u16 = 4;
/// Connections where there is a worker: it has one at a time, and so have the listener and the producer.
const WORKER_CONNECTIONS: u32 = 4;

const WITH_STATUS: &str = "SELECT count(*) FROM apalis.jobs WHERE status = $1";
const SETTLED: &str = "SELECT NOT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";

fn main() -> ExitCode {
    peer_server::main(PEER, async |args, database| measure(args, database).await.map(Answer::Measured))
}

async fn measure(args: &ServerArgs, database: &Database) -> Result<Round, Failure> {
    let connections = match args.workload {
        Workload::Enqueue => args.width.min(CONNECTIONS).into(),
        Workload::Bulk | Workload::Drain | Workload::PickUp => WORKER_CONNECTIONS,
    };
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect_with(PgConnectOptions::from_str(database.url())?.disable_statement_logging())
        .await?;
    PostgresStorage::setup(&pool).await?;
    let config = Config::default().queue(QUEUE).batch_size(FETCH).lock_tasks(false);
    let bench = Bench { args, database, storage: Storage::new(&pool).with_config(config) };
    let round = match args.workload {
        Workload::Enqueue => bench.one_by_one().await,
        Workload::Bulk => bench.bulk().await,
        Workload::Drain => bench.drain().await,
        Workload::PickUp => bench.pick_up().await,
    }?;
    peer_server::expect_durable(sqlx::query_scalar(peer_server::DURABLE).fetch_one(&pool).await?)?;
    pool.close().await;
    Ok(round)
}

fn payload() -> Result<Payload, Failure> {
    Ok(RawValue::from_string(PAYLOAD.to_owned())?)
}

/// The handlers that are yet to run.
#[derive(Debug)]
struct Left {
    jobs: AtomicU32,
    none: Notify,
}

/// Does nothing but tick off a job.
async fn nothing(_payload: Payload, left: Data<Arc<Left>>) -> Result<(), BoxDynError> {
    if left.jobs.fetch_sub(1, Ordering::Relaxed) == 1 {
        left.none.notify_one();
    }
    Ok(())
}

/// Says when it was started.
async fn tells(_: Payload, started: Data<mpsc::UnboundedSender<Instant>>) -> Result<(), BoxDynError> {
    // Nobody listens any more when the measurement was broken off.
    let _ = started.send(Instant::now());
    Ok(())
}

/// A worker ends when the sender is dropped.
async fn until(stopped: oneshot::Receiver<()>) -> Result<(), WorkerError> {
    // Nothing is ever sent.
    let _ = stopped.await;
    Ok(())
}

struct Bench<'a> {
    args: &'a ServerArgs,
    database: &'a Database,
    storage: Storage,
}

impl Bench<'_> {
    /// Nothing is reported unless so many jobs are in this state.
    async fn check(&self, status: &str, jobs: u32) -> Result<(), Failure> {
        let count = sqlx::query_scalar(WITH_STATUS).bind(status);
        peer_server::expect_rows(status, jobs, count.fetch_one(self.storage.pool()).await?)
    }

    /// Returns once all jobs are done.
    async fn settled(&self) -> Result<(), Failure> {
        while !sqlx::query_scalar::<_, bool>(SETTLED).fetch_one(self.storage.pool()).await? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// One by one from several producers, each of which waits for its own commit.
    async fn one_by_one(&self) -> Result<Round, Failure> {
        let payload = payload()?;
        self.database.settle(false).await?;
        let begun = Instant::now();
        let tasks: Vec<_> = peer_harness::shares(self.args.jobs, self.args.width.into())
            .map(|jobs| {
                let (mut storage, payload) = (self.storage.clone(), payload.clone());
                tokio::spawn(async move {
                    let mut waits = Vec::with_capacity(jobs as usize);
                    for _ in 0..jobs {
                        let called = Instant::now();
                        storage.push(payload.clone()).await?;
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
        self.check("Pending", self.args.jobs).await?;
        Ok(Round { rate: Some(rate), waits, ..Round::default() })
    }

    /// Many at once, from the requests to the last commit.
    async fn bulk(&self) -> Result<Round, Failure> {
        self.database.settle(false).await?;
        let begun = Instant::now();
        self.fill().await?;
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        self.check("Pending", self.args.jobs).await?;
        Ok(Round { rate: Some(rate), ..Round::default() })
    }

    async fn fill(&self) -> Result<(), Failure> {
        let (mut storage, payload) = (self.storage.clone(), payload()?);
        for start in (0..self.args.jobs).step_by(BULK as usize) {
            let number = BULK.min(self.args.jobs - start) as usize;
            storage.push_bulk(vec![payload.clone(); number]).await?;
        }
        Ok(())
    }

    /// From the start of a worker until all jobs are finished and committed.
    async fn drain(&self) -> Result<Round, Failure> {
        self.fill().await?;
        self.check("Pending", self.args.jobs).await?;
        self.database.settle(false).await?;
        let left = Arc::new(Left { jobs: self.args.jobs.into(), none: Notify::new() });
        let (stop, stopped) = oneshot::channel();
        let begun = Instant::now();
        let worker = WorkerBuilder::new("worker")
            .backend(self.storage.clone())
            .data(left.clone())
            .concurrency(self.args.width.into())
            .build(nothing);
        let mut worker = tokio::spawn(worker.run_until(until(stopped)));
        tokio::select! {
            () = left.none.notified() => {}
            ended = &mut worker => return Err(format!("the worker ended: {ended:?}").into()),
        }
        self.settled().await?;
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        drop(stop);
        worker.await??;
        self.check("Done", self.args.jobs).await?;
        Ok(Round { rate: Some(rate), ..Round::default() })
    }

    /// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
    async fn pick_up(&self) -> Result<Round, Failure> {
        let (started, mut starts) = mpsc::unbounded_channel::<Instant>();
        let (stop, stopped) = oneshot::channel();
        let worker = WorkerBuilder::new("worker")
            .backend(self.storage.clone().with_pubsub().poll_with_interval(POLL))
            .data(started)
            .concurrency(peer_harness::PICK_UP_WIDTH.into())
            .build(tells);
        let worker = tokio::spawn(worker.run_until(until(stopped)));
        self.database.settle(false).await?;
        let mut storage = self.storage.clone();
        let mut waits = Vec::new();
        for n in 0..self.args.jobs + peer_harness::WARM_UP {
            tokio::time::sleep(peer_harness::pause(n)).await;
            let called = Instant::now();
            storage.push(to_raw_value(&n)?).await?;
            let at = starts.recv().await.ok_or("the worker ended")?;
            if n >= peer_harness::WARM_UP {
                waits.push(at.saturating_duration_since(called));
            }
        }
        self.settled().await?;
        drop(stop);
        worker.await??;
        self.check("Done", self.args.jobs + peer_harness::WARM_UP).await?;
        Ok(Round { waits, ..Round::default() })
    }
}

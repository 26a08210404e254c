//! apalis on SQLite under the workloads of `forge bench`.
//!
//! The settings that suit it best; those of the database are in [`database`]:
//!
//! - A worker fetches 500 jobs at a time, not 10 as by default.
//! - Tasks are not locked: a fetched job belongs to its worker already, and the lock would be one more write to say that
//!   it runs.
//! - Handlers run in the task of the worker: they do nothing, and a task for each would cost more.
//! - Many jobs are handed over 10,000 at a time, which is one transaction.
//! - For the pick-up the worker is woken by the update hook of SQLite, with a poll every half second beside it, as the
//!   documentation of apalis-sqlite has it.

mod database;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use futures::StreamExt;
use peer_harness::{Answer, Args, Failure, PAYLOAD, Peer, Place, Round, Workload};
use serde_json::value::{RawValue, to_raw_value};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot};

const PEER: Peer = Peer { name: "apalis", version: "1.0.0" };

/// JSON text that need not be read and written again.
type Payload = Box<RawValue>;
type Storage = SqliteStorage<Payload>;

/// The queue of all jobs here.
const QUEUE: &str = "bench";
/// Jobs in one call of `push_bulk`, which is one commit.
const BULK: u32 = 10_000;
/// Jobs in one fetch.
const FETCH: usize = 500;
/// The poll beside the hook.
const POLL: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    peer_harness::main(PEER, |args| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let round =
            runtime.block_on(async { tokio::time::timeout(peer_harness::LIMIT, measure(args)).await })?;
        round.map(Answer::Measured)
    })
}

async fn measure(args: &Args) -> Result<Round, Failure> {
    let place = Place::new(args)?;
    let (inserted, hook) = futures::channel::mpsc::unbounded();
    let hooked = (args.workload == Workload::PickUp).then_some(inserted);
    let pool = database::open(&place, args.synchronous, hooked).await?;
    let config = Config::default().queue(QUEUE).batch_size(FETCH).lock_tasks(false);
    let storage = Storage::new(&pool).with_config(config);
    let round = match args.workload {
        Workload::Enqueue => one_by_one(&storage, args).await,
        Workload::Bulk => bulk(&storage, args).await,
        Workload::Drain => drain(&storage, args).await,
        Workload::PickUp => pick_up(&storage, hook, args).await,
    }?;
    pool.close().await;
    Ok(round)
}

fn payload() -> Result<Payload, Failure> {
    Ok(RawValue::from_string(PAYLOAD.to_owned())?)
}

/// One by one from several producers, each of which waits for its own commit.
async fn one_by_one(storage: &Storage, args: &Args) -> Result<Round, Failure> {
    let payload = payload()?;
    let begun = Instant::now();
    let tasks: Vec<_> = peer_harness::shares(args.jobs, args.width.into())
        .map(|jobs| {
            let (mut storage, payload) = (storage.clone(), payload.clone());
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
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    peer_harness::expect("jobs enqueued", args.jobs, database::count(storage.pool(), "Pending").await?)?;
    Ok(Round { rate: Some(rate), waits, ..Round::default() })
}

/// Many at once, from the requests to the last commit.
async fn bulk(storage: &Storage, args: &Args) -> Result<Round, Failure> {
    let begun = Instant::now();
    fill(storage, args.jobs).await?;
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    peer_harness::expect("jobs enqueued", args.jobs, database::count(storage.pool(), "Pending").await?)?;
    Ok(Round { rate: Some(rate), ..Round::default() })
}

async fn fill(storage: &Storage, jobs: u32) -> Result<(), Failure> {
    let (mut storage, payload) = (storage.clone(), payload()?);
    for start in (0..jobs).step_by(BULK as usize) {
        storage.push_bulk((start..jobs.min(start + BULK)).map(|_| payload.clone()).collect()).await?;
    }
    Ok(())
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

/// From the start of a worker until all jobs are finished and committed.
async fn drain(storage: &Storage, args: &Args) -> Result<Round, Failure> {
    fill(storage, args.jobs).await?;
    if !args.unaided {
        database::optimize(storage.pool()).await?;
    }
    let left = Arc::new(Left { jobs: args.jobs.into(), none: Notify::new() });
    let (stop, stopped) = oneshot::channel();
    let begun = Instant::now();
    let worker = WorkerBuilder::new("worker")
        .backend(storage.clone())
        .data(left.clone())
        .concurrency(args.width.into())
        .build(nothing);
    let mut worker = tokio::spawn(worker.run_until(until(stopped)));
    tokio::select! {
        () = left.none.notified() => {}
        ended = &mut worker => return Err(format!("the worker ended: {ended:?}").into()),
    }
    database::settled(storage.pool()).await?;
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    peer_harness::expect("jobs done", args.jobs, database::count(storage.pool(), "Done").await?)?;
    drop(stop);
    worker.await??;
    Ok(Round { rate: Some(rate), ..Round::default() })
}

/// A worker ends when the sender is dropped.
async fn until(stopped: oneshot::Receiver<()>) -> Result<(), WorkerError> {
    // Nothing is ever sent.
    let _ = stopped.await;
    Ok(())
}

/// Says when it was started.
async fn tells(_: Payload, started: Data<mpsc::UnboundedSender<Instant>>) -> Result<(), BoxDynError> {
    // Nobody listens any more when the measurement was broken off.
    let _ = started.send(Instant::now());
    Ok(())
}

/// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
async fn pick_up(storage: &Storage, hook: database::Inserts, args: &Args) -> Result<Round, Failure> {
    let (started, mut starts) = mpsc::unbounded_channel::<Instant>();
    let (stop, stopped) = oneshot::channel();
    let strategy = Strategy::new().stream(hook.ready_chunks(FETCH)).interval(POLL);
    let worker = WorkerBuilder::new("worker")
        .backend(storage.clone().poll_with_strategy(strategy))
        .data(started)
        .concurrency(peer_harness::PICK_UP_WIDTH.into())
        .build(tells);
    let worker = tokio::spawn(worker.run_until(until(stopped)));
    let mut storage = storage.clone();
    let mut waits = Vec::new();
    for n in 0..args.jobs + peer_harness::WARM_UP {
        if n == peer_harness::WARM_UP && !args.unaided {
            database::optimize(storage.pool()).await?;
        }
        tokio::time::sleep(peer_harness::pause(n)).await;
        let called = Instant::now();
        storage.push(to_raw_value(&n)?).await?;
        let at = starts.recv().await.ok_or("the worker ended")?;
        if n >= peer_harness::WARM_UP {
            waits.push(at.saturating_duration_since(called));
        }
    }
    database::settled(storage.pool()).await?;
    let wanted = args.jobs + peer_harness::WARM_UP;
    peer_harness::expect("jobs done", wanted, database::count(storage.pool(), "Done").await?)?;
    drop(stop);
    worker.await??;
    Ok(Round { waits, ..Round::default() })
}

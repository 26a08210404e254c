//! effectum under the workloads of `forge bench`.
//!
//! The settings that suit it best:
//!
//! - The file is put into WAL mode before effectum opens it, unless the measurement is to be unaided. effectum means to
//!   do so itself, but names the pragma `journal`, which SQLite does not know, and so leaves a new file with its rollback
//!   journal. WAL mode belongs to the file and stays.
//! - `synchronous` is NORMAL, set by effectum when it opens; nothing gives access to that connection, so FULL cannot be
//!   measured.
//! - There is no poll interval: a worker is told of new jobs, and one thread writes up to 50 operations in a commit.
//! - `min_concurrency` is 1: a worker takes as many jobs as it may run once it has none left. At its default it asks for
//!   one job whenever one ends, which is slower.
//! - `add_jobs` gets 10,000 jobs at a time; from 1,000 on the rate hardly changes.

use effectum::{Job, JobRunner, Queue, RunningJob, Worker};
use peer_harness::{Answer, Args, Failure, PAYLOAD, Peer, Place, Round, Synchronous, Workload};
use std::fmt::Debug;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

const PEER: Peer = Peer { name: "effectum", version: "0.7.0" };

/// The kind of all jobs here.
const KIND: &str = "bench";
/// Jobs in one call of `add_jobs`, which is one commit.
const BULK: u32 = 10_000;
/// How long a worker gets to end.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    peer_harness::main(PEER, |args| {
        if args.synchronous == Synchronous::Full {
            return Ok(Answer::Unsupported("effectum sets synchronous to NORMAL and gives no access to it"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let round =
            runtime.block_on(async { tokio::time::timeout(peer_harness::LIMIT, measure(args)).await })?;
        round.map(Answer::Measured)
    })
}

async fn measure(args: &Args) -> Result<Round, Failure> {
    let place = Place::new(args)?;
    if !args.unaided {
        prepare(&place.file())?;
    }
    let queue = Arc::new(Queue::new(&place.file()).await?);
    let round = match args.workload {
        Workload::Enqueue => one_by_one(&queue, args).await,
        Workload::Bulk => bulk(&queue, args).await,
        Workload::Drain => drain(&queue, args).await,
        Workload::PickUp => pick_up(&queue, args).await,
    }?;
    queue.close(PATIENCE).await?;
    check(&place.file(), args)?;
    Ok(round)
}

/// Makes the file, in WAL mode.
fn prepare(file: &Path) -> Result<(), Failure> {
    let conn = rusqlite::Connection::open(file)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    Ok(())
}

/// All jobs are there, in the state that they must have now, and the file is in the mode that was asked for.
fn check(file: &Path, args: &Args) -> Result<(), Failure> {
    let conn = rusqlite::Connection::open(file)?;
    let journal: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if (journal == "wal") == args.unaided {
        return Err(format!("journal_mode is {journal}").into());
    }
    let (status, jobs) = match args.workload {
        Workload::Enqueue | Workload::Bulk => ("pending", args.jobs),
        Workload::Drain => ("succeeded", args.jobs),
        Workload::PickUp => ("succeeded", args.jobs + peer_harness::WARM_UP),
    };
    let count = "SELECT count(*) FROM jobs WHERE status = ?1";
    peer_harness::expect(status, jobs, conn.query_row(count, [status], |row| row.get(0))?)
}

fn job() -> Job {
    Job::builder(KIND).payload(PAYLOAD.into()).build()
}

/// One by one from several producers, each of which waits for its own commit.
async fn one_by_one(queue: &Arc<Queue>, args: &Args) -> Result<Round, Failure> {
    let begun = Instant::now();
    let tasks: Vec<_> = peer_harness::shares(args.jobs, args.width.into())
        .map(|jobs| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let mut waits = Vec::with_capacity(jobs as usize);
                for _ in 0..jobs {
                    let called = Instant::now();
                    queue.add_job(job()).await?;
                    waits.push(called.elapsed());
                }
                Ok::<_, effectum::Error>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    Ok(Round { rate: Some(peer_harness::rate(args.jobs, begun.elapsed())), waits, ..Round::default() })
}

/// Many at once, from the requests to the last commit.
async fn bulk(queue: &Queue, args: &Args) -> Result<Round, Failure> {
    let begun = Instant::now();
    fill(queue, args.jobs).await?;
    Ok(Round { rate: Some(peer_harness::rate(args.jobs, begun.elapsed())), ..Round::default() })
}

async fn fill(queue: &Queue, jobs: u32) -> Result<(), Failure> {
    for start in (0..jobs).step_by(BULK as usize) {
        queue.add_jobs((start..jobs.min(start + BULK)).map(|_| job()).collect()).await?;
    }
    Ok(())
}

/// From the start of a worker until all jobs are finished and committed.
async fn drain(queue: &Queue, args: &Args) -> Result<Round, Failure> {
    fill(queue, args.jobs).await?;
    let begun = Instant::now();
    let worker = worker(queue, args.width, Arc::new(Notify::new()), nothing).await?;
    // A job counts as finished there once its end is committed.
    while worker.counts().finished < args.jobs.into() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    worker.unregister(Some(PATIENCE)).await?;
    Ok(Round { rate: Some(rate), ..Round::default() })
}

/// Does nothing.
async fn nothing(_job: RunningJob, _context: Arc<Notify>) -> Result<(), String> {
    Ok(())
}

/// Says when it was started.
async fn tells(_job: RunningJob, started: mpsc::UnboundedSender<Instant>) -> Result<(), String> {
    // Nobody listens any more when the measurement was broken off.
    let _ = started.send(Instant::now());
    Ok(())
}

/// A worker that takes its jobs by the whole batch.
async fn worker<C, F, R>(queue: &Queue, width: u16, context: C, handler: F) -> Result<Worker, Failure>
where
    C: Send + Sync + Debug + Clone + 'static,
    F: Fn(RunningJob, C) -> R + Send + Sync + Clone + 'static,
    R: Future<Output = Result<(), String>> + Send + 'static,
{
    let runner = JobRunner::builder(KIND, handler).build();
    Ok(Worker::builder(queue, context)
        .jobs([runner])
        .max_concurrency(width)
        .min_concurrency(1)
        .build()
        .await?)
}

/// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
async fn pick_up(queue: &Queue, args: &Args) -> Result<Round, Failure> {
    let (started, mut starts) = mpsc::unbounded_channel();
    let worker = worker(queue, peer_harness::PICK_UP_WIDTH, started, tells).await?;
    let mut waits = Vec::new();
    for n in 0..args.jobs + peer_harness::WARM_UP {
        tokio::time::sleep(peer_harness::pause(n)).await;
        let called = Instant::now();
        queue.add_job(Job::builder(KIND).json_payload(&n)?.build()).await?;
        let at = starts.recv().await.ok_or("the worker ended")?;
        if n >= peer_harness::WARM_UP {
            waits.push(at.saturating_duration_since(called));
        }
    }
    worker.unregister(Some(PATIENCE)).await?;
    Ok(Round { waits, ..Round::default() })
}

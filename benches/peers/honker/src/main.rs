//! honker under the workloads of `forge bench`.
//!
//! The settings that suit it best:
//!
//! - One `Database` for all threads. It is one connection behind a lock, and each enqueue is a commit of its own; a
//!   connection for each producer is several times slower, because they wait for each other inside SQLite.
//! - The pragmas are those that honker sets itself, but for `synchronous`, which is set through its connection.
//! - Many jobs are enqueued 10,000 in a transaction; from 1,000 on the rate hardly changes.
//! - There is no worker runtime. The drain is the loop that suggests itself: claim some, do nothing with them,
//!   acknowledge them together. Claims of 1,000, of 100 and of the width are tried, and the best counts: a claim looks
//!   at all that wait, and so larger ones pay the longer the queue is.
//! - For the pick-up a thread waits in `ClaimWaker`, with an update watcher that looks every 100 µs, not every
//!   millisecond as by default. The watcher that is told by the kernel was no faster, and has a wake for each write to
//!   the file. The other workloads wait for nothing and leave the watcher at its default.

use honker::{Database, EnqueueOpts, OpenOptions, Queue, QueueOpts};
use peer_harness::{Answer, Args, Failure, PAYLOAD, Peer, Place, Round, Workload};
use serde_json::value::RawValue;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const PEER: Peer = Peer { name: "honker", version: "0.5.0" };

/// The queue of all jobs here.
const QUEUE: &str = "bench";
/// Who claims.
const WORKER: &str = "worker";
/// Jobs in one transaction of the bulk workload.
const BULK: u32 = 10_000;
/// Jobs in one claim, besides as many as the width that was asked for.
const CLAIMS: [u16; 2] = [1_000, 100];
/// How often the watcher looks for a change while a pick-up is measured.
const WATCH: Duration = Duration::from_micros(100);
/// How long a job may take to be picked up before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    peer_harness::main(PEER, |args| measure(args).map(Answer::Measured))
}

fn measure(args: &Args) -> Result<Round, Failure> {
    match args.workload {
        Workload::Enqueue => one_by_one(args),
        Workload::Bulk => bulk(args),
        Workload::Drain => drain(args),
        Workload::PickUp => pick_up(args),
    }
}

/// The connection of a fresh database, with the pragma that was asked for.
fn open(place: &Place, args: &Args) -> Result<Database, Failure> {
    let mut options = OpenOptions::default();
    if args.workload == Workload::PickUp {
        options = options.watcher_poll_interval(WATCH)?;
    }
    let db = Database::open_with_options(place.file(), options)?;
    db.with_conn(|conn| conn.execute_batch(&format!("PRAGMA synchronous = {}", args.synchronous.word())))?;
    let (synchronous, journal): (i64, String) = db.with_conn(|conn| {
        conn.query_row("SELECT * FROM pragma_synchronous, pragma_journal_mode", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    })?;
    if synchronous != args.synchronous.number() || journal != "wal" {
        return Err(format!("synchronous is {synchronous}, journal_mode is {journal}").into());
    }
    Ok(db)
}

fn queue(db: &Database) -> Queue {
    db.queue(QUEUE, QueueOpts::default())
}

/// JSON text that need not be read and written again.
fn payload() -> Result<Box<RawValue>, Failure> {
    Ok(RawValue::from_string(PAYLOAD.to_owned())?)
}

/// Jobs that are waiting or claimed: the row of a job is deleted with its acknowledgement.
fn left(db: &Database) -> Result<u64, Failure> {
    let count = "SELECT count(*) FROM _honker_live";
    let count: i64 = db.with_conn(|conn| conn.query_row(count, [], |row| row.get(0)))?;
    Ok(u64::try_from(count)?)
}

/// One by one from several producers, each of which waits for its own commit.
fn one_by_one(args: &Args) -> Result<Round, Failure> {
    let place = Place::new(args)?;
    let db = open(&place, args)?;
    let payload = payload()?;
    let begun = Instant::now();
    let waits = thread::scope(|scope| {
        let threads: Vec<_> = peer_harness::shares(args.jobs, args.width.into())
            .map(|jobs| {
                let (queue, payload) = (queue(&db), &payload);
                scope.spawn(move || {
                    let mut waits = Vec::with_capacity(jobs as usize);
                    for _ in 0..jobs {
                        let called = Instant::now();
                        queue.enqueue(payload, EnqueueOpts::default())?;
                        waits.push(called.elapsed());
                    }
                    Ok::<_, honker::Error>(waits)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for thread in threads {
            waits.extend(thread.join().map_err(|_| "a producer panicked")??);
        }
        Ok::<_, Failure>(waits)
    })?;
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    peer_harness::expect("jobs enqueued", args.jobs, left(&db)?)?;
    Ok(Round { rate: Some(rate), waits, ..Round::default() })
}

/// Many at once, from the requests to the last commit.
fn bulk(args: &Args) -> Result<Round, Failure> {
    let place = Place::new(args)?;
    let db = open(&place, args)?;
    let begun = Instant::now();
    fill(&db, args.jobs)?;
    let rate = peer_harness::rate(args.jobs, begun.elapsed());
    peer_harness::expect("jobs enqueued", args.jobs, left(&db)?)?;
    Ok(Round { rate: Some(rate), ..Round::default() })
}

fn fill(db: &Database, jobs: u32) -> Result<(), Failure> {
    let (queue, payload) = (queue(db), payload()?);
    for start in (0..jobs).step_by(BULK as usize) {
        let tx = db.transaction()?;
        for _ in start..jobs.min(start + BULK) {
            queue.enqueue_tx(&tx, &payload, EnqueueOpts::default())?;
        }
        tx.commit()?;
    }
    Ok(())
}

/// The best of several rounds, each with claims of another size, on a database of its own.
fn drain(args: &Args) -> Result<Round, Failure> {
    let mut best = peer_harness::LIMIT;
    // A claim costs more the more jobs wait: small claims come last, and are broken off once they cannot win any more.
    for claim in CLAIMS.into_iter().chain([args.width]) {
        if let Some(took) = drain_by(args, claim, best)? {
            best = took;
        }
    }
    Ok(Round { rate: Some(peer_harness::rate(args.jobs, best)), ..Round::default() })
}

/// How long it takes until all jobs are acknowledged, or nothing if that is longer than the limit.
fn drain_by(args: &Args, claim: u16, limit: Duration) -> Result<Option<Duration>, Failure> {
    let place = Place::new(args)?;
    let db = open(&place, args)?;
    fill(&db, args.jobs)?;
    let queue = queue(&db);
    let mut done = 0;
    let begun = Instant::now();
    while begun.elapsed() < limit {
        let jobs = queue.claim_batch(WORKER, claim.into())?;
        if jobs.is_empty() {
            let took = begun.elapsed();
            peer_harness::expect("jobs acknowledged", args.jobs, done)?;
            peer_harness::expect("jobs left", 0, left(&db)?)?;
            return Ok(Some(took));
        }
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        done += u64::try_from(queue.ack_batch(&ids, WORKER)?)?;
    }
    Ok(None)
}

/// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
fn pick_up(args: &Args) -> Result<Round, Failure> {
    let place = Place::new(args)?;
    let db = open(&place, args)?;
    let queue = queue(&db);
    let total = args.jobs + peer_harness::WARM_UP;
    let (started, starts) = mpsc::channel();
    let waker = queue.claim_waker();
    let worker = thread::spawn(move || {
        for _ in 0..total {
            let Some(job) = waker.next(WORKER)? else { break };
            // Nobody listens any more when the measurement was broken off.
            let _ = started.send(Instant::now());
            job.ack()?;
        }
        Ok::<_, honker::Error>(())
    });
    let mut waits = Vec::new();
    for n in 0..total {
        thread::sleep(peer_harness::pause(n));
        let called = Instant::now();
        queue.enqueue(&n, EnqueueOpts::default())?;
        let at = starts.recv_timeout(PATIENCE)?;
        if n >= peer_harness::WARM_UP {
            waits.push(at.saturating_duration_since(called));
        }
    }
    worker.join().map_err(|_| "the worker panicked")??;
    peer_harness::expect("jobs picked up", args.jobs, waits.len() as u64)?;
    peer_harness::expect("jobs left", 0, left(&db)?)?;
    Ok(Round { waits, ..Round::default() })
}

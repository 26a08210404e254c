//! What this machine allows: the statements that a job needs, in a bare loop without a queue around them, on the same
//! tables, with the same pragmas and on the same file system.

use super::place::{Place, Synchronous};
use super::stats::Rate;
use rusqlite::{Connection, Statement, params};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// A commit and its statements.
const BULK_BATCH: u32 = 1_000;
const DRAIN_BATCH: u32 = 100;

const JOB: &str = "INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, asked_us, \
     asked_delay, dedupe_key, tags, payload) VALUES (?1, 1, 1, 0, ?2, ?2, 20, NULL, 0, NULL, NULL, ?3)";
const READY: &str =
    "INSERT INTO forge_ready (queue, lane, priority, due_at, id, seq, kind) VALUES (1, 0, 0, ?1, ?2, ?3, 1)";
const FIRST: &str = "SELECT due_at, id, seq FROM forge_ready WHERE queue = 1 AND lane = 0 AND kind = 1 \
     ORDER BY priority, due_at, id LIMIT ?1";
const TAKE: &str = "DELETE FROM forge_ready WHERE queue = 1 AND lane = 0 AND kind = 1 AND priority = 0 AND due_at = ?1 \
     AND id = ?2";
const READ: &str = "SELECT payload FROM forge_jobs WHERE seq = ?1";
const RUN: &str = "INSERT INTO forge_running (seq, claim_no, process, attempt, flags, queue, claimed_at) \
     VALUES (?1, ?2, 1, 1, 0, 1, ?3)";
const END: &str = "DELETE FROM forge_running WHERE seq = ?1";
const DONE: &str = "INSERT INTO forge_finished (seq, status, queue, finished_at, started_at, attempt, claim_no, process, \
     reason, error, output) VALUES (?1, 4, 1, ?2, ?2, 1, ?3, 1, NULL, NULL, NULL)";

/// Inserts one job after another in one transaction each group.
struct Inserter<'c> {
    job: Statement<'c>,
    ready: Statement<'c>,
    conn: &'c Connection,
}

impl<'c> Inserter<'c> {
    fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self { job: conn.prepare(JOB)?, ready: conn.prepare(READY)?, conn })
    }

    fn insert(&mut self, payload: &str) -> rusqlite::Result<()> {
        let id = *forge_jobs::JobId::new().as_bytes();
        let now = forge_jobs::Timestamp::now().as_micros();
        self.job.execute(params![&id[..], now, payload])?;
        self.ready.execute(params![now, &id[..], self.conn.last_insert_rowid()]).map(drop)
    }
}

/// A database with the queue's own tables, opened with its pragmas.
fn open(place: &Place, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let conn = Connection::open(place.file())?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; \
         PRAGMA wal_autocheckpoint = 4000; \
         INSERT OR IGNORE INTO forge_kinds (no, name) VALUES (1, 'bench')",
        synchronous.word()
    ))?;
    Ok(conn)
}

/// One by one from several producers, each of which waits for its own commit: one thread takes whatever waits and
/// commits it together. The producers are tasks, as the queue's are: the floor is that of the database, not of threads.
pub(super) fn one_by_one(
    place: &Place,
    synchronous: Synchronous,
    producers: u32,
    jobs: u32,
    payload: &str,
) -> rusqlite::Result<Rate> {
    let conn = open(place, synchronous)?;
    let (orders, mut incoming) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    for _ in 0..producers {
        let orders = orders.clone();
        tokio::spawn(async move {
            for _ in 0..jobs / producers {
                let (done, acknowledged) = oneshot::channel();
                if orders.send(done).is_err() || acknowledged.await.is_err() {
                    return;
                }
            }
        });
    }
    drop(orders);
    let mut inserter = Inserter::new(&conn)?;
    let mut waiting = Vec::new();
    let mut count = 0;
    let begun = Instant::now();
    while let Some(first) = incoming.blocking_recv() {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        inserter.insert(payload)?;
        waiting.push(first);
        while let Ok(next) = incoming.try_recv() {
            inserter.insert(payload)?;
            waiting.push(next);
        }
        conn.execute_batch("COMMIT")?;
        count += waiting.len();
        for producer in std::mem::take(&mut waiting) {
            // One that has gone needs no answer.
            let _ = producer.send(());
        }
    }
    Ok(Rate::of(count as u64, begun.elapsed()))
}

/// Many at once, a commit per thousand.
pub(super) fn bulk(
    place: &Place,
    synchronous: Synchronous,
    jobs: u32,
    payload: &str,
) -> rusqlite::Result<Rate> {
    let conn = open(place, synchronous)?;
    let begun = Instant::now();
    fill(&conn, jobs, payload)?;
    Ok(Rate::of(jobs.into(), begun.elapsed()))
}

fn fill(conn: &Connection, jobs: u32, payload: &str) -> rusqlite::Result<()> {
    let mut inserter = Inserter::new(conn)?;
    for start in (0..jobs).step_by(BULK_BATCH as usize) {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for _ in start..jobs.min(start + BULK_BATCH) {
            inserter.insert(payload)?;
        }
        conn.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// Claim and finish, a hundred jobs a commit each.
pub(super) fn drain(
    place: &Place,
    synchronous: Synchronous,
    jobs: u32,
    payload: &str,
) -> rusqlite::Result<Rate> {
    let conn = open(place, synchronous)?;
    fill(&conn, jobs, payload)?;
    let (mut first, mut take, mut read) = (conn.prepare(FIRST)?, conn.prepare(TAKE)?, conn.prepare(READ)?);
    let (mut run, mut end, mut done) = (conn.prepare(RUN)?, conn.prepare(END)?, conn.prepare(DONE)?);
    let begun = Instant::now();
    let (mut count, mut claim_no) = (0_u64, 0_i64);
    loop {
        claim_no += 1;
        let now = forge_jobs::Timestamp::now().as_micros();
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let batch: Vec<(i64, [u8; 16], i64)> = first
            .query_map([DRAIN_BATCH], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (due_at, id, seq) in &batch {
            take.execute(params![due_at, &id[..]])?;
            let payload: String = read.query_row([seq], |r| r.get(0))?;
            std::hint::black_box(payload);
            run.execute(params![seq, claim_no, now])?;
        }
        conn.execute_batch("COMMIT")?;
        if batch.is_empty() {
            return Ok(Rate::of(count, begun.elapsed()));
        }
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let now = forge_jobs::Timestamp::now().as_micros();
        for (_, _, seq) in &batch {
            end.execute([seq])?;
            done.execute(params![seq, now, claim_no])?;
        }
        conn.execute_batch("COMMIT")?;
        count += batch.len() as u64;
    }
}

//! What takes a second process: pick-up across processes, and what an idle worker costs.

use super::place::Place;
use super::server::{Server, failed};
use crate::exit::Failure;
use crate::worker::ledger;
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobId, JobStatus, Storage};
use forge_jobs_api::wire::ErrorCode;
use serde::Deserialize;
use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A worker of this program, with the test handlers.
struct Worker(Child);

impl Worker {
    fn start(place: &Place, args: &[String]) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
        let mut command = Command::new(program);
        command.args(["worker", "--test-handlers"]).args(args);
        place.lead(&mut command);
        let child = command
            .env(ledger::VARIABLE, place.path("ledger"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.map(Self).map_err(|e| Failure::of(ErrorCode::Failed, &e))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Its database goes too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let begun = Instant::now();
    while !holds().await? {
        if begun.elapsed() > LIMIT {
            return Err(Failure::new(ErrorCode::Failed, format!("no {what} within {} s", LIMIT.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn all_done(storage: &Storage, id: JobId) -> Result<bool, Failure> {
    let job = storage.inspect.job(id).await?;
    Ok(job.is_some_and(|j| j.status == JobStatus::Done) && !storage.inspect.has_unfinished(None).await?)
}

#[derive(Deserialize)]
struct Line {
    ts_ns: u64,
    job: String,
    ev: String,
}

/// From the call of an enqueue here to the start of its handler in another process on the same file.
pub(super) async fn pick_up(place: &Place, jobs: u32) -> Result<Vec<Duration>, Failure> {
    let storage = place.open().await?;
    let _worker = Worker::start(place, &[])?;
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let first = enqueuer.enqueue(EnqueueRequest::new("t.echo", 0)).await?.id;
    until("worker", async || all_done(&storage, first).await).await?;
    let mut calls = HashMap::new();
    let mut last = first;
    for n in 0..jobs {
        tokio::time::sleep(Duration::from_micros(5_000 + u64::from(n * 7_919 % 10_000))).await;
        let called = ledger::since_boot();
        last = enqueuer.enqueue(EnqueueRequest::new("t.echo", n)).await?.id;
        calls.insert(last.to_string(), u64::try_from(called).unwrap_or(u64::MAX));
    }
    until("end of the last job", async || all_done(&storage, last).await).await?;
    let text =
        std::fs::read_to_string(place.path("ledger")).map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
    let lines = text.lines().filter_map(|l| serde_json::from_str::<Line>(l).ok());
    let starts = lines.filter(|l| l.ev == "start");
    Ok(starts
        .filter_map(|l| Some(Duration::from_nanos(l.ts_ns.saturating_sub(*calls.get(&l.job)?))))
        .collect())
}

/// What an idle worker costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// Share of one core, in percent.
    pub(super) cpu_percent: f64,
    /// Resident memory, in MiB.
    pub(super) memory_mib: f64,
    /// Of all processes together, where a server counts them.
    pub(super) statements_per_second: Option<f64>,
}

/// Workers on ten queues with nothing to do, after they have run some jobs. `None` where the system does not tell.
pub(super) async fn idle(
    place: &Place,
    server: Option<&Server>,
    processes: u32,
    time: Duration,
) -> Result<Option<Idle>, Failure> {
    let storage = place.open().await?;
    let queues: Vec<_> = (0..10).flat_map(|n| ["--queue".to_owned(), format!("q{n}:10")]).collect();
    let workers = (0..processes).map(|_| Worker::start(place, &queues)).collect::<Result<Vec<_>, _>>()?;
    let Some(worker) = workers.first() else { return Ok(None) };
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let requests = (0..2_000).map(|n| EnqueueRequest::new("t.echo", n).on_queue(format!("q{}", n % 10)));
    let mut last = None;
    for receipt in enqueuer.enqueue_many(requests).await {
        last = Some(receipt?.id);
    }
    if let Some(last) = last {
        until("end of the last job", async || all_done(&storage, last).await).await?;
    }
    // What this process says to the server does not count.
    drop((enqueuer, storage));
    // Their waits grow to those of an idle worker.
    tokio::time::sleep(time / 2).await;
    let counter = match server {
        Some(server) => Some(Counter::new(server).await?),
        None => None,
    };
    let Some(before) = cpu_ticks(worker.0.id()) else { return Ok(None) };
    let begun = Instant::now();
    tokio::time::sleep(time).await;
    let Some(after) = cpu_ticks(worker.0.id()) else { return Ok(None) };
    let seconds = begun.elapsed().as_secs_f64();
    let Some(memory_mib) = resident_mib(worker.0.id()) else { return Ok(None) };
    let statements_per_second = match counter {
        Some(counter) => Some(counter.per_second().await?),
        None => None,
    };
    let cpu_percent = (after - before) / TICKS_PER_SECOND * 100.0 / seconds;
    Ok(Some(Idle { cpu_percent, memory_mib, statements_per_second }))
}

/// Counts what a server is asked.
struct Counter {
    client: tokio_postgres::Client,
    sql: &'static str,
    before: f64,
    begun: Instant,
}

impl Counter {
    async fn new(server: &Server) -> Result<Self, Failure> {
        let client = server.connect().await?;
        // Where the extension is not there, transactions: each statement of the queue is one.
        for sql in [
            "SELECT sum(s.calls)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
             WHERE d.datname = current_database() AND s.toplevel",
            "SELECT (xact_commit + xact_rollback)::float8 FROM pg_stat_database WHERE datname = current_database()",
        ] {
            if let Ok(row) = client.query_one(sql, &[]).await {
                return Ok(Self { client, sql, before: row.get(0), begun: Instant::now() });
            }
        }
        Err(Failure::new(ErrorCode::Failed, "the server does not count its transactions"))
    }

    async fn per_second(self) -> Result<f64, Failure> {
        let row = self.client.query_one(self.sql, &[]).await.map_err(failed)?;
        let count: f64 = row.get(0);
        Ok((count - self.before) / self.begun.elapsed().as_secs_f64())
    }
}

/// Of the times in /proc: the same on every Linux that Rust knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// Time on a processor so far, in ticks.
fn cpu_ticks(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?)
}

fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1_024.0)
}

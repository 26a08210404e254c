//! What a server with much in it costs: a drain beside a million jobs, and the log that a job writes.

use super::place::Place;
use super::queue::{self, KIND, runtime, stop};
use super::server::{Server, failed};
use super::server_floor::{self, Worker};
use super::stats::Rate;
use crate::exit::Failure;
use forge_jobs::{DefaultRouter, Enqueuer, JobContext, JobHandler, JobOutcome};
use forge_jobs_api::wire::WalBytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Jobs by one call of the functions whose log is measured.
const BATCH: i32 = 100;

/// Ids as clients make them, in the order of time.
const ID: &str = "(lpad(to_hex(1500000000000 + g / 100), 12, '0') || '7' || substr(md5(g::text), 1, 3) || '8' \
    || substr(md5(g::text), 4, 15))::uuid";

/// What is there beside the jobs that are drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// Less urgent jobs of the same queue and kind.
    Pending,
    Done,
}

impl Others {
    fn sql(self) -> String {
        let jobs = format!(
            "WITH fresh AS (INSERT INTO {{schema}}.jobs (id, due_at, created_at, queue, kind, max_attempts, priority, \
             payload) SELECT {ID}, $2, $2, 1, 1, 20, 100, $3 FROM generate_series(1, $1::bigint) AS g \
             RETURNING id) "
        );
        jobs + match self {
            Self::Pending => {
                "INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority) \
                 SELECT $2, id, 1, 1, 0, 100 FROM fresh"
            }
            Self::Done => {
                "INSERT INTO {schema}.finished (id, finished_at, started_at, claim_no, queue, attempt, status) \
                 SELECT id, $2, $2, 1, 1, 1, 4 FROM fresh"
            }
        }
    }
}

/// Does nothing, and says when all have done it.
struct Counts {
    left: Arc<AtomicU32>,
    last: Arc<Notify>,
}

impl JobHandler for Counts {
    fn kind(&self) -> &str {
        KIND
    }

    async fn run(&self, _ctx: JobContext) -> JobOutcome {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.last.notify_one();
        }
        JobOutcome::Done
    }
}

/// From the start of a worker to the start of the last of `jobs` jobs, beside so many others.
pub(super) async fn drain(
    server: &Server,
    place: &Place,
    (jobs, others, number): (u32, Others, u32),
    payload: &str,
) -> Result<Rate, Failure> {
    let storage = place.open().await?;
    server_floor::fill(server, place, jobs, payload).await?;
    let client = server.connect().await?;
    let sql = others.sql().replace("{schema}", &place.schema());
    let now = forge_jobs::Timestamp::now().as_micros();
    client.execute(&sql, &[&i64::from(number), &now, &payload]).await.map_err(failed)?;
    for table in ["jobs", "ready", "finished"] {
        // Or the server would begin with it while the time is taken.
        let sql = format!("VACUUM (ANALYZE) {}.{table}", place.schema());
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    server.settle().await?;
    let (left, last) = (Arc::new(AtomicU32::new(jobs)), Arc::new(Notify::new()));
    let runtime = runtime(storage, Counts { left, last: last.clone() });
    runtime.ensure_queue("default", 50).await?;
    let begun = Instant::now();
    let handle = runtime.start().await?;
    last.notified().await;
    let rate = Rate::of(jobs.into(), begun.elapsed());
    stop(&handle).await;
    Ok(rate)
}

/// Bytes of the log per job: enqueued as the bulk is, claimed and finished by hundreds.
pub(super) async fn log(
    server: &Server,
    place: &Place,
    jobs: u32,
    payload: &str,
) -> Result<WalBytes, Failure> {
    let enqueuer = Enqueuer::new(place.open().await?, Arc::new(DefaultRouter));
    // Names and connections are there.
    queue::fill(&enqueuer, 1, payload).await?;
    let worker = Worker::new(server, place).await?;
    server.settle().await?;
    let client = server.connect().await?;
    let position = async || -> Result<f64, Failure> {
        // What is written late belongs to what came before.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
        Ok(client.query_one(sql, &[]).await.map_err(failed)?.get(0))
    };
    let begun = position().await?;
    queue::fill(&enqueuer, jobs, payload).await?;
    let all_in = position().await?;
    let mut batches = Vec::new();
    loop {
        let batch = worker.claim(BATCH).await?;
        if batch.0.is_empty() {
            break;
        }
        batches.push(batch);
    }
    let claimed = position().await?;
    for batch in &batches {
        worker.finish(batch).await?;
    }
    let finished = position().await?;
    let each = |bytes: f64| (bytes / f64::from(jobs)).round();
    Ok(WalBytes {
        enqueue: each(all_in - begun),
        claim: each(claimed - all_in),
        finish: each(finished - claimed),
    })
}

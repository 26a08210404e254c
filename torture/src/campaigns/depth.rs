//! A few ready jobs beside a great many that are not.

use super::{Failure, open, verdict};
use crate::fleet::Site;
use forge_jobs::storage::{ClaimMode, ClaimParams, ClaimWant, KindFilter, RegisterParams, Storage};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, ProcessId};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Scheduled jobs, and as many done ones.
    pub others: u32,
    /// Ready jobs.
    pub ready: u32,
}

/// Of a hundred claims one may take longer.
const LIMIT: Duration = Duration::from_millis(10);

impl Depth {
    /// Runs it: of a hundred claims of one job, and of ten, no more than one takes 10 ms.
    ///
    /// # Errors
    ///
    /// What was measured, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let site = Site::new(program)?;
        let storage = open(&site).await?;
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        // The queue and the kind, by one job of each sort.
        let later = EnqueueRequest::new("k", 1).with_delay(Duration::from_secs(86_400));
        for receipt in enqueuer.enqueue_many([later]).await {
            receipt?;
        }
        self.fill(&site)?;
        let ready = (0..self.ready).map(|n| EnqueueRequest::new("k", n));
        for receipt in enqueuer.enqueue_many(ready).await {
            receipt?;
        }
        let mut report = Vec::new();
        let mut problems = Vec::new();
        for limit in [1, 10] {
            let mut times = claims(&storage, limit, self.ready / 40).await?;
            times.sort_unstable();
            let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
            report.push(format!("claims of {limit}: p50 {:.2?}, p99 {:.2?}", at(50), at(99)));
            if at(99) > LIMIT {
                problems.push(format!("p99 of claims of {limit} is {:?}", at(99)));
            }
        }
        problems.extend(storage.inspect.checkup().await?.problems);
        verdict(&problems)?;
        Ok(format!(
            "{} ready beside {} scheduled and {} done: {}",
            self.ready,
            self.others,
            self.others,
            report.join("; ")
        ))
    }

    /// By hand: a million jobs through the front door would take the longest part of the campaign.
    fn fill(self, site: &Site) -> Result<(), Failure> {
        let conn = Connection::open(site.database())?;
        conn.busy_timeout(Duration::from_secs(60))?;
        conn.execute_batch(&format!(
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN IMMEDIATE;
             CREATE TEMP TABLE n AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {others})
               SELECT x FROM n;
             INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, payload)
               SELECT randomblob(16), j.queue, j.kind, 0, j.created_at + 86400000000 + x, j.created_at, 20, '{{\"n\":1}}'
               FROM n, (SELECT * FROM forge_jobs LIMIT 1) j;
             INSERT INTO forge_deferred (status, due_at, id, seq, queue)
               SELECT 1, due_at, id, seq, queue FROM forge_jobs WHERE seq NOT IN (SELECT seq FROM forge_deferred);
             INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, payload)
               SELECT randomblob(16), j.queue, j.kind, 0, j.created_at, j.created_at, 20, '{{\"n\":1}}'
               FROM n, (SELECT * FROM forge_jobs LIMIT 1) j;
             INSERT INTO forge_finished (seq, status, queue, finished_at, started_at, attempt, claim_no)
               SELECT seq, 4, queue, created_at + seq, created_at + seq, 1, 0 FROM forge_jobs
               WHERE seq NOT IN (SELECT seq FROM forge_deferred);
             COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
            others = self.others
        ))?;
        Ok(())
    }
}

/// How long each claim took.
async fn claims(storage: &Storage, limit: u32, count: u32) -> Result<Vec<Duration>, Failure> {
    let process = register(storage).await?;
    claims_of(storage, process, limit, count).await
}

/// A process that claims.
pub(super) async fn register(storage: &Storage) -> Result<ProcessId, Failure> {
    let process = ProcessId::new();
    let register = RegisterParams {
        process,
        host: "here".into(),
        pid: std::process::id(),
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    };
    storage.processes.register(register).await?;
    Ok(process)
}

/// How long each claim of a process took.
pub(super) async fn claims_of(
    storage: &Storage,
    process: ProcessId,
    limit: u32,
    count: u32,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for _ in 0..count {
        let wants = vec![ClaimWant { queue: "default".into(), limit }];
        let params =
            ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None };
        let called = Instant::now();
        let batch = storage.jobs.claim(params).await?;
        times.push(called.elapsed());
        if batch.jobs.len() != limit as usize {
            return Err(format!("{} of {limit} jobs were claimed", batch.jobs.len()).into());
        }
    }
    Ok(times)
}

//! Memory: of a worker that runs and forgets jobs without end, and of processes in a storm of enqueues.

use super::{Failure, START, open, verdict, wait};
use crate::fleet::{Site, Worker};
use forge_jobs::storage::{QueueSettingsPatch, Retention, UpdateQueueParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobStatus, Storage};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// How long jobs come and go.
    pub churn: Duration,
    /// Jobs of the storm.
    pub storm: u32,
}

/// What memory may grow by, between the first third of the churn and its end.
const GROWTH_KIB: u64 = 8 << 10;
/// Jobs of a batch.
const BATCH: u64 = 200;
/// Batches whose jobs have run before memory is looked at: caches and buffers are full by then.
const WARM: u32 = 10;
/// Longest time that they take.
const WARM_WITHIN: Duration = START.saturating_mul(2);
/// What no process of a storm may exceed.
const MOST_KIB: u64 = 128 << 10;

impl Memory {
    /// Runs it: the worker's memory is flat while jobs come, run and are forgotten; neither the process that sends a
    /// storm nor the one that works it off grows without bound.
    ///
    /// # Errors
    ///
    /// What was measured, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let churn = self.churn(program).await?;
        let storm = self.storm(program).await?;
        Ok(format!("{churn}; {storm}"))
    }

    async fn churn(&self, program: &Path) -> Result<String, Failure> {
        let site = Site::new(program)?;
        let storage = open(&site).await?;
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        enqueuer.enqueue(EnqueueRequest::new("t.echo", 0)).await?;
        forget_soon(&storage).await?;
        let worker = site.worker(&[])?;
        // What it takes to start and to warm up is no growth.
        for _ in 0..WARM {
            some_jobs(&enqueuer).await?;
        }
        wait("the first jobs to have run", WARM_WITHIN, async || {
            let queues = storage.inspect.queue_counts().await?;
            let due = queues.iter().flat_map(|queue| &queue.counts).filter(|c| c.0 == JobStatus::Pending);
            Ok(due.map(|c| c.1.count).sum::<u64>().eq(&0).then_some(()))
        })
        .await?;
        let begun = Instant::now();
        let (mut early, mut late, mut sent, mut file) = (0, 0, 0, (0, 0));
        while begun.elapsed() < self.churn {
            some_jobs(&enqueuer).await?;
            sent += BATCH;
            let now = resident_kib(&worker, "VmRSS:")?;
            let bytes = site.database().metadata()?.len();
            if begun.elapsed() < self.churn / 3 {
                (early, file.0) = (early.max(now), file.0.max(bytes));
            } else {
                (late, file.1) = (late.max(now), file.1.max(bytes));
            }
        }
        if late > early + GROWTH_KIB {
            return Err(format!("the worker grew from {early} to {late} KiB in {:?}", self.churn).into());
        }
        Ok(format!(
            "{sent} jobs in {:?}: {early} KiB at first, {late} at most later, the file {} and {} KiB",
            self.churn,
            file.0 >> 10,
            file.1 >> 10
        ))
    }

    async fn storm(&self, program: &Path) -> Result<String, Failure> {
        let site = Site::new(program)?;
        let storage = open(&site).await?;
        let begun = Instant::now();
        let mut child = site
            .command(&["enqueue", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let jobs = self.storm;
        let feeder = std::thread::spawn(move || {
            let mut input = std::io::BufWriter::new(input);
            (0..jobs).try_for_each(|n| writeln!(input, "{{\"kind\":\"t.echo\",\"payload\":{{\"n\":{n}}}}}"))
        });
        let reader = std::thread::spawn(move || BufReader::new(output).lines().count());
        let mut sender = Worker::of(child);
        let mut problems = Vec::new();
        let mut sender_kib = 0;
        while sender.has_exited()?.is_none() {
            // It may end between the two looks.
            sender_kib = sender_kib.max(resident_kib(&sender, "VmHWM:").unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        feeder.join().map_err(|_| "the feeder panicked")??;
        let answered = reader.join().map_err(|_| "the reader panicked")?;
        if answered != jobs as usize {
            problems.push(format!("{answered} of {jobs} lines were answered"));
        }
        let sent = begun.elapsed();
        let mut worker = site.worker(&["--queue", "default:10"])?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let worker_kib = resident_kib(&worker, "VmHWM:")?;
        worker.stop(Duration::from_secs(60))?;
        drop(storage);
        for (what, kib) in [("the sender", sender_kib), ("the worker", worker_kib)] {
            if kib > MOST_KIB {
                problems.push(format!("{what} had {kib} KiB"));
            }
        }
        verdict(&problems)?;
        Ok(format!(
            "{jobs} enqueued at once in {sent:.1?}: the sender had at most {sender_kib} KiB, a worker {worker_kib}"
        ))
    }
}

/// Sends a small batch of jobs, some of which fail at first, and waits a little: steadily, for who does it again and again.
async fn some_jobs(enqueuer: &Enqueuer) -> Result<(), Failure> {
    let jobs = (0..BATCH).map(|n| match n % 50 {
        0 => EnqueueRequest::new("t.throttle", json!({ "n": 2, "ms": 50 })),
        _ => EnqueueRequest::new("t.echo", json!({ "n": n, "text": "x".repeat(200) })),
    });
    for receipt in enqueuer.enqueue_many(jobs).await {
        receipt?;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// Done jobs are forgotten after a second, so that the database has no reason to grow.
async fn forget_soon(storage: &Storage) -> Result<(), Failure> {
    let retention = Retention::For(Duration::from_secs(1));
    let patch = QueueSettingsPatch::default().with_done_retention(retention);
    let params =
        UpdateQueueParams { queue: "default".into(), patch, expected_version: None, actor: None, now: None };
    storage.queues.update(params).await?;
    Ok(())
}

/// A figure of the kernel's about a process, in KiB.
fn resident_kib(process: &Worker, field: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
    let line = status.lines().find_map(|l| l.strip_prefix(field)).ok_or("no such figure")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}

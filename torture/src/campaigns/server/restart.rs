//! The server crashes and comes back, under a stream of enqueues and running workers.

use crate::campaigns::wait;
use crate::campaigns::{Failure, QUICK, open, verdict};
use crate::fleet::{Site, Worker};
use crate::{audit, ledger, since_boot_ns};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobId, Storage};
use forge_test_cluster::Cluster;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// What the same harm comes from.
    pub seed: u64,
    /// How often the server crashes.
    pub restarts: u32,
    /// Time between two crashes.
    pub every: Duration,
    /// Jobs that are sent per second.
    pub rate: u32,
    /// Worker processes.
    pub replicas: u32,
    /// Work must be back to most of what it was within this time after the server answers again.
    pub back_within: Duration,
}

/// What counts as most, in hundredths.
const BACK_TO: u64 = 80;
/// Rates are taken over so many nanoseconds.
const SPAN: u64 = 1_000_000_000;
/// Between two places at which a rate is taken.
const STEP: u64 = 100_000_000;
/// Over so many spans the rate before a crash is taken.
const BEFORE: u64 = 4;
/// Longest time until everything is finished.
const LIMIT: Duration = Duration::from_secs(120);

/// From when on the server was away, and when it answered again.
struct Outage {
    down: u64,
    up: u64,
}

impl Restart {
    /// Runs it: nothing that was acknowledged is lost, all of it is done, no worker ends, and work is soon back.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, cluster: &Arc<Cluster>) -> Result<String, Failure> {
        let site = Site::on(program, cluster.url("postgres"))?;
        let storage = open(&site).await?;
        let start = || site.worker(&[&QUICK[..], &["--queue", "default:8"]].concat());
        let mut fleet = (0..self.replicas).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
        let stream = Stream::start(&storage, self.rate, self.seed);
        let mut outages = Vec::new();
        for _ in 0..self.restarts {
            tokio::time::sleep(self.every).await;
            outages.push(crash(cluster).await?);
        }
        tokio::time::sleep(self.every.max(self.back_within)).await;
        let sent = stream.end().await?;
        wait("all jobs to be finished", LIMIT, async || {
            let left = "SELECT (SELECT count(*) FROM forge.jobs) - (SELECT count(*) FROM forge.finished)";
            Ok((audit::number(site.url(), left).await? == 0).then_some(()))
        })
        .await
        .map_err(|e| format!("{e}\nThe workers said:\n{}", site.last_words()))?;
        let mut problems = exits(&mut fleet)?;
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(30))?;
        }
        drop(storage);
        problems.extend(sent.problems(&site).await?);
        let lines = ledger::read(&site.ledger())?;
        problems.extend(ledger::problems(&ledger::executions(&lines, &[])));
        let ends: Vec<u64> = lines.iter().filter(|l| l.ev == "end").map(|l| l.ts_ns).collect();
        let back: Vec<Option<Duration>> = outages.iter().map(|o| back_after(&ends, o)).collect();
        for (n, back) in back.iter().enumerate() {
            if back.is_none_or(|b| b > self.back_within) {
                problems.push(format!("crash {n}: {BACK_TO} % of the work was back after {back:?}"));
            }
        }
        verdict(&problems).map_err(|e| format!("{e}\nThe workers said:\n{}", site.last_words()))?;
        Ok(report(&sent, &outages, &back, &ends))
    }
}

/// Crashes the server and starts it again, on a thread of its own: the stream must go on meanwhile.
async fn crash(cluster: &Arc<Cluster>) -> Result<Outage, Failure> {
    let cluster = cluster.clone();
    let down = since_boot_ns();
    tokio::task::spawn_blocking(move || cluster.restart_immediate()).await??;
    Ok(Outage { down, up: since_boot_ns() })
}

fn exits(fleet: &mut [Worker]) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for worker in fleet {
        if let Some(status) = worker.has_exited()? {
            problems.push(format!("worker {} has ended: {status}", worker.pid()));
        }
    }
    Ok(problems)
}

/// How many ends lie in a span of time.
fn within(ends: &[u64], from: u64, to: u64) -> u64 {
    ends.iter().filter(|e| (from..to).contains(e)).count() as u64
}

/// From when the server answered again to the end of the first second in which enough was done.
fn back_after(ends: &[u64], outage: &Outage) -> Option<Duration> {
    let before = within(ends, outage.down.saturating_sub(BEFORE * SPAN), outage.down);
    let last = ends.iter().max()?.saturating_sub(outage.up);
    let enough = |at: &u64| {
        let done = within(ends, outage.up + at, outage.up + at + SPAN);
        100 * BEFORE * done >= BACK_TO * before
    };
    let step = usize::try_from(STEP).ok()?;
    (0..last).step_by(step).find(enough).map(|at| Duration::from_nanos(at + SPAN))
}

fn report(sent: &Sent, outages: &[Outage], back: &[Option<Duration>], ends: &[u64]) -> String {
    let away = outages.iter().map(|o| Duration::from_nanos(o.up - o.down)).max().unwrap_or_default();
    let slowest = back.iter().flatten().max().copied().unwrap_or_default();
    let before = outages.first().map_or(0, |o| within(ends, o.down.saturating_sub(BEFORE * SPAN), o.down));
    format!(
        "{} crashes, the server away for {away:.1?} at most; {} enqueues acknowledged, {} refused, {} unknown, none \
         lost; {} jobs/s before, {BACK_TO} % of it back after {slowest:.1?} at the latest",
        outages.len(),
        sent.accepted.len(),
        sent.refused.len(),
        sent.unknown.len(),
        before / BEFORE
    )
}

/// What became of each job that was sent.
#[derive(Default)]
struct Sent {
    accepted: Vec<JobId>,
    refused: Vec<JobId>,
    unknown: Vec<JobId>,
}

impl Sent {
    async fn problems(&self, site: &Site) -> Result<Vec<String>, Failure> {
        let ends = audit::ends(site.url()).await?;
        let mut problems = audit::problems(site)?;
        for id in &self.accepted {
            match ends.get(&id.to_string()) {
                Some((status, _)) if status == "done" => {}
                end => problems.push(format!("{id} was acknowledged and is {end:?}")),
            }
        }
        for id in &self.refused {
            if let Some(end) = ends.get(&id.to_string()) {
                problems.push(format!("{id} was refused and is {end:?}"));
            }
        }
        for id in &self.unknown {
            if let Some((status, reason)) = ends.get(&id.to_string()).filter(|(s, _)| s != "done") {
                problems.push(format!("{id}, of which nothing was known, is {status} {reason}"));
            }
        }
        Ok(problems)
    }
}

/// Jobs that are sent at a steady rate, whatever becomes of those before them.
struct Stream {
    sent: Arc<Mutex<Sent>>,
    over: tokio::sync::watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Stream {
    fn start(storage: &Storage, rate: u32, seed: u64) -> Self {
        let enqueuer = Arc::new(Enqueuer::new(storage.clone(), Arc::new(DefaultRouter)));
        let sent = Arc::new(Mutex::new(Sent::default()));
        let (over, mut told) = tokio::sync::watch::channel(false);
        let mut rng = fastrand::Rng::with_seed(seed);
        let results = sent.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut calls = JoinSet::new();
            loop {
                tokio::select! {
                    biased;
                    _ = told.wait_for(|over| *over) => break,
                    _ = ticks.tick() => {}
                }
                let job = EnqueueRequest::new("t.sleep", json!({ "ms": rng.u64(0..5) }));
                calls.spawn(send(enqueuer.clone(), results.clone(), job));
                while calls.try_join_next().is_some() {}
            }
            while calls.join_next().await.is_some() {}
        });
        Self { sent, over, task }
    }

    /// No more is sent; what became of all.
    async fn end(self) -> Result<Sent, Failure> {
        self.over.send_replace(true);
        let begun = Instant::now();
        tokio::time::timeout(LIMIT, self.task)
            .await
            .map_err(|_| format!("calls without an answer after {:?}", begun.elapsed()))??;
        Ok(std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

async fn send(enqueuer: Arc<Enqueuer>, sent: Arc<Mutex<Sent>>, job: EnqueueRequest) {
    let id = JobId::new();
    let answer = enqueuer.enqueue(job.with_id(id)).await;
    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(_) => sent.accepted.push(id),
        Err(e) if e.outcome_unknown() => sent.unknown.push(id),
        Err(_) => sent.refused.push(id),
    }
}

//! A runtime at work, whose connections are cut around any of its statements.

use super::{Cut, SOON, same};
use crate::campaigns::{Failure, verdict};
use crate::stage::Stage;
use forge_jobs::storage::{Inspect, QueueConfig, QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::{
    DefaultRouter, EnqueueOutcome, EnqueueRequest, HandlerRegistry, JobId, JobOutcome, JobStatus,
    QueueRuntime, RuntimeConfig,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The functions of the schema around which connections are cut.
const FUNCTIONS: [&str; 10] = [
    ".insert_plain(",
    ".insert_jobs(",
    ".claim(",
    ".finish(",
    ".promote(",
    ".release(",
    ".heartbeat(",
    ".deregister(",
    ".register(",
    ".reap(",
];
/// Of so many statements one is cut.
const ONE_IN: u64 = 6;
/// Jobs that are enqueued together.
const TOGETHER: u32 = 4;
/// All that is under way ends within this time once nothing is cut any more.
const CALM: Duration = Duration::from_secs(60);

/// What handlers saw of each job: attempts, in the order of their starts.
type Runs = Arc<Mutex<HashMap<JobId, Vec<u32>>>>;
type Counts = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// Enqueues and runs jobs until so many connections were cut.
pub(super) async fn run(stage: &Stage, seed: u64, cuts: u64) -> Result<String, Failure> {
    let (runs, counts) = (Runs::default(), Counts::default());
    let storage = stage.through().await?;
    let runtime = QueueRuntime::new(storage.into_bundle(), handlers(&runs), Arc::new(DefaultRouter))
        .with_config(config());
    without_backoff(stage).await?;
    let handle = runtime.start().await?;
    let mut jobs = Vec::new();
    for (cut, share) in [(Cut::AfterCommit, cuts - cuts / 3), (Cut::BeforeRequest, cuts / 3)] {
        let trap = cut.arm(&stage.proxy, share, matcher(seed, &counts));
        while trap.sprung() < share {
            jobs.extend(enqueue(&runtime, u32::try_from(jobs.len()).unwrap_or(0)).await?);
        }
        trap.disarm();
    }
    tokio::time::timeout(CALM, handle.drained()).await.map_err(|_| "the jobs did not end")??;
    handle.shutdown_graceful(SOON).await;
    check(stage, &jobs, &runs).await?;
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let named: Vec<_> =
        counts.iter().map(|(name, n)| format!("{n} {}", name.trim_matches(['.', '(']))).collect();
    Ok(format!("{} jobs ran through {cuts} cuts ({})", jobs.len(), named.join(", ")))
}

/// Chooses statements at random.
fn matcher(seed: u64, counts: &Counts) -> impl FnMut(&str) -> bool + Send + 'static {
    let (mut random, counts) = (fastrand::Rng::with_seed(seed), Arc::clone(counts));
    move |text| {
        let Some(name) = FUNCTIONS.into_iter().find(|f| text.contains(f)) else { return false };
        let chosen = random.u64(0..ONE_IN) == 0;
        if chosen {
            *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
        chosen
    }
}

/// Jobs fail as often as their payload says.
fn handlers(runs: &Runs) -> HandlerRegistry {
    let (mut handlers, runs) = (HandlerRegistry::new(), Arc::clone(runs));
    handlers.register_fn("k", move |ctx| {
        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.entry(ctx.job_id()).or_default().push(ctx.attempt());
        let failures: u32 = ctx.decode().unwrap_or(0);
        let outcome =
            if ctx.attempt() <= failures { JobOutcome::Failed("as asked".into()) } else { JobOutcome::Done };
        async move { outcome }
    });
    handlers
}

/// Heartbeats so rare that no process fences itself while its connections are cut.
fn config() -> RuntimeConfig {
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_secs(4));
    config.poll_busy = Duration::from_millis(200);
    config.poll_idle = Duration::from_millis(400);
    config.reaper_interval = Duration::from_millis(500);
    config
}

async fn without_backoff(stage: &Stage) -> Result<(), Failure> {
    let direct = stage.direct().await?;
    let ensure = forge_jobs::storage::EnsureQueueParams { queue: "default".into(), workers: 4 };
    direct.ensure(ensure).await?;
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_enabled = Some(false);
    let params =
        UpdateQueueParams { queue: "default".into(), patch, expected_version: None, actor: None, now: None };
    direct.update(params).await?;
    Ok(())
}

/// Some jobs fail, some are delayed. What each asked for.
async fn enqueue(runtime: &QueueRuntime, first: u32) -> Result<Vec<(JobId, u32)>, Failure> {
    let failures = |n: u32| (first + n) % 7 % 3;
    let delay = |n: u32| Duration::from_millis(if (first + n).is_multiple_of(5) { 30 } else { 0 });
    let requests = (0..TOGETHER).map(|n| EnqueueRequest::new("k", failures(n)).with_delay(delay(n)));
    let mut jobs = Vec::new();
    for (n, result) in (0..TOGETHER).zip(runtime.enqueue_many(requests).await) {
        let enqueued = result?;
        same("enqueue", &enqueued.outcome, &EnqueueOutcome::Inserted)?;
        jobs.push((enqueued.id, failures(n)));
    }
    Ok(jobs)
}

async fn check(stage: &Stage, jobs: &[(JobId, u32)], runs: &Runs) -> Result<(), Failure> {
    let direct = stage.direct().await?;
    let runs = runs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut problems = direct.checkup().await?.problems;
    for (id, failures) in jobs {
        let Some(job) = direct.job(*id).await? else {
            problems.push(format!("{id} is lost"));
            continue;
        };
        let found = (job.status, job.attempt, direct.attempts(*id).await?.len());
        let expected = (JobStatus::Done, failures + 1, usize::try_from(*failures + 1)?);
        if found != expected {
            problems.push(format!("{id}: {found:?}, not {expected:?}"));
        }
        let ran = runs.get(id).cloned().unwrap_or_default();
        if ran != (1..=failures + 1).collect::<Vec<_>>() {
            problems.push(format!("{id} ran its attempts {ran:?}, asked for {failures} failures"));
        }
    }
    for (status, count) in direct.queue_counts().await?.into_iter().flat_map(|q| q.counts) {
        let expected = if status == JobStatus::Done { u64::try_from(jobs.len())? } else { 0 };
        if count.count != expected && !count.more {
            problems.push(format!("{} jobs are {status}, not {expected}", count.count));
        }
    }
    verdict(&problems)
}

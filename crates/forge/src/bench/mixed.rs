//! A steady load that does not wait for the queue: jobs are sent by the clock, and their latency is taken from when
//! they were due. A queue that falls behind cannot hide it by being sent less.

use super::place::Place;
use super::queue::{KIND, joined, runtime, stop};
use super::stats::Rate;
use crate::exit::Failure;
use forge_jobs::storage::{QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::{EnqueueRequest, Enqueuer, JobContext, JobHandler, JobOutcome, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the sender looks at the clock.
const TICK: Duration = Duration::from_millis(1);
/// How long a job that is put off or fails waits.
const AGAIN: Duration = Duration::from_millis(100);

/// What one job of the mixture does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Work {
    /// When it is due, after the load began.
    due_us: u64,
    /// How long its handler waits, as for a service.
    wait_ms: u64,
    /// What its first attempt comes to.
    first: First,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum First {
    Done,
    Fails,
    IsPutOff,
}

impl Work {
    /// Of 20 jobs: 4 are scheduled ahead, 2 wait 5 ms for something, one fails once, one is put off once.
    const fn number(n: u64, gap_us: u64) -> Self {
        let sent = n * gap_us;
        Self {
            due_us: if n % 20 < 4 { sent + 200_000 + (n * 7_919 % 300_000) } else { sent },
            wait_ms: if n % 20 == 5 || n % 20 == 15 { 5 } else { 0 },
            first: match n % 20 {
                7 => First::Fails,
                9 => First::IsPutOff,
                _ => First::Done,
            },
        }
    }
}

struct Mixture {
    begun: Instant,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl JobHandler for Mixture {
    fn kind(&self) -> &str {
        KIND
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        let started = self.begun.elapsed();
        let work: Work = match ctx.decode() {
            Ok(work) => work,
            Err(e) => return JobOutcome::Dead(e.to_string()),
        };
        if ctx.attempt() == 1 && ctx.throttles() == 0 {
            let wait = started.saturating_sub(Duration::from_micros(work.due_us));
            self.waits.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
            match work.first {
                First::Fails => return JobOutcome::Failed("on purpose".into()),
                First::IsPutOff => return JobOutcome::Throttled { retry_after: AGAIN },
                First::Done => {}
            }
        }
        if work.wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(work.wait_ms)).await;
        }
        JobOutcome::Done
    }
}

/// The load, and how late each job started.
pub(super) async fn run(
    place: &Place,
    per_second: u32,
    time: Duration,
) -> Result<(Rate, Vec<Duration>), Failure> {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let (begun, begun_at) = (Instant::now(), Timestamp::now());
    let storage = place.open().await?;
    let runtime = runtime(storage.clone(), Mixture { begun, waits: waits.clone() });
    runtime.ensure_queue("default", 50).await?;
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_base = Some(AGAIN);
    storage
        .queues
        .update(UpdateQueueParams {
            queue: "default".into(),
            patch,
            expected_version: None,
            actor: None,
            now: None,
        })
        .await?;
    let handle = runtime.start().await?;
    let sent = send(&handle.enqueuer(), begun, begun_at, per_second, time).await?;
    let rate = Rate::of(sent, begun.elapsed());
    handle.drained().await?;
    stop(&handle).await;
    let waits = std::mem::take(&mut *waits.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((rate, waits))
}

/// Sends each job at its moment, whether or not the ones before are in.
async fn send(
    enqueuer: &Arc<Enqueuer>,
    begun: Instant,
    begun_at: Timestamp,
    per_second: u32,
    time: Duration,
) -> Result<u64, Failure> {
    let gap_us = 1_000_000 / u64::from(per_second);
    let mut calls = tokio::task::JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut n = 0;
    while begun.elapsed() < time {
        tick.tick().await;
        while Duration::from_micros(gap_us * n) <= begun.elapsed() {
            let work = Work::number(n, gap_us);
            let due = Duration::from_micros(work.due_us);
            let request = EnqueueRequest::new(KIND, work);
            let request = if due > begun.elapsed() {
                request.with_run_at(begun_at.saturating_add(due))
            } else {
                request
            };
            let enqueuer = enqueuer.clone();
            calls.spawn(async move { enqueuer.enqueue(request).await });
            n += 1;
        }
        while let Some(ended) = calls.try_join_next() {
            joined(ended)??;
        }
    }
    while let Some(ended) = calls.join_next().await {
        joined(ended)??;
    }
    Ok(n)
}

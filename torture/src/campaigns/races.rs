//! A cancel from one replica races with the finish of another: there is one truth, and everybody is told it.

use super::{Failure, verdict};
use crate::stage::Stage;
use forge_jobs::retry::Transition;
use forge_jobs::storage::postgres::PostgresStorage;
use forge_jobs::storage::{
    CancelOutcome, ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Finish, FinishParams, FinishResult,
    Inspect, JobQueue, KindFilter, Lease, ProcessRegistry, RegisterParams, VerbParams,
};
use forge_jobs::{DeadReason, DefaultRouter, EnqueueRequest, JobStatus, ProcessId, Timing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Races that are run side by side.
const AT_ONCE: u32 = 50;

/// Running jobs are cancelled and finished at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Races {
    /// For the delays between the two.
    pub seed: u64,
    /// How many jobs.
    pub races: u32,
}

/// How a race ended: what the finish was told, and what the cancel.
type End = (&'static str, &'static str);

struct Replicas {
    worker: Arc<PostgresStorage>,
    other: Arc<PostgresStorage>,
    process: ProcessId,
}

impl Races {
    /// Runs the campaign; gives its report.
    ///
    /// # Errors
    ///
    /// When two answers contradict each other, or the database.
    pub async fn run(self) -> Result<String, Failure> {
        let stage = Stage::new().await?;
        let replicas = Arc::new(Replicas {
            worker: stage.direct().await?,
            other: stage.direct().await?,
            process: ProcessId::new(),
        });
        replicas.worker.register(registration(replicas.process)).await?;
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut ends: BTreeMap<End, u32> = BTreeMap::new();
        let (mut left, mut done) = (self.races, 0);
        while left > 0 {
            let leases = replicas.running(left.min(AT_ONCE)).await?;
            left -= u32::try_from(leases.len())?;
            let races = leases.into_iter().map(|lease| {
                let (replicas, head_start) = (Arc::clone(&replicas), random.i64(-1_500..=1_500));
                // Half of the jobs have failed and would come back: they end as cancelled, whoever comes first.
                let fails = random.bool();
                tokio::spawn(async move { replicas.race(lease, head_start, fails).await })
            });
            for race in races.collect::<Vec<_>>() {
                let end = race.await??;
                done += u32::from(end.0 == "done");
                *ends.entry(end).or_default() += 1;
            }
        }
        verdict(&replicas.other.checkup().await?.problems)?;
        replicas.counts_agree(done, self.races - done).await?;
        let named = ends.iter().map(|((finish, cancel), n)| format!("{n} {finish}/{cancel}"));
        Ok(format!("{} races, finish/cancel: {}", self.races, named.collect::<Vec<_>>().join(", ")))
    }
}

impl Replicas {
    async fn running(&self, count: u32) -> Result<Vec<Lease>, Failure> {
        let job = || EnqueueRequest::new("k", 1).validate(&DefaultRouter);
        let jobs = (0..count).map(|_| job()).collect::<Result<Vec<_>, _>>()?;
        self.worker.enqueue(EnqueueParams { jobs, now: None }).await?;
        let wants = vec![ClaimWant { queue: "default".into(), limit: count }];
        let (process, mode) = (self.process, ClaimMode::Ordinary);
        let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: None };
        Ok(self.worker.claim(params).await?.jobs.into_iter().map(|c| c.lease).collect())
    }

    /// One race; who starts later by how many microseconds is told by the sign.
    async fn race(&self, lease: Lease, head_start: i64, fails: bool) -> Result<End, Failure> {
        let transition = if fails {
            Transition::Retry { after: Duration::from_secs(3_600), error: "x".into() }
        } else {
            Transition::Done { output: None }
        };
        let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
        let finish =
            FinishParams { members: vec![Finish { lease, transition, timing, failure: None }], now: None };
        let delay = Duration::from_micros(head_start.unsigned_abs());
        let (before_finish, before_cancel) =
            if head_start < 0 { (delay, Duration::ZERO) } else { (Duration::ZERO, delay) };
        let (finished, cancelled) = tokio::join!(
            async {
                tokio::time::sleep(before_finish).await;
                self.worker.finish(finish).await
            },
            async {
                tokio::time::sleep(before_cancel).await;
                self.other.cancel(VerbParams { ids: vec![lease.job], actor: None, now: None }).await
            }
        );
        let job = self.other.job(lease.job).await?.ok_or("the job is lost")?;
        let finished = finished?.first().copied().ok_or("no answer to the finish")?;
        let cancelled = cancelled?.first().copied().ok_or("no answer to the cancel")?;
        end(finished, cancelled, (job.status, job.dead_reason), fails)
            .ok_or_else(|| format!("{finished:?}, {cancelled:?}, and the job is {job:?}").into())
    }

    async fn counts_agree(&self, done: u32, dead: u32) -> Result<(), Failure> {
        for (status, found) in self.other.queue_counts().await?.into_iter().flat_map(|q| q.counts) {
            let expected = match status {
                JobStatus::Done => done,
                JobStatus::Dead => dead,
                _ => 0,
            };
            if found.count != u64::from(expected) && !found.more {
                return Err(format!("{} jobs are {status}, not {expected}", found.count).into());
            }
        }
        Ok(())
    }
}

/// How a race ended, if the answers and the row tell the same story.
fn end(
    finished: FinishResult,
    cancelled: CancelOutcome,
    row: (JobStatus, Option<DeadReason>),
    fails: bool,
) -> Option<End> {
    let FinishResult::Applied { status, dead_reason } = finished else { return None };
    let told = (status, dead_reason);
    let (done, dead) = ((JobStatus::Done, None), (JobStatus::Dead, Some(DeadReason::Cancelled)));
    if row != (if fails { dead } else { done }) {
        return None;
    }
    match cancelled {
        CancelOutcome::Requested { .. } if told == row => {
            Some((if fails { "failed" } else { "done" }, "requested"))
        }
        CancelOutcome::AlreadyFinished { status, dead_reason } => {
            (!fails && told == done && (status, dead_reason) == done).then_some(("done", "too late"))
        }
        CancelOutcome::Cancelled => {
            (fails && told == (JobStatus::Retrying, None)).then_some(("failed", "cancelled"))
        }
        _ => None,
    }
}

fn registration(process: ProcessId) -> RegisterParams {
    RegisterParams {
        process,
        host: "campaign".into(),
        pid: std::process::id(),
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(3_600),
        now: None,
    }
}

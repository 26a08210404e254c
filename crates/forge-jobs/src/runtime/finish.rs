//! The way out: outcomes are gathered while the previous write is under way, and written in one call.

use super::core::{Core, key};
use super::execute::panic_text;
use super::lane::Held;
use super::session::Session;
use crate::limits::{MAX_FINISH_BATCH, STORAGE_CALL_LIMIT};
use crate::retry::Transition;
use crate::storage::{
    Begun, Claimed, Finish, FinishParams, FinishResult, Lease, ReleaseParams, StorageError,
};
use crate::telemetry::Unwell;
use crate::{ClaimedJob, DeadReason, Failure, JobStatus, Timing, telemetry};
use futures_util::FutureExt as _;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// First and longest wait between two tries to write outcomes.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// Unwritten outcomes above which nothing more is claimed: memory stays bounded while the database is away.
const BACK_PRESSURE: usize = 2 * MAX_FINISH_BATCH;

/// A claim that has ended, in one way or the other.
pub(crate) struct Ended {
    session: Arc<Session>,
    lease: Lease,
    /// `None` gives the claim back.
    transition: Option<Transition>,
    failure: Option<Box<Failure>>,
    begun: Begun,
    ran_for: Duration,
    at: Instant,
    /// What is told of it, if it failed or died.
    unwell: Option<Box<Unwell>>,
}

/// Outcomes on their way to the storage.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<VecDeque<Ended>>,
    filled: Notify,
    /// Waiting or being written.
    pending: AtomicUsize,
    flushed: Notify,
    written: Notify,
}

impl Outbox {
    /// An attempt of this job ended.
    pub(crate) fn finish(
        &self,
        session: Arc<Session>,
        lease: Lease,
        job: &ClaimedJob,
        transition: Transition,
        failure: Option<Box<Failure>>,
        ran_for: Duration,
    ) {
        let unwell = match transition {
            Transition::Retry { .. } | Transition::Dead { .. } => Some(Box::new(job.into())),
            Transition::Done { .. } | Transition::Throttle { .. } => None,
        };
        let (transition, begun) = (Some(transition), Begun::Perhaps);
        self.push(Ended { session, lease, transition, failure, begun, ran_for, at: Instant::now(), unwell });
    }

    /// A claim goes back without charge; its permits too, unless its handler has begun.
    pub(crate) fn release(&self, session: Arc<Session>, lease: Lease, begun: Begun) {
        let ran_for = Duration::ZERO;
        let (transition, failure, unwell) = (None, None, None);
        self.push(Ended { session, lease, transition, failure, begun, ran_for, at: Instant::now(), unwell });
    }

    /// A claim was cancelled before its handler started.
    pub(crate) fn cancelled_before_start(&self, held: Held) {
        let error = "cancelled before it started".to_owned();
        let transition = Transition::Dead { reason: DeadReason::Cancelled, error };
        let Claimed { job, lease } = held.claimed;
        self.finish(held.session, lease, &job, transition, None, Duration::ZERO);
    }

    fn push(&self, ended: Ended) {
        self.pending.fetch_add(1, Ordering::AcqRel);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(ended);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<Ended> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let n = waiting.len().min(MAX_FINISH_BATCH);
        waiting.drain(..n).collect()
    }

    /// Says whether this ended a congestion.
    fn settled(&self, count: usize) -> bool {
        self.written.notify_waiters();
        let before = self.pending.fetch_sub(count, Ordering::AcqRel);
        if before == count {
            self.flushed.notify_waiters();
        }
        before > BACK_PRESSURE && before - count <= BACK_PRESSURE
    }

    /// Whether so much is unwritten that nothing more should be claimed.
    pub(crate) fn is_congested(&self) -> bool {
        self.pending.load(Ordering::Acquire) > BACK_PRESSURE
    }

    /// Resolves when the next batch is written.
    pub(crate) fn settled_once(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// Resolves when everything is written. Cancel safe.
    pub(crate) async fn flush(&self) {
        loop {
            let flushed = self.flushed.notified();
            tokio::pin!(flushed);
            flushed.as_mut().enable();
            if self.pending.load(Ordering::Acquire) == 0 {
                return;
            }
            flushed.await;
        }
    }
}

/// Writes outcomes as they come, for ever.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        let batch = core.outbox.take();
        if batch.is_empty() {
            core.outbox.filled.notified().await;
            continue;
        }
        let count = batch.len();
        // Counted even if the write panics, or a flush would wait for ever.
        let _settled = Settled(&core, count);
        write(&core, batch).await;
    }
}

struct Settled<'a>(&'a Core, usize);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        if self.0.outbox.settled(self.1) {
            // Whatever told the fetcher to look again meanwhile was in vain.
            self.0.fetch.notify_one();
        }
    }
}

async fn write(core: &Core, batch: Vec<Ended>) {
    let (finishes, releases): (Vec<_>, Vec<_>) = batch.into_iter().partition(|e| e.transition.is_some());
    let (unused, begun) = releases.into_iter().partition(|e| e.begun == Begun::No);
    for batch in [finishes, unused, begun] {
        write_all(core, batch).await;
    }
}

/// Writes ended claims of one sort. When the storage refuses them together, it gets them one by one, so that a bad
/// one fails alone.
async fn write_all(core: &Core, mut batch: Vec<Ended>) {
    let mut wait = RETRY.0;
    let mut resent = false;
    while !batch.is_empty() {
        batch = drop_lost(core, batch);
        match send(core, &batch).await {
            Ok(results) => return settle(core, batch, &results, resent),
            Err(e) if e.is_retryable() => {
                telemetry::storage_failed("finish", &e);
                resent |= e.outcome_unknown();
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
            Err(e) => {
                telemetry::storage_failed("finish", &e);
                for ended in batch {
                    write_one(core, ended).await;
                }
                return;
            }
        }
    }
}

/// Writes one ended claim that the storage refused among others, in ever plainer forms: as it is, without the data
/// that may be to blame, and at last as a claim that goes back. A job must never be stuck in `running`.
async fn write_one(core: &Core, ended: Ended) {
    let plainer = |t: &Transition| match t {
        Transition::Done { .. } => Transition::Done { output: None },
        Transition::Retry { after, .. } => Transition::Retry { after: *after, error: REFUSED.into() },
        Transition::Dead { reason, .. } => Transition::Dead { reason: *reason, error: REFUSED.into() },
        Transition::Throttle { after } => Transition::Throttle { after: *after },
    };
    let forms = [ended.transition.clone(), ended.transition.as_ref().map(plainer), None];
    let mut batch = vec![ended];
    for (nth, transition) in forms.into_iter().enumerate() {
        if let Some(ended) = batch.first_mut() {
            ended.transition = transition;
            if nth > 0 {
                ended.failure = None;
            }
        }
        match patiently(core, &mut batch).await {
            Ok(results) => return settle(core, batch, &results, true),
            Err(e) => telemetry::storage_failed("finish of one job", &e),
        }
    }
    for ended in batch {
        telemetry::outcome_dropped(&ended.lease, "the storage refused it in every form");
        ended.session.gave_back(1);
    }
}

const REFUSED: &str = "the error text could not be stored";

/// Sends until the storage answers with something else than "not now".
async fn patiently(core: &Core, batch: &mut Vec<Ended>) -> Result<Vec<FinishResult>, StorageError> {
    let mut wait = RETRY.0;
    loop {
        *batch = drop_lost(core, std::mem::take(batch));
        match send(core, batch).await {
            Err(e) if e.is_retryable() && !batch.is_empty() => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
            other => return other,
        }
    }
}

/// Drops what this process can no longer prove to be its own.
fn drop_lost(core: &Core, batch: Vec<Ended>) -> Vec<Ended> {
    let (lost, kept): (Vec<_>, Vec<_>) = batch.into_iter().partition(|e| e.session.is_lost());
    for ended in lost {
        telemetry::outcome_dropped(&ended.lease, "the lease was lost");
        core.forget_early_cancel(key(&ended.lease));
        ended.session.gave_back(1);
    }
    kept
}

/// A call that panics is a refusal: whatever is to blame is found out one by one, and no outcome is forgotten.
async fn send(core: &Core, batch: &[Ended]) -> Result<Vec<FinishResult>, StorageError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    no_panic(hand_over(core, batch))
        .await
        .unwrap_or_else(|detail| Err(StorageError::Internal { detail, source: None }))
}

async fn hand_over(core: &Core, batch: &[Ended]) -> Result<Vec<FinishResult>, StorageError> {
    let now = core.clock.storage_now();
    let jobs = &core.storage.jobs;
    if let Some(Ended { begun, .. }) = batch.iter().find(|e| e.transition.is_none()) {
        let leases = batch.iter().map(|e| e.lease).collect();
        return in_time(jobs.release(ReleaseParams { leases, begun: *begun, now })).await;
    }
    let members = batch.iter().filter_map(finish_of).collect();
    in_time(jobs.finish(FinishParams { members, now })).await
}

fn finish_of(ended: &Ended) -> Option<Finish> {
    let timing = Timing { ran_for: ended.ran_for, ended_ago: ended.at.elapsed() };
    Some(Finish {
        lease: ended.lease,
        transition: ended.transition.clone()?,
        timing,
        failure: ended.failure.clone(),
    })
}

fn settle(core: &Core, batch: Vec<Ended>, results: &[FinishResult], resent: bool) {
    for (ended, result) in batch.into_iter().zip(results) {
        // After a resend, stale may just mean that the first try was committed after all.
        if !resent || result.is_applied() {
            tell(&ended, *result);
        }
        match (*result, &ended.transition) {
            (FinishResult::Applied { status: JobStatus::Pending, .. }, None) => {
                core.handed_back.fetch_add(1, Ordering::Relaxed);
            }
            (FinishResult::Applied { .. }, _) => {
                core.finished.fetch_add(1, Ordering::Relaxed);
            }
            (FinishResult::StaleLease, _) => {}
        }
        core.forget_early_cancel(key(&ended.lease));
        ended.session.gave_back(1);
    }
    core.make_use_of_room();
}

fn tell(ended: &Ended, result: FinishResult) {
    telemetry::finished(&ended.lease, result);
    let (FinishResult::Applied { dead_reason, .. }, Some(job)) = (result, &ended.unwell) else { return };
    match (dead_reason, &ended.transition) {
        // Somebody wanted that, and knows.
        (Some(DeadReason::Cancelled), _) => {}
        (Some(reason), _) => telemetry::dead(&ended.lease, job, reason),
        (None, Some(Transition::Retry { after, .. })) => telemetry::retrying(&ended.lease, job, *after),
        // It was given back: the storage did not take its end.
        (None, _) => {}
    }
}

/// The end of a call; what it said if it panicked.
pub(crate) async fn no_panic<T>(call: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(call).catch_unwind().await.map_err(|panic| panic_text(&*panic))
}

/// Bounds a call to the storage. What was handed over may still be committed.
pub(crate) async fn in_time<T>(
    call: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    tokio::time::timeout(STORAGE_CALL_LIMIT, call).await.unwrap_or_else(|_| {
        Err(StorageError::Unavailable {
            detail: format!("a call took longer than {} s", STORAGE_CALL_LIMIT.as_secs()),
            outcome_unknown: true,
            source: None,
        })
    })
}

//! Suspects obey every rule that other claims obey, and one more: they run alone.

use super::rig::{QUEUE, Rig, dead, done, request, retry, secs, throttle};
use crate::storage::{ClaimMode, ClaimParams, FinishResult, KindFilter, QueueSettingsPatch, RetryOutcome};
use crate::{EnqueueRequest, JobId, JobStatus, ProcessId};
use std::collections::HashSet;
use std::sync::Arc;

/// Makes suspects of jobs: one process claims them all and dies.
async fn suspects(rig: &Rig, requests: Vec<EnqueueRequest>) -> Vec<JobId> {
    let mut ids = Vec::new();
    for request in requests {
        ids.push(rig.put(request).await);
    }
    let process = rig.process().await;
    let claimed = rig.claim(process, 100).await;
    assert_eq!(claimed.len(), ids.len());
    assert_eq!(rig.crash_all().await.revived.len(), ids.len());
    ids
}

/// What a lone claim gives, and whether it tells of more.
async fn alone(rig: &Rig, params: ClaimParams) -> (Vec<JobId>, bool) {
    let batch = rig.claim_batch(params).await;
    (batch.jobs.iter().map(|c| c.job.id).collect(), batch.suspects_waiting)
}

fn params(rig: &Rig, process: ProcessId) -> ClaimParams {
    rig.claim_params(process, 10, ClaimMode::Alone)
}

/// Protects: a process that cleared its desk for a suspect gets nothing else.
pub async fn a_lone_claim_gives_no_ordinary_job(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    assert_eq!(alone(rig, params(rig, process)).await, (vec![], false));
    assert_eq!(rig.claim_one(process).await.job.id, id);
}

/// Protects: pause means pause, for suspects too; no process clears its desk for a job it will not get.
pub async fn a_paused_queue_gives_no_suspect_and_tells_of_none(rig: &Rig) {
    let ids = suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    assert_eq!(alone(rig, params(rig, process)).await, (vec![], false));
    rig.edit(QUEUE, QueueSettingsPatch::paused(false)).await;
    assert_eq!(alone(rig, params(rig, process)).await, (ids, false));
}

/// Protects: a suspect goes to a process that has its handler, and only that one is told of it.
pub async fn a_suspect_of_a_foreign_kind_is_not_handed_out(rig: &Rig) {
    let ids = suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    let only = |kind: &str| KindFilter::Only(Arc::new(HashSet::from([kind.to_owned()])));
    let foreign = ClaimParams { kinds: only("foreign"), ..params(rig, process) };
    assert_eq!(alone(rig, foreign.clone()).await, (vec![], false));
    let ordinary = ClaimParams { mode: ClaimMode::Ordinary, ..foreign };
    assert_eq!(alone(rig, ordinary).await, (vec![], false));
    assert_eq!(alone(rig, ClaimParams { kinds: only("k"), ..params(rig, process) }).await, (ids, false));
}

/// Protects: a process keeps to its queues.
pub async fn a_suspect_of_a_queue_not_wanted_is_left_alone(rig: &Rig) {
    let ids = suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    rig.ensure("other", 1).await;
    let mut other = params(rig, process);
    other.wants[0].queue = "other".into();
    assert_eq!(alone(rig, other).await, (vec![], false));
    assert_eq!(rig.status(ids[0]).await, JobStatus::Pending);
}

/// Protects: a want of no jobs is one.
pub async fn a_want_of_none_gives_no_suspect(rig: &Rig) {
    suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    let none = rig.claim_batch(rig.claim_params(process, 0, ClaimMode::Alone)).await;
    assert_eq!(none.jobs, []);
}

/// Protects: urgent suspects first.
pub async fn suspects_come_in_claim_order(rig: &Rig) {
    let of = |priority| request().with_priority(priority);
    let ids = suspects(rig, vec![of(5), of(-5), of(0)]).await;
    let process = rig.process().await;
    for expected in [ids[1], ids[2], ids[0]] {
        let claimed = rig.claim_alone(process).await.remove(0);
        assert_eq!(claimed.job.id, expected);
        rig.finish(claimed.lease, done()).await;
    }
}

/// Protects: an operator's retry gives a job back its good name, and its whole budget.
pub async fn an_operators_retry_clears_suspicion_crashes_and_throttles(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, throttle(secs(1))).await;
    rig.advance(secs(1));
    rig.promote().await;
    rig.claim_one(process).await;
    rig.crash_all().await;
    let next = rig.process().await;
    rig.claim_alone(next).await;
    rig.crash_all().await;
    let last = rig.process().await;
    let claimed = rig.claim_alone(last).await.remove(0);
    rig.finish(claimed.lease, dead("no")).await;
    let outcomes = rig.storage.jobs.retry(rig.verb([claimed.job.id])).await.expect("a retry succeeds");
    assert_eq!(outcomes, [RetryOutcome::Retried]);
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.suspect, job.crashes, job.throttles, job.attempt), (false, 0, 0, 0));
    let again = rig.claim_one(last).await;
    assert_eq!((again.job.suspicions, again.job.throttles, again.job.attempt), (0, 0, 1));
}

/// Protects: an upstream that is busy says nothing of the job's health, but the job came back alive.
pub async fn a_suspect_that_is_throttled_is_trusted_again(rig: &Rig) {
    suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    let claimed = rig.claim_alone(process).await.remove(0);
    rig.finish(claimed.lease, throttle(secs(1))).await;
    assert!(!rig.job(claimed.job.id).await.suspect);
    rig.advance(secs(1));
    rig.promote().await;
    assert_eq!(rig.claim_one(process).await.job.id, claimed.job.id, "an ordinary claim");
}

/// Protects: the lease, for claims whose start was written down too.
pub async fn a_late_finish_of_a_crashed_suspect_changes_nothing(rig: &Rig) {
    let ids = suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    let late = rig.claim_alone(process).await.remove(0);
    rig.crash_all().await;
    let before = rig.job(ids[0]).await;
    assert_eq!(rig.finish(late.lease, done()).await, FinishResult::StaleLease);
    assert_eq!(rig.release(late.lease).await, FinishResult::StaleLease);
    let ended = rig.storage.jobs.end_alone(late.lease).await.expect("the call succeeds");
    assert!(!ended, "its time alone is over by other means");
    assert_eq!(rig.job(ids[0]).await, before);
}

/// Protects: the end of the time alone ends that and nothing else.
pub async fn after_its_time_alone_a_suspect_can_finish_as_any_job(rig: &Rig) {
    suspects(rig, vec![request()]).await;
    let process = rig.process().await;
    let claimed = rig.claim_alone(process).await.remove(0);
    for _ in 0..2 {
        assert!(rig.storage.jobs.end_alone(claimed.lease).await.expect("the call succeeds"), "idempotent");
    }
    assert!(rig.finish(claimed.lease, retry(secs(5))).await.is_applied());
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.attempt, job.crashes), (JobStatus::Retrying, 1, 0));
}

//! Reviving the jobs of dead processes, and telling the culprit from the bystanders.

use super::rig::{Rig, STALE, checked, done, request, retry, secs};
use crate::limits::MAX_CRASHES;
use crate::storage::{ClaimMode, Heartbeat, Inserted, ReapReport};
use crate::{AttemptResult, DeadReason, JobId, JobStatus};
use std::time::Duration;

/// Protects: no job is lost with its process.
pub async fn a_silent_process_is_reaped_and_its_jobs_revived(rig: &Rig) {
    let (process, by) = (rig.process().await, rig.process().await);
    let claimed = rig.running(process).await;
    rig.advance(STALE);
    rig.heartbeat(by).await;
    assert_eq!(rig.reap_as(by, 10).await, ReapReport::default(), "not a moment too early");
    rig.advance(secs(1));
    let report = rig.reap_as(by, 10).await;
    assert_eq!((report.processes, report.revived), (vec![process], vec![claimed.job.id]));
    assert_eq!(rig.status(claimed.job.id).await, JobStatus::Pending);
    assert_eq!(rig.heartbeat(process).await, Heartbeat::Fenced);
}

/// Protects: long jobs are not dead jobs (C12).
pub async fn a_beating_process_is_not_reaped_however_long_its_jobs_run(rig: &Rig) {
    let (process, by) = (rig.process().await, rig.process().await);
    let claimed = rig.running(process).await;
    for _ in 0..20 {
        rig.advance(STALE);
        rig.heartbeat(process).await;
        rig.heartbeat(by).await;
        assert_eq!(rig.reap_as(by, 10).await, ReapReport::default());
    }
    assert!(rig.finish(claimed.lease, done()).await.is_applied());
}

/// Protects: a process that was slow to beat does not fall on its own sword.
pub async fn the_reaper_does_not_reap_itself(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.advance(STALE * 3);
    assert_eq!(rig.reap_as(process, 10).await, ReapReport::default());
    assert!(rig.finish(claimed.lease, done()).await.is_applied());
}

/// Protects: every process may reap.
pub async fn a_reaping_twice_is_a_reaping_once(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.running(process).await.job.id;
    assert_eq!(rig.crash_all().await.revived, [id]);
    let before = rig.job(id).await;
    let by = rig.process().await;
    assert_eq!(rig.reap_as(by, 10).await, ReapReport::default());
    assert_eq!(rig.job(id).await, before);
}

/// Protects: a queue without workers is no crime (C13).
pub async fn waiting_jobs_are_no_business_of_the_reaper(rig: &Rig) {
    let pending = rig.put(request()).await;
    let scheduled = rig.put(request().with_delay(secs(1_000_000))).await;
    let before = (rig.job(pending).await, rig.job(scheduled).await);
    rig.process().await;
    assert_eq!(rig.crash_all().await.revived, []);
    assert_eq!((rig.job(pending).await, rig.job(scheduled).await), before);
}

/// Protects: innocents in a crashed process (D4).
pub async fn a_revived_job_is_a_suspect_and_charged_nothing(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.running(process).await.job.id;
    rig.crash_all().await;
    let job = rig.job(id).await;
    assert_eq!((job.status, job.attempt, job.crashes, job.suspect), (JobStatus::Pending, 0, 0, true));
    assert_eq!(job.process, None);
    let attempts = rig.storage.inspect.attempts(id).await.expect("attempts can be read");
    assert_eq!(attempts.iter().map(|a| a.result).collect::<Vec<_>>(), [AttemptResult::Crashed]);
}

/// Protects: a suspect takes no bystanders along.
pub async fn a_suspect_is_claimed_only_alone(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.running(process).await.job.id;
    rig.crash_all().await;
    let next = rig.process().await;
    let other = rig.put(request()).await;
    let batch = rig.claim_batch(rig.claim_params(next, 10, ClaimMode::Ordinary)).await;
    assert_eq!(batch.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), [other]);
    assert!(batch.suspects_waiting);
    let batch = rig.claim_batch(rig.claim_params(next, 10, ClaimMode::Alone)).await;
    let seen: Vec<_> = batch.jobs.iter().map(|c| (c.job.id, c.job.attempt, c.job.suspicions)).collect();
    assert_eq!((seen, batch.suspects_waiting), (vec![(id, 1, 1)], false));
}

/// Protects: the culprit can be told.
pub async fn suspects_are_claimed_one_at_a_time(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(3).await;
    rig.claim(process, 3).await;
    rig.crash_all().await;
    let next = rig.process().await;
    for left in (0..3).rev() {
        let batch = rig.claim_batch(rig.claim_params(next, 10, ClaimMode::Alone)).await;
        assert_eq!((batch.jobs.len(), batch.suspects_waiting), (1, left > 0));
        rig.finish(batch.jobs[0].lease, done()).await;
    }
    assert_eq!(rig.claim_alone(next).await, []);
}

/// Makes a job a suspect, and crashes its process after a written start `times` times.
async fn crash_alone(rig: &Rig, id: JobId, times: u32) -> ReapReport {
    let mut report = ReapReport::default();
    for _ in 0..times {
        let process = rig.process().await;
        let claimed = rig.claim_alone(process).await;
        assert_eq!(claimed.iter().map(|c| c.job.id).collect::<Vec<_>>(), [id]);
        report = rig.crash_all().await;
    }
    report
}

async fn suspect(rig: &Rig, max_attempts: u32) -> JobId {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(max_attempts)).await;
    rig.claim_one(process).await;
    assert_eq!(rig.crash_all().await.revived, [id]);
    id
}

/// Protects: a job that kills its process spends its budget (D3).
pub async fn a_crash_after_a_written_start_is_charged(rig: &Rig) {
    let id = suspect(rig, 20).await;
    assert_eq!(crash_alone(rig, id, 1).await.revived, [id]);
    let job = rig.job(id).await;
    assert_eq!((job.status, job.attempt, job.crashes, job.suspect), (JobStatus::Pending, 1, 1, true));
}

/// Protects: poison does not go round for ever.
pub async fn the_third_such_crash_is_poison(rig: &Rig) {
    let id = suspect(rig, 20).await;
    assert_eq!(crash_alone(rig, id, MAX_CRASHES).await.poisoned, [id]);
    let job = rig.job(id).await;
    assert_eq!((job.status, job.dead_reason), (JobStatus::Dead, Some(DeadReason::Poison)));
    assert_eq!((job.crashes, job.attempt), (MAX_CRASHES, MAX_CRASHES));
    assert!(job.error.is_some());
}

/// Protects: a machine that is switched off ten times makes nobody poison.
pub async fn plain_crashes_make_no_poison(rig: &Rig) {
    let id = rig.put(request()).await;
    let process = rig.process().await;
    rig.claim_one(process).await;
    for _ in 0..10 {
        rig.crash_all().await;
        let process = rig.process().await;
        let claimed = rig.claim_alone(process).await.remove(0);
        // It survives its time alone, and comes back later; then the next switch-off.
        rig.finish(claimed.lease, retry(Duration::ZERO)).await;
        rig.claim_one(process).await;
    }
    let job = rig.job(id).await;
    assert_eq!((job.crashes, job.status), (0, JobStatus::Running));
}

/// Protects: `max_attempts` holds for crashes too.
pub async fn a_crash_that_uses_up_the_attempts_is_exhausted(rig: &Rig) {
    let id = suspect(rig, 2).await;
    assert_eq!(crash_alone(rig, id, 1).await.revived, [id]);
    assert_eq!(crash_alone(rig, id, 1).await.exhausted, [id]);
    let job = rig.job(id).await;
    assert_eq!((job.dead_reason, job.attempt, job.max_attempts), (Some(DeadReason::Exhausted), 2, 2));
}

/// Protects: suspicion ends.
pub async fn a_suspect_that_comes_back_is_trusted_again(rig: &Rig) {
    let id = suspect(rig, 20).await;
    let process = rig.process().await;
    let claimed = rig.claim_alone(process).await.remove(0);
    rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    assert!(!rig.job(id).await.suspect);
    let claimed = rig.claim_one(process).await;
    assert_eq!(claimed.job.suspicions, 0);
    rig.finish(claimed.lease, done()).await;
    let id = suspect(rig, 20).await;
    let process = rig.process().await;
    let claimed = rig.claim_alone(process).await.remove(0);
    rig.release(claimed.lease).await;
    assert!(rig.job(id).await.suspect, "a release proves nothing");
}

/// Protects: jobs that run longer than their time alone.
pub async fn a_crash_after_the_time_alone_is_not_counted(rig: &Rig) {
    let id = suspect(rig, 20).await;
    let process = rig.process().await;
    let claimed = rig.claim_alone(process).await.remove(0);
    assert!(rig.storage.jobs.end_alone(claimed.lease).await.expect("the call succeeds"));
    assert_eq!(rig.crash_all().await.revived, [id]);
    let job = rig.job(id).await;
    assert_eq!((job.attempt, job.crashes, job.suspect), (0, 0, true));
    let next = rig.process().await;
    assert_eq!(rig.claim_alone(next).await[0].job.suspicions, 2, "its next time alone is longer");
}

/// Protects: a cancel is not lost with the process (G8).
pub async fn a_requested_cancel_outlives_the_crash(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.running(process).await.job.id;
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    assert_eq!(rig.crash_all().await.cancelled, [id]);
    let job = rig.job(id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Dead, Some(DeadReason::Cancelled), 0));
}

/// Protects: a crash frees no key, and a poisoned job's key comes free.
pub async fn a_dedupe_key_outlives_the_crash(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_dedupe_key("key")).await;
    rig.claim_one(process).await;
    rig.crash_all().await;
    let twin = || checked(request().with_dedupe_key("key"));
    assert_eq!(rig.enqueue(vec![twin()]).await, [Inserted::Duplicate { of: id }]);
    assert_eq!(crash_alone(rig, id, MAX_CRASHES).await.poisoned, [id]);
    assert_eq!(rig.enqueue(vec![twin()]).await, [Inserted::Inserted]);
}

/// Protects: a thousand jobs of a dead process do not stop the world (C8).
pub async fn a_reaping_is_bounded_and_goes_on(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(25).await;
    rig.claim(process, 25).await;
    rig.advance(STALE + secs(1));
    let by = rig.process().await;
    let mut revived = Vec::new();
    loop {
        let report = rig.reap_as(by, 10).await;
        revived.push(report.revived.len());
        if !report.more {
            break;
        }
    }
    assert_eq!(revived, [10, 10, 5]);
    let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
    assert_eq!(counts[0].counts[0].1.count, 25);
}

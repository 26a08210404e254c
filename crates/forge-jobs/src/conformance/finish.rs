//! Finishing and giving back: guarded by the lease, and nothing else.

use super::rig::{Rig, applied, applied_dead, dead, done, request, retry, secs, throttle};
use crate::limits::{MAX_ATTEMPT_RECORDS, MAX_ERROR_BYTES};
use crate::retry::Transition;
use crate::storage::{ClaimMode, Finish, FinishParams, FinishResult, Lease, ProgressParams};
use crate::{AttemptResult, DeadReason, JobId, JobStatus, Payload, ProcessId, Progress, Timing};
use std::time::Duration;

const STALE: FinishResult = FinishResult::StaleLease;

/// Protects: a lease that went through other hands is as good as the storage's own.
pub async fn a_lease_without_the_storages_memo_finishes_the_same(rig: &Rig) {
    let process = rig.process().await;
    let mut ends = Vec::new();
    for keep in [true, false] {
        let id = rig.put(request().with_dedupe_key(format!("{keep}"))).await;
        let mut lease = rig.claim(process, 1).await[0].lease;
        if !keep {
            lease.memo = None;
        }
        assert!(rig.finish(lease, done()).await.is_applied());
        assert_eq!(rig.finish(lease, done()).await, STALE, "once");
        let job = rig.job(id).await;
        ends.push((job.status, job.attempt, job.started_at, job.finished_at, job.process));
        // Its key is free again.
        assert_ne!(rig.put(request().with_dedupe_key(format!("{keep}"))).await, id);
        let again = rig.claim(process, 1).await[0].lease;
        rig.finish(again, done()).await;
    }
    assert_eq!(ends[0], ends[1]);
}

/// Protects: the record of a success.
pub async fn done_ends_the_job_with_its_output_and_times(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.advance(secs(10));
    let output = Some(Payload::from_json_text(r#"{"b":1, "a":1e400}"#).expect("it is JSON"));
    let timing = Timing { ran_for: secs(4), ended_ago: secs(1) };
    let members = vec![Finish {
        lease: claimed.lease,
        transition: Transition::Done { output: output.clone() },
        timing,
        failure: None,
    }];
    let params = FinishParams { members, now: rig.now() };
    let results = rig.storage.jobs.finish(params).await.expect("a finish succeeds");
    assert_eq!(results, [applied(JobStatus::Done)]);
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Done, None, 1));
    assert_eq!((job.output, job.error, job.process), (output, None, Some(process)));
    let ended = rig.at().saturating_sub(secs(1));
    assert_eq!((job.finished_at, job.started_at), (Some(ended), Some(ended.saturating_sub(secs(4)))));
    let attempts = rig.storage.inspect.attempts(job.id).await.expect("attempts can be read");
    let seen: Vec<_> = attempts.iter().map(|a| (a.attempt, a.result, a.duration())).collect();
    assert_eq!(seen, [(1, AttemptResult::Done, secs(4))]);
}

/// Protects: a failure burns one attempt and waits.
pub async fn a_retry_comes_back_after_its_delay_with_the_attempt_charged(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    assert_eq!(rig.finish(claimed.lease, retry(secs(30))).await, applied(JobStatus::Retrying));
    let job = rig.job(claimed.job.id).await;
    assert_eq!(
        (job.status, job.attempt, job.due_at),
        (JobStatus::Retrying, 1, rig.at().saturating_add(secs(30)))
    );
    assert_eq!((job.error.as_deref(), job.process, job.finished_at), (Some("it failed"), None, None));
    assert_eq!(rig.claim(process, 10).await, [], "not before its time");
    rig.advance(secs(30));
    rig.promote().await;
    assert_eq!(rig.claim_one(process).await.job.attempt, 2);
}

/// Protects: backoff can be switched off.
pub async fn a_retry_without_delay_is_pending_at_once(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    assert_eq!(rig.finish(claimed.lease, retry(Duration::ZERO)).await, applied(JobStatus::Pending));
    assert_eq!(rig.claim_one(process).await.job.attempt, 2);
}

/// Protects: a job that comes back is still the job that was sent.
pub async fn a_retry_keeps_its_priority(rig: &Rig) {
    let process = rig.process().await;
    let urgent = rig.put(request().with_priority(-1).with_tag("t")).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, retry(secs(1))).await;
    rig.put(request()).await;
    rig.advance(secs(1));
    rig.promote().await;
    let again = rig.claim_one(process).await;
    assert_eq!((again.job.id, again.job.priority, again.job.tags.len()), (urgent, -1, 1));
}

/// Protects: waiting for an upstream spends nothing.
pub async fn a_throttle_comes_back_uncharged(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    assert_eq!(rig.finish(claimed.lease, throttle(secs(5))).await, applied(JobStatus::Scheduled));
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.attempt, job.throttles), (JobStatus::Scheduled, 0, 1));
    assert_eq!(job.due_at, rig.at().saturating_add(secs(5)));
    let attempts = rig.storage.inspect.attempts(job.id).await.expect("attempts can be read");
    assert_eq!(attempts.iter().map(|a| a.result).collect::<Vec<_>>(), [AttemptResult::Throttled]);
}

/// Protects: a job that is only ever throttled can be told from one that works in between.
pub async fn throttles_in_a_row_are_counted_and_a_failure_ends_the_row(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    for throttles in 0..3 {
        let claimed = rig.claim_one(process).await;
        assert_eq!((claimed.job.throttles, claimed.job.attempt), (throttles, 1));
        rig.finish(claimed.lease, throttle(secs(1))).await;
        rig.advance(secs(1));
        rig.promote().await;
    }
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    assert_eq!(rig.job(id).await.throttles, 0);
    let claimed = rig.claim_one(process).await;
    assert_eq!((claimed.job.throttles, claimed.job.attempt), (0, 2));
}

/// Protects: the dead-letter list says why.
pub async fn dead_is_final_with_its_reason_and_error(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.advance(secs(2));
    assert_eq!(rig.finish(claimed.lease, dead("no such user")).await, applied_dead(DeadReason::Discarded));
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Dead, Some(DeadReason::Discarded), 1));
    assert_eq!((job.error.as_deref(), job.finished_at), (Some("no such user"), rig.now()));
    rig.advance(secs(1_000_000));
    rig.promote().await;
    assert_eq!(rig.claim(process, 10).await, []);
}

/// Protects: no reason turns into another.
pub async fn every_dead_reason_is_kept(rig: &Rig) {
    let process = rig.process().await;
    for reason in DeadReason::ALL {
        let claimed = rig.running(process).await;
        let end = Transition::Dead { reason, error: reason.as_str().into() };
        assert_eq!(rig.finish(claimed.lease, end).await, applied_dead(reason));
        let job = rig.job(claimed.job.id).await;
        assert_eq!((job.dead_reason, job.error.as_deref()), (Some(reason), Some(reason.as_str())));
        let charged = u32::from(reason != DeadReason::Cancelled);
        assert_eq!(job.attempt, charged, "{reason}: a cancel spends no attempt");
    }
}

/// Protects: a finish sent twice, since its answer was lost, is applied once.
pub async fn a_second_finish_of_the_same_claim_is_stale(rig: &Rig) {
    let process = rig.process().await;
    for first in [done(), retry(secs(9)), throttle(secs(9)), dead("x")] {
        let claimed = rig.running(process).await;
        assert!(rig.finish(claimed.lease, first).await.is_applied());
        let before = rig.job(claimed.job.id).await;
        for second in [done(), retry(secs(1)), throttle(secs(1)), dead("y")] {
            assert_eq!(rig.finish(claimed.lease, second).await, STALE);
        }
        assert_eq!(rig.job(claimed.job.id).await, before);
    }
}

async fn changes_nothing(rig: &Rig, lease: Lease) {
    let before = rig.job(lease.job).await;
    for end in [done(), retry(secs(1)), throttle(secs(1)), dead("late")] {
        assert_eq!(rig.finish(lease, end).await, STALE);
    }
    assert_eq!(rig.release(lease).await, STALE);
    assert!(!rig.storage.jobs.end_alone(lease).await.expect("the call succeeds"));
    assert_eq!(rig.job(lease.job).await, before);
}

/// Protects: the number of the claim is compared.
pub async fn a_finish_under_another_claim_number_is_stale(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    changes_nothing(rig, Lease { claim_no: lease.claim_no + 1, ..lease }).await;
    changes_nothing(rig, Lease { claim_no: lease.claim_no - 1, ..lease }).await;
    assert!(rig.finish(lease, done()).await.is_applied());
}

/// Protects: the process is compared.
pub async fn a_finish_by_another_process_is_stale(rig: &Rig) {
    let (process, other) = (rig.process().await, rig.process().await);
    let lease = rig.running(process).await.lease;
    changes_nothing(rig, Lease { process: other, ..lease }).await;
    changes_nothing(rig, Lease { process: ProcessId::new(), ..lease }).await;
    assert!(rig.finish(lease, done()).await.is_applied());
}

/// Protects: dropped jobs stay dropped.
pub async fn a_finish_of_a_job_that_never_was_is_stale(rig: &Rig) {
    let process = rig.process().await;
    let lease = Lease { job: JobId::new(), claim_no: 1, process, row: 77, memo: None };
    assert_eq!(rig.finish(lease, done()).await, STALE);
    assert_eq!(rig.release(lease).await, STALE);
}

/// Protects: fencing after a pause longer than the stale window.
pub async fn a_late_finish_after_a_reclaim_elsewhere_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let late = rig.running(process).await.lease;
    rig.crash_all().await;
    changes_nothing(rig, late).await;
    let other = rig.process().await;
    let again = rig.claim_alone(other).await.remove(0).lease;
    changes_nothing(rig, late).await;
    assert!(rig.finish(again, done()).await.is_applied());
    changes_nothing(rig, late).await;
}

/// Protects: the same process is no proof (B2).
pub async fn a_late_finish_after_a_reclaim_by_the_same_process_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let late = rig.running(process).await.lease;
    assert!(rig.release(late).await.is_applied());
    let again = rig.claim_one(process).await.lease;
    assert_eq!(again.process, late.process);
    changes_nothing(rig, late).await;
    assert!(rig.finish(again, done()).await.is_applied());
}

/// Protects: the attempt is no proof (B3).
pub async fn a_late_finish_with_the_same_attempt_number_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let late = rig.running(process).await;
    rig.finish(late.lease, throttle(secs(1))).await;
    rig.advance(secs(1));
    rig.promote().await;
    let again = rig.claim_one(process).await;
    assert_eq!(again.job.attempt, late.job.attempt);
    changes_nothing(rig, late.lease).await;
}

/// Protects: an operator's retry resets the attempts, and not the claims (B3).
pub async fn a_late_finish_after_an_operators_retry_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let late = rig.running(process).await;
    rig.finish(late.lease, dead("x")).await;
    rig.storage.jobs.retry(rig.verb([late.job.id])).await.expect("a retry succeeds");
    changes_nothing(rig, late.lease).await;
    let again = rig.claim_one(process).await;
    assert_eq!(again.job.attempt, late.job.attempt);
    assert!(again.lease.claim_no > late.lease.claim_no);
    changes_nothing(rig, late.lease).await;
}

/// Protects: one bad member fails alone.
pub async fn a_stale_member_does_not_touch_the_others(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(3).await;
    let claims = rig.claim(process, 3).await;
    rig.release(claims[1].lease).await;
    let members = claims.iter().map(|c| Finish {
        lease: c.lease,
        transition: done(),
        timing: Timing::default(),
        failure: None,
    });
    let params = FinishParams { members: members.collect(), now: rig.now() };
    let results = rig.storage.jobs.finish(params).await.expect("a finish succeeds");
    assert_eq!(results, [applied(JobStatus::Done), STALE, applied(JobStatus::Done)]);
    assert_eq!(rig.status(claims[1].job.id).await, JobStatus::Pending);
}

/// Protects: a job never sticks in running because of what its handler said (B7).
pub async fn error_text_that_no_database_takes_is_cleaned(rig: &Rig) {
    let process = rig.process().await;
    let huge = "ü".repeat(MAX_ERROR_BYTES);
    for text in ["\0", "a\0b\u{1b}[31m", huge.as_str()] {
        let claimed = rig.running(process).await;
        assert!(rig.finish(claimed.lease, dead(text)).await.is_applied());
        let error = rig.job(claimed.job.id).await.error.expect("an error is kept");
        assert!(error.len() <= MAX_ERROR_BYTES && !error.contains('\0') && !error.contains('\u{1b}'));
        assert!(!error.is_empty());
    }
}

/// Protects: the chain of errors that led to a dead job.
pub async fn an_attempt_record_is_kept_for_each_failure(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(3)).await;
    for n in 1..=3 {
        let claimed = rig.claim_one(process).await;
        rig.advance(secs(1));
        let error = format!("error {n}");
        let end = if n < 3 {
            Transition::Retry { after: Duration::ZERO, error }
        } else {
            Transition::Dead { reason: DeadReason::Exhausted, error }
        };
        assert!(rig.finish(claimed.lease, end).await.is_applied());
    }
    let attempts = rig.storage.inspect.attempts(id).await.expect("attempts can be read");
    let seen: Vec<_> = attempts.iter().map(|a| (a.attempt, a.result, a.error.as_deref())).collect();
    let failed = AttemptResult::Failed;
    assert_eq!(
        seen,
        [(1, failed, Some("error 1")), (2, failed, Some("error 2")), (3, failed, Some("error 3"))]
    );
    assert!(attempts.iter().all(|a| a.process == Some(process) && a.ended_at >= a.started_at));
    assert!(attempts.windows(2).all(|w| w[0].claim_no < w[1].claim_no));
}

/// Protects: history is bounded (K7).
pub async fn old_attempt_records_go_first(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(1_000)).await;
    let rounds = MAX_ATTEMPT_RECORDS + 5;
    for _ in 0..rounds {
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, retry(Duration::ZERO)).await;
    }
    let attempts = rig.storage.inspect.attempts(id).await.expect("attempts can be read");
    let numbers: Vec<_> = attempts.iter().map(|a| a.attempt).collect();
    assert_eq!(numbers, (6..=rounds).collect::<Vec<_>>());
}

/// Protects: a graceful stop costs nothing, not even the place in the queue.
pub async fn a_released_job_is_back_in_its_place_uncharged(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.put(request()).await;
    rig.advance(secs(1));
    rig.put(request()).await;
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(1));
    assert_eq!(rig.release(claimed.lease).await, applied(JobStatus::Pending));
    let job = rig.job(first).await;
    assert_eq!((job.status, job.attempt, job.process, job.suspect), (JobStatus::Pending, 0, None, false));
    assert_eq!(rig.claim_one(process).await.job.id, first);
}

/// Protects: a zombie cannot give back what is not its own (B9).
pub async fn a_release_under_an_old_lease_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let late = rig.running(process).await.lease;
    rig.crash_all().await;
    let other = rig.process().await;
    let again = rig.claim_alone(other).await.remove(0);
    assert_eq!(rig.release(late).await, STALE);
    assert_eq!(rig.job(late.job).await.process, Some(other));
    assert!(rig.finish(again.lease, done()).await.is_applied());
    assert_eq!(rig.release(late).await, STALE);
}

/// Protects: progress of a zombie does not show on its successor.
pub async fn progress_is_kept_while_the_claim_is_valid(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let said = Progress { done: 3, total: Some(u64::MAX), note: Some("ü\"\\".into()) };
    let say = |lease, progress: Progress| ProgressParams { members: vec![(lease, progress)] };
    rig.storage.jobs.record_progress(say(claimed.lease, said.clone())).await.expect("progress is kept");
    assert_eq!(rig.job(claimed.job.id).await.progress, Some(said));
    rig.release(claimed.lease).await;
    let again = rig.claim_batch(rig.claim_params(process, 1, ClaimMode::Ordinary)).await.jobs.remove(0);
    assert_eq!(rig.job(claimed.job.id).await.progress, None);
    let late = Progress { done: 9, ..Progress::default() };
    rig.storage.jobs.record_progress(say(claimed.lease, late)).await.expect("stale progress is passed over");
    assert_eq!(rig.job(again.job.id).await.progress, None);
}

//! Cancelling: truthful, and final.

use super::rig::{Rig, applied, applied_dead, dead, done, request, retry, secs, throttle};
use crate::retry::Transition;
use crate::storage::{CancelOutcome, Heartbeat};
use crate::{DeadReason, JobId, JobStatus};

async fn cancel(rig: &Rig, id: JobId) -> CancelOutcome {
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds")[0]
}

async fn is_cancelled(rig: &Rig, id: JobId) {
    let job = rig.job(id).await;
    assert_eq!((job.status, job.dead_reason), (JobStatus::Dead, Some(DeadReason::Cancelled)));
    assert_eq!(job.finished_at, rig.now());
}

/// Protects: what is cancelled does not run.
pub async fn a_pending_job_is_dead_as_cancelled_at_once(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    rig.advance(secs(1));
    assert_eq!(cancel(rig, id).await, CancelOutcome::Cancelled);
    is_cancelled(rig, id).await;
    assert_eq!(rig.job(id).await.attempt, 0);
    assert_eq!(rig.claim(process, 10).await, []);
}

/// Protects: the same for what waits for its time.
pub async fn scheduled_and_retrying_jobs_are_dead_as_cancelled_at_once(rig: &Rig) {
    let process = rig.process().await;
    let scheduled = rig.put(request().with_delay(secs(5))).await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(5))).await;
    for id in [scheduled, claimed.job.id] {
        assert_eq!(cancel(rig, id).await, CancelOutcome::Cancelled);
        is_cancelled(rig, id).await;
    }
    rig.advance(secs(10));
    assert_eq!(rig.promote().await.count, 0);
    assert_eq!(rig.job(claimed.job.id).await.error.as_deref(), Some("it failed"), "the error is kept");
}

/// Protects: a running job is told of its cancel at once and not with the next heartbeat.
pub async fn a_request_is_news_to_the_storage_of_its_process(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let changes = rig.storage.jobs.changes();
    let before = changes.borrow().news;
    cancel(rig, claimed.job.id).await;
    // With the answer, not some time after it: whoever polls tells of something sooner or later.
    assert!(changes.borrow().news > before);
}

/// Protects: cancellation reaches other replicas.
pub async fn a_running_job_is_asked_and_its_process_hears_of_it(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let answer = cancel(rig, claimed.job.id).await;
    assert_eq!(answer, CancelOutcome::Requested { process, claim_no: claimed.lease.claim_no });
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.cancel_requested_at), (JobStatus::Running, rig.now()));
    for _ in 0..2 {
        let Heartbeat::Alive { cancels, .. } = rig.heartbeat(process).await else { panic!("it is alive") };
        assert_eq!(cancels, [claimed.lease], "told until it has ended");
    }
    rig.finish(claimed.lease, dead("stopped")).await;
    let Heartbeat::Alive { cancels, .. } = rig.heartbeat(process).await else { panic!("it is alive") };
    assert_eq!(cancels, []);
}

/// Protects: an impatient operator.
pub async fn asking_twice_is_asking_once(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let first = cancel(rig, claimed.job.id).await;
    let asked = rig.job(claimed.job.id).await.cancel_requested_at;
    rig.advance(secs(3));
    assert_eq!(cancel(rig, claimed.job.id).await, first);
    assert_eq!(rig.job(claimed.job.id).await.cancel_requested_at, asked);
    let events = rig.storage.inspect.events(claimed.job.id).await.expect("events can be read");
    assert_eq!(events.iter().filter(|e| e.event == "cancel_requested").count(), 1);
}

/// Protects: a cancelled job does not come back (G6).
pub async fn a_requested_cancel_overrules_a_retry(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    cancel(rig, claimed.job.id).await;
    assert_eq!(rig.finish(claimed.lease, retry(secs(1))).await, applied_dead(DeadReason::Cancelled));
    is_cancelled(rig, claimed.job.id).await;
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.attempt, job.error.as_deref()), (0, Some("it failed")));
}

/// Protects: nor does it wait for an upstream.
pub async fn a_requested_cancel_overrules_a_throttle(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    cancel(rig, claimed.job.id).await;
    assert_eq!(rig.finish(claimed.lease, throttle(secs(1))).await, applied_dead(DeadReason::Cancelled));
    is_cancelled(rig, claimed.job.id).await;
}

/// Protects: a failure of the last attempt is a failure like the others: whether somebody cancelled is not decided
/// by how many attempts were left.
pub async fn a_requested_cancel_overrules_a_failure_of_the_last_attempt(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(1)).await;
    let claimed = rig.claim_one(process).await;
    cancel(rig, id).await;
    // What `decide` makes of `JobOutcome::Failed` when no attempt is left.
    let exhausted = Transition::Dead { reason: DeadReason::Exhausted, error: "it failed".into() };
    assert_eq!(rig.finish(claimed.lease, exhausted).await, applied_dead(DeadReason::Cancelled));
    is_cancelled(rig, id).await;
    let job = rig.job(id).await;
    assert_eq!((job.attempt, job.error.as_deref()), (0, Some("it failed")));
}

/// Protects: work that was done is not called cancelled (G1).
pub async fn a_done_that_comes_first_wins(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    cancel(rig, claimed.job.id).await;
    assert_eq!(rig.finish(claimed.lease, done()).await, applied(JobStatus::Done));
    assert_eq!(rig.status(claimed.job.id).await, JobStatus::Done);
}

/// Protects: between claim and start (G3).
pub async fn a_requested_cancel_overrules_a_release(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    cancel(rig, claimed.job.id).await;
    assert_eq!(rig.release(claimed.lease).await, applied_dead(DeadReason::Cancelled));
    is_cancelled(rig, claimed.job.id).await;
}

/// Protects: the answer is the truth.
pub async fn a_cancel_of_a_finished_job_says_so(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, done()).await;
    let before = rig.job(claimed.job.id).await;
    let answer = CancelOutcome::AlreadyFinished { status: JobStatus::Done, dead_reason: None };
    assert_eq!(cancel(rig, claimed.job.id).await, answer);
    assert_eq!(rig.job(claimed.job.id).await, before);
    let gone = rig.dead(process).await;
    let dead_reason = Some(DeadReason::Discarded);
    assert_eq!(
        cancel(rig, gone).await,
        CancelOutcome::AlreadyFinished { status: JobStatus::Dead, dead_reason }
    );
}

/// Protects: a mistyped id is not taken for a success.
pub async fn a_cancel_of_an_unknown_job_says_so(rig: &Rig) {
    let known = rig.put(request()).await;
    let params = rig.verb([JobId::new(), known, JobId::new()]);
    let answers = rig.storage.jobs.cancel(params).await.expect("a cancel succeeds");
    assert_eq!(answers, [CancelOutcome::Unknown, CancelOutcome::Cancelled, CancelOutcome::Unknown]);
}

/// Protects: a process is told of its own jobs alone.
pub async fn another_process_does_not_hear_of_it(rig: &Rig) {
    let (process, other) = (rig.process().await, rig.process().await);
    let claimed = rig.running(process).await;
    cancel(rig, claimed.job.id).await;
    let Heartbeat::Alive { cancels, .. } = rig.heartbeat(other).await else { panic!("it is alive") };
    assert_eq!(cancels, []);
}

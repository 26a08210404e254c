//! The operator's other verbs: retry, run now, drop.

use super::rig::{Rig, checked, dead, done, request, retry, secs};
use crate::limits::MAX_VERB_BATCH;
use crate::storage::{DropOutcome, Heartbeat, Inserted, RetryOutcome, RunNowOutcome, StorageError};
use crate::{JobId, JobStatus};
use std::time::Duration;

async fn retried(rig: &Rig, id: JobId) -> RetryOutcome {
    rig.storage.jobs.retry(rig.verb([id])).await.expect("a retry succeeds")[0]
}

async fn run_now(rig: &Rig, id: JobId) -> RunNowOutcome {
    rig.storage.jobs.run_now(rig.verb([id])).await.expect("a run-now succeeds")[0]
}

async fn dropped(rig: &Rig, id: JobId) -> DropOutcome {
    rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds")[0]
}

/// Protects: the retry button.
pub async fn a_retried_dead_job_has_a_fresh_budget(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(2)).await;
    for _ in 0..2 {
        let claimed = rig.claim_one(process).await;
        let end = if claimed.job.attempt < 2 { retry(Duration::ZERO) } else { dead("x") };
        rig.finish(claimed.lease, end).await;
    }
    rig.advance(secs(5));
    assert_eq!(retried(rig, id).await, RetryOutcome::Retried);
    let job = rig.job(id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Pending, None, 0));
    assert_eq!((job.due_at, job.finished_at, job.throttles, job.crashes), (rig.at(), None, 0, 0));
    let claimed = rig.claim_one(process).await;
    assert_eq!((claimed.job.id, claimed.job.attempt, claimed.job.max_attempts), (id, 1, 2));
}

/// Protects: no need to wait out a backoff.
pub async fn a_retrying_job_can_be_retried_at_once(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(3_600))).await;
    assert_eq!(retried(rig, claimed.job.id).await, RetryOutcome::Retried);
    assert_eq!(rig.claim_one(process).await.job.attempt, 1, "a fresh budget");
}

/// Protects: nothing that runs or is done is run again by mistake.
pub async fn other_jobs_are_not_retried(rig: &Rig) {
    let process = rig.process().await;
    let running = rig.running(process).await;
    let finished = rig.running(process).await;
    rig.finish(finished.lease, done()).await;
    let pending = rig.put(request()).await;
    let scheduled = rig.put(request().with_delay(secs(5))).await;
    for (id, status) in [
        (running.job.id, JobStatus::Running),
        (finished.job.id, JobStatus::Done),
        (pending, JobStatus::Pending),
        (scheduled, JobStatus::Scheduled),
    ] {
        let before = rig.job(id).await;
        assert_eq!(retried(rig, id).await, RetryOutcome::Refused { status });
        assert_eq!(rig.job(id).await, before);
    }
}

/// Protects: a dedupe key, when its former holder comes back.
pub async fn a_retry_that_meets_a_twin_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let lone = rig.dead(process).await;
    let first = rig.put(request().with_dedupe_key("key")).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, dead("x")).await;
    let twin = rig.put(request().with_dedupe_key("key")).await;
    let before = rig.job(first).await;
    let params = rig.verb([first, lone]);
    let outcomes = rig.storage.jobs.retry(params).await.expect("a retry succeeds");
    let expected = [RetryOutcome::Duplicate { of: twin }, RetryOutcome::Retried];
    assert_eq!(outcomes, expected, "one conflict does not stop the batch");
    assert_eq!(rig.job(first).await, before);
    rig.storage.jobs.drop_jobs(rig.verb([twin])).await.expect("a drop succeeds");
    assert_eq!(retried(rig, first).await, RetryOutcome::Retried);
    let twin = checked(request().with_dedupe_key("key"));
    assert_eq!(rig.enqueue(vec![twin]).await, [Inserted::Duplicate { of: first }], "it holds its key again");
}

/// Protects: a cancel belongs to the life in which it was asked (G7).
pub async fn a_retried_job_forgets_the_cancel(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.storage.jobs.cancel(rig.verb([claimed.job.id])).await.expect("a cancel succeeds");
    rig.finish(claimed.lease, retry(secs(1))).await;
    assert_eq!(retried(rig, claimed.job.id).await, RetryOutcome::Retried);
    let again = rig.claim_one(process).await;
    let Heartbeat::Alive { cancels, .. } = rig.heartbeat(process).await else { panic!("it is alive") };
    assert_eq!((cancels, rig.job(again.job.id).await.cancel_requested_at), (vec![], None));
    rig.finish(again.lease, retry(secs(1))).await;
    assert_eq!(rig.status(again.job.id).await, JobStatus::Retrying);
}

/// Protects: the run-now button.
pub async fn run_now_makes_deferred_jobs_pending_and_keeps_attempts(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(3_600))).await;
    let scheduled = rig.put(request().with_delay(secs(3_600))).await;
    rig.advance(secs(1));
    for (id, attempt) in [(claimed.job.id, 1), (scheduled, 0)] {
        assert_eq!(run_now(rig, id).await, RunNowOutcome::MadePending);
        let job = rig.job(id).await;
        assert_eq!((job.status, job.due_at, job.attempt), (JobStatus::Pending, rig.at(), attempt));
        assert_eq!(run_now(rig, id).await, RunNowOutcome::AlreadyPending);
    }
    assert_eq!(rig.promote().await.next_due_in, None);
    assert_eq!(rig.claim(process, 10).await.len(), 2);
}

/// Protects: nothing runs twice by a click.
pub async fn run_now_refuses_what_runs_or_is_finished(rig: &Rig) {
    let process = rig.process().await;
    let running = rig.running(process).await;
    assert_eq!(run_now(rig, running.job.id).await, RunNowOutcome::Refused { status: JobStatus::Running });
    rig.finish(running.lease, done()).await;
    assert_eq!(run_now(rig, running.job.id).await, RunNowOutcome::Refused { status: JobStatus::Done });
}

/// Protects: what is dropped leaves nothing behind.
pub async fn a_dropped_job_is_gone_with_its_history(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.dead(process).await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(9))).await;
    let ids = [died, claimed.job.id, rig.put(request().with_delay(secs(1))).await, rig.put(request()).await];
    for id in ids {
        assert_eq!(dropped(rig, id).await, DropOutcome::Dropped);
        assert!(rig.is_gone(id).await);
        assert_eq!(rig.storage.inspect.attempts(id).await.expect("attempts can be read"), []);
        assert_eq!(rig.storage.inspect.events(id).await.expect("events can be read"), []);
    }
    rig.advance(secs(60));
    assert_eq!((rig.promote().await.count, rig.claim(process, 10).await.len()), (0, 0));
}

/// Protects: nobody pulls a job from under its handler.
pub async fn a_running_job_is_not_dropped(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    assert_eq!(dropped(rig, claimed.job.id).await, DropOutcome::Refused { status: JobStatus::Running });
    assert!(rig.finish(claimed.lease, done()).await.is_applied());
}

/// Protects: a mistyped id is not taken for a success.
pub async fn verbs_on_unknown_jobs_say_so(rig: &Rig) {
    let id = JobId::new();
    assert_eq!(retried(rig, id).await, RetryOutcome::Unknown);
    assert_eq!(run_now(rig, id).await, RunNowOutcome::Unknown);
    assert_eq!(dropped(rig, id).await, DropOutcome::Unknown);
    assert_eq!(rig.storage.jobs.retry(rig.verb([])).await.expect("a retry succeeds"), []);
}

/// Protects: one click cannot stop the world.
pub async fn a_verb_on_too_many_jobs_is_refused(rig: &Rig) {
    let id = rig.put(request()).await;
    let too_many = || rig.verb(std::iter::repeat_n(id, MAX_VERB_BATCH + 1));
    let jobs = &rig.storage.jobs;
    assert!(matches!(jobs.cancel(too_many()).await, Err(StorageError::Invalid(_))));
    assert!(matches!(jobs.retry(too_many()).await, Err(StorageError::Invalid(_))));
    assert!(matches!(jobs.run_now(too_many()).await, Err(StorageError::Invalid(_))));
    assert!(matches!(jobs.drop_jobs(too_many()).await, Err(StorageError::Invalid(_))));
    assert_eq!(rig.status(id).await, JobStatus::Pending);
}

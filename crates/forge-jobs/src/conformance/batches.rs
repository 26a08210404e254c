//! Batches at their edges: a member that comes twice, no members at all, and too many.

use super::rig::{QUEUE, Rig, applied, checked, done, request, retry, secs};
use crate::limits::{MAX_CLAIM_BATCH, MAX_ENQUEUE_BATCH, MAX_FINISH_BATCH};
use crate::retry::Transition;
use crate::storage::Begun;
use crate::storage::{
    CancelOutcome, ClaimMode, ClaimWant, DropOutcome, EnqueueParams, Finish, FinishParams, FinishResult,
    Inserted, Lease, ProgressParams, ReleaseParams, RetryOutcome, RunNowOutcome, StorageError,
};
use crate::{DeadReason, EnqueueRequest, JobStatus, Progress, Timing};
use std::collections::HashSet;

fn member(lease: Lease, transition: Transition) -> Finish {
    Finish { lease, transition, timing: Timing::default(), failure: None }
}

async fn finish_all(rig: &Rig, members: Vec<Finish>) -> Result<Vec<FinishResult>, StorageError> {
    rig.storage.jobs.finish(FinishParams { members, now: rig.now() }).await
}

/// Protects: a storage may insert many at once, and one that stands out changes nothing for the others, nor their order.
pub async fn a_large_enqueue_answers_for_each_as_if_it_came_alone(rig: &Rig) {
    let process = rig.process().await;
    let known = checked(request());
    rig.enqueue(vec![known.clone()]).await;
    let mut jobs: Vec<_> = (0..300).map(|n| checked(request().with_tag(format!("{n}")))).collect();
    let mut expected = vec![Inserted::Inserted; jobs.len()];
    // One sent twice, one whose id is taken, one that comes again within the call, a later one, and two with a key.
    (jobs[3], expected[3]) = (known.clone(), Inserted::AlreadyThere);
    (jobs[40], expected[40]) =
        (checked(EnqueueRequest::new("other", 2).with_id(known.id)), Inserted::IdTaken);
    (jobs[77], expected[77]) = (jobs[70].clone(), Inserted::AlreadyThere);
    jobs[130] = checked(request().with_delay(secs(5)));
    jobs[170] = checked(request().with_dedupe_key("key"));
    (jobs[171], expected[171]) =
        (checked(request().with_dedupe_key("key")), Inserted::Duplicate { of: jobs[170].id });
    let params = EnqueueParams { jobs: jobs.clone(), now: rig.now() };
    let results = rig.storage.jobs.enqueue(params).await.expect("an enqueue succeeds");
    assert_eq!(results, expected);
    let claimed: HashSet<_> = rig.claim(process, 1_000).await.iter().map(|c| c.job.id).collect();
    for (n, job) in jobs.iter().enumerate() {
        let ran = expected[n] == Inserted::Inserted && n != 130;
        assert_eq!(claimed.contains(&job.id), ran || job.id == known.id || n == 77, "job {n}");
        if ran {
            let kept = rig.job(job.id).await;
            assert_eq!((kept.tags, kept.payload), (job.tags.clone(), job.payload.clone()), "job {n}");
        }
    }
}

/// Protects: one accepted finish per claim, within a batch too; the first of two counts.
pub async fn a_lease_twice_in_a_finish_counts_once(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    let members = vec![member(lease, retry(secs(5))), member(lease, done())];
    let results = finish_all(rig, members).await.expect("a finish succeeds");
    assert_eq!(results, [applied(JobStatus::Retrying), FinishResult::StaleLease]);
    let job = rig.job(lease.job).await;
    assert_eq!((job.status, job.attempt, job.output), (JobStatus::Retrying, 1, None));
}

/// Protects: a job is handed back once, however often its lease is named.
pub async fn a_lease_twice_in_a_release_counts_once(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    let params = ReleaseParams { leases: vec![lease, lease], begun: Begun::No, now: rig.now() };
    let results = rig.storage.jobs.release(params).await.expect("a release succeeds");
    assert_eq!(results, [applied(JobStatus::Pending), FinishResult::StaleLease]);
    assert_eq!(rig.claim(process, 10).await.len(), 1, "it is there once");
}

/// Protects: the answers of one batch agree with each other.
pub async fn a_job_twice_in_a_cancel_is_cancelled_once(rig: &Rig) {
    let id = rig.put(request()).await;
    let outcomes = rig.storage.jobs.cancel(rig.verb([id, id])).await.expect("a cancel succeeds");
    let dead_reason = Some(DeadReason::Cancelled);
    let finished = CancelOutcome::AlreadyFinished { status: JobStatus::Dead, dead_reason };
    assert_eq!(outcomes, [CancelOutcome::Cancelled, finished]);
}

/// Protects: a job that was retried twice is pending once.
pub async fn a_job_twice_in_a_retry_is_retried_once(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.dead(process).await;
    let outcomes = rig.storage.jobs.retry(rig.verb([id, id])).await.expect("a retry succeeds");
    let refused = RetryOutcome::Refused { status: JobStatus::Pending };
    assert_eq!(outcomes, [RetryOutcome::Retried, refused]);
    assert_eq!(rig.claim(process, 10).await.len(), 1);
}

/// Protects: the same for a job that did not wait for its time.
pub async fn a_job_twice_in_a_run_now_is_pending_once(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_delay(secs(60))).await;
    let outcomes = rig.storage.jobs.run_now(rig.verb([id, id])).await.expect("a run-now succeeds");
    assert_eq!(outcomes, [RunNowOutcome::MadePending, RunNowOutcome::AlreadyPending]);
    assert_eq!(rig.claim(process, 10).await.len(), 1);
}

/// Protects: what is gone is not dropped again.
pub async fn a_job_twice_in_a_drop_is_dropped_once(rig: &Rig) {
    let id = rig.put(request()).await;
    let outcomes = rig.storage.jobs.drop_jobs(rig.verb([id, id])).await.expect("a drop succeeds");
    assert_eq!(outcomes, [DropOutcome::Dropped, DropOutcome::Unknown]);
}

/// Protects: a queue that is asked for twice hands no job out twice.
pub async fn a_queue_wanted_twice_gives_no_job_twice(rig: &Rig) {
    let process = rig.process().await;
    let ids = rig.put_many(5).await;
    let mut params = rig.claim_params(process, 2, ClaimMode::Ordinary);
    params.wants.push(ClaimWant { queue: QUEUE.into(), limit: 2 });
    let got: Vec<_> = rig.claim_batch(params).await.jobs.iter().map(|c| c.job.id).collect();
    assert_eq!(got, ids[..4]);
    assert_eq!(rig.claim_one(process).await.job.id, ids[4]);
}

/// Protects: callers need no case of their own for "nothing to write".
pub async fn an_empty_finish_release_or_report_is_fine(rig: &Rig) {
    assert_eq!(finish_all(rig, vec![]).await.expect("a finish succeeds"), []);
    let params = ReleaseParams { leases: vec![], begun: Begun::No, now: rig.now() };
    assert_eq!(rig.storage.jobs.release(params).await.expect("a release succeeds"), []);
    rig.storage.jobs.record_progress(ProgressParams { members: vec![] }).await.expect("nothing is kept");
}

/// Protects: one transaction's length.
pub async fn a_finish_over_the_limit_is_refused_and_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    let members = vec![member(lease, done()); MAX_FINISH_BATCH + 1];
    let result = finish_all(rig, members).await;
    assert!(matches!(result, Err(StorageError::Invalid(_))), "{result:?}");
    assert_eq!(rig.status(lease.job).await, JobStatus::Running);
}

/// Protects: the same at a shutdown.
pub async fn a_release_over_the_limit_is_refused_and_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    let params =
        ReleaseParams { leases: vec![lease; MAX_FINISH_BATCH + 1], begun: Begun::No, now: rig.now() };
    let result = rig.storage.jobs.release(params).await;
    assert!(matches!(result, Err(StorageError::Invalid(_))), "{result:?}");
    assert_eq!(rig.status(lease.job).await, JobStatus::Running);
}

/// Protects: the same for chatty handlers.
pub async fn a_report_over_the_limit_is_refused_and_changes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let lease = rig.running(process).await.lease;
    let said = Progress { done: 1, ..Progress::default() };
    let params = ProgressParams { members: vec![(lease, said); MAX_FINISH_BATCH + 1] };
    let result = rig.storage.jobs.record_progress(params).await;
    assert!(matches!(result, Err(StorageError::Invalid(_))), "{result:?}");
    assert_eq!(rig.job(lease.job).await.progress, None);
}

/// Protects: what the limits promise fits into one call.
pub async fn batches_of_exactly_the_limit_are_taken(rig: &Rig) {
    let process = rig.process().await;
    let jobs: Vec<_> = (0..MAX_ENQUEUE_BATCH).map(|_| checked(request())).collect();
    let params = EnqueueParams { jobs, now: rig.now() };
    let inserted = rig.storage.jobs.enqueue(params).await.expect("an enqueue succeeds");
    assert!(inserted.len() == MAX_ENQUEUE_BATCH && inserted.iter().all(|i| *i == Inserted::Inserted));
    let mut members = Vec::new();
    for _ in 0..MAX_FINISH_BATCH.div_ceil(MAX_CLAIM_BATCH as usize) {
        let claims = rig.claim(process, MAX_CLAIM_BATCH).await;
        members.extend(claims.into_iter().map(|c| member(c.lease, done())));
    }
    assert_eq!(members.len(), MAX_FINISH_BATCH);
    let results = finish_all(rig, members).await.expect("a finish succeeds");
    assert!(results.iter().all(|r| *r == applied(JobStatus::Done)));
    assert!(!rig.storage.inspect.has_unfinished(None).await.expect("it can be told"));
}

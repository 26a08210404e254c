//! What has become due becomes claimable.

use super::rig::{Rig, checked, done, request, retry, secs};
use crate::JobStatus;
use crate::storage::{PromoteParams, Promoted};

/// Protects: scheduled jobs start, and on time.
pub async fn what_is_due_becomes_pending_and_the_rest_stays(rig: &Rig) {
    let (soon, later) =
        (rig.put(request().with_delay(secs(5))).await, rig.put(request().with_delay(secs(6))).await);
    rig.advance(secs(5));
    assert_eq!(rig.promote().await.count, 1);
    assert_eq!((rig.status(soon).await, rig.status(later).await), (JobStatus::Pending, JobStatus::Scheduled));
}

/// Protects: a runtime knows how long it may sleep.
pub async fn a_promotion_tells_when_the_next_job_is_due(rig: &Rig) {
    let process = rig.process().await;
    assert_eq!(rig.promote().await, Promoted { count: 0, next_due_in: None });
    rig.put(request().with_delay(secs(50))).await;
    assert_eq!(rig.promote().await.next_due_in, Some(secs(50)));
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(20))).await;
    assert_eq!(rig.promote().await.next_due_in, Some(secs(20)), "retries count");
    rig.advance(secs(20));
    assert_eq!(rig.promote().await, Promoted { count: 1, next_due_in: Some(secs(30)) });
}

/// Protects: a flood of retries holds no scheduled job back, nor the other way round.
pub async fn a_bounded_promotion_takes_the_earliest_whatever_they_wait_for(rig: &Rig) {
    let process = rig.process().await;
    let mut order = Vec::new();
    for n in 0..6 {
        let job = if n % 2 == 0 {
            rig.put(request().with_delay(secs(10 + n))).await
        } else {
            let claimed = rig.running(process).await;
            rig.finish(claimed.lease, retry(secs(10 + n))).await;
            claimed.job.id
        };
        order.push(job);
    }
    rig.advance(secs(20));
    for done in 1..=3 {
        let params = PromoteParams { limit: 2, now: rig.now() };
        assert_eq!(rig.storage.jobs.promote(params).await.expect("a promotion succeeds").count, 2);
        for (n, id) in order.iter().enumerate() {
            let pending = rig.status(*id).await == JobStatus::Pending;
            assert_eq!(pending, n < 2 * done, "job {n} after {done}");
        }
    }
}

/// Protects: a million jobs due at once do not stop the world.
pub async fn a_promotion_is_bounded_and_says_so(rig: &Rig) {
    let jobs: Vec<_> = (0..25).map(|_| checked(request().with_delay(secs(1)))).collect();
    rig.enqueue(jobs).await;
    rig.advance(secs(2));
    let mut counts = Vec::new();
    loop {
        let params = PromoteParams { limit: 10, now: rig.now() };
        let promoted = rig.storage.jobs.promote(params).await.expect("a promotion succeeds");
        counts.push(promoted.count);
        if promoted.next_due_in.is_none() {
            break;
        }
        assert_eq!(promoted.next_due_in, Some(std::time::Duration::ZERO));
    }
    assert_eq!(counts, [10, 10, 5]);
}

/// Protects: the attempt counter across the wait.
pub async fn a_promoted_retry_runs_as_the_next_attempt(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(secs(1))).await;
    rig.advance(secs(1));
    rig.promote().await;
    let job = rig.job(claimed.job.id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Pending, 1));
    let again = rig.claim_one(process).await;
    assert_eq!(again.job.attempt, 2);
    rig.finish(again.lease, done()).await;
    assert_eq!(rig.job(claimed.job.id).await.attempt, 2);
}

/// Protects: it can be called at any time by anybody.
pub async fn a_promotion_of_nothing_changes_nothing(rig: &Rig) {
    let id = rig.put(request().with_delay(secs(5))).await;
    let before = rig.job(id).await;
    for _ in 0..3 {
        assert_eq!(rig.promote().await.count, 0);
    }
    assert_eq!(rig.job(id).await, before);
}

/// Protects: who has waited longest goes first, however late the promotion.
pub async fn promoted_jobs_are_claimed_by_when_they_became_due(rig: &Rig) {
    let process = rig.process().await;
    let third = rig.put(request().with_delay(secs(3))).await;
    let first = rig.put(request().with_delay(secs(1))).await;
    let second = rig.put(request().with_delay(secs(2))).await;
    rig.advance(secs(10));
    let last = rig.put(request()).await;
    rig.promote().await;
    let got: Vec<_> = rig.claim(process, 10).await.iter().map(|c| c.job.id).collect();
    assert_eq!(got, [first, second, third, last]);
}

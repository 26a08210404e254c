//! Concurrency keys.

use super::rig::{Rig, applied_dead, checked, dead, done, request, retry, secs, throttle};
use crate::storage::{CancelOutcome, ClaimMode, Claimed, DropOutcome, Inserted, RetryOutcome, RunNowOutcome};
use crate::{DeadReason, EnqueueRequest, JobId, JobStatus, ProcessId};
use futures_util::future::join_all;

fn keyed(key: &str) -> EnqueueRequest {
    request().with_concurrency_key(key)
}

async fn claim_ids(rig: &Rig, process: ProcessId) -> Vec<JobId> {
    rig.claim(process, 10).await.iter().map(|c| c.job.id).collect()
}

/// A job of the key that runs, and one that waits for it.
async fn one_runs_and_one_waits(rig: &Rig, process: ProcessId) -> (Claimed, JobId) {
    rig.put(keyed("a")).await;
    let second = rig.put(keyed("a")).await;
    let first = rig.claim(process, 10).await.pop().expect("there is a job to claim");
    assert_eq!(claim_ids(rig, process).await, []);
    (first, second)
}

/// Protects: never two of one key at once.
pub async fn of_one_key_one_job_at_a_time_can_be_claimed(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.put(keyed("a")).await;
    for _ in 0..3 {
        rig.put(keyed("a")).await;
    }
    let other = rig.put(keyed("b")).await;
    assert_eq!(claim_ids(rig, process).await, [first, other]);
    assert_eq!(claim_ids(rig, process).await, []);
}

/// Protects: a key stands for what its kind makes of it.
pub async fn keys_are_of_their_kind_and_jobs_without_one_do_not_wait(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.put(keyed("a")).await;
    rig.put(keyed("a")).await;
    let other_kind =
        rig.put(EnqueueRequest::new("other", 1).on_queue("default").with_concurrency_key("a")).await;
    let plain = rig.put(request()).await;
    assert_eq!(claim_ids(rig, process).await, [first, other_kind, plain]);
    // The key is one in all queues.
    rig.put(keyed("a").on_queue("other")).await;
    let mut params = rig.claim_params(process, 10, ClaimMode::Ordinary);
    params.wants[0].queue = "other".into();
    assert!(rig.claim_batch(params).await.jobs.is_empty());
}

/// Protects: nobody waits for ever, and urgent ones go first.
pub async fn who_waits_goes_on_in_claim_order_when_the_job_is_done(rig: &Rig) {
    let process = rig.process().await;
    let mut jobs = vec![rig.put(keyed("a")).await];
    for priority in [5, 0, -5] {
        rig.advance(secs(1));
        jobs.push(rig.put(keyed("a").with_priority(priority)).await);
    }
    for expected in [jobs[0], jobs[3], jobs[2], jobs[1]] {
        let claimed = rig.claim(process, 10).await;
        assert_eq!(claimed.iter().map(|c| c.job.id).collect::<Vec<_>>(), [expected]);
        rig.finish(claimed[0].lease, done()).await;
    }
    // The last one has left nothing behind.
    let next = rig.put(keyed("a")).await;
    assert_eq!(claim_ids(rig, process).await, [next]);
}

/// Protects: a failure for good holds nobody up.
pub async fn who_waits_goes_on_when_the_job_is_dead(rig: &Rig) {
    let process = rig.process().await;
    let (first, second) = one_runs_and_one_waits(rig, process).await;
    rig.finish(first.lease, dead("no")).await;
    assert_eq!(claim_ids(rig, process).await, [second]);
}

/// Protects: a job that backs off for an hour does not hold up the others of its key for so long.
pub async fn a_job_that_is_put_off_lets_others_go_ahead(rig: &Rig) {
    let process = rig.process().await;
    for transition in [retry(secs(5)), throttle(secs(5))] {
        let (first, second) = one_runs_and_one_waits(rig, process).await;
        rig.finish(first.lease, transition).await;
        let claimed = rig.claim_one(process).await;
        assert_eq!(claimed.job.id, second);
        // Due again while the other one runs: it waits for its turn.
        rig.advance(secs(5));
        assert_eq!(rig.promote().await.count, 1);
        assert_eq!(
            (rig.status(first.job.id).await, claim_ids(rig, process).await),
            (JobStatus::Pending, vec![])
        );
        rig.finish(claimed.lease, done()).await;
        let again = rig.claim_one(process).await;
        assert_eq!(again.job.id, first.job.id);
        rig.finish(again.lease, done()).await;
    }
}

/// Protects: what comes back at once goes on before those that came later.
pub async fn a_job_that_comes_back_at_once_keeps_its_key(rig: &Rig) {
    let process = rig.process().await;
    let (first, _) = one_runs_and_one_waits(rig, process).await;
    rig.finish(first.lease, retry(secs(0))).await;
    assert_eq!(claim_ids(rig, process).await, [first.job.id]);
}

/// Protects: a key is needed when a job may run, not when it is enqueued.
pub async fn a_scheduled_job_waits_from_when_it_is_due(rig: &Rig) {
    let process = rig.process().await;
    let later = rig.put(keyed("a").with_delay(secs(5))).await;
    let (first, second) = one_runs_and_one_waits(rig, process).await;
    rig.advance(secs(5));
    assert_eq!(rig.promote().await.count, 1);
    assert_eq!(claim_ids(rig, process).await, []);
    rig.finish(first.lease, done()).await;
    let claimed = rig.claim_one(process).await;
    assert_eq!(claimed.job.id, second);
    rig.finish(claimed.lease, done()).await;
    assert_eq!(claim_ids(rig, process).await, [later]);
    // One that an operator makes pending waits no less.
    let early = rig.put(keyed("a").with_delay(secs(5))).await;
    let params = rig.verb([early]);
    let outcome = rig.storage.jobs.run_now(params).await.expect("a verb works");
    assert_eq!(outcome, [RunNowOutcome::MadePending]);
    assert_eq!((rig.status(early).await, claim_ids(rig, process).await), (JobStatus::Pending, vec![]));
}

/// Protects: an operator's verb on the job that has the key sets the others free.
pub async fn a_cancelled_or_dropped_job_gives_its_key_on(rig: &Rig) {
    let process = rig.process().await;
    let jobs = [rig.put(keyed("a")).await, rig.put(keyed("a")).await, rig.put(keyed("a")).await];
    let cancelled = rig.storage.jobs.cancel(rig.verb([jobs[0]])).await.expect("a verb works");
    assert_eq!(cancelled, [CancelOutcome::Cancelled]);
    let dropped = rig.storage.jobs.drop_jobs(rig.verb([jobs[1]])).await.expect("a verb works");
    assert_eq!(dropped, [DropOutcome::Dropped]);
    let claimed = rig.claim_one(process).await;
    assert_eq!(claimed.job.id, jobs[2]);
    // And one that is asked to end, when it has.
    let next = rig.put(keyed("a")).await;
    rig.storage.jobs.cancel(rig.verb([jobs[2]])).await.expect("a verb works");
    assert_eq!(claim_ids(rig, process).await, []);
    assert_eq!(rig.release(claimed.lease).await, applied_dead(DeadReason::Cancelled));
    assert_eq!(claim_ids(rig, process).await, [next]);
}

/// Protects: waiting for a key keeps no verb off.
pub async fn who_waits_can_be_cancelled_and_dropped(rig: &Rig) {
    let process = rig.process().await;
    let (first, second) = one_runs_and_one_waits(rig, process).await;
    let (third, fourth) = (rig.put(keyed("a")).await, rig.put(keyed("a")).await);
    let pending = rig.storage.jobs.run_now(rig.verb([second])).await.expect("a verb works");
    assert_eq!(pending, [RunNowOutcome::AlreadyPending]);
    let refused = rig.storage.jobs.retry(rig.verb([second])).await.expect("a verb works");
    assert_eq!(refused, [RetryOutcome::Refused { status: JobStatus::Pending }]);
    let cancelled = rig.storage.jobs.cancel(rig.verb([second])).await.expect("a verb works");
    assert_eq!(cancelled, [CancelOutcome::Cancelled]);
    let dropped = rig.storage.jobs.drop_jobs(rig.verb([third])).await.expect("a verb works");
    assert_eq!(dropped, [DropOutcome::Dropped]);
    assert_eq!(claim_ids(rig, process).await, [], "the key is still the first one's");
    rig.finish(first.lease, done()).await;
    assert_eq!(claim_ids(rig, process).await, [fourth]);
}

/// Protects: an operator's retry does not break the rule.
pub async fn a_retried_job_waits_for_its_key(rig: &Rig) {
    let process = rig.process().await;
    let (first, second) = one_runs_and_one_waits(rig, process).await;
    rig.finish(first.lease, dead("no")).await;
    let running = rig.claim_one(process).await;
    assert_eq!(running.job.id, second);
    let retried = rig.storage.jobs.retry(rig.verb([first.job.id])).await.expect("a verb works");
    assert_eq!(retried, [RetryOutcome::Retried]);
    assert_eq!((rig.status(first.job.id).await, claim_ids(rig, process).await), (JobStatus::Pending, vec![]));
    rig.finish(running.lease, done()).await;
    assert_eq!(claim_ids(rig, process).await, [first.job.id]);
}

/// Protects: a stop of a process changes no order.
pub async fn a_released_job_keeps_its_key(rig: &Rig) {
    let process = rig.process().await;
    let (first, _) = one_runs_and_one_waits(rig, process).await;
    rig.release(first.lease).await;
    assert_eq!(claim_ids(rig, process).await, [first.job.id]);
}

/// Protects: a key that a dead process had is neither lost nor taken twice.
pub async fn a_crashed_job_keeps_its_key_until_it_has_run(rig: &Rig) {
    let (first, second) = one_runs_and_one_waits(rig, rig.process().await).await;
    assert_eq!(rig.crash_all().await.revived, [first.job.id]);
    let process = rig.process().await;
    assert_eq!(claim_ids(rig, process).await, [], "the suspect has the key");
    let again = rig.claim_alone(process).await.pop().expect("the suspect is claimed alone");
    assert_eq!(again.job.id, first.job.id);
    rig.finish(again.lease, done()).await;
    assert_eq!(claim_ids(rig, process).await, [second]);
}

/// Protects: a job that kills its process holds the others of its key up only until it is known to.
pub async fn a_poisoned_job_gives_its_key_on(rig: &Rig) {
    let (first, second) = one_runs_and_one_waits(rig, rig.process().await).await;
    rig.crash_all().await;
    let mut poisoned = Vec::new();
    while poisoned.is_empty() {
        let process = rig.process().await;
        let again = rig.claim_alone(process).await.pop().expect("the suspect is claimed alone");
        assert_eq!(again.job.id, first.job.id);
        poisoned = rig.crash_all().await.poisoned;
    }
    assert_eq!(poisoned, [first.job.id]);
    assert_eq!(claim_ids(rig, rig.process().await).await, [second]);
}

/// Protects: at three in the morning one sees why a job does not run.
pub async fn who_waits_is_pending_and_tells_for_whom(rig: &Rig) {
    let process = rig.process().await;
    let (first, second) = one_runs_and_one_waits(rig, process).await;
    let (runs, waits) = (rig.job(first.job.id).await, rig.job(second).await);
    assert_eq!((runs.concurrency_key.as_deref(), runs.waits_for), (Some("a"), None));
    assert_eq!((waits.status, waits.concurrency_key.as_deref()), (JobStatus::Pending, Some("a")));
    assert_eq!(waits.waits_for, Some(first.job.id));
    rig.finish(first.lease, done()).await;
    assert_eq!(rig.job(second).await.waits_for, None);
}

/// Protects: an enqueue that is sent again because nobody knows what came of it.
pub async fn the_same_job_sent_twice_does_not_wait_for_itself(rig: &Rig) {
    let job = checked(keyed("a"));
    assert_eq!(
        rig.enqueue(vec![job.clone(), job.clone()]).await,
        [Inserted::Inserted, Inserted::AlreadyThere]
    );
    assert_eq!(rig.enqueue(vec![job.clone()]).await, [Inserted::AlreadyThere]);
    let other = checked(keyed("b").with_id(job.id));
    assert_eq!(rig.enqueue(vec![other]).await, [Inserted::IdTaken]);
    assert_eq!(claim_ids(rig, rig.process().await).await, [job.id]);
}

/// Protects: a batch is no way around the rule, with dedupe keys or without.
pub async fn jobs_of_one_batch_wait_for_each_other(rig: &Rig) {
    let process = rig.process().await;
    let jobs: Vec<_> = (0..40).map(|n| checked(keyed(if n % 2 == 0 { "a" } else { "b" }))).collect();
    let twins = vec![checked(keyed("a").with_dedupe_key("x")), checked(keyed("c").with_dedupe_key("x"))];
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    assert!(rig.enqueue(jobs).await.iter().all(|i| *i == Inserted::Inserted));
    let outcomes = rig.enqueue(twins).await;
    assert!(matches!(outcomes[..], [Inserted::Inserted, Inserted::Duplicate { .. }]));
    assert_eq!(claim_ids(rig, process).await, [ids[0], ids[1]]);
}

/// Protects: what one call sees and another changes at the same time.
pub async fn claims_at_once_never_run_two_of_a_key(rig: &Rig) {
    const JOBS: usize = 60;
    let workers = join_all((0..3).map(|_| rig.process())).await;
    let mut left = JOBS;
    let enqueues = async {
        for _ in 0..JOBS / 4 {
            rig.enqueue((0..4).map(|n| checked(keyed(["a", "b"][n % 2]))).collect()).await;
        }
    };
    let round = async {
        while left > 0 {
            let claimed = join_all(workers.iter().map(|w| rig.claim(*w, 10))).await;
            let claimed: Vec<_> = claimed.into_iter().flatten().collect();
            assert!(claimed.len() <= 2, "{} run of two keys", claimed.len());
            left -= claimed.len();
            join_all(claimed.into_iter().map(|c| rig.finish(c.lease, done()))).await;
        }
    };
    futures_util::future::join(enqueues, round).await;
}

//! Queues and kinds whose jobs take a permit of a budget when they are claimed.

use super::limits::{ask, attach, per_window, set};
use super::rig::{Rig, applied, checked, done, request};
use crate::rate_limit::RateLimit;
use crate::storage::{
    Begun, ClaimBatch, ClaimMode, ClaimWant, FinishResult, LimitReach, Limited, ReleaseParams,
};
use crate::{EnqueueRequest, JobId, JobStatus, ProcessId};
use std::time::Duration;

const QUEUE: &str = super::rig::QUEUE;
const SCOPE: &str = "upstream";

async fn limit_queue(rig: &Rig, limit: RateLimit) {
    rig.ensure(QUEUE, 1).await;
    set(rig, SCOPE, limit).await;
    attach(rig, Limited::Queue(QUEUE.into()), Some(SCOPE)).await.expect("a queue can be attached");
}

async fn limit_kind(rig: &Rig, kind: &str, scope: &str) {
    attach(rig, Limited::Kind(kind.into()), Some(scope)).await.expect("a kind can be attached");
}

async fn claim(rig: &Rig, process: ProcessId, limit: u32) -> ClaimBatch {
    rig.claim_batch(rig.claim_params(process, limit, ClaimMode::Ordinary)).await
}

fn again_in(batch: &ClaimBatch, reach: LimitReach) -> Duration {
    assert_eq!(batch.limited.len(), 1, "{:?}", batch.limited);
    assert_eq!((batch.limited[0].queue.as_str(), batch.limited[0].reach), (QUEUE, reach));
    batch.limited[0].again_in.expect("it is used up")
}

async fn used(rig: &Rig, name: &str) -> u32 {
    let row = rig.storage.rate_limits.limit(&super::limits::scope(name), rig.now()).await;
    row.expect("a limit can be read").expect("it is there").used
}

async fn put_kinds(rig: &Rig, kinds: &[&str]) -> Vec<JobId> {
    let mut ids = Vec::new();
    for kind in kinds {
        ids.push(rig.put(EnqueueRequest::new(*kind, 1).on_queue(QUEUE)).await);
    }
    ids
}

/// Protects: the budget of an upstream, without a worker that waits for it.
pub async fn a_limited_queue_gives_no_more_than_its_budget(rig: &Rig) {
    limit_queue(rig, per_window(3)).await;
    let process = rig.process().await;
    rig.put_many(10).await;
    let first = claim(rig, process, 2).await;
    assert_eq!(first.jobs.len(), 2);
    assert_eq!(first.limited[0].again_in, None, "one is left");
    let second = claim(rig, process, 5).await;
    assert_eq!(second.jobs.len(), 1);
    let wait = again_in(&second, LimitReach::Queue);
    let third = claim(rig, process, 5).await;
    assert!(third.jobs.is_empty());
    assert_eq!(again_in(&third, LimitReach::Queue), wait);
    assert_eq!(ask(rig, SCOPE, 1).await, Some(wait), "handlers ask the same budget");
    rig.advance(wait);
    assert_eq!(claim(rig, process, 5).await.jobs.len(), 3);
}

/// Protects: what has no limit pays nothing and waits for nothing.
pub async fn a_queue_without_a_limit_is_not_held_up(rig: &Rig) {
    limit_queue(rig, per_window(1)).await;
    rig.ensure("other", 1).await;
    let process = rig.process().await;
    rig.put_many(3).await;
    for _ in 0..3 {
        rig.put(EnqueueRequest::new("k", 1).on_queue("other")).await;
    }
    let mut params = rig.claim_params(process, 10, ClaimMode::Ordinary);
    params.wants.push(ClaimWant { queue: "other".into(), limit: 10 });
    let batch = rig.claim_batch(params).await;
    let of = |queue: &str| batch.jobs.iter().filter(|c| c.job.queue == queue).count();
    assert_eq!((of(QUEUE), of("other")), (1, 3));
    again_in(&batch, LimitReach::Queue);
}

/// Protects: one kind that is held up holds up no other one, and the order stays.
pub async fn a_limited_kind_holds_up_no_other_kind(rig: &Rig) {
    set(rig, SCOPE, per_window(2)).await;
    limit_kind(rig, "slow", SCOPE).await;
    let process = rig.process().await;
    let ids = put_kinds(rig, &["slow", "free", "slow", "slow", "free", "slow", "free"]).await;
    let batch = claim(rig, process, 4).await;
    let got: Vec<_> = batch.jobs.iter().map(|c| c.job.id).collect();
    assert_eq!(got, [ids[0], ids[1], ids[2], ids[4]], "in claim order, but for what is held up");
    let wait = again_in(&batch, LimitReach::Kinds);
    let rest = claim(rig, process, 4).await;
    assert_eq!(rest.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), [ids[6]]);
    assert_eq!(again_in(&rest, LimitReach::Kinds), wait);
    rig.advance(wait);
    let late = claim(rig, process, 4).await;
    assert_eq!(late.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), [ids[3], ids[5]]);
}

/// Protects: a process that takes all there is knows that the next jobs are limited too, and claims none of them ahead.
pub async fn a_claim_of_all_jobs_of_a_limited_kind_tells_of_the_limit(rig: &Rig) {
    set(rig, SCOPE, per_window(3)).await;
    limit_kind(rig, "slow", SCOPE).await;
    let process = rig.process().await;
    put_kinds(rig, &["slow", "free"]).await;
    let all = claim(rig, process, 10).await;
    assert_eq!(all.jobs.len(), 2);
    let told: Vec<_> = all.limited.iter().map(|l| (l.queue.as_str(), l.reach, l.again_in)).collect();
    assert_eq!(told, [(QUEUE, LimitReach::Kinds, None)], "two are left");
}

/// Protects: one budget is one, by however many ways it is reached.
pub async fn a_scope_shared_by_kinds_and_queue_is_one_budget(rig: &Rig) {
    set(rig, SCOPE, per_window(3)).await;
    for kind in ["a", "b"] {
        limit_kind(rig, kind, SCOPE).await;
    }
    let process = rig.process().await;
    put_kinds(rig, &["a", "b", "a", "b", "a", "b"]).await;
    assert_eq!(claim(rig, process, 6).await.jobs.len(), 3);
    assert_eq!(used(rig, SCOPE).await, 3);
    rig.advance(Duration::from_secs(11));
    rig.ensure(QUEUE, 1).await;
    attach(rig, Limited::Queue(QUEUE.into()), Some(SCOPE)).await.expect("a queue can be attached");
    assert_eq!(claim(rig, process, 2).await.jobs.len(), 2);
    assert_eq!(used(rig, SCOPE).await, 2, "one permit a job");
}

/// Protects: no kind starves beside another one that takes of the same budget.
pub async fn kinds_that_share_a_budget_are_served_in_claim_order(rig: &Rig) {
    set(rig, SCOPE, per_window(1)).await;
    for kind in ["a", "b", "c"] {
        limit_kind(rig, kind, SCOPE).await;
    }
    let process = rig.process().await;
    let order = ["c", "a", "b", "b", "a", "c"];
    put_kinds(rig, &order).await;
    for kind in order {
        let jobs = claim(rig, process, 6).await.jobs;
        assert_eq!(jobs.into_iter().map(|c| c.job.kind).collect::<Vec<_>>(), [kind]);
        rig.advance(Duration::from_secs(11));
    }
}

/// Protects: an edit takes effect for claims too, however often they come meanwhile.
pub async fn a_window_made_shorter_holds_jobs_up_no_longer(rig: &Rig) {
    limit_queue(rig, RateLimit::new(3, Duration::from_secs(86_400))).await;
    let process = rig.process().await;
    rig.put_many(6).await;
    assert_eq!(claim(rig, process, 6).await.jobs.len(), 3);
    rig.advance(Duration::from_secs(60));
    set(rig, SCOPE, per_window(3)).await;
    for _ in 0..3 {
        assert!(claim(rig, process, 6).await.jobs.is_empty());
        rig.advance(Duration::from_secs(3));
    }
    rig.advance(Duration::from_millis(1_250));
    assert_eq!(claim(rig, process, 6).await.jobs.len(), 3);
}

/// Protects: a job with two limits keeps to both.
pub async fn a_job_of_a_limited_kind_in_a_limited_queue_takes_both_permits(rig: &Rig) {
    limit_queue(rig, per_window(4)).await;
    set(rig, "other", per_window(1)).await;
    limit_kind(rig, "a", "other").await;
    let process = rig.process().await;
    put_kinds(rig, &["a", "a", "b", "b", "b", "b"]).await;
    let kinds: Vec<_> = claim(rig, process, 10).await.jobs.into_iter().map(|c| c.job.kind).collect();
    assert_eq!(kinds, ["a", "b", "b", "b"]);
    assert_eq!((used(rig, SCOPE).await, used(rig, "other").await), (4, 1));
}

/// Protects: a job that is handed back unstarted has cost nothing, however often that is said.
pub async fn a_claim_given_back_unstarted_gives_its_permit_back_once(rig: &Rig) {
    limit_queue(rig, per_window(3)).await;
    let process = rig.process().await;
    rig.put_many(5).await;
    let claimed = claim(rig, process, 3).await.jobs;
    // The window has moved on: what is given back is what was taken.
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.release(claimed[0].lease).await, applied(JobStatus::Pending));
    assert_eq!(rig.release(claimed[0].lease).await, FinishResult::StaleLease);
    assert_eq!(used(rig, SCOPE).await, 2);
    let again = claim(rig, process, 5).await;
    assert_eq!(again.jobs.len(), 1);
    rig.release(claimed[1].lease).await;
    rig.release(claimed[2].lease).await;
    assert_eq!(used(rig, SCOPE).await, 1);
    rig.advance(Duration::from_millis(9_500));
    assert_eq!(used(rig, SCOPE).await, 1, "the last one was taken a second later");
    rig.advance(Duration::from_secs(1));
    rig.release(again.jobs[0].lease).await;
    assert_eq!(
        claim(rig, process, 5).await.jobs.len(),
        3,
        "what has left the window is given back to nobody"
    );
}

/// Protects: a permit that may have been used stays used.
pub async fn what_has_begun_keeps_its_permit(rig: &Rig) {
    limit_queue(rig, per_window(4)).await;
    let process = rig.process().await;
    rig.put_many(8).await;
    let claimed = claim(rig, process, 3).await.jobs;
    let leases = vec![claimed[0].lease];
    let params = ReleaseParams { leases, begun: Begun::Perhaps, now: rig.now() };
    rig.storage.jobs.release(params).await.expect("a release succeeds");
    rig.finish(claimed[1].lease, done()).await;
    rig.finish(claimed[2].lease, super::rig::retry(Duration::ZERO)).await;
    assert_eq!(claim(rig, process, 5).await.jobs.len(), 1);
    assert_eq!(rig.deregister(process).await, 1);
    let another = rig.process().await;
    assert!(claim(rig, another, 5).await.jobs.is_empty(), "it may have begun");
}

/// Protects: a process that died may have used what it claimed; and its suspects keep to the budget too.
pub async fn a_crash_gives_no_permit_back_and_suspects_take_theirs(rig: &Rig) {
    limit_queue(rig, RateLimit::new(2, Duration::from_secs(3_600))).await;
    let process = rig.process().await;
    rig.put_many(2).await;
    assert_eq!(claim(rig, process, 1).await.jobs.len(), 1);
    assert_eq!(rig.crash_all().await.revived.len(), 1);
    assert_eq!(used(rig, SCOPE).await, 1);
    let another = rig.process().await;
    assert_eq!(rig.claim_alone(another).await.len(), 1);
    assert_eq!(used(rig, SCOPE).await, 2);
    assert!(claim(rig, another, 1).await.jobs.is_empty());
    rig.crash_all().await;
    let third = rig.process().await;
    let params = rig.claim_params(third, 1, ClaimMode::Alone);
    let batch = rig.claim_batch(params).await;
    assert!(batch.jobs.is_empty(), "the budget is used up for suspects too");
    again_in(&batch, LimitReach::Queue);
}

/// Protects: a queue that is let go is let go at once.
pub async fn a_detached_queue_has_no_limit_at_once(rig: &Rig) {
    limit_queue(rig, per_window(1)).await;
    let process = rig.process().await;
    rig.put_many(4).await;
    let limited = claim(rig, process, 2).await.jobs;
    assert_eq!(limited.len(), 1);
    attach(rig, Limited::Queue(QUEUE.into()), None).await.expect("a queue can be detached");
    let batch = claim(rig, process, 2).await;
    assert_eq!((batch.jobs.len(), batch.limited.len()), (2, 0));
    // What was taken before is still tied to its claim.
    rig.release(limited[0].lease).await;
    rig.release(batch.jobs[0].lease).await;
    assert_eq!(used(rig, SCOPE).await, 0);
}

/// Protects: a drain reaches what is claimed too.
pub async fn a_drained_budget_gives_no_jobs(rig: &Rig) {
    limit_queue(rig, per_window(9).smooth()).await;
    let process = rig.process().await;
    rig.put_many(4).await;
    assert_eq!(claim(rig, process, 4).await.jobs.len(), 1, "one at a time");
    let wait = Duration::from_secs(60);
    let drain =
        crate::storage::DrainParams { scope: super::limits::scope(SCOPE), wait, actor: None, now: rig.now() };
    rig.storage.rate_limits.drain(drain).await.expect("a scope can be drained");
    assert_eq!(again_in(&claim(rig, process, 4).await, LimitReach::Queue), wait);
    rig.advance(wait);
    assert_eq!(claim(rig, process, 4).await.jobs.len(), 1);
}

/// Protects: claims of several processes at once take no permit twice, in whatever order they ask for their queues.
pub async fn claims_at_once_take_no_more_than_the_budget(rig: &Rig) {
    limit_queue(rig, per_window(20)).await;
    rig.ensure("other", 1).await;
    set(rig, "another", per_window(7)).await;
    attach(rig, Limited::Queue("other".into()), Some("another")).await.expect("a queue can be attached");
    let more: Vec<_> = (0..60).map(|_| checked(request().on_queue("other"))).collect();
    rig.put_many(60).await;
    rig.enqueue(more).await;
    let mut calls = Vec::new();
    for i in 0..12 {
        let process = rig.process().await;
        let mut params = rig.claim_params(process, 5, ClaimMode::Ordinary);
        params.wants.push(ClaimWant { queue: "other".into(), limit: 5 });
        if i % 2 == 0 {
            params.wants.reverse();
        }
        let storage = rig.storage.clone();
        calls.push(tokio::spawn(async move { storage.jobs.claim(params).await.expect("a claim succeeds") }));
    }
    let mut got = [0, 0];
    for batch in futures_util::future::join_all(calls).await {
        for claimed in batch.expect("no claim panics").jobs {
            got[usize::from(claimed.job.queue == "other")] += 1;
        }
    }
    assert_eq!(got, [20, 7]);
    assert_eq!((used(rig, SCOPE).await, used(rig, "another").await), (20, 7));
}

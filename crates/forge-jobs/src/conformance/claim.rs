//! Claiming: atomic, in order, only what may run here and now.

use super::rig::{QUEUE, Rig, checked, done, request, secs};
use crate::limits::MAX_CLAIM_BATCH;
use crate::storage::{ClaimMode, ClaimParams, ClaimWant, KindFilter, QueueSettingsPatch, StorageError};
use crate::{EnqueueRequest, JobId, JobStatus, ProcessId};
use std::collections::HashSet;
use std::sync::Arc;

fn only(kinds: &[&str]) -> KindFilter {
    KindFilter::Only(Arc::new(kinds.iter().map(|k| (*k).to_owned()).collect::<HashSet<_>>()))
}

/// Protects: what a handler is given.
pub async fn a_claim_takes_due_jobs_and_shows_their_data(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_tag("t").with_priority(4).with_max_attempts(9)).await;
    let created = rig.at();
    rig.advance(secs(3));
    let claimed = rig.claim_one(process).await;
    let job = &claimed.job;
    assert_eq!((job.id, job.kind.as_str(), job.queue.as_str(), job.payload.as_str()), (id, "k", QUEUE, "1"));
    assert_eq!((job.attempt, job.max_attempts, job.priority, job.throttles), (1, 9, 4, 0));
    assert_eq!((job.created_at, job.due_at, job.suspicions), (created, created, 0));
    assert_eq!(job.tags, ["t"]);
    assert_eq!((claimed.lease.job, claimed.lease.process), (id, process));
    let seen = rig.job(id).await;
    assert_eq!((seen.status, seen.process, seen.started_at), (JobStatus::Running, Some(process), rig.now()));
    assert_eq!((seen.attempt, seen.claim_no), (1, claimed.lease.claim_no));
}

/// Protects: the order that the documents promise.
pub async fn claims_come_by_priority_then_due_time_then_id(rig: &Rig) {
    let process = rig.process().await;
    let mut ids: Vec<_> = (0..4).map(|_| JobId::new()).collect();
    ids.sort_unstable();
    // Of one priority and time, sent out of the order of their ids.
    let same = [2, 0, 3, 1].map(|n| checked(request().with_id(ids[n]).with_priority(1)));
    rig.enqueue(same.to_vec()).await;
    rig.advance(secs(1));
    let later = rig.put(request().with_priority(1)).await;
    let urgent = rig.put(request().with_priority(i16::MIN)).await;
    let idle = rig.put(request().with_priority(i16::MAX)).await;
    let got: Vec<_> = rig.claim(process, 10).await.iter().map(|c| c.job.id).collect();
    assert_eq!(got, [urgent, ids[0], ids[1], ids[2], ids[3], later, idle]);
}

/// Protects: no kind goes before another.
pub async fn kinds_do_not_matter_to_the_order(rig: &Rig) {
    let process = rig.process().await;
    let mut sent = Vec::new();
    for n in 0..30 {
        sent.push(rig.put(EnqueueRequest::new(format!("kind{}", n * 7 % 5), n)).await);
        rig.advance(secs(1));
    }
    let mut got = Vec::new();
    for limit in [1, 2, 7, 20] {
        got.extend(rig.claim(process, limit).await.iter().map(|c| c.job.id));
    }
    assert_eq!(got, sent);
}

/// Protects: no process holds more than it can run.
pub async fn a_claim_takes_no_more_than_was_wanted(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(5).await;
    assert_eq!(rig.claim(process, 0).await.len(), 0);
    assert_eq!(rig.claim(process, 2).await.len(), 2);
    assert_eq!(rig.claim(process, 9).await.len(), 3);
}

/// Protects: no job runs twice under a valid lease.
pub async fn a_claimed_job_is_not_claimed_again(rig: &Rig) {
    let (one, other) = (rig.process().await, rig.process().await);
    rig.put_many(3).await;
    assert_eq!(rig.claim(one, 10).await.len(), 3);
    assert_eq!(rig.claim(one, 10).await.len(), 0);
    assert_eq!(rig.claim(other, 10).await.len(), 0);
    assert_eq!(rig.claim_alone(other).await.len(), 0);
}

/// Protects: fencing stands on it.
pub async fn claim_numbers_only_grow(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    let mut last = 0;
    for _ in 0..5 {
        let claimed = rig.claim_one(process).await;
        assert!(claimed.lease.claim_no > last);
        last = claimed.lease.claim_no;
        rig.release(claimed.lease).await;
        assert_eq!(rig.job(id).await.claim_no, last, "a job remembers its last claim");
    }
}

/// Protects: one round trip serves a process.
pub async fn a_claim_serves_several_queues_at_once(rig: &Rig) {
    let process = rig.process().await;
    for queue in ["a", "a", "a", "b", "b", "c"] {
        rig.put(request().on_queue(queue)).await;
    }
    let want = |queue: &str, limit| ClaimWant { queue: queue.into(), limit };
    let wants = vec![want("a", 2), want("b", 5), want("nothing", 5), want("c", 1)];
    let mode = ClaimMode::Ordinary;
    let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: rig.now() };
    let got = rig.claim_batch(params).await.jobs;
    let queues: Vec<_> = got.iter().map(|c| c.job.queue.as_str()).collect();
    assert_eq!(queues, ["a", "a", "b", "b", "c"]);
}

/// Protects: a process runs what it was told to run.
pub async fn a_queue_not_wanted_is_left_alone(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().on_queue("other")).await;
    assert_eq!(rig.claim(process, 10).await.len(), 0);
    assert_eq!(rig.status(id).await, JobStatus::Pending);
}

/// Protects: asking creates nothing.
pub async fn an_unknown_queue_gives_nothing(rig: &Rig) {
    let process = rig.process().await;
    rig.put(request().on_queue("other")).await;
    assert_eq!(rig.claim(process, 10).await.len(), 0);
    assert_eq!(rig.storage.queues.get(QUEUE).await.expect("a queue can be read"), None);
}

/// Protects: a scheduled job never starts early, whatever the claimer's time.
pub async fn scheduled_jobs_are_not_claimed(rig: &Rig) {
    let process = rig.process().await;
    rig.put(request().with_delay(secs(10))).await;
    assert_eq!(rig.claim(process, 10).await.len(), 0);
}

/// Protects: a rolling deploy; nobody gets a kind that it cannot run.
pub async fn only_the_kinds_asked_for_are_claimed(rig: &Rig) {
    let process = rig.process().await;
    let mine = rig.put(EnqueueRequest::new("mine", 1)).await;
    let foreign = rig.put(EnqueueRequest::new("foreign", 1)).await;
    let mut params = rig.claim_params(process, 10, ClaimMode::Ordinary);
    params.kinds = only(&["mine", "unheard.of"]);
    let got = rig.claim_batch(params).await.jobs;
    assert_eq!(got.iter().map(|c| c.job.id).collect::<Vec<_>>(), [mine]);
    let job = rig.job(foreign).await;
    assert_eq!((job.status, job.attempt, job.claim_no), (JobStatus::Pending, 0, 0));
    let mut params = rig.claim_params(process, 10, ClaimMode::Ordinary);
    params.kinds = only(&[]);
    assert_eq!(rig.claim_batch(params).await.jobs, []);
}

/// Protects: one team's backlog does not stop another's work.
pub async fn foreign_kinds_in_front_hold_nothing_up(rig: &Rig) {
    let process = rig.process().await;
    let foreign: Vec<_> =
        (0..500).map(|n| checked(EnqueueRequest::new(format!("f{}", n % 9), n).with_priority(-1))).collect();
    rig.enqueue(foreign).await;
    let mine = rig.put(EnqueueRequest::new("mine", 1)).await;
    let mut params = rig.claim_params(process, 1, ClaimMode::Ordinary);
    params.kinds = only(&["mine"]);
    assert_eq!(rig.claim_batch(params).await.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), [mine]);
}

/// Protects: pause means pause.
pub async fn a_paused_queue_gives_nothing_and_a_resumed_one_everything(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(3).await;
    rig.put(request().on_queue("other")).await;
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    assert_eq!(rig.claim(process, 10).await, []);
    let wants = [QUEUE, "other"].map(|q| ClaimWant { queue: q.into(), limit: 10 }).to_vec();
    let mode = ClaimMode::Ordinary;
    let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: rig.now() };
    assert_eq!(rig.claim_batch(params).await.jobs.len(), 1, "the other queue goes on");
    rig.edit(QUEUE, QueueSettingsPatch::paused(false)).await;
    assert_eq!(rig.claim(process, 10).await.len(), 3);
}

async fn refused(rig: &Rig, process: ProcessId) {
    let id = rig.put(request()).await;
    let result = rig.storage.jobs.claim(rig.claim_params(process, 1, ClaimMode::Ordinary)).await;
    assert!(matches!(result, Err(StorageError::NotFound { .. })), "{result:?}");
    assert_eq!(rig.status(id).await, JobStatus::Pending);
}

/// Protects: every claim has somebody to answer for it.
pub async fn a_process_that_never_registered_gets_nothing(rig: &Rig) {
    refused(rig, ProcessId::new()).await;
}

/// Protects: a process that was taken for dead takes nothing on.
pub async fn a_process_whose_registration_ended_gets_nothing(rig: &Rig) {
    let left = rig.process().await;
    rig.deregister(left).await;
    refused(rig, left).await;
    let reaped = rig.process().await;
    rig.crash_all().await;
    refused(rig, reaped).await;
}

/// Protects: only attempts that started are charged.
pub async fn a_claim_charges_no_attempt(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request().with_max_attempts(1)).await;
    for _ in 0..5 {
        let claimed = rig.claim_one(process).await;
        assert_eq!(claimed.job.attempt, 1);
        rig.release(claimed.lease).await;
    }
    assert_eq!(rig.job(id).await.attempt, 0);
}

/// Protects: callers need no special case.
pub async fn an_empty_claim_is_fine(rig: &Rig) {
    let process = rig.process().await;
    rig.put(request()).await;
    let mut params = rig.claim_params(process, 1, ClaimMode::Ordinary);
    params.wants.clear();
    assert_eq!(rig.claim_batch(params).await.jobs, []);
}

/// Protects: one claim cannot hold everybody up.
pub async fn a_claim_is_bounded(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(MAX_CLAIM_BATCH as usize + 5).await;
    assert_eq!(rig.claim(process, u32::MAX).await.len(), MAX_CLAIM_BATCH as usize);
    assert_eq!(rig.claim(process, u32::MAX).await.len(), 5);
}

fn bound(of: impl Into<Option<u32>>) -> QueueSettingsPatch {
    QueueSettingsPatch::default().with_max_running(of.into())
}

/// Protects: a bound on what all processes together run.
pub async fn a_queue_runs_no_more_than_its_bound_in_all_processes(rig: &Rig) {
    let (a, b) = (rig.process().await, rig.process().await);
    rig.ensure(QUEUE, 10).await;
    rig.edit(QUEUE, bound(3)).await;
    rig.put_many(10).await;
    rig.put(request().on_queue("other")).await;
    let first = rig.claim(a, 2).await;
    assert_eq!((first.len(), rig.claim(b, 5).await.len(), rig.claim(a, 5).await.len()), (2, 1, 0));
    let mut params = rig.claim_params(b, 5, ClaimMode::Ordinary);
    params.wants.push(ClaimWant { queue: "other".into(), limit: 5 });
    let others = rig.claim_batch(params).await.jobs;
    assert_eq!(others.len(), 1, "other queues are not held up");
    rig.finish(first[0].lease, done()).await;
    assert_eq!(rig.claim(b, 5).await.len(), 1, "a finish makes room");
    rig.release(first[1].lease).await;
    assert_eq!(rig.claim(b, 5).await.len(), 1, "so does a release");
    rig.crash_all().await;
    let c = rig.process().await;
    assert_eq!(rig.claim(c, 5).await.len(), 3, "and so does a death");
}

/// Protects: a bound is set and lifted live.
pub async fn a_bound_counts_what_runs_already_and_is_lifted_at_once(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(10).await;
    let running = rig.claim(process, 4).await;
    rig.edit(QUEUE, bound(5)).await;
    assert_eq!(rig.claim(process, 10).await.len(), 1);
    rig.edit(QUEUE, bound(2)).await;
    for claimed in &running[..3] {
        assert!(rig.finish(claimed.lease, done()).await.is_applied(), "what runs goes on");
        assert!(rig.claim(process, 10).await.is_empty(), "there is no room yet");
    }
    rig.edit(QUEUE, bound(None)).await;
    assert_eq!(rig.claim(process, 10).await.len(), 5);
    rig.edit(QUEUE, bound(7)).await;
    rig.put_many(3).await;
    assert!(rig.claim(process, 10).await.is_empty(), "seven run, bound or not");
}

/// Protects: no way around the bound.
pub async fn suspects_count_against_the_bound(rig: &Rig) {
    let process = rig.process().await;
    rig.running(process).await;
    rig.crash_all().await;
    rig.put_many(2).await;
    rig.edit(QUEUE, bound(1)).await;
    let (a, b) = (rig.process().await, rig.process().await);
    let ordinary = rig.claim(a, 5).await;
    assert_eq!(ordinary.len(), 1);
    assert!(rig.claim_alone(b).await.is_empty(), "the place is taken");
    rig.finish(ordinary[0].lease, done()).await;
    assert_eq!(rig.claim_alone(b).await.len(), 1);
    assert!(rig.claim(a, 5).await.is_empty());
}

//! Why a job is not running: each answer, and that none of them is wrong.

use super::limits::{attach, per_window, scope, set};
use super::rig::{QUEUE, Rig, STALE, dead, done, request, retry, secs, throttle};
use crate::storage::{
    ClaimMode, ClaimWant, DrainParams, KindFilter, Limited, QueueSettingsPatch, RegisterParams, RollParams,
};
use crate::why::{NotDueCause, Reason, Why, why};
use crate::{DeadReason, EnqueueRequest, JobId, JobStatus, ProcessId};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = secs(60);
/// Steps of a random walk.
const WALK: i32 = 150;

async fn asked(rig: &Rig, id: JobId) -> Why {
    why(&rig.storage, id, rig.now()).await.expect("it can be read").expect("there is such a job")
}

async fn reasons(rig: &Rig, id: JobId) -> Vec<Reason> {
    asked(rig, id).await.reasons
}

fn names(reasons: &[Reason]) -> Vec<&'static str> {
    reasons.iter().map(Reason::name).collect()
}

/// A process that is alive but cannot run the job.
async fn other_process(rig: &Rig, kinds: &[&str], queues: &[&str]) {
    let list = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
    let params = RegisterParams {
        process: ProcessId::new(),
        host: "host".into(),
        pid: 8,
        version: "1".into(),
        kinds: list(kinds),
        queues: list(queues),
        heartbeat_interval: secs(10),
        stale_after: STALE,
        now: rig.now(),
    };
    rig.storage.processes.register(params).await.expect("a new process registers");
}

/// Protects: the end is told, with its cause.
pub async fn a_finished_job_says_how_it_ended(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, done()).await;
    let reason = Reason::Finished { status: JobStatus::Done, reason: None, at: Some(rig.at()), error: None };
    assert_eq!(reasons(rig, claimed.job.id).await, [reason]);
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, dead("no such user")).await;
    let reason = Reason::Finished {
        status: JobStatus::Dead,
        reason: Some(DeadReason::Discarded),
        at: Some(rig.at()),
        error: Some("no such user".into()),
    };
    assert_eq!(reasons(rig, claimed.job.id).await, [reason]);
}

/// Protects: nobody looks for what keeps a job that runs.
pub async fn a_running_job_says_where(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let since = Some(rig.at());
    let reason = |cancel_requested_at| Reason::Running { process: Some(process), since, cancel_requested_at };
    assert_eq!(reasons(rig, claimed.job.id).await, [reason(None)]);
    rig.advance(secs(1));
    rig.storage.jobs.cancel(rig.verb([claimed.job.id])).await.expect("a cancel succeeds");
    assert_eq!(reasons(rig, claimed.job.id).await, [reason(Some(rig.at()))]);
}

/// Protects: a job whose process died is no running one.
pub async fn a_job_of_a_silent_process_says_when_it_is_revived(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let (beat_at, id) = (rig.at(), claimed.job.id);
    rig.advance(STALE + secs(1));
    let revived_at = beat_at.saturating_add(STALE);
    let gone = Reason::HolderGone { process: Some(process), beat_at: Some(beat_at), revived_at };
    let said = reasons(rig, id).await;
    assert_eq!((said[0].clone(), names(&said)), (gone.clone(), vec!["holder_gone", "no_process"]));
    rig.process().await;
    assert_eq!(reasons(rig, id).await, [gone]);
}

/// Protects: a time comes with its cause.
pub async fn a_job_that_is_not_due_says_when_and_why(rig: &Rig) {
    let process = rig.process().await;
    let not_due = |cause, until| [Reason::NotDue { until, cause }];
    let id = rig.put(request().with_delay(MINUTE)).await;
    let until = rig.at().saturating_add(MINUTE);
    assert_eq!(reasons(rig, id).await, not_due(NotDueCause::Asked, until));
    let id = rig.put(request().with_max_attempts(5)).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, retry(MINUTE)).await;
    let cause = NotDueCause::Backoff { attempt: 1, max_attempts: 5 };
    assert_eq!(reasons(rig, id).await, not_due(cause, until));
    let id = rig.put(request()).await;
    for times in [1, 2] {
        let claimed = rig.claim_one(process).await;
        assert_eq!(claimed.job.id, id);
        rig.finish(claimed.lease, throttle(secs(5))).await;
        let until = rig.at().saturating_add(secs(5));
        assert_eq!(reasons(rig, id).await, not_due(NotDueCause::Throttled { times }, until));
        rig.advance(secs(5));
        rig.promote().await;
    }
}

/// Protects: between due and pending is a moment, and it may last while nobody looks.
pub async fn a_job_that_is_due_waits_to_be_made_pending(rig: &Rig) {
    rig.process().await;
    let id = rig.put(request().with_delay(secs(5))).await;
    let since = rig.at().saturating_add(secs(5));
    rig.advance(secs(5));
    assert_eq!(reasons(rig, id).await, [Reason::NotPromoted { since }]);
    rig.promote().await;
    assert_eq!(names(&reasons(rig, id).await), ["in_line"]);
}

/// Protects: the simplest cause, and the one that is forgotten.
pub async fn a_paused_queue_is_named(rig: &Rig) {
    rig.process().await;
    let id = rig.put(request()).await;
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    let said = asked(rig, id).await;
    assert_eq!(said.reasons, [Reason::QueuePaused { queue: QUEUE.into(), by: None, since: Some(rig.at()) }]);
    assert!(!said.is_claimable());
    rig.edit(QUEUE, QueueSettingsPatch::paused(false)).await;
    assert!(asked(rig, id).await.is_claimable());
}

/// Protects: no process, none on the queue, none for the kind are three things to do.
pub async fn a_job_that_nobody_can_run_says_what_is_missing(rig: &Rig) {
    let id = rig.put(request()).await;
    let nobody =
        |alive, on_queue| [Reason::NoProcess { queue: QUEUE.into(), kind: "k".into(), alive, on_queue }];
    assert_eq!(reasons(rig, id).await, nobody(0, 0));
    other_process(rig, &["k"], &["elsewhere"]).await;
    assert_eq!(reasons(rig, id).await, nobody(1, 0));
    other_process(rig, &["j"], &[QUEUE]).await;
    assert_eq!(reasons(rig, id).await, nobody(2, 1));
    rig.process().await;
    assert_eq!(names(&reasons(rig, id).await), ["in_line"]);
    // What stays silent counts as none.
    rig.advance(STALE + secs(1));
    assert_eq!(reasons(rig, id).await, nobody(0, 0));
}

/// Protects: who has the key is one click away.
pub async fn the_job_that_has_the_key_is_named(rig: &Rig) {
    rig.process().await;
    let keyed = || request().with_concurrency_key("tenant 7");
    let first = rig.put(keyed()).await;
    let second = rig.put(keyed()).await;
    assert_eq!(reasons(rig, second).await, [Reason::KeyHeld { key: "tenant 7".into(), by: first }]);
    rig.storage.jobs.cancel(rig.verb([first])).await.expect("a cancel succeeds");
    assert!(asked(rig, second).await.is_claimable());
}

/// Protects: a limit says which, and until when.
pub async fn a_budget_that_is_used_up_or_drained_is_named(rig: &Rig) {
    let process = rig.process().await;
    rig.ensure(QUEUE, 10).await;
    set(rig, "upstream", per_window(1)).await;
    attach(rig, Limited::Queue(QUEUE.into()), Some("upstream")).await.expect("a queue can be attached");
    rig.put(request()).await;
    let id = rig.put(request()).await;
    assert!(asked(rig, id).await.is_claimable());
    rig.claim_one(process).await;
    let said = asked(rig, id).await;
    let Some(Reason::BudgetUsedUp {
        what, scope: named, used: 1, permits: 1, next_at: Some(next_at), ..
    }) = said.reasons.first()
    else {
        panic!("{:?}", said.reasons)
    };
    assert_eq!((what, named.as_str()), (&Limited::Queue(QUEUE.into()), "upstream"));
    rig.advance(next_at.saturating_since(rig.at()));
    assert!(asked(rig, id).await.is_claimable(), "it is true when it says so");
    let params = DrainParams { scope: scope("upstream"), wait: MINUTE, actor: None, now: rig.now() };
    let until = rig.storage.rate_limits.drain(params).await.expect("a scope can be drained");
    let what = Limited::Queue(QUEUE.into());
    assert_eq!(reasons(rig, id).await, [Reason::BudgetDrained { what, scope: "upstream".into(), until }]);
}

/// Protects: the cluster's bound is none of this process's workers.
pub async fn a_bound_that_is_reached_is_named(rig: &Rig) {
    let process = rig.process().await;
    rig.ensure(QUEUE, 10).await;
    rig.edit(QUEUE, QueueSettingsPatch::default().with_max_running(Some(1))).await;
    rig.running(process).await;
    let id = rig.put(request()).await;
    let full = Reason::QueueFull { queue: QUEUE.into(), running: 1, max_running: 1 };
    assert_eq!(reasons(rig, id).await, [full]);
}

/// Protects: a queue that has too few workers says so.
pub async fn workers_that_are_all_busy_are_told_of(rig: &Rig) {
    let process = rig.process().await;
    rig.ensure(QUEUE, 1).await;
    let claimed = rig.running(process).await;
    let id = rig.put(request()).await;
    let busy = Reason::AllBusy { queue: QUEUE.into(), processes: 1, workers: 1 };
    let said = asked(rig, id).await;
    assert_eq!((said.reasons[0].clone(), names(&said.reasons)), (busy, vec!["all_busy", "in_line"]));
    assert!(said.is_claimable(), "a free worker would take it");
    rig.finish(claimed.lease, done()).await;
    assert_eq!(names(&reasons(rig, id).await), ["in_line"]);
}

/// Protects: a job that waits to be alone is not stuck.
pub async fn a_suspect_runs_alone(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(request()).await;
    rig.claim_one(process).await;
    assert_eq!(rig.crash_all().await.revived, [id]);
    let process = rig.process().await;
    assert_eq!(names(&reasons(rig, id).await), ["runs_alone", "in_line"]);
    assert!(rig.claim(process, 10).await.is_empty());
    assert_eq!(rig.claim_alone(process).await.len(), 1);
}

/// Protects: the place in line is that of the claim.
pub async fn a_job_in_line_knows_its_place(rig: &Rig) {
    let process = rig.process().await;
    let ids = rig.put_many(3).await;
    let urgent = rig.put(request().with_priority(-1)).await;
    // Of a kind that nobody runs: it is in nobody's way.
    rig.put(EnqueueRequest::new("j", 1).with_priority(-9)).await;
    let place = async |id| match reasons(rig, id).await[..] {
        [Reason::InLine { ahead, of, .. }] => (ahead.count, of.count),
        ref other => panic!("{other:?}"),
    };
    for (n, id) in std::iter::once(&urgent).chain(&ids).enumerate() {
        assert_eq!(place(*id).await, (n as u64, 4));
    }
    let kinds = KindFilter::Only(Arc::new(["k".to_owned()].into()));
    let params = crate::storage::ClaimParams { kinds, ..rig.claim_params(process, 2, ClaimMode::Ordinary) };
    let claimed = rig.claim_batch(params).await.jobs;
    assert_eq!(claimed.iter().map(|c| c.job.id).collect::<Vec<_>>(), [urgent, ids[0]]);
    assert_eq!(place(ids[1]).await, (0, 2));
}

/// Protects: whoever waits learns for how long.
pub async fn a_job_in_line_is_told_how_long_that_takes(rig: &Rig) {
    let process = rig.process().await;
    let takes = async |id| match reasons(rig, id).await[..] {
        [Reason::InLine { takes, .. }] => takes,
        ref other => panic!("{other:?}"),
    };
    let roll = async || {
        let params = RollParams { oldest: Vec::new(), now: rig.now() };
        rig.storage.metrics.roll(params).await.expect("a roll succeeds")
    };
    let ids = rig.put_many(30).await;
    roll().await;
    assert_eq!(takes(ids[29]).await, None, "nothing was started yet");
    // Ten jobs in a hundred seconds.
    let start = rig.at();
    for _ in 0..10 {
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, done()).await;
        rig.advance(Duration::from_secs(10));
        rig.heartbeat(process).await;
    }
    roll().await;
    assert_eq!(rig.at().saturating_since(start), Duration::from_secs(100));
    let told = takes(ids[29]).await.expect("there is a rate");
    // The first minute counts in full, wherever in it the first job was started.
    let (least, most) = (Duration::from_secs(190), Duration::from_secs(305));
    assert!(told >= least && told <= most, "19 jobs at 10 in 100 to 160 s, told {told:?}");
    assert_eq!(takes(ids[10]).await, Some(Duration::ZERO));
    rig.advance(Duration::from_secs(600));
    rig.heartbeat(process).await;
    assert_eq!(takes(ids[29]).await, None, "that was long ago");
}

/// Protects: a slip is no answer.
pub async fn an_unknown_job_has_no_answer(rig: &Rig) {
    assert!(why(&rig.storage, JobId::new(), rig.now()).await.expect("it can be read").is_none());
}

/// Protects: who mends the first thing that is said comes closer, whatever else there is.
pub async fn reasons_come_in_the_order_in_which_they_are_dealt_with(rig: &Rig) {
    rig.ensure(QUEUE, 1).await;
    set(rig, "upstream", per_window(1)).await;
    attach(rig, Limited::Kind("k".into()), Some("upstream")).await.expect("a kind can be attached");
    let params = DrainParams { scope: scope("upstream"), wait: MINUTE, actor: None, now: rig.now() };
    rig.storage.rate_limits.drain(params).await.expect("a scope can be drained");
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    let first = rig.put(request().with_concurrency_key("key")).await;
    let second = rig.put(request().with_concurrency_key("key")).await;
    let later = rig.put(request().with_delay(secs(5))).await;
    assert_eq!(names(&reasons(rig, first).await), ["queue_paused", "no_process", "budget_drained"]);
    assert_eq!(
        names(&reasons(rig, second).await),
        ["queue_paused", "no_process", "key_held", "budget_drained"]
    );
    assert_eq!(
        names(&reasons(rig, later).await),
        ["not_due", "queue_paused", "no_process", "budget_drained"]
    );
    for reason in reasons(rig, second).await {
        assert!(!reason.to_string().is_empty());
    }
}

/// Protects: no answer is ever wrong. A random walk of states; at each step the next claim takes the first job of those
/// that are called claimable, and none if none is.
pub async fn what_is_said_agrees_with_the_claim(rig: &Rig) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut process = rig.process().await;
    rig.ensure(QUEUE, 4).await;
    set(rig, "upstream", per_window(2)).await;
    let mut ids: Vec<JobId> = Vec::new();
    let mut running = Vec::new();
    for step in 0..WALK {
        match random.u8(0..13) {
            0..4 => {
                let mut new = EnqueueRequest::new(["k", "k", "j"][random.usize(0..3)], step)
                    .with_priority(random.i16(-1..=1));
                if random.bool() {
                    new = new.with_concurrency_key(["a", "b"][random.usize(0..2)]);
                }
                if random.u8(0..4) == 0 {
                    new = new.with_delay(secs(random.u64(1..20)));
                }
                ids.push(rig.put(new).await);
            }
            4 => rig.edit(QUEUE, QueueSettingsPatch::paused(random.bool())).await,
            5 => {
                let bound = random.bool().then(|| random.u32(1..3));
                // One that is set while jobs run counts those only that were claimed since.
                if running.is_empty() {
                    rig.edit(QUEUE, QueueSettingsPatch::default().with_max_running(bound)).await;
                }
            }
            6 => {
                let to = random.bool().then_some("upstream");
                attach(rig, Limited::Kind("k".into()), to).await.expect("a kind can be attached");
            }
            7 => rig.advance(secs(random.u64(1..8))),
            8 => {
                rig.promote().await;
            }
            9 if !ids.is_empty() => {
                let id = ids[random.usize(0..ids.len())];
                rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
            }
            10 if random.u8(0..4) == 0 => {
                rig.crash_all().await;
                process = rig.process().await;
                running.clear();
            }
            _ if !running.is_empty() => {
                let lease = running.swap_remove(random.usize(0..running.len()));
                let how = [done(), retry(secs(3)), retry(Duration::ZERO), throttle(secs(2)), dead("no")];
                rig.finish(lease, how[random.usize(0..how.len())].clone()).await;
            }
            _ => {}
        }
        rig.heartbeat(process).await;
        running.extend(claims_what_is_said(rig, process, &mut ids, step).await);
    }
}

/// Claims one job, and checks it against what is said of all of them.
async fn claims_what_is_said(
    rig: &Rig,
    process: ProcessId,
    ids: &mut Vec<JobId>,
    step: i32,
) -> Option<crate::storage::Lease> {
    let (mut claimable, mut unfinished) = (Vec::new(), Vec::new());
    for id in ids.drain(..) {
        let said = asked(rig, id).await;
        if said.is_claimable() && !said.job.suspect {
            claimable.push((said.job.priority, said.job.due_at, id));
        }
        if !said.job.status.is_finished() {
            unfinished.push(id);
        }
    }
    *ids = unfinished;
    let mut params = rig.claim_params(process, 1, ClaimMode::Ordinary);
    params.kinds = KindFilter::Only(Arc::new(["k".to_owned()].into()));
    params.wants = vec![ClaimWant { queue: QUEUE.into(), limit: 1 }];
    let claimed = rig.claim_batch(params).await.jobs.pop();
    let expected = claimable.into_iter().min().map(|(.., id)| id);
    assert_eq!(claimed.as_ref().map(|c| c.job.id), expected, "at step {step}");
    claimed.map(|c| c.lease)
}

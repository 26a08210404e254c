//! Times to the microsecond, values at their extremes, and lists in their promised order.

use super::rig::{QUEUE, Rig, checked, dead, done, request, retry, secs};
use crate::limits::COUNT_CAP;
use crate::storage::{
    BoundedCount, Changes, Finish, FinishParams, Inserted, JobFilter, ListParams, PromoteParams,
    QueueSettingsPatch, Retention, SweepReport,
};
use crate::{DeadReason, JobId, JobStatus, Payload, Timestamp, Timing};
use std::time::Duration;

const MICROSECOND: Duration = Duration::from_micros(1);

/// Protects: no job runs before its time, nor a tick after it.
pub async fn a_job_is_due_to_the_microsecond(rig: &Rig) {
    let id = rig.put(request().with_delay(secs(5))).await;
    rig.advance(secs(5).saturating_sub(MICROSECOND));
    assert_eq!((rig.promote().await.count, rig.promote().await.next_due_in), (0, Some(MICROSECOND)));
    rig.advance(MICROSECOND);
    assert_eq!(rig.promote().await.count, 1);
    assert_eq!(rig.status(id).await, JobStatus::Pending);
}

/// Protects: of many that have become due at once, none waits longer than those that came later.
pub async fn a_bounded_promotion_takes_the_longest_due_first(rig: &Rig) {
    let mut ids = Vec::new();
    for delay in [3, 1, 2] {
        ids.push((delay, rig.put(request().with_delay(secs(delay))).await));
    }
    ids.sort_unstable();
    rig.advance(secs(60));
    for (n, (_, id)) in ids.iter().enumerate() {
        let params = PromoteParams { limit: 1, now: rig.now() };
        assert_eq!(rig.storage.jobs.promote(params).await.expect("a promotion succeeds").count, 1);
        assert_eq!(rig.status(*id).await, JobStatus::Pending);
        for (_, later) in &ids[n + 1..] {
            assert_eq!(rig.status(*later).await, JobStatus::Scheduled);
        }
    }
}

/// Protects: an attempt's times are the handler's, not those of the write that told of it.
pub async fn a_late_write_keeps_the_times_of_the_work(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let began = rig.at().saturating_add(secs(10));
    rig.advance(secs(100));
    let timing = Timing { ran_for: secs(60), ended_ago: secs(30) };
    let members = vec![Finish { lease: claimed.lease, transition: done(), timing, failure: None }];
    rig.storage.jobs.finish(FinishParams { members, now: rig.now() }).await.expect("a finish succeeds");
    let job = rig.job(claimed.job.id).await;
    let ended = began.saturating_add(secs(60));
    assert_eq!((job.started_at, job.finished_at), (Some(began), Some(ended)));
}

/// Protects: a worker whose clock is nonsense cannot put an attempt before its own claim.
pub async fn no_attempt_begins_before_its_claim(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    let claimed_at = rig.at();
    rig.advance(secs(1));
    let timing = Timing { ran_for: Duration::MAX, ended_ago: Duration::MAX };
    let members = vec![Finish { lease: claimed.lease, transition: retry(secs(5)), timing, failure: None }];
    rig.storage.jobs.finish(FinishParams { members, now: rig.now() }).await.expect("a finish succeeds");
    let attempts = rig.storage.inspect.attempts(claimed.job.id).await.expect("attempts can be read");
    assert_eq!((attempts[0].started_at, attempts[0].ended_at), (claimed_at, claimed_at));
    assert_eq!(rig.job(claimed.job.id).await.due_at, rig.at().saturating_add(secs(5)), "from now on");
}

/// Protects: retention windows, which people promise to other people.
pub async fn a_window_ends_to_the_microsecond(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.dead(process).await;
    let window = Retention::For(secs(60) + MICROSECOND);
    rig.edit(QUEUE, QueueSettingsPatch::default().with_dead_retention(window)).await;
    rig.advance(secs(60));
    assert_eq!(rig.sweep(10).await, SweepReport::default());
    rig.advance(MICROSECOND);
    assert_eq!(rig.sweep(10).await, SweepReport { done: 0, dead: 1, more: false });
    assert!(rig.is_gone(id).await);
}

/// Protects: one queue's short window is not another's.
pub async fn a_window_is_of_its_queue_alone(rig: &Rig) {
    let kept = rig.put(request().on_queue("kept")).await;
    let swept = rig.put(request()).await;
    rig.storage.jobs.cancel(rig.verb([kept, swept])).await.expect("a cancel succeeds");
    let zero = Retention::For(Duration::ZERO);
    rig.edit(QUEUE, QueueSettingsPatch::default().with_dead_retention(zero)).await;
    assert_eq!(rig.sweep(10).await, SweepReport { done: 0, dead: 1, more: false });
    assert!(rig.is_gone(swept).await && !rig.is_gone(kept).await);
}

/// Protects: a bounded sweep does not starve the oldest.
pub async fn the_oldest_are_swept_first(rig: &Rig) {
    let process = rig.process().await;
    let mut died = Vec::new();
    for _ in 0..3 {
        died.push(rig.dead(process).await);
        rig.advance(secs(1));
    }
    let zero = Retention::For(Duration::ZERO);
    rig.edit(QUEUE, QueueSettingsPatch::default().with_dead_retention(zero)).await;
    for n in 0..3 {
        assert_eq!(rig.sweep(1).await.dead, 1);
        assert!(rig.is_gone(died[n]).await);
        for later in &died[n + 1..] {
            assert!(!rig.is_gone(*later).await);
        }
    }
}

/// Protects: a swept job leaves nothing behind, and its id is free again.
pub async fn a_swept_job_leaves_nothing_behind(rig: &Rig) {
    let process = rig.process().await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    let zero = Retention::For(Duration::ZERO);
    rig.edit(QUEUE, QueueSettingsPatch::default().with_dead_retention(zero)).await;
    rig.sweep(10).await;
    let id = claimed.job.id;
    assert_eq!(rig.storage.inspect.attempts(id).await.expect("attempts can be read"), []);
    assert_eq!(rig.storage.inspect.events(id).await.expect("events can be read"), []);
    let again = checked(request().with_id(id).with_priority(3));
    assert_eq!(rig.enqueue(vec![again]).await, [Inserted::Inserted]);
    assert_eq!(rig.job(id).await.attempt, 0);
}

/// Protects: "in a thousand years" is an answer, not an overflow.
pub async fn the_longest_delay_ends_at_the_last_moment_that_there_is(rig: &Rig) {
    let process = rig.process().await;
    let scheduled = rig.put(request().with_delay(Duration::MAX)).await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, retry(Duration::MAX)).await;
    for (id, status) in [(scheduled, JobStatus::Scheduled), (claimed.job.id, JobStatus::Retrying)] {
        let job = rig.job(id).await;
        assert_eq!((job.status, job.due_at), (status, Timestamp::MAX));
    }
    assert_eq!(rig.promote().await.count, 0);
}

/// Protects: every priority that can be asked for has its place.
pub async fn the_extremes_of_priority_keep_their_order(rig: &Rig) {
    let process = rig.process().await;
    let mut ids = Vec::new();
    for priority in [i16::MAX, 0, i16::MIN, -1, 1] {
        ids.push((priority, rig.put(request().with_priority(priority)).await));
    }
    ids.sort_unstable_by_key(|(priority, _)| *priority);
    let claimed: Vec<_> = rig.claim(process, 10).await.iter().map(|c| (c.job.priority, c.job.id)).collect();
    assert_eq!(claimed, ids);
}

/// Protects: results are kept as handlers wrote them.
pub async fn outputs_come_back_byte_for_byte(rig: &Rig) {
    let process = rig.process().await;
    for text in ["1e400", "9007199254740993", r#"{"b":1,"a":2,"b":3}"#, r#" [ "\u00fc" ,"ü\ud83d\ude00" ] "#]
    {
        let claimed = rig.running(process).await;
        let output = Some(Payload::from_json_text(text).expect("it is JSON"));
        rig.finish(claimed.lease, crate::retry::Transition::Done { output: output.clone() }).await;
        let kept = rig.job(claimed.job.id).await.output;
        assert_eq!(kept.as_ref().map(Payload::as_str), Some(text));
    }
}

/// Protects: text of people, in whatever language and with whatever quotes.
pub async fn tags_and_keys_come_back_as_sent(rig: &Rig) {
    let process = rig.process().await;
    let (key, tags) = ("k'\"\\ ü 😀 %_", ["z'\"\\,", "a ü 😀", "z'\"\\,"]);
    let mut sent = request().with_dedupe_key(key);
    for tag in tags {
        sent = sent.with_tag(tag);
    }
    let id = rig.put(sent).await;
    let job = rig.job(id).await;
    assert_eq!((job.dedupe_key.as_deref(), job.tags), (Some(key), tags.map(str::to_owned).to_vec()));
    assert_eq!(rig.claim_one(process).await.job.tags, tags);
}

/// Protects: keys that look alike to a database but not to their program.
pub async fn a_dedupe_key_is_compared_exactly(rig: &Rig) {
    for key in ["a", "A", "a ", " a", "ä", "a\u{308}", "0", "00", "1e0", "1"] {
        rig.put(request().with_dedupe_key(key)).await;
    }
}

async fn listed(rig: &Rig, status: JobStatus) -> Vec<JobId> {
    let filter = JobFilter { statuses: vec![status], ..JobFilter::default() };
    let params = ListParams { filter, limit: 100, after: None };
    let page = rig.storage.inspect.list(params).await.expect("jobs can be listed");
    page.jobs.iter().map(|j| j.id).collect()
}

/// Protects: the tabs of what is to come show the next first.
pub async fn waiting_jobs_are_listed_by_due_time(rig: &Rig) {
    let process = rig.process().await;
    let (mut scheduled, mut retrying) = (Vec::new(), Vec::new());
    for delay in [30, 10, 20] {
        scheduled.push((delay, rig.put(request().with_delay(secs(delay))).await));
        let claimed = rig.running(process).await;
        rig.finish(claimed.lease, retry(secs(delay))).await;
        retrying.push((delay, claimed.job.id));
    }
    for (status, mut jobs) in [(JobStatus::Scheduled, scheduled), (JobStatus::Retrying, retrying)] {
        jobs.sort_unstable();
        let expected: Vec<_> = jobs.into_iter().map(|(_, id)| id).collect();
        assert_eq!(listed(rig, status).await, expected, "{status}");
    }
}

/// Protects: the tabs of what is over show the latest first, whenever it was enqueued.
pub async fn finished_jobs_are_listed_by_finish_newest_first(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(6).await;
    let claims = rig.claim(process, 6).await;
    let (mut finished, mut died) = (Vec::new(), Vec::new());
    for n in [1, 0, 2] {
        rig.advance(secs(1));
        rig.finish(claims[n].lease, done()).await;
        finished.insert(0, claims[n].job.id);
        rig.finish(claims[n + 3].lease, dead("no")).await;
        died.insert(0, claims[n + 3].job.id);
    }
    assert_eq!(listed(rig, JobStatus::Done).await, finished);
    assert_eq!(listed(rig, JobStatus::Dead).await, died);
}

/// Protects: a count of a huge table, which nobody pays for.
pub async fn counts_stop_at_their_bound_and_say_so(rig: &Rig) {
    let cap = usize::try_from(COUNT_CAP).expect("the bound is small");
    for _ in 0..cap / 1_000 {
        rig.put_many(1_000).await;
    }
    let pending =
        || async { rig.storage.inspect.queue_counts().await.expect("counts can be read")[0].counts[0].1 };
    assert_eq!(pending().await, BoundedCount { count: COUNT_CAP, more: false });
    rig.put(request()).await;
    assert_eq!(pending().await, BoundedCount { count: COUNT_CAP, more: true });
}

/// Protects: a stop in good order loses no cancel.
pub async fn a_process_that_leaves_ends_what_was_to_be_cancelled(rig: &Rig) {
    let process = rig.process().await;
    let (asked, other) = (rig.running(process).await, rig.running(process).await);
    rig.storage.jobs.cancel(rig.verb([asked.job.id])).await.expect("a cancel succeeds");
    rig.deregister(process).await;
    let job = rig.job(asked.job.id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Dead, Some(DeadReason::Cancelled), 0));
    assert_eq!(rig.status(other.job.id).await, JobStatus::Pending);
}

/// Protects: runtimes that wait hear of all that gives them work: what comes back, and what an operator frees.
pub async fn what_makes_jobs_claimable_tells_waiting_runtimes(rig: &Rig) {
    let process = rig.process().await;
    let mut changes = rig.storage.jobs.changes();
    let claimed = rig.running(process).await;
    let waiting = rig.put(request().with_delay(secs(60))).await;
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    for step in ["release", "run now", "resume", "promotion"] {
        let before = *changes.borrow_and_update();
        match step {
            "release" => _ = rig.release(claimed.lease).await,
            "run now" => {
                rig.storage.jobs.run_now(rig.verb([waiting])).await.expect("a run-now succeeds");
            }
            "resume" => rig.edit(QUEUE, QueueSettingsPatch::paused(false)).await,
            _ => {
                rig.put(request().with_delay(secs(1))).await;
                rig.advance(secs(1));
                changes.borrow_and_update();
                assert_eq!(rig.promote().await.count, 1);
            }
        }
        let told = |now: &Changes| now.claimable > before.claimable;
        let waited = tokio::time::timeout(secs(30), changes.wait_for(told)).await;
        assert!(waited.is_ok(), "nobody was told of a {step}");
    }
}

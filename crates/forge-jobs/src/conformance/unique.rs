//! The terms of dedupe keys: states, periods, replacement, and twins.

use super::rig::{Rig, applied, checked, dead, done, request, retry, secs, throttle};
use crate::storage::{
    Changes, Claimed, DropOutcome, Finish, FinishParams, Inserted, PromoteParams, RetryOutcome, SweepReport,
};
use crate::{Dedupe, DedupeStates, EnqueueRequest, JobId, JobStatus, NewJob, Payload, ProcessId, Timing};
use futures_util::future::join_all;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn waiting() -> Dedupe {
    Dedupe::new("key").in_states(DedupeStates::WAITING)
}

fn hourly() -> Dedupe {
    Dedupe::new("key").in_states(DedupeStates::UNFINISHED.and(JobStatus::Done)).within(HOUR)
}

fn with(dedupe: Dedupe) -> EnqueueRequest {
    request().with_dedupe(dedupe)
}

/// What becomes of one more job with this key.
async fn sends(rig: &Rig, dedupe: Dedupe) -> Inserted {
    rig.enqueue(vec![checked(with(dedupe))]).await[0]
}

/// The ways in which a job that runs comes back to wait.
#[derive(Clone, Copy, Debug)]
enum Way {
    Retry,
    Throttle,
    AtOnce,
    Release,
    Crash,
}

const WAYS: [Way; 5] = [Way::Retry, Way::Throttle, Way::AtOnce, Way::Release, Way::Crash];

async fn comes_back(rig: &Rig, claimed: &Claimed, way: Way) {
    let again = match way {
        Way::Retry => retry(secs(5)),
        Way::Throttle => throttle(secs(5)),
        Way::AtOnce => retry(Duration::ZERO),
        Way::Release => {
            rig.release(claimed.lease).await;
            return;
        }
        Way::Crash => {
            assert_eq!(rig.crash_all().await.revived, [claimed.job.id]);
            return;
        }
    };
    rig.finish(claimed.lease, again).await;
}

/// Makes every job due, and claims one: it must be this one.
async fn runs(rig: &Rig, process: ProcessId, id: JobId) -> Claimed {
    rig.advance(secs(10));
    rig.promote().await;
    let claimed = match rig.claim(process, 1).await.pop() {
        Some(claimed) => claimed,
        None => rig.claim_alone(process).await.pop().expect("there is a job to claim"),
    };
    assert_eq!(claimed.job.id, id);
    claimed
}

/// Protects: what people and handlers see of a job's key.
pub async fn the_terms_of_a_key_come_back_as_sent(rig: &Rig) {
    let job = rig.job(rig.put(with(hourly())).await).await;
    assert_eq!(job.dedupe_key.as_deref(), Some("key"));
    assert_eq!(job.dedupe_states, DedupeStates::UNFINISHED.and(JobStatus::Done));
    assert_eq!(job.dedupe_until, Some(rig.at().saturating_add(HOUR)));
    let job = rig.job(rig.put(request().with_dedupe_key("other")).await).await;
    assert_eq!((job.dedupe_states, job.dedupe_until), (DedupeStates::UNFINISHED, None));
}

/// Protects: an enqueue whose outcome is unknown can be sent again, and an id names one job.
pub async fn the_terms_of_a_key_are_a_part_of_the_job(rig: &Rig) {
    let job = checked(with(hourly()));
    assert_eq!(rig.enqueue(vec![job.clone()]).await, [Inserted::Inserted]);
    assert_eq!(rig.enqueue(vec![job.clone()]).await, [Inserted::AlreadyThere]);
    for other in [Dedupe::new("key"), hourly().within(secs(60)), hourly().in_states(DedupeStates::ANY)] {
        let other = checked(with(other).with_id(job.id));
        assert_eq!(rig.enqueue(vec![other]).await, [Inserted::IdTaken]);
    }
}

/// Protects: what comes after the start is new work.
pub async fn a_key_of_jobs_that_wait_is_free_once_its_job_has_started(rig: &Rig) {
    let process = rig.process().await;
    let first = rig.put(with(waiting())).await;
    assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: first });
    let running = rig.claim_one(process).await;
    let second = rig.put(with(waiting())).await;
    assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: second });
    // The end of the first frees nothing of the second.
    rig.finish(running.lease, done()).await;
    assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: second });
}

/// Protects: a job that waits again is the one that a second one would be.
pub async fn a_job_that_comes_back_takes_its_key_again(rig: &Rig) {
    for way in WAYS {
        let process = rig.process().await;
        let id = rig.put(with(waiting())).await;
        let claimed = rig.claim_one(process).await;
        comes_back(rig, &claimed, way).await;
        assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: id }, "{way:?}");
        let process = rig.process().await;
        let claimed = runs(rig, process, id).await;
        rig.finish(claimed.lease, done()).await;
    }
}

/// Protects: what was accepted runs, whoever came meanwhile.
pub async fn a_job_that_comes_back_and_meets_a_twin_goes_on_without_its_key(rig: &Rig) {
    for way in WAYS {
        let process = rig.process().await;
        let first = rig.put(with(waiting())).await;
        let claimed = rig.claim_one(process).await;
        let twin = rig.put(with(waiting()).with_delay(HOUR)).await;
        comes_back(rig, &claimed, way).await;
        assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: twin }, "{way:?}");
        let process = rig.process().await;
        let claimed = runs(rig, process, first).await;
        assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: twin }, "{way:?}");
        rig.finish(claimed.lease, done()).await;
        assert_eq!(sends(rig, waiting()).await, Inserted::Duplicate { of: twin }, "{way:?}");
        rig.storage.jobs.cancel(rig.verb([twin])).await.expect("a cancel succeeds");
    }
}

/// Protects: one conflict stops no batch.
pub async fn twins_that_come_back_in_one_batch_both_go_on(rig: &Rig) {
    let process = rig.process().await;
    let mut leases = Vec::new();
    for _ in 0..2 {
        rig.put(with(waiting())).await;
        leases.push(rig.claim_one(process).await.lease);
    }
    let plain = rig.running(process).await;
    leases.push(plain.lease);
    let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
    let finish = |lease| Finish { lease, transition: retry(secs(5)), timing, failure: None };
    let members = leases.iter().copied().map(finish).collect();
    let results = rig.storage.jobs.finish(FinishParams { members, now: rig.now() }).await;
    assert_eq!(results.expect("a finish succeeds"), [applied(JobStatus::Retrying); 3]);
    assert!(matches!(sends(rig, waiting()).await, Inserted::Duplicate { .. }));
    rig.advance(secs(5));
    rig.promote().await;
    assert_eq!(rig.claim(process, 10).await.len(), 3);
    // None of them holds it any more.
    rig.put(with(waiting())).await;
}

/// Protects: once per hour is once per hour, however soon the job is done.
pub async fn a_done_job_holds_its_key_until_its_period_is_over(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(hourly())).await;
    rig.advance(secs(60));
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: id });
    rig.advance(secs(3_539));
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: id });
    // Counted from the enqueue.
    rig.advance(secs(1));
    let next = rig.put(with(hourly())).await;
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: next });
}

/// Protects: a key is held in the states that were chosen, though the one between them was not.
pub async fn a_job_that_ends_takes_its_key_again(rig: &Rig) {
    for (ended, how) in [(JobStatus::Done, done()), (JobStatus::Dead, dead("no"))] {
        let other = if ended == JobStatus::Done { JobStatus::Dead } else { JobStatus::Done };
        let but_running = |state| Dedupe::new("key").in_states(DedupeStates::WAITING.and(state)).within(HOUR);
        let process = rig.process().await;
        rig.put(with(but_running(other))).await;
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, how.clone()).await;
        let id = rig.put(with(but_running(ended))).await;
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, how.clone()).await;
        assert_eq!(sends(rig, but_running(ended)).await, Inserted::Duplicate { of: id }, "{ended:?}");
        rig.advance(HOUR);
        // A twin that came while it ran keeps the key.
        rig.put(with(but_running(ended))).await;
        let claimed = rig.claim_one(process).await;
        let twin = rig.put(with(but_running(ended)).with_delay(HOUR)).await;
        rig.finish(claimed.lease, how.clone()).await;
        assert_eq!(sends(rig, but_running(ended)).await, Inserted::Duplicate { of: twin }, "{ended:?}");
        rig.storage.jobs.cancel(rig.verb([twin])).await.expect("a cancel succeeds");
        rig.advance(HOUR);
    }
}

/// Protects: it is the same if nobody was left to end it.
pub async fn a_job_that_dies_of_a_crash_takes_its_key_again(rig: &Rig) {
    let or_dead = || Dedupe::new("key").in_states(DedupeStates::WAITING.and(JobStatus::Dead)).within(HOUR);
    let process = rig.process().await;
    let id = rig.put(with(or_dead()).with_max_attempts(1)).await;
    rig.claim_one(process).await;
    assert_eq!(rig.crash_all().await.revived, [id]);
    let process = rig.process().await;
    rig.claim_alone(process).await.pop().expect("a suspect waits");
    assert_eq!(rig.crash_all().await.exhausted, [id]);
    assert_eq!(sends(rig, or_dead()).await, Inserted::Duplicate { of: id });
}

/// Protects: a state that was not chosen holds nothing.
pub async fn a_key_is_free_in_the_states_that_were_not_chosen(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..2 {
        rig.put(with(hourly())).await;
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, dead("no")).await;
    }
    let dead_too =
        || Dedupe::new("key").in_states(DedupeStates::UNFINISHED.and(JobStatus::Dead)).within(HOUR);
    rig.put(with(dead_too())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    let id = rig.put(with(dead_too())).await;
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
    assert_eq!(sends(rig, dead_too()).await, Inserted::Duplicate { of: id });
}

/// Protects: retention does not shorten a period.
pub async fn a_key_outlives_its_job_until_its_period_is_over(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(hourly())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    let keep = crate::storage::Retention::For(Duration::ZERO);
    let patch = crate::storage::QueueSettingsPatch { done_retention: Some(keep), ..Default::default() };
    rig.edit("default", patch).await;
    rig.advance(secs(1));
    assert_eq!(rig.sweep(10).await, SweepReport { done: 1, dead: 0, more: false });
    assert!(rig.is_gone(id).await);
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: id });
    rig.advance(HOUR);
    assert_eq!(rig.sweep(10).await, SweepReport::default());
    rig.put(with(hourly())).await;
}

/// Protects: a period is a bound, for jobs that wait too.
pub async fn a_period_ends_though_its_job_still_waits(rig: &Rig) {
    let process = rig.process().await;
    let minute = || Dedupe::new("key").within(secs(60));
    let first = rig.put(with(minute())).await;
    rig.advance(secs(60));
    let second = rig.put(with(minute())).await;
    assert_eq!(sends(rig, minute()).await, Inserted::Duplicate { of: second });
    // The end of the first frees nothing of the second, nor does a sweep.
    let claimed = runs(rig, process, first).await;
    rig.finish(claimed.lease, done()).await;
    rig.sweep(10).await;
    assert_eq!(sends(rig, minute()).await, Inserted::Duplicate { of: second });
    // Nor does one that comes back after its time take it.
    let claimed = rig.claim_one(process).await;
    rig.advance(secs(60));
    comes_back(rig, &claimed, Way::Retry).await;
    rig.put(with(minute())).await;
}

/// Protects: what a person deletes leaves nothing.
pub async fn a_dropped_job_frees_its_key_within_its_period(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(hourly())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: id });
    rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds");
    rig.put(with(hourly())).await;
}

/// Protects: a person's retry makes no twin, and is refused for no other reason.
pub async fn a_retried_job_takes_its_key_or_names_who_has_it(rig: &Rig) {
    let process = rig.process().await;
    let any = || Dedupe::new("key").in_states(DedupeStates::ANY).within(HOUR);
    let retry = async |id| {
        rig.storage
            .jobs
            .retry(rig.verb([id]))
            .await
            .expect("a retry succeeds")
            .pop()
            .expect("there is an answer")
    };
    // A dead job that holds its key is no twin of itself.
    let first = rig.put(with(any())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    assert_eq!(retry(first).await, RetryOutcome::Retried);
    assert_eq!(sends(rig, any()).await, Inserted::Duplicate { of: first });
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    // When its period is over it has no key, though another one has it by now.
    rig.advance(HOUR);
    let second = rig.put(with(any())).await;
    assert_eq!(retry(first).await, RetryOutcome::Retried);
    assert_eq!(sends(rig, any()).await, Inserted::Duplicate { of: second });
    // One that gave its key up when it died meets who has it now.
    let waits = || Dedupe::new("other").in_states(DedupeStates::WAITING);
    let third = rig.put(with(waits()).with_priority(-1)).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, dead("no")).await;
    let fourth = rig.put(with(waits())).await;
    assert_eq!(retry(third).await, RetryOutcome::Duplicate { of: fourth });
    rig.storage.jobs.cancel(rig.verb([fourth])).await.expect("a cancel succeeds");
    assert_eq!(retry(third).await, RetryOutcome::Retried);
    assert_eq!(sends(rig, waits()).await, Inserted::Duplicate { of: third });
}

/// A job that is unlike [`request`] in everything that a replacement changes.
fn other() -> EnqueueRequest {
    EnqueueRequest::new("k", 2).on_queue("other").with_priority(-7).with_max_attempts(3).with_tag("tag")
}

/// Protects: the last word wins, under the id that others know.
pub async fn a_job_that_waits_is_replaced_in_its_place(rig: &Rig) {
    let process = rig.process().await;
    let pending = rig.put(with(waiting())).await;
    let scheduled = rig.put(request().with_dedupe_key("scheduled").with_delay(HOUR)).await;
    let retrying = rig.put(request().with_dedupe_key("retrying").with_priority(-9)).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, retry(HOUR)).await;
    let created = rig.at();
    rig.advance(secs(1));
    for (id, key) in [(pending, "key"), (scheduled, "scheduled"), (retrying, "retrying")] {
        let replacing = other().with_dedupe(Dedupe::new(key).replacing());
        assert_eq!(rig.enqueue(vec![checked(replacing)]).await, [Inserted::Replaced { of: id }]);
        let job = rig.job(id).await;
        assert_eq!(
            (job.status, job.queue.as_str(), job.due_at),
            (JobStatus::Pending, "other", rig.at()),
            "{key}"
        );
        assert_eq!(
            (job.payload.as_str(), job.priority, job.tags.as_slice()),
            ("2", -7, &["tag".to_owned()][..])
        );
        assert_eq!((job.attempt, job.max_attempts, job.created_at), (0, 3, created));
        let events = rig.storage.inspect.events(id).await.expect("events can be read");
        assert_eq!(events.last().map(|e| e.event.as_str()), Some("replaced"));
    }
    // It is one job still, in its new place and in no other.
    assert!(rig.claim(process, 10).await.is_empty());
    let mut params = rig.claim_params(process, 10, crate::storage::ClaimMode::Ordinary);
    params.wants[0].queue = "other".into();
    let jobs = rig.claim_batch(params).await.jobs;
    assert_eq!(jobs.iter().map(|c| c.job.payload.as_str()).collect::<Vec<_>>(), ["2"; 3]);
    rig.advance(HOUR);
    assert_eq!(rig.promote().await.count, 0);
}

/// Protects: a delay that starts anew with each replacement, as an editor's pause does.
pub async fn a_replacement_may_put_the_job_off(rig: &Rig) {
    let process = rig.process().await;
    let pause = || with(waiting().replacing()).with_delay(secs(5));
    let id = rig.put(pause()).await;
    for _ in 0..3 {
        rig.advance(secs(3));
        let params = PromoteParams { limit: 10, now: rig.now() };
        assert_eq!(rig.storage.jobs.promote(params).await.expect("a promotion succeeds").count, 0);
        assert_eq!(rig.enqueue(vec![checked(pause())]).await, [Inserted::Replaced { of: id }]);
    }
    rig.advance(secs(5));
    rig.promote().await;
    assert_eq!(rig.claim_one(process).await.job.id, id);
    // Once it runs, the next one is a job of its own.
    rig.put(pause()).await;
}

/// Protects: nobody changes a job under its handler's hands, nor history.
pub async fn what_runs_or_is_finished_is_not_replaced(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(hourly())).await;
    let claimed = rig.claim_one(process).await;
    let running = rig.job(id).await;
    let replacing = || other().with_dedupe(hourly().replacing());
    assert_eq!(rig.enqueue(vec![checked(replacing())]).await, [Inserted::Duplicate { of: id }]);
    assert_eq!(rig.job(id).await, running);
    rig.finish(claimed.lease, done()).await;
    assert_eq!(rig.enqueue(vec![checked(replacing())]).await, [Inserted::Duplicate { of: id }]);
    assert_eq!(rig.job(id).await.payload.as_str(), "1");
}

/// Protects: a replacement whose outcome is unknown can be sent again, even if the job has started since.
pub async fn a_replacement_sent_twice_is_made_once(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(waiting())).await;
    let replacing = checked(with(waiting().replacing()));
    let replaced = [Inserted::Replaced { of: id }];
    assert_eq!(rig.enqueue(vec![replacing.clone()]).await, replaced);
    assert_eq!(rig.enqueue(vec![replacing.clone()]).await, replaced);
    let claimed = rig.claim_one(process).await;
    assert_eq!(rig.enqueue(vec![replacing.clone()]).await, replaced);
    rig.finish(claimed.lease, done()).await;
    assert_eq!(rig.enqueue(vec![replacing]).await, replaced);
    assert!(rig.claim(process, 10).await.is_empty());
}

/// Protects: an older request that is sent again undoes no newer one, whether the job waits or runs.
pub async fn a_replacement_sent_again_late_undoes_nothing(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(waiting())).await;
    let replacing = |n: i32| checked(EnqueueRequest::new("k", n).with_dedupe(waiting().replacing()));
    let (older, newer) = (replacing(2), replacing(3));
    let replaced = [Inserted::Replaced { of: id }];
    assert_eq!(rig.enqueue(vec![older.clone()]).await, replaced);
    rig.advance(secs(1));
    assert_eq!(rig.enqueue(vec![newer]).await, replaced);
    assert_eq!(rig.enqueue(vec![older.clone()]).await, replaced);
    assert_eq!(rig.job(id).await.payload.as_str(), "3");
    let claimed = rig.claim_one(process).await;
    assert_eq!((claimed.job.id, claimed.job.payload.as_str()), (id, "3"));
    assert_eq!(rig.enqueue(vec![older.clone()]).await, replaced);
    assert!(rig.claim(process, 10).await.is_empty());
    // With the job goes what was known.
    rig.finish(claimed.lease, done()).await;
    rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a job can be dropped");
    assert_eq!(rig.enqueue(vec![older]).await, [Inserted::Inserted]);
}

/// Protects: what was asked under a new id that is not new is not dropped in silence.
pub async fn another_request_under_the_id_of_a_replacement_is_refused(rig: &Rig) {
    let first = checked(with(waiting()));
    rig.enqueue(vec![first.clone()]).await;
    let replacing = |n: i32| EnqueueRequest::new("k", n).with_dedupe(waiting().replacing());
    let second = checked(replacing(2));
    assert_eq!(rig.enqueue(vec![second.clone()]).await, [Inserted::Replaced { of: first.id }]);
    let before = rig.job(first.id).await;
    for id in [first.id, second.id] {
        for other in [
            replacing(3),
            EnqueueRequest::new("k", 2).with_dedupe(Dedupe::new("other").replacing()),
            EnqueueRequest::new("other", 2).with_dedupe(waiting().replacing()),
            replacing(2).with_tag("tag"),
        ] {
            assert_eq!(rig.enqueue(vec![checked(other.with_id(id))]).await, [Inserted::IdTaken]);
        }
    }
    assert_eq!(rig.job(first.id).await, before);
}

/// Protects: a job that is made and replaced in one batch stands in one place, and has its new keys only.
pub async fn a_job_made_and_replaced_in_one_batch_is_one_job(rig: &Rig) {
    let process = rig.process().await;
    let keyed = |dedupe: Dedupe| with(dedupe).with_concurrency_key("turn");
    for held in [false, true] {
        let holder = if held { Some(rig.put(request().with_concurrency_key("turn")).await) } else { None };
        for late in [false, true] {
            let made = checked(keyed(waiting()));
            let replacing = keyed(waiting().replacing());
            let replacing = checked(if late { replacing.with_delay(HOUR) } else { replacing });
            let replaced = Inserted::Replaced { of: made.id };
            let id = made.id;
            assert_eq!(rig.enqueue(vec![made, replacing]).await, [Inserted::Inserted, replaced]);
            let job = rig.job(id).await;
            let status = if late { JobStatus::Scheduled } else { JobStatus::Pending };
            assert_eq!((job.status, job.waits_for), (status, holder.filter(|_| !late)), "{held} {late}");
            rig.storage.jobs.cancel(rig.verb([id])).await.expect("a cancel succeeds");
        }
        if holder.is_some() {
            let claimed = rig.claim_one(process).await;
            rig.finish(claimed.lease, done()).await;
        }
        assert_eq!(
            rig.storage.inspect.checkup().await.expect("a check-up succeeds").problems,
            Vec::<String>::new()
        );
    }
    assert!(rig.claim(process, 10).await.is_empty());
}

/// Protects: what killed its process is watched, whatever it is asked to be next.
pub async fn a_suspect_that_is_replaced_stays_one(rig: &Rig) {
    let process = rig.process().await;
    let id = rig.put(with(waiting())).await;
    rig.claim_one(process).await;
    assert_eq!(rig.crash_all().await.revived, [id]);
    let replacing = checked(other().on_queue("default").with_dedupe(waiting().replacing()));
    assert_eq!(rig.enqueue(vec![replacing]).await, [Inserted::Replaced { of: id }]);
    assert!(rig.job(id).await.suspect);
    let process = rig.process().await;
    assert!(rig.claim(process, 10).await.is_empty());
    assert_eq!(rig.claim_alone(process).await.len(), 1);
}

/// Protects: a person can free a key whose job retention has deleted.
pub async fn dropping_a_job_that_is_gone_frees_its_key(rig: &Rig) {
    let process = rig.process().await;
    let long = || hourly().within(300 * 24 * HOUR);
    let id = rig.put(with(long())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.advance(200 * 24 * HOUR);
    rig.sweep(10).await;
    assert_eq!(sends(rig, long()).await, Inserted::Duplicate { of: id });
    let outcome = rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds");
    assert_eq!(outcome, [DropOutcome::Unknown]);
    rig.put(with(long())).await;
}

/// Protects: a clock that was years fast for a moment holds no key for years (C6).
pub async fn a_key_taken_by_a_clock_that_was_wrong_is_free(rig: &Rig) {
    let process = rig.process().await;
    let wrong = 2 * 365 * 24 * HOUR;
    rig.advance(wrong);
    rig.put(with(hourly())).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.set_back(wrong);
    let id = rig.put(with(hourly())).await;
    assert_eq!(sends(rig, hourly()).await, Inserted::Duplicate { of: id });
}

/// Protects: the first request can be sent again too, and undoes nothing.
pub async fn a_replaced_request_sent_again_is_known_and_changes_nothing(rig: &Rig) {
    let first = checked(with(waiting()));
    rig.enqueue(vec![first.clone()]).await;
    rig.enqueue(vec![checked(other().with_dedupe(waiting().replacing()))]).await;
    let before = rig.job(first.id).await;
    assert_eq!(rig.enqueue(vec![first.clone()]).await, [Inserted::AlreadyThere]);
    assert_eq!(rig.job(first.id).await, before);
    let stranger = checked(EnqueueRequest::new("k", 3).with_id(first.id));
    assert_eq!(rig.enqueue(vec![stranger]).await, [Inserted::IdTaken]);
}

/// Protects: a replacement is written whole or not at all beside other members.
pub async fn of_replacements_in_one_batch_the_last_wins(rig: &Rig) {
    let process = rig.process().await;
    let job = |n: i32| checked(EnqueueRequest::new("k", n).with_dedupe(waiting().replacing()));
    let jobs: Vec<NewJob> = vec![job(1), checked(request()), job(2), job(3)];
    let of = jobs[0].id;
    let replaced = Inserted::Replaced { of };
    assert_eq!(rig.enqueue(jobs).await, [Inserted::Inserted, Inserted::Inserted, replaced, replaced]);
    let claimed = rig.claim(process, 10).await;
    let payload = claimed.iter().find(|c| c.job.id == of).map(|c| c.job.payload.clone());
    assert_eq!(payload.as_ref().map(Payload::as_str), Some("3"));
    assert_eq!(claimed.len(), 2);
}

/// Protects: a key is neither lost nor kept by a job that becomes another one.
pub async fn a_replaced_job_gives_its_concurrency_key_on(rig: &Rig) {
    let process = rig.process().await;
    let keyed = |key: &str| request().with_concurrency_key(key);
    let first = rig.put(keyed("a").with_dedupe(waiting())).await;
    let second = rig.put(keyed("a")).await;
    assert_eq!(rig.job(second).await.waits_for, Some(first));
    let replaced = [Inserted::Replaced { of: first }];
    let replace = |request: EnqueueRequest| vec![checked(request.with_dedupe(waiting().replacing()))];
    // Under the same key it waits for its turn again.
    assert_eq!(rig.enqueue(replace(keyed("a"))).await, replaced);
    assert_eq!(rig.job(first).await.waits_for, Some(second));
    // One that waits may become one that does not.
    assert_eq!(rig.enqueue(replace(keyed("b"))).await, replaced);
    assert_eq!(rig.job(first).await.waits_for, None);
    assert_eq!(rig.claim(process, 10).await.len(), 2);
    // One without a key may get one that another job has.
    let third = rig.put(with(waiting())).await;
    assert_eq!(rig.enqueue(replace(keyed("a"))).await, [Inserted::Replaced { of: third }]);
    assert_eq!(rig.job(third).await.waits_for, Some(second));
    // One that is put off waits for nobody, and nobody waits for it.
    assert_eq!(rig.enqueue(replace(keyed("c"))).await, [Inserted::Replaced { of: third }]);
    let fourth = rig.put(keyed("c")).await;
    assert_eq!(rig.job(fourth).await.waits_for, Some(third));
    assert_eq!(rig.enqueue(replace(keyed("c").with_delay(HOUR))).await, [Inserted::Replaced { of: third }]);
    assert_eq!(rig.job(fourth).await.waits_for, None);
}

/// Protects: who comes together is not inserted twice.
pub async fn replacements_at_once_leave_one_job(rig: &Rig) {
    let process = rig.process().await;
    let sent = (0..16).map(|_| sends(rig, waiting().replacing()));
    let outcomes = join_all(sent).await;
    assert_eq!(outcomes.iter().filter(|o| **o == Inserted::Inserted).count(), 1, "{outcomes:?}");
    let replaced = outcomes.iter().filter(|o| matches!(o, Inserted::Replaced { .. })).count();
    assert_eq!(replaced, 15, "{outcomes:?}");
    assert_eq!(rig.claim(process, 100).await.len(), 1);
}

/// Protects: a waiting runtime starts a replaced job at once instead of at its next poll.
pub async fn a_replacement_tells_waiting_runtimes(rig: &Rig) {
    rig.put(with(waiting()).with_delay(HOUR)).await;
    let mut changes = rig.storage.jobs.changes();
    let before = *changes.borrow_and_update();
    assert!(matches!(sends(rig, waiting().replacing()).await, Inserted::Replaced { .. }));
    let told = |c: &Changes| c.claimable > before.claimable;
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, changes.wait_for(told))
        .await
        .expect("it is told")
        .expect("the storage lives");
}

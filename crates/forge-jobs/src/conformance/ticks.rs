//! Ticks: a fire of a schedule is one job at most.

use super::cron_rig::{
    FIRED, MINUTE, OVERLAPPED, decided, due_names, each_minute, fire, fire_all, get, job, jobs, lead, made,
    one, run_now, switch, ticks,
};
use super::rig::{Rig, dead, done, secs};
use crate::limits::{MAX_FIRE_TICKS, MAX_TICKS};
use crate::schedule::{FireRange, MissedFires, Overlap, Schedule, TickOutcome};
use crate::storage::{
    Activity, FireParams, FireResult, NewTick, RetryOutcome, ScheduleFire, Storage, StorageError,
};
use crate::{Due, EnqueueRequest, JobId, JobStatus, Timestamp};

/// Protects: the job is the one that the schedule describes.
pub async fn a_tick_is_a_job_as_the_schedule_says(rig: &Rig) {
    let request = EnqueueRequest::from_json_text("mail.send", "{ \"a\":\t1.0 }")
        .on_queue("mail")
        .with_priority(-7)
        .with_max_attempts(3)
        .with_tag("nightly");
    made(rig, Schedule::new("s", "* * * * *", request)).await;
    rig.advance(MINUTE);
    let member = decided(&get(rig, "s").await, rig.at());
    let id = member.ticks[0].job;
    assert_eq!(fire(rig, member).await, FireResult::Done { ticks: vec![FIRED] });
    let job = rig.job(id).await;
    assert_eq!(
        (job.kind.as_str(), job.queue.as_str(), job.status),
        ("mail.send", "mail", JobStatus::Pending)
    );
    assert_eq!((job.priority, job.max_attempts, job.tags.as_slice()), (-7, 3, &["nightly".to_owned()][..]));
    assert_eq!((job.payload.as_str(), job.due_at), ("{ \"a\":\t1.0 }", rig.at()));
    let row = get(rig, "s").await;
    assert_eq!((row.last_fire_at, row.last_job, row.handled_until), (Some(rig.at()), Some(id), rig.at()));
    let written = ticks(rig, "s").await;
    let [tick] = written[..] else { panic!("one tick: {written:?}") };
    assert_eq!((tick.fires, tick.outcome, tick.job), (one(rig.at()), TickOutcome::Fired, Some(id)));
    assert_eq!(tick.recorded_at, rig.at());
}

/// Protects: two leaders, or one that was told of no success (E1, E2).
pub async fn a_tick_is_enqueued_once(rig: &Rig) {
    made(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    let row = get(rig, "s").await;
    let (first, second) = (decided(&row, rig.at()), decided(&row, rig.at()));
    assert_eq!(fire(rig, first.clone()).await, FireResult::Done { ticks: vec![FIRED] });
    for again in [first.clone(), second] {
        assert_eq!(fire(rig, again).await, FireResult::Done { ticks: vec![None] });
    }
    assert_eq!((jobs(rig).await, ticks(rig, "s").await.len()), (1, 1));
    assert_eq!(get(rig, "s").await.last_job, Some(first.ticks[0].job));
}

/// Protects: a leader that was frozen for long (E1), after whose fires the records are gone.
pub async fn what_was_dealt_with_is_not_fired_again(rig: &Rig) {
    made(rig, each_minute("s").with_missed(MissedFires::SKIP)).await;
    let before = get(rig, "s").await;
    let late = decided(&before, rig.at().saturating_add(MINUTE));
    assert_eq!(late.ticks.len(), 1);
    rig.advance(10 * MINUTE + secs(5));
    assert_eq!(lead(rig, "s").await, [FIRED], "the other nine were missed");
    assert_eq!(fire(rig, late).await, FireResult::Done { ticks: vec![None] });
    assert_eq!(jobs(rig).await, 1);
    let row = get(rig, "s").await;
    assert_eq!(row.handled_until, before.handled_until.saturating_add(10 * MINUTE), "it only grows");
}

/// Protects: any number of processes that believe to lead.
pub async fn of_ticks_fired_at_once_each_is_one_job(rig: &Rig) {
    let schedule = each_minute("s").with_overlap(Overlap::Allow).with_missed(MissedFires::catch_up(20));
    made(rig, schedule).await;
    rig.advance(20 * MINUTE);
    let row = get(rig, "s").await;
    let leaders = (0..8).map(|_| {
        let (storage, member, now) = (rig.storage.clone(), decided(&row, rig.at()), rig.now());
        tokio::spawn(async move { fire_on(storage, member, now).await })
    });
    let leaders: Vec<_> = leaders.collect();
    let mut fired = 0;
    for task in leaders {
        let FireResult::Done { ticks } = task.await.expect("no task panics") else { panic!("it is there") };
        fired += ticks.iter().filter(|t| **t == FIRED).count();
    }
    assert_eq!((fired, jobs(rig).await, ticks(rig, "s").await.len()), (20, 20, 20));
}

async fn fire_on(storage: Storage, member: ScheduleFire, now: Option<Timestamp>) -> FireResult {
    let params = FireParams { members: vec![member], now };
    storage.cron.fire(params).await.expect("a fire succeeds").remove(0)
}

/// Protects: the clock of the database may be turned back (E8).
pub async fn a_clock_that_goes_back_fires_nothing_again(rig: &Rig) {
    made(rig, each_minute("s").with_overlap(Overlap::Allow)).await;
    rig.advance(90 * MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    let row = get(rig, "s").await;
    for back in [MINUTE, 30 * MINUTE, 200 * MINUTE] {
        let member = decided(&row, rig.at().saturating_sub(back));
        assert_eq!((member.ticks.len(), member.records.len()), (0, 0));
        fire(rig, member).await;
        assert_eq!(get(rig, "s").await.handled_until, row.handled_until);
    }
    assert_eq!(jobs(rig).await, 1);
}

/// Protects: an operator who corrects a payload in the second in which it fires (E11).
pub async fn an_edit_during_a_tick_wins(rig: &Rig) {
    made(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    let before = decided(&get(rig, "s").await, rig.at());
    let after = made(rig, each_minute("s").with_job(EnqueueRequest::new("other", 2))).await;
    assert_eq!(fire(rig, before.clone()).await, FireResult::Edited);
    assert_eq!((jobs(rig).await, ticks(rig, "s").await.len()), (0, 0));
    let member = decided(&after, rig.at());
    let id = member.ticks[0].job;
    assert_eq!(fire(rig, member).await, FireResult::Done { ticks: vec![FIRED] });
    assert_eq!(rig.job(id).await.kind, "other");
    // Also a pause is an edit.
    rig.advance(MINUTE);
    let before = decided(&get(rig, "s").await, rig.at());
    switch(rig, "s", Activity::Paused).await;
    assert_eq!(fire(rig, before).await, FireResult::Edited);
    assert_eq!(jobs(rig).await, 1);
}

/// Protects: what is gone fires nothing, also if something else has its name by now.
pub async fn a_schedule_removed_during_a_tick_fires_nothing(rig: &Rig) {
    made(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    let member = decided(&get(rig, "s").await, rig.at());
    assert!(rig.storage.cron.remove("s", None).await.expect("a schedule can be removed"));
    assert_eq!(fire(rig, member.clone()).await, FireResult::Removed);
    made(rig, each_minute("s")).await;
    assert_eq!(fire(rig, member).await, FireResult::Edited);
    assert_eq!(jobs(rig).await, 0);
}

/// Protects: one bad member never stops a batch.
pub async fn members_of_a_fire_are_served_each_for_itself(rig: &Rig) {
    for name in ["edited", "good", "gone"] {
        made(rig, each_minute(name)).await;
    }
    rig.advance(MINUTE);
    let mut members = Vec::new();
    for name in ["gone", "good", "edited"] {
        members.push(decided(&get(rig, name).await, rig.at()));
    }
    rig.storage.cron.remove("gone", None).await.expect("a schedule can be removed");
    switch(rig, "edited", Activity::Paused).await;
    let results = fire_all(rig, members).await.expect("a fire succeeds");
    assert_eq!(results, [FireResult::Removed, FireResult::Done { ticks: vec![FIRED] }, FireResult::Edited]);
    assert_eq!(jobs(rig).await, 1);
    assert_eq!(fire_all(rig, Vec::new()).await.expect("an empty fire is fine"), []);
}

/// Protects: a slow job does not pile up (E12).
pub async fn an_unfinished_job_keeps_the_next_tick_from_firing(rig: &Rig) {
    made(rig, each_minute("s")).await;
    let process = rig.process().await;
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    for _ in ["pending", "running"] {
        rig.advance(MINUTE);
        assert_eq!(lead(rig, "s").await, [OVERLAPPED]);
        rig.claim(process, 1).await;
    }
    let lease = rig.storage.inspect.job(get(rig, "s").await.last_job.expect("it fired")).await;
    let job = lease.expect("a job can be read").expect("it is there");
    assert_eq!((job.status, jobs(rig).await), (JobStatus::Running, 1));
    rig.deregister(process).await;
    let process = rig.process().await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    let outcomes: Vec<_> = ticks(rig, "s").await.iter().map(|t| (t.outcome, t.job.is_some())).collect();
    let (fired, overlapped) = ((TickOutcome::Fired, true), (TickOutcome::Overlapped, false));
    assert_eq!(outcomes, [fired, overlapped, overlapped, fired]);
    // What was dropped is in nobody's way either.
    let job = get(rig, "s").await.last_job.expect("it fired");
    rig.storage.jobs.drop_jobs(rig.verb([job])).await.expect("a job can be dropped");
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
}

/// Protects: a dead job that a person revives runs beside no other one of its schedule.
pub async fn a_revived_job_keeps_the_next_tick_from_firing(rig: &Rig) {
    made(rig, each_minute("s")).await;
    let process = rig.process().await;
    let mut ended = Vec::new();
    for how in [dead("no"), done()] {
        rig.advance(MINUTE);
        assert_eq!(lead(rig, "s").await, [FIRED]);
        let claimed = rig.claim_one(process).await;
        rig.finish(claimed.lease, how).await;
        ended.push(claimed.job.id);
    }
    let retried = rig.storage.jobs.retry(rig.verb([ended[0]])).await.expect("a job can be retried");
    assert_eq!(retried, [RetryOutcome::Retried]);
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [OVERLAPPED]);
    let claimed = rig.claim_one(process).await;
    assert_eq!(claimed.job.id, ended[0]);
    rig.finish(claimed.lease, done()).await;
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
}

/// Protects: a clock that was years fast for a moment stops no schedule for years (C6).
pub async fn after_a_clock_was_set_right_a_schedule_goes_on(rig: &Rig) {
    made(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    let mut wrong = secs(365 * 86_400);
    rig.advance(wrong);
    assert_eq!(lead(rig, "s").await.last(), Some(&OVERLAPPED), "what it says is believed while it says so");
    rig.set_back(wrong);
    rig.advance(secs(1));
    assert_eq!(due_names(rig).await, ["s"]);
    assert_eq!(lead(rig, "s").await, []);
    assert_eq!((due_names(rig).await.len(), get(rig, "s").await.handled_until), (0, rig.at()));
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await.len(), 1);
    // An hour is none: what was fired in it is not fired again.
    wrong = secs(3_600);
    rig.advance(wrong);
    lead(rig, "s").await;
    rig.set_back(wrong);
    rig.advance(MINUTE);
    assert_eq!((due_names(rig).await.len(), lead(rig, "s").await.len()), (0, 0));
}

/// Protects: who allows overlap gets each fire.
pub async fn ticks_that_may_overlap_all_fire(rig: &Rig) {
    let schedule = each_minute("s").with_overlap(Overlap::Allow).with_missed(MissedFires::catch_up(3));
    made(rig, schedule).await;
    rig.advance(3 * MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED; 3]);
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    let fires: Vec<_> = ticks(rig, "s").await.iter().map(|t| t.fires.last).collect();
    let start = rig.at().saturating_sub(4 * MINUTE);
    let expected: Vec<_> = (1..=4).rev().map(|n| start.saturating_add(n * MINUTE)).collect();
    assert_eq!(fires, expected, "the latest first");
}

/// Protects: every fire is accounted for (I8), whatever the policy.
pub async fn fires_that_are_no_jobs_are_recorded(rig: &Rig) {
    made(rig, each_minute("s").with_missed(MissedFires::ONCE.with_window(5 * MINUTE))).await;
    let start = rig.at();
    rig.advance(10 * MINUTE + secs(30));
    assert_eq!(lead(rig, "s").await, [FIRED]);
    let at = |n: u32| start.saturating_add(n * MINUTE);
    let range = |a, b, count| FireRange { first: at(a), last: at(b), count };
    let written: Vec<_> = ticks(rig, "s").await.iter().map(|t| (t.outcome, t.fires)).collect();
    assert_eq!(
        written,
        [
            (TickOutcome::Fired, one(at(10))),
            (TickOutcome::Coalesced, range(6, 9, 4)),
            (TickOutcome::Missed, range(1, 5, 5)),
        ]
    );
    assert_eq!(get(rig, "s").await.handled_until, at(10));
    assert_eq!(jobs(rig).await, 1);
}

/// Protects: the schedules of one minute need not begin together.
pub async fn a_tick_may_be_due_later_than_its_fire(rig: &Rig) {
    made(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    let mut member = decided(&get(rig, "s").await, rig.at());
    let later = rig.at().saturating_add(secs(7));
    member.ticks[0].due = Due::At(later);
    let id = member.ticks[0].job;
    fire(rig, member).await;
    let job = rig.job(id).await;
    assert_eq!((job.status, job.due_at), (JobStatus::Scheduled, later));
    // Late already: due now.
    rig.advance(MINUTE);
    rig.storage.jobs.cancel(rig.verb([id])).await.expect("a job can be cancelled");
    let mut member = decided(&get(rig, "s").await, rig.at());
    member.ticks[0].due = Due::At(rig.at().saturating_sub(secs(7)));
    let id = member.ticks[0].job;
    fire(rig, member).await;
    assert_eq!(rig.status(id).await, JobStatus::Pending);
}

/// Protects: "run it now, to see whether it works".
pub async fn a_run_now_is_a_job_beside_the_expressions_own(rig: &Rig) {
    made(rig, each_minute("s").paused()).await;
    let (first, second) = (JobId::new(), JobId::new());
    let tick = run_now(rig, "s", first).await.expect("a schedule can be run");
    assert_eq!((tick.outcome, tick.job), (TickOutcome::RunNow, Some(first)));
    assert_eq!(run_now(rig, "s", first).await.expect("sent twice it is run once"), tick);
    let other = run_now(rig, "s", second).await.expect("whatever runs");
    assert_ne!(other.fires, tick.fires);
    assert_eq!((rig.status(first).await, rig.status(second).await), (JobStatus::Pending, JobStatus::Pending));
    let row = get(rig, "s").await;
    assert_eq!((row.last_job, row.last_fire_at, row.handled_until), (Some(second), None, rig.at()));
    let unknown = run_now(rig, "unknown", JobId::new()).await;
    assert!(matches!(unknown, Err(StorageError::NotFound { .. })), "{unknown:?}");
    // In the very moment of a fire, it takes no place of it; its job overlaps with the next tick all the same.
    rig.storage.jobs.cancel(rig.verb([first, second])).await.expect("jobs can be cancelled");
    switch(rig, "s", Activity::Enabled).await;
    rig.advance(MINUTE);
    let third = JobId::new();
    run_now(rig, "s", third).await.expect("a schedule can be run");
    assert_eq!(lead(rig, "s").await, [OVERLAPPED]);
    rig.storage.jobs.cancel(rig.verb([third])).await.expect("a job can be cancelled");
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "s").await, [FIRED]);
}

/// Protects: one that only people run does not fill it either.
pub async fn old_runs_by_hand_go(rig: &Rig) {
    made(rig, Schedule::new("s", "0 0 29 2 *", job())).await;
    for _ in 0..=MAX_TICKS / 100 {
        let mut ran = Vec::new();
        for _ in 0..100 {
            rig.advance(secs(1));
            ran.push(JobId::new());
            run_now(rig, "s", ran[ran.len() - 1]).await.expect("a schedule can be run");
        }
        rig.storage.jobs.drop_jobs(rig.verb(ran)).await.expect("jobs can be dropped");
    }
    run_now(rig, "s", JobId::new()).await.expect("a schedule can be run");
    assert_eq!(ticks(rig, "s").await.len(), MAX_TICKS as usize);
}

/// Protects: a schedule of each second does not fill the disk.
pub async fn old_ticks_go_first_and_those_of_unfinished_jobs_stay(rig: &Rig) {
    let each_second = |name: &str| Schedule::new(name, "* * * * * *", job());
    made(rig, each_second("skips")).await;
    made(rig, each_second("allows").with_overlap(Overlap::Allow)).await;
    rig.advance(secs(1));
    assert_eq!((lead(rig, "skips").await, lead(rig, "allows").await), (vec![FIRED], vec![FIRED]));
    let start = rig.at();
    let mut at = 0;
    while at < MAX_TICKS + 100 {
        let piece = u32::try_from(MAX_FIRE_TICKS / 2).expect("it is small");
        let mut members = Vec::new();
        for name in ["skips", "allows"] {
            let fires = (at..at + piece).map(|n| start.saturating_add(secs((n + 1).into())));
            let tick = |fire_at| NewTick { fire_at, job: JobId::new(), due: Due::Now };
            let mut member = decided(&get(rig, name).await, rig.at());
            member.ticks = fires.map(tick).collect();
            member.until = member.ticks[member.ticks.len() - 1].fire_at;
            members.push(member);
        }
        fire_all(rig, members).await.expect("a fire succeeds");
        at += piece;
    }
    let last = start.saturating_add(secs(at.into()));
    for (name, kept) in [("skips", MAX_TICKS + 1), ("allows", MAX_TICKS)] {
        let ticks = ticks(rig, name).await;
        assert_eq!((ticks.len(), ticks[0].fires.last), (kept as usize, last), "{name}");
    }
    // The first job of the one is unfinished still, and found.
    let first = ticks(rig, "skips").await.pop().expect("there are ticks");
    assert_eq!((first.fires, first.outcome), (one(start), TickOutcome::Fired));
    rig.advance(secs(u64::from(at) + 1));
    assert_eq!(lead(rig, "skips").await, [OVERLAPPED]);
    assert_eq!(ticks(rig, "skips").await.len(), MAX_TICKS as usize + 1);
}

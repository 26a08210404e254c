//! Schedules, and the ticks that make jobs of them.

use super::rig::{Rig, done, secs};
use crate::limits::{MAX_FIRE_BATCH, MAX_FIRE_TICKS, MAX_PAGE, MAX_SCHEDULES, MAX_TICKS};
use crate::schedule::{FireRange, MissedFires, NewSchedule, Overlap, Owner, Schedule, TickOutcome, decide};
use crate::storage::{
    Activity, Author, ClaimMode, DueParams, DueSchedules, EditScheduleParams, FireParams, FireResult,
    NewTick, PutScheduleParams, RunScheduleParams, ScheduleFire, ScheduleRow, Storage, StorageError, TickRow,
    TicksParams, UndeclareParams,
};
use crate::{DefaultRouter, Due, EnqueueRequest, JobId, JobStatus, Timestamp};
use std::time::Duration;

const PERSON: Author = Author::Operator { expected_version: None };
const MINUTE: Duration = secs(60);

fn program() -> Author {
    Author::Code { program: "billing".into() }
}

fn job() -> EnqueueRequest {
    EnqueueRequest::new("k", 1)
}

fn checked(schedule: Schedule) -> NewSchedule {
    schedule.check(&DefaultRouter).expect("the rules' schedules are valid")
}

fn each_minute(name: &str) -> Schedule {
    Schedule::new(name, "* * * * *", job())
}

async fn put(rig: &Rig, schedule: Schedule, by: Author) -> Result<ScheduleRow, StorageError> {
    let params = PutScheduleParams { schedule: checked(schedule), by, now: rig.now() };
    rig.storage.cron.put(params).await
}

async fn made(rig: &Rig, schedule: Schedule) -> ScheduleRow {
    put(rig, schedule, PERSON).await.expect("a schedule can be made")
}

async fn declared(rig: &Rig, schedule: Schedule) -> ScheduleRow {
    put(rig, schedule, program()).await.expect("a schedule can be declared")
}

async fn get(rig: &Rig, name: &str) -> ScheduleRow {
    rig.storage.cron.get(name).await.expect("a schedule can be read").expect("it is there")
}

fn edit_of(rig: &Rig, name: &str, expected_version: Option<i64>) -> EditScheduleParams {
    EditScheduleParams { name: name.into(), expected_version, now: rig.now() }
}

async fn switch(rig: &Rig, name: &str, activity: Activity) -> ScheduleRow {
    let edit = edit_of(rig, name, None);
    rig.storage.cron.set_enabled(edit, activity).await.expect("a schedule can be switched")
}

async fn due(rig: &Rig, limit: u32) -> DueSchedules {
    let params = DueParams { limit, now: rig.now() };
    rig.storage.cron.due(params).await.expect("schedules can be looked at")
}

async fn due_names(rig: &Rig) -> Vec<String> {
    due(rig, MAX_FIRE_BATCH).await.schedules.into_iter().map(|s| s.name).collect()
}

/// What a leader would do about a schedule at a moment.
fn decided(row: &ScheduleRow, now: Timestamp) -> ScheduleFire {
    let decision = decide(&row.spec, row.handled_until, now);
    let tick = |fire_at: &Timestamp| NewTick { fire_at: *fire_at, job: JobId::new(), due: Due::Now };
    let coalesced = decision.coalesced.map(|fires| (TickOutcome::Coalesced, fires));
    let missed = decision.missed.map(|fires| (TickOutcome::Missed, fires));
    ScheduleFire {
        name: row.name.clone(),
        version: row.version,
        job: row.spec.job.clone(),
        overlap: row.spec.overlap,
        ticks: decision.ticks.iter().map(tick).collect(),
        records: coalesced.into_iter().chain(missed).collect(),
        until: decision.until,
        next_at: decision.next,
    }
}

async fn fire_all(rig: &Rig, members: Vec<ScheduleFire>) -> Result<Vec<FireResult>, StorageError> {
    rig.storage.cron.fire(FireParams { members, now: rig.now() }).await
}

async fn fire(rig: &Rig, member: ScheduleFire) -> FireResult {
    let mut results = fire_all(rig, vec![member]).await.expect("a fire succeeds");
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// Does what a leader does now; gives the outcomes of the ticks.
async fn lead(rig: &Rig, name: &str) -> Vec<Option<TickOutcome>> {
    let member = decided(&get(rig, name).await, rig.at());
    match fire(rig, member).await {
        FireResult::Done { ticks } => ticks,
        other => panic!("{name} was not fired: {other:?}"),
    }
}

/// All ticks that are kept, the latest first.
async fn ticks(rig: &Rig, name: &str) -> Vec<TickRow> {
    let mut all: Vec<TickRow> = Vec::new();
    loop {
        let before = all.last().map(|t| t.fires.last);
        let params = TicksParams { name: name.into(), before, limit: MAX_PAGE };
        let page = rig.storage.cron.ticks(params).await.expect("ticks can be read");
        let last = page.len() < MAX_PAGE as usize;
        all.extend(page);
        if last {
            return all;
        }
    }
}

async fn run_now(rig: &Rig, name: &str, job: JobId) -> Result<TickRow, StorageError> {
    let params = RunScheduleParams { name: name.into(), job, now: rig.now() };
    rig.storage.cron.run_now(params).await
}

async fn jobs(rig: &Rig) -> usize {
    let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
    counts.iter().flat_map(|q| q.counts).map(|(_, n)| usize::try_from(n.count).unwrap_or(usize::MAX)).sum()
}

const fn one(at: Timestamp) -> FireRange {
    FireRange { first: at, last: at, count: 1 }
}

const FIRED: Option<TickOutcome> = Some(TickOutcome::Fired);
const OVERLAPPED: Option<TickOutcome> = Some(TickOutcome::Overlapped);

/// Protects: what a person or a program says is what there is.
pub async fn a_new_schedule_comes_back_as_it_was_put(rig: &Rig) {
    let request = EnqueueRequest::from_json_text("mail.send", "{ \"a\":\t1.0 }")
        .on_queue("mail")
        .with_priority(-7)
        .with_max_attempts(3)
        .with_tag("ü \"x\"");
    let schedule = Schedule::new("nightly", "30 2 * * MON-FRI", request)
        .in_zone("America/New_York")
        .with_missed(MissedFires::catch_up(5).with_window(Duration::from_micros(1_000_001)))
        .with_overlap(Overlap::Allow)
        .with_jitter(Duration::from_micros(59_999_999));
    let row = made(rig, schedule.clone()).await;
    assert_eq!((&row.name, &row.spec), (&"nightly".to_owned(), &checked(schedule).spec));
    assert_eq!((row.owner, row.code.clone(), row.enabled), (Owner::Operator, None, true));
    assert_eq!((row.handled_until, row.created_at, row.edited_at), (rig.at(), rig.at(), rig.at()));
    assert_eq!((row.last_fire_at, row.last_job), (None, None));
    assert_eq!(get(rig, "nightly").await, row);
    let code = declared(rig, each_minute("a").paused()).await;
    assert_eq!((code.owner, code.enabled, code.overrides_code()), (Owner::Code, false, false));
    let wish = code.code.clone().expect("the code declared it");
    assert_eq!((wish.spec, wish.enabled, wish.declared), (code.spec.clone(), false, true));
    assert_eq!(wish.program, "billing");
    assert_eq!(rig.storage.cron.list().await.expect("schedules can be read"), [code, row]);
    assert_eq!(rig.storage.cron.get("unknown").await.expect("a schedule can be read"), None);
}

/// Protects: the leader sleeps until there is something to do.
pub async fn a_schedule_is_due_when_its_time_has_come(rig: &Rig) {
    made(rig, each_minute("s")).await;
    made(rig, each_minute("paused").paused()).await;
    assert_eq!(due_names(rig).await, ["s"], "when it is due is still to be worked out");
    assert_eq!(lead(rig, "s").await, []);
    let idle = due(rig, 10).await;
    let next = rig.at().saturating_add(MINUTE);
    assert_eq!((idle.schedules.len(), idle.next_at, idle.now), (0, Some(next), rig.at()));
    rig.advance(Duration::from_micros(59_999_999));
    assert_eq!(due_names(rig).await, Vec::<String>::new());
    rig.advance(Duration::from_micros(1));
    assert_eq!(due_names(rig).await, ["s"]);
    assert_eq!(lead(rig, "s").await, [FIRED]);
    assert_eq!(due_names(rig).await, Vec::<String>::new());
    // Never again: an expression that has no fire left.
    let member = ScheduleFire { next_at: None, ..decided(&get(rig, "s").await, rig.at()) };
    fire(rig, member).await;
    rig.advance(100 * MINUTE);
    let never = due(rig, 10).await;
    assert_eq!((never.schedules.len(), never.next_at), (0, None));
}

/// Protects: a round is bounded, and nobody is forgotten in it.
pub async fn the_longest_due_come_first_and_a_cut_list_says_so(rig: &Rig) {
    for name in ["c", "a", "b"] {
        made(rig, each_minute(name)).await;
        rig.advance(secs(1));
    }
    let cut = due(rig, 2).await;
    assert_eq!(cut.schedules.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    assert_eq!(cut.next_at, Some(rig.at()));
    let whole = due(rig, 3).await;
    assert_eq!((whole.schedules.len(), whole.next_at), (3, None));
}

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
    assert!(rig.storage.cron.remove("s").await.expect("a schedule can be removed"));
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
    rig.storage.cron.remove("gone").await.expect("a schedule can be removed");
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

/// Protects: a deploy brings what the code says, and a restart changes nothing.
pub async fn a_deploy_updates_what_the_code_owns(rig: &Rig) {
    let first = declared(rig, each_minute("s")).await;
    rig.advance(secs(1));
    assert_eq!(declared(rig, each_minute("s")).await, first);
    let changed = each_minute("s").with_job(EnqueueRequest::new("other", 2)).paused();
    let after = declared(rig, changed.clone()).await;
    assert_eq!((&after.spec, after.enabled), (&checked(changed).spec, false));
    assert_eq!((after.owner, after.overrides_code()), (Owner::Code, false));
    assert!(after.version > first.version);
    assert_eq!((after.created_at, after.edited_at), (first.created_at, rig.at()));
}

/// Protects: what was corrected at three in the morning is not undone by the next deploy.
pub async fn a_deploy_does_not_undo_an_operators_edit(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    let person = each_minute("s").with_expression("*/5 * * * *");
    let edited = made(rig, person.clone()).await;
    assert_eq!((edited.owner, edited.overrides_code()), (Owner::Operator, true));
    let newer = each_minute("s").with_expression("0 * * * *");
    let after = declared(rig, newer.clone()).await;
    assert_eq!((&after.spec, after.owner), (&checked(person).spec, Owner::Operator));
    assert_eq!(after.code.as_ref().map(|c| &c.spec), Some(&checked(newer).spec), "it is remembered");
    assert!(after.overrides_code());
    // What a person made first is the person's too.
    made(rig, each_minute("t")).await;
    let after = declared(rig, each_minute("t").with_expression("0 * * * *").paused()).await;
    assert_eq!((&after.spec, after.enabled), (&checked(each_minute("t")).spec, true));
    assert_eq!((after.owner, after.overrides_code()), (Owner::Operator, true));
}

/// Protects: a pause is not ended by a deploy, and keeps no deploy from the rest.
pub async fn a_pause_outlives_a_deploy(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    let paused = switch(rig, "s", Activity::Paused).await;
    assert_eq!((paused.enabled, paused.owner, paused.overrides_code()), (false, Owner::Code, true));
    let newer = each_minute("s").with_expression("0 * * * *");
    let after = declared(rig, newer.clone()).await;
    assert_eq!((after.enabled, &after.spec), (false, &checked(newer.clone()).spec));
    let resumed = switch(rig, "s", Activity::Enabled).await;
    assert!(resumed.enabled && !resumed.overrides_code());
    // Back where the code has it: the code can pause it now.
    assert!(!declared(rig, newer.paused()).await.enabled);
}

/// Protects: the way back from an edit.
pub async fn a_reset_gives_a_schedule_back_to_the_code(rig: &Rig) {
    let code = declared(rig, each_minute("s")).await;
    made(rig, each_minute("s").with_expression("*/5 * * * *")).await;
    switch(rig, "s", Activity::Paused).await;
    let reset = || rig.storage.cron.reset(edit_of(rig, "s", None));
    let row = reset().await.expect("a schedule can be reset");
    assert_eq!((&row.spec, row.enabled, row.owner), (&code.spec, true, Owner::Code));
    assert!(!row.overrides_code());
    assert_eq!(reset().await.expect("twice is once"), row);
    let newer = each_minute("s").with_expression("0 * * * *");
    assert_eq!(declared(rig, newer.clone()).await.spec, checked(newer).spec, "the code has the say again");
    made(rig, each_minute("own")).await;
    let refused = rig.storage.cron.reset(edit_of(rig, "own", None)).await;
    assert!(matches!(refused, Err(StorageError::Conflict { .. })), "{refused:?}");
}

/// Protects: a schedule that was taken out of the code does not vanish, and does not go on unnoticed.
pub async fn what_the_code_no_longer_declares_says_so(rig: &Rig) {
    for name in ["kept", "dropped"] {
        declared(rig, each_minute(name)).await;
    }
    made(rig, each_minute("own")).await;
    let other = Author::Code { program: "other".into() };
    put(rig, each_minute("others"), other).await.expect("a schedule can be declared");
    let undeclare = |names: &[&str]| {
        let declared = names.iter().map(|n| (*n).to_owned()).collect();
        rig.storage.cron.undeclare(UndeclareParams { program: "billing".into(), declared })
    };
    assert_eq!(undeclare(&["kept"]).await.expect("it can be marked"), ["dropped"]);
    assert_eq!(undeclare(&["kept"]).await.expect("twice is once"), Vec::<String>::new());
    let rows = rig.storage.cron.list().await.expect("schedules can be read");
    let said: Vec<_> = rows.iter().filter(|r| r.is_undeclared()).map(|r| r.name.as_str()).collect();
    assert_eq!(said, ["dropped"]);
    rig.advance(MINUTE);
    assert_eq!(lead(rig, "dropped").await, [FIRED], "it goes on until somebody removes it");
    assert!(!declared(rig, each_minute("dropped")).await.is_undeclared());
    assert_eq!(undeclare(&[]).await.expect("it can be marked"), ["dropped", "kept"]);
}

/// Protects: two operators at once (L13), and a mistyped name.
pub async fn an_edit_of_another_version_changes_nothing(rig: &Rig) {
    let seen = made(rig, each_minute("s")).await.version;
    let hourly = || each_minute("s").with_expression("0 * * * *");
    let of = |version| Author::Operator { expected_version: Some(version) };
    let now = put(rig, hourly(), of(seen)).await.expect("a schedule can be edited");
    let cron = &rig.storage.cron;
    let late = [
        put(rig, each_minute("s"), of(seen)).await,
        cron.set_enabled(edit_of(rig, "s", Some(seen)), Activity::Paused).await,
        cron.reset(edit_of(rig, "s", Some(seen))).await,
    ];
    for result in late {
        assert!(matches!(result, Err(StorageError::Conflict { .. })), "{result:?}");
    }
    assert_eq!(get(rig, "s").await, now);
    let unknown = [
        put(rig, each_minute("unknown"), of(seen)).await,
        cron.set_enabled(edit_of(rig, "unknown", None), Activity::Paused).await,
        cron.reset(edit_of(rig, "unknown", None)).await,
    ];
    for result in unknown {
        assert!(matches!(result, Err(StorageError::NotFound { .. })), "{result:?}");
    }
    let paused = cron.set_enabled(edit_of(rig, "s", Some(now.version)), Activity::Paused).await;
    assert!(paused.is_ok_and(|row| !row.enabled));
}

/// Protects: an edit makes up for nothing, and loses nothing.
pub async fn a_schedule_fires_from_its_edit_on(rig: &Rig) {
    made(rig, each_minute("s")).await;
    let start = rig.at();
    rig.advance(10 * MINUTE);
    let other_job = made(rig, each_minute("s").with_job(EnqueueRequest::new("other", 2))).await;
    assert_eq!(other_job.handled_until, start, "its fires are the same as before");
    let other_times = made(rig, each_minute("s").with_expression("*/2 * * * *")).await;
    assert_eq!(other_times.handled_until, rig.at());
    assert_eq!(due_names(rig).await, ["s"], "when it is due is worked out anew");
    rig.advance(secs(1));
    assert_eq!(lead(rig, "s").await, []);
    let other_zone = made(rig, each_minute("s").in_zone("Asia/Kathmandu")).await;
    assert_eq!(other_zone.handled_until, rig.at());
    switch(rig, "s", Activity::Paused).await;
    rig.advance(10 * MINUTE);
    let resumed = switch(rig, "s", Activity::Enabled).await;
    assert_eq!(resumed.handled_until, rig.at(), "a pause is not made up for");
    assert_eq!(jobs(rig).await, 0);
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

/// Protects: what is removed is gone, and takes nothing with it that others need.
pub async fn a_removed_schedule_is_gone_and_its_jobs_stay(rig: &Rig) {
    declared(rig, each_minute("s")).await;
    rig.advance(MINUTE);
    lead(rig, "s").await;
    let job = get(rig, "s").await.last_job.expect("it fired");
    let remove = || rig.storage.cron.remove("s");
    assert!(remove().await.expect("a schedule can be removed"));
    assert!(!remove().await.expect("twice is once"));
    assert_eq!(rig.storage.cron.list().await.expect("schedules can be read"), []);
    assert_eq!((ticks(rig, "s").await.len(), due_names(rig).await.len()), (0, 0));
    assert_eq!(rig.status(job).await, JobStatus::Pending);
    let anew = declared(rig, each_minute("s")).await;
    assert_eq!((anew.handled_until, anew.last_job), (rig.at(), None));
    assert_eq!(ticks(rig, "s").await.len(), 0);
}

/// Protects: every process hears of an edit at once, and of a fire like of any job.
pub async fn edits_and_fires_of_schedules_tell_waiting_runtimes(rig: &Rig) {
    let process = rig.process().await;
    let mut changes = rig.storage.jobs.changes();
    let mut version = -1;
    let mut told = async |what: &str| {
        let claim = rig.claim_params(process, 1, ClaimMode::Ordinary);
        let now = rig.claim_batch(claim).await.settings_version;
        assert!(now > version, "{what}");
        version = now;
        assert!(changes.has_changed().expect("the storage is there"), "{what}");
        changes.mark_unchanged();
    };
    made(rig, each_minute("s")).await;
    told("made").await;
    made(rig, each_minute("s").with_jitter(secs(1))).await;
    told("edited").await;
    switch(rig, "s", Activity::Paused).await;
    told("paused").await;
    rig.storage.cron.remove("s").await.expect("a schedule can be removed");
    told("removed").await;
    made(rig, each_minute("s")).await;
    told("made again").await;
    rig.advance(MINUTE);
    let before = changes.borrow_and_update().claimable;
    lead(rig, "s").await;
    assert!(changes.borrow().claimable > before, "a job is there");
}

/// Protects: bounds.
pub async fn too_much_at_once_is_refused_and_changes_nothing(rig: &Rig) {
    let row = made(rig, each_minute("s").with_overlap(Overlap::Allow)).await;
    rig.advance(MINUTE);
    let member = decided(&row, rig.at());
    let tick = |n| NewTick { fire_at: rig.at().saturating_add(secs(n)), job: JobId::new(), due: Due::Now };
    let crowded = ScheduleFire { ticks: (0..=MAX_FIRE_TICKS as u64).map(tick).collect(), ..member.clone() };
    for members in [vec![member; MAX_FIRE_BATCH as usize + 1], vec![crowded]] {
        let refused = fire_all(rig, members).await;
        assert!(matches!(refused, Err(StorageError::Invalid(_))), "{refused:?}");
    }
    assert_eq!((jobs(rig).await, get(rig, "s").await), (0, row));
    for limit in [0, MAX_PAGE + 1] {
        let refused = rig.storage.cron.ticks(TicksParams { name: "s".into(), before: None, limit }).await;
        assert!(matches!(refused, Err(StorageError::Invalid(_))), "{refused:?}");
    }
}

/// Protects: a program that makes a schedule for each of its users finds out in time.
pub async fn more_schedules_than_may_be_are_refused(rig: &Rig) {
    for n in 0..MAX_SCHEDULES {
        made(rig, each_minute(&format!("s{n}"))).await;
    }
    for by in [PERSON, program()] {
        let refused = put(rig, each_minute("one.more"), by).await;
        let Err(StorageError::Invalid(e)) = refused else { panic!("{refused:?}") };
        assert!(e.to_string().contains("remove some"), "{e}");
    }
    made(rig, each_minute("s7").with_jitter(secs(1))).await;
    assert!(rig.storage.cron.remove("s0").await.expect("a schedule can be removed"));
    made(rig, each_minute("one.more")).await;
}

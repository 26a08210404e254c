//! Schedules on a running runtime: they fire, each tick once, whoever leads.

use crate::support::{Db, HANG, next, puppets, quick, runtime, soon, until};
use forge_jobs::schedule::{InvalidSchedule, MissedFires, Overlap, Owner, TickOutcome};
use forge_jobs::storage::{FireParams, ScheduleFire, ScheduleRow, TickRow};
use forge_jobs::testing::{Faults, FlakyStorage, ManualClock, Operation, When};
use forge_jobs::{
    EnqueueRequest, HandlerRegistry, JobOutcome, JobStatus, QueueRuntime, RuntimeConfig, Schedule, Schedules,
    StartError, Storage,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Fires each second, whatever else goes on.
fn each_second(name: &str) -> Schedule {
    Schedule::new(name, "* * * * * *", EnqueueRequest::new("tick", 1))
        .with_overlap(Overlap::Allow)
        .with_missed(MissedFires::catch_up(100))
}

fn each_minute(name: &str) -> Schedule {
    Schedule::new(name, "* * * * *", EnqueueRequest::new("tick", 1))
}

fn handlers() -> HandlerRegistry {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("tick", |_| async { JobOutcome::Done });
    handlers
}

fn schedules(storage: &Storage) -> Schedules {
    Schedules::new(storage.clone(), Arc::new(forge_jobs::DefaultRouter))
}

async fn ticks(storage: &Storage, name: &str) -> Vec<TickRow> {
    schedules(storage).ticks(name, 500).await.unwrap()
}

async fn fired(storage: &Storage, name: &str) -> usize {
    ticks(storage, name).await.iter().filter(|t| t.outcome == TickOutcome::Fired).count()
}

async fn row(storage: &Storage, name: &str) -> ScheduleRow {
    schedules(storage).get(name).await.unwrap().unwrap()
}

/// Heartbeats so rare that nobody takes the lead by one in time: only who is told does.
fn rare_heartbeats() -> RuntimeConfig {
    let mut config = quick().with_heartbeat(Duration::from_secs(3_600));
    config.reaper_interval = Duration::from_secs(3_600);
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_schedule_fires_and_its_jobs_run() {
    let db = Db::new().await;
    let handle = runtime(&db.storage, handlers()).schedule(each_second("s")).start().await.unwrap();
    until("two fires", || async { fired(&db.storage, "s").await >= 2 }).await;
    let ticks = ticks(&db.storage, "s").await;
    let first = ticks.last().unwrap();
    db.until_status(first.job.unwrap(), JobStatus::Done).await;
    assert_eq!(first.fires.last.as_micros() % 1_000_000, 0);
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_processes_one_fires_each_tick_once_and_none_is_left_out() {
    let db = Db::new().await;
    let mut handles = Vec::new();
    for _ in 0..3 {
        let storage = db.another().await;
        handles.push(runtime(&storage, handlers()).schedule(each_second("s")).start().await.unwrap());
    }
    // Whoever leads stops, and another one goes on.
    for handle in handles {
        let before = fired(&db.storage, "s").await;
        until("two fires", || async { fired(&db.storage, "s").await >= before + 2 }).await;
        db.stop(handle).await;
    }
    let ticks = ticks(&db.storage, "s").await;
    assert!(ticks.iter().all(|t| t.outcome == TickOutcome::Fired), "{ticks:?}");
    let jobs: BTreeSet<_> = ticks.iter().map(|t| t.job.unwrap().to_string()).collect();
    assert_eq!(jobs.len(), ticks.len());
    let (last, first) = (ticks[0].fires.last, ticks[ticks.len() - 1].fires.last);
    let seconds = last.saturating_since(first).as_secs() + 1;
    assert_eq!(usize::try_from(seconds).unwrap(), ticks.len(), "a second is missing");
    let counts = db.storage.inspect.queue_counts().await.unwrap();
    let all: u64 = counts.iter().flat_map(|q| q.counts).map(|(_, n)| n.count).sum();
    assert_eq!(usize::try_from(all).unwrap(), ticks.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_works_out_anew_when_schedules_are_due() {
    let db = Db::new().await;
    let row = schedules(&db.storage).put(each_second("s")).await.unwrap();
    // As after an update of the zone data: by what was known then it never fires again.
    let stale = ScheduleFire {
        name: row.name,
        version: row.version,
        job: row.spec.job,
        overlap: row.spec.overlap,
        ticks: Vec::new(),
        records: Vec::new(),
        until: row.handled_until,
        next_at: None,
    };
    db.storage.cron.fire(FireParams { members: vec![stale], now: None }).await.unwrap();
    let handle = runtime(&db.storage, handlers()).start().await.unwrap();
    until("a fire", || async { fired(&db.storage, "s").await >= 1 }).await;
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_clean_stop_the_next_leader_is_told() {
    let db = Db::new().await;
    let (one, other) = (db.another().await, db.another().await);
    hands_over(&db, one, other).await;
}

/// The lead goes from one process that stops to another one, though none of them beats.
pub(crate) async fn hands_over(db: &Db, one: Storage, other: Storage) {
    let start = async |storage: &Storage| {
        runtime(storage, handlers())
            .with_config(rare_heartbeats())
            .schedule(each_second("s"))
            .start()
            .await
            .unwrap()
    };
    let leader = start(&one).await;
    until("the first fire", || async { fired(&db.storage, "s").await > 0 }).await;
    let next = start(&other).await;
    db.stop(leader).await;
    let before = fired(&db.storage, "s").await;
    until("another process fires", || async { fired(&db.storage, "s").await > before }).await;
    db.stop(next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_waits_for_its_jobs_to_end_gives_the_lead_away_at_once() {
    let db = Db::new().await;
    let (one, other) = (db.another().await, db.another().await);
    let mut registry = handlers();
    let mut slow = puppets(&mut registry, "slow");
    let leader = runtime(&one, registry)
        .with_config(rare_heartbeats())
        .schedule(each_second("s"))
        .start()
        .await
        .unwrap();
    leader.enqueue(EnqueueRequest::new("slow", 1)).await.unwrap();
    let puppet = next(&mut slow).await;
    until("the first fire", || async { fired(&db.storage, "s").await > 0 }).await;
    let follower = runtime(&other, handlers())
        .with_config(rare_heartbeats())
        .schedule(each_second("s"))
        .start()
        .await
        .unwrap();
    let stopping = tokio::spawn({
        let leader = leader.clone();
        async move { leader.shutdown_graceful(HANG).await }
    });
    until("the leader stops", || async {
        db.storage.inspect.processes().await.unwrap().iter().any(|p| p.stopping)
    })
    .await;
    let before = fired(&db.storage, "s").await;
    until("another process fires", || async { fired(&db.storage, "s").await > before }).await;
    assert!(!stopping.is_finished());
    puppet.end(JobOutcome::Done);
    soon("the stop", stopping).await.unwrap();
    db.stop(follower).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_another_process_takes_effect_at_once() {
    let db = Db::new().await;
    let handle = runtime(&db.storage, handlers())
        .schedule(each_second("s").with_expression("0 0 1 1 *"))
        .start()
        .await
        .unwrap();
    let other = schedules(&db.another().await);
    let edited = other.put(each_second("s")).await.unwrap();
    assert!(edited.overrides_code());
    until("a fire", || async { fired(&db.storage, "s").await > 0 }).await;
    other.pause("s").await.unwrap();
    let tick = other.run_now("s").await.unwrap();
    db.until_status(tick.job.unwrap(), JobStatus::Done).await;
    assert_eq!(other.reset_to_code("s").await.unwrap().owner, Owner::Code);
    assert!(other.remove("s").await.unwrap());
    db.stop(handle).await;
}

/// A runtime under a clock that the test moves, whose schedules are worked out.
async fn with_clock(storage: &Storage, schedule: Schedule) -> (ManualClock, forge_jobs::QueueHandle) {
    let clock = ManualClock::at("2027-01-04T10:00:00Z".parse().unwrap());
    let name = schedule.name().to_owned();
    let runtime = runtime(storage, handlers()).with_clock(Arc::new(clock.clone())).schedule(schedule);
    let handle = runtime.start().await.unwrap();
    clock.advance(MINUTE);
    until("the first fire", || async { fired(storage, &name).await == 1 }).await;
    done(storage, &name).await;
    (clock, handle)
}

/// Until the last job of a schedule is done.
async fn done(storage: &Storage, name: &str) {
    let job = row(storage, name).await.last_job.unwrap();
    until("its job", || async {
        storage.inspect.job(job).await.unwrap().is_some_and(|j| j.status == JobStatus::Done)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_long_absence_one_job_stands_for_all_and_each_fire_is_accounted_for() {
    let db = Db::new().await;
    let (clock, handle) = with_clock(&db.storage, each_minute("s")).await;
    clock.advance(3 * 60 * MINUTE);
    until("a fire", || async { fired(&db.storage, "s").await == 2 }).await;
    done(&db.storage, "s").await;
    let ticks = ticks(&db.storage, "s").await;
    let of = |outcome| ticks.iter().filter(|t| t.outcome == outcome).map(|t| t.fires.count).sum::<u32>();
    assert_eq!(of(TickOutcome::Fired) + of(TickOutcome::Coalesced) + of(TickOutcome::Missed), 181);
    assert_eq!((of(TickOutcome::Fired), of(TickOutcome::Coalesced)), (2, 60));
    clock.advance(MINUTE);
    until("the next fire", || async { fired(&db.storage, "s").await == 3 }).await;
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_fires_nothing_again() {
    let db = Db::new().await;
    let (clock, handle) = with_clock(&db.storage, each_minute("s")).await;
    let before = row(&db.storage, "s").await.handled_until;
    clock.set(before.saturating_sub(30 * MINUTE));
    clock.set(before.saturating_add(MINUTE));
    until("the next fire", || async { fired(&db.storage, "s").await == 2 }).await;
    let fires: Vec<_> = ticks(&db.storage, "s").await.iter().map(|t| t.fires.last).collect();
    assert_eq!(fires, [before.saturating_add(MINUTE), before]);
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_job_keeps_the_next_tick_from_firing() {
    let db = Db::new().await;
    let clock = ManualClock::at("2027-01-04T10:00:00Z".parse().unwrap());
    let mut registry = HandlerRegistry::new();
    let mut slow = puppets(&mut registry, "tick");
    let runtime = runtime(&db.storage, registry).with_clock(Arc::new(clock.clone()));
    let handle = runtime.schedule(each_minute("s")).start().await.unwrap();
    clock.advance(MINUTE);
    let puppet = next(&mut slow).await;
    clock.advance(MINUTE);
    until("a tick is skipped", || async {
        ticks(&db.storage, "s").await.iter().any(|t| t.outcome == TickOutcome::Overlapped)
    })
    .await;
    let id = puppet.id;
    puppet.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    clock.advance(MINUTE);
    next(&mut slow).await.end(JobOutcome::Done);
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_whose_answer_is_lost_is_one_job() {
    let db = Db::new().await;
    let faults = Faults::new().lose_answer(Operation::FireSchedules, When::Every(2));
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let handle = runtime(&storage, handlers()).schedule(each_second("s")).start().await.unwrap();
    until("two answers are lost", || async { faults.failed(Operation::FireSchedules) >= 2 }).await;
    until("three fires", || async { fired(&db.storage, "s").await >= 3 }).await;
    db.stop(handle).await;
    let counts = db.storage.inspect.queue_counts().await.unwrap();
    let all: u64 = counts.iter().flat_map(|q| q.counts).map(|(_, n)| n.count).sum();
    assert_eq!(usize::try_from(all).unwrap(), fired(&db.storage, "s").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_is_not_due_costs_no_looks() {
    let db = Db::new().await;
    let faults = Faults::new().refuse(Operation::DueSchedules, When::First(0));
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let yearly = each_minute("s").with_expression("0 0 29 2 *");
    // Heartbeats of every day: on a machine that is busy, quick ones lose the lead, and who gains it looks.
    let calm = quick().with_heartbeat(RuntimeConfig::default().heartbeat_interval);
    let runtime = runtime(&storage, handlers()).with_config(calm).schedule(yearly);
    let handle = runtime.start().await.unwrap();
    until("it is worked out", || async { faults.calls(Operation::DueSchedules) >= 2 }).await;
    // Jobs come and go beside it.
    for _ in 0..200 {
        let job = handle.enqueue(EnqueueRequest::new("tick", 1)).await.unwrap();
        db.until_status(job.id, JobStatus::Done).await;
    }
    let looks = faults.calls(Operation::DueSchedules);
    assert!(looks < 20, "{looks} looks");
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_a_person_edited_and_tells_of_what_is_gone() {
    let db = Db::new().await;
    let deploy = |declared: Vec<Schedule>| {
        declared.into_iter().fold(runtime(&db.storage, handlers()), QueueRuntime::schedule)
    };
    let hourly = |name: &str| each_minute(name).with_expression("0 * * * *");
    let handle = deploy(vec![hourly("kept"), hourly("gone")]).start().await.unwrap();
    schedules(&db.storage).put(each_minute("kept")).await.unwrap();
    db.stop(handle).await;
    let handle = deploy(vec![hourly("kept")]).start().await.unwrap();
    let kept = row(&db.storage, "kept").await;
    assert_eq!(kept.spec.expression.to_string(), "* * * * *");
    assert!(kept.overrides_code() && !kept.is_undeclared());
    assert!(row(&db.storage, "gone").await.is_undeclared());
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_declared_schedule_makes_the_start_fail() {
    let db = Db::new().await;
    let wrong = runtime(&db.storage, handlers()).schedule(each_minute("s").with_expression("0 0 30 2 *"));
    let e = wrong.start().await.unwrap_err();
    assert!(e.to_string().contains("\"s\"") && e.to_string().contains("never fire"), "{e}");
    let twice = runtime(&db.storage, handlers()).schedule(each_minute("s")).schedule(each_second("s"));
    let e = twice.start().await.unwrap_err();
    assert!(matches!(e, StartError::Schedule(InvalidSchedule::Twice { .. })), "{e}");
    assert_eq!(schedules(&db.storage).list().await.unwrap().schedules, []);
    assert_eq!(db.storage.inspect.processes().await.unwrap(), []);
}

#[tokio::test]
async fn an_edit_of_a_schedule_that_is_not_understood_changes_nothing() {
    let db = Db::new().await;
    let storage = &db.storage;
    let of = |expression: &str| Schedule::new("s", expression, EnqueueRequest::new("tick", 1));
    schedules(storage).put(of("0 1 * * *")).await.unwrap();
    let before = row(storage, "s").await;
    // As a newer program might write it.
    db.damage("UPDATE {forge}schedules SET zone = 'Mars/Olympus_Mons'").await;
    let why = schedules(storage).pause("s").await.unwrap_err().to_string();
    assert!(why.contains("\"s\" is not understood") && why.contains("remove the schedule"), "{why}");
    db.damage("UPDATE {forge}schedules SET zone = 'UTC'").await;
    let after = row(storage, "s").await;
    assert_eq!((after.enabled, after.version), (before.enabled, before.version));
    db.damage("UPDATE {forge}schedules SET zone = 'Mars/Olympus_Mons'").await;
    // Who says anew all that it is has said what it means.
    let put = schedules(storage).put(of("0 2 * * *")).await.unwrap();
    assert_eq!(put.spec.expression.to_string(), "0 2 * * *");
}

//! What the rules on schedules work with.

use super::rig::{Rig, secs};
use crate::limits::{MAX_FIRE_BATCH, MAX_PAGE};
use crate::schedule::{FireRange, NewSchedule, Schedule, TickOutcome};
use crate::storage::{
    Activity, Author, DueParams, DueSchedules, EditScheduleParams, FireParams, FireResult, PutScheduleParams,
    RunScheduleParams, ScheduleFire, ScheduleRow, StorageError, TickRow, TicksParams,
};
use crate::{DefaultRouter, EnqueueRequest, JobId, Timestamp};
use std::time::Duration;

pub(super) const PERSON: Author = Author::Operator { expected_version: None };
pub(super) const MINUTE: Duration = secs(60);

pub(super) fn program() -> Author {
    Author::Code { program: "billing".into() }
}

pub(super) fn job() -> EnqueueRequest {
    EnqueueRequest::new("k", 1)
}

pub(super) fn checked(schedule: Schedule) -> NewSchedule {
    schedule.check(&DefaultRouter).expect("the rules' schedules are valid")
}

pub(super) fn each_minute(name: &str) -> Schedule {
    Schedule::new(name, "* * * * *", job())
}

pub(super) async fn put(rig: &Rig, schedule: Schedule, by: Author) -> Result<ScheduleRow, StorageError> {
    let params = PutScheduleParams { schedule: checked(schedule), by, actor: None, now: rig.now() };
    rig.storage.cron.put(params).await
}

pub(super) async fn made(rig: &Rig, schedule: Schedule) -> ScheduleRow {
    put(rig, schedule, PERSON).await.expect("a schedule can be made")
}

pub(super) async fn declared(rig: &Rig, schedule: Schedule) -> ScheduleRow {
    put(rig, schedule, program()).await.expect("a schedule can be declared")
}

pub(super) async fn get(rig: &Rig, name: &str) -> ScheduleRow {
    rig.storage.cron.get(name).await.expect("a schedule can be read").expect("it is there")
}

pub(super) async fn all(rig: &Rig) -> Vec<ScheduleRow> {
    let all = rig.storage.cron.list().await.expect("schedules can be read");
    assert_eq!(all.unreadable, Vec::<String>::new());
    all.schedules
}

pub(super) fn edit_of(rig: &Rig, name: &str, expected_version: Option<i64>) -> EditScheduleParams {
    EditScheduleParams { name: name.into(), expected_version, actor: None, now: rig.now() }
}

pub(super) async fn switch(rig: &Rig, name: &str, activity: Activity) -> ScheduleRow {
    let edit = edit_of(rig, name, None);
    rig.storage.cron.set_enabled(edit, activity).await.expect("a schedule can be switched")
}

pub(super) async fn due(rig: &Rig, limit: u32) -> DueSchedules {
    let params = DueParams { limit, now: rig.now() };
    rig.storage.cron.due(params).await.expect("schedules can be looked at")
}

pub(super) async fn due_names(rig: &Rig) -> Vec<String> {
    due(rig, MAX_FIRE_BATCH).await.schedules.into_iter().map(|s| s.name).collect()
}

/// What a leader would do about a schedule at a moment.
pub(super) fn decided(row: &ScheduleRow, now: Timestamp) -> ScheduleFire {
    ScheduleFire::decided(row, now)
}

pub(super) async fn fire_all(rig: &Rig, members: Vec<ScheduleFire>) -> Result<Vec<FireResult>, StorageError> {
    rig.storage.cron.fire(FireParams { members, now: rig.now() }).await
}

pub(super) async fn fire(rig: &Rig, member: ScheduleFire) -> FireResult {
    let mut results = fire_all(rig, vec![member]).await.expect("a fire succeeds");
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// Does what a leader does now; gives the outcomes of the ticks.
pub(super) async fn lead(rig: &Rig, name: &str) -> Vec<Option<TickOutcome>> {
    let member = decided(&get(rig, name).await, rig.at());
    match fire(rig, member).await {
        FireResult::Done { ticks } => ticks,
        other => panic!("{name} was not fired: {other:?}"),
    }
}

/// All ticks that are kept, the latest first.
pub(super) async fn ticks(rig: &Rig, name: &str) -> Vec<TickRow> {
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

pub(super) async fn run_now(rig: &Rig, name: &str, job: JobId) -> Result<TickRow, StorageError> {
    let params = RunScheduleParams { name: name.into(), job, actor: None, now: rig.now() };
    rig.storage.cron.run_now(params).await
}

pub(super) async fn jobs(rig: &Rig) -> usize {
    let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
    counts.iter().flat_map(|q| q.counts).map(|(_, n)| usize::try_from(n.count).unwrap_or(usize::MAX)).sum()
}

pub(super) const fn one(at: Timestamp) -> FireRange {
    FireRange { first: at, last: at, count: 1 }
}

pub(super) const FIRED: Option<TickOutcome> = Some(TickOutcome::Fired);
pub(super) const OVERLAPPED: Option<TickOutcome> = Some(TickOutcome::Overlapped);

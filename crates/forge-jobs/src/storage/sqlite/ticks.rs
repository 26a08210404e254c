//! Fires of schedules become jobs, each once.

use super::enqueue::insert_all;
use super::error::Fault;
use super::schedules::{due as due_schedules, find};
use super::writer::{Cx, time};
use crate::limits::MAX_TICKS;
use crate::schedule::{FireRange, Overlap, TickOutcome};
use crate::storage::checks::no_schedule;
use crate::storage::guard::Guard;
use crate::storage::schedule_texts::wrong_after;
use crate::storage::{
    DueParams, DueSchedules, FireParams, FireResult, RunScheduleParams, ScheduleFire, StorageError, TickRow,
    TicksParams,
};
use crate::{Due, JobId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

const NEXT: &str = "SELECT min(next_at) FROM forge_schedules WHERE enabled = 1 AND next_at > ?1";
const TICK: &str = "INSERT INTO forge_ticks (schedule, fire_at, first_at, count, outcome, job, open, recorded_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6 IS NOT NULL, ?7) ON CONFLICT (schedule, fire_at) DO NOTHING";
/// With [`Guard::Tick`] off.
const TICK_ALWAYS: &str = "INSERT OR REPLACE INTO forge_ticks (schedule, fire_at, first_at, count, outcome, job, open, \
     recorded_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6 IS NOT NULL, ?7)";
const HANDLED: &str = "UPDATE forge_schedules SET next_at = ?3, \
     handled_until = CASE WHEN handled_until > ?6 THEN ?2 ELSE max(handled_until, ?2) END, \
     last_fire_at = coalesce(?4, last_fire_at), last_job = coalesce(?5, last_job) WHERE no = ?1";
const RAN: &str = "UPDATE forge_schedules SET last_job = ?2 WHERE no = ?1";
/// Closes the ticks whose jobs are finished, or gone.
const CLOSE: &str = "UPDATE forge_ticks SET open = 0 WHERE schedule = ?1 AND open = 1 AND NOT EXISTS \
     (SELECT 1 FROM forge_jobs j WHERE j.id = forge_ticks.job \
      AND NOT EXISTS (SELECT 1 FROM forge_finished f WHERE f.seq = j.seq))";
const REOPEN: &str = "UPDATE forge_ticks SET open = 1 WHERE job = ?1";
const IS_OPEN: &str = "SELECT EXISTS (SELECT 1 FROM forge_ticks WHERE schedule = ?1 AND open = 1)";
const FORGET: &str = "DELETE FROM forge_ticks WHERE schedule = ?1 AND (open = 0 OR ?3) AND fire_at <= \
     (SELECT fire_at FROM forge_ticks WHERE schedule = ?1 ORDER BY fire_at DESC LIMIT 1 OFFSET ?2)";
const LIST: &str = "SELECT t.first_at, t.fire_at, t.count, t.outcome, t.job, t.recorded_at FROM forge_ticks t \
     JOIN forge_schedules s ON s.no = t.schedule WHERE s.name = ?1 AND t.fire_at < ?3 ORDER BY t.fire_at DESC LIMIT ?2";
const BY_JOB: &str = "SELECT first_at, fire_at, count, outcome, job, recorded_at FROM forge_ticks \
     WHERE schedule = ?1 AND job = ?2";

/// The schedules that are due, as far as this program can read them.
pub(super) fn due(conn: &Connection, params: DueParams) -> Result<DueSchedules, Fault> {
    let now = time(params.now);
    let mut found = DueSchedules {
        now: Timestamp::from_micros(now),
        schedules: Vec::new(),
        unreadable: Vec::new(),
        next_at: conn
            .prepare_cached(NEXT)?
            .query_row([now], |r| r.get::<_, Option<i64>>(0))?
            .map(Timestamp::from_micros),
    };
    for raw in due_schedules(conn, now)? {
        if found.schedules.len() >= params.limit as usize {
            found.next_at = Some(found.now);
            break;
        }
        let name = raw.name.clone();
        match raw.into_row() {
            Ok(row) => found.schedules.push(row),
            Err(_) => found.unreadable.push(name),
        }
    }
    Ok(found)
}

/// Writes what was decided.
pub(super) fn fire(cx: &mut Cx<'_, '_>, params: &FireParams) -> Result<Vec<FireResult>, Fault> {
    let now = time(params.now);
    params.members.iter().map(|member| fire_one(cx, member, now)).collect()
}

fn fire_one(cx: &mut Cx<'_, '_>, member: &ScheduleFire, now: i64) -> Result<FireResult, Fault> {
    let Some((no, row)) = find(cx.conn, &member.name)? else { return Ok(FireResult::Removed) };
    if row.version != member.version && cx.guards(Guard::ScheduleVersion) {
        return Ok(FireResult::Edited);
    }
    let is_new = |cx: &Cx<'_, '_>, fire_at: Timestamp| {
        fire_at.as_micros() > row.handled_until || !cx.guards(Guard::Tick)
    };
    let mut latest: Option<(i64, JobId)> = None;
    let mut outcomes = Vec::with_capacity(member.ticks.len());
    for tick in &member.ticks {
        if !is_new(cx, tick.fire_at) {
            outcomes.push(None);
            continue;
        }
        let overlapped = member.overlap == Overlap::Skip && overlaps(cx, no)?;
        let outcome = if overlapped { TickOutcome::Overlapped } else { TickOutcome::Fired };
        let job = (!overlapped).then_some(tick.job);
        let fires = FireRange { first: tick.fire_at, last: tick.fire_at, count: 1 };
        if !record(cx, no, fires, outcome, job, now)? {
            outcomes.push(None);
            continue;
        }
        if let Some(id) = job {
            enqueue(cx, member, id, tick.due, now)?;
            latest = Some((tick.fire_at.as_micros(), id));
        }
        outcomes.push(Some(outcome));
    }
    for (outcome, fires) in &member.records {
        if is_new(cx, fires.last) {
            record(cx, no, *fires, *outcome, None, now)?;
        }
    }
    let (until, next) = (member.until.as_micros(), member.next_at.map(Timestamp::as_micros));
    let (fire_at, job) = latest.unzip();
    let job = job.map(|id| *id.as_bytes());
    cx.conn.prepare_cached(HANDLED)?.execute(params![no, until, next, fire_at, job, wrong_after(now)])?;
    // Where overlaps are not looked for nothing closes a tick.
    forget(cx, no, member.overlap == Overlap::Allow)?;
    Ok(FireResult::Done { ticks: outcomes })
}

fn enqueue(cx: &mut Cx<'_, '_>, member: &ScheduleFire, id: JobId, due: Due, now: i64) -> Result<(), Fault> {
    let job = member.job.to_job(id, due);
    insert_all(cx, &[job], Some(Timestamp::from_micros(now))).map(drop)
}

/// Whether a job of the schedule is unfinished.
fn overlaps(cx: &Cx<'_, '_>, no: i64) -> rusqlite::Result<bool> {
    cx.conn.prepare_cached(CLOSE)?.execute([no])?;
    cx.conn.prepare_cached(IS_OPEN)?.query_row([no], |r| r.get(0))
}

/// The job of a tick is made pending again: until it is finished, the next fire is one too many.
pub(super) fn reopen(cx: &Cx<'_, '_>, job: &[u8; 16]) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(REOPEN)?.execute([&job[..]]).map(drop)
}

/// Says whether it is new.
fn record(
    cx: &Cx<'_, '_>,
    no: i64,
    fires: FireRange,
    outcome: TickOutcome,
    job: Option<JobId>,
    now: i64,
) -> rusqlite::Result<bool> {
    let sql = if cx.guards(Guard::Tick) { TICK } else { TICK_ALWAYS };
    let job = job.map(|id| *id.as_bytes());
    let (first, last) = (fires.first.as_micros(), fires.last.as_micros());
    let values = params![no, last, first, fires.count, outcome_no(outcome), job, now];
    Ok(cx.conn.prepare_cached(sql)?.execute(values)? > 0)
}

fn forget(cx: &Cx<'_, '_>, no: i64, also_open: bool) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(FORGET)?.execute(params![no, MAX_TICKS, also_open]).map(drop)
}

/// Enqueues the job of a schedule now.
pub(super) fn run_now(cx: &mut Cx<'_, '_>, params: &RunScheduleParams) -> Result<TickRow, Fault> {
    let (now, name) = (time(params.now), &params.name);
    let Some((no, raw)) = find(cx.conn, name)? else { return Err(no_schedule(name).into()) };
    let by_job = |cx: &Cx<'_, '_>| {
        let key = params![no, &params.job.as_bytes()[..]];
        cx.conn.prepare_cached(BY_JOB)?.query_row(key, read).optional()
    };
    if let Some(before) = by_job(cx)? {
        return Ok(before);
    }
    let row = raw.into_row()?;
    // Fires of expressions are whole seconds; this one is none, so that it takes no place of theirs.
    let mut at = now + i64::from(now.rem_euclid(1_000_000) == 0);
    loop {
        let moment = Timestamp::from_micros(at);
        let fires = FireRange { first: moment, last: moment, count: 1 };
        if record(cx, no, fires, TickOutcome::RunNow, Some(params.job), now)? {
            break;
        }
        at += 1;
    }
    let job = row.spec.job.to_job(params.job, Due::Now);
    insert_all(cx, &[job], Some(Timestamp::from_micros(now)))?;
    cx.conn.prepare_cached(RAN)?.execute(params![no, &params.job.as_bytes()[..]])?;
    if row.spec.overlap == Overlap::Skip {
        // Of a schedule that never fires nothing else closes them, and open ones are kept.
        cx.conn.prepare_cached(CLOSE)?.execute([no])?;
    }
    forget(cx, no, row.spec.overlap == Overlap::Allow)?;
    let (actor, action) = (params.actor.as_ref(), ("schedule.run", "schedule", name.as_str()));
    super::audit::did(cx, actor, action, (None, Some(json!({ "job": params.job.to_string() }))), true, now)?;
    by_job(cx)?.ok_or_else(|| {
        StorageError::Internal { detail: "a tick that was written is not there".into(), source: None }.into()
    })
}

/// The latest ticks of a schedule.
pub(super) fn list(conn: &Connection, params: &TicksParams) -> rusqlite::Result<Vec<TickRow>> {
    let before = params.before.map_or(i64::MAX, Timestamp::as_micros);
    conn.prepare_cached(LIST)?.query_map(params![params.name, params.limit, before], read)?.collect()
}

fn read(r: &Row<'_>) -> rusqlite::Result<TickRow> {
    let time = |at: usize| Ok::<_, rusqlite::Error>(Timestamp::from_micros(r.get(at)?));
    Ok(TickRow {
        fires: FireRange { first: time(0)?, last: time(1)?, count: r.get(2)? },
        outcome: TickOutcome::ALL.get(r.get::<_, usize>(3)?).copied().unwrap_or(TickOutcome::Fired),
        job: r.get::<_, Option<[u8; 16]>>(4)?.map(JobId::from_bytes),
        recorded_at: time(5)?,
    })
}

/// The number that stands for an outcome.
const fn outcome_no(outcome: TickOutcome) -> i64 {
    outcome as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_outcomes_agree_both_ways() {
        for (no, outcome) in TickOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome_no(outcome), i64::try_from(no).unwrap());
        }
    }
}

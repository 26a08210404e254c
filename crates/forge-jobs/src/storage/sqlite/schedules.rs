//! Schedules: made, edited, removed.

use super::audit;
use super::audit_ends::schedule;
use super::error::Fault;
use super::queues::{bump_settings, settings_version};
use super::ticks;
use super::writer::{Cx, Lane, time};
use super::{SETTINGS_LIMIT, SqliteStorage};
use crate::limits::{MAX_PAGE, MAX_SCHEDULES};
use crate::schedule::Owner;
use crate::storage::checks::{
    check_fire, check_rows, no_code, no_schedule, schedule_conflict, too_many_schedules,
};
use crate::storage::guard::Guard;
use crate::storage::schedule_texts::{RawSchedule, RawWish, SpecTexts, owner_no, wrong_after};
use crate::storage::{
    Activity, Actor, AllSchedules, Author, CronStorage, DueParams, DueSchedules, EditScheduleParams,
    FireParams, FireResult, PutScheduleParams, RunScheduleParams, ScheduleRow, StorageError, TickRow,
    TicksParams, UndeclareParams,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

const SCHEDULE: &str = "SELECT name, expression, zone, spec, enabled, owner, code_expression, code_zone, code_spec, \
     code_enabled, program, declared, version, handled_until, last_fire_at, last_job, created_at, edited_at, next_at, no \
     FROM forge_schedules";
/// What the audit calls it.
const WHAT: &str = "schedule";
const PUT: &str = "schedule.put";
const COUNT: &str = "SELECT count(*) FROM forge_schedules";
const NEW: &str = "INSERT INTO forge_schedules (name, expression, zone, spec, enabled, owner, code_expression, \
     code_zone, code_spec, code_enabled, program, declared, version, created_at, edited_at, handled_until, next_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?14, ?14)";
const EDIT: &str = "UPDATE forge_schedules SET expression = ?2, zone = ?3, spec = ?4, enabled = ?5, owner = ?6, \
     code_expression = ?7, code_zone = ?8, code_spec = ?9, code_enabled = ?10, program = ?11, declared = ?12, \
     version = ?13, edited_at = ?14 WHERE name = ?1";
/// From now on: what came before is dealt with, and the leader works out when it is due.
const FROM_NOW: &str =
    "UPDATE forge_schedules SET handled_until = max(handled_until, ?2), next_at = ?2 WHERE name = ?1";
const REMOVE: &str = "DELETE FROM forge_schedules WHERE name = ?1 RETURNING no";
const FORGET_TICKS: &str = "DELETE FROM forge_ticks WHERE schedule = ?1";
const UNDECLARE: &str = "UPDATE forge_schedules SET declared = 0 WHERE program = ?1 AND declared = 1 \
     AND name NOT IN (SELECT value FROM json_each(?2)) RETURNING name";

/// A schedule, from a row of [`SCHEDULE`].
pub(super) fn read(r: &Row<'_>) -> rusqlite::Result<RawSchedule> {
    let code: Option<String> = r.get(6)?;
    let code = match code {
        None => None,
        Some(expression) => Some(RawWish {
            texts: SpecTexts { expression, zone: r.get(7)?, rest: r.get(8)? },
            enabled: r.get(9)?,
            program: r.get(10)?,
            declared: r.get(11)?,
        }),
    };
    Ok(RawSchedule {
        name: r.get(0)?,
        texts: SpecTexts { expression: r.get(1)?, zone: r.get(2)?, rest: r.get(3)? },
        enabled: r.get(4)?,
        owner: r.get(5)?,
        code,
        version: r.get(12)?,
        handled_until: r.get(13)?,
        last_fire_at: r.get(14)?,
        last_job: r.get(15)?,
        created_at: r.get(16)?,
        edited_at: r.get(17)?,
        next_at: r.get(18)?,
    })
}

/// One schedule, and its number.
pub(super) fn find(conn: &Connection, name: &str) -> rusqlite::Result<Option<(i64, RawSchedule)>> {
    let mut statement = conn.prepare_cached(&format!("{SCHEDULE} WHERE name = ?1"))?;
    statement.query_row([name], |r| Ok((r.get(19)?, read(r)?))).optional()
}

/// Enabled schedules that are to be looked at, the longest due first.
pub(super) fn due(conn: &Connection, now: i64) -> rusqlite::Result<Vec<RawSchedule>> {
    let sql = format!(
        "{SCHEDULE} WHERE enabled = 1 AND (next_at <= ?1 OR handled_until > ?2) ORDER BY next_at, name"
    );
    conn.prepare_cached(&sql)?.query_map([now, wrong_after(now)], read)?.collect()
}

fn must(conn: &Connection, name: &str) -> Result<RawSchedule, Fault> {
    Ok(find(conn, name)?.ok_or_else(|| no_schedule(name))?.1)
}

fn row(raw: RawSchedule) -> Result<ScheduleRow, Fault> {
    Ok(raw.into_row()?)
}

/// A schedule that is to be edited, if it has the version that is expected.
fn to_edit(conn: &Connection, name: &str, expected: Option<i64>) -> Result<RawSchedule, Fault> {
    let raw = must(conn, name)?;
    match expected {
        Some(expected) if expected != raw.version => {
            Err(schedule_conflict(name, raw.version, expected).into())
        }
        _ => Ok(raw),
    }
}

/// Another number with each edit.
fn next_version(cx: &mut Cx<'_, '_>) -> rusqlite::Result<i64> {
    bump_settings(cx)?;
    settings_version(cx.conn)
}

fn put(cx: &mut Cx<'_, '_>, params: &PutScheduleParams) -> Result<ScheduleRow, Fault> {
    let (new, now) = (&params.schedule, time(params.now));
    let texts = SpecTexts::of(&new.spec)?;
    let expected = match params.by {
        Author::Operator { expected_version } => expected_version,
        Author::Code { .. } => None,
    };
    let wish = match &params.by {
        Author::Operator { .. } => None,
        Author::Code { program } => Some(RawWish {
            texts: texts.clone(),
            enabled: new.enabled,
            program: program.clone(),
            declared: true,
        }),
    };
    if expected.is_none() && find(cx.conn, &new.name)?.is_none() {
        if cx.conn.prepare_cached(COUNT)?.query_row([], |r| r.get::<_, u32>(0))? >= MAX_SCHEDULES {
            return Err(too_many_schedules().into());
        }
        let owner = owner_no(if wish.is_some() { Owner::Code } else { Owner::Operator });
        let raw = RawSchedule {
            name: new.name.clone(),
            texts,
            enabled: new.enabled,
            owner,
            code: wish,
            version: next_version(cx)?,
            handled_until: now,
            next_at: Some(now),
            last_fire_at: None,
            last_job: None,
            created_at: now,
            edited_at: now,
        };
        write(cx, NEW, &raw)?;
        let after = Some(schedule(&raw.texts, raw.enabled));
        audit::did(cx, params.actor.as_ref(), (PUT, WHAT, &raw.name), (None, after), true, now)?;
        return row(raw);
    }
    let before = to_edit(cx.conn, &new.name, expected)?;
    let mut after = before.clone();
    match wish {
        None => {
            after.texts = texts;
            after.owner = owner_no(Owner::Operator);
        }
        Some(wish) => {
            if before.owner == owner_no(Owner::Code) || !cx.guards(Guard::ScheduleOwner) {
                after.texts = texts;
            }
            // A pause, or its end, is a person's if the code wanted it otherwise.
            if before.code.as_ref().is_some_and(|code| code.enabled == before.enabled)
                || !cx.guards(Guard::ScheduleOwner)
            {
                after.enabled = wish.enabled;
            }
            after.code = Some(wish);
        }
    }
    edit(cx, (params.actor.as_ref(), PUT), before, after, now)
}

fn set_enabled(
    cx: &mut Cx<'_, '_>,
    params: &EditScheduleParams,
    activity: Activity,
) -> Result<ScheduleRow, Fault> {
    let before = to_edit(cx.conn, &params.name, params.expected_version)?;
    let after = RawSchedule { enabled: activity == Activity::Enabled, ..before.clone() };
    let action = if activity == Activity::Enabled { "schedule.resume" } else { "schedule.pause" };
    edit(cx, (params.actor.as_ref(), action), before, after, time(params.now))
}

fn reset(cx: &mut Cx<'_, '_>, params: &EditScheduleParams) -> Result<ScheduleRow, Fault> {
    let before = to_edit(cx.conn, &params.name, params.expected_version)?;
    let mut after = before.clone();
    let Some(code) = &before.code else { return Err(no_code(&params.name).into()) };
    code.texts.read(&params.name)?;
    after.texts = code.texts.clone();
    after.enabled = code.enabled;
    after.owner = owner_no(Owner::Code);
    edit(cx, (params.actor.as_ref(), "schedule.reset"), before, after, time(params.now))
}

/// Writes what has changed, if it would be understood: an edit that ends in an error has changed nothing.
fn edit(
    cx: &mut Cx<'_, '_>,
    (actor, action): (Option<&Actor>, &str),
    before: RawSchedule,
    mut after: RawSchedule,
    now: i64,
) -> Result<ScheduleRow, Fault> {
    after.clone().into_row()?;
    let facts = |s: &RawSchedule| actor.map(|_| schedule(&s.texts, s.enabled));
    let change = (facts(&before), facts(&after));
    audit::did(cx, actor, (action, WHAT, &before.name), change, before != after, now)?;
    if before == after {
        return row(before);
    }
    after.version = next_version(cx)?;
    after.edited_at = now;
    write(cx, EDIT, &after)?;
    let when = |s: &RawSchedule| (s.texts.expression.clone(), s.texts.zone.clone(), s.enabled);
    if when(&before) != when(&after) {
        cx.conn.prepare_cached(FROM_NOW)?.execute(params![after.name, now])?;
    }
    row(must(cx.conn, &after.name)?)
}

fn write(cx: &Cx<'_, '_>, sql: &str, raw: &RawSchedule) -> rusqlite::Result<()> {
    let code = raw.code.as_ref();
    let values = params![
        raw.name,
        raw.texts.expression,
        raw.texts.zone,
        raw.texts.rest,
        raw.enabled,
        raw.owner,
        code.map(|c| &c.texts.expression),
        code.map(|c| &c.texts.zone),
        code.map(|c| &c.texts.rest),
        code.map(|c| c.enabled),
        code.map(|c| &c.program),
        code.is_some_and(|c| c.declared),
        raw.version,
        raw.edited_at,
    ];
    cx.conn.prepare_cached(sql)?.execute(values).map(drop)
}

fn remove(cx: &mut Cx<'_, '_>, name: &str, actor: Option<&Actor>) -> Result<bool, Fault> {
    let before = find(cx.conn, name)?.map(|(_, raw)| schedule(&raw.texts, raw.enabled));
    let (there, now) = (before.is_some(), time(None));
    audit::did(cx, actor, ("schedule.remove", WHAT, name), (before, None), there, now)?;
    let no: Option<i64> = cx.conn.prepare_cached(REMOVE)?.query_row([name], |r| r.get(0)).optional()?;
    let Some(no) = no else { return Ok(false) };
    cx.conn.prepare_cached(FORGET_TICKS)?.execute([no])?;
    bump_settings(cx)?;
    Ok(true)
}

fn undeclare(cx: &Cx<'_, '_>, params: &UndeclareParams) -> Result<Vec<String>, Fault> {
    // A list of strings always has a JSON form.
    let declared = serde_json::to_string(&params.declared).unwrap_or_default();
    let mut statement = cx.conn.prepare_cached(UNDECLARE)?;
    let names = statement.query_map(params![params.program, declared], |r| r.get(0))?;
    let mut names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
    names.sort_unstable();
    Ok(names)
}

fn list(conn: &Connection) -> Result<AllSchedules, Fault> {
    let raw: Vec<RawSchedule> = conn
        .prepare_cached(&format!("{SCHEDULE} ORDER BY name"))?
        .query_map([], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(AllSchedules::of(raw.into_iter().map(|raw| (raw.name.clone(), raw.into_row()))))
}

#[async_trait]
impl CronStorage for SqliteStorage {
    async fn put(&self, params: PutScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.write(Lane::Bulk, move |cx| put(cx, &params)).await
    }

    async fn set_enabled(
        &self,
        params: EditScheduleParams,
        activity: Activity,
    ) -> Result<ScheduleRow, StorageError> {
        self.write(Lane::Bulk, move |cx| set_enabled(cx, &params, activity)).await
    }

    async fn reset(&self, params: EditScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.write(Lane::Bulk, move |cx| reset(cx, &params)).await
    }

    async fn remove(&self, name: &str, actor: Option<Actor>) -> Result<bool, StorageError> {
        let name = name.to_owned();
        self.write(Lane::Bulk, move |cx| remove(cx, &name, actor.as_ref())).await
    }

    async fn undeclare(&self, params: UndeclareParams) -> Result<Vec<String>, StorageError> {
        self.write(Lane::Bulk, move |cx| undeclare(cx, &params)).await
    }

    async fn get(&self, name: &str) -> Result<Option<ScheduleRow>, StorageError> {
        let name = name.to_owned();
        self.read_by(self.settings.as_ref(), Some(SETTINGS_LIMIT), move |conn| {
            find(conn, &name)?.map(|(_, raw)| row(raw)).transpose()
        })
        .await
    }

    async fn list(&self) -> Result<AllSchedules, StorageError> {
        self.read_by(self.settings.as_ref(), Some(SETTINGS_LIMIT), list).await
    }

    async fn due(&self, params: DueParams) -> Result<DueSchedules, StorageError> {
        let look = move |conn: &Connection| ticks::due(conn, params);
        self.read_by(self.settings.as_ref(), Some(SETTINGS_LIMIT), look).await
    }

    async fn fire(&self, params: FireParams) -> Result<Vec<FireResult>, StorageError> {
        check_fire(&params)?;
        self.write(Lane::Bulk, move |cx| ticks::fire(cx, &params)).await
    }

    async fn run_now(&self, params: RunScheduleParams) -> Result<TickRow, StorageError> {
        self.write(Lane::Bulk, move |cx| ticks::run_now(cx, &params)).await
    }

    async fn ticks(&self, params: TicksParams) -> Result<Vec<TickRow>, StorageError> {
        check_rows(params.limit, MAX_PAGE)?;
        self.read(None, move |conn| Ok(ticks::list(conn, &params)?)).await
    }
}

//! Schedules: made, edited, removed.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::{PostgresStorage, audit, ticks};
use crate::Timestamp;
use crate::limits::{MAX_PAGE, MAX_SCHEDULES};
use crate::schedule::Owner;
use crate::storage::checks::{
    check_fire, check_rows, no_code, no_schedule, schedule_conflict, too_many_schedules,
};
use crate::storage::schedule_texts::{RawSchedule, RawWish, SpecTexts, owner_no};
use crate::storage::{
    Activity, Actor, AllSchedules, Author, CronStorage, DueParams, DueSchedules, EditScheduleParams,
    FireParams, FireResult, PutScheduleParams, RunScheduleParams, ScheduleRow, StorageError, TickRow,
    TicksParams, UndeclareParams,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The columns that [`read`] reads, of a table `s`.
pub(super) const COLUMNS: &str = "s.name, s.expression, s.zone, s.spec, s.enabled, s.owner, s.code_expression, \
     s.code_zone, s.code_spec, s.code_enabled, s.program, s.declared, s.version, s.handled_until, s.last_fire_at, \
     s.last_job, s.created_at, s.edited_at, s.next_at";
const PUT: &str = "SELECT {schema}.put_schedule($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const CHANGE: &str = "SELECT {schema}.change_schedule($1, $2, $3, $4, $5)";
const REMOVE: &str = "SELECT {schema}.remove_schedule($1, $2)";
const UNDECLARE: &str = "SELECT {schema}.undeclare_schedules($1, $2)";
/// What the audit calls it.
const WHAT: &str = "schedule";
/// Longest time of a look: one statement on a small table.
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// A schedule, from a row of [`COLUMNS`], the first of which is `at`.
pub(super) fn read(r: &Row, at: usize) -> Result<RawSchedule, tokio_postgres::Error> {
    let code: Option<String> = r.try_get(at + 6)?;
    let code = match code {
        None => None,
        Some(expression) => Some(RawWish {
            texts: SpecTexts { expression, zone: r.try_get(at + 7)?, rest: r.try_get(at + 8)? },
            enabled: r.try_get(at + 9)?,
            program: r.try_get(at + 10)?,
            declared: r.try_get(at + 11)?,
        }),
    };
    Ok(RawSchedule {
        name: r.try_get(at)?,
        texts: SpecTexts {
            expression: r.try_get(at + 1)?,
            zone: r.try_get(at + 2)?,
            rest: r.try_get(at + 3)?,
        },
        enabled: r.try_get(at + 4)?,
        owner: r.try_get(at + 5)?,
        code,
        version: r.try_get(at + 12)?,
        handled_until: r.try_get(at + 13)?,
        last_fire_at: r.try_get(at + 14)?,
        last_job: r.try_get::<_, Option<Uuid>>(at + 15)?.map(|id| *id.as_bytes()),
        created_at: r.try_get(at + 16)?,
        edited_at: r.try_get(at + 17)?,
        next_at: r.try_get(at + 18)?,
    })
}

async fn find_raw(hub: &Hub, name: &str) -> Result<Option<RawSchedule>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM {{schema}}.schedules s WHERE s.name = $1");
    let rows = hub.look_within(Lane::Work, &sql, &[(&name, Type::TEXT)], LOOK_LIMIT).await?;
    Ok(rows.first().map(|row| read(row, 0)).transpose()?)
}

/// One schedule.
pub(super) async fn find(hub: &Hub, name: &str) -> Result<Option<ScheduleRow>, Fault> {
    Ok(find_raw(hub, name).await?.map(RawSchedule::into_row).transpose()?)
}

/// Refuses an edit that keeps what this program does not understand: the server would make it, and the answer would be an
/// error all the same.
async fn understood(
    hub: &Hub,
    name: &str,
    kept: fn(&RawSchedule) -> Option<&SpecTexts>,
) -> Result<(), StorageError> {
    let before = find_raw(hub, name).await.map_err(|e| e.into_storage(false))?;
    before.as_ref().and_then(kept).map_or(Ok(()), |texts| texts.read(name).map(drop))
}

async fn list(hub: Arc<Hub>) -> Result<AllSchedules, StorageError> {
    let all: Result<AllSchedules, Fault> = async {
        let sql = format!("SELECT {COLUMNS} FROM {{schema}}.schedules s ORDER BY s.name");
        let rows = hub.look_within(Lane::Work, &sql, &[], LOOK_LIMIT).await?;
        let raw = rows.iter().map(|r| read(r, 0)).collect::<Result<Vec<_>, _>>()?;
        Ok(AllSchedules::of(raw.into_iter().map(|raw| (raw.name.clone(), raw.into_row()))))
    }
    .await;
    all.map_err(|e| e.into_storage(false))
}

async fn must(hub: &Hub, name: &str) -> Result<ScheduleRow, StorageError> {
    find(hub, name).await.map_err(|e| e.into_storage(false))?.ok_or_else(|| no_schedule(name))
}

async fn put(hub: Arc<Hub>, params: PutScheduleParams) -> Result<ScheduleRow, StorageError> {
    let new = params.schedule;
    let texts = SpecTexts::of(&new.spec)?;
    let (program, expected) = match params.by {
        Author::Code { program } => (Some(program), None),
        Author::Operator { expected_version } => (None, expected_version),
    };
    if program.is_some() {
        understood(&hub, &new.name, |s| (s.owner == owner_no(Owner::Operator)).then_some(&s.texts)).await?;
    }
    let most = i32::try_from(MAX_SCHEDULES).unwrap_or(i32::MAX);
    let now = params.now.map(Timestamp::as_micros);
    let by = audit::does(params.actor.as_ref(), ("schedule.put", WHAT, &new.name), None);
    let values = [
        (&new.name as _, Type::TEXT),
        (&texts.expression as _, Type::TEXT),
        (&texts.zone as _, Type::TEXT),
        (&texts.rest as _, Type::TEXT),
        (&new.enabled as _, Type::BOOL),
        (&program as _, Type::TEXT),
        (&expected as _, Type::INT8),
        (&most as _, Type::INT4),
        (&now as _, Type::INT8),
        (&by as _, Type::TEXT),
    ];
    let code: Result<i32, Fault> =
        async { Ok(only(hub.write(Lane::Work, PUT, &values).await?)?.try_get(0)?) }.await;
    edited(&hub, &new.name, expected, code).await
}

async fn change(
    hub: Arc<Hub>,
    params: EditScheduleParams,
    enabled: Option<bool>,
) -> Result<ScheduleRow, StorageError> {
    let now = params.now.map(Timestamp::as_micros);
    let action = match enabled {
        Some(true) => "schedule.resume",
        Some(false) => "schedule.pause",
        None => "schedule.reset",
    };
    if enabled.is_some() {
        understood(&hub, &params.name, |s| Some(&s.texts)).await?;
    } else {
        understood(&hub, &params.name, |s| s.code.as_ref().map(|code| &code.texts)).await?;
    }
    let by = audit::does(params.actor.as_ref(), (action, WHAT, &params.name), None);
    let values = [
        (&params.name as _, Type::TEXT),
        (&enabled as _, Type::BOOL),
        (&params.expected_version as _, Type::INT8),
        (&now as _, Type::INT8),
        (&by as _, Type::TEXT),
    ];
    let code: Result<i32, Fault> =
        async { Ok(only(hub.write(Lane::Work, CHANGE, &values).await?)?.try_get(0)?) }.await;
    edited(&hub, &params.name, params.expected_version, code).await
}

/// The schedule after an edit, or why there was none.
async fn edited(
    hub: &Hub,
    name: &str,
    expected: Option<i64>,
    code: Result<i32, Fault>,
) -> Result<ScheduleRow, StorageError> {
    match code.map_err(|e| e.into_storage(true))? {
        0 => {
            hub.announce(Effects::CLAIMABLE);
            must(hub, name).await
        }
        1 => {
            let version = must(hub, name).await?.version;
            Err(schedule_conflict(name, version, expected.unwrap_or_default()))
        }
        2 => Err(too_many_schedules()),
        4 => Err(no_code(name)),
        _ => Err(no_schedule(name)),
    }
}

async fn remove(hub: Arc<Hub>, name: String, actor: Option<Actor>) -> Result<bool, StorageError> {
    let by = audit::does(actor.as_ref(), ("schedule.remove", WHAT, &name), None);
    let values = [(&name as _, Type::TEXT), (&by as _, Type::TEXT)];
    let there: Result<bool, Fault> =
        async { Ok(only(hub.write(Lane::Work, REMOVE, &values).await?)?.try_get(0)?) }.await;
    let there = there.map_err(|e| e.into_storage(true))?;
    if there {
        hub.announce(Effects::CLAIMABLE);
    }
    Ok(there)
}

async fn undeclare(hub: Arc<Hub>, params: UndeclareParams) -> Result<Vec<String>, StorageError> {
    let values = [(&params.program as _, Type::TEXT), (&params.declared as _, Type::TEXT_ARRAY)];
    let names: Result<Vec<String>, Fault> =
        async { Ok(only(hub.write(Lane::Work, UNDECLARE, &values).await?)?.try_get(0)?) }.await;
    names.map_err(|e| e.into_storage(true))
}

#[async_trait]
impl CronStorage for PostgresStorage {
    async fn put(&self, params: PutScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.run(|hub| put(hub, params)).await
    }

    async fn set_enabled(
        &self,
        params: EditScheduleParams,
        activity: Activity,
    ) -> Result<ScheduleRow, StorageError> {
        self.run(|hub| change(hub, params, Some(activity == Activity::Enabled))).await
    }

    async fn reset(&self, params: EditScheduleParams) -> Result<ScheduleRow, StorageError> {
        self.run(|hub| change(hub, params, None)).await
    }

    async fn remove(&self, name: &str, actor: Option<Actor>) -> Result<bool, StorageError> {
        let name = name.to_owned();
        self.run(|hub| remove(hub, name, actor)).await
    }

    async fn undeclare(&self, params: UndeclareParams) -> Result<Vec<String>, StorageError> {
        self.run(|hub| undeclare(hub, params)).await
    }

    async fn get(&self, name: &str) -> Result<Option<ScheduleRow>, StorageError> {
        let name = name.to_owned();
        self.run(|hub| async move { find(&hub, &name).await.map_err(|e| e.into_storage(false)) }).await
    }

    async fn list(&self) -> Result<AllSchedules, StorageError> {
        self.run(list).await
    }

    async fn due(&self, params: DueParams) -> Result<DueSchedules, StorageError> {
        self.run(|hub| ticks::due(hub, params)).await
    }

    async fn fire(&self, params: FireParams) -> Result<Vec<FireResult>, StorageError> {
        check_fire(&params)?;
        self.run(|hub| ticks::fire(hub, params)).await
    }

    async fn run_now(&self, params: RunScheduleParams) -> Result<TickRow, StorageError> {
        self.run(|hub| ticks::run_now(hub, params)).await
    }

    async fn ticks(&self, params: TicksParams) -> Result<Vec<TickRow>, StorageError> {
        check_rows(params.limit, MAX_PAGE)?;
        self.run(|hub| ticks::list(hub, params)).await
    }
}

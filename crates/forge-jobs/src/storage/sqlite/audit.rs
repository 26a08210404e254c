//! What people did, and who.

use super::SqliteStorage;
use super::audit_ends::{Came, ends, outcome};
use super::error::Fault;
use super::writer::{Cx, Lane, time};
use crate::Timestamp;
use crate::limits::MAX_PAGE;
use crate::storage::audit_entry::{Entry, ids};
use crate::storage::checks::{check_rows, micros};
use crate::storage::{
    Actor, Audit, AuditFilter, AuditListParams, AuditOutcome, AuditPage, AuditRow, RecordParams, Source,
    StorageError, SweepAuditParams, VerbParams,
};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use serde_json::json;

const RECORD: &str = "INSERT INTO forge_audit (at, count, actor, role, source, address, action, what, target, outcome, \
     before, after, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const LIST: &str = "SELECT no, at, actor, role, source, address, action, what, target, count, before, after, detail, \
     outcome FROM forge_audit";
const SWEEP: &str =
    "DELETE FROM forge_audit WHERE no IN (SELECT no FROM forge_audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
const ANY_OLD: &str = "SELECT 1 FROM forge_audit WHERE at < ?1 LIMIT 1";

/// Writes an action down.
pub(super) fn record(
    cx: &Cx<'_, '_>,
    entry: &Entry<'_>,
    (count, outcome): (u64, AuditOutcome),
    now: i64,
) -> rusqlite::Result<()> {
    let actor = entry.actor;
    let values = params![
        now,
        i64::try_from(count).unwrap_or(i64::MAX),
        actor.name(),
        actor.role().map(crate::storage::Role::as_str),
        actor.source().as_str(),
        actor.address(),
        entry.action,
        entry.what,
        entry.target,
        outcome.as_str(),
        entry.before,
        entry.after,
        entry.detail,
    ];
    cx.conn.prepare_cached(RECORD)?.execute(values).map(drop)
}

/// Writes an action on one thing down, if a person did it.
pub(super) fn did(
    cx: &Cx<'_, '_>,
    actor: Option<&Actor>,
    (action, what, target): (&str, &str, &str),
    (before, after): (Option<serde_json::Value>, Option<serde_json::Value>),
    changed: bool,
    now: i64,
) -> rusqlite::Result<()> {
    let Some(actor) = actor else { return Ok(()) };
    let entry = Entry::new(actor, action, what, Some(target)).with_change(before, after);
    record(cx, &entry, (changed.into(), outcome(changed.into())), now)
}

/// Writes a verb on jobs down, if a person did it.
pub(super) fn verb<O: Came>(
    cx: &Cx<'_, '_>,
    params: &VerbParams,
    action: &str,
    outcomes: &[O],
) -> rusqlite::Result<()> {
    let Some(actor) = &params.actor else { return Ok(()) };
    let one = if let [id] = params.ids.as_slice() { Some(id.to_string()) } else { None };
    let (count, ends) = ends(outcomes);
    let mut detail = ids(&params.ids);
    detail["ends"] = json!(ends);
    let entry = Entry::new(actor, action, "job", one.as_deref()).with_detail(&detail);
    record(cx, &entry, (count, outcome(count)), time(params.now))
}

fn list(conn: &Connection, params: &AuditListParams) -> Result<AuditPage, Fault> {
    let AuditFilter { actor, action, what, target, since, until } = &params.filter;
    let mut sql = format!("{LIST} WHERE 1");
    let mut values = Vec::new();
    let text = |v: &Option<String>| v.clone().map(Value::from);
    let at = |v: &Option<Timestamp>| v.map(|t| Value::from(t.as_micros()));
    let conditions = [
        ("actor =", text(actor)),
        ("action =", text(action)),
        ("what =", text(what)),
        ("target =", text(target)),
        ("at >=", at(since)),
        ("at <", at(until)),
        ("no <", params.before.map(Value::from)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            sql.extend([" AND ", condition, " ?"]);
            values.push(value);
        }
    }
    sql.push_str(" ORDER BY no DESC LIMIT ?");
    values.push(Value::from(i64::from(params.limit) + 1));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), read)?;
    let mut rows: Vec<AuditRow> = rows.collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > params.limit as usize;
    rows.truncate(params.limit as usize);
    Ok(AuditPage { next: rows.last().filter(|_| more).map(|r| r.no), rows })
}

fn read(r: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let (role, source): (Option<String>, String) = (r.get(3)?, r.get(4)?);
    Ok(AuditRow {
        no: r.get(0)?,
        at: Timestamp::from_micros(r.get(1)?),
        // Words of a newer version are passed over.
        actor: Actor::from_storage(
            r.get(2)?,
            role.and_then(|r| r.parse().ok()),
            source.parse().unwrap_or(Source::Code),
            r.get(5)?,
        ),
        action: r.get(6)?,
        what: r.get(7)?,
        target: r.get(8)?,
        count: r.get(9)?,
        before: r.get(10)?,
        after: r.get(11)?,
        detail: r.get(12)?,
        outcome: r.get::<_, String>(13)?.parse().unwrap_or(AuditOutcome::Done),
    })
}

#[async_trait]
impl Audit for SqliteStorage {
    async fn list(&self, params: AuditListParams) -> Result<AuditPage, StorageError> {
        check_rows(params.limit, MAX_PAGE)?;
        self.read(None, move |conn| list(conn, &params)).await
    }

    async fn record(&self, params: RecordParams) -> Result<(), StorageError> {
        params.check()?;
        let write = move |cx: &mut Cx<'_, '_>| {
            Ok(record(cx, &Entry::of(&params), (0, params.outcome), time(params.now))?)
        };
        self.write(Lane::Bulk, write).await
    }

    async fn sweep_audit(&self, params: SweepAuditParams) -> Result<u32, StorageError> {
        let before = move || time(params.now).saturating_sub(micros(params.keep));
        let look = move |cx: &mut Cx<'_, '_>| {
            Ok((!cx.conn.prepare_cached(ANY_OLD)?.exists([before()])?).then_some(0))
        };
        let sweep = move |cx: &mut Cx<'_, '_>| {
            let gone = cx.conn.prepare_cached(SWEEP)?.execute(params![before(), params.limit])?;
            Ok(u32::try_from(gone).unwrap_or(u32::MAX))
        };
        self.look_or_write(Lane::Bulk, look, sweep).await
    }
}

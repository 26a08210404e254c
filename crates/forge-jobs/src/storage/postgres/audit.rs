//! What people did, and who.

use super::PostgresStorage;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::Timestamp;
use crate::limits::MAX_PAGE;
use crate::storage::audit_entry::{Entry, ids};
use crate::storage::checks::{check_rows, micros};
use crate::storage::{
    Actor, Audit, AuditListParams, AuditOutcome, AuditPage, AuditRow, RecordParams, Source, StorageError,
    SweepAuditParams, VerbParams,
};
use async_trait::async_trait;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

const LIST: &str = "SELECT no, at, actor, role, source, address, action, what, target, count, before, after, detail, \
     outcome FROM {schema}.audit WHERE true";
const RECORD: &str = "SELECT {schema}.audit($1, 0, NULL, NULL, NULL, $2)";
const SWEEP: &str = "SELECT {schema}.sweep_audit($1, $2, $3)";

/// An action on one thing, as functions take it; `None` when no person does it.
pub(super) fn does(
    actor: Option<&Actor>,
    (action, what, target): (&str, &str, &str),
    after: Option<serde_json::Value>,
) -> Option<String> {
    Some(Entry::new(actor?, action, what, Some(target)).with_change(None, after).to_json())
}

/// A verb on jobs, likewise.
pub(super) fn verb(params: &VerbParams, action: &str) -> Option<String> {
    let one = if let [id] = params.ids.as_slice() { Some(id.to_string()) } else { None };
    let entry = Entry::new(params.actor.as_ref()?, action, "job", one.as_deref());
    Some(entry.with_detail(&ids(&params.ids)).to_json())
}

async fn list(hub: Arc<Hub>, params: AuditListParams) -> Result<AuditPage, StorageError> {
    let filter = &params.filter;
    let (since, until) = (filter.since.map(Timestamp::as_micros), filter.until.map(Timestamp::as_micros));
    let conditions: [(&str, bool, &(dyn ToSql + Sync), Type); 7] = [
        ("actor =", filter.actor.is_some(), &filter.actor, Type::TEXT),
        ("action =", filter.action.is_some(), &filter.action, Type::TEXT),
        ("what =", filter.what.is_some(), &filter.what, Type::TEXT),
        ("target =", filter.target.is_some(), &filter.target, Type::TEXT),
        ("at >=", since.is_some(), &since, Type::INT8),
        ("at <", until.is_some(), &until, Type::INT8),
        ("no <", params.before.is_some(), &params.before, Type::INT8),
    ];
    let mut sql = LIST.to_owned();
    let mut values = Vec::new();
    for (condition, given, value, ty) in conditions {
        if given {
            values.push((value, ty));
            sql.extend([" AND ", condition, " $", &values.len().to_string()]);
        }
    }
    sql.extend([" ORDER BY no DESC LIMIT ", &(params.limit + 1).to_string()]);
    let page: Result<AuditPage, Fault> = async {
        let rows = hub.look(Lane::Read, &sql, &values).await?;
        let mut rows: Vec<AuditRow> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let more = rows.len() > params.limit as usize;
        rows.truncate(params.limit as usize);
        Ok(AuditPage { next: rows.last().filter(|_| more).map(|r| r.no), rows })
    }
    .await;
    page.map_err(|e| e.into_storage(false))
}

fn read(r: &Row) -> Result<AuditRow, tokio_postgres::Error> {
    let (role, source): (Option<String>, String) = (r.try_get(3)?, r.try_get(4)?);
    Ok(AuditRow {
        no: r.try_get(0)?,
        at: Timestamp::from_micros(r.try_get(1)?),
        // Words of a newer version are passed over.
        actor: Actor::from_storage(
            r.try_get(2)?,
            role.and_then(|r| r.parse().ok()),
            source.parse().unwrap_or(Source::Code),
            r.try_get(5)?,
        ),
        action: r.try_get(6)?,
        what: r.try_get(7)?,
        target: r.try_get(8)?,
        count: r.try_get::<_, i64>(9)?.max(0).unsigned_abs(),
        before: r.try_get(10)?,
        after: r.try_get(11)?,
        detail: r.try_get(12)?,
        outcome: r.try_get::<_, &str>(13)?.parse().unwrap_or(AuditOutcome::Done),
    })
}

async fn record(hub: Arc<Hub>, params: RecordParams) -> Result<(), StorageError> {
    write(&hub, &Entry::of(&params), params.outcome, params.now).await
}

/// Writes down that it was as asked before.
pub(super) async fn unchanged(
    hub: &Hub,
    entry: &Entry<'_>,
    now: Option<Timestamp>,
) -> Result<(), StorageError> {
    write(hub, entry, AuditOutcome::Unchanged, now).await
}

async fn write(
    hub: &Hub,
    entry: &Entry<'_>,
    outcome: AuditOutcome,
    now: Option<Timestamp>,
) -> Result<(), StorageError> {
    let (by, now) = (entry.ending(outcome), now.map(Timestamp::as_micros));
    let values = [(&by as _, Type::TEXT), (&now as _, Type::INT8)];
    hub.write(Lane::Work, RECORD, &values).await.map(drop).map_err(|e| e.into_storage(true))
}

async fn sweep(hub: Arc<Hub>, params: SweepAuditParams) -> Result<u32, StorageError> {
    let (keep, limit) = (micros(params.keep), i32::try_from(params.limit).unwrap_or(i32::MAX));
    let now = params.now.map(Timestamp::as_micros);
    let values = [(&keep as _, Type::INT8), (&limit as _, Type::INT4), (&now as _, Type::INT8)];
    let gone: Result<i32, Fault> =
        async { Ok(only(hub.write(Lane::Work, SWEEP, &values).await?)?.try_get(0)?) }.await;
    Ok(u32::try_from(gone.map_err(|e| e.into_storage(true))?).unwrap_or(0))
}

#[async_trait]
impl Audit for PostgresStorage {
    async fn list(&self, params: AuditListParams) -> Result<AuditPage, StorageError> {
        check_rows(params.limit, MAX_PAGE)?;
        self.run(|hub| list(hub, params)).await
    }

    async fn record(&self, params: RecordParams) -> Result<(), StorageError> {
        params.check()?;
        self.run(|hub| record(hub, params)).await
    }

    async fn sweep_audit(&self, params: SweepAuditParams) -> Result<u32, StorageError> {
        self.run(|hub| sweep(hub, params)).await
    }
}

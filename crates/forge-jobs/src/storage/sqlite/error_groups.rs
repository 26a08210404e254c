//! Errors by sort: counted in the transaction that ends an attempt. With one writer the row of a count is simply raised.

use super::error::Fault;
use super::state::RunningRow;
use super::writer::{Cx, time};
use crate::errors::{ErrorGroupId, Fingerprint};
use crate::limits::{ERROR_GROUP_RETENTION, MAX_ERROR_GROUPS, MAX_PAGE};
use crate::storage::checks::{check_rows, micros};
use crate::storage::history::chunks::listed;
use crate::storage::{
    ErrorGroup, ErrorGroupList, ErrorGroupsParams, ErrorQueue, TendErrorsParams, TendErrorsReport,
};
use crate::{JobId, Timestamp};
use rusqlite::{Connection, Row, params};

const KNOWN: &str = "SELECT 1 FROM forge_error_groups WHERE id = ?1";
const NEW: &str = "INSERT INTO forge_error_groups (id, kind, error_type, message, first_at, first_version) \
     SELECT ?1, j.kind, ?3, ?4, ?5, coalesce((SELECT version FROM forge_processes WHERE no = ?6), '') \
     FROM forge_jobs j WHERE j.seq = ?2";
const RAISE: &str = "INSERT INTO forge_error_counts (error_group, queue, count, first_at, last_at, last_job) \
     SELECT ?1, ?2, 1, ?3, ?3, j.id FROM forge_jobs j WHERE j.seq = ?4 \
     ON CONFLICT (error_group, queue) DO UPDATE SET count = count + 1, first_at = min(first_at, excluded.first_at), \
     last_at = max(last_at, excluded.last_at), last_job = excluded.last_job";
/// In the order of their groups. The rows of a group are as many as the queues it was seen in.
const GROUPS: &str = "SELECT g.id, k.name, g.error_type, g.message, g.first_version, c.count, c.first_at, c.last_at, \
     c.last_job, q.name FROM forge_error_groups g JOIN forge_error_counts c ON c.error_group = g.id \
     JOIN forge_kinds k ON k.no = g.kind JOIN forge_queues q ON q.no = c.queue \
     WHERE (?1 IS NULL OR g.id = ?1) AND (?2 IS NULL OR k.name = ?2) ORDER BY g.id, q.name";
const TENDED: &str = "SELECT NOT EXISTS (SELECT 1 FROM forge_error_counts WHERE last_at < ?1) \
     AND (SELECT count(*) FROM forge_error_groups) <= ?2";
const EXPIRED: &str = "DELETE FROM forge_error_counts WHERE (error_group, queue) IN \
     (SELECT error_group, queue FROM forge_error_counts WHERE last_at < ?1 LIMIT ?2)";
/// Those that were not seen for longest.
const EXCESS: &str = "DELETE FROM forge_error_counts WHERE error_group IN \
     (SELECT error_group FROM forge_error_counts GROUP BY error_group ORDER BY max(last_at) DESC, error_group \
      LIMIT ?2 OFFSET ?1)";
const UNSEEN: &str = "DELETE FROM forge_error_groups WHERE NOT EXISTS \
     (SELECT 1 FROM forge_error_counts c WHERE c.error_group = forge_error_groups.id)";

/// Counts an attempt that ended like this.
pub(super) fn count(
    cx: &Cx<'_, '_>,
    claim: &RunningRow,
    fingerprint: &Fingerprint,
    at: i64,
) -> rusqlite::Result<()> {
    let group = fingerprint.group.number();
    if !cx.conn.prepare_cached(KNOWN)?.exists([group])? {
        let Fingerprint { error_type, message, .. } = fingerprint;
        let values = params![group, claim.seq, error_type, message, at, claim.process];
        cx.conn.prepare_cached(NEW)?.execute(values)?;
    }
    cx.conn.prepare_cached(RAISE)?.execute(params![group, claim.queue, at, claim.seq]).map(drop)
}

/// Groups of errors.
pub(super) fn list(conn: &Connection, params: &ErrorGroupsParams) -> Result<ErrorGroupList, Fault> {
    check_rows(params.limit, MAX_PAGE)?;
    Ok(listed(read(conn, None, params.kind.as_deref())?, params))
}

/// One of them.
pub(super) fn get(conn: &Connection, id: ErrorGroupId) -> Result<Option<ErrorGroup>, Fault> {
    Ok(read(conn, Some(id), None)?.into_iter().next())
}

fn read(
    conn: &Connection,
    id: Option<ErrorGroupId>,
    kind: Option<&str>,
) -> rusqlite::Result<Vec<ErrorGroup>> {
    let mut statement = conn.prepare_cached(GROUPS)?;
    let mut rows = statement.query(params![id.map(ErrorGroupId::number), kind])?;
    let mut groups: Vec<ErrorGroup> = Vec::new();
    while let Some(r) = rows.next()? {
        let next = group(r)?;
        match groups.last_mut().filter(|last| last.id == next.id) {
            Some(last) => last.add(next),
            None => groups.push(next),
        }
    }
    Ok(groups)
}

fn group(r: &Row<'_>) -> rusqlite::Result<ErrorGroup> {
    let (count, last_at) = (r.get(5)?, Timestamp::from_micros(r.get(7)?));
    Ok(ErrorGroup {
        id: ErrorGroupId::from_number(r.get(0)?),
        kind: r.get(1)?,
        error_type: r.get(2)?,
        message: r.get(3)?,
        first_version: r.get(4)?,
        count,
        first_at: Timestamp::from_micros(r.get(6)?),
        last_at,
        last_job: JobId::from_bytes(r.get(8)?),
        queues: vec![ErrorQueue { queue: r.get(9)?, count, last_at }],
    })
}

/// Whether there is nothing to be forgotten.
pub(super) fn tended(cx: &Cx<'_, '_>, params: &TendErrorsParams) -> Result<Option<TendErrorsReport>, Fault> {
    let values = params![expiry(params), MAX_ERROR_GROUPS];
    let tended: bool = cx.conn.prepare_cached(TENDED)?.query_row(values, |r| r.get(0))?;
    Ok(tended.then(TendErrorsReport::default))
}

fn expiry(params: &TendErrorsParams) -> i64 {
    time(params.now).saturating_sub(micros(ERROR_GROUP_RETENTION))
}

/// Forgets what was not seen for long, and what is too much.
pub(super) fn tend(cx: &Cx<'_, '_>, params: &TendErrorsParams) -> Result<TendErrorsReport, Fault> {
    let limit = params.limit;
    let expired = cx.conn.prepare_cached(EXPIRED)?.execute(params![expiry(params), limit])?;
    let excess = cx.conn.prepare_cached(EXCESS)?.execute(params![MAX_ERROR_GROUPS, limit])?;
    let forgotten = cx.conn.prepare_cached(UNSEEN)?.execute([])? as u64;
    let more = expired.max(excess) >= limit as usize;
    Ok(TendErrorsReport { counted: 0, forgotten, more })
}

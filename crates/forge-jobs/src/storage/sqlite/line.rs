//! What is before a job in the line of its queue.

use super::error::Fault;
use super::inspect::bounded;
use super::writer::time;
use crate::limits::COUNT_CAP;
use crate::storage::{BoundedCount, ClaimMode, Line, LineParams};
use crate::{ProcessId, Timestamp};
use rusqlite::{Connection, params};

/// Per kind, a piece of the index.
const COUNTS: &str = "SELECT k.name, \
     (SELECT count(*) FROM (SELECT 1 FROM forge_ready r WHERE r.queue = q.no AND r.lane = ?2 AND r.kind = k.no \
        AND (r.priority, r.due_at, r.id) < (?3, ?4, ?5) LIMIT ?6)), \
     (SELECT count(*) FROM (SELECT 1 FROM forge_ready r WHERE r.queue = q.no AND r.lane = ?2 AND r.kind = k.no \
        LIMIT ?6)) \
     FROM forge_queues q CROSS JOIN forge_kinds k WHERE q.name = ?1";
/// The table holds what runs now, so a scan is small.
const RUNNING: &str = "SELECT p.id, count(*) FROM forge_running r JOIN forge_processes p ON p.no = r.process \
     WHERE r.queue = (SELECT no FROM forge_queues WHERE name = ?1) GROUP BY p.id";

pub(super) fn line(conn: &Connection, params: &LineParams) -> Result<Line, Fault> {
    let now = time(params.now);
    let lane = i64::from(params.mode == ClaimMode::Alone);
    let (priority, due_at, id) = params.before;
    let values = params![params.queue, lane, priority, due_at.as_micros(), &id.as_bytes()[..], COUNT_CAP + 1];
    let (mut ahead, mut of) = (BoundedCount::default(), BoundedCount::default());
    let mut counts = conn.prepare_cached(COUNTS)?;
    let mut rows = counts.query(values)?;
    while let Some(row) = rows.next()? {
        if params.kinds.allows(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
            ahead = ahead.plus(bounded(row.get(1)?));
            of = of.plus(bounded(row.get(2)?));
        }
    }
    let running = conn
        .prepare_cached(RUNNING)?
        .query_map([&params.queue], |r| Ok((ProcessId::from_bytes(r.get(0)?), r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Line { now: Timestamp::from_micros(now), ahead, of, running })
}

//! Concurrency keys: one job of each kind and key may be claimable or running.
//!
//! The key follows where the job stands, in the same transaction: so it is never lost, whoever dies. Those that wait are
//! pending, in a lane of `forge_ready` that nobody claims.

use super::state::{JobRow, put_ready, take_ready};
use super::writer::Cx;
use crate::storage::guard::Guard;
use rusqlite::{OptionalExtension, params};

/// The lane of `forge_ready` of jobs that wait for their key.
pub(super) const WAITS: i64 = 2;

const TAKE: &str = "INSERT OR IGNORE INTO forge_slots (kind, key, seq) VALUES (?1, ?2, ?3)";
const HAS: &str = "SELECT 1 FROM forge_slots WHERE kind = ?1 AND key = ?2 AND seq = ?3";
const WAIT: &str = "INSERT OR FAIL INTO forge_waiting (kind, key, priority, due_at, id, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const STOP: &str =
    "DELETE FROM forge_waiting WHERE kind = ?1 AND key = ?2 AND priority = ?3 AND due_at = ?4 AND id = ?5";
const FREE: &str = "DELETE FROM forge_slots WHERE kind = ?1 AND key = ?2 AND seq = ?3";
const NEXT: &str =
    "SELECT seq FROM forge_waiting WHERE kind = ?1 AND key = ?2 ORDER BY priority, due_at, id LIMIT 1";

/// Takes a job's key for it, if it has one and nobody else has it; else the job waits for it from now on.
pub(super) fn takes(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<bool> {
    let Some(key) = job.concurrency_key.as_ref().filter(|_| cx.guards(Guard::Key)) else { return Ok(true) };
    let slot = params![job.kind, key, job.seq];
    if cx.conn.prepare_cached(TAKE)?.execute(slot)? == 1 || cx.conn.prepare_cached(HAS)?.exists(slot)? {
        return Ok(true);
    }
    let place = params![job.kind, key, job.priority, job.due_at, &job.id[..], job.seq];
    cx.conn.prepare_cached(WAIT)?.execute(place)?;
    Ok(false)
}

/// A job that is taken out of ready waits no longer; says whether it did.
pub(super) fn stops_waiting(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<bool> {
    let Some(key) = &job.concurrency_key else { return Ok(false) };
    let place = params![job.kind, key, job.priority, job.due_at, &job.id[..]];
    Ok(cx.conn.prepare_cached(STOP)?.execute(place)? == 1)
}

/// A job is finished, put off or gone: the first one that waits has its key now.
pub(super) fn give_on(cx: &mut Cx<'_, '_>, seq: i64) -> rusqlite::Result<()> {
    let Some(job) = JobRow::by_seq(cx, seq)? else { return Ok(()) };
    let Some(key) = &job.concurrency_key else { return Ok(()) };
    if cx.conn.prepare_cached(FREE)?.execute(params![job.kind, key, seq])? == 0 {
        return Ok(());
    }
    let next: Option<i64> =
        cx.conn.prepare_cached(NEXT)?.query_row(params![job.kind, key], |r| r.get(0)).optional()?;
    let Some(seq) = next else { return Ok(()) };
    let Some(next) = JobRow::by_seq(cx, seq)? else { return Ok(()) };
    take_ready(cx, &next)?;
    put_ready(cx, &next)
}

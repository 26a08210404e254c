//! Making deferred jobs claimable whose time has come.

use super::error::Fault;
use super::state::{JobRow, RETRYING, SCHEDULED, put_ready, take_deferred};
use super::writer::{Cx, time};
use crate::storage::{PromoteParams, Promoted};
use rusqlite::params;
use std::time::Duration;

const DUE: &str =
    "SELECT due_at, seq FROM forge_deferred WHERE status = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3";
const NEXT: &str = "SELECT min(due_at) FROM forge_deferred WHERE status = ?1";

/// Moves what is due from deferred to ready, the earliest first.
pub(super) fn promote(cx: &mut Cx<'_, '_>, params: &PromoteParams) -> Result<Promoted, Fault> {
    let now = time(params.now);
    let mut count = 0;
    let mut due = Vec::new();
    for status in [RETRYING, SCHEDULED] {
        let mut statement = cx.conn.prepare_cached(DUE)?;
        let rows = statement
            .query_map(params![status, now, params.limit], |r| Ok((r.get(0)?, r.get(1)?, status)))?;
        due.extend(rows.collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>()?);
    }
    due.sort_unstable();
    due.truncate(params.limit as usize);
    for (_, seq, status) in due {
        let Some(job) = JobRow::by_seq(cx, seq)? else { continue };
        take_deferred(cx, &job, status)?;
        put_ready(cx, &job)?;
        count += 1;
    }
    Ok(Promoted { count, next_due_in: next_due_in(cx, now)? })
}

fn next_due_in(cx: &Cx<'_, '_>, now: i64) -> rusqlite::Result<Option<Duration>> {
    let mut next: Option<i64> = None;
    for status in [RETRYING, SCHEDULED] {
        let due: Option<i64> = cx.conn.prepare_cached(NEXT)?.query_row([status], |r| r.get(0))?;
        next = next.into_iter().chain(due).min();
    }
    Ok(next.map(|due| Duration::from_micros(due.saturating_sub(now).max(0).unsigned_abs())))
}

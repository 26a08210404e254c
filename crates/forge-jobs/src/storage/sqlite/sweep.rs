//! Retention: deleting finished jobs past their queue's window, the oldest first.

use super::error::Fault;
use super::processes::forget_ended;
use super::state::{DEAD, DONE};
use super::unique;
use super::verbs::forget;
use super::writer::{Cx, time};
use crate::storage::checks::micros;
use crate::storage::{SweepParams, SweepReport};
use rusqlite::params;
use std::time::Duration;

const WINDOWS: &str = "SELECT no, done_retention_us, dead_retention_us FROM forge_queues ORDER BY no";
const EXPIRED: &str = "SELECT seq FROM forge_finished WHERE status = ?1 AND queue = ?2 AND finished_at <= ?3 \
     ORDER BY finished_at LIMIT ?4";

/// Ended registrations are kept this long at least, so that the process of an attempt can be named.
pub(super) const KEEP_ENDED: Duration = Duration::from_secs(30 * 86_400);

/// Deletes at most `limit` finished jobs.
pub(super) fn sweep(cx: &Cx<'_, '_>, params: &SweepParams) -> Result<SweepReport, Fault> {
    let now = time(params.now);
    let windows: Vec<(i64, [Option<i64>; 2])> = {
        let mut statement = cx.conn.prepare_cached(WINDOWS)?;
        let rows = statement.query_map([], |r| Ok((r.get(0)?, [r.get(1)?, r.get(2)?])))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    // What a process has finished is gone when the longest window is over. A window for ever keeps all of them.
    let longest =
        windows.iter().flat_map(|(_, kept)| *kept).try_fold(micros(KEEP_ENDED), |a, b| Some(a.max(b?)));
    let mut report = SweepReport::default();
    for (queue, kept) in windows {
        for (status, kept) in [DONE, DEAD].into_iter().zip(kept) {
            // None: for ever.
            let Some(kept) = kept else { continue };
            let room = params.limit - report.done - report.dead;
            let swept = sweep_one(cx, status, queue, now.saturating_sub(kept), room)?;
            if status == DONE {
                report.done += swept;
            } else {
                report.dead += swept;
            }
        }
    }
    let keys = unique::sweep(cx, now, params.limit)?;
    report.more = report.done + report.dead >= params.limit || keys >= params.limit as usize;
    if let Some(longest) = longest {
        forget_ended(cx, now.saturating_sub(longest))?;
    }
    Ok(report)
}

fn sweep_one(cx: &Cx<'_, '_>, status: i64, queue: i64, until: i64, limit: u32) -> rusqlite::Result<u32> {
    if limit == 0 {
        return Ok(0);
    }
    let expired: Vec<i64> = {
        let mut statement = cx.conn.prepare_cached(EXPIRED)?;
        let rows = statement.query_map(params![status, queue, until, limit], |r| r.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for seq in &expired {
        forget(cx, *seq)?;
    }
    Ok(u32::try_from(expired.len()).unwrap_or(limit))
}

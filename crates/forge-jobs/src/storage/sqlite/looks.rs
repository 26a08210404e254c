//! What an idle process asks again and again, answered by one statement each and without a transaction.
//!
//! Claims, promotions and sweeps mostly find nothing. A transaction for that would take the write lock of the whole
//! database, and several statements; a look takes one, and says whether there is anything to be done.

use super::error::Fault;
use super::hot::Hot;
use super::sweep::KEEP_ENDED;
use super::writer::{Cx, time};
use crate::storage::checks::micros;
use crate::storage::{
    ClaimBatch, ClaimParams, PromoteParams, Promoted, ReapParams, ReapReport, SweepParams, SweepReport,
};
use rusqlite::params;
use std::time::Duration;

pub(super) const CLAIM: &str = "SELECT EXISTS (SELECT 1 FROM forge_processes WHERE id = ?1 AND ended_at IS NULL), \
     EXISTS (SELECT 1 FROM forge_ready), (SELECT value FROM forge_counters WHERE name = 'settings_version')";
pub(super) const PROMOTE: &str = "SELECT min(coalesce(s, r), coalesce(r, s)) FROM \
     (SELECT (SELECT min(due_at) FROM forge_deferred WHERE status = 1) AS s, \
             (SELECT min(due_at) FROM forge_deferred WHERE status = 3) AS r)";
pub(super) const SWEEP: &str = "SELECT EXISTS (SELECT 1 FROM forge_queues q WHERE \
     EXISTS (SELECT 1 FROM forge_finished WHERE status = 4 AND queue = q.no AND finished_at <= ?1 - q.done_retention_us) \
     OR EXISTS (SELECT 1 FROM forge_finished WHERE status = 5 AND queue = q.no \
                AND finished_at <= ?1 - q.dead_retention_us)) \
     OR EXISTS (SELECT 1 FROM forge_unique WHERE until <= ?1) \
     OR EXISTS (SELECT 1 FROM forge_processes WHERE ended_at < ?1 - ?2)";

/// Whether the process is the only one registered, and holds all that runs.
pub(super) const REAP: &str = "SELECT NOT EXISTS (SELECT 1 FROM forge_processes WHERE ended_at IS NULL AND id <> ?1) \
     AND NOT EXISTS (SELECT 1 FROM forge_running r LEFT JOIN forge_processes p ON p.no = r.process AND p.ended_at IS NULL \
                     WHERE p.no IS NULL)";

/// The answer to a claim when nothing is pending.
pub(super) fn claim(cx: &Cx<'_, '_>, params: &ClaimParams) -> Result<Option<ClaimBatch>, Fault> {
    let mut look = cx.hot(Hot::LookClaim)?;
    let (registered, any, settings_version): (bool, bool, i64) =
        look.query_row([&params.process.as_bytes()[..]], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    // Who is not registered is told so by the claim itself.
    let nothing = registered && !any;
    Ok(nothing.then(|| ClaimBatch { settings_version, ..ClaimBatch::default() }))
}

/// The answer to a promotion when nothing is due.
pub(super) fn promote(cx: &Cx<'_, '_>, params: &PromoteParams) -> Result<Option<Promoted>, Fault> {
    let next: Option<i64> = cx.hot(Hot::LookPromote)?.query_row([], |r| r.get(0))?;
    let until = next.map(|due| due.saturating_sub(time(params.now)));
    if until.is_some_and(|us| us <= 0) {
        return Ok(None);
    }
    let next_due_in = until.map(|us| Duration::from_micros(us.unsigned_abs()));
    Ok(Some(Promoted { count: 0, next_due_in }))
}

/// The answer to a look for dead processes when there is no other one.
pub(super) fn reap(cx: &Cx<'_, '_>, params: &ReapParams) -> Result<Option<ReapReport>, Fault> {
    let alone: bool = cx.hot(Hot::LookReap)?.query_row([&params.by.as_bytes()[..]], |r| r.get(0))?;
    Ok(alone.then(ReapReport::default))
}

/// The answer to a sweep when nothing has expired.
pub(super) fn sweep(cx: &Cx<'_, '_>, params: &SweepParams) -> Result<Option<SweepReport>, Fault> {
    let values = params![time(params.now), micros(KEEP_ENDED)];
    let any: bool = cx.hot(Hot::LookSweep)?.query_row(values, |r| r.get(0))?;
    Ok((!any).then(SweepReport::default))
}

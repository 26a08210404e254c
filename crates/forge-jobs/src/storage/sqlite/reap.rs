//! Reviving the jobs of dead processes.

use super::error::Fault;
use super::finish::give_back;
use super::locks::Locks;
use super::processes::{Registered, end, free_leases};
use super::state::{
    AttemptRow, FinishedRow, JobRow, RunningRow, died_of, keep_attempt, put_finished, put_ready, take_running,
};
use super::unique;
use super::writer::{Cx, time};
use crate::limits::MAX_CRASHES;
use crate::storage::checks::micros;
use crate::storage::guard::Guard;
use crate::storage::{ReapParams, ReapReport};
use crate::{AttemptResult, DeadReason, Failure, JobId, ProcessId};
use rusqlite::params;

const REGISTERED: &str = "SELECT no, id, beat_at FROM forge_processes WHERE ended_at IS NULL";
/// A claim without a process row counts as one of a dead process. The table holds what runs now, so a scan is small.
const ORPHANS: &str = "SELECT r.seq, r.claim_no, r.process, r.attempt, r.flags, r.queue, r.claimed_at, r.cancel_at \
     FROM forge_running r LEFT JOIN forge_processes p ON p.no = r.process AND p.ended_at IS NULL \
     WHERE p.no IS NULL LIMIT ?1";
const SUSPECT: &str = "UPDATE forge_jobs SET suspect = ?5, crashes = ?2, attempts = ?3, last_claim_no = ?4, \
     progress = NULL WHERE seq = ?1";
const CRASHES: &str = "UPDATE forge_jobs SET crashes = ?2 WHERE seq = ?1";

const ERROR: &str = "its process died";

/// Ends the registrations of dead processes and revives their jobs.
pub(super) fn reap(cx: &mut Cx<'_, '_>, params: &ReapParams, locks: &Locks) -> Result<ReapReport, Fault> {
    let now = time(params.now);
    let mut report = ReapReport::default();
    for process in registered(cx)? {
        if process.id != params.by && is_dead(cx, &process, params, now, locks) {
            free_leases(cx, process.no)?;
            end(cx, process.no, now)?;
            report.processes.push(process.id);
        }
    }
    let orphans: Vec<RunningRow> = {
        let mut statement = cx.conn.prepare_cached(ORPHANS)?;
        let rows = statement.query_map([params.limit], RunningRow::read)?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    report.more = orphans.len() >= params.limit as usize;
    for claim in &orphans {
        revive(cx, claim, now, &mut report)?;
    }
    Ok(report)
}

fn registered(cx: &Cx<'_, '_>) -> rusqlite::Result<Vec<Registered>> {
    let mut statement = cx.conn.prepare_cached(REGISTERED)?;
    let rows = statement.query_map([], |r| {
        Ok(Registered { no: r.get(0)?, id: ProcessId::from_bytes(r.get(1)?), beat_at: r.get(2)? })
    })?;
    rows.collect()
}

fn is_dead(cx: &Cx<'_, '_>, process: &Registered, params: &ReapParams, now: i64, locks: &Locks) -> bool {
    let silent = now.saturating_sub(process.beat_at) > micros(params.stale_after);
    silent || !cx.guards(Guard::Reap) || locks.has_died(process.id)
}

fn revive(cx: &mut Cx<'_, '_>, claim: &RunningRow, now: i64, report: &mut ReapReport) -> Result<(), Fault> {
    let Some(mut job) = JobRow::by_seq(cx, claim.seq)? else {
        return Ok(take_running(cx, claim)?);
    };
    let id = JobId::from_bytes(job.id);
    if claim.cancel_at.is_some() && cx.guards(Guard::Cancel) {
        give_back(cx, claim, now)?;
        report.cancelled.push(id);
        return Ok(());
    }
    take_running(cx, claim)?;
    let kind = cx.names.kind_name(cx.conn, job.kind)?;
    let failure = Failure::of_crash(&kind);
    keep_attempt(cx, &crashed(claim, now, &failure))?;
    cx.at_process(now, claim.process);
    cx.tape.crashed(claim.queue, job.kind);
    job.suspect += 1;
    if claim.is_alone() {
        job.crashes += 1;
        job.attempts = claim.attempt;
        if job.crashes >= i64::from(MAX_CRASHES) {
            cx.conn.prepare_cached(CRASHES)?.execute(params![job.seq, job.crashes])?;
            bury(cx, claim, now, DeadReason::Poison, &failure)?;
            cx.tape.died(claim.queue, job.kind, DeadReason::Poison);
            report.poisoned.push(id);
            return Ok(());
        }
        if job.attempts >= job.max_attempts {
            cx.conn.prepare_cached(CRASHES)?.execute(params![job.seq, job.crashes])?;
            bury(cx, claim, now, DeadReason::Exhausted, &failure)?;
            cx.tape.died(claim.queue, job.kind, DeadReason::Exhausted);
            report.exhausted.push(id);
            return Ok(());
        }
    }
    let values = params![job.seq, job.crashes, job.attempts, claim.claim_no, job.suspect];
    cx.conn.prepare_cached(SUSPECT)?.execute(values)?;
    unique::comes_back(cx, &job, now)?;
    put_ready(cx, &job)?;
    report.revived.push(id);
    Ok(())
}

const fn crashed<'f>(claim: &RunningRow, now: i64, failure: &'f Failure) -> AttemptRow<'f> {
    AttemptRow {
        claim: *claim,
        started_at: claim.claimed_at,
        ended_at: if now > claim.claimed_at { now } else { claim.claimed_at },
        result: AttemptResult::Crashed,
        next_due_at: None,
        error: Some(ERROR),
        failure: Some(failure),
    }
}

fn bury(
    cx: &mut Cx<'_, '_>,
    claim: &RunningRow,
    now: i64,
    reason: DeadReason,
    failure: &Failure,
) -> rusqlite::Result<()> {
    let row = FinishedRow {
        seq: claim.seq,
        queue: claim.queue,
        finished_at: now.max(claim.claimed_at),
        started_at: Some(claim.claimed_at),
        attempt: claim.attempt,
        claim_no: claim.claim_no,
        process: Some(claim.process),
        reason: Some(reason),
        error: Some(ERROR),
        output: None,
    };
    put_finished(cx, &row, claim.keys(), now)?;
    if let Some(fingerprint) = &failure.fingerprint {
        died_of(cx, claim.seq, fingerprint.group)?;
    }
    Ok(())
}

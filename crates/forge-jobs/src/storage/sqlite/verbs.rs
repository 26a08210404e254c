//! The operator's verbs: cancel, retry, run now, drop.

use super::audit_ends::{Came, Dropping};
use super::error::Fault;
use super::locks::{Locks, To};
use super::state::{
    FinishedRow, JobRow, Place, RunningRow, note_by, place_of, put_finished, put_ready, take_deferred,
    take_ready,
};
use super::writer::{Cx, time};
use super::{audit, slots, ticks, unique};
use crate::limits::MAX_VERB_BATCH;
use crate::storage::checks::check_batch;
use crate::storage::{Actor, CancelOutcome, DropOutcome, RetryOutcome, RunNowOutcome, VerbParams};
use crate::{DeadReason, JobId, JobStatus, ProcessId};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;
use std::sync::Arc;

const ASK: &str = "UPDATE forge_running SET cancel_at = ?2 WHERE seq = ?1 AND cancel_at IS NULL";
const PROCESS_ID: &str = "SELECT id FROM forge_processes WHERE no = ?1";
const FRESH: &str = "UPDATE forge_jobs SET due_at = ?2, attempts = 0, throttles = 0, crashes = 0, suspect = 0, \
     last_claim_no = max(last_claim_no, ?3), progress = NULL, \
     error = coalesce((SELECT error FROM forge_finished WHERE seq = ?1), error), \
     error_group = coalesce((SELECT error_group FROM forge_finished WHERE seq = ?1), error_group) WHERE seq = ?1";
/// The row that tells of a death goes when the job comes back; the event stays.
const NOTE_DEATH: &str = "INSERT INTO forge_notes (seq, no, at, event, claim_no, process) \
     SELECT seq, (SELECT coalesce(max(no), 0) + 1 FROM forge_notes WHERE seq = ?1), finished_at, \
            CASE reason WHEN 2 THEN 'cancelled' ELSE 'dead' END, claim_no, process \
     FROM forge_finished WHERE seq = ?1";
const LAST_CLAIM: &str = "SELECT claim_no FROM forge_finished WHERE seq = ?1";
const UNFINISH: &str = "DELETE FROM forge_finished WHERE seq = ?1";
const DUE_NOW: &str = "UPDATE forge_jobs SET due_at = ?2 WHERE seq = ?1";
const FORGET: [&str; 6] = [
    "DELETE FROM forge_finished WHERE seq = ?1",
    "DELETE FROM forge_attempts WHERE seq = ?1",
    "DELETE FROM forge_notes WHERE seq = ?1",
    "DELETE FROM forge_logs WHERE seq = ?1",
    "DELETE FROM forge_replacements WHERE seq = ?1",
    "DELETE FROM forge_jobs WHERE seq = ?1",
];

/// Finds each job and its place, and asks `verb` about those that there are, `unknown` about the others.
fn each<T>(
    cx: &mut Cx<'_, '_>,
    action: &str,
    params: &VerbParams,
    unknown: impl Fn(&Cx<'_, '_>, JobId) -> rusqlite::Result<T>,
    verb: impl Fn(&mut Cx<'_, '_>, JobRow, Place, i64) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault>
where
    T: Copy + Came,
{
    check_batch("ids", params.ids.len(), MAX_VERB_BATCH)?;
    let now = time(params.now);
    let mut outcomes = Vec::with_capacity(params.ids.len());
    for id in &params.ids {
        outcomes.push(match find(cx, *id)? {
            Some((job, place)) => verb(cx, job, place, now)?,
            None => unknown(cx, *id)?,
        });
    }
    audit::verb(cx, params, action, &outcomes)?;
    Ok(outcomes)
}

fn find(cx: &Cx<'_, '_>, id: JobId) -> rusqlite::Result<Option<(JobRow, Place)>> {
    let Some(job) = JobRow::by_id(cx, id.as_bytes())? else { return Ok(None) };
    Ok(place_of(cx, &job)?.map(|place| (job, place)))
}

/// What a cancel did. Processes of other storages hear of it when it is dropped, which is after its commit: by its caller
/// or, if that has stopped waiting, by whoever would have answered.
pub(super) struct Cancelled {
    pub(super) outcomes: Vec<CancelOutcome>,
    pub(super) locks: Arc<Locks>,
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        let asked = self.outcomes.iter().filter_map(|outcome| match outcome {
            CancelOutcome::Requested { process, .. } => Some(*process),
            _ => None,
        });
        let mut told = BTreeSet::new();
        for process in asked {
            // Those of this storage have heard of it with the commit.
            if !self.locks.holds(process) && told.insert(process) {
                self.locks.tell(To::One(process));
            }
        }
    }
}

/// Cancels waiting jobs at once and running ones by request.
pub(super) fn cancel(cx: &mut Cx<'_, '_>, params: &VerbParams) -> Result<Vec<CancelOutcome>, Fault> {
    each(
        cx,
        "job.cancel",
        params,
        |_, _| Ok(CancelOutcome::Unknown),
        |cx, job, place, now| match place {
            Place::Ready => {
                take_ready(cx, &job)?;
                cancel_waiting(cx, &job, params.actor.as_ref(), now)
            }
            Place::Deferred(status) => {
                take_deferred(cx, &job, status)?;
                cancel_waiting(cx, &job, params.actor.as_ref(), now)
            }
            Place::Running(claim) => request(cx, &claim, params.actor.as_ref(), now),
            Place::Finished(status, dead_reason) => {
                Ok(CancelOutcome::AlreadyFinished { status, dead_reason })
            }
        },
    )
}

fn cancel_waiting(
    cx: &mut Cx<'_, '_>,
    job: &JobRow,
    actor: Option<&Actor>,
    now: i64,
) -> Result<CancelOutcome, Fault> {
    if actor.is_some() {
        // The end itself names nobody.
        note_by(cx, job.seq, now, "cancel_requested", None, actor)?;
    }
    let row = FinishedRow {
        seq: job.seq,
        queue: job.queue,
        finished_at: now,
        started_at: None,
        attempt: job.attempts,
        claim_no: job.last_claim_no,
        process: None,
        reason: Some(DeadReason::Cancelled),
        error: None,
        output: None,
    };
    put_finished(cx, &row, job.keys(), now)?;
    cx.at_home(now)?;
    cx.tape.died(job.queue, job.kind, DeadReason::Cancelled);
    Ok(CancelOutcome::Cancelled)
}

fn request(
    cx: &mut Cx<'_, '_>,
    claim: &RunningRow,
    actor: Option<&Actor>,
    now: i64,
) -> Result<CancelOutcome, Fault> {
    if cx.conn.prepare_cached(ASK)?.execute(params![claim.seq, now])? > 0 {
        note_by(cx, claim.seq, now, "cancel_requested", Some(claim), actor)?;
    }
    // Also of one that was asked before: whoever asks again may do so because nothing happened.
    cx.effects.news = true;
    let id: Option<[u8; 16]> =
        cx.conn.prepare_cached(PROCESS_ID)?.query_row([claim.process], |r| r.get(0)).optional()?;
    // A claim without a process row is one of a dead process; nobody has its identity.
    let process = ProcessId::from_bytes(id.unwrap_or_default());
    Ok(CancelOutcome::Requested { process, claim_no: claim.claim_no })
}

/// Makes dead and retrying jobs pending, with a fresh attempt budget.
pub(super) fn retry(cx: &mut Cx<'_, '_>, params: &VerbParams) -> Result<Vec<RetryOutcome>, Fault> {
    each(
        cx,
        "job.retry",
        params,
        |_, _| Ok(RetryOutcome::Unknown),
        |cx, mut job, place, now| {
            let mut last_claim = job.last_claim_no;
            let status = place.status();
            match status {
                JobStatus::Dead => {
                    if let Some(of) = unique::takes_again(cx, &job, now)? {
                        return Ok(RetryOutcome::Duplicate { of });
                    }
                    last_claim = cx.conn.prepare_cached(LAST_CLAIM)?.query_row([job.seq], |r| r.get(0))?;
                }
                JobStatus::Retrying => take_deferred(cx, &job, super::state::RETRYING)?,
                status => return Ok(RetryOutcome::Refused { status }),
            }
            job.due_at = now;
            job.suspect = 0;
            cx.conn.prepare_cached(FRESH)?.execute(params![job.seq, now, last_claim])?;
            if status == JobStatus::Dead {
                cx.conn.prepare_cached(NOTE_DEATH)?.execute([job.seq])?;
                cx.conn.prepare_cached(UNFINISH)?.execute([job.seq])?;
                ticks::reopen(cx, &job.id)?;
            }
            note_by(cx, job.seq, now, "retried", None, params.actor.as_ref())?;
            put_ready(cx, &job)?;
            Ok(RetryOutcome::Retried)
        },
    )
}

/// Makes scheduled and retrying jobs pending; attempts stay.
pub(super) fn run_now(cx: &mut Cx<'_, '_>, params: &VerbParams) -> Result<Vec<RunNowOutcome>, Fault> {
    each(
        cx,
        "job.run_now",
        params,
        |_, _| Ok(RunNowOutcome::Unknown),
        |cx, mut job, place, now| match place {
            Place::Ready => Ok(RunNowOutcome::AlreadyPending),
            Place::Deferred(status) => {
                take_deferred(cx, &job, status)?;
                job.due_at = now;
                cx.conn.prepare_cached(DUE_NOW)?.execute(params![job.seq, now])?;
                note_by(cx, job.seq, now, "run_now", None, params.actor.as_ref())?;
                put_ready(cx, &job)?;
                Ok(RunNowOutcome::MadePending)
            }
            Place::Running(_) | Place::Finished(..) => Ok(RunNowOutcome::Refused { status: place.status() }),
        },
    )
}

/// Deletes jobs for good, running ones excepted.
pub(super) fn drop_jobs(cx: &mut Cx<'_, '_>, params: &VerbParams) -> Result<Vec<DropOutcome>, Fault> {
    // One that is gone may hold a key for a period, which is free then.
    let gone = |cx: &Cx<'_, '_>, id| {
        let freed = unique::free_id(cx, id)?;
        Ok(if freed { Dropping::KeyFreed } else { DropOutcome::Unknown.into() })
    };
    let outcomes = each(cx, "job.drop", params, gone, |cx, job, place, _now| {
        match place {
            Place::Ready => take_ready(cx, &job)?,
            Place::Deferred(status) => take_deferred(cx, &job, status)?,
            Place::Finished(..) => {}
            Place::Running(_) => return Ok(DropOutcome::Refused { status: JobStatus::Running }.into()),
        }
        if job.dedupe.is_some() {
            unique::free(cx, job.seq)?;
        }
        slots::give_on(cx, job.seq)?;
        forget(cx, job.seq)?;
        Ok(DropOutcome::Dropped.into())
    })?;
    Ok(outcomes.into_iter().map(DropOutcome::from).collect())
}

/// Deletes a job and its history. It must not be in ready, deferred or running any more.
pub(super) fn forget(cx: &Cx<'_, '_>, seq: i64) -> rusqlite::Result<()> {
    FORGET.iter().try_for_each(|sql| cx.conn.prepare_cached(sql)?.execute([seq]).map(drop))
}

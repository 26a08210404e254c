//! Writing what became of attempts, and giving claims back.

use super::error::Fault;
use super::hot::Hot;
use super::permits::return_permits;
use super::state::{
    ALONE, AttemptRow, FinishedRow, JobRow, RETRYING, RunningRow, SCHEDULED, died_of, forget_permits,
    keep_attempt, note, put_deferred, put_finished, put_ready, take_running,
};
use super::writer::{Cx, time};
use super::{slots, unique};
use crate::limits::{MAX_ERROR_BYTES, MAX_FINISH_BATCH};
use crate::metrics::tape::{self, Outcome};
use crate::retry::Transition;
use crate::storage::Begun;
use crate::storage::checks::{check_batch, micros};
use crate::storage::guard::Guard;
use crate::storage::{Finish, FinishParams, FinishResult, Lease, ReleaseParams};
use crate::{AttemptResult, DeadReason, Failure, JobStatus, ProcessId, Timestamp, clean_error};
use rusqlite::{OptionalExtension, Row, params};
use std::borrow::Cow;
use std::time::Duration;

pub(super) const PROCESS: &str = "SELECT no FROM forge_processes WHERE id = ?1";
pub(super) const CLAIM: &str = "SELECT seq, claim_no, process, attempt, flags, queue, claimed_at, cancel_at FROM forge_running \
     WHERE seq = ?1 AND claim_no = ?2 AND process = ?3";
/// Ends a claim and says whether it was valid, in one step.
pub(super) const TAKE_CLAIM: &str =
    "DELETE FROM forge_running WHERE seq = ?1 AND claim_no = ?2 AND process = ?3";
const COMES_BACK: &str = "UPDATE forge_jobs SET due_at = ?2, attempts = ?3, throttles = ?4, suspect = 0, \
     last_claim_no = ?5, error = coalesce(?6, error), error_group = coalesce(?7, error_group), progress = NULL \
     WHERE seq = ?1";
const RELEASED: &str = "UPDATE forge_jobs SET last_claim_no = ?2, progress = NULL WHERE seq = ?1";

const FACTS: &str = "SELECT kind, due_at, created_at FROM forge_jobs WHERE seq = ?1";
const END_ALONE: &str = "UPDATE forge_running SET flags = ?2 WHERE seq = ?1";

const STALE: FinishResult = FinishResult::StaleLease;

/// Writes what became of each attempt whose claim is valid.
pub(super) fn finish(cx: &mut Cx<'_, '_>, params: &FinishParams) -> Result<Vec<FinishResult>, Fault> {
    check_batch("members", params.members.len(), MAX_FINISH_BATCH)?;
    let now = time(params.now);
    let mut processes = Processes::default();
    params.members.iter().map(|m| finish_one(cx, m, now, &mut processes)).collect()
}

/// Gives each claim back that is valid.
pub(super) fn release(cx: &mut Cx<'_, '_>, params: &ReleaseParams) -> Result<Vec<FinishResult>, Fault> {
    check_batch("leases", params.leases.len(), MAX_FINISH_BATCH)?;
    let now = time(params.now);
    let mut processes = Processes::default();
    let mut results = Vec::with_capacity(params.leases.len());
    for lease in &params.leases {
        results.push(match valid(cx, lease, &mut processes, Guard::Release)? {
            Some(claim) => {
                if params.begun == Begun::No {
                    return_permits(cx, &claim, now)?;
                }
                give_back(cx, &claim, now)?
            }
            None => STALE,
        });
    }
    Ok(results)
}

/// A crash from now on does not count against a suspect.
pub(super) fn end_alone(cx: &Cx<'_, '_>, lease: &Lease) -> Result<bool, Fault> {
    let Some(claim) = valid(cx, lease, &mut Processes::default(), Guard::Finish)? else { return Ok(false) };
    if claim.is_alone() {
        cx.conn.prepare_cached(END_ALONE)?.execute(params![claim.seq, claim.flags & !ALONE])?;
    }
    Ok(true)
}

/// The number of the process last asked for: the members of a call mostly have the same.
#[derive(Default)]
struct Processes(Option<(ProcessId, Option<i64>)>);

impl Processes {
    fn number(&mut self, cx: &Cx<'_, '_>, process: ProcessId) -> rusqlite::Result<Option<i64>> {
        if let Some((known, no)) = self.0
            && known == process
        {
            return Ok(no);
        }
        let no = cx.hot(Hot::Process)?.query_row([&process.as_bytes()[..]], |r| r.get(0)).optional()?;
        self.0 = Some((process, no));
        Ok(no)
    }
}

/// The claim that a lease proves, if it is still valid: row, number and process together.
fn valid(
    cx: &Cx<'_, '_>,
    lease: &Lease,
    processes: &mut Processes,
    guard: Guard,
) -> rusqlite::Result<Option<RunningRow>> {
    if !cx.guards(guard) {
        return RunningRow::get(cx, lease.row);
    }
    let Some(process) = processes.number(cx, lease.process)? else { return Ok(None) };
    let key = params![lease.row, lease.claim_no, process];
    cx.hot(Hot::Claim)?.query_row(key, RunningRow::read).optional()
}

/// Ends a claim whose row this storage remembers: nothing in it changes while the claim is valid but a request to
/// cancel, which a job that is done overrules.
fn take_remembered(
    cx: &Cx<'_, '_>,
    lease: &Lease,
    processes: &mut Processes,
) -> rusqlite::Result<Option<RunningRow>> {
    let Some([attempt, flags, queue, claimed_at, ..]) = lease.memo.filter(|_| cx.guards(Guard::Finish))
    else {
        return Ok(None);
    };
    let Some(process) = processes.number(cx, lease.process)? else { return Ok(None) };
    let taken = cx.hot(Hot::TakeClaim)?.execute(params![lease.row, lease.claim_no, process])? == 1;
    let claim = RunningRow {
        seq: lease.row,
        claim_no: lease.claim_no,
        process,
        attempt,
        flags,
        queue,
        claimed_at,
        cancel_at: None,
    };
    if taken {
        forget_permits(cx, &claim)?;
    }
    Ok(taken.then_some(claim))
}

/// When an attempt began and ended, by the database's clock, out of durations measured by the worker.
struct Span {
    started_at: i64,
    ended_at: i64,
    /// The time of the call, which may be later.
    now: i64,
}

impl Span {
    fn of(claim: &RunningRow, member: &Finish, now: i64) -> Self {
        let ended_at = now.saturating_sub(micros(member.timing.ended_ago)).max(claim.claimed_at);
        let started_at = ended_at.saturating_sub(micros(member.timing.ran_for)).max(claim.claimed_at);
        Self { started_at, ended_at, now }
    }
}

fn finish_one(
    cx: &mut Cx<'_, '_>,
    member: &Finish,
    now: i64,
    processes: &mut Processes,
) -> Result<FinishResult, Fault> {
    if let Transition::Done { output } = &member.transition
        && let Some(claim) = take_remembered(cx, &member.lease, processes)?
    {
        let facts = facts(cx, &claim, &member.lease)?;
        tell(cx, Outcome::Done, &claim, &facts, member, now);
        return done(cx, &claim, &Span::of(&claim, member, now), output.as_ref());
    }
    let Some(claim) = valid(cx, &member.lease, processes, Guard::Finish)? else { return Ok(STALE) };
    take_running(cx, &claim)?;
    // A job that comes back is due at another time.
    let facts = facts(cx, &claim, &member.lease)?;
    let span = Span::of(&claim, member, now);
    let cancelled = claim.cancel_at.is_some() && cx.guards(Guard::Cancel);
    let failure = member.failure.as_deref();
    let result = match &member.transition {
        Transition::Done { output } => done(cx, &claim, &span, output.as_ref())?,
        // A failure of the last attempt is one like the others: `decide`, which knows of no cancel, made it dead.
        Transition::Retry { error, .. } | Transition::Dead { reason: DeadReason::Exhausted, error }
            if cancelled =>
        {
            die(cx, &claim, &span, DeadReason::Cancelled, Some(error), failure)?
        }
        Transition::Throttle { .. } if cancelled => {
            die(cx, &claim, &span, DeadReason::Cancelled, None, None)?
        }
        Transition::Retry { after, error } => come_back(cx, &claim, &span, *after, Some(error), failure)?,
        Transition::Throttle { after } => come_back(cx, &claim, &span, *after, None, None)?,
        Transition::Dead { reason, error } => die(cx, &claim, &span, *reason, Some(error), failure)?,
    };
    let outcome = match (result, &member.transition) {
        (FinishResult::StaleLease, _) => return Ok(result),
        (FinishResult::Applied { dead_reason: Some(reason), .. }, _) => Outcome::Dead(reason),
        (_, Transition::Retry { .. }) => Outcome::Retried,
        (_, Transition::Throttle { .. }) => Outcome::Throttled,
        (_, Transition::Done { .. } | Transition::Dead { .. }) => Outcome::Done,
    };
    tell(cx, outcome, &claim, &facts, member, now);
    Ok(result)
}

/// What the metrics want to know of a claim: its job's kind, and when it was due and came in. A claim that was made by
/// this storage remembers.
fn facts(cx: &Cx<'_, '_>, claim: &RunningRow, lease: &Lease) -> rusqlite::Result<tape::Claim> {
    let (queue, claimed_at) = (claim.queue, claim.claimed_at);
    let known = |(kind, due_at, created_at)| tape::Claim { queue, kind, claimed_at, due_at, created_at };
    if let Some([.., kind, due_at, created_at]) = lease.memo {
        return Ok(known((kind, due_at, created_at)));
    }
    if cx.tape.is_off() {
        return Ok(known((0, claimed_at, claimed_at)));
    }
    let facts = |r: &Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?));
    let found = cx.conn.prepare_cached(FACTS)?.query_row([claim.seq], facts).optional()?;
    Ok(known(found.unwrap_or((0, claimed_at, claimed_at))))
}

/// Tells the metrics of an attempt that ended.
fn tell(
    cx: &mut Cx<'_, '_>,
    outcome: Outcome,
    claim: &RunningRow,
    facts: &tape::Claim,
    member: &Finish,
    now: i64,
) {
    cx.at_process(now, claim.process);
    cx.tape.ended(outcome, facts, member.timing);
}

fn done(
    cx: &mut Cx<'_, '_>,
    claim: &RunningRow,
    span: &Span,
    output: Option<&crate::Payload>,
) -> Result<FinishResult, Fault> {
    let row = FinishedRow {
        seq: claim.seq,
        queue: claim.queue,
        finished_at: span.ended_at,
        started_at: Some(span.started_at),
        attempt: claim.attempt,
        claim_no: claim.claim_no,
        process: Some(claim.process),
        reason: None,
        error: None,
        output: output.map(crate::Payload::as_str),
    };
    put_finished(cx, &row, claim.keys(), span.now)?;
    Ok(applied(JobStatus::Done, None))
}

const fn applied(status: JobStatus, dead_reason: Option<DeadReason>) -> FinishResult {
    FinishResult::Applied { status, dead_reason }
}

/// Error text that any reader can take, whoever made the transition.
fn clean(error: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if error.len() <= MAX_ERROR_BYTES && error.chars().all(plain) {
        Cow::Borrowed(error)
    } else {
        Cow::Owned(clean_error(error, MAX_ERROR_BYTES))
    }
}

/// Ends a job for good. The attempt is charged unless it was cancelled.
fn die(
    cx: &mut Cx<'_, '_>,
    claim: &RunningRow,
    span: &Span,
    reason: DeadReason,
    error: Option<&String>,
    failure: Option<&Failure>,
) -> Result<FinishResult, Fault> {
    let error = error.map(|e| clean(e));
    let cancelled = reason == DeadReason::Cancelled;
    let row = FinishedRow {
        seq: claim.seq,
        queue: claim.queue,
        finished_at: span.ended_at,
        started_at: Some(span.started_at),
        attempt: if cancelled { claim.attempt - 1 } else { claim.attempt },
        claim_no: claim.claim_no,
        process: Some(claim.process),
        reason: Some(reason),
        error: error.as_deref(),
        output: None,
    };
    put_finished(cx, &row, claim.keys(), span.now)?;
    if let Some(fingerprint) = failure.and_then(|f| f.fingerprint.as_ref()).filter(|_| !cancelled) {
        died_of(cx, claim.seq, fingerprint.group)?;
    }
    let result = match reason {
        DeadReason::Cancelled => AttemptResult::Cancelled,
        DeadReason::Exhausted => AttemptResult::Failed,
        _ => AttemptResult::Dead,
    };
    let attempt = AttemptRow {
        claim: *claim,
        started_at: span.started_at,
        ended_at: span.ended_at,
        result,
        next_due_at: None,
        error: error.as_deref(),
        failure,
    };
    keep_attempt(cx, &attempt)?;
    Ok(applied(JobStatus::Dead, Some(reason)))
}

/// Brings a job back: with an error it has failed, without one it was throttled.
fn come_back(
    cx: &mut Cx<'_, '_>,
    claim: &RunningRow,
    span: &Span,
    after: Duration,
    error: Option<&String>,
    failure: Option<&Failure>,
) -> Result<FinishResult, Fault> {
    let now = span.now;
    let Some(mut job) = JobRow::by_seq(cx, claim.seq)? else { return Ok(STALE) };
    let error = error.map(|e| clean(e));
    job.due_at = Timestamp::from_micros(now).saturating_add(after).as_micros();
    job.suspect = 0;
    (job.attempts, job.throttles) = match error {
        Some(_) => (claim.attempt, 0),
        None => (claim.attempt - 1, job.throttles + 1),
    };
    let group = failure.and_then(|f| f.fingerprint.as_ref()).map(|f| f.group.number());
    let error_text = error.as_deref();
    let values = params![job.seq, job.due_at, job.attempts, job.throttles, claim.claim_no, error_text, group];
    cx.conn.prepare_cached(COMES_BACK)?.execute(values)?;
    let attempt = AttemptRow {
        claim: *claim,
        started_at: span.started_at,
        ended_at: span.ended_at,
        result: if error.is_some() { AttemptResult::Failed } else { AttemptResult::Throttled },
        next_due_at: Some(job.due_at),
        error: error.as_deref(),
        failure,
    };
    keep_attempt(cx, &attempt)?;
    unique::comes_back(cx, &job, now)?;
    if after.is_zero() {
        put_ready(cx, &job)?;
        return Ok(applied(JobStatus::Pending, None));
    }
    slots::give_on(cx, job.seq)?;
    if error.is_some() {
        put_deferred(cx, &job, RETRYING)?;
        Ok(applied(JobStatus::Retrying, None))
    } else {
        put_deferred(cx, &job, SCHEDULED)?;
        Ok(applied(JobStatus::Scheduled, None))
    }
}

/// Puts a claimed job back into its old place, uncharged; or ends it, if a cancel was requested.
pub(super) fn give_back(cx: &mut Cx<'_, '_>, claim: &RunningRow, now: i64) -> Result<FinishResult, Fault> {
    take_running(cx, claim)?;
    let job = JobRow::by_seq(cx, claim.seq)?;
    if claim.cancel_at.is_some() && cx.guards(Guard::Cancel) {
        let span = Span { started_at: claim.claimed_at, ended_at: now.max(claim.claimed_at), now };
        cx.at_process(now, claim.process);
        cx.tape.died(claim.queue, job.map_or(0, |job| job.kind), DeadReason::Cancelled);
        return die(cx, claim, &span, DeadReason::Cancelled, None, None);
    }
    let Some(job) = job else { return Ok(STALE) };
    cx.conn.prepare_cached(RELEASED)?.execute(params![claim.seq, claim.claim_no])?;
    note(cx, claim.seq, now, "released", Some(claim))?;
    unique::comes_back(cx, &job, now)?;
    put_ready(cx, &job)?;
    Ok(applied(JobStatus::Pending, None))
}

//! Moving jobs among the small tables that tell where they stand. A job is in exactly one of them.

use super::error_groups;
use super::hot::Hot;
use super::slots;
use super::unique::{self, Key};
use super::writer::Cx;
use crate::errors::ErrorGroupId;
use crate::limits::{MAX_ATTEMPT_RECORDS, MAX_NOTES};
use crate::storage::Actor;
use crate::{AttemptResult, DeadReason, DedupeStates, Failure, JobStatus};
use rusqlite::{OptionalExtension, Row, params};

pub(super) const SCHEDULED: i64 = 1;
pub(super) const RUNNING: i64 = 2;
pub(super) const RETRYING: i64 = 3;
pub(super) const DONE: i64 = 4;
pub(super) const DEAD: i64 = 5;

/// Flag of a running job: it has a dedupe key.
pub(super) const KEYED: i64 = 1;
/// Flag of a running job: it has a concurrency key.
pub(super) const SLOTTED: i64 = 16;
/// Flag of a running job: its start was written first, since it is a suspect that runs alone.
pub(super) const ALONE: i64 = 2;

/// Flag of a running job: it has taken permits of budgets.
pub(super) const PERMITS: i64 = 8;

const JOB: &str = "SELECT seq, id, queue, kind, priority, due_at, attempts, max_attempts, throttles, suspect, crashes, \
     last_claim_no, concurrency_key, dedupe_key, dedupe_states, created_at + dedupe_us FROM forge_jobs WHERE ";
pub(super) const PUT_READY: &str = "INSERT OR FAIL INTO forge_ready (queue, lane, priority, due_at, id, seq, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const TAKE_READY: &str = "DELETE FROM forge_ready WHERE queue = ?1 AND lane = ?2 AND kind = ?6 AND priority = ?3 AND due_at = ?4 AND id = ?5";
const IS_READY: &str = "SELECT 1 FROM forge_ready WHERE queue = ?1 AND lane = ?2 AND kind = ?6 AND priority = ?3 AND due_at = ?4 AND id = ?5";
const PUT_DEFERRED: &str =
    "INSERT OR FAIL INTO forge_deferred (status, due_at, id, seq, queue) VALUES (?1, ?2, ?3, ?4, ?5)";
const TAKE_DEFERRED: &str = "DELETE FROM forge_deferred WHERE status = ?1 AND due_at = ?2 AND id = ?3";
const IS_DEFERRED: &str = "SELECT 1 FROM forge_deferred WHERE status = ?1 AND due_at = ?2 AND id = ?3";
const RUNNING_ROW: &str = "SELECT seq, claim_no, process, attempt, flags, queue, claimed_at, cancel_at FROM forge_running WHERE seq = ?1";
pub(super) const TAKE_RUNNING: &str = "DELETE FROM forge_running WHERE seq = ?1";
const FORGET_PERMITS: &str = "DELETE FROM forge_permits WHERE claim_no = ?1 AND seq = ?2";
const FINISHED: &str = "SELECT status, reason FROM forge_finished WHERE seq = ?1";
pub(super) const PUT_FINISHED: &str = "INSERT OR FAIL INTO forge_finished (seq, status, queue, finished_at, started_at, attempt, \
     claim_no, process, reason, error, output) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const NOTE: &str = "INSERT INTO forge_notes (seq, no, at, event, claim_no, process, actor) \
     VALUES (?1, (SELECT coalesce(max(no), 0) + 1 FROM forge_notes WHERE seq = ?1), ?2, ?3, ?4, ?5, ?6)";
const FORGET_NOTES: &str =
    "DELETE FROM forge_notes WHERE seq = ?1 AND no <= (SELECT max(no) FROM forge_notes WHERE seq = ?1) - ?2";
const ATTEMPT: &str = "INSERT OR REPLACE INTO forge_attempts (seq, claim_no, attempt, process, started_at, ended_at, \
     result, next_due_at, error, error_group, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const DEAD_OF: &str = "UPDATE forge_finished SET error_group = ?2 WHERE seq = ?1";
const FORGET_ATTEMPTS: &str = "DELETE FROM forge_attempts WHERE seq = ?1 AND claim_no <= \
     (SELECT claim_no FROM forge_attempts WHERE seq = ?1 ORDER BY claim_no DESC LIMIT 1 OFFSET ?2)";

/// Lines of attempts that are older than the oldest one that is kept.
const FORGET_LOGS: &str = "DELETE FROM forge_logs WHERE seq = ?1 AND claim_no < \
     (SELECT min(claim_no) FROM forge_attempts WHERE seq = ?1)";

/// The parts of a job's own row that moving it needs.
pub(super) struct JobRow {
    pub(super) seq: i64,
    pub(super) id: [u8; 16],
    pub(super) queue: i64,
    pub(super) kind: i64,
    pub(super) priority: i64,
    pub(super) due_at: i64,
    pub(super) attempts: i64,
    pub(super) max_attempts: i64,
    pub(super) throttles: i64,
    pub(super) suspect: i64,
    pub(super) crashes: i64,
    pub(super) last_claim_no: i64,
    pub(super) concurrency_key: Option<String>,
    pub(super) dedupe: Option<Key>,
}

impl JobRow {
    fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: r.get(0)?,
            id: r.get(1)?,
            queue: r.get(2)?,
            kind: r.get(3)?,
            priority: r.get(4)?,
            due_at: r.get(5)?,
            attempts: r.get(6)?,
            max_attempts: r.get(7)?,
            throttles: r.get(8)?,
            suspect: r.get(9)?,
            crashes: r.get(10)?,
            last_claim_no: r.get(11)?,
            concurrency_key: r.get(12)?,
            dedupe: match r.get(13)? {
                Some(text) => {
                    let states = DedupeStates::from_stored(r.get(14)?);
                    Some(Key { text, states, until: r.get(15)? })
                }
                None => None,
            },
        })
    }

    /// The lane of `forge_ready`: suspects apart.
    pub(super) fn lane(&self) -> i64 {
        i64::from(self.suspect > 0)
    }

    pub(super) const fn keys(&self) -> Keys {
        Keys { dedupe: self.dedupe.is_some(), concurrency: self.concurrency_key.is_some() }
    }

    pub(super) fn by_seq(cx: &Cx<'_, '_>, seq: i64) -> rusqlite::Result<Option<Self>> {
        cx.conn.prepare_cached(&format!("{JOB} seq = ?1"))?.query_row([seq], Self::read).optional()
    }

    pub(super) fn by_id(cx: &Cx<'_, '_>, id: &[u8; 16]) -> rusqlite::Result<Option<Self>> {
        cx.conn.prepare_cached(&format!("{JOB} id = ?1"))?.query_row([&id[..]], Self::read).optional()
    }
}

/// Which keys a job has, that it gives back when it is finished.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) dedupe: bool,
    pub(super) concurrency: bool,
}

/// A row of `forge_running`.
#[derive(Clone, Copy)]
pub(super) struct RunningRow {
    pub(super) seq: i64,
    pub(super) claim_no: i64,
    pub(super) process: i64,
    pub(super) attempt: i64,
    pub(super) flags: i64,
    pub(super) queue: i64,
    pub(super) claimed_at: i64,
    pub(super) cancel_at: Option<i64>,
}

impl RunningRow {
    pub(super) fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: r.get(0)?,
            claim_no: r.get(1)?,
            process: r.get(2)?,
            attempt: r.get(3)?,
            flags: r.get(4)?,
            queue: r.get(5)?,
            claimed_at: r.get(6)?,
            cancel_at: r.get(7)?,
        })
    }

    pub(super) fn get(cx: &Cx<'_, '_>, seq: i64) -> rusqlite::Result<Option<Self>> {
        cx.conn.prepare_cached(RUNNING_ROW)?.query_row([seq], Self::read).optional()
    }

    pub(super) const fn is_alone(&self) -> bool {
        self.flags & ALONE != 0
    }

    pub(super) const fn has_permits(&self) -> bool {
        self.flags & PERMITS != 0
    }

    pub(super) const fn keys(&self) -> Keys {
        Keys { dedupe: self.flags & KEYED != 0, concurrency: self.flags & SLOTTED != 0 }
    }
}

/// Where a job stands.
pub(super) enum Place {
    Ready,
    /// `SCHEDULED` or `RETRYING`.
    Deferred(i64),
    Running(RunningRow),
    Finished(JobStatus, Option<DeadReason>),
}

impl Place {
    pub(super) const fn status(&self) -> JobStatus {
        match self {
            Self::Ready => JobStatus::Pending,
            Self::Deferred(RETRYING) => JobStatus::Retrying,
            Self::Deferred(_) => JobStatus::Scheduled,
            Self::Running(_) => JobStatus::Running,
            Self::Finished(status, _) => *status,
        }
    }
}

/// Finds a job's place; `None` for a job in no table, which the check-up reports as damage.
pub(super) fn place_of(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<Option<Place>> {
    for lane in [job.lane(), slots::WAITS].into_iter().take(1 + usize::from(job.keys().concurrency)) {
        let key = params![job.queue, lane, job.priority, job.due_at, &job.id[..], job.kind];
        if cx.conn.prepare_cached(IS_READY)?.exists(key)? {
            return Ok(Some(Place::Ready));
        }
    }
    if let Some(row) = RunningRow::get(cx, job.seq)? {
        return Ok(Some(Place::Running(row)));
    }
    for status in [SCHEDULED, RETRYING] {
        if cx.conn.prepare_cached(IS_DEFERRED)?.exists(params![status, job.due_at, &job.id[..]])? {
            return Ok(Some(Place::Deferred(status)));
        }
    }
    let finished = |r: &Row<'_>| Ok((status(r.get(0)?), reason(r.get(1)?)));
    let place = cx.conn.prepare_cached(FINISHED)?.query_row([job.seq], finished).optional()?;
    Ok(place.map(|(status, reason)| Place::Finished(status, reason)))
}

/// Makes a job claimable: in its queue, by its priority, due since `job.due_at`. Or lets it wait, if another one has its
/// concurrency key.
pub(super) fn put_ready(cx: &mut Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<()> {
    let lane = if slots::takes(cx, job)? { job.lane() } else { slots::WAITS };
    let values = params![job.queue, lane, job.priority, job.due_at, &job.id[..], job.seq, job.kind];
    cx.hot(Hot::PutReady)?.execute(values)?;
    cx.effects.claimable = true;
    Ok(())
}

pub(super) fn take_ready(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<()> {
    let lane = if slots::stops_waiting(cx, job)? { slots::WAITS } else { job.lane() };
    let key = params![job.queue, lane, job.priority, job.due_at, &job.id[..], job.kind];
    cx.conn.prepare_cached(TAKE_READY)?.execute(key).map(drop)
}

/// Puts a job off until `job.due_at`.
pub(super) fn put_deferred(cx: &mut Cx<'_, '_>, job: &JobRow, status: i64) -> rusqlite::Result<()> {
    let values = params![status, job.due_at, &job.id[..], job.seq, job.queue];
    cx.conn.prepare_cached(PUT_DEFERRED)?.execute(values)?;
    cx.effects.deferred = true;
    Ok(())
}

pub(super) fn take_deferred(cx: &Cx<'_, '_>, job: &JobRow, status: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(TAKE_DEFERRED)?.execute(params![status, job.due_at, &job.id[..]]).map(drop)
}

/// Ends a claim; what it took of budgets stays used.
pub(super) fn take_running(cx: &Cx<'_, '_>, claim: &RunningRow) -> rusqlite::Result<()> {
    cx.hot(Hot::TakeRunning)?.execute([claim.seq])?;
    forget_permits(cx, claim)
}

/// From now on nothing is given back of what a claim took of budgets.
pub(super) fn forget_permits(cx: &Cx<'_, '_>, claim: &RunningRow) -> rusqlite::Result<()> {
    if claim.has_permits() {
        cx.conn.prepare_cached(FORGET_PERMITS)?.execute([claim.claim_no, claim.seq])?;
    }
    Ok(())
}

/// A row of `forge_finished`.
pub(super) struct FinishedRow<'a> {
    pub(super) seq: i64,
    pub(super) queue: i64,
    pub(super) finished_at: i64,
    pub(super) started_at: Option<i64>,
    pub(super) attempt: i64,
    pub(super) claim_no: i64,
    pub(super) process: Option<i64>,
    /// `None` for a job that is done.
    pub(super) reason: Option<DeadReason>,
    pub(super) error: Option<&'a str>,
    pub(super) output: Option<&'a str>,
}

/// Finishes a job for good, frees its dedupe key, unless that outlives it, and gives its concurrency key on.
pub(super) fn put_finished(
    cx: &mut Cx<'_, '_>,
    row: &FinishedRow<'_>,
    keys: Keys,
    now: i64,
) -> rusqlite::Result<()> {
    let values = params![
        row.seq,
        if row.reason.is_some() { DEAD } else { DONE },
        row.queue,
        row.finished_at,
        row.started_at,
        row.attempt,
        row.claim_no,
        row.process,
        row.reason.map(reason_no),
        row.error,
        row.output
    ];
    cx.hot(Hot::PutFinished)?.execute(values)?;
    if keys.dedupe {
        let status = if row.reason.is_some() { JobStatus::Dead } else { JobStatus::Done };
        unique::enters(cx, row.seq, status)?;
        if row.process.is_some() {
            unique::is_finished(cx, row.seq, status, now)?;
        }
    }
    if keys.concurrency { slots::give_on(cx, row.seq) } else { Ok(()) }
}

/// Says of which group of errors a job died.
pub(super) fn died_of(cx: &Cx<'_, '_>, seq: i64, group: ErrorGroupId) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(DEAD_OF)?.execute(params![seq, group.number()]).map(drop)
}

/// Notes a rare event that no other table tells of.
pub(super) fn note(
    cx: &Cx<'_, '_>,
    seq: i64,
    at: i64,
    event: &str,
    claim: Option<&RunningRow>,
) -> rusqlite::Result<()> {
    note_by(cx, seq, at, event, claim, None)
}

/// The same, of an event that a person caused.
pub(super) fn note_by(
    cx: &Cx<'_, '_>,
    seq: i64,
    at: i64,
    event: &str,
    claim: Option<&RunningRow>,
    actor: Option<&Actor>,
) -> rusqlite::Result<()> {
    let actor = actor.map(Actor::name);
    let values = params![seq, at, event, claim.map(|c| c.claim_no), claim.map(|c| c.process), actor];
    cx.conn.prepare_cached(NOTE)?.execute(values)?;
    cx.conn.prepare_cached(FORGET_NOTES)?.execute(params![seq, MAX_NOTES]).map(drop)
}

/// How a claim ended that did not end in done.
pub(super) struct AttemptRow<'a> {
    pub(super) claim: RunningRow,
    pub(super) started_at: i64,
    pub(super) ended_at: i64,
    pub(super) result: AttemptResult,
    pub(super) next_due_at: Option<i64>,
    pub(super) error: Option<&'a str>,
    pub(super) failure: Option<&'a Failure>,
}

/// Keeps an attempt, and counts its error; of too many attempts of a job the oldest go.
pub(super) fn keep_attempt(cx: &Cx<'_, '_>, row: &AttemptRow<'_>) -> rusqlite::Result<()> {
    let AttemptRow { claim, failure, .. } = row;
    let counted = matches!(row.result, AttemptResult::Failed | AttemptResult::Dead | AttemptResult::Crashed);
    let fingerprint = failure.and_then(|f| f.fingerprint.as_ref()).filter(|_| counted);
    if let Some(fingerprint) = fingerprint {
        error_groups::count(cx, claim, fingerprint, row.ended_at)?;
    }
    let values = params![
        claim.seq,
        claim.claim_no,
        claim.attempt,
        claim.process,
        row.started_at,
        row.ended_at,
        result_no(row.result),
        row.next_due_at,
        row.error,
        fingerprint.map(|f| f.group.number()),
        failure.and_then(Failure::details)
    ];
    cx.conn.prepare_cached(ATTEMPT)?.execute(values)?;
    if cx.conn.prepare_cached(FORGET_ATTEMPTS)?.execute(params![claim.seq, MAX_ATTEMPT_RECORDS])? > 0 {
        cx.conn.prepare_cached(FORGET_LOGS)?.execute([claim.seq])?;
    }
    Ok(())
}

/// The status that a number stands for.
pub(super) const fn status(no: i64) -> JobStatus {
    match no {
        SCHEDULED => JobStatus::Scheduled,
        RUNNING => JobStatus::Running,
        RETRYING => JobStatus::Retrying,
        DONE => JobStatus::Done,
        DEAD => JobStatus::Dead,
        _ => JobStatus::Pending,
    }
}

/// The reason that a number stands for.
pub(super) fn reason(no: Option<i64>) -> Option<DeadReason> {
    no.and_then(|no| DeadReason::ALL.get(usize::try_from(no).ok()?).copied())
}

/// The number that stands for a reason.
pub(super) const fn reason_no(reason: DeadReason) -> i64 {
    match reason {
        DeadReason::Exhausted => 0,
        DeadReason::Discarded => 1,
        DeadReason::Cancelled => 2,
        DeadReason::Poison => 3,
        DeadReason::Undecodable => 4,
    }
}

/// The number that stands for a result.
pub(super) const fn result_no(result: AttemptResult) -> i64 {
    match result {
        AttemptResult::Failed => 0,
        AttemptResult::Throttled => 1,
        AttemptResult::Dead => 2,
        AttemptResult::Cancelled => 3,
        AttemptResult::Crashed => 4,
        AttemptResult::Done => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_agree_both_ways() {
        for r in DeadReason::ALL {
            assert_eq!(reason(Some(reason_no(r))), Some(r));
        }
        for (no, r) in AttemptResult::ALL.into_iter().enumerate() {
            assert_eq!(result_no(r), i64::try_from(no).unwrap());
        }
        assert_eq!(
            (status(0), status(RETRYING), status(DEAD)),
            (JobStatus::Pending, JobStatus::Retrying, JobStatus::Dead)
        );
    }
}

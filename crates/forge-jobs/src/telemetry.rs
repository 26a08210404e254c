//! Every event that the runtime tells the outside of, emitted only from here.
//!
//! The target is `forge_jobs`; the field `event` names the event. Per-job events are at debug level, but for attempts that
//! failed; what an operator should look at is at warn or error. No event has a payload or an error's text.

use crate::schedule::{FireRange, TickOutcome};
use crate::storage::{FinishResult, Lease, NewTick, ReapReport, StorageError, SweepReport};
use crate::{CancelCause, ClaimedJob, DeadReason, ProcessId, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tracing::{Span, debug, error, info, info_span, warn};

const TARGET: &str = "forge_jobs";

/// A subscriber may panic, as a common one does when it cannot write to a full disk. That must not stop the queue,
/// least of all then.
fn quietly(event: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(event));
}

#[cfg(feature = "otel")]
pub(crate) mod otel;

/// The span that a handler runs in: a root, whatever the thread was doing.
#[cfg(not(feature = "otel"))]
pub(crate) fn job_span(job: &ClaimedJob) -> Span {
    info_span!(target: TARGET, parent: None, "job", id = %job.id, kind = %job.kind, queue = %job.queue, attempt = job.attempt)
}

/// The span that a handler runs in: a trace of its own, linked to the one that the job was enqueued in.
#[cfg(feature = "otel")]
pub(crate) fn job_span(job: &ClaimedJob) -> Span {
    let span = info_span!(
        target: TARGET, parent: None, "job", id = %job.id, kind = %job.kind, queue = %job.queue, attempt = job.attempt,
        otel.name = %otel::Process(job), otel.kind = "consumer"
    );
    otel::describe(&span, job);
    span
}

pub(crate) fn started(process: ProcessId, kinds: usize) {
    quietly(|| {
        info!(target: TARGET, event = "process.started", %process, kinds);
    });
}

pub(crate) fn stopped(process: ProcessId, finished: u64, handed_back: u64) {
    quietly(|| {
        info!(target: TARGET, event = "process.stopped", %process, finished, handed_back);
    });
}

pub(crate) fn claimed(count: usize, alone: bool) {
    quietly(|| {
        debug!(target: TARGET, event = "jobs.claimed", count, alone);
    });
}

pub(crate) fn finished(lease: &Lease, result: FinishResult) {
    quietly(|| match result {
        FinishResult::Applied { status, .. } => {
            debug!(target: TARGET, event = "job.finished", job = %lease.job, claim_no = lease.claim_no, %status);
        }
        FinishResult::StaleLease => {
            warn!(
                target: TARGET, event = "job.stale_lease", job = %lease.job, claim_no = lease.claim_no,
                "the result of an attempt was refused: its claim is not valid any more"
            );
        }
    });
}

/// A job as events about it name it, cloned out of its claim where an attempt did not go well.
#[derive(Clone, Debug)]
pub(crate) struct Unwell {
    kind: String,
    queue: String,
    attempt: u32,
    max_attempts: u32,
}

impl From<&ClaimedJob> for Unwell {
    fn from(job: &ClaimedJob) -> Self {
        Self {
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
        }
    }
}

pub(crate) fn retrying(lease: &Lease, job: &Unwell, after: Duration) {
    let Unwell { kind, queue, attempt, max_attempts } = job;
    quietly(|| {
        info!(
            target: TARGET, event = "job.retrying", job = %lease.job, kind, queue, attempt, max_attempts,
            seconds = after.as_secs_f64(), "an attempt failed; the job comes back"
        );
    });
}

pub(crate) fn dead(lease: &Lease, job: &Unwell, reason: DeadReason) {
    let Unwell { kind, queue, attempt, max_attempts } = job;
    quietly(|| {
        warn!(
            target: TARGET, event = "job.dead", job = %lease.job, kind, queue, attempt, max_attempts, %reason,
            "a job is dead: `forge job show` with its id tells more"
        );
    });
}

pub(crate) fn handler_stuck(lease: &Lease, kind: &str, cause: CancelCause, for_: Duration) {
    quietly(|| {
        warn!(
            target: TARGET, event = "handler.stuck", job = %lease.job, kind, ?cause, seconds = for_.as_secs(),
            "a handler still runs although it was told to stop"
        );
    });
}

pub(crate) fn fenced(process: ProcessId) {
    quietly(|| {
        warn!(
            target: TARGET, event = "process.fenced", %process,
            "this process was taken for dead and its jobs were revived; it stops them and registers anew"
        );
    });
}

pub(crate) fn self_fenced(process: ProcessId, unconfirmed: Duration) {
    quietly(|| {
        warn!(
            target: TARGET, event = "process.self_fenced", %process, seconds = unconfirmed.as_secs_f64(),
            "no heartbeat could be confirmed for half of the stale window; this process stops its jobs"
        );
    });
}

pub(crate) fn registered_anew(process: ProcessId) {
    quietly(|| {
        info!(target: TARGET, event = "process.registered_anew", %process);
    });
}

pub(crate) fn session_retired(process: ProcessId, why: &StorageError) {
    quietly(|| {
        warn!(
            target: TARGET, event = "process.retired", %process, error = %why,
            "a claim's outcome is unknown; new claims go under a new identity, and what the old one holds goes back"
        );
    });
}

pub(crate) fn storage_failed(doing: &'static str, error: &StorageError) {
    quietly(|| {
        warn!(target: TARGET, event = "storage.failed", doing, %error);
    });
}

pub(crate) fn outcome_dropped(lease: &Lease, why: &'static str) {
    quietly(|| {
        warn!(target: TARGET, event = "job.outcome_dropped", job = %lease.job, claim_no = lease.claim_no, why);
    });
}

pub(crate) fn loop_panicked(name: &'static str, message: &str) {
    quietly(|| {
        error!(target: TARGET, event = "loop.panicked", name, message, "a loop of the runtime panicked");
    });
}

pub(crate) fn reaped(report: &ReapReport) {
    quietly(|| {
        if !report.processes.is_empty() || !report.revived.is_empty() {
            warn!(
                target: TARGET, event = "processes.reaped",
                processes = report.processes.len(), revived = report.revived.len(), poisoned = report.poisoned.len(),
                exhausted = report.exhausted.len(), cancelled = report.cancelled.len(),
            );
        }
    });
}

pub(crate) fn reaper_skipped(wall: Duration, boot: Duration) {
    quietly(|| {
        warn!(
            target: TARGET, event = "reaper.skipped", wall_seconds = wall.as_secs_f64(), boot_seconds = boot.as_secs_f64(),
            "the wall clock was stepped; this round of the reaper is skipped"
        );
    });
}

pub(crate) fn swept(report: SweepReport) {
    quietly(|| {
        if report.done + report.dead > 0 {
            debug!(target: TARGET, event = "jobs.swept", done = report.done, dead = report.dead);
        }
    });
}

pub(crate) fn going_alone(suspects: bool) {
    quietly(|| {
        info!(target: TARGET, event = "process.alone", running_a_suspect = suspects);
    });
}

pub(crate) fn budget_used_up(queue: &str, again_in: Duration) {
    quietly(|| {
        debug!(target: TARGET, event = "budget.used_up", queue, seconds = again_in.as_secs_f64());
    });
}

pub(crate) fn budget_waiting(scope: &str, waiting: usize, again_in: Duration) {
    quietly(|| {
        debug!(target: TARGET, event = "budget.waiting", scope, waiting, seconds = again_in.as_secs_f64());
    });
}

pub(crate) fn budget_drained(scope: &str, asked: Duration) {
    quietly(|| {
        info!(target: TARGET, event = "budget.drained", scope, seconds = asked.as_secs_f64());
    });
}

pub(crate) fn schedule_fired(schedule: &str, tick: &NewTick, late: Duration) {
    quietly(|| {
        debug!(
            target: TARGET, event = "schedule.fired", schedule, fire_at = %tick.fire_at, job = %tick.job,
            late_seconds = late.as_secs_f64(),
        );
    });
}

pub(crate) fn schedule_overlapped(schedule: &str, fire_at: Timestamp) {
    quietly(|| {
        info!(
            target: TARGET, event = "schedule.overlapped", schedule, %fire_at,
            "a schedule did not fire, since a job of an earlier fire is unfinished"
        );
    });
}

pub(crate) fn schedule_not_fired(schedule: &str, outcome: TickOutcome, fires: FireRange) {
    quietly(|| {
        warn!(
            target: TARGET, event = "schedule.not_fired", schedule, %outcome, first = %fires.first, last = %fires.last,
            count = fires.count,
        );
    });
}

pub(crate) fn schedule_unreadable(schedule: &str) {
    quietly(|| {
        warn!(
            target: TARGET, event = "schedule.unreadable", schedule,
            "a schedule does not fire, since this version of the program does not understand it"
        );
    });
}

pub(crate) fn schedule_moved(schedule: &str, from: Option<Timestamp>, to: Option<Timestamp>) {
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    quietly(|| {
        warn!(
            target: TARGET, event = "schedule.moved", schedule, from = shown(from), to = shown(to),
            "a schedule fires at another time than was worked out before, since the time zone data are others"
        );
    });
}

pub(crate) fn schedule_taken(schedule: &str, from: &str, by: &str) {
    quietly(|| {
        warn!(
            target: TARGET, event = "schedule.taken", schedule, from, by,
            "two programs declare this schedule with different values: those of the one that started last are in \
             effect; give one of them another name"
        );
    });
}

pub(crate) fn schedule_overridden(schedule: &str) {
    quietly(|| {
        info!(
            target: TARGET, event = "schedule.overridden", schedule,
            "a person has edited this schedule; what the code declares is remembered and not in effect"
        );
    });
}

pub(crate) fn schedule_undeclared(schedule: &str) {
    quietly(|| {
        warn!(
            target: TARGET, event = "schedule.undeclared", schedule,
            "this program does not declare this schedule any more; it goes on until somebody removes it"
        );
    });
}

pub(crate) fn scheduler_skipped(wall: Duration, boot: Duration) {
    quietly(|| {
        warn!(
            target: TARGET, event = "scheduler.skipped", wall_seconds = wall.as_secs_f64(), boot_seconds = boot.as_secs_f64(),
            "the wall clock was stepped; this round of the scheduler is skipped"
        );
    });
}

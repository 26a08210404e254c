//! From what is known to the reasons, in the order in which they are to be dealt with. Pure.

use super::{Around, NotDueCause, Reason};
use crate::storage::ProcessRow;
use crate::{Job, JobStatus, ProcessId, Timestamp};
use std::time::Duration;

/// What is known.
pub(super) struct Facts<'a> {
    pub(super) job: &'a Job,
    pub(super) around: &'a Around,
}

impl Facts<'_> {
    const fn now(&self) -> Timestamp {
        self.around.line.now
    }

    /// Processes that are alive and will go on.
    fn alive(&self) -> impl Iterator<Item = &ProcessRow> {
        self.around.processes.iter().filter(|p| !p.stopping && !p.is_gone(self.now()))
    }

    /// Those of them that can run the job.
    fn able(&self) -> impl Iterator<Item = &ProcessRow> {
        let can = |p: &&ProcessRow| {
            works_on(p, &self.job.queue)
                && p.kinds.as_ref().is_none_or(|kinds| kinds.contains(&self.job.kind))
        };
        self.alive().filter(can)
    }

    fn running_in(&self, process: ProcessId) -> u64 {
        let running = &self.around.line.running;
        running.iter().find(|(id, _)| *id == process).map_or(0, |(_, jobs)| *jobs)
    }
}

pub(super) fn works_on(process: &ProcessRow, queue: &str) -> bool {
    process.queues.as_ref().is_none_or(|queues| queues.iter().any(|q| q == queue))
}

pub(super) fn decide(facts: &Facts<'_>) -> Vec<Reason> {
    let job = facts.job;
    match job.status {
        JobStatus::Done | JobStatus::Dead => vec![Reason::Finished {
            status: job.status,
            reason: job.dead_reason,
            at: job.finished_at,
            error: job.error.clone().filter(|_| job.status == JobStatus::Dead),
        }],
        JobStatus::Running => running(facts),
        JobStatus::Scheduled | JobStatus::Retrying => {
            let mut reasons = vec![not_due(facts)];
            waiting(facts, &mut reasons);
            reasons
        }
        JobStatus::Pending => {
            let mut reasons = Vec::new();
            waiting(facts, &mut reasons);
            let line = &facts.around.line;
            if job.suspect {
                reasons.push(Reason::RunsAlone { crashes: job.crashes });
            }
            if !reasons.iter().any(Reason::holds) {
                let takes = facts.around.per_second.map(|rate| time_for(line.ahead.count, rate));
                reasons.push(Reason::InLine { ahead: line.ahead, of: line.of, takes });
            }
            reasons
        }
    }
}

/// How long it takes until so many have gone before, at a rate per second.
fn time_for(ahead: u64, per_second: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = ahead as f64 / per_second;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn running(facts: &Facts<'_>) -> Vec<Reason> {
    let job = facts.job;
    let holder = facts.around.processes.iter().find(|p| Some(p.id) == job.process);
    match holder {
        Some(process) if !process.is_gone(facts.now()) => vec![Reason::Running {
            process: job.process,
            since: job.started_at,
            cancel_requested_at: job.cancel_requested_at,
        }],
        gone => {
            let silent = gone.filter(|p| !p.died);
            let gone = Reason::HolderGone {
                process: job.process,
                beat_at: gone.map(|p| p.beat_at),
                revived_at: silent.map_or_else(|| facts.now(), |p| p.beat_at.saturating_add(p.stale_after)),
            };
            // Whoever revives it need not be able to run it.
            let nobody = facts.alive().next().is_none().then(|| no_process(facts));
            std::iter::once(gone).chain(nobody).collect()
        }
    }
}

fn not_due(facts: &Facts<'_>) -> Reason {
    let job = facts.job;
    if job.due_at <= facts.now() {
        return Reason::NotPromoted { since: job.due_at };
    }
    let cause = match job.status {
        JobStatus::Retrying => NotDueCause::Backoff { attempt: job.attempt, max_attempts: job.max_attempts },
        _ if job.throttles > 0 => NotDueCause::Throttled { times: job.throttles },
        _ => NotDueCause::Asked,
    };
    Reason::NotDue { until: job.due_at, cause }
}

fn no_process(facts: &Facts<'_>) -> Reason {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let queue = &facts.job.queue;
    Reason::NoProcess {
        queue: queue.clone(),
        kind: facts.job.kind.clone(),
        alive: count(facts.alive().count()),
        on_queue: count(facts.alive().filter(|p| works_on(p, queue)).count()),
    }
}

/// What holds a job that waits, or would once its time has come.
fn waiting(facts: &Facts<'_>, reasons: &mut Vec<Reason>) {
    let (job, around, now) = (facts.job, facts.around, facts.now());
    let settings = around.queue.as_ref().map(|q| q.settings).unwrap_or_default();
    if settings.paused {
        let row = around.queue.as_ref();
        let by = row.and_then(|q| q.paused_by.clone());
        let since = row.and_then(|q| q.paused_at);
        reasons.push(Reason::QueuePaused { queue: job.queue.clone(), by, since });
    }
    if facts.able().next().is_none() {
        reasons.push(no_process(facts));
    }
    if let Some((by, key)) = job.waits_for.zip(job.concurrency_key.as_ref()) {
        reasons.push(Reason::KeyHeld { key: key.clone(), by });
    }
    for (what, row) in &around.limits {
        let scope = row.scope.to_string();
        if let Some(until) = row.drained_until.filter(|until| *until > now) {
            reasons.push(Reason::BudgetDrained { what: what.clone(), scope, until });
        } else if row.free == 0 {
            reasons.push(Reason::BudgetUsedUp {
                what: what.clone(),
                scope,
                used: row.used,
                permits: row.limit.permits,
                window: row.limit.window,
                next_at: row.next_at,
            });
        }
    }
    let running: u64 = around.line.running.iter().map(|(_, jobs)| *jobs).sum();
    if let Some(max_running) = settings.max_running.filter(|bound| running >= u64::from(*bound)) {
        reasons.push(Reason::QueueFull { queue: job.queue.clone(), running, max_running });
    }
    let (mut able, workers) = (facts.able().peekable(), settings.workers);
    if able.peek().is_some() && able.all(|p| facts.running_in(p.id) >= u64::from(workers)) {
        let processes = u32::try_from(facts.able().count()).unwrap_or(u32::MAX);
        reasons.push(Reason::AllBusy { queue: job.queue.clone(), processes, workers });
    }
}

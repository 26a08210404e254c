//! Jobs, their attempts and what happened to them.

use super::{cursor, raw, seconds, time};
use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;

impl From<domain::JobStatus> for wire::JobStatus {
    fn from(status: domain::JobStatus) -> Self {
        match status {
            domain::JobStatus::Pending => Self::Pending,
            domain::JobStatus::Scheduled => Self::Scheduled,
            domain::JobStatus::Running => Self::Running,
            domain::JobStatus::Retrying => Self::Retrying,
            domain::JobStatus::Done => Self::Done,
            domain::JobStatus::Dead => Self::Dead,
            _ => Self::Unknown,
        }
    }
}

impl From<domain::DeadReason> for wire::DeadReason {
    fn from(reason: domain::DeadReason) -> Self {
        match reason {
            domain::DeadReason::Exhausted => Self::Exhausted,
            domain::DeadReason::Discarded => Self::Discarded,
            domain::DeadReason::Cancelled => Self::Cancelled,
            domain::DeadReason::Poison => Self::Poison,
            domain::DeadReason::Undecodable => Self::Undecodable,
            _ => Self::Unknown,
        }
    }
}

impl From<domain::AttemptResult> for wire::AttemptResult {
    fn from(result: domain::AttemptResult) -> Self {
        match result {
            domain::AttemptResult::Failed => Self::Failed,
            domain::AttemptResult::Throttled => Self::Throttled,
            domain::AttemptResult::Dead => Self::Dead,
            domain::AttemptResult::Cancelled => Self::Cancelled,
            domain::AttemptResult::Crashed => Self::Crashed,
            domain::AttemptResult::Done => Self::Done,
            _ => Self::Unknown,
        }
    }
}

impl From<&domain::Progress> for wire::Progress {
    fn from(p: &domain::Progress) -> Self {
        Self { done: p.done, total: p.total, note: p.note.clone() }
    }
}

impl From<&domain::Job> for wire::Job {
    fn from(job: &domain::Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            status: job.status.into(),
            dead_reason: job.dead_reason.map(Into::into),
            priority: job.priority,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            claim_no: job.claim_no,
            process: job.process.map(|p| p.to_string()),
            created_at: time(job.created_at),
            due_at: time(job.due_at),
            started_at: job.started_at.map(time),
            finished_at: job.finished_at.map(time),
            cancel_requested_at: job.cancel_requested_at.map(time),
            throttles: job.throttles,
            crashes: job.crashes,
            suspect: job.suspect,
            dedupe_key: job.dedupe_key.clone(),
            dedupe_states: match job.dedupe_key {
                Some(_) => job.dedupe_states.iter().map(|s| s.to_string()).collect(),
                None => Vec::new(),
            },
            dedupe_until: job.dedupe_until.map(time),
            concurrency_key: job.concurrency_key.clone(),
            waits_for: job.waits_for.map(|id| id.to_string()),
            tags: job.tags.clone(),
            payload: raw(&job.payload),
            error: job.error.clone(),
            output: job.output.as_ref().map(raw),
            progress: job.progress.as_ref().map(Into::into),
            partial: Vec::new(),
        }
    }
}

impl From<&domain::Attempt> for wire::Attempt {
    fn from(a: &domain::Attempt) -> Self {
        Self {
            attempt: a.attempt,
            claim_no: a.claim_no,
            process: a.process.map(|p| p.to_string()),
            worker: a.worker.as_ref().map(Into::into),
            started_at: time(a.started_at),
            ended_at: time(a.ended_at),
            ran_seconds: seconds(a.duration()),
            result: a.result.into(),
            cause: a.cause.as_str().to_owned(),
            error: a.error.clone(),
            chain: a.chain.iter().map(Into::into).collect(),
            location: a.location.clone(),
            error_group: a.error_group.map(|group| group.to_string()),
            next_due_at: a.next_due_at.map(time),
        }
    }
}

impl From<&storage::JobEvent> for wire::JobEvent {
    fn from(e: &storage::JobEvent) -> Self {
        Self {
            at: time(e.at),
            event: e.event.clone(),
            attempt: e.attempt,
            claim_no: e.claim_no,
            process: e.process.map(|p| p.to_string()),
            worker: e.worker.as_ref().map(Into::into),
            cause: e.cause.clone(),
            ran_seconds: e.ran_for.map(seconds),
            detail: e.detail.clone(),
            actor: e.actor.clone(),
        }
    }
}

impl From<&storage::JobPage> for wire::JobPage {
    fn from(page: &storage::JobPage) -> Self {
        Self {
            jobs: page.jobs.iter().map(Into::into).collect(),
            next: page.next.map(cursor),
            unknown: page.unknown.iter().map(|field| (*field).to_owned()).collect(),
            scanned: page.scanned,
            complete: page.complete,
        }
    }
}

//! Why a job is not running: one answer for people at a terminal, in a panel and in a program.

mod decide;
mod reason;
mod text;

pub use reason::{NotDueCause, Reason, Why};

use crate::storage::{
    ClaimMode, KindFilter, LimitRow, Limited, Line, LineParams, ProcessRow, QueueRow, Storage, StorageError,
};
use crate::{Job, JobId, JobStatus, Timestamp, timeline};
use decide::Facts;
use std::collections::HashSet;
use std::sync::Arc;

/// How often a job is looked at anew that moves while it is looked at.
const LOOKS: usize = 5;

/// Why a job is not running, or that it is; `None` if there is no such job.
///
/// Reads what the claim reads, and a few rows more; harmless at any time. The answer is about one moment: if the job
/// moves while its surroundings are read, they are read again. `now` is for tests; `None` is the database's time.
///
/// # Errors
///
/// What reading the storage gave.
pub async fn why(storage: &Storage, id: JobId, now: Option<Timestamp>) -> Result<Option<Why>, StorageError> {
    let mut looks = 0;
    loop {
        let Some(job) = storage.inspect.job(id).await? else { return Ok(None) };
        let around = Around::of(storage, &job, now).await?;
        looks += 1;
        let still = storage.inspect.job(id).await?;
        if looks < LOOKS && still.as_ref().is_none_or(|still| place(still) != place(&job)) {
            continue;
        }
        let reasons = decide::decide(&Facts { job: &job, around: &around });
        return Ok(Some(Why { job, at: around.line.now, reasons }));
    }
}

const fn place(job: &Job) -> (JobStatus, i64, Timestamp, Option<JobId>) {
    (job.status, job.claim_no, job.due_at, job.waits_for)
}

/// What decides whether a job can run, beside the job itself.
struct Around {
    queue: Option<QueueRow>,
    processes: Vec<ProcessRow>,
    /// The budgets that its queue and its kind are attached to.
    limits: Vec<(Limited, LimitRow)>,
    line: Line,
    /// Jobs of its queue that were started per second lately; `None` if none was.
    per_second: Option<f64>,
}

impl Around {
    async fn of(storage: &Storage, job: &Job, now: Option<Timestamp>) -> Result<Self, StorageError> {
        let queue = storage.queues.get(&job.queue).await?;
        let processes = storage.inspect.processes().await?;
        let mut limits = Vec::new();
        for (what, scope) in storage.rate_limits.attachments().await? {
            let concerns = match &what {
                Limited::Queue(queue) => *queue == job.queue,
                Limited::Kind(kind) => *kind == job.kind,
            };
            if concerns && let Some(row) = storage.rate_limits.limit(&scope, now).await? {
                limits.push((what, row));
            }
        }
        let params = LineParams {
            queue: job.queue.clone(),
            mode: if job.suspect { ClaimMode::Alone } else { ClaimMode::Ordinary },
            before: (job.priority, job.due_at, job.id),
            kinds: kinds_of(&processes, &job.queue),
            now,
        };
        let line = storage.inspect.line(params).await?;
        let per_second = timeline::starts_per_second(storage, &job.queue, line.now).await?;
        Ok(Self { queue, processes, limits, line, per_second })
    }
}

/// The kinds that some process can run in a queue.
fn kinds_of(processes: &[ProcessRow], queue: &str) -> KindFilter {
    let mut all = HashSet::new();
    for process in processes.iter().filter(|p| decide::works_on(p, queue)) {
        match &process.kinds {
            None => return KindFilter::Any,
            Some(kinds) => all.extend(kinds.iter().cloned()),
        }
    }
    KindFilter::Only(Arc::new(all))
}

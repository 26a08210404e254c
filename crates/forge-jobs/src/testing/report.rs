//! What a drain did.

use crate::{AttemptCause, ClaimedJob, DeadReason, JobId, JobOutcome, JobStatus};
use std::fmt;

/// Failures that a report tells in its text.
const TOLD: usize = 10;

/// One attempt that a test ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ran {
    /// The job as its handler saw it.
    pub job: ClaimedJob,
    /// What the handler reported; of a panic, a time limit or a payload that does not decode, what that counts as.
    pub outcome: JobOutcome,
    /// What ended it, if that was not the handler.
    pub cause: Option<AttemptCause>,
    /// Where the job stands now; `None` if the outcome was refused, since the job was revived or dropped meanwhile.
    pub status: Option<JobStatus>,
    /// Why it is dead, if it is.
    pub dead_reason: Option<DeadReason>,
}

impl Ran {
    /// What it failed of, if it did.
    #[must_use]
    pub const fn error(&self) -> Option<&str> {
        match &self.outcome {
            JobOutcome::Failed(text) | JobOutcome::Dead(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

/// What a drain did. As text it tells the numbers, and of what the first ten failures were.
///
/// Counts are of attempts: a job that failed twice and then worked counts three times.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// The attempts, in their order.
    pub ran: Vec<Ran>,
    /// Jobs that schedules made.
    pub fired: usize,
    /// Jobs of processes that were found dead, which became pending again.
    pub revived: Vec<JobId>,
    /// Jobs of such processes that are dead now.
    pub died_with_process: Vec<JobId>,
    /// Whether the bound ended it, and there was more to run.
    pub more: bool,
}

impl DrainReport {
    fn count(&self, is: impl Fn(&Ran) -> bool) -> usize {
        self.ran.iter().filter(|ran| is(ran)).count()
    }

    /// Attempts after which the job was done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.count(|ran| ran.status == Some(JobStatus::Done))
    }

    /// Attempts that failed, after which the job waits for the next one, or is there for it at once where the queue has no
    /// backoff.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|ran| {
            ran.status == Some(JobStatus::Retrying)
                || (ran.status == Some(JobStatus::Pending)
                    && !matches!(ran.outcome, JobOutcome::Throttled { .. }))
        })
    }

    /// Attempts that asked to wait.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.count(|ran| {
            ran.status == Some(JobStatus::Scheduled) && matches!(ran.outcome, JobOutcome::Throttled { .. })
        })
    }

    /// Attempts after which the job was dead, cancelled ones included.
    #[must_use]
    pub fn dead(&self) -> usize {
        self.count(|ran| ran.status == Some(JobStatus::Dead))
    }

    /// Asserts that every attempt was one after which its job was done.
    ///
    /// # Panics
    ///
    /// When one was not, or when a job died with its process, with the report's text.
    #[track_caller]
    pub fn expect_done(&self) {
        assert!(
            self.done() == self.ran.len() && self.died_with_process.is_empty(),
            "not all is done: {self}"
        );
    }

    /// The attempts of jobs of a kind, in their order.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Ran> + 'a {
        self.ran.iter().filter(move |ran| ran.job.kind == kind)
    }

    /// Puts what was done later after it.
    pub(super) fn add(&mut self, later: Self) {
        self.ran.extend(later.ran);
        self.fired += later.fired;
        self.revived.extend(later.revived);
        self.died_with_process.extend(later.died_with_process);
        self.more = later.more;
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ran: {} done, {} failed, {} throttled, {} dead; {} fired, {} revived",
            self.ran.len(),
            self.done(),
            self.failed(),
            self.throttled(),
            self.dead(),
            self.fired,
            self.revived.len()
        )?;
        if self.more {
            f.write_str("; there is more")?;
        }
        let mut failures = self.ran.iter().filter_map(|ran| Some((ran, ran.error()?)));
        for (Ran { job, .. }, error) in failures.by_ref().take(TOLD) {
            write!(f, "\n    {} {}, attempt {}: {error}", job.kind, job.id, job.attempt)?;
        }
        match failures.count() {
            0 => Ok(()),
            more => write!(f, "\n    … and {more} more failures"),
        }
    }
}

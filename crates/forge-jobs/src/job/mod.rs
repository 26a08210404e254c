//! The job as the domain sees it: identity, status, outcome, request, and the row that people read.

mod dedupe;
pub(crate) mod failure;
mod id;
pub(crate) mod name;
mod outcome;
pub(crate) mod payload;
mod request;
mod status;
mod trace;

pub use dedupe::{Dedupe, DedupeError, DedupeStates};
pub use failure::{AttemptCause, ErrorCause, Failure, Told};
pub use id::{JobId, JobIdParseError, ProcessId, ProcessIdParseError};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use name::check_tags;
pub use name::{NameError, check_name};
pub use outcome::JobOutcome;
pub use payload::{Payload, PayloadError};
pub use request::{Due, EnqueueRequest, InvalidRequest, JobPayload, NewJob};
pub use status::{DeadReason, DeadReasonParseError, JobStatus, JobStatusParseError};
pub use trace::{TraceContext, TraceContextError};

use crate::Timestamp;
use crate::errors::ErrorGroupId;
use std::fmt;
use std::time::Duration;

/// A job as it stands, for people and programs that look.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Identity.
    pub id: JobId,
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Why it is dead.
    pub dead_reason: Option<DeadReason>,
    /// Lower runs first.
    pub priority: i16,
    /// Attempts started and charged, the running one included; 0 before the first.
    pub attempt: u32,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// The number of its latest claim; 0 before the first. It only grows.
    pub claim_no: i64,
    /// The process that holds it while it runs; the one that finished it afterwards.
    pub process: Option<ProcessId>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it becomes or became due.
    pub due_at: Timestamp,
    /// When the latest claim (while running) or attempt (once finished) began.
    pub started_at: Option<Timestamp>,
    /// When it was done or dead.
    pub finished_at: Option<Timestamp>,
    /// When a cancel was requested of the running attempt.
    pub cancel_requested_at: Option<Timestamp>,
    /// Throttles in a row.
    pub throttles: u32,
    /// Crashes of its process that count against it.
    pub crashes: u32,
    /// Whether it is suspected of killing its process: it runs alone until it proves otherwise.
    pub suspect: bool,
    /// At most one job per kind and key, among those in [`dedupe_states`](Self::dedupe_states).
    pub dedupe_key: Option<String>,
    /// The states in which it holds its dedupe key.
    pub dedupe_states: DedupeStates,
    /// When its dedupe key comes free at the latest; `None`: no such bound.
    pub dedupe_until: Option<Timestamp>,
    /// At most one job per kind and key runs at a time.
    pub concurrency_key: Option<String>,
    /// The job that a pending one waits for, since it has the key; `None`: it waits for none.
    pub waits_for: Option<JobId>,
    /// For people to search by.
    pub tags: Vec<String>,
    /// JSON data.
    pub payload: Payload,
    /// The latest error.
    pub error: Option<String>,
    /// What the handler left as its result, JSON.
    pub output: Option<Payload>,
    /// What the handler last said of its progress.
    pub progress: Option<Progress>,
}

/// How far a running handler has come.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all; `None` when unknown.
    pub total: Option<u64>,
    /// What it is doing, for people; cut at 1,024 bytes.
    pub note: Option<String>,
}

/// The program that a process runs, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The host's name.
    pub host: String,
    /// The operating system's process id.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
}

/// One attempt that has ended, or a claim that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt, 1-based; the charge it would have been if it was not charged.
    pub attempt: u32,
    /// The claim it ran under.
    pub claim_no: i64,
    /// The process it ran in.
    pub process: Option<ProcessId>,
    /// What is known of that process; `None` when it is forgotten.
    pub worker: Option<Worker>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub result: AttemptResult,
    /// What ended it.
    pub cause: AttemptCause,
    /// The error text, cleaned and cut.
    pub error: Option<String>,
    /// The error and its sources, the outermost first; empty when there is no more than the text.
    pub chain: Vec<ErrorCause>,
    /// Where it panicked: file, line and column.
    pub location: Option<String>,
    /// The group of errors that it was counted in.
    pub error_group: Option<ErrorGroupId>,
    /// When the job was to come back, if it was.
    pub next_due_at: Option<Timestamp>,
}

impl Attempt {
    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let micros = self.ended_at.as_micros().saturating_sub(self.started_at.as_micros());
        Duration::from_micros(micros.max(0).unsigned_abs())
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptResult {
    /// It failed; the job came back or died of it.
    Failed,
    /// The handler asked to wait.
    Throttled,
    /// The handler gave the job up, or could not decode it.
    Dead,
    /// It was cancelled.
    Cancelled,
    /// Its process died.
    Crashed,
    /// It worked.
    Done,
}

impl AttemptResult {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Throttled, Self::Dead, Self::Cancelled, Self::Crashed, Self::Done];

    /// The word used in code, SQL views, JSON and the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for AttemptResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a worker gets when it claims a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Identity.
    pub id: JobId,
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// JSON data.
    pub payload: Payload,
    /// Which attempt this is, 1-based.
    pub attempt: u32,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// Lower runs first.
    pub priority: i16,
    /// Throttles in a row before this attempt.
    pub throttles: u32,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When this attempt became due.
    pub due_at: Timestamp,
    /// For people to search by.
    pub tags: Vec<String>,
    /// Where in a distributed trace it was enqueued, if anywhere.
    pub trace: Option<TraceContext>,
    /// How many times in a row its process died while it held the job. Above 0 the job is a suspect and claimed alone.
    pub suspicions: u32,
}

#[cfg(test)]
impl ClaimedJob {
    /// One of no queue and kind in particular, on its only attempt.
    pub(crate) fn plain() -> Self {
        let at = Timestamp::from_micros(1);
        Self {
            id: JobId::new(),
            kind: "k".into(),
            queue: "q".into(),
            payload: Payload::from_storage("1"),
            attempt: 1,
            max_attempts: 1,
            priority: 0,
            throttles: 0,
            created_at: at,
            due_at: at,
            tags: Vec::new(),
            trace: None,
            suspicions: 0,
        }
    }
}

/// Cleans error text so that any storage can take it, and cuts it to `limit` bytes, visibly.
///
/// Without this a job whose handler reports a NUL could never leave `running`.
#[must_use]
pub fn clean_error(text: &str, limit: usize) -> String {
    const CUT: &str = " … (cut)";
    let mut out = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        // Line breaks and tabs are what makes a backtrace readable; other control characters could only harm.
        out.push(if c.is_control() && !matches!(c, '\n' | '\t') { '\u{FFFD}' } else { c });
        if out.len() > limit {
            let mut end = limit.saturating_sub(CUT.len());
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push_str(CUT);
            break;
        }
    }
    out
}

/// How long work took, when what is known is durations: the handler's run time and how long ago it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Timing {
    /// How long the handler ran.
    pub ran_for: Duration,
    /// How long ago it ended when the finish was sent.
    pub ended_ago: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_text_is_cleaned_and_cut_visibly() {
        assert_eq!(clean_error("a\0b\u{1b}[31m\n\tc", 100), "a\u{FFFD}b\u{FFFD}[31m\n\tc");
        let cut = clean_error(&"ü".repeat(50_000), 100);
        assert!(cut.len() <= 100 && cut.ends_with("(cut)"), "{cut}");
        assert_eq!(clean_error("short", 100), "short");
        let full = "x".repeat(100);
        assert_eq!(clean_error(&full, 100), full);
    }
}

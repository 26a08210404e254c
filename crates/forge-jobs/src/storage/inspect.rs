//! `Inspect`: reads for people. Apart from the traits that carry the runtime, so that those stay small (ADR 0001).

use super::{ClaimMode, Health, JobFilter, KindFilter, OpenTransaction, QueueRow, StorageError};
use crate::{Attempt, Job, JobId, JobStatus, ProcessId, Timestamp, Worker};
use async_trait::async_trait;
use std::time::Duration;

/// Where the next page begins: opaque to callers, in the list's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageCursor {
    /// The time that the list is ordered by, of the last row seen.
    pub at: Timestamp,
    /// The id of the last row seen.
    pub id: JobId,
    /// Where the storage keeps that row: its own business, like [`Lease::row`](super::Lease::row).
    pub row: i64,
    /// Which list it belongs to: [`JobFilter::fingerprint`]. In another one it would skip rows in silence, so it is
    /// refused there.
    pub filter: u64,
}

/// A page of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Pass it to get the next page; `None` at the end.
    pub next: Option<PageCursor>,
    /// The fields of the filter, `queue` or `kind`, whose value no job ever had: a slip, most likely.
    pub unknown: Vec<&'static str>,
    /// Rows that were looked at.
    pub scanned: u64,
    /// Whether the page is all that there is at its place. `false`: the look stopped after
    /// [`SCAN_ROWS`](crate::limits::SCAN_ROWS), with fewer jobs than asked for or none; [`next`](Self::next) goes on
    /// from there.
    pub complete: bool,
}

/// How many jobs a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// Up to [`COUNT_CAP`](crate::limits::COUNT_CAP); `more` also when the look stopped after
    /// [`SCAN_ROWS`](crate::limits::SCAN_ROWS).
    pub count: BoundedCount,
    /// As in [`JobPage`].
    pub unknown: Vec<&'static str>,
}

/// For [`Inspect::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListParams {
    /// Which jobs.
    pub filter: JobFilter,
    /// Rows of the page, at most [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub limit: u32,
    /// Where to go on.
    pub after: Option<PageCursor>,
}

/// One thing that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobEvent {
    /// When.
    pub at: Timestamp,
    /// What: `enqueued`, `started`, `failed`, `throttled`, `crashed`, `done`, `dead`, `cancel_requested`,
    /// `cancelled`, `retried`, `replaced`, `run_now`, `released`, `edited`.
    pub event: String,
    /// Which attempt.
    pub attempt: Option<u32>,
    /// Which claim.
    pub claim_no: Option<i64>,
    /// In which process.
    pub process: Option<ProcessId>,
    /// What is known of that process; `None` when it is forgotten.
    pub worker: Option<Worker>,
    /// Who or what made it happen: `caller`, `schedule`, `claim`, `operator`, `handed_back`, the dead reason of a job
    /// that died, or the word of an [`AttemptCause`](crate::AttemptCause).
    pub cause: Option<String>,
    /// How long the attempt took that ended here.
    pub ran_for: Option<Duration>,
    /// An error text, the schedule that made the job, or another detail for people.
    pub detail: Option<String>,
    /// The person who caused it, if one did and was named.
    pub actor: Option<String>,
}

/// A count that stops at a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BoundedCount {
    /// So many, at least.
    pub count: u64,
    /// Whether there are more.
    pub more: bool,
}

impl BoundedCount {
    /// Both together.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) const fn plus(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), more: self.more || other.more }
    }
}

/// How many jobs stand where, in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCounts {
    /// The queue.
    pub queue: QueueRow,
    /// Counts in the order of [`JobStatus::ALL`], each up to [`COUNT_CAP`](crate::limits::COUNT_CAP).
    pub counts: [(JobStatus, BoundedCount); 6],
}

/// A registered process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessRow {
    /// Identity of this boot.
    pub id: ProcessId,
    /// The host's name.
    pub host: String,
    /// The operating system's process id.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// The kinds it can run; `None`: any.
    pub kinds: Option<Vec<String>>,
    /// The queues it works on; `None`: all.
    pub queues: Option<Vec<String>>,
    /// How often it beats.
    pub heartbeat_interval: Duration,
    /// The silence after which it counts as dead.
    pub stale_after: Duration,
    /// When it registered.
    pub started_at: Timestamp,
    /// Its last confirmed heartbeat.
    pub beat_at: Timestamp,
    /// Jobs it holds, running or claimed ahead.
    pub holds: BoundedCount,
    /// Whether it is about to end: it takes nothing on any more.
    pub stopping: bool,
    /// Whether it has certainly died, without a farewell. `false` where that cannot be told: silence for the stale
    /// window decides then.
    pub died: bool,
}

impl ProcessRow {
    /// Whether it has died, or has been silent for as long as makes it count as dead.
    #[must_use]
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.died || now.saturating_since(self.beat_at) > self.stale_after
    }
}

/// Due jobs of one kind in one queue: pending, or scheduled or retrying and past their time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DueKind {
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// How many, up to [`COUNT_CAP`](crate::limits::COUNT_CAP).
    pub jobs: BoundedCount,
}

/// For [`Inspect::line`].
#[derive(Clone, Debug)]
pub struct LineParams {
    /// The queue.
    pub queue: String,
    /// Which line of it: of ordinary jobs, or of those that run alone.
    pub mode: ClaimMode,
    /// The job that asks: its place in claim order.
    pub before: (i16, Timestamp, JobId),
    /// Only jobs of these kinds count.
    pub kinds: KindFilter,
    /// The time to answer for.
    pub now: Option<Timestamp>,
}

/// A queue's line, as one job in it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The database's time.
    pub now: Timestamp,
    /// Pending jobs that come before it, up to [`COUNT_CAP`](crate::limits::COUNT_CAP) of each kind.
    pub ahead: BoundedCount,
    /// Pending jobs in all, likewise.
    pub of: BoundedCount,
    /// Claimed jobs of the queue, per process that has some.
    pub running: Vec<(ProcessId, u64)>,
}

/// What a check of the database found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Checkup {
    /// What and where the database is, for people, without secrets.
    pub database: String,
    /// The database system's version.
    pub engine_version: String,
    /// The schema's version.
    pub schema_version: i64,
    /// Facts for people: (name, value).
    pub facts: Vec<(String, String)>,
    /// What is wrong; empty when all is well.
    pub problems: Vec<String>,
}

/// Reads for people. They never hurt the workers: bounded, on connections of their own, with a time limit.
#[async_trait]
pub trait Inspect: Send + Sync + 'static {
    /// One job; `None` if there is none.
    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError>;

    /// A page of jobs. Order: the last that came in first; with a status, by what matters there: pending, scheduled and
    /// retrying by due time, done and dead by finish, newest first. With several of different sorts: as without.
    ///
    /// What no index tells is looked for in a bounded number of rows: see [`JobPage::complete`].
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a cursor of another list, and for a limit or a filter out of bounds.
    async fn list(&self, params: ListParams) -> Result<JobPage, StorageError>;

    /// How many jobs a filter lets through, as far as that is cheap.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a filter out of bounds.
    async fn count(&self, filter: JobFilter) -> Result<JobCount, StorageError>;

    /// The attempts of a job that have ended, oldest first. Of those that did not end in `done` only the last
    /// [`MAX_ATTEMPT_RECORDS`](crate::limits::MAX_ATTEMPT_RECORDS) are kept.
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, StorageError>;

    /// What happened to a job, oldest first.
    async fn events(&self, id: JobId) -> Result<Vec<JobEvent>, StorageError>;

    /// All queues with their counts, by name.
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StorageError>;

    /// Which kinds have jobs in which queues that could run now, by queue and kind: pending ones, and scheduled and
    /// retrying ones whose time has come and that nobody has promoted yet.
    async fn due_kinds(&self, now: Option<Timestamp>) -> Result<Vec<DueKind>, StorageError>;

    /// Whether any job is pending, scheduled, running or retrying in the queue (`None`: in any). Cheap.
    async fn has_unfinished(&self, queue: Option<&str>) -> Result<bool, StorageError>;

    /// What is before a job in the line of its queue, and what of the queue is running. Reads no job: costs what it
    /// counts.
    async fn line(&self, params: LineParams) -> Result<Line, StorageError>;

    /// All registered processes, oldest first.
    async fn processes(&self) -> Result<Vec<ProcessRow>, StorageError>;

    /// How the database is: its size, what it is made of, who holds it up. Cheap: it reads no large table.
    async fn health(&self) -> Result<Health, StorageError>;

    /// The transaction that has kept dead rows from being cleared away the longest, of those that this role may see. `None`
    /// also where the database cannot tell, as SQLite. Cheap: it reads no table.
    async fn oldest_snapshot(&self) -> Result<Option<OpenTransaction>, StorageError>;

    /// Checks the database as a whole: its own integrity check and this crate's invariants. Reads everything: for
    /// people who ask, not for a timer.
    async fn checkup(&self) -> Result<Checkup, StorageError>;
}

//! `History`: what jobs leave behind besides their rows: the lines that handlers logged, and errors by sort.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) mod chunks;

use super::{Lease, StorageError};
use crate::errors::ErrorGroupId;
use crate::logs::{LogCursor, LogLine, LoggedLine};
use crate::{JobId, Timestamp};
use async_trait::async_trait;

/// For [`History::record_logs`].
#[derive(Clone, Debug)]
pub struct RecordLogsParams {
    /// Lines of attempts, at most [`MAX_LOG_BATCH`](crate::limits::MAX_LOG_BATCH) chunks.
    pub chunks: Vec<LogChunk>,
}

/// Lines of one attempt, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// The claim that the attempt runs under, or ran.
    pub lease: Lease,
    /// Which chunk of the attempt it is, from 1.
    pub no: u32,
    /// The lines; may be empty when some were left out.
    pub lines: Vec<LogLine>,
    /// Lines after these that were left out.
    pub left_out: LeftOut,
}

/// Lines that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Over the bounds of an attempt.
    pub over: Over,
    /// So many for which there was no room, or that no storage took in time.
    pub lost: u32,
}

/// Lines over the bounds of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Over {
    /// None.
    #[default]
    None,
    /// From here on all of them; how many they become is said when the attempt has ended.
    More,
    /// So many in all.
    Total(u32),
}

/// For [`History::logs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogsParams {
    /// The job.
    pub job: JobId,
    /// Only of the attempt under this claim.
    pub claim_no: Option<i64>,
    /// Only what comes after this line.
    pub after: Option<LogCursor>,
    /// Lines of the page, at most [`MAX_LOG_PAGE`](crate::limits::MAX_LOG_PAGE).
    pub limit: u32,
}

/// A page of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The lines, oldest attempt first.
    pub lines: Vec<LoggedLine>,
    /// Whether there are more already.
    pub more: bool,
}

/// In which order to list groups of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ErrorOrder {
    /// Those that were seen last come first.
    #[default]
    Newest,
    /// Those that were seen most often come first.
    MostFrequent,
    /// Those that were seen first last come first.
    NewestFirstSeen,
}

/// For [`History::error_groups`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ErrorGroupsParams {
    /// Only those seen in this queue.
    pub queue: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// In which order.
    pub order: ErrorOrder,
    /// Rows, at most [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub limit: u32,
}

/// Errors of one sort.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorGroup {
    /// Its number.
    pub id: ErrorGroupId,
    /// The kind of its jobs.
    pub kind: String,
    /// The type of the error as it names itself, or `panic`, `time_limit`, `undecodable`, `throttles`, `crashed`; empty
    /// when it is not known.
    pub error_type: String,
    /// The message, with blanks for what differs.
    pub message: String,
    /// Attempts that ended like this, in all queues.
    pub count: u64,
    /// When the first of them ended.
    pub first_at: Timestamp,
    /// When the last of them ended.
    pub last_at: Timestamp,
    /// The version of the program in which it was seen first.
    pub first_version: String,
    /// A job that it happened to: the last one. It may be gone.
    pub last_job: JobId,
    /// Where it was seen, by name.
    pub queues: Vec<ErrorQueue>,
}

/// How often an error was seen in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorQueue {
    /// The queue.
    pub queue: String,
    /// Attempts that ended like this.
    pub count: u64,
    /// When the last of them ended.
    pub last_at: Timestamp,
}

/// Groups of errors.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ErrorGroupList {
    /// The groups.
    pub groups: Vec<ErrorGroup>,
    /// Whether there are more.
    pub more: bool,
}

/// For [`History::tend_errors`].
#[derive(Clone, Copy, Debug)]
pub struct TendErrorsParams {
    /// At most so many records or groups.
    pub limit: u32,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What [`History::tend_errors`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TendErrorsReport {
    /// Records of failed attempts that were added up.
    pub counted: u64,
    /// Groups that were forgotten.
    pub forgotten: u64,
    /// Whether `limit` cut it short.
    pub more: bool,
}

/// What jobs leave behind besides their rows.
///
/// Lines go with their job. Counts of errors stay when the jobs are gone, until nothing of the sort was seen for
/// [`ERROR_GROUP_RETENTION`](crate::limits::ERROR_GROUP_RETENTION). They are written by [`finish`] and [`reap`], each in
/// the transaction that ends the attempt, so that an attempt is counted exactly once.
///
/// [`finish`]: super::JobQueue::finish
/// [`reap`]: super::ProcessRegistry::reap
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// Keeps lines that handlers logged. Lines of jobs that are gone are passed over, those of a claim that is not valid
    /// any more are kept: they tell what it did. Idempotent: a chunk that is there stays as it is.
    async fn record_logs(&self, params: RecordLogsParams) -> Result<(), StorageError>;

    /// A page of a job's log, also while the job runs. Lines that were left out are stood for by one that says how many.
    async fn logs(&self, params: LogsParams) -> Result<LogPage, StorageError>;

    /// Errors by sort. Counts are exact, whatever was tended.
    async fn error_groups(&self, params: ErrorGroupsParams) -> Result<ErrorGroupList, StorageError>;

    /// One sort of errors; `None` if none has this number.
    async fn error_group(&self, id: ErrorGroupId) -> Result<Option<ErrorGroup>, StorageError>;

    /// Adds up what was written down of errors, and forgets what was not seen for long, and what is too much. Idempotent.
    async fn tend_errors(&self, params: TendErrorsParams) -> Result<TendErrorsReport, StorageError>;
}

//! What jobs leave behind: processes and chains of errors in their records, errors by sort, lines of logs.

use super::{WireError, time};
use crate::wire;
use forge_jobs as domain;
use forge_jobs::logs::{LogCursor, LogLevel, LoggedLine};
use forge_jobs::storage;

impl From<&domain::Worker> for wire::Worker {
    fn from(w: &domain::Worker) -> Self {
        Self { host: w.host.clone(), pid: w.pid, version: w.version.clone() }
    }
}

impl From<&domain::ErrorCause> for wire::ErrorCause {
    fn from(c: &domain::ErrorCause) -> Self {
        Self { error_type: c.error_type.clone(), message: c.message.clone() }
    }
}

impl From<&storage::ErrorGroup> for wire::ErrorGroup {
    fn from(g: &storage::ErrorGroup) -> Self {
        let queue = |q: &storage::ErrorQueue| wire::ErrorQueue {
            queue: q.queue.clone(),
            count: q.count,
            last_at: time(q.last_at),
        };
        Self {
            id: g.id.to_string(),
            kind: g.kind.clone(),
            error_type: g.error_type.clone(),
            message: g.message.clone(),
            count: g.count,
            first_at: time(g.first_at),
            last_at: time(g.last_at),
            first_version: g.first_version.clone(),
            last_job: g.last_job.to_string(),
            queues: g.queues.iter().map(queue).collect(),
        }
    }
}

impl From<&storage::ErrorGroupList> for wire::ErrorList {
    fn from(list: &storage::ErrorGroupList) -> Self {
        Self { groups: list.groups.iter().map(Into::into).collect(), more: list.more }
    }
}

impl From<LogLevel> for wire::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

impl From<&LoggedLine> for wire::LogLine {
    fn from(logged: &LoggedLine) -> Self {
        let line = &logged.line;
        Self {
            at: time(line.at),
            claim_no: logged.at.claim_no,
            level: line.level.into(),
            target: line.target.clone(),
            message: line.message.clone(),
            fields: line.fields.clone(),
            left_out: logged.left_out,
        }
    }
}

impl From<&storage::LogPage> for wire::LogPage {
    fn from(page: &storage::LogPage) -> Self {
        Self {
            lines: page.lines.iter().map(Into::into).collect(),
            next: page.lines.last().map(|line| log_cursor(line.at)),
            more: page.more,
        }
    }
}

/// A place in a job's log as opaque text.
#[must_use]
pub fn log_cursor(c: LogCursor) -> String {
    format!("{}.{}.{}", c.claim_no, c.chunk, c.line)
}

/// A place in a job's log from its text.
///
/// # Errors
///
/// [`WireError`] when the text did not come from [`log_cursor`].
pub fn parse_log_cursor(text: &str) -> Result<LogCursor, WireError> {
    let parse = || {
        let (claim_no, rest) = text.split_once('.')?;
        let (chunk, line) = rest.split_once('.')?;
        Some(LogCursor {
            claim_no: claim_no.parse().ok()?,
            chunk: chunk.parse().ok()?,
            line: line.parse().ok()?,
        })
    };
    parse().ok_or_else(|| WireError {
        field: "after",
        reason: format!("{text:?} is no place in a log: pass the value of `next` of the page before"),
    })
}

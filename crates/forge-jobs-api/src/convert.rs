//! Domain ↔ wire: the only module that knows both.

mod audit;
mod database;
mod enqueue;
mod history;
mod jobs;
mod limits;
mod metrics;
mod queues;
mod schedules;
mod verbs;
mod why;

pub use database::database;
pub use history::{log_cursor, parse_log_cursor};
pub use metrics::{latency, resources, timeline, totals};

use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;
use serde_json::value::RawValue;
use std::time::Duration;

/// What came in over the wire is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WireError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, naming the value.
    pub reason: String,
}

impl WireError {
    fn of(field: &'static str, reason: &impl ToString) -> Self {
        Self { field, reason: reason.to_string() }
    }
}

/// A time as RFC 3339 text in UTC, exact to the microsecond and always of the same form.
#[must_use]
pub fn time(t: domain::Timestamp) -> String {
    format!("{t:.6}")
}

/// A duration as seconds.
#[must_use]
pub const fn seconds(d: Duration) -> wire::Seconds {
    wire::Seconds(d.as_secs_f64())
}

/// JSON text as it is. Text that is no JSON, which only a damaged database could hold, is sent as a JSON string.
fn raw(payload: &domain::Payload) -> Box<RawValue> {
    raw_text(payload.as_str())
}

fn raw_text(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A page cursor as opaque text.
#[must_use]
pub fn cursor(c: storage::PageCursor) -> String {
    format!("{}.{}.{:x}.{}", c.at.as_micros(), c.row, c.filter, c.id)
}

/// A page cursor from its text.
///
/// # Errors
///
/// [`WireError`] when the text did not come from [`cursor`].
pub fn parse_cursor(text: &str) -> Result<storage::PageCursor, WireError> {
    let parse = || {
        let (at, rest) = text.split_once('.')?;
        let (row, rest) = rest.split_once('.')?;
        let (filter, id) = rest.split_once('.')?;
        let at = domain::Timestamp::from_micros(at.parse().ok()?);
        let filter = u64::from_str_radix(filter, 16).ok()?;
        Some(storage::PageCursor { at, id: id.parse().ok()?, row: row.parse().ok()?, filter })
    };
    parse().ok_or_else(|| WireError {
        field: "after",
        reason: format!("{text:?} is no page cursor: pass the value of `next` of the page before"),
    })
}

impl From<storage::BoundedCount> for wire::BoundedCount {
    fn from(c: storage::BoundedCount) -> Self {
        Self { count: c.count, more: c.more }
    }
}

/// A process; it counts as live if it beat within its stale window before `now`, and is not known to have died.
#[must_use]
pub fn process(row: &storage::ProcessRow, now: domain::Timestamp) -> wire::Process {
    let silence = now.saturating_since(row.beat_at);
    let live = !row.is_gone(now);
    // A beat may take a moment to be written.
    let late = live && silence > row.heartbeat_interval * 2 + Duration::from_secs(1);
    wire::Process {
        id: row.id.to_string(),
        host: row.host.clone(),
        pid: row.pid,
        version: row.version.clone(),
        kinds: row.kinds.clone(),
        queues: row.queues.clone(),
        started_at: time(row.started_at),
        beat_at: time(row.beat_at),
        heartbeat_seconds: seconds(row.heartbeat_interval),
        stale_seconds: seconds(row.stale_after),
        stopping: row.stopping,
        late,
        live,
        holds: row.holds.into(),
    }
}

impl From<&storage::StorageError> for wire::ErrorCode {
    fn from(e: &storage::StorageError) -> Self {
        match e {
            storage::StorageError::NotFound { .. } => Self::NotFound,
            storage::StorageError::Conflict { .. } => Self::Conflict,
            storage::StorageError::Invalid(_) => Self::Invalid,
            storage::StorageError::Unavailable { .. }
            | storage::StorageError::Corrupt { .. }
            | storage::StorageError::NotForge { .. }
            | storage::StorageError::SchemaTooOld { .. }
            | storage::StorageError::SchemaTooNew { .. } => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<&domain::EnqueueError> for wire::ErrorCode {
    fn from(e: &domain::EnqueueError) -> Self {
        match e {
            domain::EnqueueError::Invalid(_) => Self::Invalid,
            domain::EnqueueError::IdTaken { .. } => Self::Conflict,
            domain::EnqueueError::Storage(e) => e.into(),
            _ => Self::Failed,
        }
    }
}

impl wire::Doctor {
    /// The findings of a checkup, before the processes were looked at.
    #[must_use]
    pub fn of_checkup(checkup: &storage::Checkup) -> Self {
        let facts = checkup.facts.iter();
        Self {
            healthy: checkup.problems.is_empty(),
            database: checkup.database.clone(),
            engine_version: checkup.engine_version.clone(),
            schema_version: checkup.schema_version,
            facts: facts.map(|(n, v)| wire::Fact { name: n.clone(), value: v.clone() }).collect(),
            processes: Vec::new(),
            waiting: Vec::new(),
            problems: checkup.problems.clone(),
            notes: Vec::new(),
        }
    }
}

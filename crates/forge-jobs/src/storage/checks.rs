//! Bounds that every storage checks in the same words.

use super::{FireParams, InvalidValue, ListParams, StorageError};
use crate::job::check_name;
use crate::limits::{MAX_FIRE_BATCH, MAX_FIRE_TICKS, MAX_PAGE, MAX_WORKERS};
use std::time::Duration;

/// Whole microseconds, saturating.
pub(super) fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

/// The bounds that a call of any size must keep.
pub(super) fn check_batch(field: &'static str, count: usize, limit: usize) -> Result<(), StorageError> {
    if count <= limit {
        return Ok(());
    }
    Err(InvalidValue { field, value: count.to_string(), remedy: format!("use at most {limit} per call") }
        .into())
}

/// A page's size, its filter, and that its cursor belongs to this list. Gives the filter's fingerprint.
pub(super) fn check_page(params: &ListParams) -> Result<u64, StorageError> {
    if params.limit == 0 || params.limit > MAX_PAGE {
        let remedy = format!("use 1 to {MAX_PAGE}");
        return Err(InvalidValue { field: "limit", value: params.limit.to_string(), remedy }.into());
    }
    params.filter.check()?;
    let filter = params.filter.fingerprint();
    if let Some(after) = params.after.filter(|after| after.filter != filter) {
        let remedy = "pass the filter of the page before with it, or leave it out".into();
        let value = format!("(the cursor of a list with another filter, at {})", after.at);
        return Err(InvalidValue { field: "after", value, remedy }.into());
    }
    Ok(filter)
}

/// A queue's name and its workers, as code asks for them.
pub(super) fn check_queue(queue: &str, workers: u32) -> Result<(), StorageError> {
    check_name("queue", queue).map_err(|e| InvalidValue {
        field: "queue",
        value: format!("{queue:?}"),
        remedy: e.to_string(),
    })?;
    if workers > MAX_WORKERS {
        let remedy = format!("use 0 to {MAX_WORKERS}");
        return Err(InvalidValue { field: "workers", value: workers.to_string(), remedy }.into());
    }
    Ok(())
}

/// The bounds of a call that fires schedules.
pub(super) fn check_fire(params: &FireParams) -> Result<(), StorageError> {
    check_batch("members", params.members.len(), MAX_FIRE_BATCH as usize)?;
    let ticks = params.members.iter().map(|member| member.ticks.len()).sum();
    check_batch("ticks", ticks, MAX_FIRE_TICKS)
}

/// How many rows of a list are wanted.
pub(super) fn check_rows(limit: u32, most: u32) -> Result<(), StorageError> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(InvalidValue { field: "limit", value: limit.to_string(), remedy: format!("use 1 to {most}") }.into())
}

/// There is no schedule of this name.
pub(super) fn no_schedule(name: &str) -> StorageError {
    StorageError::NotFound { what: "schedule", name: name.to_owned() }
}

/// A schedule has another version than was expected.
pub(super) fn schedule_conflict(name: &str, version: i64, expected: i64) -> StorageError {
    let detail = format!("{name:?} has version {version} now, not {expected}: look at it again");
    StorageError::Conflict { what: "schedule", detail }
}

/// A schedule cannot be given back to the code.
pub(super) fn no_code(name: &str) -> StorageError {
    let detail = format!("no program's code declared {name:?}: there is nothing to reset it to");
    StorageError::Conflict { what: "schedule", detail }
}

/// There are as many schedules as there may be.
pub(super) fn too_many_schedules() -> StorageError {
    let most = crate::limits::MAX_SCHEDULES;
    InvalidValue {
        field: "schedules",
        value: format!("{}", most + 1),
        remedy: format!("at most {most} are kept: remove some, or let one schedule stand for many"),
    }
    .into()
}

//! Why a schedule was refused before it reached the storage.

use crate::cron::{CronError, ZoneError};
use crate::job::{InvalidRequest, NameError};

/// Why a schedule was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSchedule {
    /// Its name is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its expression is not understood.
    #[error("schedule {schedule:?}: {source}")]
    Expression {
        /// The schedule.
        schedule: String,
        /// Why.
        source: CronError,
    },
    /// Its zone is not known.
    #[error("schedule {schedule:?}: {source}")]
    Zone {
        /// The schedule.
        schedule: String,
        /// Why.
        source: ZoneError,
    },
    /// The job that it enqueues is not allowed.
    #[error("schedule {schedule:?}: {source}")]
    Job {
        /// The schedule.
        schedule: String,
        /// Why.
        source: InvalidRequest,
    },
    /// The job that it enqueues has something that can only be had once.
    #[error("schedule {schedule:?}: its jobs cannot all have one {part}: {remedy}")]
    Part {
        /// The schedule.
        schedule: String,
        /// `id`, `run_at`, `delay`, `dedupe_key` or `concurrency_key`.
        part: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Another value is out of its bounds, or does not go with the others.
    #[error("schedule {schedule:?}: {field} {value} is out of range: {remedy}")]
    Value {
        /// The schedule.
        schedule: String,
        /// The field, as in JSON and on the command line.
        field: &'static str,
        /// What was asked for.
        value: String,
        /// What is allowed.
        remedy: String,
    },
    /// Two schedules of one program have one name.
    #[error("two schedules were declared under the name {name:?}: keep one")]
    Twice {
        /// The name.
        name: String,
    },
}

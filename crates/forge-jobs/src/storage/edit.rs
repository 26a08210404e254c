//! Editing jobs that wait.

use super::{Actor, JobEvent};
use crate::hash::Fnv;
use crate::{Job, JobId, JobStatus, Payload, Timestamp};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use {
    super::{InvalidValue, StorageError},
    crate::hash::fnv,
    crate::job::{check_name, check_tags},
    serde_json::{Value, json},
};

/// What to change of a job; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPatch {
    /// The data.
    pub payload: Option<Payload>,
    /// Lower runs first.
    pub priority: Option<i16>,
    /// When it is due; a time in the past means now.
    pub run_at: Option<Timestamp>,
    /// The queue, which must be there.
    pub queue: Option<String>,
    /// For people to search by.
    pub tags: Option<Vec<String>>,
}

/// For [`JobQueue::edit`](super::JobQueue::edit).
#[derive(Clone, Debug)]
pub struct EditJobParams {
    /// Which job.
    pub id: JobId,
    /// What to change.
    pub patch: JobPatch,
    /// Change it only if it still has this [version](job_version); `None`: whatever it has.
    pub expected_version: Option<i64>,
    /// Who does it, for the audit; `None`: a program, for itself.
    pub actor: Option<Actor>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What came of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EditOutcome {
    /// It is as wanted now.
    Edited,
    /// It has another version than was expected. Nothing was changed.
    Changed,
    /// It runs or is finished. Nothing was changed.
    Refused {
        /// Where it stands.
        status: JobStatus,
    },
    /// There is no such job.
    Unknown,
}

/// What a job's version is: a number that is another one after each edit, and whenever something else happens to the
/// job. It tells nothing of its payload. `events` are those of the same moment.
#[must_use]
pub fn job_version(job: &Job, events: &[JobEvent]) -> i64 {
    /// What fits into a number of JSON.
    const BITS: u64 = (1 << 53) - 1;
    let mut hash = Fnv::new();
    // The length in front keeps two texts from running together.
    let mut add = |bytes: &[u8]| {
        hash.add(&bytes.len().to_le_bytes());
        hash.add(bytes);
    };
    add(job.queue.as_bytes());
    add(job.status.as_str().as_bytes());
    add(&job.priority.to_le_bytes());
    add(&job.due_at.as_micros().to_le_bytes());
    job.tags.iter().for_each(|tag| add(tag.as_bytes()));
    for event in events {
        add(event.event.as_bytes());
        add(&event.at.as_micros().to_le_bytes());
    }
    i64::try_from(hash.value() & BITS).unwrap_or(0)
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl JobPatch {
    /// Its bounds; those of a payload are its type's.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if *self == Self::default() {
            let remedy = "give at least one thing to change".into();
            return Err(InvalidValue { field: "patch", value: "(empty)".into(), remedy }.into());
        }
        if let Some(queue) = &self.queue {
            check_name("queue", queue).map_err(|e| InvalidValue {
                field: "queue",
                value: format!("{queue:?}"),
                remedy: e.to_string(),
            })?;
        }
        if let Some(tags) = &self.tags {
            check_tags(tags).map_err(|e| InvalidValue {
                field: "tags",
                value: format!("({} tags)", tags.len()),
                remedy: e.to_string(),
            })?;
        }
        Ok(())
    }

    /// The job as it is to be.
    pub(super) fn apply(&self, job: &Job, now: Timestamp) -> Job {
        let mut after = job.clone();
        if let Some(payload) = &self.payload {
            after.payload = payload.clone();
        }
        after.priority = self.priority.unwrap_or(after.priority);
        after.due_at = self.run_at.map_or(after.due_at, |at| at.max(now));
        if let Some(queue) = &self.queue {
            after.queue.clone_from(queue);
        }
        if let Some(tags) = &self.tags {
            after.tags.clone_from(tags);
        }
        after
    }
}

/// What of a job can be edited, as the audit tells it: of the payload its length and a number that stands for it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn facts(job: &Job) -> Value {
    let payload = job.payload.as_str();
    let hash = fnv([payload.as_bytes()]);
    json!({
        "queue": job.queue,
        "priority": job.priority,
        "due_at": format!("{:.6}", job.due_at),
        "tags": job.tags,
        "payload": { "bytes": payload.len(), "hash": format!("{hash:016x}") },
    })
}

/// Tags as they are stored: a JSON array; `None` for none.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn stored_tags(tags: &[String]) -> Option<String> {
    (!tags.is_empty()).then(|| json!(tags).to_string())
}

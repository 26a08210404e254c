//! Editing jobs that wait: read, checked, and written if nothing of it has changed meanwhile.

use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::{changes::Effects, inspect, rows};
use crate::storage::audit_entry::Entry;
use crate::storage::edit::{facts, stored_tags};
use crate::storage::{EditJobParams, EditOutcome, StorageError, job_version};
use crate::{Job, JobStatus, Timestamp};
use std::sync::Arc;
use tokio_postgres::types::Type;
use uuid::Uuid;

const CLOCK: &str = "SELECT {schema}.clock($1)";
const EDIT: &str =
    "SELECT code, status FROM {schema}.edit_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
/// How often a job is read again that changes while it is edited.
const TRIES: usize = 20;

/// Changes a job, if it waits.
pub(super) async fn edit(hub: Arc<Hub>, params: EditJobParams) -> Result<EditOutcome, StorageError> {
    params.patch.check()?;
    for _ in 0..TRIES {
        match once(&hub, &params).await? {
            Some(outcome) => {
                if outcome == EditOutcome::Edited {
                    hub.announce(Effects { deferred: params.patch.run_at.is_some(), ..Effects::CLAIMABLE });
                }
                return Ok(outcome);
            }
            None if params.expected_version.is_some() => return Ok(EditOutcome::Changed),
            None => {}
        }
    }
    let detail =
        format!("the job {} could not be edited, since it changes all the time: try again", params.id);
    Err(StorageError::Unavailable { detail, outcome_unknown: false, source: None })
}

/// `None`: it was changed meanwhile.
async fn once(hub: &Hub, params: &EditJobParams) -> Result<Option<EditOutcome>, StorageError> {
    let id = Uuid::from_bytes(*params.id.as_bytes());
    let read = async { Ok::<_, Fault>(rows::jobs(hub, &[id]).await?.into_iter().next()) };
    let Some(before) = read.await.map_err(|e| e.into_storage(false))? else {
        return Ok(Some(EditOutcome::Unknown));
    };
    if let Some(expected) = params.expected_version
        && before.status != JobStatus::Running
        && !before.status.is_finished()
        && expected != job_version(&before, &inspect::events_of(hub, params.id).await?)
    {
        return Ok(Some(EditOutcome::Changed));
    }
    write(hub, params, &before).await.map_err(|e| e.into_storage(true))
}

async fn write(hub: &Hub, params: &EditJobParams, before: &Job) -> Result<Option<EditOutcome>, Fault> {
    let id = Uuid::from_bytes(*params.id.as_bytes());
    let now = params.now.map(Timestamp::as_micros);
    let clock = only(hub.look(Lane::Read, CLOCK, &[(&now as _, Type::INT8)]).await?)?.try_get(0)?;
    let after = params.patch.apply(before, Timestamp::from_micros(clock));
    let by = params.actor.as_ref().map(|actor| {
        let id = params.id.to_string();
        let entry = Entry::new(actor, "job.edit", "job", Some(&id));
        entry.changing(&facts(before), &facts(&after)).to_json()
    });
    let due = params.patch.run_at.map(|_| after.due_at.as_micros());
    let (tags, seen_tags) = (stored_tags(&after.tags), stored_tags(&before.tags));
    let seen_due = before.due_at.as_micros();
    let (payload, seen_payload) = (after.payload.as_str(), before.payload.as_str());
    let values = [
        (&id as _, Type::UUID),
        (&after.queue as _, Type::TEXT),
        (&after.priority as _, Type::INT2),
        (&due as _, Type::INT8),
        (&tags as _, Type::TEXT),
        (&payload as _, Type::TEXT),
        (&before.queue as _, Type::TEXT),
        (&before.priority as _, Type::INT2),
        (&seen_due as _, Type::INT8),
        (&seen_tags as _, Type::TEXT),
        (&seen_payload as _, Type::TEXT),
        (&now as _, Type::INT8),
        (&by as _, Type::TEXT),
    ];
    let row = only(hub.write(Lane::Patient, EDIT, &values).await?)?;
    Ok(match row.try_get::<_, i32>(0)? {
        1 => Some(EditOutcome::Edited),
        2 => None,
        3 => {
            let status = rows::status(row.try_get::<_, Option<i16>>(1)?.unwrap_or_default());
            Some(EditOutcome::Refused { status })
        }
        5 => {
            return Err(StorageError::NotFound { what: "queue", name: after.queue }.into());
        }
        _ => Some(EditOutcome::Unknown),
    })
}

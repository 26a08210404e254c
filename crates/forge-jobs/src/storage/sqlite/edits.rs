//! Editing jobs that wait.

use super::error::Fault;
use super::state::{
    JobRow, Place, RETRYING, SCHEDULED, note_by, place_of, put_deferred, put_ready, take_deferred, take_ready,
};
use super::writer::{Cx, time};
use super::{audit, inspect, rows, slots, unique};
use crate::storage::audit_entry::Entry;
use crate::storage::edit::{facts, stored_tags};
use crate::storage::{AuditOutcome, EditJobParams, EditOutcome, StorageError, job_version};
use crate::{Job, Timestamp};
use rusqlite::params;

const EDIT: &str =
    "UPDATE forge_jobs SET queue = ?2, priority = ?3, due_at = ?4, tags = ?5, payload = ?6 WHERE seq = ?1";

/// Changes a job, if it waits.
pub(super) fn edit(cx: &mut Cx<'_, '_>, params: &EditJobParams) -> Result<EditOutcome, Fault> {
    params.patch.check()?;
    let now = time(params.now);
    let Some(row) = JobRow::by_id(cx, params.id.as_bytes())? else { return Ok(EditOutcome::Unknown) };
    let (Some(place), Some(before)) = (place_of(cx, &row)?, rows::job(cx.conn, row.seq)?) else {
        return Ok(EditOutcome::Unknown);
    };
    if !matches!(place, Place::Ready | Place::Deferred(_)) {
        return Ok(EditOutcome::Refused { status: place.status() });
    }
    if let Some(expected) = params.expected_version
        && expected != job_version(&before, &inspect::events(cx.conn, params.id)?)
    {
        return Ok(EditOutcome::Changed);
    }
    let after = params.patch.apply(&before, Timestamp::from_micros(now));
    let Some(queue) = cx.names.queue(cx.conn, &after.queue)? else {
        return Err(StorageError::NotFound { what: "queue", name: after.queue }.into());
    };
    // Where it stays, unless it was given a time.
    let deferred = match place {
        Place::Deferred(status) if params.patch.run_at.is_none() => Some(status),
        Place::Deferred(RETRYING) if after.due_at.as_micros() > now => Some(RETRYING),
        _ if params.patch.run_at.is_some() && after.due_at.as_micros() > now => Some(SCHEDULED),
        _ => None,
    };
    match place {
        Place::Deferred(status) => take_deferred(cx, &row, status)?,
        _ => take_ready(cx, &row)?,
    }
    slots::give_on(cx, row.seq)?;
    unique::remember_first(cx, &row)?;
    write(cx, row.seq, queue, &after)?;
    note_by(cx, row.seq, now, "edited", None, params.actor.as_ref())?;
    // What was taken out goes in again as it is now.
    let Some(row) = JobRow::by_seq(cx, row.seq)? else { return Ok(EditOutcome::Unknown) };
    match deferred {
        Some(status) => put_deferred(cx, &row, status)?,
        None => put_ready(cx, &row)?,
    }
    if let Some(actor) = &params.actor {
        let id = params.id.to_string();
        let entry = Entry::new(actor, "job.edit", "job", Some(&id)).changing(&facts(&before), &facts(&after));
        audit::record(cx, &entry, (1, AuditOutcome::Done), now)?;
    }
    Ok(EditOutcome::Edited)
}

fn write(cx: &Cx<'_, '_>, seq: i64, queue: i64, after: &Job) -> rusqlite::Result<()> {
    let values = params![
        seq,
        queue,
        after.priority,
        after.due_at.as_micros(),
        stored_tags(&after.tags),
        after.payload.as_str()
    ];
    cx.conn.prepare_cached(EDIT)?.execute(values).map(drop)
}

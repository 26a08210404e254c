//! A schedule as it is to be, from what there is and what was asked for.

use super::ApiError;
use super::queues::duration;
use crate::wire::{self, ScheduleEdit};
use forge_jobs::schedule::{MissedFires, Overlap, Schedule, ScheduledJob};
use forge_jobs::storage::ScheduleRow;
use forge_jobs::{DefaultRouter, EnqueueRequest};

impl ScheduleEdit {
    /// Whether nothing is asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.expression.is_none()
            && self.zone.is_none()
            && self.missed.is_none()
            && self.catch_up.is_none()
            && self.within_seconds.is_none()
            && self.overlap.is_none()
            && self.jitter_seconds.is_none()
            && !self.changes_job()
    }

    const fn changes_job(&self) -> bool {
        self.kind.is_some()
            || self.payload.is_some()
            || self.queue.is_some()
            || self.priority.is_some()
            || self.max_attempts.is_some()
            || self.tags.is_some()
    }
}

/// Checks a schedule that is to be made, without a storage.
///
/// # Errors
///
/// `invalid`, with the field.
pub fn check_schedule(name: &str, edit: &ScheduleEdit) -> Result<(), ApiError> {
    merged(name, None, edit)?.check(&DefaultRouter)?;
    Ok(())
}

/// What was there, with what was asked for.
pub(super) fn merged(
    name: &str,
    before: Option<&ScheduleRow>,
    edit: &ScheduleEdit,
) -> Result<Schedule, ApiError> {
    let needed = |field: &'static str| {
        ApiError::invalid(field, format!("there is no schedule {name:?} yet: to make it, give {field} too"))
    };
    let mut schedule = if let Some(row) = before {
        Schedule::from_spec(name, &row.spec)
    } else {
        let expression = edit.expression.as_deref().ok_or_else(|| needed("expression"))?;
        if edit.kind.is_none() {
            return Err(needed("kind"));
        }
        Schedule::new(name, expression, job(edit, None))
    };
    if let Some(expression) = &edit.expression {
        schedule = schedule.with_expression(expression);
    }
    if let Some(zone) = &edit.zone {
        schedule = schedule.in_zone(zone);
    }
    if edit.changes_job() {
        schedule = schedule.with_job(job(edit, before.map(|row| &row.spec.job)));
    }
    schedule = match edit.overlap {
        None => schedule,
        Some(wire::Overlap::Allow) => schedule.with_overlap(Overlap::Allow),
        Some(wire::Overlap::Skip) => schedule.with_overlap(Overlap::Skip),
        Some(wire::Overlap::Unknown) => {
            return Err(ApiError::invalid("overlap", "overlap is none of allow and skip"));
        }
    };
    if let Some(jitter) = edit.jitter_seconds {
        schedule = schedule.with_jitter(duration("jitter_seconds", jitter)?);
    }
    Ok(schedule.with_missed(missed(edit, before.map_or(MissedFires::ONCE, |row| row.spec.missed))?))
}

fn job(edit: &ScheduleEdit, before: Option<&ScheduledJob>) -> EnqueueRequest {
    let kind = edit.kind.clone().or_else(|| before.map(|job| job.kind.clone())).unwrap_or_default();
    let mut request = match (&edit.payload, before) {
        (Some(payload), _) => EnqueueRequest::from_json_text(kind, payload.get()),
        (None, Some(job)) => EnqueueRequest::from_payload(kind, job.payload.clone()),
        (None, None) => EnqueueRequest::from_json_text(kind, "null"),
    };
    if let Some(queue) = edit.queue.clone().or_else(|| before.map(|job| job.queue.clone())) {
        request = request.on_queue(queue);
    }
    if let Some(priority) = edit.priority.or_else(|| before.map(|job| job.priority)) {
        request = request.with_priority(priority);
    }
    if let Some(max_attempts) = edit.max_attempts.or_else(|| before.map(|job| job.max_attempts)) {
        request = request.with_max_attempts(max_attempts);
    }
    let tags = edit.tags.as_ref().or_else(|| before.map(|job| &job.tags));
    tags.into_iter().flatten().fold(request, EnqueueRequest::with_tag)
}

fn missed(edit: &ScheduleEdit, before: MissedFires) -> Result<MissedFires, ApiError> {
    let alone = || ApiError::invalid("catch_up", "catch_up goes with missed = catch_up");
    let max = match (edit.catch_up, before) {
        (Some(max), _) | (None, MissedFires::CatchUp { max, .. }) => Some(max),
        (None, _) => None,
    };
    let missed = match edit.missed {
        Some(wire::MissedFires::CatchUp) => {
            let needed =
                || ApiError::invalid("catch_up", "missed = catch_up needs catch_up: how many at most");
            MissedFires::catch_up(max.ok_or_else(needed)?)
        }
        Some(_) if edit.catch_up.is_some() => return Err(alone()),
        Some(wire::MissedFires::Skip) => MissedFires::SKIP,
        Some(wire::MissedFires::Once) => MissedFires::ONCE,
        Some(wire::MissedFires::Unknown) => {
            return Err(ApiError::invalid("missed", "missed is none of skip, once and catch_up"));
        }
        None => match (edit.catch_up, before) {
            (Some(max), MissedFires::CatchUp { within, .. }) => MissedFires::CatchUp { max, within },
            (Some(_), _) => return Err(alone()),
            (None, before) => before,
        },
    };
    // The same policy keeps its window; another one begins with its default.
    let same = std::mem::discriminant(&missed) == std::mem::discriminant(&before);
    let within = match edit.within_seconds {
        Some(seconds) => Some(duration("within_seconds", seconds)?),
        None => same.then(|| before.within()),
    };
    Ok(within.map_or(missed, |within| missed.with_window(within)))
}

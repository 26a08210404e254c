//! What forms make and change in the made-up queue.

use super::made::{self, wire};
use super::world::World;
use super::{Answer, IpcError, unknown};
use crate::model::time::{micros, rfc3339};
use forge_jobs_api::wire::{ErrorCode, JobDetail, JobEdit, JobStatus, ScheduleEdit};
use serde_json::json;

impl World {
    pub(super) fn edit_job(&mut self, id: &str, version: i64, edit: &JobEdit) -> Answer<JobDetail> {
        let now = self.now;
        if edit.queue.as_ref().is_some_and(|queue| self.settings.iter().all(|q| q.name != *queue)) {
            return Err(IpcError::of_field("queue", "there is no queue of this name"));
        }
        let Some(detail) = self.jobs.iter_mut().find(|j| j.job.id == id) else { return unknown("job") };
        if version != detail.version {
            return Err(IpcError::refused(ErrorCode::PreconditionFailed, "the job has changed since"));
        }
        let job = &mut detail.job;
        if !matches!(job.status, JobStatus::Pending | JobStatus::Scheduled | JobStatus::Retrying) {
            return Err(IpcError::refused(ErrorCode::Conflict, "only jobs that wait can be edited"));
        }
        if let Some(payload) = &edit.payload {
            job.payload.clone_from(payload);
        }
        job.priority = edit.priority.unwrap_or(job.priority);
        if let Some(queue) = &edit.queue {
            job.queue.clone_from(queue);
        }
        if let Some(tags) = &edit.tags {
            job.tags.clone_from(tags);
        }
        if let Some(at) = edit.run_at.as_deref().and_then(micros) {
            job.due_at = rfc3339(at.max(now));
            if job.status != JobStatus::Retrying {
                job.status = if at > now { JobStatus::Scheduled } else { JobStatus::Pending };
            }
        }
        detail.version += 1;
        Ok(detail.clone())
    }

    /// A schedule of this name, if there is none.
    pub(super) fn make_schedule(&mut self, name: &str, edit: &ScheduleEdit) -> Answer<()> {
        if self.schedules.iter().any(|s| s.name == name) {
            return Ok(());
        }
        let (Some(expression), Some(kind)) = (&edit.expression, &edit.kind) else {
            return Err(IpcError::of_field("expression", "to make a schedule, give expression and kind"));
        };
        let now = rfc3339(self.now);
        let made = wire(&json!({"name": name, "version": 0, "enabled": true, "owner": "operator",
            "overrides_code": false, "undeclared": false, "settings": {"expression": expression, "zone": "UTC",
                "description": expression, "kind": kind, "queue": "default", "payload": null, "priority": 0,
                "max_attempts": 20, "tags": [], "missed": "once", "catch_up": 1, "within_seconds": 3600,
                "overlap": "skip", "jitter_seconds": 0},
            "code": null, "next_fire_at": self.later(1_800.0), "last_fire_at": null, "last_job": null,
            "created_at": now, "edited_at": now}))?;
        self.schedules.push(made);
        Ok(())
    }

    /// A limit of this scope, if there is none.
    pub(super) fn make_limit(&mut self, scope: &str) -> Answer<()> {
        if self.limits.iter().all(|l| l.scope != scope) {
            self.limits.push(made::limit(self.now, scope, 0, 60, &json!([]))?);
        }
        Ok(())
    }
}

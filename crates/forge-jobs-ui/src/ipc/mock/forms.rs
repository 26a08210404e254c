//! What forms make and change in the made-up queue.

use super::made::{self, wire};
use super::world::World;
use super::{Answer, IpcError, unknown};
use crate::app::browser::whole;
use crate::model::time::{micros, rfc3339};
use forge_jobs_api::wire::{
    EnqueueLine, EnqueueOutcome, ErrorCode, Job, JobDetail, JobEdit, JobStatus, Limit, LimitEdit, Schedule,
    ScheduleEdit, ScheduleOwner,
};
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

    /// A job as it is typed, or the one that has its dedupe key.
    pub(super) fn enqueue(&mut self, line: &EnqueueLine) -> Answer<(String, EnqueueOutcome)> {
        if let Some(queue) = line.queue.as_ref().filter(|queue| queue.contains(char::is_whitespace)) {
            return Err(IpcError::of_field("queue", format!("{queue:?} is no name of a queue")));
        }
        let waits = |job: &Job| !matches!(job.status, JobStatus::Done | JobStatus::Dead);
        let twin = self.jobs.iter().map(|j| &j.job).find(|job| {
            line.dedupe_key.is_some()
                && job.dedupe_key == line.dedupe_key
                && job.kind == line.kind
                && waits(job)
        });
        if let Some(twin) = twin {
            return Ok((twin.id.clone(), EnqueueOutcome::Duplicate));
        }
        let made = || format!("0195f000-0000-7000-8000-{:012x}", self.jobs.len() + 1);
        let id = line.id.clone().unwrap_or_else(made);
        let queue = line.queue.as_deref().unwrap_or("default");
        let run_at = line.run_at.as_deref().and_then(micros);
        let delayed = line.delay_seconds.map(|delay| self.now.saturating_add(whole(delay.0 * 1e6)));
        let run_at = run_at.or(delayed).filter(|at| *at > self.now);
        // A kind that says so has failed already: nobody works here.
        let status = match line.kind.as_str() {
            "t.err" | "t.dead" => "dead",
            "t.fail" => "retrying",
            "t.sleep" => "running",
            _ if run_at.is_some() => "scheduled",
            _ => "pending",
        };
        let mut detail = made::job(self.now, &id, &line.kind, queue, status, line.payload.get())?;
        let job = &mut detail.job;
        job.tags.clone_from(&line.tags);
        job.priority = line.priority.unwrap_or(0);
        job.max_attempts = line.max_attempts.unwrap_or(20);
        job.dedupe_key.clone_from(&line.dedupe_key);
        job.concurrency_key.clone_from(&line.concurrency_key);
        if let Some(at) = run_at {
            job.due_at = rfc3339(at);
        }
        if self.settings.iter().all(|q| q.name != queue) {
            self.settings.push(made::queue(self.now, queue, false)?);
            self.settings.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self.jobs.push(detail);
        Ok((id, EnqueueOutcome::Inserted))
    }

    /// Gives a schedule back to the code, which wants what it began with.
    pub(super) fn reset_schedule(&mut self, name: &str) -> Answer<Schedule> {
        let Some(schedule) = self.schedules.iter_mut().find(|s| s.name == name) else {
            return unknown("schedule");
        };
        if let Some(code) = &schedule.code {
            schedule.settings = code.settings.clone();
            schedule.enabled = code.enabled;
            schedule.owner = ScheduleOwner::Code;
            schedule.overrides_code = false;
            schedule.version += 1;
        }
        Ok(schedule.clone())
    }

    /// Writes down what was done.
    pub(super) fn note(&mut self, action: &str, target: Option<&str>) {
        let what = action.split('.').next().unwrap_or_default();
        let no = self.audit.last().map_or(1, |last| last.no + 1);
        let made = wire(&json!({"no": no, "at": rfc3339(self.now), "actor": "you", "role": "admin",
            "source": "panel", "address": null, "action": action, "what": what, "target": target, "count": 1,
            "before": null, "after": null, "detail": null, "outcome": "done"}));
        self.audit.extend(made);
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

    /// Another limit for this scope, if what it has is of this version.
    pub(super) fn set_limit(&mut self, scope: &str, version: Option<i64>, edit: &LimitEdit) -> Answer<Limit> {
        let there = self.limits.iter().find(|l| l.scope == scope).map(|l| l.version);
        if version.is_some() && version != there {
            return Err(IpcError::refused(ErrorCode::PreconditionFailed, "the limit has changed since"));
        }
        self.make_limit(scope)?;
        self.limit(scope, |limit| {
            limit.permits = edit.permits;
            limit.window_seconds = edit.window_seconds;
            limit.mode = edit.mode.unwrap_or(limit.mode);
            limit.set_by_operator = true;
            limit.version += 1;
        })
    }

    /// A limit of this scope, if there is none.
    fn make_limit(&mut self, scope: &str) -> Answer<()> {
        if scope.contains(char::is_whitespace) {
            return Err(IpcError::of_field("scope", "this is no name of a scope"));
        }
        if self.limits.iter().all(|l| l.scope != scope) {
            self.limits.push(made::limit(self.now, scope, 0, 60, &json!([]))?);
        }
        Ok(())
    }
}

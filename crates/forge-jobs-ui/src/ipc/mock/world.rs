//! What is in the made-up queue, and what becomes of it.

use super::{Answer, IpcError, Verb, unknown};
use crate::model::time::rfc3339;
use forge_jobs_api::wire::{
    Alert, AlertSort, AuditAction, BoundedCount, Counts, DeadReason, Doctor, ErrorCode, Fact, Job, JobDetail,
    JobEvent, JobPage, JobQuery, JobStatus, Limit, Overview, Process, Queue, QueueEdit, Recent, Schedule,
    ScheduleEdit, ScheduleOwner, Tick, TickOutcome, VerbOutcome, VerbResult, Why, WhyReason,
};
use serde_json::json;

/// The made-up queue.
pub(super) struct World {
    pub(super) now: i64,
    pub(super) settings: Vec<Queue>,
    pub(super) jobs: Vec<JobDetail>,
    pub(super) processes: Vec<Process>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) ticks: Vec<Tick>,
    pub(super) limits: Vec<Limit>,
    pub(super) audit: Vec<AuditAction>,
}

fn count_of<'a>(jobs: impl Iterator<Item = &'a Job>) -> Counts {
    let mut counts = Counts::default();
    for job in jobs {
        let count = match job.status {
            JobStatus::Pending => &mut counts.pending,
            JobStatus::Scheduled => &mut counts.scheduled,
            JobStatus::Running => &mut counts.running,
            JobStatus::Retrying => &mut counts.retrying,
            JobStatus::Done => &mut counts.done,
            JobStatus::Dead | JobStatus::Unknown => &mut counts.dead,
        };
        *count = BoundedCount { count: count.count + 1, more: false };
    }
    counts
}

impl World {
    /// A moment so many seconds from now.
    pub(super) fn later(&self, seconds: f64) -> String {
        rfc3339(self.now + crate::app::browser::whole(seconds * 1e6))
    }

    pub(super) fn overview(&self) -> Overview {
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Overview {
            alerts_left_out: 0,
            queues_left_out: 0,
            version: "mock".into(),
            at: rfc3339(self.now),
            queues: size(self.settings.len()),
            paused_queues: size(self.settings.iter().filter(|q| q.settings.paused).count()),
            schedules: size(self.schedules.len()),
            live_processes: size(self.processes.iter().filter(|p| p.live).count()),
            stale_processes: 0,
            counts: count_of(self.jobs.iter().map(|j| &j.job)),
            recent: Recent::default(),
            by_queue: Vec::new(),
            alerts: vec![Alert {
                alert: AlertSort::ScheduleFailing,
                subject: "weekly".into(),
                text: "the latest job of schedule weekly is dead".into(),
                remedy: "see its error, and retry it".into(),
            }],
        }
    }

    pub(super) fn queues(&self) -> Vec<Queue> {
        let mut queues = self.settings.clone();
        for queue in &mut queues {
            queue.counts = Some(count_of(self.jobs.iter().map(|j| &j.job).filter(|j| j.queue == queue.name)));
        }
        queues
    }

    pub(super) fn doctor(&self) -> Doctor {
        Doctor {
            healthy: true,
            database: "memory".into(),
            engine_version: "none".into(),
            schema_version: 1,
            facts: vec![Fact { name: "jobs".into(), value: self.jobs.len().to_string() }],
            processes: self.processes.clone(),
            waiting: Vec::new(),
            problems: Vec::new(),
            notes: vec!["queue reports is paused".into()],
        }
    }

    pub(super) fn page(&self, query: &JobQuery) -> Answer<JobPage> {
        let fits = |want: &Option<String>, is: &str| want.as_ref().is_none_or(|want| want == is);
        let mut jobs: Vec<Job> = self
            .jobs
            .iter()
            .filter(|j| {
                query.error_group.is_none() || super::lines::group_of(j) == query.error_group.as_deref()
            })
            .map(|j| &j.job)
            .filter(|j| fits(&query.queue, &j.queue) && fits(&query.kind, &j.kind))
            .filter(|j| query.payload.as_ref().is_none_or(|text| j.payload.get().contains(text)))
            .filter(|j| query.status.is_none_or(|s| s == j.status))
            .filter(|j| query.dead_reason.is_none_or(|r| Some(r) == j.dead_reason))
            .filter(|j| query.tag.as_ref().is_none_or(|t| j.tags.contains(t)))
            .cloned()
            .collect();
        jobs.sort_by(|a, b| b.id.cmp(&a.id));
        let known = |want: &Option<String>, name: fn(&Job) -> &str| {
            want.as_ref().is_none_or(|want| self.jobs.iter().any(|j| name(&j.job) == want))
        };
        let mut unknown = Vec::new();
        if !known(&query.queue, |j| &j.queue) {
            unknown.push("queue".to_owned());
        }
        if !known(&query.kind, |j| &j.kind) {
            unknown.push("kind".to_owned());
        }
        let from =
            query.after.as_ref().and_then(|id| jobs.iter().position(|j| j.id == *id)).map_or(0, |at| at + 1);
        let limit = usize::try_from(query.limit.unwrap_or(50)).unwrap_or(50);
        let rest = jobs.len().saturating_sub(from + limit);
        let jobs: Vec<Job> = jobs.into_iter().skip(from).take(limit).collect();
        let next = jobs.last().filter(|_| rest > 0).map(|j| j.id.clone());
        let mut page: JobPage = super::made::wire(&json!({"jobs": [], "next": next, "unknown": unknown}))?;
        page.jobs = jobs;
        Ok(page)
    }

    pub(super) fn why(&self, id: &str) -> Option<Why> {
        let job = &self.jobs.iter().find(|j| j.job.id == id)?.job;
        let (reason, text, holds) = match job.status {
            JobStatus::Running => ("running", "It runs.", false),
            JobStatus::Scheduled => ("not_due", "Its time has not come.", true),
            JobStatus::Retrying => ("not_due", "It failed, and its next attempt is not due yet.", true),
            JobStatus::Done | JobStatus::Dead => ("finished", "It is finished.", true),
            _ => ("in_line", "Others are before it in line.", false),
        };
        let until = holds.then(|| job.due_at.clone()).filter(|_| job.finished_at.is_none());
        let reason =
            WhyReason { reason: reason.into(), text: text.into(), holds, until, ..WhyReason::default() };
        Some(Why {
            id: id.into(),
            status: job.status,
            at: rfc3339(self.now),
            claimable: job.status == JobStatus::Pending,
            reasons: vec![reason],
        })
    }

    pub(super) fn do_to(&mut self, verb: Verb, id: &str) -> VerbResult {
        let at = rfc3339(self.now);
        let outcome = match self.jobs.iter_mut().find(|j| j.job.id == id) {
            None => VerbOutcome::Unknown,
            Some(detail) => act(detail, verb, at),
        };
        if outcome == VerbOutcome::Dropped {
            self.jobs.retain(|j| j.job.id != id);
        }
        VerbResult {
            id: id.into(),
            outcome,
            status: None,
            dead_reason: None,
            process: None,
            claim_no: None,
            duplicate_of: None,
        }
    }

    pub(super) fn edit_queue(&mut self, name: &str, version: Option<i64>, edit: &QueueEdit) -> Answer<Queue> {
        let now = rfc3339(self.now);
        let Some(queue) = self.settings.iter_mut().find(|q| q.name == name) else { return unknown("queue") };
        if version.is_some_and(|version| version != queue.version) {
            return Err(IpcError::refused(ErrorCode::PreconditionFailed, "the queue has changed since"));
        }
        let s = &mut queue.settings;
        s.workers = edit.workers.unwrap_or(s.workers);
        s.paused = edit.paused.unwrap_or(s.paused);
        s.backoff_enabled = edit.backoff_enabled.unwrap_or(s.backoff_enabled);
        s.base_seconds = edit.base_seconds.unwrap_or(s.base_seconds);
        s.max_seconds = edit.max_seconds.unwrap_or(s.max_seconds);
        s.done_retention_seconds = edit.done_retention_seconds.unwrap_or(s.done_retention_seconds);
        s.dead_retention_seconds = edit.dead_retention_seconds.unwrap_or(s.dead_retention_seconds);
        s.max_running = edit.max_running.unwrap_or(s.max_running);
        queue.paused_at = s.paused.then_some(now);
        queue.paused_by = s.paused.then(|| "you".to_owned());
        queue.version += 1;
        self.queues().into_iter().find(|q| q.name == name).map_or_else(|| unknown("queue"), Ok)
    }

    pub(super) fn edit_schedule(
        &mut self,
        name: &str,
        version: Option<i64>,
        edit: &ScheduleEdit,
        enabled: Option<bool>,
    ) -> Answer<Schedule> {
        let Some(schedule) = self.schedules.iter_mut().find(|s| s.name == name) else {
            return unknown("schedule");
        };
        if version.is_some_and(|version| version != schedule.version) {
            return Err(IpcError::refused(ErrorCode::PreconditionFailed, "the schedule has changed since"));
        }
        let s = &mut schedule.settings;
        let put = |old: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                old.clone_from(new);
            }
        };
        put(&mut s.expression, &edit.expression);
        put(&mut s.zone, &edit.zone);
        put(&mut s.kind, &edit.kind);
        put(&mut s.queue, &edit.queue);
        if let Some(payload) = &edit.payload {
            s.payload.clone_from(payload);
        }
        s.missed = edit.missed.unwrap_or(s.missed);
        s.overlap = edit.overlap.unwrap_or(s.overlap);
        s.within_seconds = edit.within_seconds.unwrap_or(s.within_seconds);
        s.jitter_seconds = edit.jitter_seconds.unwrap_or(s.jitter_seconds);
        if enabled.is_none() && schedule.owner == ScheduleOwner::Code {
            schedule.owner = ScheduleOwner::Operator;
            schedule.overrides_code = true;
        }
        schedule.enabled = enabled.unwrap_or(schedule.enabled);
        schedule.version += 1;
        Ok(schedule.clone())
    }

    pub(super) fn run_schedule(&mut self, name: &str) -> Answer<Tick> {
        let Some(schedule) = self.schedules.iter().find(|s| s.name == name).cloned() else {
            return unknown("schedule");
        };
        let id = format!("0195f001-0000-7000-8000-{:012x}", self.jobs.len() + 1);
        let s = schedule.settings;
        let job = super::made::job(self.now, &id, &s.kind, &s.queue, "pending", s.payload.get())?;
        self.jobs.push(job);
        let at = rfc3339(self.now);
        let tick = Tick {
            first_at: at.clone(),
            last_at: at.clone(),
            count: 1,
            outcome: TickOutcome::RunNow,
            job: Some(id),
            recorded_at: at,
        };
        self.ticks.insert(0, tick.clone());
        Ok(tick)
    }

    pub(super) fn limit(&mut self, scope: &str, change: impl FnOnce(&mut Limit)) -> Answer<Limit> {
        let Some(limit) = self.limits.iter_mut().find(|l| l.scope == scope) else { return unknown("limit") };
        change(limit);
        Ok(limit.clone())
    }
}

fn act(detail: &mut JobDetail, verb: Verb, at: String) -> VerbOutcome {
    let job = &mut detail.job;
    let (outcome, event) = match (verb, job.status) {
        (Verb::Retry, JobStatus::Dead | JobStatus::Retrying) => {
            job.status = JobStatus::Pending;
            job.attempt = 0;
            job.dead_reason = None;
            job.finished_at = None;
            (VerbOutcome::Retried, "retried")
        }
        (Verb::RunNow, JobStatus::Scheduled | JobStatus::Retrying) => {
            job.status = JobStatus::Pending;
            (VerbOutcome::MadePending, "run_now")
        }
        (Verb::Cancel, JobStatus::Done | JobStatus::Dead) => return VerbOutcome::AlreadyFinished,
        (Verb::Cancel, JobStatus::Running) => {
            job.cancel_requested_at = Some(at.clone());
            (VerbOutcome::Requested, "cancel_requested")
        }
        (Verb::Cancel, _) => {
            job.status = JobStatus::Dead;
            job.dead_reason = Some(DeadReason::Cancelled);
            job.finished_at = Some(at.clone());
            (VerbOutcome::Cancelled, "cancelled")
        }
        (Verb::Drop, JobStatus::Running) | (Verb::Retry | Verb::RunNow, _) => return VerbOutcome::Refused,
        (Verb::Drop, _) => return VerbOutcome::Dropped,
    };
    detail.events.push(JobEvent {
        at,
        event: event.into(),
        attempt: None,
        claim_no: None,
        process: None,
        worker: None,
        cause: Some("operator".into()),
        ran_seconds: None,
        detail: None,
        actor: Some("you".into()),
    });
    outcome
}

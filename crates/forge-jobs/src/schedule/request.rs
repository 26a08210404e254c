//! What a program declares or a person asks for, and what is left of it once checked.

use super::{InvalidSchedule, MissedFires, Overlap};
use crate::cron::{CronExpr, Zone};
use crate::job::{Due, EnqueueRequest, JobId, NewJob, Payload, check_name};
use crate::limits::{MAX_CATCH_UP, MAX_MISSED_WITHIN, MAX_SCHEDULE_JITTER, MIN_MISSED_WITHIN};
use crate::router::Router;
use std::time::Duration;

/// A schedule to declare. Nothing is checked until it is used.
///
/// ```
/// use forge_jobs::schedule::{MissedFires, Schedule};
/// use forge_jobs::EnqueueRequest;
/// use serde_json::json;
/// use std::time::Duration;
///
/// let job = EnqueueRequest::new("report.send", json!({ "to": "all" })).on_queue("mail");
/// let nightly = Schedule::new("nightly", "0 3 * * *", job)
///     .in_zone("Europe/Berlin")
///     .with_missed(MissedFires::ONCE.with_window(Duration::from_secs(6 * 3_600)))
///     .with_jitter(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a schedule does nothing until a runtime or a storage has it"]
pub struct Schedule {
    name: String,
    expression: String,
    zone: Option<String>,
    job: EnqueueRequest,
    missed: MissedFires,
    overlap: Overlap,
    jitter: Duration,
    enabled: bool,
}

impl Schedule {
    /// A schedule of this name that enqueues this job whenever the expression fires. The name is one of
    /// `[A-Za-z0-9._:/-]{1,128}`, the expression one of [`cron`](crate::cron). The job must have no id, no run-at, no
    /// delay, no dedupe key and no concurrency key.
    pub fn new(name: impl Into<String>, expression: impl Into<String>, job: EnqueueRequest) -> Self {
        Self {
            name: name.into(),
            expression: expression.into(),
            zone: None,
            job,
            missed: MissedFires::default(),
            overlap: Overlap::default(),
            jitter: Duration::ZERO,
            enabled: true,
        }
    }

    /// The same as is there already, to be changed.
    pub fn from_spec(name: impl Into<String>, spec: &ScheduleSpec) -> Self {
        Self {
            name: name.into(),
            expression: spec.expression.to_string(),
            zone: Some(spec.zone.to_string()),
            job: spec.job.to_request(),
            missed: spec.missed,
            overlap: spec.overlap,
            jitter: spec.jitter,
            enabled: true,
        }
    }

    /// With another expression.
    pub fn with_expression(mut self, expression: impl Into<String>) -> Self {
        self.expression = expression.into();
        self
    }

    /// The time zone whose wall clock the expression means, by its IANA name. Default UTC.
    pub fn in_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// With another job.
    pub fn with_job(mut self, job: EnqueueRequest) -> Self {
        self.job = job;
        self
    }

    /// What becomes of fires that were missed. Default: one job stands for all of the last hour.
    pub const fn with_missed(mut self, missed: MissedFires) -> Self {
        self.missed = missed;
        self
    }

    /// Whether a fire is made while a job of an earlier one is unfinished. Default: it is not.
    pub const fn with_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Spreads jobs: each is due up to this long after its fire, by a hash of schedule and fire, so that the schedules
    /// of a minute do not all begin together. Default none; range 0 to 1 day.
    pub const fn with_jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Declared, and not to fire until somebody enables it.
    pub const fn paused(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks everything and picks the queue.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`], naming the schedule, the value and the remedy.
    pub fn check(self, router: &dyn Router) -> Result<NewSchedule, InvalidSchedule> {
        check_name("schedule", &self.name)?;
        let schedule = || self.name.clone();
        let expression: CronExpr = self
            .expression
            .parse()
            .map_err(|source| InvalidSchedule::Expression { schedule: schedule(), source })?;
        let zone = self
            .zone
            .as_deref()
            .map_or(Ok(Zone::UTC), str::parse)
            .map_err(|source| InvalidSchedule::Zone { schedule: schedule(), source })?;
        if let Some((part, remedy)) = self.job.part_of_one_job() {
            return Err(InvalidSchedule::Part { schedule: schedule(), part, remedy });
        }
        let job = self
            .job
            .clone()
            .validate(router)
            .map_err(|source| InvalidSchedule::Job { schedule: schedule(), source })?;
        self.check_values()?;
        let spec = ScheduleSpec {
            expression,
            zone,
            job: ScheduledJob::of(job),
            missed: self.missed,
            overlap: self.overlap,
            jitter: self.jitter,
        };
        Ok(NewSchedule { name: self.name, spec, enabled: self.enabled })
    }

    fn check_values(&self) -> Result<(), InvalidSchedule> {
        let bad = |field, value: String, remedy: String| {
            Err(InvalidSchedule::Value { schedule: self.name.clone(), field, value, remedy })
        };
        let within = self.missed.within();
        if !(MIN_MISSED_WITHIN..=MAX_MISSED_WITHIN).contains(&within) {
            let (least, most) = (MIN_MISSED_WITHIN.as_secs(), MAX_MISSED_WITHIN.as_secs());
            return bad("within_seconds", within.as_secs_f64().to_string(), format!("use {least} to {most}"));
        }
        if let MissedFires::CatchUp { max, .. } = self.missed {
            if !(1..=MAX_CATCH_UP).contains(&max) {
                return bad("catch_up", max.to_string(), format!("use 1 to {MAX_CATCH_UP}"));
            }
            if max > 1 && self.overlap == Overlap::Skip {
                let remedy = "catching up would make one job, since the next ones overlap with it: allow overlap, \
                              or choose once";
                return bad("overlap", "skip".into(), remedy.into());
            }
        }
        if self.jitter > MAX_SCHEDULE_JITTER {
            let remedy = format!("use 0 to {}", MAX_SCHEDULE_JITTER.as_secs());
            return bad("jitter_seconds", self.jitter.as_secs_f64().to_string(), remedy);
        }
        Ok(())
    }
}

/// A checked schedule, ready for a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// Its name.
    pub name: String,
    /// When to fire, and what to enqueue.
    pub spec: ScheduleSpec,
    /// Whether it is to fire.
    pub enabled: bool,
}

/// When to fire, and what to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// When.
    pub expression: CronExpr,
    /// By which wall clock.
    pub zone: Zone,
    /// What to enqueue.
    pub job: ScheduledJob,
    /// What becomes of fires that were missed.
    pub missed: MissedFires,
    /// What becomes of a fire while a job of an earlier one is unfinished.
    pub overlap: Overlap,
    /// Over how much time to spread the jobs.
    pub jitter: Duration,
}

/// The job that a schedule enqueues, as [`NewJob`] but for what is each one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledJob {
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// JSON data.
    pub payload: Payload,
    /// Lower runs first.
    pub priority: i16,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// For people to search by.
    pub tags: Vec<String>,
}

impl ScheduledJob {
    fn of(job: NewJob) -> Self {
        let NewJob { kind, queue, payload, priority, max_attempts, tags, .. } = job;
        Self { kind, queue, payload, priority, max_attempts, tags }
    }

    /// One of the jobs.
    #[must_use]
    pub fn to_job(&self, id: JobId, due: Due) -> NewJob {
        NewJob {
            id,
            kind: self.kind.clone(),
            queue: self.queue.clone(),
            payload: self.payload.clone(),
            due,
            priority: self.priority,
            max_attempts: self.max_attempts,
            dedupe: None,
            concurrency_key: None,
            tags: self.tags.clone(),
            trace: None,
        }
    }

    /// As it was asked for, to be changed.
    pub fn to_request(&self) -> EnqueueRequest {
        let request = EnqueueRequest::from_payload(self.kind.clone(), self.payload.clone())
            .on_queue(self.queue.clone())
            .with_priority(self.priority)
            .with_max_attempts(self.max_attempts);
        self.tags.iter().fold(request, |request, tag| request.with_tag(tag.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DefaultRouter, Timestamp};

    fn job() -> EnqueueRequest {
        EnqueueRequest::new("k", 1)
    }

    fn schedule() -> Schedule {
        Schedule::new("s", "0 3 * * *", job())
    }

    #[test]
    fn a_plain_schedule_gets_the_defaults() {
        let new = schedule().check(&DefaultRouter).unwrap();
        assert_eq!((new.name.as_str(), new.enabled), ("s", true));
        let spec = new.spec;
        assert_eq!((spec.zone.name(), spec.missed, spec.overlap), ("UTC", MissedFires::ONCE, Overlap::Skip));
        assert_eq!(
            (spec.job.queue.as_str(), spec.job.max_attempts, spec.jitter),
            ("default", 20, Duration::ZERO)
        );
    }

    #[test]
    fn a_schedule_made_of_a_spec_is_the_same() {
        let original = schedule()
            .with_job(job().on_queue("q").with_priority(-3).with_max_attempts(4).with_tag("a").with_tag("b"))
            .in_zone("europe/berlin")
            .with_missed(MissedFires::catch_up(3))
            .with_overlap(Overlap::Allow)
            .with_jitter(Duration::from_micros(7))
            .check(&DefaultRouter)
            .unwrap();
        assert_eq!(Schedule::from_spec("s", &original.spec).check(&DefaultRouter), Ok(original));
    }

    #[test]
    fn every_bad_part_is_refused_with_its_value() {
        let second = Duration::from_secs(1);
        for (schedule, words) in [
            (Schedule::new("a b", "* * * * *", job()), &["schedule", "a b"][..]),
            (schedule().with_expression("61 * * * *"), &["\"s\"", "minute 61"]),
            (schedule().with_expression("0 0 30 2 *"), &["never fire"]),
            (schedule().in_zone("Berlin"), &["\"s\"", "Europe/Berlin"]),
            (schedule().with_job(EnqueueRequest::new("k k", 1)), &["\"s\"", "k k"]),
            (schedule().with_job(job().with_id(JobId::new())), &["id", "each"]),
            (schedule().with_job(job().with_run_at(Timestamp::MIN)), &["run_at"]),
            (schedule().with_job(job().with_delay(second)), &["delay", "jitter"]),
            (schedule().with_job(job().with_dedupe_key("x")), &["dedupe_key", "overlap"]),
            (schedule().with_job(job().with_concurrency_key("x")), &["concurrency_key", "overlap"]),
            (schedule().with_missed(MissedFires::ONCE.with_window(Duration::ZERO)), &["within_seconds 0"]),
            (schedule().with_missed(MissedFires::SKIP.with_window(Duration::MAX)), &["within_seconds"]),
            (schedule().with_missed(MissedFires::catch_up(0)), &["catch_up 0", "1 to 100"]),
            (schedule().with_missed(MissedFires::catch_up(101)), &["catch_up 101"]),
            (schedule().with_missed(MissedFires::catch_up(2)), &["overlap skip", "allow overlap"]),
            (schedule().with_jitter(Duration::from_secs(86_401)), &["jitter_seconds 86401"]),
        ] {
            let e = schedule.check(&DefaultRouter).unwrap_err().to_string();
            assert!(words.iter().all(|w| e.contains(w)), "{e}");
        }
    }
}

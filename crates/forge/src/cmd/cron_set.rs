//! `forge cron set`.

use super::cron::schedules;
use super::cron_list::table_of;
use crate::database::Database;
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::schedule::{MissedFires, Overlap, ScheduledJob};
use forge_jobs::storage::{ScheduleRow, StorageError};
use forge_jobs::{DefaultRouter, EnqueueRequest, Schedule};
use forge_jobs_api::wire::{self, ErrorCode};
use std::time::Duration;

const AFTER_HELP: &str = "\
A schedule that is not there yet needs --expression and --kind; of one that is there, what is not given stays as it is. A \
person's values are in effect until `forge cron reset`, whatever programs declare. A duration is a number with a unit, such \
as 30s or \"1h 30m\"; a bare number means seconds.

Examples:
  forge cron set nightly --expression '0 3 * * *' --zone Europe/Berlin --kind report --payload '{\"to\":\"all\"}'
  forge cron set nightly --missed once --within 6h
  forge cron set poll --expression '* * * * *' --overlap allow --missed catch-up --catch-up 10
  forge cron set nightly --jitter 1m --if-version 12     only if nobody edited it since";

/// Make a schedule, or change some of its values; running processes follow at once.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The schedule
    name: String,

    /// When to fire, such as '*/5 * * * *' or @daily; in quotes, or the shell takes the stars
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    expression: Option<String>,

    /// The time zone, by its name in the IANA database [default: UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,

    /// The kind of job to enqueue
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// The data of each job, JSON [default: null]
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    payload: Option<String>,

    /// The queue [default: default]
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,

    /// Lower runs first, -32768 to 32767 [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i16>,

    /// The attempt after which a failure is final, 1 to 10000 [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_attempts: Option<u32>,

    /// A word to search jobs by; may be repeated, and replaces those that it had
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// What becomes of fires that were missed [default: once]
    #[arg(long, value_name = "skip|once|catch-up")]
    missed: Option<Missed>,

    /// How many missed fires to catch up on, 1 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    catch_up: Option<u32>,

    /// How old a missed fire may be [default: 1h; with skip 1m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, allow_negative_numbers = true)]
    within: Option<Duration>,

    /// Whether to fire while a job of an earlier fire is unfinished [default: skip]
    #[arg(long, value_name = "allow|skip")]
    overlap: Option<Overlap>,

    /// Spread the jobs over this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, allow_negative_numbers = true)]
    jitter: Option<Duration>,

    /// Change nothing unless the schedule still has this version
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    if_version: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Missed {
    Skip,
    Once,
    CatchUp,
}

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    if args.is_empty() {
        let message = "nothing to set: give at least one value, see `forge cron set --help`";
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    // A new one is checked before the database is opened, so that a typo creates nothing.
    let new = args.expression.is_some() && args.kind.is_some();
    if new {
        args.schedule(None)?.check(&DefaultRouter).map_err(|e| Failure::of(ErrorCode::Invalid, &e))?;
    }
    let storage = if new { database.open_lasting().await? } else { database.open_existing().await? };
    let schedules = schedules(storage);
    let before = schedules.get(&args.name).await?;
    let schedule = args.schedule(before.as_ref())?;
    let version = args.if_version.or_else(|| before.as_ref().map(|row| row.version));
    let row = match version {
        Some(version) => schedules.put_if(schedule, version).await?,
        None => schedules.put(schedule).await?,
    };
    out.answer(&wire::Schedule::from(&row), |s| table_of(std::slice::from_ref(s)))?;
    Ok(Exit::Ok)
}

impl Args {
    const fn is_empty(&self) -> bool {
        self.expression.is_none()
            && self.zone.is_none()
            && self.missed.is_none()
            && self.catch_up.is_none()
            && self.within.is_none()
            && self.overlap.is_none()
            && self.jitter.is_none()
            && !self.changes_job()
    }

    const fn changes_job(&self) -> bool {
        self.kind.is_some()
            || self.payload.is_some()
            || self.queue.is_some()
            || self.priority.is_some()
            || self.max_attempts.is_some()
            || !self.tags.is_empty()
    }

    /// What was there, with what was given.
    fn schedule(&self, before: Option<&ScheduleRow>) -> Result<Schedule, Failure> {
        let missing = |what: &str| {
            let message = format!("there is no schedule {:?} yet: to make it, give {what} too", self.name);
            Failure::new(ErrorCode::NotFound, message)
        };
        let mut schedule = match before {
            Some(row) => Schedule::from_spec(&self.name, &row.spec),
            None if self.if_version.is_some() => {
                return Err(StorageError::NotFound { what: "schedule", name: self.name.clone() }.into());
            }
            None => {
                let expression = self.expression.as_deref().ok_or_else(|| missing("--expression"))?;
                if self.kind.is_none() {
                    return Err(missing("--kind"));
                }
                Schedule::new(&self.name, expression, self.job(None))
            }
        };
        if let Some(expression) = &self.expression {
            schedule = schedule.with_expression(expression);
        }
        if let Some(zone) = &self.zone {
            schedule = schedule.in_zone(zone);
        }
        if self.changes_job() {
            schedule = schedule.with_job(self.job(before.map(|row| &row.spec.job)));
        }
        if let Some(overlap) = self.overlap {
            schedule = schedule.with_overlap(overlap);
        }
        if let Some(jitter) = self.jitter {
            schedule = schedule.with_jitter(jitter);
        }
        Ok(schedule.with_missed(self.missed(before.map_or(MissedFires::ONCE, |row| row.spec.missed))?))
    }

    fn job(&self, before: Option<&ScheduledJob>) -> EnqueueRequest {
        let kind = self.kind.clone().or_else(|| before.map(|job| job.kind.clone())).unwrap_or_default();
        let mut request = match (&self.payload, before) {
            (Some(text), _) => EnqueueRequest::from_json_text(kind, text.clone()),
            (None, Some(job)) => EnqueueRequest::from_payload(kind, job.payload.clone()),
            (None, None) => EnqueueRequest::from_json_text(kind, "null"),
        };
        if let Some(queue) = self.queue.clone().or_else(|| before.map(|job| job.queue.clone())) {
            request = request.on_queue(queue);
        }
        if let Some(priority) = self.priority.or_else(|| before.map(|job| job.priority)) {
            request = request.with_priority(priority);
        }
        if let Some(max_attempts) = self.max_attempts.or_else(|| before.map(|job| job.max_attempts)) {
            request = request.with_max_attempts(max_attempts);
        }
        let tags = if self.tags.is_empty() { before.map(|job| &job.tags) } else { Some(&self.tags) };
        tags.into_iter().flatten().fold(request, EnqueueRequest::with_tag)
    }

    fn missed(&self, before: MissedFires) -> Result<MissedFires, Failure> {
        let usage = |message: &str| Failure::new(ErrorCode::Invalid, message);
        let max = match (self.catch_up, before) {
            (Some(max), _) | (None, MissedFires::CatchUp { max, .. }) => Some(max),
            (None, _) => None,
        };
        let missed = match self.missed {
            Some(Missed::CatchUp) => {
                MissedFires::catch_up(max.ok_or_else(|| usage("--missed catch-up needs --catch-up N"))?)
            }
            Some(_) if self.catch_up.is_some() => {
                return Err(usage("--catch-up goes with --missed catch-up"));
            }
            Some(Missed::Skip) => MissedFires::SKIP,
            Some(Missed::Once) => MissedFires::ONCE,
            None => match (self.catch_up, before) {
                (Some(max), MissedFires::CatchUp { within, .. }) => MissedFires::CatchUp { max, within },
                (Some(_), _) => return Err(usage("--catch-up goes with --missed catch-up")),
                (None, before) => before,
            },
        };
        // The same policy keeps its window; another one begins with its default.
        let same = std::mem::discriminant(&missed) == std::mem::discriminant(&before);
        let within = self.within.or_else(|| same.then(|| before.within()));
        Ok(within.map_or(missed, |within| missed.with_window(within)))
    }
}

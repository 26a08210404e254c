//! `forge cron set`.

use super::cron_list::table_of;
use crate::desk::Where;
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::schedule::Overlap;
use forge_jobs_api::convert::seconds;
use forge_jobs_api::service::check_schedule;
use forge_jobs_api::wire::{self, ErrorCode, MissedFires, ScheduleEdit};
use serde_json::value::RawValue;
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

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let edit = args.edit()?;
    if edit.is_empty() {
        let message = "nothing to set: give at least one value, see `forge cron set --help`";
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    // A new one is checked before the database is opened, so that a typo creates nothing.
    let new = args.expression.is_some() && args.kind.is_some();
    if new {
        args.check_missed(MissedFires::Once)?;
        check_schedule(&args.name, &edit)?;
    }
    let desk = if new { at.lasting().await? } else { at.existing().await? };
    let schedule = match desk.schedule(&args.name, 1).await {
        Ok(before) => {
            args.check_missed(before.schedule.settings.missed)?;
            let version = args.if_version.unwrap_or(before.schedule.version);
            desk.edit_schedule(&args.name, &edit, Some(version)).await?
        }
        Err(failure) if failure.code() != ErrorCode::NotFound || args.if_version.is_some() => {
            return Err(failure);
        }
        Err(_) if args.expression.is_none() => return Err(args.missing("--expression")),
        Err(_) if args.kind.is_none() => return Err(args.missing("--kind")),
        Err(_) => desk.put_schedule(&args.name, &edit).await?,
    };
    out.answer(&schedule, |s| table_of(std::slice::from_ref(s)))?;
    Ok(Exit::Ok)
}

impl Args {
    fn missing(&self, what: &str) -> Failure {
        let message = format!("there is no schedule {:?} yet: to make it, give {what} too", self.name);
        Failure::new(ErrorCode::NotFound, message)
    }

    fn edit(&self) -> Result<ScheduleEdit, Failure> {
        let raw = |text: &String| {
            RawValue::from_string(text.clone()).map_err(|e| {
                Failure::new(ErrorCode::Invalid, format!("payload refused: the text is no JSON: {e}"))
            })
        };
        Ok(ScheduleEdit {
            expression: self.expression.clone(),
            zone: self.zone.clone(),
            kind: self.kind.clone(),
            payload: self.payload.as_ref().map(raw).transpose()?,
            queue: self.queue.clone(),
            priority: self.priority,
            max_attempts: self.max_attempts,
            tags: (!self.tags.is_empty()).then(|| self.tags.clone()),
            missed: self.missed.map(|missed| match missed {
                Missed::Skip => MissedFires::Skip,
                Missed::Once => MissedFires::Once,
                Missed::CatchUp => MissedFires::CatchUp,
            }),
            catch_up: self.catch_up,
            within_seconds: self.within.map(seconds),
            overlap: self.overlap.map(|overlap| match overlap {
                Overlap::Allow => wire::Overlap::Allow,
                Overlap::Skip => wire::Overlap::Skip,
            }),
            jitter_seconds: self.jitter.map(seconds),
        })
    }

    /// What goes with what, in the words of the command line.
    fn check_missed(&self, before: MissedFires) -> Result<(), Failure> {
        let usage = |message: &str| Err(Failure::new(ErrorCode::Invalid, message));
        let before = before == MissedFires::CatchUp;
        let catches_up = self.missed.map_or(before, |missed| missed == Missed::CatchUp);
        if self.catch_up.is_some() && !catches_up {
            return usage("--catch-up goes with --missed catch-up");
        }
        if self.missed == Some(Missed::CatchUp) && self.catch_up.is_none() && !before {
            return usage("--missed catch-up needs --catch-up N");
        }
        Ok(())
    }
}

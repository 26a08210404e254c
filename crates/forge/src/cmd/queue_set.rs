//! `forge queue set`, and what `pause` and `resume` share with it.

use super::queue_list::settings;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::limits::MAX_WORKERS;
use forge_jobs::storage::Retention;
use forge_jobs_api::convert::seconds;
use forge_jobs_api::wire::{ErrorCode, Queue, QueueEdit};
use std::time::Duration;

const AFTER_HELP: &str = "\
What is not given stays as it is. A duration is a number with a unit, such as 30s, 12h, 7d or \"1h 30m\"; a bare \
number means seconds.

Examples:
  forge queue set mail --workers 4
  forge queue set mail --backoff on --base-seconds 0.5 --max-seconds 60
  forge queue set mail --done-retention 12h --dead-retention forever
  forge queue set mail --workers 8 --if-version 3     only if nobody edited it since";

/// Change settings of a queue; running processes follow at once.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The queue
    name: String,

    /// Jobs that one process runs at a time, 0 to 1024; a process that was started with a number of its own keeps that,
    /// unless this is 0
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_WORKERS)))]
    workers: Option<u32>,

    /// Whether failed and throttled jobs wait before they come back
    #[arg(long, value_name = "on|off")]
    backoff: Option<Switch>,

    /// Wait after the first failure; it doubles with each further one
    #[arg(long, value_name = "S", value_parser = parse_seconds, allow_negative_numbers = true)]
    base_seconds: Option<Duration>,

    /// Longest wait
    #[arg(long, value_name = "S", value_parser = parse_seconds, allow_negative_numbers = true)]
    max_seconds: Option<Duration>,

    /// How long done jobs are kept, or `forever`
    #[arg(long, value_name = "DURATION", value_parser = parse_retention, allow_negative_numbers = true)]
    done_retention: Option<Retention>,

    /// How long dead jobs are kept, or `forever`
    #[arg(long, value_name = "DURATION", value_parser = parse_retention, allow_negative_numbers = true)]
    dead_retention: Option<Retention>,

    /// Jobs that all processes together run at a time, or `none`
    #[arg(long, value_name = "N", value_parser = parse_bound, allow_negative_numbers = true)]
    max_running: Option<Bound>,

    /// Change nothing unless the queue still has this version
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    if_version: Option<i64>,
}

/// A bound, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound(Option<u32>);

fn parse_bound(text: &str) -> Result<Bound, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    // The bounds are the library's to check.
    let number: u32 = text.parse().map_err(|_| "expected a number of jobs, or `none`".to_owned())?;
    Ok(Bound(Some(number)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Args {
    fn edit(&self) -> QueueEdit {
        QueueEdit {
            workers: self.workers,
            paused: None,
            backoff_enabled: self.backoff.map(|s| s == Switch::On),
            base_seconds: self.base_seconds.map(seconds),
            max_seconds: self.max_seconds.map(seconds),
            done_retention_seconds: self.done_retention.map(Into::into),
            dead_retention_seconds: self.dead_retention.map(Into::into),
            max_running: self.max_running.map(|bound| bound.0),
        }
    }
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let edit = args.edit();
    if edit == QueueEdit::default() {
        let message = "nothing to set: give at least one setting, see `forge queue set --help`";
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    show(&at.existing().await?.edit_queue(&args.name, &edit, args.if_version).await?, out)
}

/// Shows a queue, as after each change of it.
pub(super) fn show(queue: &Queue, out: &mut Output) -> Result<Exit, Failure> {
    out.answer(queue, |q| settings(std::slice::from_ref(q)))?;
    Ok(Exit::Ok)
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number of seconds, such as 0.5".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| {
        let message = if number > 0.0 {
            "that is more than any setting allows"
        } else {
            "expected a number of seconds of 0 or more"
        };
        message.to_owned()
    })
}

fn parse_retention(text: &str) -> Result<Retention, String> {
    if text == "forever" {
        return Ok(Retention::Forever);
    }
    if text.parse::<f64>().is_ok() {
        return parse_seconds(text).map(Retention::For);
    }
    humantime::parse_duration(text)
        .map(Retention::For)
        .map_err(|e| format!("{e}: expected a duration such as 12h or 7d, or `forever`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_seconds_a_duration_with_a_unit_or_for_ever() {
        let secs = |n| Ok(Retention::For(Duration::from_secs(n)));
        assert_eq!(parse_retention("90"), secs(90));
        assert_eq!(parse_retention("12h"), secs(43_200));
        assert_eq!(parse_retention("1h 30m"), secs(5_400));
        assert_eq!(parse_retention("forever"), Ok(Retention::Forever));
        for bad in ["", "-1", "x", "nan", "1e400"] {
            assert!(parse_retention(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_must_not_be_negative() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["-1", "inf", "NaN", "1s", ""] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}

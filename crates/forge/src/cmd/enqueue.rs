//! `forge enqueue`: one job, or a line each from standard input.

use super::enqueue_bulk;
use crate::desk::Where;
use crate::duration::parse_duration;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use clap::builder::NonEmptyStringValueParser;
use forge_jobs::limits::MAX_MAX_ATTEMPTS;
use forge_jobs::{DefaultRouter, EnqueueRequest, JobId, JobStatus, Timestamp};
use forge_jobs_api::convert::{seconds, time};
use forge_jobs_api::wire::{EnqueueLine, EnqueueOutcome, ErrorCode, OnDuplicate};
use serde_json::value::RawValue;
use std::time::Duration;

const AFTER_HELP: &str = "\
The answer is the job's id and an outcome: `inserted`, `already_there` (the same job was sent before under this id), \
`duplicate` (a job of the kind holds the dedupe key; the id is that job's), or `replaced` (that one has become this \
one).

With `-` each line of standard input is a JSON object with the keys kind and payload, and, if wanted, queue, run_at, \
delay_seconds, priority, max_attempts, dedupe_key, dedupe_states, dedupe_seconds, on_duplicate, concurrency_key, tags, id. A bad line \
is reported with its number and stops no other; the exit code is 1 if any line failed.

A job without a queue goes to `default`, whatever router the program has that will run it: name the queue.

Examples:
  forge enqueue mail.send '{\"to\":\"ada\"}'
  forge enqueue report.build '{}' --queue reports --run-at 2026-12-24T18:00:00+01:00
  forge enqueue mail.send '{\"to\":\"ada\"}' --delay 15m
  forge enqueue mail.send '{\"to\":\"ada\"}' --dedupe-key welcome:ada --tag welcome
  printf '%s\\n' '{\"kind\":\"mail.send\",\"payload\":{\"to\":\"ada\"}}' | forge enqueue -";

/// Put jobs into the queue: one, or many from standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The kind: the name that picks the handler; `-` reads jobs from standard input
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    kind: String,

    /// The payload, as JSON; kept byte for byte
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    payload: Option<String>,

    /// The queue [default: default]
    #[arg(long)]
    queue: Option<String>,

    /// The earliest moment to run at, RFC 3339 with an offset
    #[arg(long, value_name = "TIME")]
    run_at: Option<Timestamp>,

    /// The same, from now on by the database's clock: `90s`, `1h 30m`, or seconds
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "run_at")]
    delay: Option<Duration>,

    /// Lower runs first, -32768 to 32767 [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = priority)]
    priority: Option<i16>,

    /// The attempt after which a failure is final, 1 to 10000 [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = max_attempts)]
    max_attempts: Option<u32>,

    /// At most one unfinished job of this kind has this key
    #[arg(long, value_name = "KEY")]
    dedupe_key: Option<String>,

    /// The states in which a job holds its dedupe key, of pending, scheduled, running, retrying, done and dead [default:
    /// pending,scheduled,retrying,running]
    #[arg(long, value_name = "STATES", value_delimiter = ',', requires = "dedupe_key")]
    dedupe_states: Option<Vec<JobStatus>>,

    /// How long the dedupe key is held at most, counted from now: `90s`, `1h 30m`, or seconds
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "dedupe_key")]
    dedupe_period: Option<Duration>,

    /// If the job that holds the dedupe key waits, it becomes this one
    #[arg(long, requires = "dedupe_key")]
    replace: bool,

    /// At most one job of this kind that has this key runs at a time; the others wait for it
    #[arg(long, value_name = "KEY")]
    concurrency_key: Option<String>,

    /// A tag to search by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// The job's id, so that the command can be repeated without a twin [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<JobId>,
}

fn priority(text: &str) -> Result<i16, String> {
    text.parse().map_err(|_| "use a whole number from -32768 to 32767".into())
}

fn max_attempts(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_MAX_ATTEMPTS).contains(n));
    number.ok_or_else(|| format!("use a whole number from 1 to {MAX_MAX_ATTEMPTS}"))
}

impl Args {
    const fn has_options(&self) -> bool {
        self.queue.is_some()
            || self.run_at.is_some()
            || self.delay.is_some()
            || self.priority.is_some()
            || self.max_attempts.is_some()
            || self.dedupe_key.is_some()
            || self.concurrency_key.is_some()
            || !self.tags.is_empty()
            || self.id.is_some()
    }

    fn into_line(self, payload: Box<RawValue>) -> EnqueueLine {
        EnqueueLine {
            kind: self.kind,
            payload,
            queue: self.queue,
            run_at: self.run_at.map(time),
            delay_seconds: self.delay.map(seconds),
            priority: self.priority,
            max_attempts: self.max_attempts,
            dedupe_key: self.dedupe_key,
            dedupe_states: self.dedupe_states.map(|states| states.iter().map(ToString::to_string).collect()),
            dedupe_seconds: self.dedupe_period.map(seconds),
            on_duplicate: self.replace.then_some(OnDuplicate::Replace),
            concurrency_key: self.concurrency_key,
            tags: self.tags,
            id: self.id.map(|id| id.to_string()),
        }
    }
}

pub(crate) async fn run(mut args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let usage = |message: &str| Failure::new(ErrorCode::Invalid, message);
    let payload = args.payload.take();
    if args.kind == "-" {
        if payload.is_some() || args.has_options() {
            return Err(usage("with `-` everything comes from standard input: put options into the lines"));
        }
        return enqueue_bulk::run(at, out).await;
    }
    let payload = payload.ok_or_else(|| usage("the payload is missing: give JSON, for instance '{}'"))?;
    let payload = RawValue::from_string(payload)
        .map_err(|e| usage(&format!("payload refused: the text is no JSON: {e}")))?;
    // Checked before the database is opened, so that a typo creates nothing.
    let line = args.into_line(payload);
    let request = EnqueueRequest::try_from(line.clone())?;
    request.validate(&DefaultRouter).map_err(|e| Failure::of(ErrorCode::Invalid, &e))?;
    let receipt = at.lasting().await?.enqueue(line).await?;
    out.answer(&receipt, |r| format!("{} {}\n", r.id, word(r.outcome)))?;
    Ok(Exit::Ok)
}

/// The word for people, which is the word in JSON.
pub(super) const fn word(outcome: EnqueueOutcome) -> &'static str {
    match outcome {
        EnqueueOutcome::Inserted => "inserted",
        EnqueueOutcome::AlreadyThere => "already_there",
        EnqueueOutcome::Duplicate => "duplicate",
        EnqueueOutcome::Replaced => "replaced",
        EnqueueOutcome::Unknown => "unknown",
    }
}

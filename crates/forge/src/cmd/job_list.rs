//! `forge job list`.

use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, say, short, table, when};
use forge_jobs::errors::ErrorGroupId;
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs::{DeadReason, JobStatus};
use forge_jobs_api::convert;
use forge_jobs_api::wire::{ErrorCode, Job, JobPage, JobQuery, JobStatus as WireStatus};
use serde::Serialize;

const AFTER_HELP: &str = "\
Newest first. With --status in the order that matters there: pending, scheduled and retrying by the time they are \
due, done and dead by the time they finished, newest first.

Examples:
  forge job list --status dead --queue mail
  forge job list --kind mail.send --tag welcome --limit 500 --json";

/// List jobs, a page at a time.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Only of this queue
    #[arg(long)]
    queue: Option<String>,

    /// Only with this status: pending, scheduled, running, retrying, done, dead
    #[arg(long)]
    status: Option<JobStatus>,

    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,

    /// Only dead for this reason: exhausted, discarded, cancelled, poison, undecodable
    #[arg(long, value_name = "REASON")]
    dead_reason: Option<DeadReason>,

    /// Only with this tag
    #[arg(long)]
    tag: Option<String>,

    /// Only those whose latest error is of this group: see `forge errors`
    #[arg(long, value_name = "GROUP")]
    error_group: Option<ErrorGroupId>,

    /// Rows of the page, 1 to 500
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = DEFAULT_PAGE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    limit: u32,

    /// Go on where the page before ended: its `next`
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    if let (Some(reason), Some(status)) = (args.dead_reason, args.status.filter(|s| *s != JobStatus::Dead)) {
        let message = format!("a job that is {status} has no dead reason {reason}: leave one of the two out");
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    // Before anything is opened, so that a slip is told at once.
    args.after.as_deref().map(convert::parse_cursor).transpose()?;
    let query = JobQuery {
        queue: args.queue,
        status: args.status.map(Into::into),
        kind: args.kind,
        dead_reason: args.dead_reason.map(Into::into),
        tag: args.tag,
        error_group: args.error_group.map(|group| group.to_string()),
        limit: Some(args.limit),
        after: args.after,
    };
    let page = at.existing().await?.jobs(query.clone()).await?;
    for field in &page.unknown {
        let value = if field == "queue" { &query.queue } else { &query.kind };
        say(&format!("note: no job was ever of the {field} {:?}", value.as_deref().unwrap_or_default()));
    }
    out.answer(&page, text)?;
    Ok(Exit::Ok)
}

fn text(page: &JobPage) -> String {
    if page.jobs.is_empty() {
        return "no jobs\n".into();
    }
    let head = [
        ("id", Align::Left),
        ("kind", Align::Left),
        ("queue", Align::Left),
        ("status", Align::Left),
        ("attempt", Align::Right),
        ("when", Align::Left),
        ("error", Align::Left),
    ];
    let mut out = table(&head, &page.jobs.iter().map(row).collect::<Vec<_>>());
    if let Some(next) = &page.next {
        out.push_str("\nmore: --after ");
        out.push_str(next);
        out.push('\n');
    }
    out
}

fn row(job: &Job) -> Vec<String> {
    vec![
        job.id.clone(),
        job.kind.clone(),
        job.queue.clone(),
        status(job),
        format!("{}/{}", job.attempt, job.max_attempts),
        // The time that matters where the job stands.
        when(match job.status {
            WireStatus::Done | WireStatus::Dead => job.finished_at.as_ref().unwrap_or(&job.due_at),
            WireStatus::Running => job.started_at.as_ref().unwrap_or(&job.due_at),
            _ => &job.due_at,
        }),
        job.error.as_deref().map(|e| short(e, 60)).unwrap_or_default(),
    ]
}

/// `dead (exhausted)`.
pub(super) fn status(job: &Job) -> String {
    let status = word(&job.status);
    match job.dead_reason {
        Some(reason) => format!("{status} ({})", word(&reason)),
        None => status,
    }
}

/// A word on the wire, which is the word for people.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

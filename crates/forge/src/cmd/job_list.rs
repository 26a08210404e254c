//! `forge job list`.

use super::job_filter::{Filter, tell_unknown};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, short, table, when};
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs_api::convert;
use forge_jobs_api::wire::{Job, JobPage, JobQuery, JobStatus as WireStatus};
use serde::Serialize;

const AFTER_HELP: &str = "\
Newest first. With --status in the order that matters there: pending, scheduled and retrying by the time they are \
due, done and dead by the time they finished, newest first. What no index tells, such as --payload, is looked for in \
10,000 jobs at a time: --after goes on.

Examples:
  forge job list --status dead --queue mail
  forge job list --kind mail.send --tag welcome --limit 500 --json";

/// Looks that go on by themselves while nothing is found.
const LOOKS: u32 = 50;

/// List jobs, a page at a time.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,

    /// Rows of the page, 1 to 500
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = DEFAULT_PAGE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    limit: u32,

    /// Go on where the page before ended: its `next`
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    // Before anything is opened, so that a slip is told at once.
    args.after.as_deref().map(convert::parse_cursor).transpose()?;
    let query = JobQuery { limit: Some(args.limit), after: args.after, ..args.filter.query()? };
    let desk = at.existing().await?;
    let mut page = desk.jobs(query.clone()).await?;
    for _ in 0..LOOKS {
        // Nothing yet, and there is more to look through.
        if !page.jobs.is_empty() || page.complete {
            break;
        }
        let Some(next) = page.next.take() else { break };
        let scanned = page.scanned;
        page = desk.jobs(JobQuery { after: Some(next), ..query.clone() }).await?;
        page.scanned = page.scanned.saturating_add(scanned);
    }
    tell_unknown(&page.unknown, &query);
    out.answer(&page, text)?;
    Ok(Exit::Ok)
}

fn text(page: &JobPage) -> String {
    if page.jobs.is_empty() {
        let more = |next: &String| format!("none among {} jobs\n\nmore: --after {next}\n", page.scanned);
        return page.next.as_ref().map_or_else(|| "no jobs\n".into(), more);
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

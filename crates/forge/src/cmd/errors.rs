//! `forge errors`: what goes wrong, by sort.

use crate::desk::{Desk, Where};
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, say, short, table, when};
use forge_jobs::errors::ErrorGroupId;
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs_api::service::Verb;
use forge_jobs_api::wire::{ErrorGroup, ErrorList, ErrorQuery, ErrorSort, GroupVerb};

const AFTER_HELP: &str = "\
Errors are of one sort when kind, type and message are the same but for numbers, names in quotation marks, addresses, \
paths and the like. Each attempt that failed counts, also those of jobs that are gone.

Examples:
  forge errors --queue mail --sort frequent
  forge errors show fec914b3d2c4ba32
  forge job list --status dead --error-group fec914b3d2c4ba32
  forge errors retry fec914b3d2c4ba32";

/// See what goes wrong, by sort, and retry or drop all jobs of a sort.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one sort of errors, and where it was seen
    Show(Group),
    /// Retry all jobs that are dead of one sort of errors
    Retry(Group),
    /// Delete all jobs for good that are dead of one sort of errors
    Drop(Group),
}

#[derive(Debug, clap::Args)]
struct Group {
    /// The group, as `forge errors` lists it
    #[arg(value_name = "GROUP")]
    id: ErrorGroupId,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those seen in this queue
    #[arg(long)]
    queue: Option<String>,

    /// Only those of this kind
    #[arg(long)]
    kind: Option<String>,

    /// In which order: those seen last, seen most often, or new since last
    #[arg(long, default_value = "last")]
    sort: Sort,

    /// Rows, 1 to 500
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = DEFAULT_PAGE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sort {
    Last,
    Frequent,
    New,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let desk = at.existing().await?;
    match args.command {
        None => list(args.list, &desk, out).await,
        Some(Command::Show(Group { id })) => show(id, &desk, out).await,
        Some(Command::Retry(Group { id })) => all(id, Verb::Retry, &desk, out).await,
        Some(Command::Drop(Group { id })) => all(id, Verb::Drop, &desk, out).await,
    }
}

async fn list(args: List, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let sort = match args.sort {
        Sort::Last => ErrorSort::Last,
        Sort::Frequent => ErrorSort::Frequent,
        Sort::New => ErrorSort::New,
    };
    let query = ErrorQuery { queue: args.queue, kind: args.kind, sort: Some(sort), limit: Some(args.limit) };
    out.answer(&desk.errors(&query).await?, text)?;
    Ok(Exit::Ok)
}

fn text(list: &ErrorList) -> String {
    if list.groups.is_empty() {
        return "no errors\n".into();
    }
    let head = [
        ("group", Align::Left),
        ("count", Align::Right),
        ("last", Align::Left),
        ("since", Align::Left),
        ("kind", Align::Left),
        ("type", Align::Left),
        ("message", Align::Left),
    ];
    let row = |g: &ErrorGroup| {
        vec![
            g.id.clone(),
            g.count.to_string(),
            when(&g.last_at),
            g.first_version.clone(),
            g.kind.clone(),
            g.error_type.clone(),
            short(&g.message, 80),
        ]
    };
    let mut out = table(&head, &list.groups.iter().map(row).collect::<Vec<_>>());
    if list.more {
        out.push_str("\nthere are more: --limit\n");
    }
    out
}

async fn show(id: ErrorGroupId, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let group = desk.error_group(&id.to_string()).await?;
    out.answer(&group, |g: &ErrorGroup| {
        let queues: Vec<_> = g.queues.iter().map(|q| format!("{} ({})", q.queue, q.count)).collect();
        pairs(&[
            ("group", g.id.clone()),
            ("kind", g.kind.clone()),
            ("type", g.error_type.clone()),
            ("message", g.message.clone()),
            ("count", g.count.to_string()),
            ("first seen", g.first_at.clone()),
            ("last seen", g.last_at.clone()),
            ("new in version", g.first_version.clone()),
            ("queues", queues.join(", ")),
            ("last job", g.last_job.clone()),
        ])
    })?;
    Ok(Exit::Ok)
}

/// Does something to all jobs that are dead of these errors, a page at a time. Those that die of them meanwhile are
/// newer than the first page, and left alone.
async fn all(id: ErrorGroupId, verb: Verb, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mut report = GroupVerb { group: id.to_string(), changed: 0, left: 0, next: None };
    loop {
        let batch = desk.act_on_error_group(verb, &report.group, report.next.take()).await?;
        report.changed += batch.changed;
        report.left += batch.left;
        report.next = batch.next;
        if report.next.is_none() {
            break;
        }
        say(&format!("{} so far", report.changed));
    }
    out.answer(&report, |r| {
        let done = if verb == Verb::Retry { "retried" } else { "dropped" };
        let left = if r.left > 0 { format!(", {} left as they were", r.left) } else { String::new() };
        format!("{} {done}{left}\n", r.changed)
    })?;
    Ok(if report.left > 0 { Exit::Conflict } else { Exit::Ok })
}

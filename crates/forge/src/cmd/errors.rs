//! `forge errors`: what goes wrong, by sort.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, say, short, table, when};
use forge_jobs::errors::ErrorGroupId;
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs::storage::{
    ErrorGroupsParams, ErrorOrder, JobFilter, ListParams, Storage, StorageError, VerbParams,
};
use forge_jobs::{JobId, JobStatus};
use forge_jobs_api::wire::{ErrorGroup, ErrorList, GroupVerb};

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

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let storage = database.open_existing().await?;
    match args.command {
        None => list(args.list, &storage, out).await,
        Some(Command::Show(Group { id })) => show(id, &storage, out).await,
        Some(Command::Retry(Group { id })) => all(id, Verb::Retry, &storage, out).await,
        Some(Command::Drop(Group { id })) => all(id, Verb::Drop, &storage, out).await,
    }
}

async fn list(args: List, storage: &Storage, out: &mut Output) -> Result<Exit, Failure> {
    let order = match args.sort {
        Sort::Last => ErrorOrder::Newest,
        Sort::Frequent => ErrorOrder::MostFrequent,
        Sort::New => ErrorOrder::NewestFirstSeen,
    };
    let params = ErrorGroupsParams { queue: args.queue, kind: args.kind, order, limit: args.limit };
    let list = storage.history.error_groups(params).await?;
    out.answer(&ErrorList::from(&list), text)?;
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

fn unknown(id: ErrorGroupId) -> StorageError {
    StorageError::NotFound { what: "error group", name: id.to_string() }
}

async fn show(id: ErrorGroupId, storage: &Storage, out: &mut Output) -> Result<Exit, Failure> {
    let group = storage.history.error_group(id).await?.ok_or_else(|| unknown(id))?;
    out.answer(&ErrorGroup::from(&group), |g| {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Retry,
    Drop,
}

/// Does something to all jobs that are dead of these errors, a page at a time. Those that die of them meanwhile are
/// newer than the first page, and left alone.
async fn all(id: ErrorGroupId, verb: Verb, storage: &Storage, out: &mut Output) -> Result<Exit, Failure> {
    storage.history.error_group(id).await?.ok_or_else(|| unknown(id))?;
    let filter = JobFilter { statuses: vec![JobStatus::Dead], error_group: Some(id), ..JobFilter::default() };
    let mut report = GroupVerb { group: id.to_string(), changed: 0, left: 0 };
    let mut after = None;
    loop {
        let params = ListParams { filter: filter.clone(), limit: MAX_PAGE, after };
        let page = storage.inspect.list(params).await?;
        let ids: Vec<JobId> = page.jobs.iter().map(|job| job.id).collect();
        let changed = apply(verb, storage, ids).await?;
        report.changed += changed;
        report.left += (page.jobs.len() as u64).saturating_sub(changed);
        after = page.next;
        if after.is_none() {
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

/// How many it was done to.
async fn apply(verb: Verb, storage: &Storage, ids: Vec<JobId>) -> Result<u64, StorageError> {
    use forge_jobs::storage::{DropOutcome, RetryOutcome};
    if ids.is_empty() {
        return Ok(0);
    }
    let params = VerbParams { ids, actor: Some(crate::actor::actor()), now: None };
    let changed = match verb {
        Verb::Retry => {
            let outcomes = storage.jobs.retry(params).await?;
            outcomes.iter().filter(|o| **o == RetryOutcome::Retried).count()
        }
        Verb::Drop => {
            let outcomes = storage.jobs.drop_jobs(params).await?;
            outcomes.iter().filter(|o| **o == DropOutcome::Dropped).count()
        }
    };
    Ok(changed as u64)
}

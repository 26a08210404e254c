//! `forge audit`: what people did, and who.

use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, short, table, when};
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs_api::wire::{AuditAction, AuditPage, AuditQuery};

const AFTER_HELP: &str = "\
The latest first. Kept for 90 days. Times are UTC; --json has the settings before and after.

Examples:
  forge audit --actor ada
  forge audit --action queue.pause --target mail --json";

/// Show what people did, and who.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Only of this person
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,

    /// Only this action, such as queue.pause or job.retry
    #[arg(long)]
    action: Option<String>,

    /// Only to this sort of thing: queue, job, schedule, limit, kind
    #[arg(long)]
    what: Option<String>,

    /// Only to the thing of this name
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Rows of the page, 1 to 500
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = DEFAULT_PAGE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    limit: u32,

    /// Go on where the page before ended: its `next`
    #[arg(long, value_name = "NO")]
    before: Option<i64>,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let query = AuditQuery {
        actor: args.actor,
        action: args.action,
        what: args.what,
        target: args.target,
        limit: Some(args.limit),
        before: args.before,
        ..AuditQuery::default()
    };
    out.answer(&at.existing().await?.audit(query).await?, text)?;
    Ok(Exit::Ok)
}

fn text(page: &AuditPage) -> String {
    if page.actions.is_empty() {
        return "nothing was done\n".into();
    }
    let head = [
        ("when", Align::Left),
        ("who", Align::Left),
        ("by", Align::Left),
        ("action", Align::Left),
        ("what", Align::Left),
        ("count", Align::Right),
        ("outcome", Align::Left),
    ];
    let mut out = table(&head, &page.actions.iter().map(row).collect::<Vec<_>>());
    if let Some(next) = page.next {
        out.extend(["\nmore: --before ", &next.to_string(), "\n"]);
    }
    out
}

fn row(action: &AuditAction) -> Vec<String> {
    let target = action.target.as_deref().map(|t| format!(" {}", short(t, 40))).unwrap_or_default();
    vec![
        when(&action.at),
        short(&action.actor, 30),
        action.source.clone(),
        action.action.clone(),
        format!("{}{target}", action.what),
        action.count.to_string(),
        action.outcome.clone(),
    ]
}

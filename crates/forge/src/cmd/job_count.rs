//! `forge job count`.

use super::job_filter::{Filter, tell_unknown};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs_api::wire::{BoundedCount, JobCount};

const AFTER_HELP: &str = "\
Counts stop at 10,000, or when 10,000 jobs were looked at for what no index tells: it says \"at least\" then.

Example:
  forge job count --queue mail --status dead --finished-from 2026-11-29T00:00:00Z";

/// Count jobs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let query = args.filter.query()?;
    let counted = at.existing().await?.job_count(query.clone()).await?;
    tell_unknown(&counted.unknown, &query);
    out.answer(&counted, |counted: &JobCount| format!("{}\n", many(counted.jobs)))?;
    Ok(Exit::Ok)
}

/// `5 jobs`, `at least 10000 jobs`.
pub(super) fn many(count: BoundedCount) -> String {
    let jobs = crate::output::counted(count.count, "job", "jobs");
    if count.more { format!("at least {jobs}") } else { jobs }
}

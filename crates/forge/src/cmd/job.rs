//! `forge job`: the sub-commands.

use super::{job_count, job_edit, job_events, job_list, job_logs, job_show, job_verbs, job_why};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs_api::service::Verb;

/// See and steer jobs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List jobs, a page at a time
    List(job_list::Args),
    /// Count jobs
    Count(job_count::Args),
    /// Show all that is known of a job: its data, its attempts, what happened to it
    Show(job_show::Args),
    /// Show what happened to a job: when, in which process, and who or what made it happen
    Events(job_events::Args),
    /// Show what a job's handler logged
    Logs(job_logs::Args),
    /// Say why a job is not running, and what helps
    Why(job_why::Args),
    /// Change a job that waits: its payload, priority, time, queue or tags
    Edit(job_edit::Args),
    /// Cancel jobs: waiting ones at once, running ones by asking their process
    #[command(
        after_help = "A cancelled job ends dead with the reason `cancelled`. A running job that still finishes \
        well is done.\n\nExample:\n  forge job cancel 01890a5d-ac96-774b-bcce-b302099a8057"
    )]
    Cancel(job_verbs::Args),
    /// Make dead and retrying jobs pending, with a fresh attempt budget
    #[command(
        after_help = "With a filter in place of ids it is told first what would be done.\n\nExample, the dead jobs of a \
        queue that ran out of attempts:\n  forge job retry --queue mail --dead-reason exhausted\n  forge job retry --queue \
        mail --dead-reason exhausted --yes"
    )]
    Retry(job_verbs::Args),
    /// Make scheduled and retrying jobs pending; their attempts stay as they are
    #[command(after_help = "Example:\n  forge job run-now 01890a5d-ac96-774b-bcce-b302099a8057")]
    RunNow(job_verbs::Args),
    /// Delete jobs for good, with their history; running ones are refused
    #[command(after_help = "Example:\n  forge job drop 01890a5d-ac96-774b-bcce-b302099a8057")]
    Drop(job_verbs::Args),
}

pub(crate) async fn run(command: Command, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => job_list::run(args, at, out).await,
        Command::Count(args) => job_count::run(args, at, out).await,
        Command::Show(args) => job_show::run(&args, at, out).await,
        Command::Events(args) => job_events::run(&args, at, out).await,
        Command::Logs(args) => job_logs::run(&args, at, out).await,
        Command::Why(args) => job_why::run(&args, at, out).await,
        Command::Edit(args) => job_edit::run(args, at, out).await,
        Command::Cancel(args) => job_verbs::run(Verb::Cancel, args, at, out).await,
        Command::Retry(args) => job_verbs::run(Verb::Retry, args, at, out).await,
        Command::RunNow(args) => job_verbs::run(Verb::RunNow, args, at, out).await,
        Command::Drop(args) => job_verbs::run(Verb::Drop, args, at, out).await,
    }
}

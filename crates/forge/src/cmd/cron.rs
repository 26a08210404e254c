//! `forge cron`: the sub-commands.

use super::{cron_list, cron_next, cron_set, cron_show};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// See and steer schedules, and see when cron expressions fire.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List schedules: when they fire, what they enqueue, whose values are in effect
    List(cron_list::Args),
    /// Show a schedule, and what became of its latest fires
    Show(cron_show::Args),
    /// Make a schedule, or change some of its values; running processes follow at once
    Set(cron_set::Args),
    /// Stop a schedule from firing, through every deploy
    #[command(after_help = "Example:\n  forge cron pause nightly")]
    Pause(Name),
    /// Let a schedule fire from now on; what it would have fired meanwhile is not made up for
    #[command(after_help = "Example:\n  forge cron resume nightly")]
    Resume(Name),
    /// Give a schedule back to the code that declared it
    #[command(after_help = "Example:\n  forge cron reset nightly")]
    Reset(Name),
    /// Enqueue the job of a schedule now, whether it is paused or not and whatever runs
    #[command(after_help = "Example:\n  forge cron run nightly")]
    Run(Name),
    /// Delete a schedule; a program that declares it makes it anew at its next start, so pause it instead
    #[command(after_help = "Example:\n  forge cron remove nightly")]
    Remove(Name),
    /// Show the next fires of an expression, and what it means; needs no database
    Next(cron_next::Args),
}

/// A schedule.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The schedule
    name: String,
}

pub(crate) async fn run(command: Command, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let schedule = match command {
        Command::Next(args) => return cron_next::run(args, out),
        Command::List(args) => return cron_list::run(&args, at, out).await,
        Command::Show(args) => return cron_show::run(args, at, out).await,
        Command::Set(args) => return cron_set::run(args, at, out).await,
        Command::Run(Name { name }) => {
            let tick = at.existing().await?.run_schedule(&name).await?;
            out.answer(&tick, |t| format!("enqueued {}\n", t.job.as_deref().unwrap_or("-")))?;
            return Ok(Exit::Ok);
        }
        Command::Remove(Name { name }) => {
            let removed = at.existing().await?.remove_schedule(&name).await?;
            out.answer(&removed, |_| "removed\n".into())?;
            return Ok(Exit::Ok);
        }
        Command::Pause(Name { name }) => at.existing().await?.pause_schedule(&name).await?,
        Command::Resume(Name { name }) => at.existing().await?.resume_schedule(&name).await?,
        Command::Reset(Name { name }) => at.existing().await?.reset_schedule(&name).await?,
    };
    out.answer(&schedule, |s| cron_list::table_of(std::slice::from_ref(s)))?;
    Ok(Exit::Ok)
}

//! `forge cron`: the sub-commands.

use super::{cron_list, cron_next, cron_set, cron_show};
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::storage::StorageError;
use forge_jobs::{DefaultRouter, Schedules, Storage};
use forge_jobs_api::wire::{Schedule, ScheduleRemoved, Tick};
use std::sync::Arc;

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

/// Schedules of a database.
pub(super) fn schedules(storage: Storage) -> Schedules {
    let schedules = Schedules::new(storage, Arc::new(DefaultRouter));
    match crate::actor::actor() {
        Some(actor) => schedules.acting_as(actor),
        None => schedules,
    }
}

pub(crate) async fn run(command: Command, url: Option<&str>, out: &mut Output) -> Result<Exit, Failure> {
    if let Command::Next(args) = command {
        return cron_next::run(args, out);
    }
    let database = &Database::choose(url)?;
    let existing = async || Ok::<_, Failure>(schedules(database.open_existing().await?));
    let row = match command {
        Command::Next(_) => return Ok(Exit::Ok),
        Command::List(args) => return cron_list::run(&args, database, out).await,
        Command::Show(args) => return cron_show::run(args, database, out).await,
        Command::Set(args) => return cron_set::run(args, database, out).await,
        Command::Run(Name { name }) => {
            let tick = existing().await?.run_now(&name).await?;
            out.answer(&Tick::from(&tick), |t| format!("enqueued {}\n", t.job.as_deref().unwrap_or("-")))?;
            return Ok(Exit::Ok);
        }
        Command::Remove(Name { name }) => {
            if !existing().await?.remove(&name).await? {
                return Err(StorageError::NotFound { what: "schedule", name }.into());
            }
            out.answer(&ScheduleRemoved { name }, |_| "removed\n".into())?;
            return Ok(Exit::Ok);
        }
        Command::Pause(Name { name }) => existing().await?.pause(&name).await?,
        Command::Resume(Name { name }) => existing().await?.resume(&name).await?,
        Command::Reset(Name { name }) => existing().await?.reset_to_code(&name).await?,
    };
    out.answer(&Schedule::from(&row), |s| cron_list::table_of(std::slice::from_ref(s)))?;
    Ok(Exit::Ok)
}

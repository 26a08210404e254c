//! `forge cron`: the sub-commands.

use super::cron_next;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// See when cron expressions fire.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the next fires of an expression, and what it means; needs no database
    Next(cron_next::Args),
}

pub(crate) fn run(command: Command, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Next(args) => cron_next::run(args, out),
    }
}

//! `forge queue`: the sub-commands.

use super::{queue_list, queue_set};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// See and steer queues.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List queues with their settings and counts, and the processes that work on them
    List(queue_list::Args),
    /// Change settings of a queue; running processes follow at once
    Set(queue_set::Args),
    /// Claim no more jobs of a queue; running ones go on
    #[command(after_help = "Example:\n  forge queue pause mail")]
    Pause(Name),
    /// Claim jobs of a queue again
    #[command(after_help = "Example:\n  forge queue resume mail")]
    Resume(Name),
}

/// A queue.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The queue
    name: String,
}

pub(crate) async fn run(command: Command, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => queue_list::run(&args, at, out).await,
        Command::Set(args) => queue_set::run(args, at, out).await,
        Command::Pause(Name { name }) => {
            queue_set::show(&at.existing().await?.pause_queue(&name).await?, out)
        }
        Command::Resume(Name { name }) => {
            queue_set::show(&at.existing().await?.resume_queue(&name).await?, out)
        }
    }
}

//! `forge job why`.

use super::job_list::word;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::JobId;
use std::fmt::Write as _;

const AFTER_HELP: &str = "\
What is said is so at one moment: reasons are the first one to be dealt with first. Exit code 0 whatever they are.

Example:
  forge job why 01890a5d-ac96-774b-bcce-b302099a8057";

/// Say why a job is not running, and what helps.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The job's id
    id: JobId,
}

pub(crate) async fn run(args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let why = at.existing().await?.why(&args.id.to_string()).await?;
    out.answer(&why, |said| {
        let mut text = format!("job {} is {}\n", said.id, word(&said.status));
        for reason in &said.reasons {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "- {}", reason.text);
        }
        text
    })?;
    Ok(Exit::Ok)
}

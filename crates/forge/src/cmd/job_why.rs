//! `forge job why`.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::JobId;
use forge_jobs::storage::StorageError;
use forge_jobs_api::wire::Why;
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

pub(crate) async fn run(args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let storage = database.open_existing().await?;
    let why = forge_jobs::why::why(&storage, args.id, None)
        .await?
        .ok_or_else(|| StorageError::NotFound { what: "job", name: args.id.to_string() })?;
    out.answer(&Why::from(&why), |said| {
        let mut text = format!("job {} is {}\n", said.id, why.job.status);
        for reason in &said.reasons {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "- {}", reason.text);
        }
        text
    })?;
    Ok(Exit::Ok)
}

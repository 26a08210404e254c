//! `forge job events`.

use super::job_show;
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::JobId;
use forge_jobs::storage::StorageError;
use forge_jobs_api::wire::JobEvents;

/// Show what happened to a job: when, in which process, and who or what made it happen.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  forge job events 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct Args {
    /// The job's id
    id: JobId,
}

pub(crate) async fn run(args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let inspect = database.open_existing().await?.inspect;
    let events = inspect.events(args.id).await?;
    if events.is_empty() {
        return Err(StorageError::NotFound { what: "job", name: args.id.to_string() }.into());
    }
    let answer = JobEvents { id: args.id.to_string(), events: events.iter().map(Into::into).collect() };
    out.answer(&answer, |said| job_show::events(&said.events))?;
    Ok(Exit::Ok)
}

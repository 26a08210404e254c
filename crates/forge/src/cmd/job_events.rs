//! `forge job events`.

use super::job_show;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::JobId;
use forge_jobs_api::wire::JobEvents;

/// Show what happened to a job: when, in which process, and who or what made it happen.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  forge job events 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct Args {
    /// The job's id
    id: JobId,
}

pub(crate) async fn run(args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let id = args.id.to_string();
    let detail = at.existing().await?.job(&id).await?;
    out.answer(&JobEvents { id, events: detail.events }, |said| job_show::events(&said.events))?;
    Ok(Exit::Ok)
}

//! `forge migrate`.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs_api::wire::Migrated;

/// Create the database, or bring it to this program's version.
///
/// An embedded database is migrated whenever it is opened, so this matters before other programs start: a database
/// made by a newer version is refused and left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  forge migrate\n  forge migrate --database sqlite:/var/lib/app/jobs.db")]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    // Opening migrates.
    let _storage = database.open_lasting().await?;
    let answer = Migrated { database: database.describe()? };
    out.answer(&answer, |a| format!("{} is up to date\n", a.database))?;
    Ok(Exit::Ok)
}

//! `forge migrate`.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs_api::wire::Migrated;

/// Create the database, or bring it to this program's version.
///
/// An embedded database is migrated by whoever opens it for work, so there this matters before other programs start. A
/// Postgres database is migrated by this command and the demo alone, unless `auto_migrate` is set in forge.toml. A
/// database made by a newer version is refused and left as it is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  forge migrate\n  forge migrate --database sqlite:/var/lib/app/jobs.db\n  \
    forge migrate --database 'postgres://app@db.example/shop?schema=jobs'"
)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    database.must_last()?;
    let _storage = database.open_migrated().await?;
    let answer = Migrated { database: database.describe()? };
    let version = database.schema_version().map(|v| format!(": schema version {v}")).unwrap_or_default();
    out.answer(&answer, |a| format!("{} is up to date{version}\n", a.database))?;
    Ok(Exit::Ok)
}

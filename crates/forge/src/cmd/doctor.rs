//! `forge doctor`.

use super::queue_list::processes;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Output, pairs, plain};
use forge_jobs_api::wire::Doctor;

const AFTER_HELP: &str = "\
Reads the whole database: on a large one it takes a while. The exit code is 1 if there are problems.

Example:
  forge doctor --database sqlite:/var/lib/app/jobs.db";

/// Check the database, the worker processes, the schedules, and what waits in vain.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let doctor = at.existing().await?.check_up().await?;
    out.answer(&doctor, text)?;
    Ok(if doctor.healthy { Exit::Ok } else { Exit::Failed })
}

fn text(doctor: &Doctor) -> String {
    let mut facts = vec![
        ("database", doctor.database.clone()),
        ("engine", doctor.engine_version.clone()),
        ("schema", format!("version {}", doctor.schema_version)),
    ];
    facts.extend(doctor.facts.iter().map(|f| (f.name.as_str(), f.value.clone())));
    let mut out = format!("{}\n{}\n", pairs(&facts), processes(&doctor.processes));
    for problem in &doctor.problems {
        out.extend(["problem: ", &plain(problem), "\n"]);
    }
    for note in &doctor.notes {
        out.extend(["note: ", &plain(note), "\n"]);
    }
    if doctor.healthy {
        out.push_str(if doctor.notes.is_empty() { "all is well\n" } else { "no problems\n" });
    }
    out
}

//! `forge doctor`.

use super::queue_list::{count, processes};
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, pairs, plain};
use forge_jobs::limits::MAX_PAGE;
use forge_jobs::storage::{Inspect, JobFilter, ListParams, QueueCounts, StorageError};
use forge_jobs::{JobStatus, Timestamp};
use forge_jobs_api::convert;
use forge_jobs_api::wire::{BoundedCount, Doctor, Process, WaitingKind};
use std::collections::BTreeMap;

const AFTER_HELP: &str = "\
Reads the whole database: on a large one it takes a while. The exit code is 1 if there are problems.

Example:
  forge doctor --database sqlite:/var/lib/app/jobs.db";

/// Check the database, the worker processes and what waits in vain.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let inspect = database.open_existing().await?.inspect;
    let mut doctor = Doctor::of_checkup(&inspect.checkup().await?);
    let now = Timestamp::now();
    doctor.processes = inspect.processes().await?.iter().map(|p| convert::process(p, now)).collect();
    for process in doctor.processes.iter().filter(|p| !p.live && p.holds.count > 0) {
        doctor.problems.push(format!(
            "process {} (pid {} on {}) has not been heard of since {} and holds {} job(s): any live process of this \
             database revives them, so start one",
            process.id,
            process.pid,
            process.host,
            process.beat_at,
            count(process.holds)
        ));
    }
    for queue in inspect.queue_counts().await? {
        look_at(&queue, &*inspect, &mut doctor).await?;
    }
    doctor.healthy = doctor.problems.is_empty();
    out.answer(&doctor, text)?;
    Ok(if doctor.healthy { Exit::Ok } else { Exit::Failed })
}

/// What waits in a queue in vain. A paused queue waits because somebody wants it to: no problem, but worth a word to
/// whoever looks for a job that did not run.
async fn look_at(
    queue: &QueueCounts,
    inspect: &dyn Inspect,
    doctor: &mut Doctor,
) -> Result<(), StorageError> {
    let name = &queue.queue.name;
    let settings = &queue.queue.settings;
    let pending: BoundedCount = queue
        .counts
        .iter()
        .find(|(status, _)| *status == JobStatus::Pending)
        .map_or(BoundedCount { count: 0, more: false }, |(_, c)| (*c).into());
    if pending.count == 0 {
        return Ok(());
    }
    if settings.paused {
        doctor.notes.push(format!(
            "queue {name} is paused and has {} due job(s): `forge queue resume {name}` lets them run",
            count(pending)
        ));
        return Ok(());
    }
    if settings.workers == 0 {
        doctor.problems.push(format!(
            "queue {name} has {} due job(s) and 0 workers: `forge queue set {name} --workers N`",
            count(pending)
        ));
    }
    let filter =
        JobFilter { queue: Some(name.clone()), status: Some(JobStatus::Pending), ..JobFilter::default() };
    let page = inspect.list(ListParams { filter, limit: MAX_PAGE, after: None }).await?;
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for job in &page.jobs {
        *kinds.entry(&job.kind).or_default() += 1;
    }
    for (kind, seen) in kinds {
        if doctor.processes.iter().any(|p| p.live && can_run(p, kind)) {
            continue;
        }
        let jobs = BoundedCount { count: seen, more: page.next.is_some() };
        doctor.problems.push(format!(
            "{} due job(s) of the kind {kind} wait in the queue {name}, and no live process can run them: start one \
             with a handler for it",
            count(jobs)
        ));
        doctor.waiting.push(WaitingKind { kind: kind.to_owned(), queue: name.clone(), jobs });
    }
    Ok(())
}

fn can_run(process: &Process, kind: &str) -> bool {
    process.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|k| k == kind))
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

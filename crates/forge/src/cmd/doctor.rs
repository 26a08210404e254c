//! `forge doctor`.

use super::queue_list::{count, processes};
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, pairs, plain};
use forge_jobs::storage::{PendingKind, QueueCounts};
use forge_jobs::{JobStatus, Timestamp};
use forge_jobs_api::convert;
use forge_jobs_api::wire::{BoundedCount, Doctor, Process, WaitingKind};

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
    let queues = inspect.queue_counts().await?;
    let mut idle = Vec::new();
    for queue in &queues {
        look_at(queue, &mut doctor, &mut idle);
    }
    for waiting in inspect.pending_kinds().await? {
        if !idle.contains(&waiting.queue.as_str()) {
            look_for_worker(waiting, &mut doctor);
        }
    }
    doctor.healthy = doctor.problems.is_empty();
    out.answer(&doctor, text)?;
    Ok(if doctor.healthy { Exit::Ok } else { Exit::Failed })
}

/// A queue that is set so that nothing runs, which `idle` gets the name of. A paused queue waits because somebody
/// wants it to: no problem, but worth a word to whoever looks for a job that did not run.
fn look_at<'a>(queue: &'a QueueCounts, doctor: &mut Doctor, idle: &mut Vec<&'a str>) {
    let name = &queue.queue.name;
    let settings = &queue.queue.settings;
    let pending: BoundedCount = queue
        .counts
        .iter()
        .find(|(status, _)| *status == JobStatus::Pending)
        .map_or(BoundedCount { count: 0, more: false }, |(_, c)| (*c).into());
    if pending.count == 0 || !(settings.paused || settings.workers == 0) {
        return;
    }
    idle.push(name);
    if settings.paused {
        doctor.notes.push(format!(
            "queue {name} is paused and has {} due job(s): `forge queue resume {name}` lets them run",
            count(pending)
        ));
    } else {
        doctor.problems.push(format!(
            "queue {name} has {} due job(s) and 0 workers: `forge queue set {name} --workers N`",
            count(pending)
        ));
    }
}

/// Due jobs of a kind in a queue, and whether any live process would run them.
fn look_for_worker(waiting: PendingKind, doctor: &mut Doctor) {
    let has =
        |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|l| l.iter().any(|n| n == name));
    let PendingKind { queue, kind, jobs, .. } = waiting;
    let serving: Vec<&Process> =
        doctor.processes.iter().filter(|p| p.live && has(&p.queues, &queue)).collect();
    if serving.iter().any(|p| has(&p.kinds, &kind)) {
        return;
    }
    let jobs = BoundedCount::from(jobs);
    let why = match serving.len() {
        0 if !doctor.processes.iter().any(|p| p.live) => "no process is alive: start the program".to_owned(),
        0 => "no live process works on that queue: start one that does".to_owned(),
        _ => "no live process of that queue can run them: start one with a handler for the kind".to_owned(),
    };
    doctor
        .problems
        .push(format!("{} due job(s) of the kind {kind} wait in the queue {queue}: {why}", count(jobs)));
    doctor.waiting.push(WaitingKind { kind, queue, jobs });
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

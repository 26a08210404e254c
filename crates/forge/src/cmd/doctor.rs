//! `forge doctor`.

use super::queue_list::{count, processes};
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, pairs, plain};
use forge_jobs::Timestamp;
use forge_jobs::storage::{DueKind, QueueRow};
use forge_jobs_api::convert;
use forge_jobs_api::wire::{BoundedCount, Doctor, Process, WaitingKind};
use std::collections::BTreeMap;

const AFTER_HELP: &str = "\
Reads the whole database: on a large one it takes a while. The exit code is 1 if there are problems.

Example:
  forge doctor --database sqlite:/var/lib/app/jobs.db";

/// Check the database, the worker processes, the schedules, and what waits in vain.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let storage = database.open_existing().await?;
    let inspect = &storage.inspect;
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
    for process in doctor.processes.iter().filter(|p| p.late) {
        doctor.notes.push(format!(
            "process {} (pid {} on {}) has not been heard of since {}, and beats every {} s: it may be stopped, or \
             starved",
            process.id, process.pid, process.host, process.beat_at, process.heartbeat_seconds.0
        ));
    }
    let mut due: BTreeMap<String, Vec<DueKind>> = BTreeMap::new();
    for kind in inspect.due_kinds(None).await? {
        due.entry(kind.queue.clone()).or_default().push(kind);
    }
    for row in storage.queues.list().await? {
        if let Some(kinds) = due.remove(&row.name) {
            look_at(&row, kinds, &mut doctor);
        }
    }
    super::doctor_clocks::look(&storage, now, &mut doctor).await?;
    doctor.healthy = doctor.problems.is_empty();
    out.answer(&doctor, text)?;
    Ok(if doctor.healthy { Exit::Ok } else { Exit::Failed })
}

/// A queue with due jobs: is it set so that nothing runs, or is nobody there to run them? A paused queue waits because
/// somebody wants it to: no problem, but worth a word to whoever looks for a job that did not run.
fn look_at(row: &QueueRow, kinds: Vec<DueKind>, doctor: &mut Doctor) {
    let QueueRow { name, settings, .. } = row;
    let all = kinds.iter().fold(BoundedCount { count: 0, more: false }, |sum, kind| BoundedCount {
        count: sum.count + kind.jobs.count,
        more: sum.more || kind.jobs.more,
    });
    if settings.paused {
        doctor.notes.push(format!(
            "queue {name} is paused and has {} due job(s): `forge queue resume {name}` lets workers claim them",
            count(all)
        ));
    } else if settings.workers == 0 {
        doctor.problems.push(format!(
            "queue {name} has {} due job(s) and 0 workers: `forge queue set {name} --workers N`",
            count(all)
        ));
    } else {
        for kind in kinds {
            look_for_worker(kind, doctor);
        }
    }
}

/// Due jobs of a kind in a queue, and whether any live process would run them.
fn look_for_worker(due: DueKind, doctor: &mut Doctor) {
    let has =
        |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|l| l.iter().any(|n| n == name));
    let DueKind { queue, kind, jobs, .. } = due;
    let of_queue = |p: &&Process| p.live && has(&p.queues, &queue) && has(&p.kinds, &kind);
    let able: Vec<&Process> = doctor.processes.iter().filter(of_queue).collect();
    if able.iter().any(|p| !p.stopping && !p.late) {
        return;
    }
    let any = |is: &dyn Fn(&Process) -> bool| doctor.processes.iter().any(|p| p.live && is(p));
    let why = if able.iter().any(|p| p.late) {
        "the only process that could run them has not been heard of for more than two heartbeats"
    } else if !able.is_empty() {
        "the only process that could run them is about to end: start another one"
    } else if !any(&|_| true) {
        "no process is alive: start the program"
    } else if !any(&|p| has(&p.queues, &queue)) {
        "no live process works on that queue: start one that does"
    } else {
        "no live process of that queue can run them: start one with a handler for the kind"
    };
    let jobs = BoundedCount::from(jobs);
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

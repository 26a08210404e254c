//! `forge queue list`.

use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, table, when};
use forge_jobs_api::wire::{BoundedCount, Process, Queue, QueueList, QueueSettings, Retention, Seconds};
use std::time::Duration;

const AFTER_HELP: &str = "\
Counts above 10,000 are shown as 10000+. Settings are per queue; workers are per process.

Example:
  forge queue list --json";

/// List queues with their settings and counts, and the processes that work on them.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    out.answer(&at.existing().await?.queues().await?, text)?;
    Ok(Exit::Ok)
}

fn text(list: &QueueList) -> String {
    if list.queues.is_empty() {
        return "no queues\n".into();
    }
    format!("{}\n{}\n{}", counts(&list.queues), settings(&list.queues), processes(&list.processes))
}

fn counts(queues: &[Queue]) -> String {
    let titles = ["pending", "scheduled", "running", "retrying", "done", "dead"];
    let mut head = vec![("queue", Align::Left)];
    head.extend(titles.map(|t| (t, Align::Right)));
    let row = |queue: &Queue| {
        let c = queue.counts.unwrap_or_default();
        let counts = [c.pending, c.scheduled, c.running, c.retrying, c.done, c.dead];
        std::iter::once(queue.name.clone()).chain(counts.map(count)).collect()
    };
    table(&head, &queues.iter().map(row).collect::<Vec<_>>())
}

/// The settings of queues, a row each.
pub(super) fn settings(queues: &[Queue]) -> String {
    let head = [
        ("queue", Align::Left),
        ("workers", Align::Right),
        ("in all", Align::Right),
        ("state", Align::Left),
        ("backoff", Align::Left),
        ("keeps done", Align::Left),
        ("keeps dead", Align::Left),
        ("version", Align::Right),
    ];
    let row = |queue: &Queue| {
        let s = &queue.settings;
        vec![
            queue.name.clone(),
            s.workers.to_string(),
            s.max_running.map_or_else(|| "-".to_owned(), |bound| bound.to_string()),
            if s.paused { "paused" } else { "active" }.to_owned(),
            backoff(s),
            retention(s.done_retention_seconds),
            retention(s.dead_retention_seconds),
            queue.version.to_string(),
        ]
    };
    table(&head, &queues.iter().map(row).collect::<Vec<_>>())
}

/// Processes, a row each.
pub(super) fn processes(processes: &[Process]) -> String {
    if processes.is_empty() {
        return "no live process\n".into();
    }
    let head = [
        ("process", Align::Left),
        ("host", Align::Left),
        ("pid", Align::Right),
        ("version", Align::Left),
        ("holds", Align::Right),
        ("last heartbeat", Align::Left),
    ];
    let row = |p: &Process| {
        vec![
            p.id.clone(),
            p.host.clone(),
            p.pid.to_string(),
            p.version.clone(),
            count(p.holds),
            format!("{}{}", when(&p.beat_at), state(p)),
        ]
    };
    table(&head, &processes.iter().map(row).collect::<Vec<_>>())
}

/// What is to be said of a process beside its last heartbeat.
const fn state(p: &Process) -> &'static str {
    match (p.live, p.stopping, p.late) {
        (false, _, _) => ", gone",
        (true, true, _) => ", stopping",
        (true, false, true) => ", late",
        (true, false, false) => "",
    }
}

/// `17`, `10000+`.
pub(super) fn count(c: BoundedCount) -> String {
    format!("{}{}", c.count, if c.more { "+" } else { "" })
}

fn backoff(s: &QueueSettings) -> String {
    if s.backoff_enabled {
        format!("{} to {}", span(s.base_seconds), span(s.max_seconds))
    } else {
        "off".into()
    }
}

fn retention(r: Retention) -> String {
    match r {
        Retention::For(seconds) => span(seconds),
        Retention::Forever(_) => "forever".into(),
    }
}

fn span(seconds: Seconds) -> String {
    let d = Duration::try_from_secs_f64(seconds.0).unwrap_or_default();
    humantime::format_duration(d).to_string()
}

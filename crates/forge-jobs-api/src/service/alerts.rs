//! What needs a person.

use super::checkup::{LATE, unreadable};
use super::overview::{Glance, works_on};
use crate::wire::{Alert, AlertSort, OpenTransaction, Process, Queue, QueueGlance};
use forge_jobs::{DeadReason, JobStatus};
use std::collections::BTreeMap;

/// A volume with less than one part in so many free is nearly full.
const FREE_PART: u64 = 20;
/// In seconds. Reports and backups take minutes; what takes longer was forgotten, or harms.
const OLD_SNAPSHOT: f64 = 600.0;

fn alert(alert: AlertSort, subject: &str, text: impl Into<String>, remedy: impl Into<String>) -> Alert {
    Alert { alert, subject: subject.to_owned(), text: text.into(), remedy: remedy.into() }
}

/// All there is, the worst first.
pub(super) fn find(
    queues: &[Queue],
    glances: &[QueueGlance],
    processes: &[Process],
    glance: &Glance,
) -> Vec<Alert> {
    let mut all = Vec::new();
    all.extend(queues.iter().zip(glances).filter_map(|(queue, glance)| of_queue(queue, glance, processes)));
    all.extend(of_disks(glance));
    all.extend(glance.snapshot.as_ref().and_then(of_snapshot));
    all.extend(processes.iter().filter(|p| !p.live).map(of_process));
    all.extend(of_schedules(glance, processes));
    all
}

/// Jobs that wait in vain: nobody works on their queue.
fn of_queue(queue: &Queue, glance: &QueueGlance, processes: &[Process]) -> Option<Alert> {
    let waiting = glance.counts.pending;
    if glance.paused || waiting.count == 0 {
        return None;
    }
    let name = queue.name.as_str();
    let jobs = format!("{}{}", waiting.count, if waiting.more { "+" } else { "" });
    if queue.settings.workers == 0 {
        let remedy = format!("`forge queue set {name} --workers N` gives it some");
        let text = format!("the queue {name} has {jobs} job(s) to run and 0 workers");
        return Some(alert(AlertSort::QueueWithoutWorker, name, text, remedy));
    }
    if processes.iter().any(|process| works_on(process, name)) {
        return None;
    }
    let text = format!("the queue {name} has {jobs} job(s) to run, and no live process works on it");
    Some(alert(AlertSort::QueueWithoutWorker, name, text, "start the program, or let one work on the queue"))
}

fn of_process(process: &Process) -> Alert {
    let Process { id, host, pid, beat_at, holds, .. } = process;
    let text = format!(
        "the process {id} (pid {pid} on {host}) has not been heard of since {beat_at} and holds {} job(s)",
        holds.count
    );
    alert(
        AlertSort::StaleProcess,
        id,
        text,
        "any live process revives its jobs within a minute: is there one, and does it reach the database?",
    )
}

/// Volumes of which little is free, by what processes said last: one for each host.
fn of_disks(glance: &Glance) -> Vec<Alert> {
    let mut latest = BTreeMap::new();
    for row in &glance.samples {
        if let (Some(free), Some(size)) = (row.sample.disk_free, row.sample.disk_size) {
            latest.insert(row.host.as_str(), (free, size));
        }
    }
    let full = |(host, (free, size)): (&str, (u64, u64))| {
        (size > 0 && free < size / FREE_PART).then(|| {
            let text =
                format!("{host} has {} MiB free on the volume that Forge works on, less than 5 %", free >> 20);
            let remedy = "make room: without any, an embedded database takes neither jobs nor their ends, and handlers \
                write no files";
            alert(AlertSort::DiskNearlyFull, host, text, remedy)
        })
    };
    latest.into_iter().filter_map(full).collect()
}

/// A transaction that has been open for long: meanwhile every job that is done leaves a row behind, which each claim and
/// each look has to step over.
fn of_snapshot(open: &OpenTransaction) -> Option<Alert> {
    if open.age_seconds.0 < OLD_SNAPSHOT {
        return None;
    }
    let OpenTransaction { age_seconds, pid, user, application, state, .. } = open;
    let named =
        |what: &str, name: &Option<String>| name.as_ref().map(|n| format!("{what}{n}")).unwrap_or_default();
    let text = format!(
        "the session {pid}{}{}{} has had a transaction open for {:.0} min: rows that are gone cannot be cleared away",
        named(" of ", user),
        named(", ", application),
        named(", ", state),
        (age_seconds.0 / 60.0).floor(),
    );
    let remedy = format!("end what it does, or end it: SELECT pg_terminate_backend({pid})");
    Some(alert(AlertSort::SnapshotHeld, &pid.to_string(), text, remedy))
}

fn of_schedules(glance: &Glance, processes: &[Process]) -> Vec<Alert> {
    let mut all = Vec::new();
    let leads = processes.iter().any(|p| p.live && !p.late && !p.stopping);
    for row in &glance.schedules.schedules {
        let Some(next) = row.next_fire_at().filter(|next| glance.now.saturating_since(*next) > LATE) else {
            continue;
        };
        let remedy = if leads {
            "the process that leads should have fired it: look for `schedule` in its log"
        } else {
            "no live process leads: start the program"
        };
        let text = format!("the schedule {} was to fire at {next} and has not", row.name);
        all.push(alert(AlertSort::ScheduleOverdue, &row.name, text, remedy));
    }
    for (name, job) in &glance.last_jobs {
        if job.status == JobStatus::Dead && job.dead_reason != Some(DeadReason::Cancelled) {
            let text = format!("the latest job of the schedule {name} is dead: {}", job.id);
            let remedy = format!("`forge job show {}` tells why; a retry brings it back", job.id);
            all.push(alert(AlertSort::ScheduleFailing, name, text, remedy));
        }
    }
    let unread = glance.schedules.unreadable.iter();
    all.extend(
        unread
            .map(|name| alert(AlertSort::ScheduleUnreadable, name, unreadable(name), "upgrade this program")),
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seconds;

    #[test]
    fn a_transaction_that_is_open_for_long_is_told_with_who_has_it_and_how_to_end_it() {
        let open = |seconds| OpenTransaction {
            age_seconds: Seconds(seconds),
            pid: 4_711,
            user: Some("reports".into()),
            application: None,
            state: Some("idle in transaction".into()),
        };
        assert_eq!(of_snapshot(&open(599.9)), None);
        let alert = of_snapshot(&open(725.0)).unwrap();
        assert_eq!(alert.alert, AlertSort::SnapshotHeld);
        assert!(
            alert.text.starts_with("the session 4711 of reports, idle in transaction has had"),
            "{alert:?}"
        );
        assert!(alert.text.contains("for 12 min"), "{alert:?}");
        assert!(alert.remedy.ends_with("SELECT pg_terminate_backend(4711)"), "{alert:?}");
    }
}

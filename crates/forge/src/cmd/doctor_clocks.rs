//! `forge doctor`: schedules that do not fire, and budgets that are drained.

use forge_jobs::Timestamp;
use forge_jobs::storage::{ScheduleRow, Storage, StorageError};
use forge_jobs_api::wire::Doctor;
use std::time::Duration;

/// A leader fires within a second of the time, and another one takes over within half a minute.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn look(storage: &Storage, now: Timestamp, doctor: &mut Doctor) -> Result<(), StorageError> {
    let leaders = doctor.processes.iter().any(|p| p.live && !p.late && !p.stopping);
    let all = storage.cron.list().await?;
    for row in &all.schedules {
        look_at(row, leaders, now, doctor);
    }
    doctor.notes.extend(all.unreadable.iter().map(|name| super::cron_list::unreadable(name)));
    for row in storage.rate_limits.limits(None).await? {
        if let Some(until) = row.drained_until.filter(|until| *until > now) {
            let scope = row.scope;
            doctor.notes.push(format!(
                "scope {scope} is drained and gives nothing until {until}: `forge limit drain {scope} --lift` ends it"
            ));
        }
    }
    Ok(())
}

fn look_at(row: &ScheduleRow, leaders: bool, now: Timestamp, doctor: &mut Doctor) {
    let name = &row.name;
    if !row.enabled {
        doctor
            .notes
            .push(format!("schedule {name} is paused and does not fire: `forge cron resume {name}` lets it"));
        return;
    }
    let Some(next) = row.next_fire_at() else {
        doctor
            .notes
            .push(format!("schedule {name} will never fire again: its expression has no time to come"));
        return;
    };
    if now.saturating_since(next) > LATE {
        let why = if leaders {
            "the process that leads should have fired it: look for `schedule` in its log"
        } else {
            "no live process leads: start the program"
        };
        doctor.problems.push(format!("schedule {name} was to fire at {next} and has not: {why}"));
    }
}

//! The check-up: the database, the worker processes, the schedules, and what waits in vain.

use super::{Api, ApiError};
use crate::convert;
use crate::wire::{BoundedCount, Doctor, ErrorCode, Process, WaitingKind};
use forge_jobs::Timestamp;
use forge_jobs::storage::{DueKind, QueueRow, ScheduleRow, Storage, StorageError};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A leader fires within a second of the time, and another one takes over within half a minute.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// What a check-up found that nobody waited for is given to whoever asks within this time.
const KEPT: Duration = Duration::from_secs(600);

/// The check-up that is under way, or one whose end nobody has been given.
#[derive(Default)]
pub(super) struct Checking(Mutex<Option<Run>>);

type Run = watch::Receiver<Option<End>>;

#[derive(Clone)]
struct End {
    at: Instant,
    found: Result<Doctor, ApiError>,
}

impl Checking {
    /// The check-up that is under way or was not given to anybody, or a new one. It goes on when nobody waits for it.
    fn join(&self, storage: &Storage) -> Run {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = latest.as_ref().filter(|run| serves(run)) {
            return run.clone();
        }
        let (tell, run) = watch::channel(None);
        let storage = storage.clone();
        tokio::spawn(async move {
            let found = doctor(&storage).await.map_err(ApiError::from);
            tell.send_replace(Some(End { at: Instant::now(), found }));
        });
        *latest = Some(run.clone());
        run
    }

    /// Somebody has what came of it: whoever asks from now on wants to know how it is then.
    fn given(&self, run: &Run) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(|latest| latest.same_channel(run)) {
            *latest = None;
        }
    }
}

/// Whether there is something to wait for, or something good came of it not long ago.
fn serves(run: &Run) -> bool {
    let goes_on = run.has_changed().is_ok();
    run.borrow().as_ref().map_or(goes_on, |end| end.found.is_ok() && end.at.elapsed() < KEPT)
}

impl Api {
    /// Checks the database, the processes, the schedules, and what waits in vain. Reads everything, which takes a while
    /// on a large database: one at a time, and all who ask while one is under way get what that one finds. It goes on when
    /// they wait no longer, and then the next who asks within ten minutes gets it.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn check_up(&self) -> Result<Doctor, ApiError> {
        let mut run = self.checking.join(&self.storage);
        let end = run.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        self.checking.given(&run);
        let broken = || {
            ApiError::new(ErrorCode::Failed, "the request failed inside")
                .with_private("the check-up broke off")
        };
        end.map_or_else(|| Err(broken()), |end| end.found)
    }
}

/// Checks the database, the processes, the schedules, and what waits in vain.
///
/// # Errors
///
/// What reading the storage gave.
pub async fn doctor(storage: &Storage) -> Result<Doctor, StorageError> {
    let inspect = &storage.inspect;
    let mut doctor = Doctor::of_checkup(&inspect.checkup().await?);
    let now = Timestamp::now();
    doctor.processes = inspect.processes().await?.iter().map(|p| convert::process(p, now)).collect();
    look_at_processes(&mut doctor);
    let mut due: BTreeMap<String, Vec<DueKind>> = BTreeMap::new();
    for kind in inspect.due_kinds(None).await? {
        due.entry(kind.queue.clone()).or_default().push(kind);
    }
    for row in storage.queues.list().await? {
        if let Some(kinds) = due.remove(&row.name) {
            look_at_queue(&row, kinds, &mut doctor);
        }
    }
    look_at_clocks(storage, now, &mut doctor).await?;
    doctor.healthy = doctor.problems.is_empty();
    Ok(doctor)
}

fn look_at_processes(doctor: &mut Doctor) {
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
}

/// A queue with due jobs: is it set so that nothing runs, or is nobody there to run them? A paused queue waits because
/// somebody wants it to: no problem, but worth a word to whoever looks for a job that did not run.
fn look_at_queue(row: &QueueRow, kinds: Vec<DueKind>, doctor: &mut Doctor) {
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

async fn look_at_clocks(storage: &Storage, now: Timestamp, doctor: &mut Doctor) -> Result<(), StorageError> {
    let leaders = doctor.processes.iter().any(|p| p.live && !p.late && !p.stopping);
    let all = storage.cron.list().await?;
    for row in &all.schedules {
        look_at_schedule(row, leaders, now, doctor);
    }
    doctor.notes.extend(all.unreadable.iter().map(|name| unreadable(name)));
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

fn look_at_schedule(row: &ScheduleRow, leaders: bool, now: Timestamp, doctor: &mut Doctor) {
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

/// What is to be said of a schedule that a newer program wrote.
#[must_use]
pub fn unreadable(name: &str) -> String {
    format!(
        "schedule {name} is not understood by this version of forge: a newer one wrote it; upgrade this program"
    )
}

/// `17`, `10000+`.
fn count(c: BoundedCount) -> String {
    format!("{}{}", c.count, if c.more { "+" } else { "" })
}

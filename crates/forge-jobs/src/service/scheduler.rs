//! Fires schedules, in the process that leads.
//!
//! It sleeps until the next fire, or until a setting changes. That one process does it saves work and guards nothing: a
//! tick is a job once, however many fire it, since the storage writes both in one transaction (ADR 0019).

use super::clocks::Clocks;
use crate::limits::{MAX_FIRE_BATCH, MAX_FIRE_BYTES, MAX_FIRE_TICKS, SCHEDULES_CHECK};
use crate::runtime::{BootInstant, Core, in_time};
use crate::schedule::TickOutcome;
use crate::storage::{DueParams, DueSchedules, FireParams, FireResult, ScheduleFire, StorageError};
use crate::{Timestamp, telemetry};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// After a round that was skipped, and between two of them when there is always something due.
const SOON: Duration = Duration::from_secs(1);
/// Schedules of one call.
const MAX_FIRE: usize = MAX_FIRE_BATCH as usize;
/// Looks of one round: more than all schedules that there may be need.
const LOOKS: u32 = 20;
/// How often each schedule is looked at, due or not: the zone data of this process may be others than those by which it
/// was said when it is due.
const REVIEW: Duration = Duration::from_secs(3_600);
/// The wait after a call that failed, at first and at last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Fires schedules while this process leads.
pub(crate) struct Scheduler {
    core: Arc<Core>,
    clocks: Clocks,
    next: Next,
    /// Schedules that were told of as unreadable.
    told: BTreeSet<String>,
    /// The wait after a failed call; `None` after a good one.
    backoff: Option<Duration>,
    /// When all schedules were looked at, since this process leads.
    reviewed: Option<BootInstant>,
}

/// When to look for due schedules.
#[derive(Clone, Copy, Default)]
struct Next {
    /// `None`: now.
    after: Option<(BootInstant, Duration)>,
    /// When something is due, by the database's clock.
    due_at: Option<Timestamp>,
}

/// Fires schedules until the runtime stops.
pub(crate) async fn run(core: Arc<Core>) {
    let mut ended = core.ended.subscribe();
    let mut scheduler = Scheduler::new(core.clone());
    while !core.is_stopping() {
        // Before the round: a move in the middle of it is no lost one.
        let moved = core.clock.moved();
        if !core.is_leader() {
            scheduler.reviewed = None;
        } else if scheduler.is_time() {
            let Some(_round) = core.begin_round().await else { return };
            scheduler.round().await;
        }
        tokio::select! {
            _ = ended.wait_for(|e| *e) => return,
            () = core.schedules.notified() => scheduler.next = Next::default(),
            () = moved => scheduler.next = Next::default(),
            () = tokio::time::sleep(scheduler.nap()) => {}
        }
    }
}

impl Scheduler {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            clocks: Clocks::default(),
            next: Next::default(),
            told: BTreeSet::new(),
            backoff: None,
            reviewed: None,
        }
    }

    /// Whether it is time to look. Asks no database, so that it can be asked often.
    fn is_time(&self) -> bool {
        let Some((since, wait)) = self.next.after else { return true };
        // Timers stand still while the machine sleeps, this clock does not.
        since.elapsed() >= wait
            || (self.is_host_clock() && self.next.due_at.is_some_and(|at| at <= Timestamp::now()))
    }

    /// How long to sleep: not beyond the next look, and never for long, since nothing wakes a timer when the machine
    /// wakes up.
    fn nap(&self) -> Duration {
        let longest = self.core.config.poll_idle;
        if !self.core.is_leader() {
            // Its time may have come long ago. Whoever gains the lead is told.
            return longest;
        }
        let left = self.next.after.map_or(longest, |(since, wait)| wait.saturating_sub(since.elapsed()));
        left.clamp(Duration::from_millis(1), longest)
    }

    fn is_host_clock(&self) -> bool {
        self.core.storage.capabilities.host_clock && self.core.clock.storage_now().is_none()
    }

    fn look_in(&mut self, wait: Duration) {
        self.next = Next { after: Some((BootInstant::now(), wait)), due_at: None };
    }

    async fn round(&mut self) {
        match self.run_once().await {
            Ok(_) => self.backoff = None,
            Err(e) => {
                telemetry::storage_failed("scheduler", &e);
                let wait = self.backoff.map_or(AGAIN.0, |b| (b * 2).min(AGAIN.1));
                self.backoff = Some(wait);
                self.look_in(wait);
            }
        }
    }

    /// Fires whatever is due. Gives how many jobs that made.
    pub(crate) async fn run_once(&mut self) -> Result<usize, StorageError> {
        let passed = self.clocks.look().filter(|_| self.is_host_clock());
        if let Some(passed) = passed.as_ref().filter(|p| p.stepped()) {
            // On the next look both clocks agree on the time since this one, and the schedules' policies decide.
            telemetry::scheduler_skipped(passed.wall, passed.boot);
            self.look_in(SOON);
            return Ok(0);
        }
        // The time that was checked: a step from here on changes nothing.
        let now = self.core.clock.storage_now().or_else(|| passed.map(|p| p.now));
        let mut fired = 0;
        for _ in 0..LOOKS {
            let due = in_time(self.core.storage.cron.due(DueParams { limit: MAX_FIRE_BATCH, now })).await?;
            self.tell_unreadable(&due.unreadable);
            if due.schedules.is_empty() {
                if self.review(due.now, now).await? {
                    continue;
                }
                let wait = due.next_at.map_or(SCHEDULES_CHECK, |at| at.saturating_since(due.now));
                self.look_in(wait.min(SCHEDULES_CHECK));
                self.next.due_at = due.next_at;
                return Ok(fired);
            }
            fired += self.fire(due, now).await?;
            if self.core.is_stopping() {
                return Ok(fired);
            }
        }
        self.look_in(SOON);
        Ok(fired)
    }

    /// Says anew when those schedules are due of which it is said wrongly, if that was not done lately. Says whether there
    /// were any.
    async fn review(&mut self, looked_at: Timestamp, now: Option<Timestamp>) -> Result<bool, StorageError> {
        if self.reviewed.is_some_and(|at| at.elapsed() < REVIEW) {
            return Ok(false);
        }
        let started = BootInstant::now();
        let all = in_time(self.core.storage.cron.list()).await?;
        self.tell_unreadable(&all.unreadable);
        let mut stale = all.schedules;
        stale.retain(|row| row.enabled && row.due_at != row.next_fire_at());
        let any = !stale.is_empty();
        for row in &stale {
            telemetry::schedule_moved(&row.name, row.due_at, row.next_fire_at());
        }
        self.fire(
            DueSchedules { now: looked_at, schedules: stale, unreadable: Vec::new(), next_at: None },
            now,
        )
        .await?;
        self.reviewed = Some(started);
        Ok(any)
    }

    /// Fires schedules, in calls of no more than one takes. What the storage refuses keeps no others from firing.
    async fn fire(&self, due: DueSchedules, now: Option<Timestamp>) -> Result<usize, StorageError> {
        let (mut fired, mut refused) = (0, None);
        for members in calls(&due).await {
            match self.write(members, due.now, now).await {
                Ok(count) => fired += count,
                Err(e) if e.is_retryable() => return Err(e),
                Err(e) => refused = Some(e),
            }
        }
        refused.map_or(Ok(fired), Err)
    }

    async fn write(
        &self,
        members: Vec<ScheduleFire>,
        looked_at: Timestamp,
        now: Option<Timestamp>,
    ) -> Result<usize, StorageError> {
        let mut fired = 0;
        let results =
            in_time(self.core.storage.cron.fire(FireParams { members: members.clone(), now })).await?;
        for (member, result) in members.iter().zip(&results) {
            // What was edited or removed is looked at again.
            if let FireResult::Done { ticks } = result {
                fired += ticks.iter().filter(|tick| **tick == Some(TickOutcome::Fired)).count();
                tell(member, ticks, looked_at);
            }
        }
        Ok(fired)
    }

    fn tell_unreadable(&mut self, names: &[String]) {
        for name in names {
            if self.told.insert(name.clone()) {
                telemetry::schedule_unreadable(name);
            }
        }
    }
}

/// What is to be done about schedules, in pieces that one call takes.
async fn calls(due: &DueSchedules) -> Vec<Vec<ScheduleFire>> {
    let mut calls: Vec<Vec<ScheduleFire>> = Vec::new();
    let (mut ticks, mut bytes) = (0, 0);
    for row in &due.schedules {
        let member = ScheduleFire::decided(row, due.now);
        let count = member.ticks.len();
        // Each tick is a job with the payload.
        let size = member.job.payload.as_str().len() * count.max(1);
        (ticks, bytes) = (ticks + count, bytes + size);
        match calls.last_mut() {
            Some(call) if ticks <= MAX_FIRE_TICKS && bytes <= MAX_FIRE_BYTES && call.len() < MAX_FIRE => {
                call.push(member);
            }
            _ => {
                (ticks, bytes) = (count, size);
                calls.push(vec![member]);
            }
        }
        // Some decisions take a while: after a long absence all that was missed is counted.
        tokio::task::yield_now().await;
    }
    calls
}

/// Tells of what was written. `None`: another process was first, and has told.
fn tell(member: &ScheduleFire, outcomes: &[Option<TickOutcome>], now: Timestamp) {
    for (tick, outcome) in member.ticks.iter().zip(outcomes) {
        match outcome {
            Some(TickOutcome::Fired) => {
                telemetry::schedule_fired(&member.name, tick, now.saturating_since(tick.fire_at));
            }
            Some(TickOutcome::Overlapped) => telemetry::schedule_overlapped(&member.name, tick.fire_at),
            _ => {}
        }
    }
    if outcomes.iter().all(Option::is_none) && !outcomes.is_empty() {
        return;
    }
    for (outcome, fires) in &member.records {
        telemetry::schedule_not_fired(&member.name, *outcome, *fires);
    }
}

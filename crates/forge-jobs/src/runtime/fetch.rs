//! The way in: one fetcher per process claims for all of its queues at once, promotes what has become due, and
//! follows the queues' settings.

use super::core::Core;
use super::execute::{Active, run_alone, runner};
use super::finish::{in_time, no_panic};
use super::lane::{Held, Lane};
use super::session::Session;
use crate::limits::{MAX_CLAIM_BATCH, MAX_PROMOTE_BATCH};
use crate::storage::{Changes, ClaimBatch, ClaimMode, ClaimParams, ClaimWant, PromoteParams, StorageError};
use crate::telemetry;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Settings are read again at most this often, however often something changes.
const REFRESH_GAP: Duration = Duration::from_millis(100);
/// How often buffers are checked for jobs that wait behind a slow one.
const BUFFER_CHECK: Duration = Duration::from_millis(250);
/// Longest wait after a storage call failed.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
const SHORTEST_BACKOFF: Duration = Duration::from_millis(50);

/// Claims, promotes and follows settings until the runtime stops.
pub(crate) async fn run(core: Arc<Core>) {
    let changes = core.storage.jobs.changes();
    Fetcher::new(core, changes).run().await;
}

pub(super) struct Fetcher {
    pub(super) core: Arc<Core>,
    changes: watch::Receiver<Changes>,
    seen: Changes,
    /// When the next deferred job is due; `None` if there is none.
    next_due: Option<Instant>,
    promote_now: bool,
    /// When to read the settings again at the latest.
    next_refresh: Instant,
    last_refresh: Instant,
    settings_version: i64,
    /// The queue that found no room in the last claim: first in the next one.
    turn: Option<String>,
    /// The present wait between two looks without a wake-up.
    poll: Duration,
    next_poll: Instant,
    /// The wait after a failed call; `None` after a good one.
    backoff: Option<Duration>,
    pub(super) suspects_waiting: bool,
    pub(super) patience: super::alone::Patience,
}

impl Fetcher {
    fn new(core: Arc<Core>, changes: watch::Receiver<Changes>) -> Self {
        let now = Instant::now();
        let poll = core.config.poll_busy;
        Self {
            core,
            changes,
            seen: Changes::default(),
            next_due: None,
            promote_now: true,
            next_refresh: now,
            last_refresh: now,
            settings_version: -1,
            turn: None,
            poll,
            next_poll: now,
            backoff: None,
            suspects_waiting: false,
            patience: super::alone::Patience::new(now),
        }
    }

    async fn run(&mut self) {
        let core = self.core.clone();
        while let Some(fetching) = core.begin_fetching().await {
            let round = self.round().await;
            drop(fetching);
            match round {
                Ok(true) => self.backoff = None,
                Ok(false) => {
                    self.backoff = None;
                    self.wait().await;
                }
                Err(e) => {
                    telemetry::storage_failed("fetch", &e);
                    let wait = self.backoff.map_or(SHORTEST_BACKOFF, |b| (b * 2).min(LONGEST_BACKOFF));
                    self.backoff = Some(wait);
                    self.wait_for(wait).await;
                }
            }
        }
        // Of a claim that took longer than a shutdown waits for it.
        self.core.hand_back_buffers();
    }

    /// One look at everything that is due. Says whether the next one should follow at once.
    async fn round(&mut self) -> Result<bool, StorageError> {
        let now = Instant::now();
        self.notice_changes(now);
        if self.promote_now || self.next_due.is_some_and(|due| due <= now) {
            self.promote().await?;
        }
        if self.next_refresh <= now
            || self.core.settings_heard.load(Ordering::Acquire) > self.settings_version
        {
            self.refresh().await?;
        }
        for lane in self.core.lanes() {
            self.core.hand_back(lane.take_stalled(now.into_std()));
        }
        let Some(session) = self.core.sessions.current() else { return Ok(false) };
        // A process that is about to fence itself, as after a sleep of the machine, takes nothing on.
        let doubtful = session.unconfirmed_for() >= self.core.config.stale_after / 2;
        if doubtful || self.core.outbox.is_congested() {
            return Ok(false);
        }
        if self.suspects_waiting && self.patience.may_try(now) {
            self.go_alone(&session).await?;
        }
        self.claim_ordinary(&session).await
    }

    fn notice_changes(&mut self, now: Instant) {
        let changes = *self.changes.borrow_and_update();
        self.promote_now |= changes.deferred != self.seen.deferred;
        for lane in self.core.lanes() {
            if changes.budgets != self.seen.budgets {
                lane.forget_limit();
            }
            lane.notice_budget(now.into_std());
        }
        let polled = self.next_poll <= now;
        if changes.claimable != self.seen.claimable || polled {
            for lane in self.core.lanes() {
                lane.hint_more();
            }
            self.next_refresh = self.next_refresh.min(self.last_refresh + REFRESH_GAP);
        }
        if polled {
            self.promote_now = true;
            self.next_refresh = now;
            self.schedule_poll(now);
        }
        self.seen = changes;
    }

    /// The next look without a wake-up: sooner while there is work, spread by half so that replicas do not look
    /// together.
    fn schedule_poll(&mut self, now: Instant) {
        let busy = self.core.active() > 0;
        self.poll =
            if busy { self.core.config.poll_busy } else { (self.poll * 2).min(self.core.config.poll_idle) };
        self.next_poll = now + self.poll.mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    /// Promotes one batch. Of a million jobs due at once, the first ones are claimed before the last are promoted.
    async fn promote(&mut self) -> Result<(), StorageError> {
        let params = PromoteParams { limit: MAX_PROMOTE_BATCH, now: self.core.clock.storage_now() };
        let promoted = in_time(self.core.storage.jobs.promote(params)).await?;
        self.promote_now = false;
        self.next_due = promoted.next_due_in.and_then(|d| Instant::now().checked_add(d));
        if promoted.count > 0 {
            for lane in self.core.lanes() {
                lane.hint_more();
            }
        }
        Ok(())
    }

    /// Reads all settings, opens lanes for new queues, and gives back what was claimed ahead for paused ones.
    async fn refresh(&mut self) -> Result<(), StorageError> {
        let heard = self.core.settings_heard.load(Ordering::Acquire);
        let queues = in_time(self.core.storage.queues.list()).await?;
        let chosen = &self.core.config.queues;
        for row in queues {
            let workers = match chosen.get(&row.name) {
                Some(workers) => *workers,
                None if chosen.is_empty() => None,
                None => continue,
            };
            let back = self.core.lane(&row.name).apply(&row.settings, workers);
            self.core.hand_back(back);
        }
        self.last_refresh = Instant::now();
        self.next_refresh = self.last_refresh + self.core.config.poll_idle;
        self.settings_version = heard.max(self.settings_version);
        Ok(())
    }

    /// Claims ordinary jobs. Says whether another claim should follow at once.
    async fn claim_ordinary(&mut self, session: &Arc<Session>) -> Result<bool, StorageError> {
        let mut lanes = self.core.lanes();
        if let Some(first) = self.turn.take() {
            let at = lanes.iter().position(|l| l.queue == first).unwrap_or(0);
            lanes.rotate_left(at);
        } else if lanes.iter().any(|l| l.has_budget()) {
            // Who is asked first takes what a shared budget has: not always the same.
            fastrand::shuffle(&mut lanes);
        }
        let wants = lanes.iter().map(|l| ClaimWant { queue: l.queue.clone(), limit: l.want() });
        let wants: Vec<_> = wants.filter(|w| w.limit > 0).collect();
        // A round may have been long, and was perhaps told to stop meanwhile.
        if wants.is_empty() || self.core.is_stopping() {
            return Ok(false);
        }
        let batch = self.claim(session, wants.clone(), ClaimMode::Ordinary).await?;
        self.suspects_waiting |= batch.suspects_waiting;
        for want in wants.iter().filter(|w| !batch.limited.iter().any(|l| l.queue == w.queue)) {
            self.core.lane(&want.queue).learn_no_limit(batch.settings_version);
        }
        let got = batch.jobs.len();
        if got > 0 {
            telemetry::claimed(got, false);
            self.poll = self.core.config.poll_busy;
        }
        self.turn = self.hand_out(session, batch, &wants);
        // A queue of short jobs may have taken all the room there was: the others are next, at once. It ends, because a
        // lane that got less than it asked for asks no more until it is told, and two whole claims are enough.
        let again = self.turn.is_some() || (got > 0 && self.core.lanes().iter().any(|l| l.want() > 0));
        Ok(again || self.core.settings_heard.load(Ordering::Acquire) > self.settings_version)
    }

    /// Claims under a session. When it cannot be known what became of the claim, the session is retired: rows may be
    /// ours that this process has never seen, and only the end of the registration gives them back.
    pub(super) async fn claim(
        &self,
        session: &Arc<Session>,
        wants: Vec<ClaimWant>,
        mode: ClaimMode,
    ) -> Result<ClaimBatch, StorageError> {
        let params = ClaimParams {
            process: session.process,
            wants,
            kinds: self.core.kinds.clone(),
            mode,
            now: self.core.clock.storage_now(),
        };
        // What a call claimed that panicked is as unknown as when its answer was lost.
        let claimed =
            no_panic(in_time(self.core.storage.jobs.claim(params))).await.unwrap_or_else(|detail| {
                Err(StorageError::Unavailable { detail, outcome_unknown: true, source: None })
            });
        match claimed {
            Ok(batch) => {
                for limited in &batch.limited {
                    let lane = self.core.lane(&limited.queue);
                    lane.learn_limit(batch.settings_version, limited.reach, limited.again_in);
                    if let Some(again_in) = limited.again_in {
                        telemetry::budget_used_up(&limited.queue, again_in);
                    }
                }
                session.took(batch.jobs.len());
                self.core.hear_settings(batch.settings_version);
                Ok(batch)
            }
            Err(e) => {
                if e.outcome_unknown() {
                    telemetry::session_retired(session.process, &e);
                    self.core.retire(session);
                } else if matches!(e, StorageError::NotFound { .. }) {
                    // Not registered any more: the heartbeat would find out later.
                    telemetry::fenced(session.process);
                    self.core.lose(session);
                }
                Err(e)
            }
        }
    }

    /// Puts claimed jobs into their lanes and starts runners. Gives the first queue that could not have all it wanted,
    /// because a claim has an end and those before it had used it up.
    fn hand_out(&self, session: &Arc<Session>, batch: ClaimBatch, wants: &[ClaimWant]) -> Option<String> {
        let mut per_queue: HashMap<String, Vec<Held>> = HashMap::with_capacity(wants.len());
        for claimed in batch.jobs {
            let held = Held::new(claimed, session.clone());
            match per_queue.get_mut(&held.claimed.job.queue) {
                Some(list) => list.push(held),
                None => {
                    per_queue.insert(held.claimed.job.queue.clone(), vec![held]);
                }
            }
        }
        let (mut room, mut next) = (MAX_CLAIM_BATCH, None);
        for want in wants {
            let held = per_queue.remove(&want.queue).unwrap_or_default();
            let asked = want.limit.min(room);
            room = room.saturating_sub(u32::try_from(held.len()).unwrap_or(u32::MAX));
            if asked < want.limit && next.is_none() {
                next = Some(want.queue.clone());
            }
            let lane = self.core.lane(&want.queue);
            for _ in 0..lane.put(held, asked) {
                self.core.host.spawn(runner(Active::new(self.core.clone(), lane.clone())));
            }
        }
        // A storage that gives what was not asked for gets it back.
        for held in per_queue.into_values() {
            self.core.hand_back(held);
        }
        next
    }

    /// Starts the runner of a suspect.
    pub(super) fn start_alone(&self, lane: &Arc<Lane>, held: Held) {
        lane.enter();
        self.core.host.spawn(run_alone(Active::new(self.core.clone(), lane.clone()), held));
    }

    /// Waits for something to do.
    async fn wait(&mut self) {
        let now = Instant::now();
        let mut until = self.next_poll.min(self.next_refresh);
        if let Some(due) = self.next_due {
            until = until.min(due);
        }
        if self.suspects_waiting {
            // Not at once: there may be no session to try with.
            until = until.min(self.patience.next_try().max(now + SHORTEST_BACKOFF));
        }
        if let Some(due) = self.core.lanes().iter().filter_map(|l| l.budget_due()).min() {
            until = until.min(due.into());
        }
        if self.core.lanes().iter().any(|l| l.has_buffer()) {
            until = until.min(now + BUFFER_CHECK);
        }
        self.wait_for(until.saturating_duration_since(now)).await;
    }

    async fn wait_for(&mut self, at_most: Duration) {
        tokio::select! {
            biased;
            () = self.core.fetch.notified() => {}
            changed = self.changes.changed() => {
                // A storage that has dropped its end can tell nothing more; polling goes on.
                if changed.is_err() {
                    tokio::time::sleep(at_most).await;
                }
            }
            () = self.core.clock.moved() => self.promote_now = true,
            () = tokio::time::sleep(at_most) => {}
        }
    }
}

//! One queue in this process: its slots, and the jobs claimed ahead for them.

use super::session::Session;
use crate::limits::{CLAIM_AHEAD, MAX_CLAIM_BATCH, MAX_CLAIMED_AHEAD, MAX_CLAIMED_AHEAD_BYTES, RATE_POLL};
use crate::retry::BackoffPolicy;
use crate::storage::{Claimed, LimitReach, QueueSettings};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Jobs that wait this long in a buffer go back, so that another process can have them.
const BUFFER_PATIENCE: Duration = Duration::from_millis(500);
/// Weight of the newest run in the mean run time.
const NEWEST: f64 = 0.1;

/// A claim, and the registration that it was made under.
pub(crate) struct Held {
    pub(crate) claimed: Claimed,
    pub(crate) session: Arc<Session>,
    since: Instant,
}

impl Held {
    /// Claimed just now.
    pub(crate) fn new(claimed: Claimed, session: Arc<Session>) -> Self {
        Self { claimed, session, since: Instant::now() }
    }
}

/// One queue in this process.
pub(crate) struct Lane {
    pub(crate) queue: String,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Workers: runners that may be active at a time.
    slots: u32,
    /// Runners that are active.
    active: u32,
    paused: bool,
    /// Whether there is a bound on what all processes run: then what one claims ahead, another could be running.
    bounded: bool,
    budget: Known,
    policy: BackoffPolicy,
    /// Claimed ahead: ours, and not started.
    buffer: VecDeque<Held>,
    /// When a job last entered an empty buffer or left it.
    moved: Instant,
    /// Mean run time in microseconds; `None` before the first run.
    mean_run_us: Option<f64>,
    /// Mean size of the payloads of the latest claim, in bytes.
    mean_bytes: usize,
    /// Whether the storage may have more for this queue.
    may_have_more: bool,
}

/// What is known of the budgets that jobs take permits of.
#[derive(Default)]
struct Known {
    /// The version of the settings under which each job, or each of some kinds, takes one when it is claimed: then one
    /// that waits here would use its permit too late.
    limited: Option<i64>,
    /// Until when there is none for all jobs, or for those of some kinds.
    used_up: Option<(LimitReach, Instant)>,
}

/// What a runner gets when it asks for its next job.
pub(crate) struct Next {
    pub(crate) held: Held,
    /// Whether it is time to claim again.
    pub(crate) low: bool,
}

impl Lane {
    pub(crate) fn new(queue: String) -> Self {
        let inner = Inner {
            slots: 0,
            active: 0,
            paused: false,
            bounded: false,
            budget: Known::default(),
            policy: BackoffPolicy::default(),
            buffer: VecDeque::new(),
            moved: Instant::now(),
            mean_run_us: None,
            mean_bytes: 0,
            may_have_more: true,
        };
        Self { queue, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over settings. Returns what was claimed ahead and should go back: everything, when the queue was paused
    /// or has no workers any more.
    pub(crate) fn apply(&self, settings: &QueueSettings, workers: Option<u32>) -> Vec<Held> {
        let mut inner = self.lock();
        // A number of this program's own holds, but where an operator has closed the queue.
        let slots = if settings.workers == 0 { 0 } else { workers.unwrap_or(settings.workers) };
        let opened = (inner.paused && !settings.paused) || slots > inner.slots;
        inner.slots = slots;
        inner.paused = settings.paused;
        inner.bounded = settings.max_running.is_some();
        inner.policy = settings.backoff;
        inner.may_have_more |= opened;
        if inner.is_shut() { inner.buffer.drain(..).collect() } else { Vec::new() }
    }

    pub(crate) fn policy(&self) -> BackoffPolicy {
        self.lock().policy
    }

    /// How many jobs to claim now; 0 while there is enough, or nothing to be had.
    pub(crate) fn want(&self) -> u32 {
        let inner = self.lock();
        if inner.may_have_more && !inner.rests() { inner.room() } else { 0 }
    }

    /// What a claim told of the budgets that its jobs take permits of.
    pub(crate) fn learn_limit(&self, settings: i64, reach: LimitReach, again_in: Option<Duration>) {
        let mut inner = self.lock();
        inner.budget.limited = Some(settings);
        // Now and then it is asked all the same: what was told may be missed, and clocks are turned.
        let again_in = again_in.map(|d| d.min(RATE_POLL));
        inner.budget.used_up = again_in.and_then(|d| Some((reach, Instant::now().checked_add(d)?)));
    }

    /// What a claim told: no job that it gave, or that is pending, takes permits. Others of the queue may, unless the
    /// settings have changed since one did.
    pub(crate) fn learn_no_limit(&self, settings: i64) {
        let mut inner = self.lock();
        inner.budget.limited = inner.budget.limited.filter(|known| *known >= settings);
    }

    /// Whether its jobs take permits, or were held up for want of some.
    pub(crate) fn has_budget(&self) -> bool {
        let inner = self.lock();
        inner.budget.limited.is_some() || inner.budget.used_up.is_some()
    }

    /// A budget may give more than it said, or there is none any more: the next claim tells.
    pub(crate) fn forget_limit(&self) {
        let mut inner = self.lock();
        inner.may_have_more |= inner.budget.used_up.take().is_some();
    }

    /// When it is worth asking again for jobs that a budget had nothing for.
    pub(crate) fn budget_due(&self) -> Option<Instant> {
        let inner = self.lock();
        if inner.is_shut() { None } else { inner.budget.used_up.map(|(_, until)| until) }
    }

    /// If the time has come, there may be more.
    pub(crate) fn notice_budget(&self, now: Instant) {
        let mut inner = self.lock();
        if inner.budget.used_up.is_some_and(|(_, until)| until <= now) {
            inner.budget.used_up = None;
            inner.may_have_more = true;
        }
    }

    /// Whether suspects of this queue may run here.
    pub(crate) fn is_open(&self) -> bool {
        let inner = self.lock();
        !inner.is_shut() && !inner.rests()
    }

    /// Whether there is a bound on what all processes run.
    pub(crate) fn is_bounded(&self) -> bool {
        self.lock().bounded
    }

    /// The storage may have more.
    pub(crate) fn hint_more(&self) {
        self.lock().may_have_more = true;
    }

    /// Takes claimed jobs. Returns how many runners to start; they count as active from now.
    pub(crate) fn put(&self, claims: Vec<Held>, asked: u32) -> u32 {
        let mut inner = self.lock();
        inner.may_have_more = claims.len() as u64 >= u64::from(asked);
        if inner.buffer.is_empty() {
            inner.moved = Instant::now();
        }
        if !claims.is_empty() {
            let bytes: usize = claims.iter().map(|h| h.claimed.job.payload.as_str().len()).sum();
            inner.mean_bytes = bytes / claims.len();
        }
        inner.buffer.extend(claims);
        let waiting = u32::try_from(inner.buffer.len()).unwrap_or(u32::MAX);
        let start = waiting.min(inner.slots.saturating_sub(inner.active));
        inner.active += start;
        start
    }

    /// The next job for an active runner that ran its last one for `ran`; `None` ends the runner, which does not
    /// count as active from then on. `stop` ends it in any case.
    pub(crate) fn next(&self, ran: Option<Duration>, stop: bool) -> Option<Next> {
        let mut inner = self.lock();
        if let Some(ran) = ran {
            inner.learn(ran);
        }
        let over = stop || inner.is_shut() || inner.active > inner.slots;
        let Some(held) = (if over { None } else { inner.buffer.pop_front() }) else {
            inner.active = inner.active.saturating_sub(1);
            return None;
        };
        inner.moved = Instant::now();
        let low = inner.may_have_more && inner.room() > 0;
        Some(Next { held, low })
    }

    /// Counts a runner that comes past the buffer: a suspect's.
    pub(crate) fn enter(&self) {
        self.lock().active += 1;
    }

    /// A runner has ended without asking for its next job.
    pub(crate) fn leave(&self) {
        let mut inner = self.lock();
        inner.active = inner.active.saturating_sub(1);
    }

    /// Takes everything that was claimed ahead.
    pub(crate) fn take_buffer(&self) -> Vec<Held> {
        let mut inner = self.lock();
        inner.may_have_more |= !inner.buffer.is_empty();
        inner.buffer.drain(..).collect()
    }

    /// Takes what was claimed ahead under one registration.
    pub(crate) fn take_of(&self, session: &Arc<Session>) -> Vec<Held> {
        let mut inner = self.lock();
        let (gone, kept): (VecDeque<_>, VecDeque<_>) =
            inner.buffer.drain(..).partition(|h| Arc::ptr_eq(&h.session, session));
        inner.buffer = kept;
        gone.into()
    }

    /// Takes one job that was claimed ahead.
    pub(crate) fn take_one(&self, is: impl Fn(&Claimed) -> bool) -> Option<Held> {
        let mut inner = self.lock();
        let at = inner.buffer.iter().position(|h| is(&h.claimed))?;
        inner.buffer.remove(at)
    }

    /// Takes what was claimed ahead of more work than was expected, so that it does not wait here while another
    /// process may be idle: all of it when no job has started for too long, and what is beyond the work of the next
    /// 100 ms when the first of it has waited for too long.
    pub(crate) fn take_stalled(&self, now: Instant) -> Vec<Held> {
        let mut inner = self.lock();
        let Some(first) = inner.buffer.front() else { return Vec::new() };
        let late = |since: Instant| now.saturating_duration_since(since) >= BUFFER_PATIENCE;
        let keep = if late(inner.moved) {
            inner.mean_run_us = None;
            0
        } else if late(first.since) {
            inner.ahead().max(inner.slots) as usize
        } else {
            return Vec::new();
        };
        if inner.buffer.len() <= keep {
            return Vec::new();
        }
        inner.may_have_more = true;
        inner.buffer.split_off(keep).into()
    }

    /// Whether anything is claimed ahead.
    pub(crate) fn has_buffer(&self) -> bool {
        !self.lock().buffer.is_empty()
    }
}

impl Inner {
    const fn is_shut(&self) -> bool {
        self.paused || self.slots == 0
    }

    /// Whether a budget has nothing for any of its jobs.
    fn rests(&self) -> bool {
        matches!(self.budget.used_up, Some((LimitReach::Queue, until)) if until > Instant::now())
    }

    fn learn(&mut self, ran: Duration) {
        let us = ran.as_secs_f64() * 1e6;
        self.mean_run_us = Some(self.mean_run_us.map_or(us, |mean| NEWEST.mul_add(us - mean, mean)));
    }

    /// Jobs to claim ahead of free slots: what the slots do in 100 ms, and what memory is there for. None before the
    /// first run was measured, and none for jobs that take longer.
    fn ahead(&self) -> u32 {
        let Some(mean) = self.mean_run_us.filter(|_| !self.bounded && self.budget.limited.is_none()) else {
            return 0;
        };
        let per_slot = CLAIM_AHEAD.as_secs_f64() * 1e6 / mean.max(1.0);
        let ahead = (per_slot * f64::from(self.slots)).min(f64::from(MAX_CLAIMED_AHEAD));
        // In 0..=2000, so the cast is exact.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=2000 above"
        )]
        let ahead = if per_slot < 1.0 { 0 } else { ahead as u32 };
        let fit = MAX_CLAIMED_AHEAD_BYTES / self.mean_bytes.max(1);
        ahead.min(u32::try_from(fit).unwrap_or(u32::MAX))
    }

    /// How many jobs fit: free slots and the buffer. Zero until the buffer is half empty, so that claims are large
    /// and few.
    fn room(&self) -> u32 {
        if self.is_shut() {
            return 0;
        }
        let ahead = self.ahead();
        let buffered = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        if buffered > ahead / 2 {
            return 0;
        }
        let free = self.slots.saturating_sub(self.active);
        free.saturating_add(ahead).saturating_sub(buffered).min(MAX_CLAIM_BATCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Lease;
    use crate::{ClaimedJob, Payload};

    fn held(session: &Arc<Session>) -> Held {
        let job = ClaimedJob::plain();
        let lease = Lease { job: job.id, claim_no: 1, process: session.process, row: 0, memo: None };
        Held::new(Claimed { job, lease }, session.clone())
    }

    fn lane_of(workers: u32) -> (Lane, Arc<Session>) {
        let lane = Lane::new("q".into());
        lane.apply(&QueueSettings { workers, ..Default::default() }, None);
        (lane, Session::new())
    }

    #[test]
    fn before_the_first_run_it_asks_for_free_slots_only() {
        let (lane, session) = lane_of(4);
        assert_eq!(lane.want(), 4);
        assert_eq!(lane.put(vec![held(&session), held(&session)], 4), 2);
        // Fewer than asked: there is no more.
        assert_eq!(lane.want(), 0);
        lane.hint_more();
        assert_eq!(lane.want(), 0, "two jobs wait for their runners");
    }

    #[test]
    fn short_runs_make_it_claim_ahead_and_long_ones_do_not() {
        let (lane, session) = lane_of(1);
        lane.put(vec![held(&session)], 1);
        assert!(lane.next(None, false).is_some());
        assert!(lane.next(Some(Duration::from_millis(10)), false).is_none());
        assert_eq!(lane.want(), 11, "a slot and 100 ms of work");
        let (slow, session) = lane_of(1);
        slow.put(vec![held(&session)], 1);
        assert!(slow.next(None, false).is_some());
        assert!(slow.next(Some(Duration::from_secs(10)), false).is_none());
        assert_eq!(slow.want(), 1);
    }

    #[test]
    fn of_jobs_that_take_no_time_two_claims_wait_and_the_next_one_is_a_whole_one() {
        let (lane, session) = lane_of(50);
        lane.put(vec![held(&session)], 1);
        assert!(lane.next(None, false).is_some());
        assert!(lane.next(Some(Duration::from_micros(1)), false).is_none());
        lane.hint_more();
        assert_eq!(lane.want(), MAX_CLAIM_BATCH);
        lane.put((0..MAX_CLAIM_BATCH).map(|_| held(&session)).collect(), MAX_CLAIM_BATCH);
        assert_eq!(lane.want(), MAX_CLAIM_BATCH);
        lane.put((0..MAX_CLAIM_BATCH).map(|_| held(&session)).collect(), MAX_CLAIM_BATCH);
        assert_eq!(lane.want(), 0);
        for _ in 0..=MAX_CLAIM_BATCH {
            assert!(lane.next(None, false).is_some());
        }
        assert_eq!(lane.want(), MAX_CLAIM_BATCH);
    }

    #[test]
    fn what_waits_for_longer_than_expected_goes_back_but_for_the_next_jobs() {
        let (lane, session) = lane_of(2);
        lane.put(vec![held(&session)], 1);
        assert!(lane.next(None, false).is_some());
        assert!(lane.next(Some(Duration::from_micros(1)), false).is_none());
        lane.put((0..1_000).map(|_| held(&session)).collect(), 1_000);
        let claimed = Instant::now();
        assert!(lane.take_stalled(claimed + BUFFER_PATIENCE / 2).is_empty(), "it is what was expected");
        // They are slow now, though one starts again and again.
        for _ in 0..3 {
            assert!(lane.next(Some(Duration::from_secs(10)), false).is_some());
        }
        let later = claimed + BUFFER_PATIENCE;
        lane.lock().moved = later;
        let last = lane.lock().buffer.back().map(|h| h.claimed.job.id);
        let back = lane.take_stalled(later);
        assert_eq!(back.len(), 1_000 - 3 - 2, "two workers keep a job each");
        assert_eq!(back.last().map(|h| h.claimed.job.id), last, "the latest ones go");
        assert!(lane.take_stalled(later).is_empty(), "once");
        let hang = later + BUFFER_PATIENCE;
        assert_eq!(lane.take_stalled(hang).len(), 2, "none starts any more");
        assert!(!lane.has_buffer());
    }

    #[test]
    fn of_large_jobs_no_more_are_claimed_ahead_than_memory_is_there_for() {
        let (lane, session) = lane_of(1);
        let mut large = held(&session);
        large.claimed.job.payload = Payload::from_storage("x".repeat(1 << 20));
        lane.put(vec![large], 1);
        assert!(lane.next(None, false).is_some());
        assert!(lane.next(Some(Duration::from_micros(1)), false).is_none());
        lane.hint_more();
        assert_eq!(lane.want() as usize, 1 + (MAX_CLAIMED_AHEAD_BYTES >> 20));
    }

    #[test]
    fn scaling_down_and_up_never_runs_more_than_the_larger() {
        let (lane, session) = lane_of(2);
        assert_eq!(lane.put((0..8).map(|_| held(&session)).collect(), 8), 2);
        assert!(lane.next(None, false).is_some() && lane.next(None, false).is_some());
        lane.apply(&QueueSettings { workers: 1, ..Default::default() }, None);
        lane.apply(&QueueSettings { workers: 2, ..Default::default() }, None);
        assert_eq!(lane.put(vec![held(&session)], 1), 0, "both runners are still active");
        lane.apply(&QueueSettings { workers: 1, ..Default::default() }, None);
        assert!(lane.next(None, false).is_none(), "one runner too many ends");
        assert!(lane.next(None, false).is_some(), "the other goes on");
    }

    #[test]
    fn a_pause_gives_back_what_was_claimed_ahead() {
        let (lane, session) = lane_of(1);
        lane.put((0..3).map(|_| held(&session)).collect(), 3);
        let back = lane.apply(&QueueSettings { workers: 1, paused: true, ..Default::default() }, None);
        assert_eq!(back.len(), 3);
        assert!(lane.next(None, false).is_none());
        assert_eq!(lane.want(), 0);
    }

    #[test]
    fn a_budget_that_is_used_up_is_asked_again_at_its_time() {
        let (lane, session) = lane_of(1);
        lane.put(vec![held(&session)], 1);
        assert!(lane.next(None, false).is_some());
        assert!(lane.next(Some(Duration::from_micros(10)), false).is_none());
        lane.learn_limit(7, LimitReach::Queue, None);
        assert_eq!(lane.want(), 1, "what waits here would use its permit too late");
        lane.learn_limit(7, LimitReach::Queue, Some(Duration::from_secs(60)));
        lane.hint_more();
        assert_eq!((lane.want(), lane.is_open()), (0, false));
        let due = lane.budget_due().unwrap();
        lane.notice_budget(due);
        assert_eq!(lane.want(), 1);
        lane.learn_limit(7, LimitReach::Kinds, Some(Duration::from_secs(60)));
        assert_eq!(lane.want(), 1, "other kinds are there, and nothing is claimed ahead");
        lane.learn_limit(7, LimitReach::Queue, Some(Duration::from_secs(60)));
        assert!(lane.budget_due().unwrap() <= Instant::now() + RATE_POLL, "what it is told may be missed");
        lane.forget_limit();
        assert_eq!(
            lane.want(),
            1,
            "there may be permits, and nothing is claimed ahead until a claim tells of no limit"
        );
        lane.learn_no_limit(7);
        assert_eq!(
            lane.want(),
            1,
            "none that is limited is there now, but the next one is limited as before"
        );
        lane.learn_no_limit(8);
        assert!(lane.want() > 1);
        assert!(!lane.has_budget());
    }

    #[test]
    fn a_program_may_set_the_workers_for_itself() {
        let (lane, _) = lane_of(10);
        lane.apply(&QueueSettings::default(), Some(3));
        lane.hint_more();
        assert_eq!(lane.want(), 3);
        lane.apply(&QueueSettings { workers: 0, ..Default::default() }, Some(3));
        assert_eq!(lane.want(), 0, "closed by an operator");
    }
}

//! Suspects: jobs whose process died while it held them.
//!
//! One of them may be what kills processes, so each runs alone, and its claim is the written start: if the process
//! dies now, it is known of which job. Between suspects and other work time is shared, so that neither waits for
//! ever: a suspect that outlives its window lets others run beside it, and a crash then counts against nobody; if its
//! process dies all the same, the next window is twice as long.

use super::fetch::Fetcher;
use super::finish::in_time;
use super::lane::Held;
use super::session::Session;
use crate::limits::ALONE_WINDOW_MAX;
use crate::storage::{ClaimMode, ClaimWant, Lease, StorageError};
use crate::telemetry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long running jobs are waited for at first, while no new ones start. It doubles with each try in vain, so that
/// a process that is never idle gets to its suspects in the end.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
/// By then every job with the default time limit has ended, so more patience would gain nothing.
const LONGEST_PATIENCE: Duration = Duration::from_secs(660);
/// Suspects that take longer than this in a row let other work have as much time.
const STINT: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Between two tries to write that a time alone is over.
const END_AGAIN: Duration = Duration::from_millis(200);

/// When to try to be alone, and for how long.
pub(super) struct Patience {
    next_try: Instant,
    wait: Duration,
    blocked_until: Option<Instant>,
}

impl Patience {
    pub(super) const fn new(now: Instant) -> Self {
        Self { next_try: now, wait: FIRST_PATIENCE, blocked_until: None }
    }

    pub(super) fn may_try(&self, now: Instant) -> bool {
        self.next_try <= now
    }

    pub(super) const fn next_try(&self) -> Instant {
        self.next_try
    }

    /// A budget has nothing for suspects until then.
    const fn not_before(&mut self, at: Instant) {
        self.blocked_until = Some(at);
    }

    /// The running jobs did not end in time.
    fn in_vain(&mut self) {
        self.next_try = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_PATIENCE);
    }

    /// Suspects ran for `spent`.
    fn done(&mut self, spent: Duration) {
        self.wait = FIRST_PATIENCE;
        let rest = if spent < STINT { Duration::ZERO } else { spent.min(LONGEST_REST) };
        let next = Instant::now() + rest;
        self.next_try = self.blocked_until.take().map_or(next, |until| next.max(until));
    }
}

impl Fetcher {
    /// Lets running jobs end, runs suspects one after the other, and goes back to ordinary work.
    pub(super) async fn go_alone(&mut self, session: &Arc<Session>) -> Result<(), StorageError> {
        self.core.alone.store(true, Ordering::Release);
        // Reset on every way out, or no ordinary job would ever run again.
        let back = BackToWork(self);
        let result = back.0.suspects(session).await;
        drop(back);
        result
    }

    async fn suspects(&mut self, session: &Arc<Session>) -> Result<(), StorageError> {
        let core = self.core.clone();
        core.hand_back_buffers();
        let waited = tokio::time::timeout(self.patience.wait, core.quiet());
        let quiet = tokio::select! {
            quiet = waited => quiet.is_ok(),
            () = stopping(&core) => return Ok(()),
        };
        if !quiet {
            self.patience.in_vain();
            return Ok(());
        }
        telemetry::going_alone(true);
        let begun = Instant::now();
        loop {
            // What has ended must be written, or a crash of the next suspect would fall on it too.
            tokio::select! {
                () = core.outbox.flush() => {}
                () = stopping(&core) => return Ok(()),
            }
            if session.is_lost() || core.is_stopping() {
                break;
            }
            let Some(suspect) = self.one_suspect(session).await? else { break };
            let alone =
                tokio::time::timeout(window(core.config.alone_window, suspect.suspicions), core.quiet());
            let ended = tokio::select! {
                ended = alone => ended.is_ok(),
                () = stopping(&core) => return Ok(()),
            };
            if !ended {
                // It has outlived its time alone. Before anything runs beside it, a crash must stop counting.
                self.end_alone(session, suspect.lease).await;
            }
            if !ended || begun.elapsed() > STINT {
                break;
            }
        }
        self.patience.done(begun.elapsed());
        telemetry::going_alone(false);
        Ok(())
    }

    /// Writes that a crash does not count any more, as often as it takes: nothing may run beside the suspect before.
    async fn end_alone(&self, session: &Session, lease: Lease) {
        while !session.is_lost() && !self.core.is_stopping() {
            let Err(e) = in_time(self.core.storage.jobs.end_alone(lease)).await else { return };
            telemetry::storage_failed("end of a time alone", &e);
            tokio::select! {
                () = tokio::time::sleep(END_AGAIN) => {}
                () = stopping(&self.core) => {}
            }
        }
    }

    /// Claims and starts one suspect, if there is one.
    async fn one_suspect(&mut self, session: &Arc<Session>) -> Result<Option<Suspect>, StorageError> {
        let open = self.core.lanes().into_iter().filter(|l| l.is_open());
        let wants: Vec<_> = open.map(|l| ClaimWant { queue: l.queue.clone(), limit: 1 }).collect();
        if wants.is_empty() {
            self.suspects_waiting = false;
            return Ok(None);
        }
        let batch = self.claim(session, wants, ClaimMode::Alone).await?;
        self.suspects_waiting = batch.suspects_waiting;
        if batch.jobs.is_empty()
            && let Some(again_in) = batch.limited.iter().filter_map(|l| l.again_in).min()
        {
            self.patience.not_before(Instant::now() + again_in.min(LONGEST_REST));
        }
        if self.core.is_stopping() {
            // The shutdown has counted what runs: nothing more may start.
            let held = batch.jobs.into_iter().map(|claimed| Held::new(claimed, session.clone()));
            self.core.hand_back(held.collect());
            return Ok(None);
        }
        let mut jobs = batch.jobs.into_iter();
        let Some(claimed) = jobs.next() else { return Ok(None) };
        // One is what was asked for; anything more goes back.
        let rest = jobs.map(|claimed| Held::new(claimed, session.clone())).collect();
        self.core.hand_back(rest);
        telemetry::claimed(1, true);
        let lane = self.core.lane(&claimed.job.queue);
        let suspect = Suspect { lease: claimed.lease, suspicions: claimed.job.suspicions };
        self.start_alone(&lane, Held::new(claimed, session.clone()));
        Ok(Some(suspect))
    }
}

/// A suspect that runs.
struct Suspect {
    lease: Lease,
    suspicions: u32,
}

/// How long a suspect runs alone: longer each time that its process died all the same.
fn window(first: Duration, suspicions: u32) -> Duration {
    let doublings = suspicions.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(ALONE_WINDOW_MAX.max(first))
}

/// Resolves when the runtime stops. Cancel safe.
async fn stopping(core: &super::core::Core) {
    while !core.is_stopping() {
        core.fetch.notified().await;
    }
}

struct BackToWork<'a>(&'a mut Fetcher);

impl Drop for BackToWork<'_> {
    fn drop(&mut self) {
        self.0.core.alone.store(false, Ordering::Release);
        for lane in self.0.core.lanes() {
            lane.hint_more();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_alone_doubles_with_each_suspicion_up_to_an_hour() {
        let first = Duration::from_secs(30);
        let secs = [1, 2, 3, 7, 8, u32::MAX].map(|n| window(first, n).as_secs());
        assert_eq!(secs, [30, 60, 120, 1_920, 3_600, 3_600]);
    }
}

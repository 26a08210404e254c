//! What is counted of a scope, and what it still has.
//!
//! A permit is counted in a sub-window, and counts until the whole sub-window has left the window. So it counts for one
//! sub-window too long at most, and never too short.

use super::RateLimit;
use crate::limits::{MAX_RATE_DRAIN, RATE_SUB_WINDOWS};

/// Sub-windows kept: more come together only when the window is edited again and again; then the oldest two are one.
pub(crate) const KEPT: usize = 2 * RATE_SUB_WINDOWS as usize;

/// What is counted of a scope. Times are microseconds of the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Budget {
    /// Ends of sub-windows in which permits were given, and how many; the oldest first.
    pub(crate) slots: Vec<(i64, u32)>,
    /// When the next permit is due, if they are evenly spread.
    pub(crate) next_at: i64,
    /// Before this nothing is given.
    pub(crate) drained_until: Option<i64>,
}

/// The answer to a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Given, and counted in the sub-window that ends then.
    Granted(i64),
    /// Not before then, if nobody else is given anything.
    Wait(i64),
}

impl Budget {
    /// Forgets what has left the window. What lies ahead of a clock that was turned back, or of a sub-window that an edit
    /// made shorter, counts as given now; says whether there was any. It must be stored then, or it would be moved on
    /// again by each who asks.
    pub(crate) fn settle(&mut self, limit: &RateLimit, now: i64) -> bool {
        let (end, window) = (end_of(limit, now), limit.window_us());
        let is_cut = self.slots.last().is_some_and(|(ends, _)| *ends > end)
            || self.next_at > now.saturating_add(window);
        let mut slots: Vec<(i64, u32)> = Vec::with_capacity(self.slots.len() + 1);
        for &(ends, count) in &self.slots {
            let ends = ends.min(end);
            if ends.saturating_add(window) <= now || count == 0 {
                continue;
            }
            match slots.last_mut() {
                Some(last) if last.0 == ends => last.1 = last.1.saturating_add(count),
                _ => slots.push((ends, count)),
            }
        }
        self.slots = slots;
        // Within what a clock that only goes forward could have left.
        self.next_at = self.next_at.min(now.saturating_add(window));
        let longest = now.saturating_add(i64::try_from(MAX_RATE_DRAIN.as_micros()).unwrap_or(i64::MAX));
        self.drained_until = self.drained_until.filter(|until| *until > now).map(|until| until.min(longest));
        is_cut
    }

    /// Permits that count in the window that ends now.
    #[must_use]
    pub(crate) fn used(&self) -> u32 {
        self.slots.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// How many permits can be given now, one by one. After [`settle`](Self::settle).
    #[must_use]
    pub(crate) fn free(&self, limit: &RateLimit, now: i64) -> u32 {
        if self.drained_until.is_some() {
            return 0;
        }
        let left = limit.permits.saturating_sub(self.used());
        let pace = limit.pace_us();
        if pace == 0 {
            return left;
        }
        let next = self.due(limit, now);
        if next > now { 0 } else { left.min(u32::try_from((now - next) / pace + 1).unwrap_or(u32::MAX)) }
    }

    /// When so many permits can be given at once, if nobody else is given anything; `now` or earlier means now. After
    /// [`settle`](Self::settle); `permits` is within the limit.
    #[must_use]
    pub(crate) fn when(&self, limit: &RateLimit, permits: u32, now: i64) -> i64 {
        let mut at = self.drained_until.unwrap_or(now).max(now);
        if limit.pace_us() > 0 {
            at = at.max(self.due(limit, now));
        }
        let mut left = self.used();
        for (ends, count) in &self.slots {
            if left.saturating_add(permits) <= limit.permits {
                break;
            }
            left = left.saturating_sub(*count);
            at = at.max(ends.saturating_add(limit.window_us()));
        }
        at
    }

    /// Gives permits if they are there. After [`settle`](Self::settle); `permits` is within the limit.
    pub(crate) fn ask(&mut self, limit: &RateLimit, permits: u32, now: i64) -> Asked {
        let at = self.when(limit, permits, now);
        if at > now {
            return Asked::Wait(at);
        }
        Asked::Granted(self.count(limit, permits, now))
    }

    /// Counts permits as given now. Gives the end of their sub-window.
    pub(crate) fn count(&mut self, limit: &RateLimit, permits: u32, now: i64) -> i64 {
        let ends = end_of(limit, now);
        match self.slots.last_mut() {
            Some(last) if last.0 == ends => last.1 = last.1.saturating_add(permits),
            _ => self.slots.push((ends, permits)),
        }
        if self.slots.len() > KEPT {
            let (_, oldest) = self.slots.remove(0);
            self.slots[0].1 = self.slots[0].1.saturating_add(oldest);
        }
        let pace = limit.pace_us();
        if pace > 0 {
            self.next_at = self.due(limit, now).saturating_add(pace.saturating_mul(permits.into()));
        }
        ends
    }

    /// Takes back permits that were counted in the sub-window with this end and never used. If that was counted
    /// together with another one, they stay counted.
    pub(crate) fn give_back(&mut self, limit: &RateLimit, ends: i64, permits: u32) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.0 == ends) {
            let back = permits.min(slot.1);
            slot.1 -= back;
            self.next_at = self.next_at.saturating_sub(limit.pace_us().saturating_mul(back.into()));
        }
        self.slots.retain(|slot| slot.1 > 0);
    }

    /// Whether nothing is counted that could matter any more.
    pub(crate) const fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.drained_until.is_none()
    }

    /// When the next permit is due: what comes late catches up, by one sub-window.
    fn due(&self, limit: &RateLimit, now: i64) -> i64 {
        self.next_at.max(now.saturating_sub(limit.sub_us()))
    }
}

/// The end of the sub-window that a moment lies in.
const fn end_of_sub(sub: i64, now: i64) -> i64 {
    now.div_euclid(sub).saturating_add(1).saturating_mul(sub)
}

pub(crate) fn end_of(limit: &RateLimit, now: i64) -> i64 {
    end_of_sub(limit.sub_us(), now)
}

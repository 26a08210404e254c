//! The fires of an expression in a zone: the next one, the one before, those of a window.
//!
//! Nothing here steps through minutes. The wall clock is searched field by field ([`super::civil`]), within one span of
//! constant offset after the other ([`super::span`]). Where the next match is far away, the spans between are passed
//! over, so the cost does not depend on how rare a schedule is. That is allowed when there is no match close by on the
//! other side either: the clock could be turned so that it comes again.

use super::span::{LONGEST_TURN, Span, second_before};
use super::{CronExpr, Zone};
use crate::Timestamp;
use crate::limits::MAX_CRON_FIRES;
use jiff::SignedDuration;
use jiff::civil::DateTime;

/// A stretch of time whose fires are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FireWindow {
    /// Fires later than this.
    pub after: Timestamp,
    /// Fires up to this, inclusive.
    pub until: Timestamp,
    /// At most so many, the newest. Bounded by [`MAX_CRON_FIRES`].
    pub newest: u32,
}

/// The fires of a window.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WindowFires {
    /// The newest ones, in order.
    pub fires: Vec<Timestamp>,
    /// Whether the window holds older ones that were not asked for.
    pub more: bool,
}

impl CronExpr {
    /// The first fire later than a moment; `None` if there is none before the year 9999 ends.
    ///
    /// ```
    /// use forge_jobs::cron::{CronExpr, Zone};
    ///
    /// let expr: CronExpr = "30 2 * * *".parse()?;
    /// let zone: Zone = "America/New_York".parse()?;
    /// // In that night the clock goes from 02:00 to 03:00.
    /// let fire = expr.next_after("2027-03-13T12:00:00Z".parse()?, &zone).ok_or("never")?;
    /// assert_eq!(zone.rfc3339(fire), "2027-03-14T03:00:00-04:00");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_after(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let rules = zone.rules();
        let from = whole_second(after)?.checked_add(SignedDuration::from_secs(1)).ok()?;
        let mut at = from;
        loop {
            let span = Span::at(rules, at);
            let first = self.first_time(&span, zone);
            if let Some(start) = span.start
                && start >= from
                && self.jumped_over(&span, first)
            {
                return Some(start.into());
            }
            let low = first.max(span.local(at));
            if let Some(found) = self.match_from(low).filter(|found| *found < span.local_end()) {
                return Some(span.moment(found)?.into());
            }
            let nearest = self.match_from(low.checked_sub(LONGEST_TURN).unwrap_or(DateTime::MIN))?;
            at = span.end?;
            if nearest >= low {
                at = at.max(utc(nearest)?.checked_sub(LONGEST_TURN).ok()?);
            }
        }
    }

    /// The last fire not later than a moment; `None` if there is none since the year -9999 began.
    #[must_use]
    pub fn previous_or_at(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let rules = zone.rules();
        let mut at = whole_second(at)?;
        loop {
            let span = Span::at(rules, at);
            let first = self.first_time(&span, zone);
            let (low, high) = (first.max(span.local_start()), span.local(at));
            if let Some(found) = self.match_until(high).filter(|found| *found >= low) {
                return Some(span.moment(found)?.into());
            }
            let start = span.start?;
            if self.jumped_over(&span, first) {
                return Some(start.into());
            }
            let nearest = self.match_until(high.checked_add(LONGEST_TURN).unwrap_or(DateTime::MAX))?;
            at = second_before(start)?;
            if nearest <= high {
                at = at.min(utc(nearest)?.checked_add(LONGEST_TURN).unwrap_or(jiff::Timestamp::MAX));
            }
        }
    }

    /// The fires later than a moment, one after the other, each later than the one before.
    #[must_use]
    pub const fn fires_after<'a>(&'a self, after: Timestamp, zone: &'a Zone) -> Fires<'a> {
        Fires { expr: self, zone, after: Some(after) }
    }

    /// The newest fires of a window, for what was missed while nobody was there to fire.
    #[must_use]
    pub fn fires_in(&self, window: FireWindow, zone: &Zone) -> WindowFires {
        let newest = window.newest.min(MAX_CRON_FIRES);
        let mut found = WindowFires::default();
        let mut until = Some(window.until);
        while let Some(fire) = until.and_then(|until| self.previous_or_at(until, zone)) {
            if fire <= window.after {
                break;
            }
            if found.fires.len() >= newest as usize {
                found.more = true;
                break;
            }
            found.fires.push(fire);
            until = fire.as_micros().checked_sub(1).map(Timestamp::from_micros).filter(|t| *t < fire);
        }
        found.fires.reverse();
        found
    }

    /// From which wall clock time on the fires of a span are its own.
    ///
    /// Interval expressions fire whenever the wall clock shows a match. All others fire for a wall clock time when it is
    /// reached first: what comes a second time, after the clock was turned back, was dealt with, and what the clock
    /// jumps over is made up for at the start of the span.
    fn first_time(&self, span: &Span, zone: &Zone) -> DateTime {
        if self.is_interval() { span.local_start() } else { span.reached_before(zone.rules()) }
    }

    /// Whether the jump of the clock at the start of a span left out a match.
    fn jumped_over(&self, span: &Span, first: DateTime) -> bool {
        let start = span.local_start();
        first < start && self.match_from(first).is_some_and(|found| found < start)
    }
}

/// An iterator of fires, made by [`CronExpr::fires_after`]. It ends with the year 9999.
#[derive(Clone, Debug)]
pub struct Fires<'a> {
    expr: &'a CronExpr,
    zone: &'a Zone,
    after: Option<Timestamp>,
}

impl Iterator for Fires<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        self.after = self.expr.next_after(self.after?, self.zone);
        self.after
    }
}

impl std::iter::FusedIterator for Fires<'_> {}

/// The second that a moment lies in.
fn whole_second(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(at.as_micros().div_euclid(1_000_000)).ok()
}

/// A wall clock time as if it were one of UTC.
fn utc(local: DateTime) -> Option<jiff::Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(local).ok()
}

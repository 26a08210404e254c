//! Zones as tables of offsets, which the host fills from what it has.
//!
//! A database of zones would be the largest part of a small page, and a browser has one already. So a zone here is
//! what a chart needs of it: the moments within its time at which the clock is turned. [`Zone::probe`] finds them with
//! any function from moment to offset: the browser's `Date`, jiff, chrono.

use super::civil::{Civil, DAY_SECONDS};
use crate::order::order;
use std::sync::Arc;

/// The most turned clocks that a zone holds.
const MAX_MOVES: usize = 4096;
/// How far apart [`Zone::probe`] looks. Clocks are turned for a month at least where they are turned at all.
const PROBE_STEP: i64 = 7 * DAY_SECONDS;
/// The largest offset, in seconds: those in use lie between −12 and +14 hours.
const MAX_OFFSET: i32 = 86_399;

/// A time zone: how far its clocks are ahead of UTC, and when that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    first: i32,
    moves: Arc<[(i64, i32)]>,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self::fixed(0)
    }

    /// Clocks that are always this many seconds ahead of UTC; within ±23:59:59.
    #[must_use]
    pub fn fixed(seconds: i32) -> Self {
        Self { first: seconds.clamp(-MAX_OFFSET, MAX_OFFSET), moves: Arc::from([]) }
    }

    /// A zone from a table: the offset before the first entry, then (second since 1970 in UTC, offset from then on).
    /// Entries out of order are sorted, ones that change nothing are left out, and 4,096 are kept.
    #[must_use]
    pub fn table(first: i32, moves: impl IntoIterator<Item = (i64, i32)>) -> Self {
        let clamp = |offset: i32| offset.clamp(-MAX_OFFSET, MAX_OFFSET);
        let given: Vec<(i64, i32)> =
            moves.into_iter().take(MAX_MOVES).map(|(at, offset)| (at, clamp(offset))).collect();
        let order = order(given.len(), &|a, b| given[a].0.cmp(&given[b].0));
        let mut sorted: Vec<(i64, i32)> = order.into_iter().map(|i| given[i]).collect();
        let first = clamp(first);
        let mut last = first;
        sorted.retain(|(_, offset)| std::mem::replace(&mut last, *offset) != *offset);
        Self { first, moves: sorted.into() }
    }

    /// A zone as a function tells it, which is asked once a week between two seconds since 1970, and more often around a
    /// change. Offsets are seconds ahead of UTC. Two changes within one week that cancel each other are not seen.
    ///
    /// ```
    /// use forge_charts::time::Zone;
    ///
    /// // Central Europe, autumn 2026: the clock goes back at 01:00 UTC on 25 October.
    /// let berlin = |second: i64| if second < 1_792_890_000 { 7200 } else { 3600 };
    /// let zone = Zone::probe(1_790_000_000, 1_795_000_000, berlin);
    /// assert_eq!(zone.offset_at(1_792_889_999), 7200);
    /// assert_eq!(zone.offset_at(1_792_890_000), 3600);
    /// ```
    #[must_use]
    pub fn probe(from: i64, to: i64, offset_at: impl Fn(i64) -> i32) -> Self {
        let mut moves = Vec::new();
        let first = offset_at(from);
        let (mut before, mut offset) = (from, first);
        while before < to && moves.len() < MAX_MOVES {
            let after = before.saturating_add(PROBE_STEP).min(to);
            let next = offset_at(after);
            if next != offset {
                moves.push((turning(before, after, offset, &offset_at), next));
            }
            (before, offset) = (after, next);
        }
        Self::table(first, moves)
    }

    /// Seconds ahead of UTC at a second since 1970.
    #[must_use]
    pub fn offset_at(&self, second: i64) -> i32 {
        match self.moves.partition_point(|(at, _)| *at <= second) {
            0 => self.first,
            n => self.moves[n - 1].1,
        }
    }

    /// What the wall clock shows at a time.
    #[must_use]
    pub fn local(&self, time: f64) -> Civil {
        let micros = super::micros(time);
        Civil::from_wall(micros + i64::from(self.offset_at(micros.div_euclid(1_000_000))) * 1_000_000)
    }

    /// The first second at which the wall clock shows this or something later. So a time that comes twice is the first
    /// of both, and one that is left out is when the clock jumps over it.
    pub(super) fn first_at(&self, wall: i64) -> i64 {
        let offsets = std::iter::once(self.first).chain(self.moves.iter().map(|entry| entry.1));
        let starts = std::iter::once(i64::MIN).chain(self.moves.iter().map(|entry| entry.0));
        let ends = self.moves.iter().map(|entry| entry.0).chain(std::iter::once(i64::MAX));
        for ((offset, start), end) in offsets.zip(starts).zip(ends) {
            let at = wall - i64::from(offset);
            if at < end {
                return at.max(start);
            }
        }
        wall
    }

    /// Spans of one offset that meet a range of microseconds: start, end and offset, all in microseconds.
    pub(super) fn spans(&self, from: i64, to: i64) -> Vec<(i64, i64, i64)> {
        let first = self.moves.partition_point(|(at, _)| at.saturating_mul(1_000_000) <= from);
        let mut spans = Vec::new();
        let mut start = from;
        for index in first..=self.moves.len() {
            let offset = if index == 0 { self.first } else { self.moves[index - 1].1 };
            let end = self.moves.get(index).map_or(i64::MAX, |(at, _)| at.saturating_mul(1_000_000));
            spans.push((start, end.min(to.saturating_add(1)), i64::from(offset) * 1_000_000));
            if end > to {
                break;
            }
            start = end;
        }
        spans
    }

    /// Whether the wall clock shows the same again within a day: then a label must say which of both is meant.
    pub(super) fn is_ambiguous(&self, time: f64) -> bool {
        let second = super::micros(time).div_euclid(1_000_000);
        let near = |at: i64| (at - second).abs() <= DAY_SECONDS;
        self.moves.iter().enumerate().filter(|(_, (at, _))| near(*at)).any(|(i, (at, after))| {
            let before = if i == 0 { self.first } else { self.moves[i - 1].1 };
            let twice = i64::from(before - after);
            (second >= at - twice && second < *at) || (second >= *at && second < at + twice)
        })
    }
}

/// The second at which the offset changes between two moments, by halves.
fn turning(mut before: i64, mut after: i64, offset: i32, offset_at: &impl Fn(i64) -> i32) -> i64 {
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset_at(middle) == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

//! Lines of charts: tallies over a range of time.

use super::tally::Tally;
use crate::Timestamp;
use std::time::Duration;

/// The stretches of time that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Of a minute each, for 7 days.
    Minute,
    /// Of five minutes each, for 7 days.
    FiveMinutes,
    /// Of an hour each, for 90 days.
    Hour,
    /// One, since the database was made: never shorter than before.
    Ever,
}

impl Level {
    /// Those that charts are made of, the finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::FiveMinutes, Self::Hour];

    /// Those that are kept.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const KEPT: [Self; 4] = [Self::Minute, Self::FiveMinutes, Self::Hour, Self::Ever];

    /// How long a stretch is; of [`Ever`](Self::Ever) zero, since it has no end.
    #[must_use]
    pub const fn step(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
            Self::Ever => 0,
        })
    }

    /// How long they are kept; `None`: for ever.
    #[must_use]
    pub const fn kept(self) -> Option<Duration> {
        Some(match self {
            Self::Minute | Self::FiveMinutes => crate::limits::METRICS_MINUTES_KEPT,
            Self::Hour => crate::limits::METRICS_HOURS_KEPT,
            Self::Ever => return None,
        })
    }

    /// Where the stretch begins that a time, in microseconds, lies in.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const fn start_of(self, at: i64) -> i64 {
        start_of(at, self.step_us())
    }

    /// Where the stretch begins that a time lies in.
    #[must_use]
    pub const fn start(self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(start_of(at.as_micros(), self.step_us()))
    }

    pub(crate) const fn step_us(self) -> i64 {
        (self.step().as_secs() * 1_000_000).cast_signed()
    }

    /// The number of seconds that a database keeps for it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const fn seconds(self) -> i64 {
        self.step().as_secs().cast_signed()
    }
}

/// Where the step begins that a time lies in; without steps there is one, from 1970 on.
const fn start_of(at: i64, step: i64) -> i64 {
    if step == 0 { 0 } else { at.saturating_sub(at.rem_euclid(step)) }
}

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// One, of all jobs.
    All,
    /// One per queue.
    Queues,
    /// One per kind.
    Kinds,
}

impl Source {
    /// The number that a database keeps for it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const fn number(self) -> i16 {
        match self {
            Self::All => 0,
            Self::Queues => 1,
            Self::Kinds => 2,
        }
    }
}

/// What a line is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LineName {
    /// All jobs.
    All,
    /// A queue or kind.
    Of(String),
    /// Queues or kinds that have no line of their own, together: those beyond the first
    /// [`MAX_METRIC_QUEUES`](crate::limits::MAX_METRIC_QUEUES) or
    /// [`MAX_METRIC_KINDS`](crate::limits::MAX_METRIC_KINDS) that the database ever had.
    Other,
}

/// A stretch of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// Where it begins.
    pub at: Timestamp,
    /// What is known of it; `None` where nothing was kept, as before there was a database.
    pub tally: Option<Tally>,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// What it is of.
    pub name: LineName,
    /// Its points, one step from the other, without a hole.
    pub points: Vec<Point>,
}

impl Line {
    /// All of it in one.
    #[must_use]
    pub fn sum(&self) -> Tally {
        self.points.iter().filter_map(|p| p.tally.as_ref()).fold(Tally::default(), |mut sum, tally| {
            sum.merge(tally);
            sum
        })
    }
}

/// A range of time and the steps that it is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    from: i64,
    to: i64,
    step: i64,
}

/// Steps that people can read, in seconds.
const STEPS: [i64; 12] = [60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800];

impl Range {
    /// From one time to another, in at most so many points: the step is the finest of those that people can read. Both
    /// ends are moved outwards to full steps, which are counted from 1970. A range that ends before it begins is empty;
    /// fewer than 2 points count as 2.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp, points: u32) -> Self {
        let (from, to) = (from.as_micros(), to.as_micros());
        let most = i64::from(points.max(2));
        let fits = |step: &i64| cut(from, to, step * 1_000_000) / (step * 1_000_000) <= most;
        let days = |days: i64| days * 86_400;
        let length = to.saturating_sub(from).max(0) / (days(1) * 1_000_000);
        // The last of these fits in any case, wherever the range begins.
        let (shortest, longest) = ((length / most).max(1), length / (most - 1) + 1);
        let whole_days = || (shortest..=longest).map(days).find(fits).unwrap_or_else(|| days(longest));
        let step = STEPS.into_iter().find(fits).unwrap_or_else(whole_days) * 1_000_000;
        Self { from: start_of(from, step), to: start_of(from, step) + cut(from, to, step), step }
    }

    /// Where it begins.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        Timestamp::from_micros(self.from)
    }

    /// Where it ends: not a part of it.
    #[must_use]
    pub const fn to(&self) -> Timestamp {
        Timestamp::from_micros(self.to)
    }

    /// How long a point is.
    #[must_use]
    pub const fn step(&self) -> Duration {
        Duration::from_micros(self.step.unsigned_abs())
    }

    /// The coarsest stretches that its points are made of.
    #[must_use]
    pub fn level(&self) -> Level {
        let fits = |level: &Level| self.step % level.step_us() == 0;
        Level::ALL.into_iter().rev().find(fits).unwrap_or(Level::Minute)
    }

    /// Where the point begins that a time lies in.
    #[must_use]
    pub const fn start(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(start_of(at.as_micros(), self.step))
    }

    /// Where its points begin.
    pub fn starts(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let (from, step) = (self.from, self.step);
        (0..(self.to - from) / step).map(move |n| Timestamp::from_micros(from + n * step))
    }
}

/// The length from the start of the step in which a range begins to the end of the one in which it ends.
const fn cut(from: i64, to: i64, step: i64) -> i64 {
    if to <= from {
        return 0;
    }
    let first = start_of(from, step);
    let last = start_of(to - 1, step);
    last - first + step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(from: i64, to: i64, points: u32) -> Range {
        Range::new(Timestamp::from_micros(from * 1_000_000), Timestamp::from_micros(to * 1_000_000), points)
    }

    #[test]
    fn ranges_that_people_choose_have_steps_that_they_can_read() {
        let at = |hours: i64| {
            let r = range(1_700_000_000, 1_700_000_000 + hours * 3_600, 300);
            (r.step().as_secs(), r.level())
        };
        assert_eq!(at(1), (60, Level::Minute));
        assert_eq!(at(3), (60, Level::Minute));
        assert_eq!(at(6), (120, Level::Minute));
        assert_eq!(at(24), (300, Level::FiveMinutes));
        assert_eq!(at(7 * 24), (3_600, Level::Hour));
        assert_eq!(at(90 * 24), (43_200, Level::Hour));
    }

    proptest! {
        #[test]
        fn a_range_covers_what_was_asked_in_no_more_points(
            from in -1_000_000_000_i64..4_000_000_000,
            length in 0_i64..400_000_000,
            points in 2_u32..500,
        ) {
            let r = range(from, from + length, points);
            let starts: Vec<_> = r.starts().collect();
            prop_assert!(starts.len() <= points as usize, "{} points", starts.len());
            if length == 0 {
                prop_assert!(starts.is_empty());
            } else {
                prop_assert!(r.from().as_micros() <= from * 1_000_000);
                prop_assert!(r.to().as_micros() >= (from + length) * 1_000_000);
                prop_assert_eq!(starts[0], r.from());
            }
            prop_assert_eq!(r.step % r.level().step_us(), 0);
        }
    }
}

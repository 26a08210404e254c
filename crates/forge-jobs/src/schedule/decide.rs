//! Which of the fires that have come since the last look become jobs, and what is recorded of the others.

use super::{MissedFires, ScheduleSpec};
use crate::Timestamp;
use crate::cron::FireWindow;
use crate::hash::fnv;
use crate::limits::{CLOCK_CORRECTION, MAX_CRON_FIRES};
use std::time::Duration;

/// The least time apart from zero.
const TICK: Duration = Duration::from_micros(1);

/// What is to be done about a schedule at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Decision {
    /// Fires that become jobs, in order.
    pub ticks: Vec<Timestamp>,
    /// Fires that the first of them stands for.
    pub coalesced: Option<FireRange>,
    /// Fires that came too late.
    pub missed: Option<FireRange>,
    /// The latest fire that is dealt with by this; what was dealt with before if none has come, and `now` if that was
    /// written by a clock that was wrong.
    pub until: Timestamp,
    /// The first fire still to come; `None` if there is none before the year 9999 ends.
    pub next: Option<Timestamp>,
}

/// Fires one after the other that have one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FireRange {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many, counted up to [`MAX_CRON_FIRES`]: that many, or more.
    pub count: u32,
}

/// Decides about the fires later than `handled` up to `now`, both by the database's clock.
///
/// A clock that was turned back finds nothing to do until it comes to fires that were not dealt with; one that was wrong
/// by more than [`CLOCK_CORRECTION`] goes on from now.
#[must_use]
pub fn decide(spec: &ScheduleSpec, handled: Timestamp, now: Timestamp) -> Decision {
    let handled = if handled.saturating_since(now) > CLOCK_CORRECTION { now } else { handled };
    let next = spec.expression.next_after(handled.max(now), &spec.zone);
    let nothing = Decision { until: handled, next, ..Decision::default() };
    if now <= handled {
        return nothing;
    }
    let in_window = handled.max(now.saturating_sub(spec.missed.within()).saturating_sub(TICK));
    let window = FireWindow { after: in_window, until: now, newest: spec.missed.most() };
    let ticks = spec.expression.fires_in(window, &spec.zone).fires;
    // What the ticks leave over.
    let before = ticks.first().map_or(now, |first| first.saturating_sub(TICK));
    let (coalesced, missed) = match spec.missed {
        MissedFires::Once { .. } => (range(spec, in_window, before), range(spec, handled, in_window)),
        MissedFires::Skip { .. } | MissedFires::CatchUp { .. } => (None, range(spec, handled, before)),
    };
    let latest = [ticks.last().copied(), coalesced.map(|r| r.last), missed.map(|r| r.last)];
    let until = latest.into_iter().flatten().max().unwrap_or(handled);
    Decision { ticks, coalesced, missed, until, next }
}

/// The fires later than `after` up to `until`.
fn range(spec: &ScheduleSpec, after: Timestamp, until: Timestamp) -> Option<FireRange> {
    if until <= after {
        return None;
    }
    let first = spec.expression.next_after(after, &spec.zone).filter(|first| *first <= until)?;
    let window = FireWindow { after, until, newest: MAX_CRON_FIRES };
    let fires = spec.expression.fires_in(window, &spec.zone).fires;
    let count = u32::try_from(fires.len()).unwrap_or(MAX_CRON_FIRES);
    Some(FireRange { first, last: fires.last().copied().unwrap_or(first), count })
}

/// How long after a fire its job is due: less than `jitter`, the same on every process and at every try, and spread
/// evenly over the schedules and their fires.
#[must_use]
pub fn jitter_of(schedule: &str, fire_at: Timestamp, jitter: Duration) -> Duration {
    let span = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
    if span == 0 {
        return Duration::ZERO;
    }
    // Of FNV the last bytes hardly reach the high bits; the finisher of SplitMix64 spreads them.
    let mut hash = fnv([schedule.as_bytes(), b"\0", &fire_at.as_micros().to_le_bytes()]);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Duration::from_micros((hash ^ (hash >> 31)) % span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DefaultRouter;
    use crate::job::EnqueueRequest;
    use crate::schedule::{Overlap, Schedule};

    fn spec(expression: &str, missed: MissedFires) -> ScheduleSpec {
        let schedule = Schedule::new("s", expression, EnqueueRequest::new("k", 1));
        let schedule = schedule.with_missed(missed).with_overlap(Overlap::Allow);
        schedule.check(&DefaultRouter).unwrap().spec
    }

    /// A time of one day, `HH:MM` or `HH:MM:SS`.
    fn at(time: &str) -> Timestamp {
        let seconds = if time.len() == 5 { ":00" } else { "" };
        format!("2027-01-04T{time}{seconds}Z").parse().unwrap()
    }

    fn all(times: &[&str]) -> Vec<Timestamp> {
        times.iter().map(|t| at(t)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that decisions have")]
    fn run(first: &str, last: &str, count: u32) -> Option<FireRange> {
        Some(FireRange { first: at(first), last: at(last), count })
    }

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(n * 60)
    }

    type Row<'a> = (MissedFires, &'a str, &'a str, &'a [&'a str], Option<FireRange>, Option<FireRange>);

    /// Policy, handled, now → ticks, coalesced, missed. Every ten minutes.
    #[test]
    fn the_table_of_policies() {
        let once = MissedFires::ONCE;
        let skip = MissedFires::SKIP;
        let two = MissedFires::catch_up(2);
        let table: [Row<'_>; 18] = [
            // Nothing is due, also not when the clock was turned back.
            (once, "10:00", "10:00", &[], None, None),
            (once, "10:00", "10:09:59", &[], None, None),
            (once, "10:00", "09:00", &[], None, None),
            (two, "10:00", "09:00", &[], None, None),
            (two, "10:00", "07:00", &[], None, None),
            // On time, and a little late.
            (once, "10:00", "10:10", &["10:10"], None, None),
            (skip, "10:00", "10:10", &["10:10"], None, None),
            (skip, "10:00", "10:11", &["10:10"], None, None),
            (two, "10:00", "10:10", &["10:10"], None, None),
            // Later than the window of those who make up for nothing.
            (skip, "10:00", "10:11:01", &[], None, run("10:10", "10:10", 1)),
            (skip, "10:00", "10:40", &["10:40"], None, run("10:10", "10:30", 3)),
            (skip, "10:00", "10:45", &[], None, run("10:10", "10:40", 4)),
            // One stands for all within the window, whose edge is within.
            (once, "10:00", "10:45", &["10:40"], run("10:10", "10:30", 3), None),
            (once, "10:00", "11:10", &["11:10"], run("10:10", "11:00", 6), None),
            (once, "10:00", "11:10:01", &["11:10"], run("10:20", "11:00", 5), run("10:10", "10:10", 1)),
            // The latest of the window, in order.
            (two, "10:00", "10:25", &["10:10", "10:20"], None, None),
            (two, "10:00", "10:45", &["10:30", "10:40"], None, run("10:10", "10:20", 2)),
            (two, "10:00", "12:05", &["11:50", "12:00"], None, run("10:10", "11:40", 10)),
        ];
        for (missed, handled, now, ticks, coalesced, too_late) in table {
            let decided = decide(&spec("*/10 * * * *", missed), at(handled), at(now));
            let what = format!("{missed:?} from {handled} at {now}");
            assert_eq!(decided.ticks, all(ticks), "{what}");
            assert_eq!((decided.coalesced, decided.missed), (coalesced, too_late), "{what}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_is_missed_and_nothing_is_made_up_for() {
        let daily = spec("0 3 * * *", MissedFires::ONCE);
        let decided = decide(&daily, at("02:00"), at("04:00:01"));
        assert_eq!((decided.ticks.len(), decided.coalesced), (0, None));
        assert_eq!((decided.missed, decided.until), (run("03:00", "03:00", 1), at("03:00")));
        let decided = decide(&daily, at("02:00"), at("04:00"));
        assert_eq!((decided.ticks, decided.missed), (all(&["03:00"]), None));
    }

    #[test]
    fn after_a_decision_nothing_is_left_to_decide_at_that_moment() {
        for missed in [MissedFires::SKIP, MissedFires::ONCE, MissedFires::catch_up(100)] {
            for (expression, now) in
                [("*/7 * * * * *", "10:00:13"), ("* * * * *", "13:30"), ("5 * * * *", "23:00")]
            {
                let spec = spec(expression, missed);
                let decided = decide(&spec, at("09:00"), at(now));
                let again = decide(&spec, decided.until, at(now));
                assert_eq!(
                    (again.ticks.len(), again.missed, again.coalesced),
                    (0, None, None),
                    "{expression}"
                );
                assert_eq!((again.until, again.next), (decided.until, decided.next));
                assert!(decided.next.unwrap() > at(now));
            }
        }
    }

    #[test]
    fn every_fire_has_one_outcome() {
        let every_ten_seconds = "*/10 * * * * *";
        for missed in [
            MissedFires::SKIP,
            MissedFires::ONCE.with_window(minutes(7)),
            MissedFires::catch_up(30).with_window(minutes(11)),
        ] {
            let spec = spec(every_ten_seconds, missed);
            let d = decide(&spec, at("10:00"), at("12:00:05"));
            let ranges = [d.coalesced, d.missed];
            let in_ranges: u32 = ranges.iter().flatten().map(|r| r.count).sum();
            assert_eq!(in_ranges as usize + d.ticks.len(), 720, "{missed:?}");
            assert!(
                ranges.iter().flatten().all(|r| r.last < d.ticks.first().copied().unwrap_or(Timestamp::MAX))
            );
            assert_eq!(d.until, at("12:00"));
        }
    }

    #[test]
    fn a_long_absence_costs_no_more_than_a_short_one() {
        let spec = spec("* * * * * *", MissedFires::ONCE.with_window(Duration::from_secs(1)));
        let d = decide(&spec, "1990-01-01T00:00:00Z".parse().unwrap(), at("10:00"));
        let missed = d.missed.unwrap();
        assert_eq!((missed.count, missed.last), (MAX_CRON_FIRES, at("09:59:58")));
        assert_eq!(missed.first, "1990-01-01T00:00:01Z".parse().unwrap());
    }

    #[test]
    fn the_end_of_time_is_never() {
        let spec = spec("0 0 1 1 *", MissedFires::ONCE);
        let d = decide(&spec, Timestamp::MAX, Timestamp::MAX);
        assert_eq!((d.next, d.ticks.len()), (None, 0));
    }

    #[test]
    fn a_turned_clock_makes_a_fire_once() {
        let schedule =
            Schedule::new("s", "30 1 * * *", EnqueueRequest::new("k", 1)).in_zone("America/New_York");
        let spec = schedule.check(&DefaultRouter).unwrap().spec;
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = decide(&spec, time("2027-11-07T00:00:00-04:00"), time("2027-11-07T01:30:00-04:00"));
        assert_eq!(first.ticks, [time("2027-11-07T01:30:00-04:00")]);
        let second = decide(&spec, first.until, time("2027-11-07T01:30:00-05:00"));
        assert_eq!(second.ticks, []);
    }

    #[test]
    fn jitter_is_the_same_again_spread_and_within_its_bound() {
        let bound = minutes(1);
        let of = |name: &str, n: i64| jitter_of(name, Timestamp::from_micros(n * 60_000_000), bound);
        assert_eq!(of("a", 7), of("a", 7));
        assert_eq!(jitter_of("a", at("10:00"), Duration::ZERO), Duration::ZERO);
        for offsets in [
            (0..600).map(|n| of("a", n)).collect::<Vec<_>>(),
            (0..600).map(|n| of(&format!("s{n}"), 7)).collect(),
        ] {
            assert!(offsets.iter().all(|o| *o < bound));
            for part in 0..6 {
                let within = |o: &&Duration| o.as_secs() / 10 == part;
                let count = offsets.iter().filter(within).count();
                assert!((50..=150).contains(&count), "{count} of 600 in part {part}");
            }
        }
    }
}

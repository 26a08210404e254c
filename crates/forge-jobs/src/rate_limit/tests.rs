//! The promise against a log of grants: never above the limit in any window, and nearly all of it used.

use super::budget::KEPT;
use super::{Asked, Budget, RateLimit, RateLimitError, RateMode, Scope};
use crate::limits::{MAX_RATE_PERMITS, MAX_RATE_WINDOW, RATE_SUB_WINDOWS};
use proptest::prelude::*;
use std::time::Duration;

const SECOND: i64 = 1_000_000;

/// Permits that were given: when, how many, and in which sub-window.
#[derive(Default)]
struct Log(Vec<(i64, u32, i64)>);

impl Log {
    /// Permits given in the window of this length that ends with the last grant: each window that holds too many ends
    /// with one of them.
    fn in_window_before(&self, at: i64, window: i64) -> u32 {
        self.0.iter().filter(|(t, _, _)| *t <= at && at - t < window).map(|(_, n, _)| n).sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Ask(u32),
    /// Ask again when the answer said, this much late.
    Come(u32, i64),
    /// Give the grant back that is so many from the end.
    GiveBack(usize),
    Permits(u32),
    Mode(RateMode),
    Drain(i64),
    Lift,
}

fn step(most: u32, window: i64) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..window / 10).prop_map(Step::Pass),
        1 => (0..window * 2).prop_map(Step::Pass),
        8 => (1..=most).prop_map(Step::Ask),
        6 => (1..=3.min(most)).prop_map(Step::Ask),
        6 => ((1..=most), (0..window / 50)).prop_map(|(n, late)| Step::Come(n, late)),
        2 => (0..5_usize).prop_map(Step::GiveBack),
        1 => (1..=most).prop_map(Step::Permits),
        1 => prop_oneof![Just(RateMode::Sliding), Just(RateMode::Smooth)].prop_map(Step::Mode),
        1 => (0..window).prop_map(Step::Drain),
        1 => Just(Step::Lift),
    ]
}

fn scenario() -> impl Strategy<Value = (RateLimit, i64, Vec<Step>)> {
    (1..60_u32, prop_oneof![Just(100_000_i64), Just(10 * SECOND), 100_000..100 * SECOND], 0..10 * SECOND)
        .prop_flat_map(|(most, window, start)| {
            let limit = RateLimit::new(most, Duration::from_micros(window.unsigned_abs()));
            (
                Just(limit),
                Just(1_800_000_000 * SECOND + start),
                prop::collection::vec(step(most, window), 1..300),
            )
        })
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_the_limit((mut limit, start, steps) in scenario()) {
        let (mut budget, mut log, mut now) = (Budget::default(), Log::default(), start);
        for step in steps {
            let wish = match step {
                Step::Pass(us) => { now += us; continue }
                Step::Permits(n) => { limit.permits = n; continue }
                Step::Mode(mode) => { limit.mode = mode; continue }
                Step::Drain(us) => { budget.drained_until = Some(now + us); continue }
                Step::Lift => { budget.drained_until = None; continue }
                Step::GiveBack(at) => {
                    if at < log.0.len() {
                        let (_, n, ends) = log.0.remove(log.0.len() - 1 - at);
                        budget.settle(&limit, now);
                        budget.give_back(&limit, ends, n);
                    }
                    continue;
                }
                Step::Ask(n) => n,
                Step::Come(n, late) => {
                    let n = n.min(limit.permits);
                    budget.settle(&limit, now);
                    now = now.max(budget.when(&limit, n, now)) + late;
                    n
                }
            };
            if wish > limit.permits {
                continue;
            }
            budget.settle(&limit, now);
            let free = budget.free(&limit, now);
            match budget.ask(&limit, wish, now) {
                Asked::Granted(ends) => {
                    prop_assert!(budget.drained_until.is_none_or(|until| until <= now));
                    log.0.push((now, wish, ends));
                    let given = log.in_window_before(now, limit.window_us());
                    prop_assert!(given <= limit.permits, "{given} of {}", limit.permits);
                }
                Asked::Wait(until) => {
                    prop_assert!(until > now && free < wish);
                    // What it waits for is enough, and not a moment before.
                    let mut later = budget.clone();
                    later.settle(&limit, until - 1);
                    prop_assert!(matches!(later.ask(&limit, wish, until - 1), Asked::Wait(_)));
                    let mut later = budget.clone();
                    later.settle(&limit, until);
                    prop_assert!(matches!(later.ask(&limit, wish, until), Asked::Granted(_)));
                }
            }
            prop_assert!(budget.slots.len() <= KEPT);
            prop_assert!(budget.slots.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn nearly_all_of_a_limit_is_used_when_it_is_asked_for(
        permits in 20..2_000_u32,
        window in prop_oneof![Just(SECOND), Just(10 * SECOND), 100_000..3_600 * SECOND],
        smooth in any::<bool>(),
        start in 0..10 * SECOND,
        late in 0..100_i64,
    ) {
        let limit = RateLimit::new(permits, Duration::from_micros(window.unsigned_abs()));
        let limit = if smooth { limit.smooth() } else { limit };
        // Whoever waits comes a little late each time: up to a quarter of a sub-window.
        let late = limit.sub_us() / 4 * late / 100;
        let (mut budget, mut given) = (Budget::default(), 0.0);
        let mut now = 1_800_000_000 * SECOND + start;
        let end = now + 60 * window;
        while now < end {
            budget.settle(&limit, now);
            match budget.free(&limit, now) {
                0 => now = budget.when(&limit, 1, now) + late,
                n => {
                    budget.count(&limit, n, now);
                    given += f64::from(n);
                }
            }
        }
        let share = given / (60.0 * f64::from(permits));
        // The first window is full at once, so a little more than one window's share is possible.
        prop_assert!(share >= 0.95, "{share}");
        let n = f64::from(RATE_SUB_WINDOWS);
        prop_assert!(share <= n / (n + 1.0) + 2.0 / 60.0, "one of N + 1 sub-windows is lost: {share}");
    }

    #[test]
    fn a_limit_that_is_edited_counts_what_was_given(
        windows in prop::collection::vec(100_000..20 * SECOND, 2..8),
        gaps in prop::collection::vec(0..3 * SECOND, 40),
    ) {
        // A window made longer counts what is still known: the shortest one so far.
        let (mut budget, mut log) = (Budget::default(), Log::default());
        let (mut now, mut shortest) = (1_800_000_000 * SECOND, i64::MAX);
        for (at, gap) in gaps.iter().enumerate() {
            let window = windows[at * windows.len() / gaps.len()];
            shortest = shortest.min(window);
            let limit = RateLimit::new(5, Duration::from_micros(window.unsigned_abs()));
            now += gap;
            budget.settle(&limit, now);
            if let Asked::Granted(ends) = budget.ask(&limit, 2, now) {
                log.0.push((now, 2, ends));
            }
            prop_assert!(log.in_window_before(now, shortest) <= 5);
        }
    }
}

const fn per_ten_seconds(permits: u32) -> RateLimit {
    RateLimit::new(permits, Duration::from_secs(10))
}

#[test]
fn a_permit_counts_until_its_whole_sub_window_has_left() {
    let limit = per_ten_seconds(1);
    let mut budget = Budget::default();
    // Sub-windows of 250 ms: this one ends at 1 s.
    assert_eq!(budget.ask(&limit, 1, 900_000), Asked::Granted(SECOND));
    assert_eq!(budget.ask(&limit, 1, 900_000), Asked::Wait(11 * SECOND));
    budget.settle(&limit, 11 * SECOND - 1);
    assert_eq!(budget.ask(&limit, 1, 11 * SECOND - 1), Asked::Wait(11 * SECOND));
    budget.settle(&limit, 11 * SECOND);
    assert!(budget.is_idle());
}

#[test]
fn a_lowered_limit_counts_what_was_given_and_a_raised_one_gives_at_once() {
    let (mut budget, now) = (Budget::default(), 100 * SECOND);
    budget.count(&per_ten_seconds(10), 8, now);
    assert_eq!(budget.free(&per_ten_seconds(5), now), 0);
    assert_eq!(budget.free(&per_ten_seconds(8), now), 0);
    assert_eq!(budget.free(&per_ten_seconds(20), now), 12);
}

#[test]
fn smooth_permits_come_one_by_one_and_late_ones_catch_up_a_little() {
    let limit = per_ten_seconds(100).smooth();
    let (mut budget, mut now) = (Budget::default(), 100 * SECOND);
    // After a rest: what a sub-window holds, and one.
    assert_eq!(budget.free(&limit, now), 3);
    budget.count(&limit, 3, now);
    let next = budget.when(&limit, 1, now);
    assert_eq!(next - now, 50_000, "the third was due 50 ms ahead");
    now = next;
    assert_eq!(budget.free(&limit, now), 1);
    budget.count(&limit, 1, now);
    assert_eq!(budget.when(&limit, 1, now) - now, 100_000);
}

#[test]
fn a_clock_that_was_turned_back_holds_nothing_up_for_longer_than_a_window() {
    let limit = per_ten_seconds(10).smooth();
    let (mut budget, now) = (Budget::default(), 1_000_000 * SECOND);
    budget.count(&limit, 10, now);
    budget.drained_until = Some(now + SECOND);
    let back = now - 500_000 * SECOND;
    budget.settle(&limit, back);
    budget.drained_until = None;
    assert!(budget.when(&limit, 1, back) - back <= 11 * SECOND);
}

#[test]
fn more_sub_windows_than_are_kept_are_counted_with_later_ones() {
    let mut budget = Budget::default();
    for at in 0..1_000_i64 {
        // Each edit has sub-windows that begin elsewhere.
        let window = 3_600 * SECOND + at * 40;
        let limit = RateLimit::new(1_000_000, Duration::from_micros(window.unsigned_abs()));
        let now = 4_000_000 * SECOND + at;
        budget.settle(&limit, now);
        budget.count(&limit, 1, now);
        assert!(budget.slots.len() <= KEPT);
        assert_eq!(i64::from(budget.used()), at + 1);
    }
}

#[test]
fn scopes_are_names_and_keyed_ones_have_a_template() {
    let template = |name| Scope::new(name).map(|s| s.template().map(str::to_owned));
    assert_eq!(template("slack"), Ok(None));
    assert_eq!(template("slack:team-7"), Ok(Some("slack".into())));
    assert_eq!(template("slack:team:7"), Ok(Some("slack".into())));
    for bad in ["", ":", "slack:", ":team", "a b", "ü", &"x".repeat(129)] {
        let e = Scope::new(bad).unwrap_err();
        assert!(matches!(e, RateLimitError::Scope { .. }) && e.to_string().contains("scope"), "{e}");
    }
}

#[test]
fn limits_and_wishes_keep_to_their_bounds() {
    let second = Duration::from_secs(1);
    assert_eq!(RateLimit::new(1, second).validate(), Ok(()));
    assert_eq!(RateLimit::new(MAX_RATE_PERMITS, MAX_RATE_WINDOW).validate(), Ok(()));
    for bad in [
        RateLimit::new(0, second),
        RateLimit::new(MAX_RATE_PERMITS + 1, second),
        RateLimit::new(1, Duration::from_millis(99)),
        RateLimit::new(1, MAX_RATE_WINDOW + second),
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
    let scope = Scope::new("slack").unwrap();
    assert_eq!(per_ten_seconds(5).check_wish(&scope, 5), Ok(()));
    for n in [0, 6] {
        let e = per_ten_seconds(5).check_wish(&scope, n).unwrap_err();
        assert!(e.to_string().contains("slack") && e.to_string().contains("raise"), "{e}");
    }
}

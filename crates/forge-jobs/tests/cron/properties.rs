//! What holds for every expression, in every zone, checked against a look at each second or minute.

use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, Zone};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::LazyLock;
use std::time::Duration;

static NAMES: LazyLock<Vec<String>> = LazyLock::new(Zone::names);

/// A field as text, beside the values that it stands for.
type Field = (String, Vec<u8>);

fn field(low: u8, high: u8) -> impl Strategy<Value = Field> {
    let all: Vec<u8> = (low..=high).collect();
    let star = Just(("*".to_owned(), all.clone()));
    let step =
        (2..=high - low).prop_map(move |n| (format!("*/{n}"), (low..=high).step_by(n.into()).collect()));
    let range = (low..=high, low..=high, 1_u8..5).prop_map(|(a, b, n)| {
        let (a, b) = (a.min(b), a.max(b));
        (format!("{a}-{b}/{n}"), (a..=b).step_by(n.into()).collect())
    });
    let list = subsequence(all, 1..4)
        .prop_map(|values: Vec<u8>| (values.iter().map(u8::to_string).collect::<Vec<_>>().join(","), values));
    prop_oneof![3 => star, 2 => step, 2 => range, 3 => list]
}

/// An expression, with what a reader of its text would look for.
#[derive(Clone, Debug)]
struct Known {
    expr: CronExpr,
    interval: bool,
    minutes: Vec<u8>,
    hours: Vec<u8>,
}

/// Expressions whose days are all days: what is left is what turned clocks meddle with.
fn times() -> impl Strategy<Value = Known> {
    (field(0, 59), field(0, 23)).prop_map(|((minute, minutes), (hour, hours))| Known {
        expr: format!("{minute} {hour} * * *").parse().unwrap(),
        interval: minute.contains('*') || hour.contains('*'),
        minutes,
        hours,
    })
}

fn any_expression() -> impl Strategy<Value = String> {
    let day = prop_oneof![
        4 => field(1, 31).prop_map(|f| f.0),
        1 => select(vec!["L", "LW", "15W", "1W,L", "31W,5", "?"]).prop_map(str::to_owned),
    ];
    let week = prop_oneof![
        4 => field(0, 6).prop_map(|f| f.0),
        1 => select(vec!["5L", "MON#2", "SUN#5,3", "FRI-SUN", "?"]).prop_map(str::to_owned),
    ];
    let second = prop_oneof![2 => Just(String::new()), 1 => field(0, 59).prop_map(|f| f.0 + " ")];
    (second, field(0, 59), field(0, 23), day, field(1, 12), week)
        .prop_map(|(s, m, h, d, mo, w)| format!("{s}{} {} {d} {} {w}", m.0, h.0, mo.0))
}

fn zone() -> impl Strategy<Value = Zone> {
    select(NAMES.clone()).prop_map(|name| name.parse().unwrap())
}

/// Whole minutes from 1972, when the last zone with seconds in its offset gave them up, to 2060.
fn moment() -> impl Strategy<Value = Timestamp> {
    (1_100_000_i64..47_000_000).prop_map(|minutes| Timestamp::from_micros(minutes * 60_000_000))
}

const MINUTE: Duration = Duration::from_secs(60);

/// Minutes since some midnight that the wall clock shows, read from the printed text.
fn wall(zone: &Zone, at: Timestamp) -> i64 {
    let offset = zone.rfc3339(at);
    let (sign, rest) = match offset.rsplit_once(['+', '-']) {
        Some((before, offset)) if before.len() > 10 => (before.len(), offset.to_owned()),
        _ => (0, "00:00".to_owned()),
    };
    let (hours, minutes) = rest.split_once(':').unwrap();
    let minutes = hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap();
    let minutes = if sign > 0 && offset.as_bytes()[sign] == b'-' { -minutes } else { minutes };
    at.as_micros().div_euclid(60_000_000) + minutes
}

impl Known {
    fn matches(&self, wall: i64) -> bool {
        let (hour, minute) = (wall.rem_euclid(1_440) / 60, wall.rem_euclid(60));
        self.hours.iter().any(|h| i64::from(*h) == hour)
            && self.minutes.iter().any(|m| i64::from(*m) == minute)
    }

    /// The fires of the minutes after `from`, found by the rule and by looking at each of them.
    fn by_brute_force(&self, zone: &Zone, from: Timestamp, minutes: u32) -> Vec<Timestamp> {
        let lead = 3 * 1_440;
        let mut at = from.saturating_sub(MINUTE * lead);
        let mut reached = wall(zone, at) - 1;
        let mut fires = Vec::new();
        for n in 0..=lead + minutes {
            let now = wall(zone, at);
            let fire = if self.interval {
                self.matches(now)
            } else {
                (reached + 1..=now).any(|passed| self.matches(passed))
            };
            reached = reached.max(now);
            if fire && n > lead {
                fires.push(at);
            }
            at = at.saturating_add(MINUTE);
        }
        fires
    }
}

proptest! {
    #[test]
    fn fires_are_those_that_a_look_at_every_minute_finds(
        known in times(), zone in zone(), from in moment(),
    ) {
        let expected = known.by_brute_force(&zone, from, 2_880);
        let until = from.saturating_add(MINUTE * 2_880);
        let found: Vec<_> = known.expr.fires_after(from, &zone).take_while(|fire| *fire <= until).collect();
        prop_assert_eq!(found, expected, "{} in {}", known.expr, zone);
    }

    #[test]
    fn the_next_fire_is_later_and_the_one_before_it_is_not(
        text in any_expression(), zone in zone(), from in moment(), micros in 0_i64..60_000_000,
    ) {
        // Some days exist in no year.
        let Ok(expr) = text.parse::<CronExpr>() else { return Ok(()) };
        let from = Timestamp::from_micros(from.as_micros() + micros);
        let next = expr.next_after(from, &zone).unwrap();
        prop_assert!(next > from);
        prop_assert_eq!(expr.previous_or_at(next, &zone), Some(next));
        let before = expr.previous_or_at(from, &zone).unwrap();
        prop_assert!(before <= from);
        prop_assert_eq!(expr.next_after(before, &zone), Some(next));
        let just_before = Timestamp::from_micros(next.as_micros() - 1);
        prop_assert_eq!(expr.previous_or_at(just_before, &zone), Some(before));
    }

    #[test]
    fn the_printed_text_parses_to_the_same_expression(text in any_expression()) {
        let Ok(expr) = text.parse::<CronExpr>() else { return Ok(()) };
        let printed = expr.to_string();
        let again: CronExpr = printed.parse().unwrap();
        prop_assert_eq!(&again, &expr);
        prop_assert_eq!(again.to_string(), printed);
        prop_assert!(!expr.describe().is_empty());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9*/,\\-?LW#@A-Za-z \u{e9}]{0,40}") {
        match text.parse::<CronExpr>() {
            Ok(expr) => prop_assert_eq!(expr.to_string().parse::<CronExpr>().unwrap(), expr),
            Err(e) => prop_assert!(!e.to_string().is_empty()),
        }
    }
}

/// Random moments seldom meet a turned clock: every zone is looked at around each of its own.
#[test]
fn around_every_turn_of_the_clock_since_2000_fires_are_those_of_a_look_at_every_minute() {
    let known = |minute: &str, hour: &str, minutes: &[u8], hours: &[u8], interval| Known {
        expr: format!("{minute} {hour} * * *").parse().unwrap(),
        interval,
        minutes: minutes.to_vec(),
        hours: hours.to_vec(),
    };
    let all: Vec<u8> = (0..24).collect();
    let fixed = known("0,20,45", "0-3,12,23", &[0, 20, 45], &[0, 1, 2, 3, 12, 23], false);
    let interval = known("*/15", "*", &[0, 15, 30, 45], &all, true);
    let mut turns = 0_i64;
    for zone in NAMES.iter().map(|name| name.parse::<Zone>().unwrap()) {
        let hour = |n: i64| Timestamp::from_micros(n * 3_600_000_000);
        let shift = |at: Timestamp| wall(&zone, at) - at.as_micros().div_euclid(60_000_000);
        // From 2000 to 2030 in steps of four weeks, then hour by hour where the offset differs.
        let mut coarse = 262_968;
        while coarse < 526_000 {
            let end = coarse + 672;
            if shift(hour(coarse)) != shift(hour(end)) {
                let turn = (coarse..end).find(|n| shift(hour(*n)) != shift(hour(n + 1))).unwrap();
                // Enough of them, spread over all zones.
                if (turn + turns) % 53 == 0 {
                    let from = hour(turn - 5);
                    for known in [&fixed, &interval] {
                        let expected = known.by_brute_force(&zone, from, 1_200);
                        let until = from.saturating_add(MINUTE * 1_200);
                        let found: Vec<_> =
                            known.expr.fires_after(from, &zone).take_while(|f| *f <= until).collect();
                        assert_eq!(found, expected, "{} in {zone} from {from}", known.expr);
                    }
                }
                turns += 1;
            }
            coarse = end;
        }
    }
    assert!(turns > 5_000, "{turns} turns were found");
}

//! Zones, ticks and words of time: tables of what people expect, and a comparison with jiff and its zones.
#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::suboptimal_flops,
    reason = "numbers of tests are small, and what is equal is equal to the bit"
)]

use forge_charts::time::{DAY, HOUR, MINUTE, Step, TimeTick, Zone, full, span, ticks};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use proptest::prelude::*;

/// Zones with what makes them special.
const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe", // half an hour
    "Africa/Cairo",        // the clock jumps over midnight
    "America/Sao_Paulo",   // it did until 2018
    "Asia/Kathmandu",      // +05:45
    "Africa/Casablanca",   // back for Ramadan
    "Pacific/Apia",        // left out 30 December 2011
    "America/St_Johns",
    "UTC",
];

fn jiff_zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the database is compiled in")
}

fn offset(zone: &TimeZone, second: i64) -> i32 {
    zone.to_offset(Timestamp::from_second(second).expect("within its years")).seconds()
}

/// From 2005 to 2035.
fn ours(zone: &TimeZone) -> Zone {
    Zone::probe(1_104_537_600, 2_051_222_400, |second| offset(zone, second))
}

fn at(text: &str) -> f64 {
    let time: Timestamp = text.parse().expect("a time");
    micros(time)
}

fn micros(time: Timestamp) -> f64 {
    time.as_microsecond() as f64
}

fn labels(ticks: &[TimeTick]) -> Vec<String> {
    ticks.iter().map(|t| t.label.clone()).collect()
}

#[test]
fn hours_come_twice_or_are_left_out_where_the_clock_is_turned() {
    let berlin = ours(&jiff_zone("Europe/Berlin"));
    let hours = Step::Micros(3_600_000_000);
    let back = ticks(&berlin, (at("2026-10-24T23:00Z"), at("2026-10-25T03:00Z")), hours);
    assert_eq!(labels(&back), ["01:00", "02:00", "02:00", "03:00", "04:00"]);
    let forward = ticks(&berlin, (at("2026-03-28T23:00Z"), at("2026-03-29T03:00Z")), hours);
    assert_eq!(labels(&forward), ["00:00", "01:00", "03:00", "04:00", "05:00"]);
}

#[test]
fn days_begin_when_the_wall_clock_first_shows_them() {
    let days = |zone, from: &str, to: &str| ticks(&ours(&jiff_zone(zone)), (at(from), at(to)), Step::Days(1));
    let berlin = days("Europe/Berlin", "2026-10-23T22:00Z", "2026-10-27T00:00Z");
    assert_eq!(labels(&berlin), ["24 Oct", "25 Oct", "26 Oct", "27 Oct"]);
    assert!((berlin[2].at - berlin[1].at - 25.0 * HOUR).abs() < 1.0, "the day has 25 hours");
    // Cairo jumps from 00:00 to 01:00 on 24 April 2026.
    let cairo = days("Africa/Cairo", "2026-04-22T22:00Z", "2026-04-25T00:00Z");
    assert_eq!(labels(&cairo), ["23 Apr", "24 Apr", "25 Apr"]);
    assert!((cairo[1].at - at("2026-04-23T22:00Z")).abs() < 1.0);
    // Samoa has no 30 December 2011.
    let apia = days("Pacific/Apia", "2011-12-29T00:00Z", "2012-01-01T00:00Z");
    assert_eq!(labels(&apia), ["29 Dec", "31 Dec", "1 Jan"]);
}

#[test]
fn months_and_weeks_begin_where_they_do() {
    let utc = Zone::utc();
    let found = ticks(&utc, (at("2027-12-15T00:00Z"), at("2028-04-01T00:00Z")), Step::Months(1));
    assert_eq!(labels(&found), ["Jan", "Feb", "Mar", "Apr"]);
    assert_eq!(found[0].context.as_deref(), Some("2028"));
    let mondays = ticks(&utc, (at("2026-11-20T00:00Z"), at("2026-12-08T00:00Z")), Step::Days(7));
    assert_eq!(labels(&mondays), ["23 Nov", "30 Nov", "7 Dec"]);
    let years = ticks(&utc, (at("1999-06-01T00:00Z"), at("2021-01-01T00:00Z")), Step::Years(10));
    assert_eq!(labels(&years), ["2000", "2010", "2020"]);
}

#[test]
fn the_context_stands_where_it_changes() {
    let found =
        ticks(&Zone::utc(), (at("2026-11-29T22:00Z"), at("2026-11-30T02:00Z")), Step::Micros(7_200_000_000));
    let contexts: Vec<_> = found.iter().map(|t| (t.context.as_deref(), t.turns)).collect();
    assert_eq!(contexts, [(Some("29 Nov 2026"), false), (Some("30 Nov 2026"), true), (None, false)]);
}

#[test]
fn moments_and_spans_in_words() {
    let berlin = ours(&jiff_zone("Europe/Berlin"));
    let words = |time: &str| full(&berlin, at(time), Some(MINUTE));
    assert_eq!(words("2026-11-29T13:30Z"), "29 Nov 2026, 14:30");
    assert_eq!(words("2026-11-29T13:30:05Z"), "29 Nov 2026, 14:30:05");
    assert_eq!(words("2026-11-29T13:30:05.250Z"), "29 Nov 2026, 14:30:05.250");
    // 02:30 comes twice in this night, and 03:00 once.
    assert_eq!(words("2026-10-25T00:30Z"), "25 Oct 2026, 02:30 +02:00");
    assert_eq!(words("2026-10-25T01:30Z"), "25 Oct 2026, 02:30 +01:00");
    assert_eq!(words("2026-10-25T02:00Z"), "25 Oct 2026, 03:00");
    assert_eq!(full(&Zone::utc(), at("2026-11-29T00:00Z"), Some(DAY)), "29 Nov 2026");
    assert_eq!(
        span(&berlin, (at("2026-11-29T13:00Z"), at("2026-11-29T14:00Z"))),
        "29 Nov 2026, 14:00 to 15:00"
    );
    assert_eq!(
        span(&berlin, (at("2026-11-29T13:00Z"), at("2026-11-30T14:00Z"))),
        "29 Nov 2026, 14:00 to 30 Nov 2026, 15:00"
    );
}

#[test]
fn bad_times_have_a_defined_answer() {
    let utc = Zone::utc();
    assert!(ticks(&utc, (f64::NAN, 1.0), Step::Days(1)).is_empty());
    assert!(ticks(&utc, (2.0, 1.0), Step::Days(1)).is_empty());
    for step in [Step::Micros(1), Step::Micros(0), Step::Days(1), Step::Years(1)] {
        assert!(ticks(&utc, (f64::NEG_INFINITY, f64::INFINITY), step).len() <= 100);
    }
    assert_eq!(full(&utc, f64::NAN, None), "1 Jan 1970, 00:00");
    assert_eq!(Zone::fixed(i32::MAX).offset_at(0), 86_399);
    assert_eq!(Zone::table(0, [(5, 3600), (1, 3600), (9, 3600)]), Zone::table(0, [(1, 3600)]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_zone_that_was_probed_says_what_jiff_says(zone in 0..ZONES.len(), second in 1_104_537_600..2_051_222_400_i64) {
        let theirs = jiff_zone(ZONES[zone]);
        let ours = ours(&theirs);
        prop_assert_eq!(ours.offset_at(second), offset(&theirs, second));
        let local = ours.local(second as f64 * 1e6);
        let expected = theirs.to_datetime(Timestamp::from_second(second).unwrap());
        let expected_date = (i64::from(expected.year()), expected.month() as u8, expected.day() as u8);
        prop_assert_eq!((local.year, local.month, local.day), expected_date);
        prop_assert_eq!((local.hour, local.minute, local.second), (expected.hour() as u8, expected.minute() as u8, expected.second() as u8));
    }

    #[test]
    fn every_day_tick_is_the_start_of_day_that_jiff_finds(zone in 0..ZONES.len(), second in 1_104_537_600..2_040_000_000_i64) {
        let theirs = jiff_zone(ZONES[zone]);
        let from = Timestamp::from_second(second).unwrap();
        let to = from.checked_add(240.hours()).unwrap();
        let found = ticks(&ours(&theirs), (micros(from), micros(to)), Step::Days(1));
        let mut expected = Vec::new();
        let mut day = from.to_zoned_datetime(theirs.clone()).start_of_day().unwrap();
        while day.timestamp() <= to {
            if day.timestamp() >= from && expected.last() != Some(&micros(day.timestamp())) {
                expected.push(micros(day.timestamp()));
            }
            day = day.date().tomorrow().unwrap().to_zoned_datetime(theirs.clone()).unwrap().start_of_day().unwrap();
        }
        prop_assert_eq!(found.iter().map(|t| t.at).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn clock_ticks_rise_lie_inside_and_are_round_on_the_wall(
        zone in 0..ZONES.len(), second in 1_104_537_600..2_040_000_000_i64, step in prop::sample::select(vec![60_i64, 900, 3600, 10_800, 43_200]), steps in 1..60_i64
    ) {
        let zone = ours(&jiff_zone(ZONES[zone]));
        let bounds = (second as f64 * 1e6, (second + step * steps) as f64 * 1e6);
        let found = ticks(&zone, bounds, Step::Micros(step * 1_000_000));
        prop_assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
        for tick in found {
            prop_assert!(tick.at >= bounds.0 && tick.at <= bounds.1);
            let local = zone.local(tick.at);
            let of_day = i64::from(local.hour) * 3600 + i64::from(local.minute) * 60 + i64::from(local.second);
            prop_assert_eq!(of_day % step, 0);
        }
    }
}

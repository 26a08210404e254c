//! Numbers, durations and times as people read them at a glance.
//!
//! Plain English and no locale: the words are the same in the panel, in a screenshot and in a message to a colleague.

use std::time::Duration;

/// A thin space: groups digits without being taken for a decimal sign (ISO 80000-1, §7.3.1).
const GROUP: char = '\u{2009}';

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A count with its digits in groups of three: `1 234 567`. Four digits stay together: `1234`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * GROUP.len_utf8());
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(GROUP);
        }
        text.push(digit);
    }
    text
}

/// A count that may have stopped at a bound: `10 000+` when there are more.
#[must_use]
pub fn bounded_count(value: u64, more: bool) -> String {
    let mut text = count(value);
    if more {
        text.push('+');
    }
    text
}

/// A duration in its two largest units: `850 µs`, `12.3 ms`, `4.56 s`, `2 min 05 s`, `3 h 20 min`, `9 d 4 h`.
///
/// Cut, never rounded up: what took 59.999 s did not take a minute.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let micros = span.as_micros();
    match seconds {
        0 if micros == 0 => "0 s".into(),
        0 if micros < 1_000 => format!("{micros} µs"),
        0 => format!("{} ms", three_digits(micros, 1_000)),
        1..MINUTE => format!("{} s", three_digits(micros, 1_000_000)),
        MINUTE..HOUR => format!("{} min {:02} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {:02} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", count(seconds / DAY), seconds % DAY / HOUR),
    }
}

/// A duration that somebody chose, without the digits that say nothing: `15 s`, `500 ms`, `1 min`, `1 h 30 min`.
///
/// What would lose something by that is shown like one that was measured.
#[must_use]
pub fn chosen(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
    match (seconds, nanos) {
        (0, 1_000_000..) if nanos.is_multiple_of(1_000_000) => format!("{} ms", nanos / 1_000_000),
        (1..MINUTE, 0) => format!("{seconds} s"),
        (MINUTE..HOUR, 0) if seconds.is_multiple_of(MINUTE) => format!("{} min", seconds / MINUTE),
        (HOUR..DAY, 0) if seconds.is_multiple_of(HOUR) => format!("{} h", seconds / HOUR),
        (DAY.., 0) if seconds.is_multiple_of(DAY) => format!("{} d", count(seconds / DAY)),
        _ => duration(span),
    }
}

/// `value / unit` (below 1,000) with three digits, cut.
fn three_digits(value: u128, unit: u128) -> String {
    let whole = value / unit;
    match whole {
        100.. => whole.to_string(),
        10.. => format!("{whole}.{}", value % unit * 10 / unit),
        _ => format!("{whole}.{:02}", value % unit * 100 / unit),
    }
}

/// When something was or will be, seen from `now` (both in microseconds since 1970): `just now`, `in 3 h`, `5 min ago`.
///
/// One unit, cut, so that a table reads calmly; below a second either way it is `just now`.
#[must_use]
pub fn relative(at_micros: i64, now_micros: i64) -> String {
    let seconds = at_micros.abs_diff(now_micros) / 1_000_000;
    let span = match seconds {
        0 => return "just now".into(),
        1..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", count(seconds / DAY)),
    };
    if at_micros > now_micros { format!("in {span}") } else { format!("{span} ago") }
}

/// What is told in half a sentence, as a whole one: with a capital in front, and a stop behind.
#[must_use]
pub fn sentence(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with(['.', '?', '!']) { "" } else { "." };
    let mut whole = format!("{text}{end}");
    // Of ASCII: what is told is English, and tables of all letters are much for a page to load.
    if let Some(first) = whole.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_are_grouped_from_five_digits_on() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (9_999, "9999"),
            (10_000, "10 000"),
            (1_234_567, "1 234 567"),
            (u64::MAX, "18 446 744 073 709 551 615"),
        ] {
            assert_eq!(count(value).replace(GROUP, " "), text);
        }
    }

    #[test]
    fn a_count_that_stopped_at_its_bound_says_so() {
        assert_eq!(bounded_count(10_000, true).replace(GROUP, " "), "10 000+");
        assert_eq!(bounded_count(10_000, false).replace(GROUP, " "), "10 000");
        assert_eq!(bounded_count(0, false), "0");
    }

    #[test]
    fn durations_show_their_two_largest_units_and_are_never_rounded_up() {
        for (micros, text) in [
            (0, "0 s"),
            (1, "1 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (12_399, "12.3 ms"),
            (999_999, "999 ms"),
            (1_000_000, "1.00 s"),
            (4_569_999, "4.56 s"),
            (59_999_999, "59.9 s"),
            (60_000_000, "1 min 00 s"),
            (125_000_000, "2 min 05 s"),
            (3_599_999_999, "59 min 59 s"),
            (12_000_000_000, "3 h 20 min"),
            (86_400_000_000, "1 d 0 h"),
            (792_000_000_000, "9 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
        assert_eq!(duration(Duration::from_nanos(999)), "0 s");
        assert!(duration(Duration::MAX).ends_with(" h"));
    }

    #[test]
    fn durations_that_were_chosen_show_no_digits_that_say_nothing() {
        for (millis, text) in [
            (0, "0 s"),
            (100, "100 ms"),
            (1_000, "1 s"),
            (1_500, "1.50 s"),
            (15_000, "15 s"),
            (60_000, "1 min"),
            (90_000, "1 min 30 s"),
            (60_500, "1 min 00 s"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
            (86_400_000, "1 d"),
            (7 * 86_400_000, "7 d"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(chosen(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn relative_times_have_one_unit_and_a_direction() {
        const NOW: i64 = 1_700_000_000_000_000;
        for (seconds, text) in [
            (0, "just now"),
            (1, "in 1 s"),
            (-59, "59 s ago"),
            (-60, "1 min ago"),
            (3 * 3_600 + 59 * 60, "in 3 h"),
            (-86_400, "1 d ago"),
            (-400 * 86_400, "400 d ago"),
        ] {
            assert_eq!(relative(NOW + seconds * 1_000_000, NOW), text);
        }
        assert_eq!(relative(NOW + 999_999, NOW), "just now");
        assert!(relative(i64::MIN, i64::MAX).ends_with(" d ago"));
    }

    #[test]
    fn half_sentences_become_whole_ones() {
        assert_eq!(sentence("the queue mail waits"), "The queue mail waits.");
        assert_eq!(sentence("is there one?"), "Is there one?");
        assert_eq!(sentence("`forge job show 1` tells why"), "`forge job show 1` tells why.");
        assert_eq!(sentence("über 9 jobs wait"), "über 9 jobs wait.", "and no more is promised");
        assert_eq!(sentence(""), "");
    }

    proptest! {
        #[test]
        fn grouping_changes_no_digit(value in any::<u64>()) {
            prop_assert_eq!(count(value).replace(GROUP, ""), value.to_string());
        }

        #[test]
        fn every_duration_has_a_short_text(secs in any::<u64>(), nanos in 0_u32..1_000_000_000) {
            let text = duration(Duration::new(secs, nanos));
            prop_assert!(text.chars().count() <= 30 && text.contains(' '), "{}", text);
        }

        #[test]
        fn past_and_future_mirror_each_other(now in -1_000_000_000_000_i64..1_000_000_000_000, by in 1_000_000_i64..1_000_000_000_000) {
            let future = relative(now + by, now);
            let past = relative(now - by, now);
            prop_assert_eq!(future.strip_prefix("in "), past.strip_suffix(" ago"));
        }
    }
}

//! Moments as they travel, and as numbers.

const DAY: i64 = 86_400;

/// Microseconds since 1970 of an RFC 3339 text; `None` if it is none.
#[must_use]
pub fn micros(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let sign = |at: usize, allowed: &str| text.get(at..=at).is_some_and(|c| allowed.contains(c));
    if !(sign(4, "-") && sign(7, "-") && sign(10, "Tt ") && sign(13, ":") && sign(16, ":")) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => 0,
        Some(f) if !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()) => {
            let mut six: String = f.chars().take(6).collect();
            while six.len() < 6 {
                six.push('0');
            }
            six.parse::<i64>().ok()?
        }
        None | Some(_) => return None,
    };
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    let seconds = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000 + fraction)
}

/// What clocks say, without a zone, as a browser reads it: `2026-12-01 8:00` is `2026-12-01T08:00:00`.
#[must_use]
pub fn wall(text: &str) -> Option<String> {
    let (date, clock) = text.split_once([' ', 'T'])?;
    let clock = clock.trim_start();
    let hour = if clock.find(':') == Some(1) { "0" } else { "" };
    let second = if clock.matches(':').count() == 1 { ":00" } else { "" };
    let wall = format!("{date}T{hour}{clock}{second}");
    // Whether it is a moment at all is the same in each zone.
    (wall.len() == 19 && micros(&format!("{wall}Z")).is_some()).then_some(wall)
}

/// Days since 1970 of a date of the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Microseconds since 1970 as RFC 3339 in UTC, to the second.
#[must_use]
pub fn rfc3339(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (day, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, date) = civil(day);
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest % 3_600 / 60, rest % 60)
}

const fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = year + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, of_year - (153 * m + 2) / 5 + 1)
}

/// How far a text's own offset from UTC is, in minutes, as fires of a schedule carry it.
#[must_use]
pub fn offset_minutes(text: &str) -> Option<i32> {
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let total = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
    Some(if zone.starts_with('-') { -total } else { total })
}

/// An offset from UTC as texts carry it: `+05:30`.
#[must_use]
pub fn offset_text(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_of_the_wire_become_numbers() {
        for (text, wanted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-24T08:00:00.000001Z", 1_795_507_200_000_001),
            ("2026-11-24T09:00:00.5+01:00", 1_795_507_200_500_000),
            ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999),
            ("1969-12-31T23:59:59Z", -1_000_000),
        ] {
            assert_eq!(micros(text), Some(wanted), "{text}");
        }
        for bad in [
            "",
            "2026",
            "2026-11-24",
            "2026-11-24T08:00:00",
            "x026-11-24T08:00:00Z",
            "2026-11-24T08:00:00,1Z",
        ] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_clock_says_becomes_a_text_that_a_browser_reads() {
        for text in ["2026-12-01 08:05", "2026-12-01 8:05", "2026-12-01T08:05:00", "2026-12-01  08:05:00"] {
            assert_eq!(wall(text).as_deref(), Some("2026-12-01T08:05:00"), "{text}");
        }
        for bad in [
            "",
            "08:05",
            "2026-12-01",
            "2026-12-01 8",
            "1.12.2026 08:05",
            "2026-12-01 08:05:00+01:00",
            "2026-12-01 :05",
        ] {
            assert_eq!(wall(bad), None, "{bad}");
        }
    }

    #[test]
    fn offsets_are_read_from_fires() {
        assert_eq!(offset_minutes("2026-10-25T02:30:00+02:00"), Some(120));
        assert_eq!(offset_minutes("2026-10-25T02:30:00.000000-03:30"), Some(-210));
        assert_eq!(offset_minutes("2026-10-25T02:30:00Z"), Some(0));
        assert_eq!(offset_minutes("x"), None);
        for (minutes, text) in [(120, "+02:00"), (-210, "-03:30"), (0, "+00:00"), (-30, "-00:30")] {
            assert_eq!(offset_text(minutes), text);
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_same_moment(seconds in -60_000_000_000_i64..250_000_000_000) {
            prop_assert_eq!(micros(&rfc3339(seconds * 1_000_000)), Some(seconds * 1_000_000));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (micros(&text), offset_minutes(&text), wall(&text));
        }
    }
}

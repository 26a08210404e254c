//! Which time the charts show: a range that moves with the clock, or one that stands still.

use super::route::Place;
use super::time;

/// The ranges that are offered: the word in the address, and how many seconds it is.
pub const PRESETS: [(&str, f64); 7] = [
    ("5m", 300.0),
    ("30m", 1_800.0),
    ("1h", 3_600.0),
    ("3h", 10_800.0),
    ("6h", 21_600.0),
    ("24h", 86_400.0),
    ("7d", 604_800.0),
];

/// The one that is shown when the address says nothing.
const DEFAULT: (&str, f64) = PRESETS[2];

/// How far back the server answers, in microseconds: 10 years, without leap days and so a little less than it does.
const REACH: i64 = 3_650 * 86_400 * 1_000_000;

/// A range of time.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// The last so many seconds, by now; and its word.
    Last(&'static str, f64),
    /// From here to there, RFC 3339.
    Fixed(String, String),
}

impl Range {
    /// What the address asks for; what it asks for wrongly is not asked for.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        if let (Some(from), Some(to)) = (place.get("from"), place.get("to"))
            && let (Some(a), Some(b)) = (time::micros(from), time::micros(to))
            && a < b
        {
            return Self::Fixed(from.to_owned(), to.to_owned());
        }
        let word = place.get("range").unwrap_or(DEFAULT.0);
        let (word, seconds) = PRESETS.into_iter().find(|(preset, _)| *preset == word).unwrap_or(DEFAULT);
        Self::Last(word, seconds)
    }

    /// As a question has it: where it begins and ends, or how many seconds it reaches back from now.
    #[must_use]
    pub fn asked(self) -> (Option<String>, Option<String>, Option<f64>) {
        match self {
            Self::Last(_, seconds) => (None, None, Some(seconds)),
            Self::Fixed(from, to) => (Some(from), Some(to), None),
        }
    }

    /// Whether it moves with the clock.
    #[must_use]
    pub const fn moves(&self) -> bool {
        matches!(self, Self::Last(..))
    }
}

/// From the first to the last microsecond that may be looked at: what the server answers for, and nothing to come.
#[must_use]
pub const fn reach(now: i64) -> (i64, i64) {
    (now - REACH, now)
}

/// As much of a range as may be looked at; `None` when there is nothing of it.
#[must_use]
pub fn within_reach((from, to): (i64, i64), now: i64) -> Option<(i64, i64)> {
    let (first, last) = reach(now);
    let (from, to) = (from.max(first), to.min(last));
    (from < to).then_some((from, to))
}

/// The range from one second to another, as addresses have it, as wide as it is, and none that is to come.
#[must_use]
pub fn in_seconds((from, to): (i64, i64), now: i64) -> (i64, i64) {
    const SECOND: i64 = 1_000_000;
    // The nearest one: what moves by less than a second either way comes to another one in both directions.
    let nearest = |at: i64| (at + SECOND / 2).div_euclid(SECOND) * SECOND;
    let end = nearest(to).min(now.div_euclid(SECOND) * SECOND);
    // From its width: were both ends rounded by themselves, a range that is moved to now and back would lose a second.
    (end - nearest(to - from).max(SECOND), end)
}

/// The place with charts that show one of the presets.
#[must_use]
pub fn preset(place: Place, word: &str) -> Place {
    place.with("from", None).with("to", None).with("range", Some(word))
}

/// The place with charts zoomed to a range, in microseconds since 1970; `None`: the range before the zoom.
#[must_use]
pub fn zoomed(place: Place, range: Option<(i64, i64)>) -> Place {
    let Some((from, to)) = range else { return place.with("from", None).with("to", None) };
    // Whole seconds, and at least one of them.
    let to = to.max(from + 1_000_000);
    place.with("from", Some(&time::rfc3339(from))).with("to", Some(&time::rfc3339(to)))
}

#[cfg(test)]
mod tests {
    use super::super::route::Tab;
    use super::*;

    #[test]
    fn the_range_is_in_the_address() {
        let place = Place::of(Tab::Overview);
        assert_eq!(Range::of(&place), Range::Last("1h", 3_600.0));
        let six = preset(place, "6h");
        assert_eq!(Range::of(&six), Range::Last("6h", 21_600.0));
        let zoom = zoomed(six, Some((1_000_000, 5_000_000)));
        assert_eq!(
            Range::of(&zoom),
            Range::Fixed("1970-01-01T00:00:01Z".into(), "1970-01-01T00:00:05Z".into())
        );
        assert_eq!(Range::of(&zoomed(zoom, None)), Range::Last("6h", 21_600.0));
        for bad in ["?from=x&to=y", "?range=2y", "?from=1970-01-01T00:00:05Z&to=1970-01-01T00:00:01Z"] {
            assert_eq!(Range::of(&Place::parse("", "/", bad)), Range::Last("1h", 3_600.0), "{bad}");
        }
    }

    #[test]
    fn each_range_is_as_long_as_its_word_says() {
        assert_eq!(PRESETS.map(|(word, _)| word), ["5m", "30m", "1h", "3h", "6h", "24h", "7d"]);
        for (word, _) in PRESETS {
            let (number, unit) = word.split_at(word.len() - 1);
            let unit = [("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)].into_iter().find(|(u, _)| *u == unit);
            let seconds = number.parse::<f64>().unwrap() * unit.unwrap().1;
            let place = preset(Place::of(Tab::Overview), word);
            assert_eq!(Range::of(&place).asked(), (None, None, Some(seconds)), "{word}");
        }
        let (from, to) = ("1970-01-01T00:00:01Z", "1970-01-01T00:00:05Z");
        let fixed = Range::Fixed(from.into(), to.into());
        assert_eq!(fixed.asked(), (Some(from.into()), Some(to.into()), None));
    }

    #[test]
    fn nothing_is_asked_for_that_is_to_come_or_that_the_server_refuses() {
        const YEAR: i64 = 365 * 86_400_000_000;
        let now = 60 * YEAR;
        assert_eq!(within_reach((now - 5, now - 3), now), Some((now - 5, now - 3)));
        assert_eq!(within_reach((now - 5, now + 3), now), Some((now - 5, now)));
        assert_eq!(within_reach((now - 20 * YEAR, now), now), Some((now - 10 * YEAR, now)));
        for nothing in [(now, now + 5), (now + 1, now + 5), (now - 30 * YEAR, now - 20 * YEAR), (5, 5)] {
            assert_eq!(within_reach(nothing, now), None, "{nothing:?}");
        }
    }

    #[test]
    fn an_address_has_whole_seconds_that_are_over() {
        let now = 9_900_000;
        assert_eq!(in_seconds((3_750_000, 6_750_000), now), (4_000_000, 7_000_000));
        assert_eq!(in_seconds((2_250_000, 5_250_000), now), (2_000_000, 5_000_000));
        assert_eq!(in_seconds((6_000_000, 9_900_000), now), (5_000_000, 9_000_000));
        assert_eq!(in_seconds((3_900_000, 9_900_000), now), (3_000_000, 9_000_000), "a second narrower");
        assert_eq!(in_seconds((5_999_999, 6_000_000), now), (5_000_000, 6_000_000));
    }
}

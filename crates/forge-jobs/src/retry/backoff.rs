//! The delay before the next attempt.

use crate::limits::{BACKOFF_BASE, BACKOFF_JITTER, BACKOFF_MAX};
use std::time::Duration;

/// How long a queue waits before the next attempt of a job.
///
/// The curve is exponential backoff with proportional jitter: `min(max, base · 2^(n-1))`, spread by ±20 %, so that
/// a thousand jobs that failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffPolicy {
    /// Whether there is any delay. Off: a failed job is due again at once.
    pub enabled: bool,
    /// Delay after the first failure. Default 15 s.
    pub base: Duration,
    /// Longest delay before jitter. Default 6 h.
    pub max: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self { enabled: true, base: BACKOFF_BASE, max: BACKOFF_MAX }
    }
}

impl BackoffPolicy {
    /// The curve from `base`, after the first failure, to `max`, both before jitter.
    #[must_use]
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self { enabled: true, base, max }
    }

    /// No delay: a failed job is due again at once.
    #[must_use]
    pub const fn off() -> Self {
        Self { enabled: false, base: BACKOFF_BASE, max: BACKOFF_MAX }
    }

    /// The delay after the `n`-th failure in a row (1-based; 0 counts as 1), without jitter. Saturates.
    #[must_use]
    pub fn delay(&self, n: u32) -> Duration {
        if !self.enabled {
            return Duration::ZERO;
        }
        let doublings = n.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }

    /// The same with jitter: `unit` in 0..1 maps to 80 % … 120 %. Values outside are clamped.
    #[must_use]
    pub fn jittered(&self, n: u32, unit: f64) -> Duration {
        let unit = if unit.is_nan() { 0.5 } else { unit.clamp(0.0, 1.0) };
        let factor = BACKOFF_JITTER.mul_add(2.0 * unit, 1.0 - BACKOFF_JITTER);
        Duration::try_from_secs_f64(self.delay(n).as_secs_f64() * factor).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(base_ms: u64, max_ms: u64) -> BackoffPolicy {
        BackoffPolicy::new(Duration::from_millis(base_ms), Duration::from_millis(max_ms))
    }

    #[test]
    fn the_default_curve_doubles_from_15_s_to_6_h() {
        let p = BackoffPolicy::default();
        let secs: Vec<_> = (1..=13).map(|n| p.delay(n).as_secs()).collect();
        assert_eq!(secs, [15, 30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360, 21_600, 21_600]);
    }

    #[test]
    fn switched_off_there_is_no_delay() {
        assert_eq!(BackoffPolicy::off().jittered(5, 0.9), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn any_attempt_and_any_setting_stay_within_bounds(
            n in any::<u32>(), base in any::<u64>(), max in any::<u64>(), unit in any::<f64>()
        ) {
            let p = policy(base, max);
            prop_assert!(p.delay(n) <= p.max);
            let j = p.jittered(n, unit).as_secs_f64();
            let d = p.delay(n).as_secs_f64();
            prop_assert!(j >= d * 0.799 && j <= d * 1.201, "{j} {d}");
        }

        #[test]
        fn the_curve_never_falls(n in 0_u32..10_000, base in 0_u64..100_000, max in 0_u64..100_000_000) {
            prop_assert!(policy(base, max).delay(n) <= policy(base, max).delay(n + 1));
        }
    }
}

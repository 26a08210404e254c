//! Rates and percentiles, reckoned as `forge bench` does.

use std::time::Duration;

/// So many in so much time, per second.
#[must_use]
pub fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64().max(1e-9)
}

/// One digit after the point.
pub(crate) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The time that `share` of the samples do not exceed, in whole microseconds: the nearest rank.
pub(crate) fn percentile(samples: &mut [Duration], share: f64) -> Option<u64> {
    samples.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among samples that fit into memory, clamped to them"
    )]
    let rank = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len().max(1));
    samples.get(rank - 1).map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let us = |n: u64| Duration::from_micros(n);
        let mut samples: Vec<_> = (1..=100).rev().map(us).collect();
        assert_eq!(percentile(&mut samples, 0.5), Some(50));
        assert_eq!(percentile(&mut samples, 0.99), Some(99));
        assert_eq!(percentile(&mut [us(7)], 0.99), Some(7));
        assert_eq!(percentile(&mut [], 0.5), None);
    }
}

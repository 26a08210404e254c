//! Rates, percentiles, medians.

use std::time::Duration;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(pub(super) f64);

impl Rate {
    pub(super) fn of(count: u64, time: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
        let count = count as f64;
        Self(count / time.as_secs_f64().max(1e-9))
    }
}

/// The middle one; of an even number the lower one of the two.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// The time that `share` of the samples do not exceed, in whole microseconds: the nearest rank.
pub(super) fn percentile(samples: &mut [Duration], share: f64) -> Option<u64> {
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
        assert_eq!(percentile(&mut samples, 1.0), Some(100));
        assert_eq!(percentile(&mut [us(7)], 0.99), Some(7));
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![2.0, 1.0]), Some(1.0));
        assert_eq!(median(Vec::new()), None);
    }
}

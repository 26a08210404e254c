//! Histograms of durations that add up: of minutes, of processes, of both.

use super::varint::{push, take};
use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets per octave: 2 to this many. A bucket is so narrow that its middle is within 1/64 of each duration in it.
const BITS: u32 = 5;
const PER_OCTAVE: u64 = 1 << BITS;
/// The longest duration that is told apart from longer ones, in microseconds: some 139 years.
const LONGEST: u64 = (1 << 52) - 1;
/// Buckets there are.
pub const BUCKETS: u16 = 1_536;

/// The bucket of a duration. Whole microseconds below 32 have one each; above, each octave has 32 of equal width.
#[must_use]
pub fn bucket_of(duration: Duration) -> u16 {
    let us = u64::try_from(duration.as_micros()).unwrap_or(LONGEST).min(LONGEST);
    if us < PER_OCTAVE {
        return u16::try_from(us).unwrap_or(0);
    }
    let octave = us.ilog2() - BITS;
    let within = (us >> octave) - PER_OCTAVE;
    u16::try_from(u64::from(octave + 1) * PER_OCTAVE + within).unwrap_or(BUCKETS - 1)
}

/// The shortest duration of a bucket, in microseconds, and the width of the bucket.
const fn bounds(bucket: u16) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < PER_OCTAVE {
        return (bucket, 1);
    }
    let octave = bucket / PER_OCTAVE - 1;
    ((PER_OCTAVE + bucket % PER_OCTAVE) << octave, 1 << octave)
}

/// The middle of a bucket, in nanoseconds.
const fn middle(bucket: u16) -> u64 {
    let (from, width) = bounds(bucket);
    (from * 1_000).saturating_add((width - 1) * 500)
}

/// How many durations lie in which bucket.
///
/// A quantile of it is within 1/64 (1.6 %) of the one that all the durations have, and exact below 32 µs. Adding two up
/// is as good as having counted all in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: BTreeMap<u16, u64>,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        self.add(bucket_of(duration), 1);
    }

    /// Counts so many in a bucket; buckets that there are not count as the last one.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            let n = self.counts.entry(bucket.min(BUCKETS - 1)).or_default();
            *n = n.saturating_add(count);
        }
    }

    /// Adds another one up.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.iter() {
            self.add(bucket, count);
        }
    }

    /// Durations counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Buckets with something in them, the shortest durations first.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.counts.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// Durations counted in buckets that begin at this duration or before it.
    #[must_use]
    pub fn count_up_to(&self, duration: Duration) -> u64 {
        let last = bucket_of(duration);
        self.counts.range(..=last).fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// All durations together, as if each were the middle of its bucket.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.iter().fold(Duration::ZERO, |sum, (bucket, n)| {
            let nanos = u128::from(middle(bucket)).saturating_mul(n.into());
            sum.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
        })
    }

    /// The duration that a share `q` of all durations do not exceed, by nearest rank: the middle of its bucket. `q` is
    /// taken into 0 to 1; `None` if nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let q = if q.is_nan() { 0.0 } else { q.clamp(0.0, 1.0) };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank that is one off among 2^53 durations is none that anybody sees"
        )]
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut seen: u64 = 0;
        for (bucket, n) in self.iter() {
            seen = seen.saturating_add(n);
            if seen >= rank {
                return Some(Duration::from_nanos(middle(bucket)));
            }
        }
        None
    }

    /// As databases keep it: gaps between buckets and counts in turns, each as bytes of 7 bits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.counts.len() * 3);
        let mut next = 0;
        for (bucket, count) in self.iter() {
            push(&mut bytes, u64::from(bucket - next));
            push(&mut bytes, count);
            next = bucket;
        }
        bytes
    }

    /// From [`Self::to_bytes`]. What does not make sense is left out: a number in a chart is not worth an error.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut histogram = Self::default();
        let mut rest = bytes;
        let mut bucket: u64 = 0;
        while let (Some(gap), Some(count)) = (take(&mut rest), take(&mut rest)) {
            bucket = bucket.saturating_add(gap);
            match u16::try_from(bucket) {
                Ok(bucket) if bucket < BUCKETS => histogram.add(bucket, count),
                _ => break,
            }
        }
        histogram
    }
}

impl Extend<Duration> for Histogram {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, durations: T) {
        for duration in durations {
            self.record(duration);
        }
    }
}

impl FromIterator<Duration> for Histogram {
    fn from_iter<T: IntoIterator<Item = Duration>>(durations: T) -> Self {
        let mut histogram = Self::default();
        histogram.extend(durations);
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    /// What the durations themselves give.
    fn exact(durations: &mut [u64], q: f64) -> u64 {
        durations.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers"
        )]
        let rank = ((q * durations.len() as f64).ceil() as usize).clamp(1, durations.len());
        durations[rank - 1]
    }

    #[test]
    fn every_duration_lies_in_its_bucket_and_the_buckets_follow_each_other() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let (from, width) = bounds(bucket);
            assert_eq!(from, next, "bucket {bucket}");
            for in_it in [from, from + width - 1] {
                assert_eq!(bucket_of(us(in_it)), bucket, "{in_it} µs");
            }
            next = from + width;
        }
        assert_eq!(next, LONGEST + 1);
        for beyond in [us(LONGEST + 1), Duration::MAX] {
            assert_eq!(bucket_of(beyond), BUCKETS - 1);
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_one_has_only_itself() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        for q in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            assert_eq!(Histogram::from_iter([us(7)]).quantile(q), Some(us(7)), "{q}");
        }
    }

    #[test]
    fn bytes_that_make_no_sense_are_left_out() {
        for bytes in [&[0xFF; 40][..], &[1], &[0x80], &[0xFF, 0xFF, 0x7F, 1], &[0, 0, 1, 0]] {
            assert_eq!(Histogram::from_bytes(bytes), Histogram::default(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_64th_of_the_exact_one(
            mut durations in proptest::collection::vec(0..LONGEST, 1..200),
            shift in 0_u32..52,
            q in 0.0..=1.0,
        ) {
            for d in &mut durations {
                *d >>= shift;
            }
            let histogram: Histogram = durations.iter().copied().map(us).collect();
            let (got, exact) = (histogram.quantile(q).unwrap().as_nanos(), u128::from(exact(&mut durations, q)) * 1_000);
            prop_assert!(got.abs_diff(exact) * 64 <= exact, "{got} ns, exactly {exact} ns");
        }

        #[test]
        fn parts_add_up_to_the_whole(
            durations in proptest::collection::vec(0..LONGEST, 0..200),
            cut in 0_usize..200,
        ) {
            let (one, other) = durations.split_at(cut.min(durations.len()));
            let mut sum: Histogram = one.iter().copied().map(us).collect();
            sum.merge(&other.iter().copied().map(us).collect());
            prop_assert_eq!(&sum, &durations.iter().copied().map(us).collect());
            prop_assert_eq!(sum.count(), durations.len() as u64);
        }

        #[test]
        fn bytes_come_back(counts in proptest::collection::btree_map(0..BUCKETS, 1..u64::MAX, 0..100)) {
            let histogram = Histogram { counts };
            prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()), histogram);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let histogram = Histogram::from_bytes(&bytes);
            prop_assert!(histogram.iter().all(|(bucket, count)| bucket < BUCKETS && count > 0));
        }
    }
}

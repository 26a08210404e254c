//! What is known of a stretch of time.

use super::histogram::Histogram;
use super::varint::{push, take};
use crate::DeadReason;
use std::time::Duration;

/// How often things happened to jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Jobs that came in, by whatever process.
    pub enqueued: u64,
    /// Attempts whose handler began. Counted in the minute of their start, once they have ended.
    pub started: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Attempts that failed and whose job comes back.
    pub retried: u64,
    /// Attempts that were asked to wait.
    pub throttled: u64,
    /// Attempts whose process died, as the reaper found out.
    pub crashed: u64,
    /// Jobs that are dead, in the order of [`DeadReason::ALL`].
    pub dead: [u64; DeadReason::ALL.len()],
}

impl Counts {
    /// Jobs that died of one reason.
    #[must_use]
    pub fn dead_of(&self, reason: DeadReason) -> u64 {
        DeadReason::ALL.iter().zip(self.dead).find(|(r, _)| **r == reason).map_or(0, |(_, n)| n)
    }

    /// Jobs that died of whatever reason.
    #[must_use]
    pub fn dead_in_all(&self) -> u64 {
        self.dead.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    const fn numbers(&mut self) -> [&mut u64; 6 + DeadReason::ALL.len()] {
        let Self { enqueued, started, done, retried, throttled, crashed, dead } = self;
        let [exhausted, discarded, cancelled, poison, undecodable] = dead;
        [
            enqueued,
            started,
            done,
            retried,
            throttled,
            crashed,
            exhausted,
            discarded,
            cancelled,
            poison,
            undecodable,
        ]
    }
}

/// What is known of a stretch of time, in one queue, of one kind, or in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// How often what happened.
    pub counts: Counts,
    /// From when a job was due until its handler began; one per start.
    pub wait: Histogram,
    /// How long handlers ran; one per attempt that ended.
    pub run: Histogram,
    /// From when a job came in until it was done or dead after an attempt; one per job.
    pub total: Histogram,
    /// The longest that a job that could run had been waiting, of the moments at which that was looked at; `None` if it
    /// was not.
    pub oldest: Option<Duration>,
}

/// What the bytes begin with.
const FORMAT: u8 = 1;

impl Tally {
    /// Adds another one up.
    pub fn merge(&mut self, other: &Self) {
        let mut others = other.counts;
        for (n, more) in self.counts.numbers().into_iter().zip(others.numbers()) {
            *n = n.saturating_add(*more);
        }
        self.wait.merge(&other.wait);
        self.run.merge(&other.run);
        self.total.merge(&other.total);
        self.oldest = self.oldest.max(other.oldest);
    }

    /// As databases keep it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let mut counts = self.counts;
        for n in counts.numbers() {
            push(&mut bytes, *n);
        }
        let oldest = self.oldest.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX - 1) + 1);
        push(&mut bytes, oldest);
        for histogram in [&self.wait, &self.run, &self.total] {
            let part = histogram.to_bytes();
            push(&mut bytes, part.len() as u64);
            bytes.extend(part);
        }
        bytes
    }

    /// From [`Self::to_bytes`]. What does not make sense is left out: a number in a chart is not worth an error.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (format, mut rest) = bytes.split_first()?;
        if *format != FORMAT {
            return None;
        }
        let mut tally = Self::default();
        for n in tally.counts.numbers() {
            *n = take(&mut rest)?;
        }
        tally.oldest = take(&mut rest)?.checked_sub(1).map(Duration::from_micros);
        for histogram in [&mut tally.wait, &mut tally.run, &mut tally.total] {
            let length = usize::try_from(take(&mut rest)?).ok()?;
            let (part, after) = rest.split_at_checked(length)?;
            *histogram = Histogram::from_bytes(part);
            rest = after;
        }
        Some(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally() -> impl Strategy<Value = Tally> {
        let durations = || proptest::collection::vec(0_u64..1 << 40, 0..20);
        let counts = proptest::array::uniform11(0_u64..1 << 40);
        (counts, durations(), durations(), durations(), proptest::option::of(0_u64..1 << 40)).prop_map(
            |(numbers, wait, run, total, oldest)| {
                let mut tally = Tally::default();
                for (n, value) in tally.counts.numbers().into_iter().zip(numbers) {
                    *n = value;
                }
                let of = |d: Vec<u64>| d.into_iter().map(Duration::from_micros).collect();
                (tally.wait, tally.run, tally.total) = (of(wait), of(run), of(total));
                tally.oldest = oldest.map(Duration::from_micros);
                tally
            },
        )
    }

    #[test]
    fn counts_have_their_names() {
        let mut counts = Counts::default();
        assert!(counts.is_empty());
        for (n, number) in (1..).zip(counts.numbers()) {
            *number = n;
        }
        let Counts { enqueued, started, done, retried, throttled, crashed, dead } = counts;
        assert_eq!([enqueued, started, done, retried, throttled, crashed], [1, 2, 3, 4, 5, 6]);
        assert_eq!(dead, [7, 8, 9, 10, 11]);
        assert_eq!(counts.dead_of(DeadReason::Exhausted), 7);
        assert_eq!(counts.dead_of(DeadReason::Undecodable), 11);
        assert_eq!(counts.dead_in_all(), 45);
        assert!(!counts.is_empty());
    }

    proptest! {
        #[test]
        fn bytes_come_back(tally in tally()) {
            prop_assert_eq!(Tally::from_bytes(&tally.to_bytes()), tally);
        }

        #[test]
        fn bytes_that_are_cut_are_nothing(tally in tally(), keep in 0.0..1.0) {
            let bytes = tally.to_bytes();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
            let cut = (bytes.len() as f64 * keep) as usize;
            prop_assert_eq!(Tally::from_bytes(&bytes[..cut]), Tally::default());
        }

        #[test]
        fn the_order_in_which_they_are_added_up_does_not_matter(a in tally(), b in tally(), c in tally()) {
            let sum = |parts: [&Tally; 3]| parts.into_iter().fold(Tally::default(), |mut sum, part| {
                sum.merge(part);
                sum
            });
            prop_assert_eq!(sum([&a, &b, &c]), sum([&c, &a, &b]));
        }
    }
}

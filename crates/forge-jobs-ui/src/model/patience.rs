//! How long the panel waits before it asks again for what has failed.

/// The first wait, in milliseconds.
const FIRST: f64 = 3_000.0;
/// The longest, without what chance adds.
const LONGEST: f64 = 30_000.0;
/// What chance adds at most, as a part of the wait: pages that failed together do not ask together.
const SPREAD: f64 = 0.3;

/// Milliseconds before the next try, after so many failures in a row. `chance` is from 0 to 1.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "at most 39 000")]
pub fn wait(failures: u32, chance: f64) -> i32 {
    let doublings = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = (FIRST * 2.0_f64.powi(doublings)).min(LONGEST);
    (wait * SPREAD.mul_add(chance.clamp(0.0, 1.0), 1.0)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_their_longest_and_are_spread() {
        let waits: Vec<i32> = [0, 1, 2, 3, 4, 5, 6, u32::MAX].iter().map(|n| wait(*n, 0.0)).collect();
        assert_eq!(waits, [3_000, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000, 30_000]);
        assert_eq!(wait(1, 1.0), 3_900);
        assert_eq!(wait(9, 0.5), 34_500);
    }
}

//! Turning counts into numbers and back, in one place.

/// A count as a number: exact up to 2⁵³, which no slice reaches.
#[expect(clippy::cast_precision_loss, reason = "no slice is longer than 2^53")]
pub(crate) const fn float(count: usize) -> f64 {
    count as f64
}

/// A number as an index: what lies below 0 or is no number becomes 0, what is too large the largest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as is said")]
pub(crate) const fn index(value: f64) -> usize {
    value as usize
}

/// A number without its fraction; saturates, and what is no number becomes 0.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as is said")]
pub(crate) const fn whole(value: f64) -> i64 {
    value as i64
}

/// A whole number as a number: exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "times are kept within 2^53 microseconds")]
pub(crate) const fn wide(value: i64) -> f64 {
    value as f64
}

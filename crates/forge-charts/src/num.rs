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

/// The nearest whole number, halves away from zero; saturates, and what is no number becomes 0. Adding a half and cutting
/// off is a few instructions everywhere; rounding is a call on some machines.
pub(crate) const fn nearest(value: f64) -> i64 {
    whole(value + 0.5_f64.copysign(value))
}

/// The same for what fits 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as is said")]
pub(crate) const fn nearest_small(value: f64) -> i32 {
    (value + 0.5_f64.copysign(value)) as i32
}

/// A power of ten, the exact one's nearest neighbours included. What is no whole power goes by the exponential function:
/// the general power of the standard library is twice its size.
pub(crate) fn ten_to(power: f64) -> f64 {
    let whole = power.floor();
    let exact = 10_f64.powi(nearest_small(whole));
    if power > whole { exact * ((power - whole) * std::f64::consts::LN_10).exp() } else { exact }
}

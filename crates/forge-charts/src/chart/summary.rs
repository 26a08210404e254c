//! What a column of values amounts to: asked once for a picture, for its scale and for its words.

use std::ops::Range;

/// The ends of what a column holds at some positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The first position with the lowest value, and that value.
    pub(super) low: (usize, f64),
    /// The first position with the highest value, and that value.
    pub(super) high: (usize, f64),
    /// The last value.
    pub(super) last: f64,
}

/// The ends and the gaps of a column at some positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    /// None where there is no value.
    pub(super) ends: Option<Ends>,
    /// How many positions have no value.
    pub(super) gaps: usize,
}

impl Summary {
    /// Of the values at these positions.
    pub(super) fn of(values: &[f64], positions: Range<usize>) -> Self {
        let mut low = (0, f64::INFINITY);
        let mut high = (0, f64::NEG_INFINITY);
        let mut gaps = 0_usize;
        for (at, &value) in positions.clone().zip(&values[positions.clone()]) {
            // No comparison holds for what is no number, so only infinities need a second look.
            if value < low.1 && value.is_finite() {
                low = (at, value);
            }
            if value > high.1 && value.is_finite() {
                high = (at, value);
            }
            gaps += usize::from(!value.is_finite());
        }
        let last = values[positions].iter().rfind(|v| v.is_finite());
        Self { ends: last.map(|last| Ends { low, high, last: *last }), gaps }
    }

    /// The lowest and the highest value.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        self.ends.map(|ends| (ends.low.1, ends.high.1))
    }
}

/// The smallest of some values that is above zero.
pub(super) fn smallest_positive<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.filter(|v| v.is_finite() && **v > 0.0).copied().fold(f64::INFINITY, f64::min)
}

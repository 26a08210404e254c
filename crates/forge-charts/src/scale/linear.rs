//! The straight scale: equal steps of data are equal steps of pixels.

use super::ticks::nice_bounds;

/// Maps a domain (data) onto a range (pixels), in a straight line.
///
/// Either may run backwards: SVG's y grows downwards, so a y scale has the range `(height, 0)`. A domain of one value,
/// which a chart of equal values has, maps everything to the middle of the range. Bounds that are no finite number
/// count as 0, so a scale never puts `NaN` into a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Linear {
    /// A scale from `domain` to `range`.
    #[must_use]
    pub const fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self { domain: finite_pair(domain), range: finite_pair(range) }
    }

    /// The domain, as given or as made [`nice`](Self::nice).
    #[must_use]
    pub const fn domain(&self) -> (f64, f64) {
        self.domain
    }

    /// The range.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        self.range
    }

    /// The pixel of a value. Values outside the domain lie outside the range; `NaN` stays `NaN`, which is how a line
    /// knows a gap.
    #[must_use]
    pub fn map(&self, value: f64) -> f64 {
        // So far away that it is nowhere, but not so far that there is no number for it.
        interpolate(self.range, position(self.domain, value).clamp(-1e300, 1e300))
    }

    /// The value at a pixel: the inverse of [`map`](Self::map). A range of one pixel gives the middle of the domain.
    #[must_use]
    pub fn invert(&self, pixel: f64) -> f64 {
        interpolate(self.domain, position(self.range, pixel))
    }

    /// The same scale with a domain that begins and ends at a tick, if about `count` ticks are wanted.
    #[must_use]
    pub fn nice(self, count: usize) -> Self {
        let (from, to) = self.domain;
        let (low, high) = nice_bounds((from.min(to), from.max(to)), count);
        Self { domain: if from <= to { (low, high) } else { (high, low) }, ..self }
    }
}

const fn finite_pair((a, b): (f64, f64)) -> (f64, f64) {
    (if a.is_finite() { a } else { 0.0 }, if b.is_finite() { b } else { 0.0 })
}

/// Where a value lies between two others: 0 at the first, 1 at the second, the middle if they are one.
fn position((from, to): (f64, f64), value: f64) -> f64 {
    // Halves, since the distance of two finite numbers may be none.
    let span = to / 2.0 - from / 2.0;
    if value.is_nan() {
        f64::NAN
    } else if span == 0.0 {
        0.5
    } else {
        (value / 2.0 - from / 2.0) / span
    }
}

/// The value at a position between two others. Exact at both ends.
fn interpolate((from, to): (f64, f64), position: f64) -> f64 {
    from * (1.0 - position) + to * position
}

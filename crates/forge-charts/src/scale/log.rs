//! Scales for values of many sizes: latencies from microseconds to minutes in one picture.

use super::Linear;
use super::ticks::MAX_TICKS;

/// Equal ratios are equal distances. For what is never negative.
///
/// A logarithm has no zero: values of 0 and below lie at the lower end of the range, where the smallest positive value
/// lies too. So a latency of "0 µs" is drawn at the bottom, and is not lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Log {
    domain: (f64, f64),
    exponents: Linear,
}

impl Log {
    /// A scale from `domain` to `range`. Bounds that are no positive numbers are replaced: the upper one by 1, the
    /// lower one by a thousandth of the upper one.
    #[must_use]
    pub fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let high = if positive(domain.1) { domain.1 } else { 1.0 };
        let low = if positive(domain.0) { domain.0 } else { (high / 1000.0).max(f64::MIN_POSITIVE) };
        Self { domain: (low, high), exponents: Linear::new((low.log10(), high.log10()), range) }
    }

    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> (f64, f64) {
        self.domain
    }

    /// The range.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        self.exponents.range()
    }

    /// The pixel of a value; `NaN` stays `NaN`.
    #[must_use]
    pub fn map(&self, value: f64) -> f64 {
        if value <= 0.0 { self.range().0 } else { self.exponents.map(value.log10()) }
    }

    /// The value at a pixel; always positive.
    #[must_use]
    pub fn invert(&self, pixel: f64) -> f64 {
        crate::num::ten_to(self.exponents.invert(pixel).clamp(-307.0, 308.0))
    }

    /// The same with bounds moved outwards to powers of ten, or to 1, 2 and 5 times those when they are less than two
    /// powers apart.
    #[must_use]
    pub fn nice(self) -> Self {
        let (low, high) = self.domain;
        let factors: &[f64] = if high / low >= 100.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let round = |value: f64, up: bool| {
            let power = value.log10().floor();
            // One power to each side: the logarithm of 1000 may be 2.999….
            let candidates = [power - 1.0, power, power + 1.0]
                .into_iter()
                .flat_map(|p| factors.iter().map(move |f| f * crate::num::ten_to(p)));
            let close = value * 1e-12;
            if up {
                candidates.filter(|c| *c >= value - close).fold(f64::INFINITY, f64::min)
            } else {
                candidates.filter(|c| *c <= value + close).fold(0.0, f64::max)
            }
        };
        let (from, to) = (round(low, false), round(high, true));
        // One value has decades around it, since a picture of one line at its edge says nothing.
        let (from, to) = if from < to { (from, to) } else { (from / 10.0, to * 10.0) };
        if from.is_normal() && to.is_finite() { Self::new((from, to), self.range()) } else { self }
    }

    /// About `count` ticks, at most [`MAX_TICKS`]: powers of ten, every second or third of them when there are many. When
    /// there are few, also 3 times them, or 2 and 5 times them: as many as are one more than asked for.
    #[must_use]
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let (low, high) = (self.domain.0.min(self.domain.1), self.domain.0.max(self.domain.1));
        let count = count.clamp(1, MAX_TICKS);
        let every = ((high / low).log10() / crate::num::float(count)).ceil().max(1.0);
        let of =
            |factors: &[f64]| {
                let mut values = Vec::new();
                let mut power = (low.log10() / every).floor() * every;
                while power <= high.log10() + 1e-9 && values.len() < MAX_TICKS {
                    values.extend(factors.iter().map(|f| f * crate::num::ten_to(power)).filter(|v| {
                        *v >= low * (1.0 - 1e-12) && *v <= high * (1.0 + 1e-12) && v.is_normal()
                    }));
                    power += every;
                }
                values.truncate(MAX_TICKS);
                values
            };
        // Between powers that are left out, other multiples would stand alone.
        let finer: &[&[f64]] = if every > 1.0 { &[] } else { &[&[1.0, 2.0, 5.0], &[1.0, 3.0]] };
        let fits = finer.iter().map(|factors| of(factors)).find(|values| values.len() <= count + 1);
        fits.unwrap_or_else(|| of(&[1.0]))
    }
}

/// Straight around zero, logarithmic far from it, on both sides: for differences that may be negative.
///
/// The bi-symmetric logarithm of J. B. W. Webber, "A bi-symmetric log transformation for wide-range data", Measurement
/// Science and Technology 24 (2013): sign(v) · log₁₀(1 + |v| / c), where `c` is the size up to which it is about straight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symlog {
    domain: (f64, f64),
    constant: f64,
    bent: Linear,
}

impl Symlog {
    /// A scale from `domain` to `range`; a constant that is no positive number counts as 1.
    #[must_use]
    pub fn new(domain: (f64, f64), range: (f64, f64), constant: f64) -> Self {
        let constant = if constant.is_finite() && constant > 0.0 { constant } else { 1.0 };
        let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
        let domain = (finite(domain.0), finite(domain.1));
        let bent = Linear::new((bend(domain.0, constant), bend(domain.1, constant)), range);
        Self { domain, constant, bent }
    }

    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> (f64, f64) {
        self.domain
    }

    /// The size up to which it is about straight.
    #[must_use]
    pub const fn constant(&self) -> f64 {
        self.constant
    }

    /// The range.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        self.bent.range()
    }

    /// The pixel of a value; `NaN` stays `NaN`.
    #[must_use]
    pub fn map(&self, value: f64) -> f64 {
        self.bent.map(bend(value, self.constant))
    }

    /// The value at a pixel.
    #[must_use]
    pub fn invert(&self, pixel: f64) -> f64 {
        let bent = self.bent.invert(pixel);
        ((crate::num::ten_to(bent.abs().min(307.0)) - 1.0) * self.constant).copysign(bent)
    }

    /// About `count` ticks: zero, and powers of ten from the constant up on the sides that the domain has.
    #[must_use]
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let (low, high) = (self.domain.0.min(self.domain.1), self.domain.0.max(self.domain.1));
        let floor = self.constant.log10().round();
        let side = |reach: f64| -> Vec<f64> {
            if reach < crate::num::ten_to(floor) {
                return Vec::new();
            }
            let decades = reach.log10() - floor;
            let wanted = crate::num::float(count.clamp(2, MAX_TICKS) / 2);
            let every = (decades / wanted).ceil().max(1.0);
            let steps = crate::num::index(decades / every).min(MAX_TICKS / 2 - 1);
            (0..=steps).map(|i| crate::num::ten_to(floor + every * crate::num::float(i))).collect()
        };
        let mut values: Vec<f64> = side(-low).into_iter().rev().map(|v| -v).collect();
        if low <= 0.0 && high >= 0.0 {
            values.push(0.0);
        }
        values.extend(side(high));
        values.retain(|v| v.is_finite() && *v >= low && *v <= high);
        values
    }
}

fn bend(value: f64, constant: f64) -> f64 {
    // The quotient of two finite numbers may be none.
    (value.abs() / constant).min(f64::MAX).ln_1p().copysign(value) / std::f64::consts::LN_10
}

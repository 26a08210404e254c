//! How values are written: short below an axis, exact in a tooltip.

mod bytes;
mod duration;
mod number;

use crate::scale::{MAX_TICKS, ticks};

/// What a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A number: 1.2k on the axis, 12 345 in the tooltip.
    #[default]
    Number,
    /// Bytes in powers of 1024: 4 KiB.
    Bytes,
    /// A length of time in seconds: 250 µs, 1.5 s, 2 h 5 min.
    Seconds,
    /// A share, where 1 is 100 %.
    Percent,
}

impl Format {
    /// A value in full, as tooltip, table and descriptions show it. A gap is "no data", which is not 0.
    #[must_use]
    pub fn value(self, value: f64) -> String {
        if !value.is_finite() {
            return "no data".to_owned();
        }
        // Adding 0 turns -0 into 0.
        let value = value + 0.0;
        match self {
            Self::Number => number::exact(value),
            Self::Bytes => bytes::value(value),
            Self::Seconds => duration::value(value),
            Self::Percent => format!("{} %", number::significant(percent(value), 4)),
        }
    }

    /// A value below an axis, with the decimals that ticks `step` apart need.
    #[must_use]
    pub fn tick(self, value: f64, step: f64) -> String {
        if !value.is_finite() {
            return String::new();
        }
        let value = value + 0.0;
        match self {
            Self::Number => number::short(value, step),
            Self::Bytes => bytes::tick(value, step),
            Self::Seconds => duration::tick(value, step),
            Self::Percent => {
                format!("{}%", number::decimals(percent(value), number::decimals_of(step * 100.0)))
            }
        }
    }

    /// Round values between two bounds, about `count`, at most [`MAX_TICKS`]: 1, 2 and 5 times powers of ten, powers
    /// of two for bytes, and for lengths of time what clocks count in.
    #[must_use]
    pub fn ticks(self, bounds: (f64, f64), count: usize) -> Vec<f64> {
        match self {
            Self::Number | Self::Percent => ticks(bounds, count),
            Self::Bytes => {
                bytes::step(bounds, count).map_or_else(|| ticks(bounds, count), |s| multiples(bounds, s))
            }
            Self::Seconds => {
                duration::step(bounds, count).map_or_else(|| ticks(bounds, count), |s| multiples(bounds, s))
            }
        }
    }

    /// The bounds moved outwards to round values.
    pub(crate) fn nice(self, bounds: (f64, f64), count: usize) -> (f64, f64) {
        let step = match self {
            Self::Number | Self::Percent => None,
            Self::Bytes => bytes::step(bounds, count),
            Self::Seconds => duration::step(bounds, count),
        };
        let Some(step) = step else {
            return crate::scale::Linear::new(bounds, (0.0, 1.0)).nice(count).domain();
        };
        let wider = ((bounds.0 / step).floor() * step, (bounds.1 / step).ceil() * step);
        if wider.0.is_finite() && wider.1.is_finite() { wider } else { bounds }
    }
}

/// The multiples of a step between two bounds.
fn multiples((low, high): (f64, f64), step: f64) -> Vec<f64> {
    let slack = 1e-9;
    let mut index = (low / step - slack).ceil();
    let last = (high / step + slack).floor();
    let mut values = Vec::new();
    while index <= last && values.len() < MAX_TICKS {
        values.push(index * step + 0.0);
        index += 1.0;
    }
    values
}

/// The first of some rising steps with which about `count` fit between the bounds.
fn fitting((low, high): (f64, f64), count: usize, steps: impl Iterator<Item = f64>) -> Option<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || count == 0 {
        return None;
    }
    let wanted = span / crate::num::float(count.min(MAX_TICKS));
    let mut steps = steps.filter(|s| *s > 0.0).peekable();
    let first = *steps.peek()?;
    // Below the first step the ordinary ones serve.
    if wanted < first * 0.7 {
        return None;
    }
    steps.find(|step| *step >= wanted * 0.75)
}

/// A share in percent. The largest numbers have none, and stay as large as there is.
const fn percent(share: f64) -> f64 {
    (share * 100.0).clamp(f64::MIN, f64::MAX)
}

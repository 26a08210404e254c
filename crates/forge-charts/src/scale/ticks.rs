//! Round numbers for an axis.
//!
//! The steps are 1, 2 and 5 times a power of ten, and the one is chosen whose number of ticks is nearest to what was
//! asked for on a logarithmic scale: the limits between them are the geometric means √2, √10 and √50. Sources:
//! P. Heckbert, "Nice Numbers for Graph Labels", Graphics Gems (1990), pp. 61–63, for the numbers; the geometric means
//! are those that d3-array's manual gives for its ticks.

/// The most ticks that an axis ever gets, however many are asked for.
pub const MAX_TICKS: usize = 100;

/// The distance between two ticks if about `count` of them are wanted between `low` and `high`.
///
/// `None` when there is no distance: bounds that are equal, the wrong way round or no finite numbers, a count of 0, or
/// bounds so near to each other that their steps cannot be told apart.
#[must_use]
pub fn tick_step((low, high): (f64, f64), count: usize) -> Option<f64> {
    Step::new((low, high), count).map(Step::size)
}

/// Round numbers between `low` and `high`, both included where they are round: about `count`, at most [`MAX_TICKS`].
///
/// Bounds that are equal give that one value; bounds the wrong way round or no finite numbers, and a count of 0, give
/// none.
#[must_use]
pub fn ticks((low, high): (f64, f64), count: usize) -> Vec<f64> {
    if low.is_finite() && low.total_cmp(&high).is_eq() && count > 0 {
        return vec![low];
    }
    let Some(step) = Step::new((low, high), count) else { return Vec::new() };
    let first = step.index(low).ceil();
    let last = step.index(high).floor();
    let mut values = Vec::new();
    let mut index = first;
    while index <= last && values.len() < MAX_TICKS {
        // Adding 0 turns -0 into 0, which people want to read.
        values.push(step.value(index) + 0.0);
        index += 1.0;
    }
    values
}

/// The bounds moved outwards to the next ticks.
pub(super) fn nice_bounds((low, high): (f64, f64), count: usize) -> (f64, f64) {
    let (mut from, mut to) = (low, high);
    // Wider bounds may ask for a longer step, whose ticks lie further out still; the second round settles it.
    for _ in 0..3 {
        let Some(step) = Step::new((from, to), count) else { return (from, to) };
        let wider = (step.value(step.index(from).floor()), step.value(step.index(to).ceil()));
        if !wider.0.is_finite() || !wider.1.is_finite() || wider == (from, to) {
            return (from, to);
        }
        (from, to) = wider;
    }
    (from, to)
}

/// A step between ticks: `factor` · 10^`power`, with a factor of 1, 2 or 5.
#[derive(Clone, Copy)]
struct Step {
    factor: f64,
    power: i32,
}

impl Step {
    fn new((low, high): (f64, f64), count: usize) -> Option<Self> {
        if !(low.is_finite() && high.is_finite() && low < high) || count == 0 {
            return None;
        }
        let count = u32::try_from(count.min(MAX_TICKS)).ok()?;
        let wanted = high / f64::from(count) - low / f64::from(count);
        let power = wanted.log10().floor();
        if !wanted.is_normal() || !power.is_finite() {
            return None;
        }
        let error = wanted / crate::num::ten_to(power);
        let (factor, more) = if error >= 50_f64.sqrt() {
            (1.0, 1.0)
        } else if error >= 10_f64.sqrt() {
            (5.0, 0.0)
        } else if error >= 2_f64.sqrt() {
            (2.0, 0.0)
        } else {
            (1.0, 0.0)
        };
        // A double's exponent lies between -324 and 308.
        #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a normal double fits an i32")]
        let step = Self { factor, power: (power + more) as i32 };
        // Neighbouring ticks must be different numbers.
        let largest = low.abs().max(high.abs());
        (step.size().is_normal() && largest + step.size() > largest).then_some(step)
    }

    fn size(self) -> f64 {
        self.factor * 10_f64.powi(self.power)
    }

    /// Which tick a value would be; whole for a tick.
    fn index(self, value: f64) -> f64 {
        // Negative powers of ten are no doubles, but positive ones are (up to 22): multiply instead.
        let index =
            if self.power < 0 { value * 10_f64.powi(-self.power) / self.factor } else { value / self.size() };
        // 0.3 / 0.1 is 2.9999999999999996: within a few roundings of a whole number it is that number.
        let whole = index.round();
        if (index - whole).abs() <= whole.abs().max(1.0) * 4.0 * f64::EPSILON { whole } else { index }
    }

    fn value(self, index: f64) -> f64 {
        if self.power < 0 { index * self.factor / 10_f64.powi(-self.power) } else { index * self.size() }
    }
}

//! Stacking: each series stands on those before it.

use crate::data::Frame;
use std::ops::Range;

/// Where the values of one series begin and end, for a range of positions.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Which series.
    pub series: usize,
    /// The lower ends (the upper ones below zero), `NaN` at a gap. Position 0 is the range's start.
    pub bases: Vec<f64>,
    /// The other ends.
    pub tops: Vec<f64>,
}

/// Stacks the given series over a range of positions. Values below zero are stacked downwards, apart from those above.
/// A gap of one series adds nothing to the others and stays a gap.
#[must_use]
pub fn stack(frame: &Frame, series: &[usize], range: Range<usize>) -> Vec<Layer> {
    let range = range.start.min(frame.len())..range.end.min(frame.len());
    let mut up = vec![0.0_f64; range.len()];
    let mut down = vec![0.0_f64; range.len()];
    let mut layers = Vec::with_capacity(series.len());
    for &index in series {
        let Some(column) = frame.series().get(index) else { continue };
        let mut bases = Vec::with_capacity(range.len());
        let mut tops = Vec::with_capacity(range.len());
        for (at, value) in column.values()[range.clone()].iter().enumerate() {
            if !value.is_finite() {
                bases.push(f64::NAN);
                tops.push(f64::NAN);
                continue;
            }
            let pile = if *value < 0.0 { &mut down[at] } else { &mut up[at] };
            bases.push(*pile);
            // Sums of finite numbers may be none.
            *pile = (*pile + value).clamp(f64::MIN, f64::MAX);
            tops.push(*pile);
        }
        layers.push(Layer { series: index, bases, tops });
    }
    layers
}

/// Base and top of each series at one position; `None` at a gap.
#[must_use]
pub fn at(frame: &Frame, series: &[usize], position: usize) -> Vec<Option<(f64, f64)>> {
    let (mut up, mut down) = (0.0_f64, 0.0_f64);
    series
        .iter()
        .map(|index| {
            let value = frame.series().get(*index)?.value(position)?;
            let pile = if value < 0.0 { &mut down } else { &mut up };
            let base = *pile;
            *pile = (base + value).clamp(f64::MIN, f64::MAX);
            Some((base, *pile))
        })
        .collect()
}

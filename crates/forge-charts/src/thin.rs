//! Fewer points with the same picture: the smallest and the largest of each column of pixels.
//!
//! A screen cannot show more than one column tells: where its line begins, how far it reaches down and up, and where it
//! ends. So a series of any length becomes at most four points a column and keeps every peak. Source: U. Jugel,
//! Z. Jerzak, G. Hackenbroich, V. Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", PVLDB 7 (2014),
//! pp. 797–808, whose four points draw the very pixels of all of them. LTTB (S. Steinarsson, 2013) needs fewer points
//! for a similar shape, but leaves peaks out, and a peak is what a latency chart is looked at for.

use crate::num::float;
use crate::scale::Linear;
use std::ops::Range;

/// A piece of line without a gap: its positions in the data, rising.
pub type Run = Vec<usize>;

/// Where a column's line begins, reaches and ends, before a gap and after it.
#[derive(Default)]
struct Part {
    first: usize,
    low: usize,
    high: usize,
    last: usize,
    found: bool,
}

impl Part {
    fn add(&mut self, at: usize, ys: &[f64]) {
        if !self.found {
            *self = Self { first: at, low: at, high: at, last: at, found: true };
            return;
        }
        if ys[at] < ys[self.low] {
            self.low = at;
        }
        if ys[at] > ys[self.high] {
            self.high = at;
        }
        self.last = at;
    }

    /// That of a column without a gap, which begins at `first`. Nearly all are, so this loop is what a long series costs.
    fn whole(first: usize, values: &[f64]) -> Self {
        let (mut low, mut high) = ((0, f64::INFINITY), (0, f64::NEG_INFINITY));
        for (at, &value) in values.iter().enumerate() {
            if value < low.1 {
                low = (at, value);
            }
            if value > high.1 {
                high = (at, value);
            }
        }
        let last = values.len().saturating_sub(1);
        Self { first, low: first + low.0, high: first + high.0, last: first + last, found: true }
    }

    /// Adds its points to a run, in order and each one once.
    fn write(&self, run: &mut Run) {
        let (a, b) = (self.low.min(self.high), self.low.max(self.high));
        for at in [self.first, a, b, self.last] {
            if run.last() != Some(&at) {
                run.push(at);
            }
        }
    }
}

/// The runs of a column of values within `range`, split at gaps, reduced to the columns of pixels of `x`.
///
/// First and last point of every run are kept. Within one column at most two gaps are told apart, since there is no room for more. So there
/// are at most eight points a column, four where it has no gap, however many points there are; when there are no more
/// than two a column, all of them are kept.
///
/// `xs` must rise (as in a [`Frame`](crate::data::Frame)); `ys` beyond its end counts as a gap.
#[must_use]
pub fn runs(xs: &[f64], ys: &[f64], range: Range<usize>, x: &Linear) -> Vec<Run> {
    let end = range.end.min(xs.len()).min(ys.len());
    let range = range.start.min(end)..end;
    let pixels = (x.range().1 - x.range().0).abs().ceil().clamp(1.0, 1e4);
    let mut runs: Vec<Run> = Vec::new();
    let mut run = Run::new();
    if float(range.len()) <= pixels * 2.0 {
        for at in range {
            if ys[at].is_finite() {
                run.push(at);
            } else {
                finish(&mut run, &mut runs);
            }
        }
        finish(&mut run, &mut runs);
        return runs;
    }
    for column in columns(xs, range, x, pixels) {
        let values = &ys[column.clone()];
        if values.iter().all(|v| v.is_finite()) {
            Part::whole(column.start, values).write(&mut run);
        } else {
            with_gaps(column, ys, &mut run, &mut runs);
        }
    }
    finish(&mut run, &mut runs);
    runs
}

/// Adds the points of a column that has gaps.
fn with_gaps(column: Range<usize>, ys: &[f64], run: &mut Run, runs: &mut Vec<Run>) {
    let mut before = Part::default();
    let mut after = Part::default();
    let mut gap_first = false;
    let mut gap = false;
    for at in column {
        if !ys[at].is_finite() {
            gap_first |= !before.found;
            gap = true;
        } else if gap && before.found {
            after.add(at, ys);
        } else {
            before.add(at, ys);
        }
    }
    if gap_first {
        finish(run, runs);
    }
    if before.found {
        before.write(run);
    }
    if gap && before.found && (after.found || !gap_first) {
        finish(run, runs);
    }
    if after.found {
        after.write(run);
    }
}

fn finish(run: &mut Run, runs: &mut Vec<Run>) {
    if !run.is_empty() {
        runs.push(std::mem::take(run));
    }
}

/// The positions of each column of pixels; columns without a point are left out.
fn columns<'a>(
    xs: &'a [f64],
    range: Range<usize>,
    x: &'a Linear,
    pixels: f64,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let (low, high) = (x.domain().0.min(x.domain().1), x.domain().0.max(x.domain().1));
    let width = (high / pixels - low / pixels).max(f64::MIN_POSITIVE);
    let mut start = range.start;
    // One column before the picture and one behind it: where lines come from and go to.
    let mut number = -1.0;
    std::iter::from_fn(move || {
        while start < range.end {
            number += 1.0;
            let limit = if number > pixels { f64::INFINITY } else { low + width * number };
            let rest = &xs[start..range.end];
            let end = start + if number > pixels { rest.len() } else { rest.partition_point(|x| *x < limit) };
            if end > start {
                let column = start..end;
                start = end;
                return Some(column);
            }
        }
        None
    })
}

/// One position for each group of neighbours that share `pixels` columns: the one with the largest size. For bars,
/// which are too narrow to be drawn when there are more of them than pixels.
#[must_use]
pub fn peaks(range: Range<usize>, pixels: usize, size: impl Fn(usize) -> f64) -> Vec<usize> {
    let count = range.len();
    if count <= pixels.max(1) {
        return range.collect();
    }
    let group = count.div_ceil(pixels.max(1));
    let starts = range.clone().step_by(group);
    starts
        .filter_map(|start| {
            let members = start..(start + group).min(range.end);
            members.fold(None, |best: Option<(usize, f64)>, at| match best {
                Some((_, most)) if size(at) <= most || size(at).is_nan() => best,
                _ => Some((at, size(at))),
            })
        })
        .map(|(at, _)| at)
        .collect()
}

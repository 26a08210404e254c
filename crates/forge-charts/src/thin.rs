//! Fewer points with the same picture: the smallest and the largest of each column of pixels.
//!
//! A screen cannot show more than how far a line reaches down and up in each column. So a series of any length becomes at
//! most two points a column, keeps every peak, and begins and ends where it does. Source: U. Jugel, Z. Jerzak,
//! G. Hackenbroich, V. Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", PVLDB 7 (2014), pp. 797–808.
//! They keep the first and the last point of each column too, and draw the very pixels of all points with lines one
//! pixel wide. Ours are wider and smoothed; without those two a line enters the next column at most a pixel further on,
//! which nobody sees, and a browser reads and draws it in half the time. LTTB (S. Steinarsson, 2013) needs fewer points
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

    /// Adds its ends to a run, in their order, and in front of them the first point if the run begins with it.
    fn write(&self, run: &mut Run) {
        if run.is_empty() {
            run.push(self.first);
        }
        add(run, self.low.min(self.high));
        add(run, self.low.max(self.high));
    }
}

/// The runs of a column of values within `range`, split at gaps, reduced to the columns of pixels of `x`.
///
/// First and last point of every run are kept. Within one column at most two gaps are told apart, since there is no room
/// for more. So there are at most eight points a column, two where it has no gap, however many points there are; when there
/// are no more than two a column, all of them are kept.
///
/// `xs` must rise (as in a [`Frame`](crate::data::Frame)); `ys` beyond its end counts as a gap.
#[must_use]
pub fn runs(xs: &[f64], ys: &[f64], range: Range<usize>, x: &Linear) -> Vec<Run> {
    let bound = range.end.min(xs.len()).min(ys.len());
    let range = range.start.min(bound)..bound;
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
    // The last point of the column before, which is written only where the run ends with it.
    let mut last = 0;
    for column in columns(xs, range, x, pixels) {
        let values = &ys[column.clone()];
        if values.iter().all(|v| v.is_finite()) {
            last = column.end - 1;
            Part::whole(column.start, values).write(&mut run);
        } else {
            with_gaps(column, ys, &mut last, &mut run, &mut runs);
        }
    }
    end(last, &mut run, &mut runs);
    runs
}

/// Adds the points of a column that has gaps.
fn with_gaps(column: Range<usize>, ys: &[f64], last: &mut usize, run: &mut Run, runs: &mut Vec<Run>) {
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
        end(*last, run, runs);
    }
    if before.found {
        before.write(run);
        *last = before.last;
    }
    if gap && before.found && (after.found || !gap_first) {
        end(*last, run, runs);
    }
    if after.found {
        after.write(run);
        *last = after.last;
    }
}

/// Adds a point to a run unless it is there.
fn add(run: &mut Run, at: usize) {
    if run.last() != Some(&at) {
        run.push(at);
    }
}

/// Ends a run with its last point.
fn end(last: usize, run: &mut Run, runs: &mut Vec<Run>) {
    if !run.is_empty() {
        add(run, last);
        finish(run, runs);
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
    let mut length = 0;
    // One column before the picture and one behind it: where lines come from and go to.
    let mut number = -1.0;
    std::iter::from_fn(move || {
        while start < range.end {
            number += 1.0;
            let limit = if number > pixels { f64::INFINITY } else { low + width * number };
            let rest = &xs[start..range.end];
            let end = start + if number > pixels { rest.len() } else { below(rest, limit, length) };
            if end > start {
                length = end - start;
                let column = start..end;
                start = end;
                return Some(column);
            }
        }
        None
    })
}

/// How many of some rising numbers lie below a limit; about `guess`, most likely.
fn below(xs: &[f64], limit: f64, guess: usize) -> usize {
    // Buckets lie evenly, so that a column has as many points as the one before, or one more or less.
    let mut near = guess.saturating_sub(1)..=guess + 1;
    let is_it = |count: &usize| {
        *count <= xs.len()
            && (*count == 0 || xs[count - 1] < limit)
            && xs.get(*count).is_none_or(|x| *x >= limit)
    };
    near.find(is_it).unwrap_or_else(|| xs.partition_point(|x| *x < limit))
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

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

/// The same, each position with the column of pixels in which it lies: -1 is all that is left of the picture.
type Placed = Vec<(i32, usize)>;

/// Columns of pixels that have fixed places in the data, each a multiple of their width away from zero.
///
/// A range that moves on by less than a column has the same columns, and so the same picture: of data that comes in live
/// only what is new is drawn, and what is old does not shimmer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// In units of x.
    width: f64,
    /// The number of the first column of the picture, from zero on; whole.
    first: f64,
    /// How many there are; whole.
    count: f64,
}

impl Grid {
    /// The columns of a picture that shows a range up to its end; less than a column is missing from its begin. `None`
    /// for a picture of no width, and where the numbers of the range cannot tell its columns apart.
    #[must_use]
    pub fn new((from, to): (f64, f64), pixels: f64) -> Option<Self> {
        let count = pixels.floor();
        // Exact where a range of whole numbers moves, so that its columns have the same width everywhere.
        let width = (to - from) / count;
        // An end that lies on the edge of a column, but for a rounding, ends there.
        let end = (to / width - 1e-3).ceil();
        let first = end - count;
        let exact = |column: f64| column.abs() < 1e12;
        let usable =
            (1.0..=2e4).contains(&count) && width > 0.0 && width.is_normal() && exact(end) && exact(first);
        usable.then_some(Self { width, first, count })
    }

    /// The range of x from the first column to the last one.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.start(0.0), self.start(self.count))
    }

    /// How many columns there are.
    #[must_use]
    pub const fn count(&self) -> f64 {
        self.count
    }

    /// The number of the first column, counted from zero.
    #[must_use]
    pub const fn first(&self) -> f64 {
        self.first
    }

    fn start(&self, column: f64) -> f64 {
        (self.first + column) * self.width
    }
}

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

    /// That of a column without a gap, which begins at `first`; `None` if it has one. Nearly none has, so this loop is
    /// what a long series costs.
    fn whole(first: usize, values: &[f64]) -> Option<Self> {
        let (mut low, mut high) = ((0, f64::INFINITY), (0, f64::NEG_INFINITY));
        let mut gap = false;
        for (at, &value) in values.iter().enumerate() {
            gap |= value.is_nan();
            if value < low.1 {
                low = (at, value);
            }
            if value > high.1 {
                high = (at, value);
            }
        }
        let whole = !gap && low.1.is_finite() && high.1.is_finite();
        let last = values.len().saturating_sub(1);
        let part = Self { first, low: first + low.0, high: first + high.0, last: first + last, found: true };
        whole.then_some(part)
    }

    /// Adds its ends to a run, in their order, and in front of them the first point if the run begins with it.
    fn write(&self, column: i32, run: &mut Placed) {
        if run.is_empty() {
            run.push((column, self.first));
        }
        add(run, (column, self.low.min(self.high)));
        add(run, (column, self.low.max(self.high)));
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
    let range = common(xs, ys, range);
    let pixels = (x.range().1 - x.range().0).abs().ceil().clamp(1.0, 1e4);
    if float(range.len()) <= pixels * 2.0 {
        return all(ys, range);
    }
    let (low, high) = (x.domain().0.min(x.domain().1), x.domain().0.max(x.domain().1));
    let width = (high / pixels - low / pixels).max(f64::MIN_POSITIVE);
    let placed = reduced(ys, columns(xs, range, pixels, |column| low + width * column));
    placed.into_iter().map(|run| run.into_iter().map(|(_, at)| at).collect()).collect()
}

/// The same in the columns of a grid, however few the points are.
#[must_use]
pub fn placed(xs: &[f64], ys: &[f64], range: Range<usize>, grid: &Grid) -> Vec<Vec<(i32, usize)>> {
    reduced(ys, columns(xs, common(xs, ys, range), grid.count, |column| grid.start(column)))
}

/// The part of a range that both columns have.
fn common(xs: &[f64], ys: &[f64], range: Range<usize>) -> Range<usize> {
    let bound = range.end.min(xs.len()).min(ys.len());
    range.start.min(bound)..bound
}

/// The runs with all of their points.
fn all(ys: &[f64], range: Range<usize>) -> Vec<Run> {
    let (mut runs, mut run) = (Vec::new(), Run::new());
    for at in range {
        if ys[at].is_finite() {
            run.push(at);
        } else {
            finish(&mut run, &mut runs);
        }
    }
    finish(&mut run, &mut runs);
    runs
}

/// The runs with the ends of each column.
fn reduced(ys: &[f64], columns: impl Iterator<Item = (i32, Range<usize>)>) -> Vec<Placed> {
    let (mut runs, mut run) = (Vec::new(), Placed::new());
    // The last point of the column before, which is written only where the run ends with it.
    let mut last = (0, 0);
    for (column, positions) in columns {
        if let Some(part) = Part::whole(positions.start, &ys[positions.clone()]) {
            last = (column, part.last);
            part.write(column, &mut run);
        } else {
            with_gaps((column, positions), ys, &mut last, &mut run, &mut runs);
        }
    }
    end(last, &mut run, &mut runs);
    runs
}

/// Adds the points of a column that has gaps.
fn with_gaps(
    (column, positions): (i32, Range<usize>),
    ys: &[f64],
    last: &mut (i32, usize),
    run: &mut Placed,
    runs: &mut Vec<Placed>,
) {
    let mut before = Part::default();
    let mut after = Part::default();
    let mut gap_first = false;
    let mut gap = false;
    for at in positions {
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
        before.write(column, run);
        *last = (column, before.last);
    }
    if gap && before.found && (after.found || !gap_first) {
        end(*last, run, runs);
    }
    if after.found {
        after.write(column, run);
        *last = (column, after.last);
    }
}

/// Adds a point to a run unless it is there.
fn add(run: &mut Placed, point: (i32, usize)) {
    if run.last() != Some(&point) {
        run.push(point);
    }
}

/// Ends a run with its last point.
fn end(last: (i32, usize), run: &mut Placed, runs: &mut Vec<Placed>) {
    if !run.is_empty() {
        add(run, last);
        finish(run, runs);
    }
}

fn finish<T>(run: &mut Vec<T>, runs: &mut Vec<Vec<T>>) {
    if !run.is_empty() {
        runs.push(std::mem::take(run));
    }
}

/// The positions of each column of pixels, which ends where `limit` says; columns without a point are left out. One
/// column more before the picture and one behind it: where lines come from and go to.
fn columns(
    xs: &[f64],
    range: Range<usize>,
    pixels: f64,
    limit: impl Fn(f64) -> f64,
) -> impl Iterator<Item = (i32, Range<usize>)> {
    let mut start = range.start;
    let mut length = 0;
    let mut number = -1.0;
    let mut column = -2;
    std::iter::from_fn(move || {
        while start < range.end {
            number += 1.0;
            column += 1;
            let rest = &xs[start..range.end];
            let end = start + if number > pixels { rest.len() } else { below(rest, limit(number), length) };
            if end > start {
                length = end - start;
                let positions = start..end;
                start = end;
                return Some((column, positions));
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

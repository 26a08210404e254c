//! What a chart shows: columns of numbers that share one x.
//!
//! Columns are `Arc<[f64]>`, so charts and tables of one page share them, and a clone copies no number. What is no
//! finite number is a gap: it is not drawn, and it is not zero.

use crate::num::index;
use crate::order::order;
use std::sync::Arc;

/// The most series that one chart draws; [`Frame::top`] folds the others into one.
pub const MAX_SERIES: usize = 24;

/// One column of values with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: Arc<str>,
    values: Arc<[f64]>,
    slot: Option<u8>,
}

impl Series {
    /// A series: its name, as legend and tooltip show it, and a value for each x. `NaN` is a gap.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, values: impl Into<Arc<[f64]>>) -> Self {
        Self { name: name.into(), values: values.into(), slot: None }
    }

    /// The same with its place in the palette: a status keeps its colour wherever it stands. Default: the position in
    /// the frame. Places go round after [`SLOTS`](crate::theme::SLOTS).
    #[must_use]
    pub const fn with_slot(mut self, slot: u8) -> Self {
        self.slot = Some(slot);
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column as it was given.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value at a position, `None` at a gap and beyond the end.
    #[must_use]
    pub fn value(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().filter(|v| v.is_finite())
    }
}

/// Columns over a common x: rising, finite, as long as each other.
///
/// x is microseconds since 1970-01-01T00:00:00Z on an axis of time: whole numbers up to the year 2255, so a bucket's
/// start is exact and compares equal to the one that the server sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    xs: Arc<[f64]>,
    series: Vec<Series>,
    /// Found once: every picture needs it.
    step: Option<f64>,
}

impl Frame {
    /// A frame. Nothing is refused: points without a finite x are dropped, points out of order are sorted (equal ones
    /// stay as they came), columns that are too short end in gaps, and what is too long is cut. Good input is not
    /// copied.
    #[must_use]
    pub fn new(xs: impl Into<Arc<[f64]>>, series: Vec<Series>) -> Self {
        let xs = xs.into();
        let mut series: Vec<Series> = series.into_iter().take(MAX_SERIES).collect();
        let (in_order, step) = look(&xs);
        let order: Option<Vec<usize>> = (!in_order).then(|| {
            let found: Vec<usize> = (0..xs.len()).filter(|i| xs[*i].is_finite()).collect();
            let order = order(found.len(), &|a, b| xs[found[a]].total_cmp(&xs[found[b]]));
            order.into_iter().map(|i| found[i]).collect()
        });
        let len = order.as_ref().map_or(xs.len(), Vec::len);
        for column in &mut series {
            let value = |i: usize| column.values.get(i).copied().unwrap_or(f64::NAN);
            if let Some(order) = &order {
                column.values = order.iter().map(|i| value(*i)).collect();
            } else if column.values.len() != len {
                column.values = (0..len).map(value).collect();
            }
        }
        let (xs, step) = match order {
            Some(order) => {
                let xs: Arc<[f64]> = order.iter().map(|i| xs[*i]).collect();
                let step = look(&xs).1;
                (xs, step)
            }
            None => (xs, step),
        };
        Self { xs, series, step }
    }

    /// A frame without a point.
    #[must_use]
    pub fn empty() -> Self {
        Self { xs: Arc::from([]), series: Vec::new(), step: None }
    }

    /// Buckets of equal width, as a server counts them: `first` is the start of the first one, `width` how long each
    /// is. A width that is no positive number counts as 1.
    #[must_use]
    pub fn buckets(first: f64, width: f64, series: Vec<Series>) -> Self {
        let width = if width.is_finite() && width > 0.0 { width } else { 1.0 };
        let count = series.iter().map(|s| s.values.len()).max().unwrap_or(0);
        let xs: Vec<f64> = (0..count).map(|i| first + width * crate::num::float(i)).collect();
        Self::new(xs, series)
    }

    /// Adds a point at the end, for data that comes in live: a value for each series, in their order, and `NaN` where
    /// there is none. Of more than `keep` points the oldest go.
    ///
    /// A point with the x of the last one takes its place, as a bucket is counted again that still fills. One that lies
    /// further back is put where it belongs; one without a finite x is dropped.
    ///
    /// ```
    /// use forge_charts::data::{Frame, Series};
    ///
    /// let mut frame = Frame::buckets(0.0, 10.0, vec![Series::new("done", [3.0, 4.0, 5.0])]);
    /// frame.push(30.0, &[1.0], 3);
    /// frame.push(30.0, &[6.0], 3);
    /// assert_eq!(frame.xs(), [10.0, 20.0, 30.0]);
    /// assert_eq!(frame.series()[0].values(), [4.0, 5.0, 6.0]);
    /// ```
    pub fn push(&mut self, x: f64, values: &[f64], keep: usize) {
        if !x.is_finite() {
            return;
        }
        let last = self.xs.last().copied();
        let kept = self.len() - usize::from(last.is_some_and(|last| last.total_cmp(&x).is_eq()));
        let from = (kept + 1).saturating_sub(keep.max(1)).min(kept);
        let joined = |old: &[f64], new: f64| -> Arc<[f64]> {
            old[from..kept].iter().copied().chain(std::iter::once(new)).collect()
        };
        let xs = joined(&self.xs, x);
        for (at, column) in self.series.iter_mut().enumerate() {
            column.values = joined(&column.values, values.get(at).copied().unwrap_or(f64::NAN));
        }
        if last.is_some_and(|last| last > x) {
            *self = Self::new(xs, std::mem::take(&mut self.series));
        } else {
            self.step = self.step_after(&xs, from);
            self.xs = xs;
        }
    }

    /// The step once the first `gone` points went and the last of `xs` came. All points are looked at only if closest
    /// neighbours went, and none as close came.
    fn step_after(&self, xs: &[f64], gone: usize) -> Option<f64> {
        let went = look(&self.xs[..(gone + 1).min(self.len())]).1;
        let came = look(&xs[xs.len().saturating_sub(2)..]).1;
        match (self.step, came) {
            (Some(step), Some(came)) if came <= step => Some(came),
            (Some(step), _) if went.is_none_or(|went| went > step) => Some(step),
            _ => look(xs).1,
        }
    }

    /// Where the points are.
    #[must_use]
    pub fn xs(&self) -> &[f64] {
        &self.xs
    }

    /// The columns.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.xs.len()
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.xs.is_empty()
    }

    /// Whether no series has a value anywhere.
    #[must_use]
    pub fn has_no_value(&self) -> bool {
        self.series.iter().all(|s| s.values.iter().all(|v| !v.is_finite()))
    }

    /// First and last x.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        Some((*self.xs.first()?, *self.xs.last()?))
    }

    /// The place in the palette of a series.
    #[must_use]
    pub fn slot(&self, series: usize) -> usize {
        self.series.get(series).and_then(|s| s.slot).map_or(series, usize::from) % crate::theme::SLOTS
    }

    /// The positions whose x lies in the range, both ends included.
    #[must_use]
    pub fn within(&self, (from, to): (f64, f64)) -> std::ops::Range<usize> {
        let start = self.xs.partition_point(|x| *x < from);
        let end = self.xs.partition_point(|x| *x <= to);
        start..end.max(start)
    }

    /// The position whose x is nearest to this one; of two equally near the earlier. `None` without a point.
    #[must_use]
    pub fn nearest(&self, x: f64) -> Option<usize> {
        let after = self.xs.partition_point(|other| *other < x);
        let before = after.checked_sub(1);
        match (before, self.xs.get(after)) {
            (Some(before), Some(next)) if (x - self.xs[before]) <= (next - x) => Some(before),
            (_, Some(_)) => Some(after),
            (before, None) => before,
        }
    }

    /// The distance of the closest neighbours: how wide a bucket is. `None` with fewer than two different x.
    #[must_use]
    pub const fn step(&self) -> Option<f64> {
        self.step
    }

    /// The `count` series with the largest sums, in their old order, and the rest added up as one named `other`.
    /// A frame that has no more than `count` stays as it is.
    #[must_use]
    pub fn top(&self, count: usize, other: impl Into<Arc<str>>) -> Self {
        if self.series.len() <= count {
            return self.clone();
        }
        let sum = |s: &Series| s.values.iter().filter(|v| v.is_finite()).sum::<f64>();
        let sums: Vec<f64> = self.series.iter().map(sum).collect();
        let order = order(sums.len(), &|a, b| sums[b].total_cmp(&sums[a]));
        let (largest, order) = order.split_at(count);
        let kept: Vec<usize> = (0..sums.len()).filter(|i| largest.contains(i)).collect();
        // Colours that were chosen stay; the others get those that are left, and no two the same while there are some.
        let chosen = |i: &usize| self.series[*i].slot;
        let taken: Vec<u8> = kept.iter().filter_map(chosen).collect();
        let mut free = (0..crate::theme::OTHER).filter(|slot| !taken.contains(slot)).cycle();
        let mut series: Vec<Series> = kept
            .iter()
            .map(|i| Series { slot: chosen(i).or_else(|| free.next()), ..self.series[*i].clone() })
            .collect();
        let rest: Vec<f64> = (0..self.len())
            .map(|at| {
                let values = order.iter().filter_map(|i| self.series[*i].value(at));
                values.fold(f64::NAN, |total, v| if total.is_nan() { v } else { total + v })
            })
            .collect();
        series.push(Series { slot: Some(crate::theme::OTHER), ..Series::new(other, rest) });
        Self { xs: Arc::clone(&self.xs), series, step: self.step }
    }

    /// At most `limit` positions of a range, evenly spread, first and last among them: for tables and words.
    #[must_use]
    pub fn spread(range: std::ops::Range<usize>, limit: usize) -> Vec<usize> {
        let count = range.len();
        if count <= limit {
            return range.collect();
        }
        let step = crate::num::float(count - 1) / crate::num::float(limit.max(2) - 1);
        (0..limit)
            .map(|i| range.start + index((crate::num::float(i) * step).round()).min(count - 1))
            .collect()
    }
}

/// Whether some x are finite and in order, and the distance of the closest neighbours that differ: in one go, since there
/// may be a million of them.
fn look(xs: &[f64]) -> (bool, Option<f64>) {
    let Some(&first) = xs.first() else { return (true, None) };
    let (mut in_order, mut least, mut before) = (first.is_finite(), f64::INFINITY, first);
    for &x in &xs[1..] {
        let step = x - before;
        in_order &= step >= 0.0 && x.is_finite();
        if step > 0.0 && step < least {
            least = step;
        }
        before = x;
    }
    (in_order, (least < f64::INFINITY).then_some(least))
}

//! Draws bars: one path for each series, whatever the number of buckets.

use crate::data::Frame;
use crate::num::float;
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, Node, Value};
use crate::shape::Path;
use crate::stack;
use crate::thin::peaks;
use std::ops::Range;

/// What bars are drawn with, in coordinates of the plot.
pub(super) struct Bars<'a> {
    pub(super) frame: &'a Frame,
    pub(super) shown: &'a [usize],
    pub(super) stacked: bool,
    pub(super) x: Linear,
    pub(super) y: Scale,
    pub(super) positions: Range<usize>,
    /// Where a bucket begins beside its x, and how wide it is.
    pub(super) bucket: (f64, f64),
    pub(super) open_last: bool,
    pub(super) textures: bool,
}

/// Ends of a bar in pixels: left, right, base, top.
type Bar = (f64, f64, f64, f64);

impl Bars<'_> {
    /// The elements of all series.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let positions = self.chosen();
        let mut paths = vec![(Path::new(), Path::new()); self.shown.len()];
        let last = self.frame.len().wrapping_sub(1);
        for (nth, &at) in positions.iter().enumerate() {
            let next = positions.get(nth + 1).copied();
            let place = self.place(at, next);
            let ends = self.ends(at);
            for (i, ends) in ends.into_iter().enumerate() {
                let Some((base, top)) = ends else { continue };
                let path = &mut paths[i];
                let path = if self.open_last && at == last { &mut path.1 } else { &mut path.0 };
                self.bar(path, i, place, (base, top));
            }
        }
        let nodes = self.shown.iter().zip(paths);
        nodes.map(|(series, (closed, open))| self.node(*series, closed, open)).collect()
    }

    /// The buckets that are drawn: all, or when they are narrower than two pixels the tallest of each few.
    fn chosen(&self) -> Vec<usize> {
        let total = |at: usize| {
            let values = self.shown.iter().filter_map(|s| self.frame.series()[*s].value(at));
            let found = values.map(f64::abs);
            if self.stacked { found.sum::<f64>() } else { found.fold(f64::NAN, f64::max) }
        };
        peaks(self.positions.clone(), self.room(), total)
    }

    /// Left and right end of all bars of a bucket, which end where the next one begins.
    fn place(&self, at: usize, next: Option<usize>) -> (f64, f64) {
        let xs = self.frame.xs();
        let left = xs[at] + self.bucket.0;
        let right = match next {
            // It stands for those up to the next one.
            Some(next) if next > at + 1 && self.are_narrow() => xs[next] + self.bucket.0,
            Some(next) => (left + self.bucket.1).min(xs[next] + self.bucket.0),
            None => left + self.bucket.1,
        };
        let (left, right) = (self.x.map(left), self.x.map(right));
        let room = right - left;
        // Room between the bars once they are wide enough to tell them apart.
        let gap = if room >= 4.0 { (room * 0.16).clamp(1.0, 12.0) } else { 0.0 };
        let (left, right) = (left + gap / 2.0, right - gap / 2.0);
        (left, right.max(left + 0.5))
    }

    /// Whether there are more buckets than can be drawn.
    fn are_narrow(&self) -> bool {
        self.positions.len() > self.room()
    }

    /// How many bars there is room for.
    fn room(&self) -> usize {
        crate::num::index((self.x.range().1 - self.x.range().0).abs() / 2.0).max(1)
    }

    /// Whether a texture can be told from another one on them.
    fn are_wide(&self) -> bool {
        let each = if self.stacked { 1.0 } else { float(self.shown.len().max(1)) };
        (self.x.map(self.bucket.1) - self.x.map(0.0)).abs() / each >= 10.0
    }

    fn ends(&self, at: usize) -> Vec<Option<(f64, f64)>> {
        if self.stacked {
            let ends = stack::at(self.frame, self.shown, at);
            return ends.into_iter().map(|e| e.map(|(a, b)| (self.y.map(a), self.y.map(b)))).collect();
        }
        let values = self.shown.iter().map(|s| self.frame.series()[*s].value(at));
        values
            .map(|value| {
                let value = value.filter(|v| *v != 0.0)?;
                let (base, top) = (self.y.base(), self.y.map(value));
                // One failure among thousands is still to be seen.
                let top = if (top - base).abs() < 1.0 { base - 1_f64.copysign(value) } else { top };
                Some((base, top))
            })
            .collect()
    }

    fn bar(&self, path: &mut Path, nth: usize, (left, right): (f64, f64), (base, top): (f64, f64)) {
        if base.total_cmp(&top).is_eq() {
            return;
        }
        let (left, right) = if self.stacked || self.shown.len() < 2 {
            (left, right)
        } else {
            let each = (right - left) / float(self.shown.len());
            (left + each * float(nth), left + each * float(nth + 1))
        };
        write(path, (left, right, base, top));
    }

    fn node(&self, series: usize, closed: Path, open: Path) -> Node {
        let slot = u8::try_from(self.frame.slot(series)).unwrap_or(0);
        let textured = self.textures && slot > 0 && self.are_wide();
        let fill: Value = if textured { Value::Texture(slot) } else { Colour::Series(slot).into() };
        let mut nodes = Vec::new();
        if !closed.is_empty() {
            let path = Node::new("path", "bars").with("class", "fc-bars").with("d", closed.into_text());
            nodes.push(path.with("fill", fill.clone()));
        }
        if !open.is_empty() {
            let path = Node::new("path", "open").with("class", "fc-bars").with("d", open.into_text());
            let path =
                path.with("fill", fill).with("fill-opacity", 0.35).with("stroke", Colour::Series(slot));
            nodes.push(path.with("stroke-dasharray", "3 2"));
        }
        Node::new("g", format!("s{series}")).with("class", "fc-series").with_children(nodes)
    }
}

fn write(path: &mut Path, (left, right, base, top): Bar) {
    path.move_to(left, base);
    path.line_to(left, top);
    path.line_to(right, top);
    path.line_to(right, base);
    path.close();
}

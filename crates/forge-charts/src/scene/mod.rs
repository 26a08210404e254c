//! A picture as a value: everything that a chart draws, and what is needed to point at it.
//!
//! [`Scene`] is made by [`Chart::scene`](crate::chart::Chart::scene), is never changed, and is drawn by
//! [`svg`](crate::svg) as text and by the view in a page: both draw the same elements.

mod node;
mod patch;

pub use node::{Colour, Node, Paints, Value};
pub(crate) use node::{label, line, rect};
pub use patch::{Change, changes};

use crate::chart::{Kind, Piece, XKind};
use crate::data::Frame;
use crate::format::Format;
use crate::scale::{Linear, Scale};
use crate::stack;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

impl Rect {
    /// The right edge.
    #[must_use]
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// The lower edge.
    #[must_use]
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Whether a point lies in it, edges included.
    #[must_use]
    pub fn contains(&self, x: f64, y: f64) -> bool {
        (self.x..=self.right()).contains(&x) && (self.y..=self.bottom()).contains(&y)
    }
}

/// An entry of the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegendItem {
    /// The name of the series.
    pub name: String,
    /// Its place in the palette.
    pub slot: u8,
    /// Whether it is not shown.
    pub hidden: bool,
}

/// A chart at a size: what is drawn, and the scales that lead from a pixel back to the data.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The size of the whole picture.
    pub size: (f64, f64),
    /// Where data is drawn.
    pub plot: Rect,
    /// From x to pixels of the picture.
    pub x: Linear,
    /// From values to pixels of the picture.
    pub y: Scale,
    /// The range of x that all of the data, or the host, has; what a reset shows.
    pub full: (f64, f64),
    /// What is drawn.
    pub nodes: Vec<Node>,
    /// The series, shown or not.
    pub legend: Vec<LegendItem>,
    /// The series that are shown.
    pub shown: Vec<usize>,
    /// The data.
    pub frame: Frame,
    /// The kind of the chart.
    pub kind: Kind,
    /// The name of the chart.
    pub title: String,
    /// What there is to see, in sentences.
    pub description: String,
    /// How wide a bar or bucket is, in units of x.
    pub bucket: f64,
    /// Whether the last bucket still fills.
    pub open_last: bool,
    /// The range of x that was asked for. A picture in columns of pixels begins up to one of them later.
    pub(crate) domain: (f64, f64),
    /// What the lines of a series are made of, by series.
    pub(crate) pieces: Vec<(usize, Vec<Piece>)>,
    pub(crate) x_kind: XKind,
    pub(crate) format: Format,
}

impl Scene {
    /// The x range that is shown.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        self.domain
    }

    /// Positions of the points that are shown.
    #[must_use]
    pub fn positions(&self) -> std::ops::Range<usize> {
        let (from, to) = self.range();
        // A bar belongs to the picture when its middle does.
        let shift = self.middle_shift();
        self.frame.within((from - shift, to - shift))
    }

    /// From a point's x to where it is drawn: bars stand over the middle of their bucket.
    fn middle_shift(&self) -> f64 {
        if self.kind.is_bars() && !self.x_kind.is_names() { self.bucket / 2.0 } else { 0.0 }
    }

    /// The pixel over which the point at a position is drawn.
    #[must_use]
    pub fn pixel(&self, position: usize) -> Option<f64> {
        Some(self.x.map(self.frame.xs().get(position)? + self.middle_shift()))
    }

    /// The position nearest to a pixel at which a shown series has a value, among the points that are shown.
    #[must_use]
    pub fn position_at(&self, pixel: f64) -> Option<usize> {
        self.position_near(self.x.invert(pixel) - self.middle_shift())
    }

    /// The position nearest to an x at which a shown series has a value, among the points that are shown.
    #[must_use]
    pub fn position_near(&self, x: f64) -> Option<usize> {
        let shown = self.positions();
        if shown.is_empty() || x.is_nan() {
            return None;
        }
        let start = self.frame.nearest(x)?.clamp(shown.start, shown.end - 1);
        let after = (start..shown.end).find(|at| self.has_value(*at));
        let before = (shown.start..start).rev().find(|at| self.has_value(*at));
        let away = |at: usize| (self.frame.xs()[at] - x).abs();
        match (before, after) {
            (Some(b), Some(a)) => Some(if away(b) < away(a) { b } else { a }),
            (found, None) | (None, found) => found,
        }
    }

    /// Whether a shown series has a value at a position.
    #[must_use]
    pub fn has_value(&self, position: usize) -> bool {
        self.shown.iter().any(|s| self.frame.series()[*s].value(position).is_some())
    }

    /// Where the shown series are drawn at a position: series and pixel. Gaps are left out.
    #[must_use]
    pub fn points(&self, position: usize) -> Vec<(usize, f64)> {
        if self.kind.is_stacked() {
            let stacked = stack::at(&self.frame, &self.shown, position);
            let pairs = self.shown.iter().zip(stacked);
            return pairs.filter_map(|(s, ends)| Some((*s, self.y.map(ends?.1)))).collect();
        }
        self.shown
            .iter()
            .filter_map(|s| Some((*s, self.y.map(self.frame.series()[*s].value(position)?))))
            .collect()
    }

    /// The x of a position in words.
    #[must_use]
    pub fn words_at(&self, position: usize) -> String {
        let Some(x) = self.frame.xs().get(position) else { return String::new() };
        let step = (self.bucket > 0.0).then_some(self.bucket);
        self.x_kind.words(*x, step)
    }

    /// A value in words.
    #[must_use]
    pub fn value_words(&self, series: usize, position: usize) -> String {
        let value = self.frame.series().get(series).and_then(|s| s.value(position));
        self.format.value(value.unwrap_or(f64::NAN))
    }

    /// What the shown series amount to together at a position, in words, where they stand on each other.
    #[must_use]
    pub fn total_words(&self, position: usize) -> Option<String> {
        let values = self.shown.iter().filter_map(|s| self.frame.series()[*s].value(position));
        (self.kind.is_stacked() && self.shown.len() > 1).then(|| self.format.value(values.sum()))
    }

    /// Whether the bucket at a position still fills.
    #[must_use]
    pub fn is_open(&self, position: usize) -> bool {
        self.open_last && position + 1 == self.frame.len()
    }

    /// A range of x in words.
    #[must_use]
    pub fn range_words(&self, range: (f64, f64)) -> String {
        self.x_kind.span_words(range)
    }

    /// How many elements the picture has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.iter().map(Node::count).sum()
    }

    /// Whether the picture holds textures.
    pub(crate) fn is_textured(&self) -> bool {
        self.nodes.iter().any(|node| node.key == "textures" && !node.children.is_empty())
    }
}

//! Draws areas and lines: one path for each, or a few pieces, whatever the number of points.

use super::Kind;
use super::pieces::{Piece, Trace, nodes, pieces};
use crate::data::Frame;
use crate::num::{index, nearest_small};
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, Node, Value};
use crate::shape::{Path, UNITS, number, units};
use crate::stack::Layer;
use crate::theme;
use crate::thin::{Grid, placed, runs};
use std::ops::Range;

/// What lines are drawn with, in coordinates of the plot.
pub(super) struct Pen<'a> {
    pub(super) frame: &'a Frame,
    pub(super) kind: Kind,
    pub(super) x: Linear,
    pub(super) y: Scale,
    /// The columns that are drawn in place of points, where there are more points than can be seen.
    pub(super) grid: Option<Grid>,
    pub(super) positions: Range<usize>,
    /// Whether the last point of the data is of a bucket that still fills.
    pub(super) open_last: bool,
    /// Whether series differ in more than colour.
    pub(super) textures: bool,
    /// The pieces of the picture before, by series.
    pub(super) before: &'a [(usize, Vec<Piece>)],
}

/// The values of one line, and what its area stands on. Position 0 is that of the frame plus `offset`.
struct Column<'a> {
    offset: usize,
    tops: &'a [f64],
    bases: Option<&'a [f64]>,
}

/// How much of what lies behind it an area hides.
const OVERLAID: f64 = 0.16;
const STACKED: f64 = 0.82;
/// Lines of a grid have coordinates of their own, which begin anew after so many columns: so pieces stay the same while
/// the range moves, and numbers stay small.
const PAGE: f64 = 4096.0;

impl Pen<'_> {
    /// The elements of a series that is not stacked, and their pieces.
    pub(super) fn plain(&self, series: usize) -> (Node, Vec<Piece>) {
        let column = Column { offset: 0, tops: self.frame.series()[series].values(), bases: None };
        self.series(series, &column)
    }

    /// The elements of a stacked series, and their pieces.
    pub(super) fn stacked(&self, layer: &Layer) -> (Node, Vec<Piece>) {
        let column = Column { offset: self.positions.start, tops: &layer.tops, bases: Some(&layer.bases) };
        self.series(layer.series, &column)
    }

    fn series(&self, series: usize, column: &Column<'_>) -> (Node, Vec<Piece>) {
        let xs = &self.frame.xs()[column.offset..];
        let range = self.positions.start - column.offset..self.positions.end - column.offset;
        let (closed, open) = self.split(column, range);
        let lines = self.traces(xs, column.tops, closed.clone());
        let point = |at: &usize| (self.along(xs[*at]), units(self.y.map(column.tops[*at])));
        let open: Option<Trace> = open.map(|open| open.iter().map(point).collect());
        let slot = u8::try_from(self.frame.slot(series)).unwrap_or(0);
        let mut nodes = Vec::new();
        if matches!(self.kind, Kind::Area | Kind::Stacked | Kind::Mini) {
            let bases = column.bases.map(|b| self.traces(xs, b, closed));
            let ground = units(self.y.base());
            let mut path = Path::new();
            for (at, line) in lines.iter().enumerate() {
                area(&mut path, line, bases.as_ref().and_then(|b| b.get(at)), ground);
            }
            let opacity = if self.kind == Kind::Stacked { STACKED } else { OVERLAID };
            nodes.push(self.filled("area", slot, path, opacity));
            if let Some(line) = &open {
                let below = |at: &(i32, i32), base: f64| (at.0, units(self.y.map(base)));
                let count = self.frame.len() - column.offset;
                let below: Option<Trace> = column.bases.map(|bases| {
                    line.iter().zip(&bases[count - line.len()..]).map(|(at, base)| below(at, *base)).collect()
                });
                let mut path = Path::new();
                area(&mut path, line, below.as_ref(), ground);
                nodes.push(self.filled("open-area", slot, path, opacity / 2.0));
            }
        }
        let before = self.before.iter().find(|(s, _)| *s == series).map_or(&[][..], |(_, pieces)| pieces);
        let made = self.strokes(&mut nodes, &lines, open.as_ref(), slot, before);
        let group = Node::new("g", format!("s{series}")).with("class", "fc-series");
        let group = match self.shift() {
            Some(shift) => group.with("transform", format!("translate({} 0)", number(-shift))),
            None => group,
        };
        (group.with_children(nodes), made)
    }

    /// How far coordinates of lines are from those of the plot.
    fn shift(&self) -> Option<f64> {
        self.grid.map(|grid| grid.first().rem_euclid(PAGE))
    }

    /// The place of an x, in units of a path.
    fn along(&self, x: f64) -> i32 {
        units(self.x.map(x) + self.shift().unwrap_or(0.0))
    }

    /// The points of a column of values that are drawn.
    fn traces(&self, xs: &[f64], ys: &[f64], range: Range<usize>) -> Vec<Trace> {
        let Some(grid) = &self.grid else {
            let point = |at: usize| (self.along(xs[at]), units(self.y.map(ys[at])));
            let runs = runs(xs, ys, range, &self.x);
            return runs.into_iter().map(|run| run.into_iter().map(point).collect()).collect();
        };
        let first = nearest_small(grid.first().rem_euclid(PAGE));
        let columns = 0..nearest_small(grid.count());
        let point = |(column, at): (i32, usize)| {
            // What lies in a column is drawn in its middle, a tenth of a pixel exact: in a band nobody sees more, and it
            // is half the text.
            let x = if columns.contains(&column) {
                (first + column) * UNITS + UNITS / 2
            } else {
                self.along(xs[at])
            };
            (x, nearest_small(f64::from(units(self.y.map(ys[at]))) / 10.0) * 10)
        };
        let runs = placed(xs, ys, range, grid);
        runs.into_iter().map(|run| run.into_iter().map(point).collect()).collect()
    }

    /// The positions to draw as they are, and the piece to the last bucket if that one still fills.
    fn split(&self, column: &Column<'_>, range: Range<usize>) -> (Range<usize>, Option<Vec<usize>>) {
        let count = self.frame.len() - column.offset;
        if !self.open_last || range.is_empty() || range.end != count || !column.tops[count - 1].is_finite() {
            return (range, None);
        }
        let last = count - 1;
        let before = last.checked_sub(1).filter(|b| *b >= range.start && column.tops[*b].is_finite());
        let run = before.map_or_else(|| vec![last], |b| vec![b, last]);
        (range.start..last, Some(run))
    }

    /// Adds the lines; gives their pieces.
    fn strokes(
        &self,
        out: &mut Vec<Node>,
        lines: &[Trace],
        open: Option<&Trace>,
        slot: u8,
        before: &[Piece],
    ) -> Vec<Piece> {
        // The point that the open piece begins at has its line already.
        let is_dot = |line: &Trace| line.len() == 1 && open.is_none_or(|o| o.len() < 2 || o[0] != line[0]);
        let (dots, long): (Vec<&Trace>, Vec<&Trace>) = lines.iter().partition(|line| is_dot(line));
        let width = if self.kind == Kind::Lines { 1.75 } else { 1.5 };
        // Where a column of pixels has several points, a line is a band: dashes and round corners cannot be seen in it,
        // and to draw them takes a browser a hundred times as long as the band.
        let dense =
            self.grid.is_some() || lines.iter().map(Vec::len).sum::<usize>() > index(self.x.range().1.abs());
        let stroke = |key: &'static str, text: Option<String>| {
            let node = Node::new(if text.is_some() { "path" } else { "g" }, key).with("class", "fc-line");
            text.into_iter()
                .fold(node, |node, text| node.with("d", text))
                .with("fill", "none")
                .with("stroke", Colour::Series(slot))
                .with("stroke-width", width)
                .with("stroke-linejoin", if dense { "bevel" } else { "round" })
        };
        let mut made = Vec::new();
        if self.grid.is_some() {
            made = pieces(&long, before);
            out.extend((!made.is_empty()).then(|| stroke("line", None).with_children(nodes(&made))));
        } else if !long.is_empty() {
            let node = stroke("line", Some(drawn(&long)));
            let dash = theme::dash(slot).filter(|_| self.textures && self.kind != Kind::Stacked && !dense);
            out.push(dash.into_iter().fold(node, |node, dash| node.with("stroke-dasharray", dash)));
        }
        if !dots.is_empty() {
            // A line without length and with round ends is a dot; one element for all of them.
            let node = stroke("dots", Some(drawn(&dots))).with("stroke-linecap", "round");
            out.push(replaced(node, "stroke-width", 4.5));
        }
        if let Some(line) = open {
            let node = stroke("open", Some(drawn(&[line]))).with("stroke-linecap", "round");
            out.push(if line.len() > 1 {
                node.with("stroke-dasharray", "1 4")
            } else {
                replaced(node, "stroke-width", 4.5).with("stroke-opacity", 0.5)
            });
        }
        made
    }

    fn filled(&self, key: &'static str, slot: u8, path: Path, opacity: f64) -> Node {
        let fill: Value = if self.textures && self.kind == Kind::Stacked && slot > 0 {
            Value::Texture(slot)
        } else {
            Colour::Series(slot).into()
        };
        Node::new("path", key)
            .with("class", "fc-area")
            .with("d", path.into_text())
            .with("fill", fill)
            .with("fill-opacity", opacity)
            .with("stroke", "none")
    }
}

/// The text of some lines; a point alone is a line to itself.
fn drawn(lines: &[&Trace]) -> String {
    let mut path = Path::new();
    for line in lines {
        trace(&mut path, line);
        if let [alone] = line[..] {
            path.go(alone);
        }
    }
    path.into_text()
}

fn trace(path: &mut Path, line: &Trace) {
    if let Some((first, rest)) = line.split_first() {
        path.begin(*first);
        for at in rest {
            path.go(*at);
        }
    }
}

/// The area between a line and its base; a point alone has none.
fn area(path: &mut Path, line: &Trace, below: Option<&Trace>, ground: i32) {
    let [first, .., last] = line[..] else { return };
    trace(path, line);
    if let Some(below) = below {
        // A base that is straight has no use for its points.
        let flat = below.iter().all(|at| at.1 == below[0].1);
        let is_needed = |nth: usize| !flat || nth == 0 || nth + 1 == below.len();
        for (nth, at) in below.iter().enumerate().rev() {
            if is_needed(nth) {
                path.go(*at);
            }
        }
    } else {
        path.go((last.0, ground));
        path.go((first.0, ground));
    }
    path.close();
}

/// The element with another value for an attribute that it has.
fn replaced(mut node: Node, name: &'static str, value: f64) -> Node {
    for (other, old) in &mut node.attrs {
        if *other == name {
            *old = Value::Number(value);
        }
    }
    node
}

//! Draws areas and lines: one path for each, whatever the number of points.

use super::Kind;
use crate::data::Frame;
use crate::num::index;
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, Node, Value};
use crate::shape::Path;
use crate::stack::Layer;
use crate::theme;
use crate::thin::{Run, runs};
use std::ops::Range;

/// What lines are drawn with, in coordinates of the plot.
pub(super) struct Pen<'a> {
    pub(super) frame: &'a Frame,
    pub(super) kind: Kind,
    pub(super) x: Linear,
    pub(super) y: Scale,
    pub(super) positions: Range<usize>,
    /// Whether the last point of the data is of a bucket that still fills.
    pub(super) open_last: bool,
    /// Whether series differ in more than colour.
    pub(super) textures: bool,
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

impl Pen<'_> {
    /// The elements of a series that is not stacked.
    pub(super) fn plain(&self, series: usize) -> Node {
        let column = Column { offset: 0, tops: self.frame.series()[series].values(), bases: None };
        self.series(series, &column)
    }

    /// The elements of a stacked series.
    pub(super) fn stacked(&self, layer: &Layer) -> Node {
        let column = Column { offset: self.positions.start, tops: &layer.tops, bases: Some(&layer.bases) };
        self.series(layer.series, &column)
    }

    fn series(&self, series: usize, column: &Column<'_>) -> Node {
        let xs = &self.frame.xs()[column.offset..];
        let range = self.positions.start - column.offset..self.positions.end - column.offset;
        let (closed, open) = self.split(column, range);
        let tops = runs(xs, column.tops, closed.clone(), &self.x);
        let slot = u8::try_from(self.frame.slot(series)).unwrap_or(0);
        let mut nodes = Vec::new();
        let lines: Vec<Path> = tops.iter().map(|run| self.trace(xs, column, run)).collect();
        if matches!(self.kind, Kind::Area | Kind::Stacked | Kind::Mini) {
            let bases = column.bases.map(|b| runs(xs, b, closed, &self.x));
            let mut path = Path::new();
            for (i, (run, line)) in tops.iter().zip(&lines).enumerate() {
                let below = bases.as_ref().and_then(|b| b.get(i));
                self.area(&mut path, xs, column, (run, line), below);
            }
            let opacity = if self.kind == Kind::Stacked { STACKED } else { OVERLAID };
            nodes.push(self.filled("area", slot, path, opacity));
            if let Some(run) = &open {
                let mut path = Path::new();
                self.area(&mut path, xs, column, (run, &self.trace(xs, column, run)), Some(run));
                nodes.push(self.filled("open-area", slot, path, opacity / 2.0));
            }
        }
        self.strokes(&mut nodes, (&tops, &lines), open.map(|run| (self.trace(xs, column, &run), run)), slot);
        Node::new("g", format!("s{series}")).with("class", "fc-series").with_children(nodes)
    }

    /// The positions to draw as they are, and the piece to the last bucket if that one still fills.
    fn split(&self, column: &Column<'_>, range: Range<usize>) -> (Range<usize>, Option<Run>) {
        let count = self.frame.len() - column.offset;
        if !self.open_last || range.is_empty() || range.end != count || !column.tops[count - 1].is_finite() {
            return (range, None);
        }
        let last = count - 1;
        let before = last.checked_sub(1).filter(|b| *b >= range.start && column.tops[*b].is_finite());
        let run = before.map_or_else(|| vec![last], |b| vec![b, last]);
        (range.start..last, Some(run))
    }

    fn strokes(
        &self,
        nodes: &mut Vec<Node>,
        (tops, lines): (&[Run], &[Path]),
        open: Option<(Path, Run)>,
        slot: u8,
    ) {
        let mut line = Path::new();
        let mut dots = Path::new();
        for (run, piece) in tops.iter().zip(lines) {
            // The point that the open piece begins at has its line already.
            let alone = run.len() == 1 && open.as_ref().is_none_or(|(_, o)| o.len() < 2 || o[0] != run[0]);
            if alone { &mut dots } else { &mut line }.append(piece);
        }
        let width = if self.kind == Kind::Lines { 1.75 } else { 1.5 };
        // Where a column of pixels has several points, a line is a band: dashes and round corners cannot be seen in it,
        // and to draw them takes a browser a hundred times as long as the band.
        let dense = tops.iter().map(Vec::len).sum::<usize>() > index(self.x.range().1.abs());
        let stroke = |key: &'static str, path: Path| {
            Node::new("path", key)
                .with("class", "fc-line")
                .with("d", path.into_text())
                .with("fill", "none")
                .with("stroke", Colour::Series(slot))
                .with("stroke-width", width)
                .with("stroke-linejoin", if dense { "bevel" } else { "round" })
        };
        if !line.is_empty() {
            let node = stroke("line", line);
            let dash = theme::dash(slot).filter(|_| self.textures && self.kind != Kind::Stacked && !dense);
            nodes.push(dash.into_iter().fold(node, |node, dash| node.with("stroke-dasharray", dash)));
        }
        if !dots.is_empty() {
            // A line without length and with round ends is a dot; one element for all of them.
            let node = stroke("dots", dots).with("stroke-linecap", "round");
            nodes.push(replaced(node, "stroke-width", 4.5));
        }
        if let Some((path, run)) = open {
            let node = stroke("open", path).with("stroke-linecap", "round");
            nodes.push(if run.len() > 1 {
                node.with("stroke-dasharray", "1 4")
            } else {
                replaced(node, "stroke-width", 4.5).with("stroke-opacity", 0.5)
            });
        }
    }

    /// A line along a run; a point alone is a line to itself.
    fn trace(&self, xs: &[f64], column: &Column<'_>, run: &Run) -> Path {
        let mut path = Path::new();
        for at in run.iter().chain(run.first().filter(|_| run.len() == 1)) {
            path.line_to(self.x.map(xs[*at]), self.y.map(column.tops[*at]));
        }
        path
    }

    /// The area between a run, with its line, and its base; a point alone has none.
    fn area(
        &self,
        path: &mut Path,
        xs: &[f64],
        column: &Column<'_>,
        (run, line): (&Run, &Path),
        below: Option<&Run>,
    ) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        if first == last {
            return;
        }
        path.append(line);
        if let (Some(bases), Some(below)) = (column.bases, below) {
            // A base that is straight has no use for its points.
            let flat = below.iter().all(|at| bases[*at].total_cmp(&bases[below[0]]).is_eq());
            let is_needed =
                |(nth, at): (usize, &usize)| (!flat || nth == 0 || nth + 1 == below.len()).then_some(*at);
            for at in below.iter().enumerate().rev().filter_map(is_needed) {
                path.line_to(self.x.map(xs[at]), self.y.map(bases[at]));
            }
        } else {
            path.line_to(self.x.map(xs[*last]), self.y.base());
            path.line_to(self.x.map(xs[*first]), self.y.base());
        }
        path.close();
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

/// The element with another value for an attribute that it has.
fn replaced(mut node: Node, name: &'static str, value: f64) -> Node {
    for (other, old) in &mut node.attrs {
        if *other == name {
            *old = Value::Number(value);
        }
    }
    node
}

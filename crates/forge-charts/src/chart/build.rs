//! Puts a picture together: which part of the data, how much room for what, and the elements in their order.

use super::axis;
use super::bars::Bars;
use super::extent;
use super::lines::Pen;
use super::marks::{Marks, need_row};
use super::pieces::Piece;
use super::summary::Summary;
use super::words;
use super::{Chart, Kind, Showing, Status, XKind};
use crate::num::index;
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, LegendItem, Node, Rect, Scene, label, rect};
use crate::stack::{self, Layer};
use crate::text;
use crate::theme::{self, FONT};
use crate::thin::Grid;
use std::ops::Range;

/// The largest picture, in pixels.
const MAX_SIZE: f64 = 20_000.0;
/// How far drawing may reach over the plot, so that lines at its edge keep their width.
const BLEED: (f64, f64) = (2.5, 4.0);
/// The height that a tick of values takes.
const TICK_HEIGHT: f64 = 44.0;

/// What is drawn, before its size counts.
struct Content<'a> {
    chart: &'a Chart,
    bucket: f64,
    full: (f64, f64),
    domain: (f64, f64),
    shown: Vec<usize>,
    /// The positions within the range.
    inside: Range<usize>,
    /// Those and their neighbours.
    drawn: Range<usize>,
    /// What the series amount to within the range.
    summaries: Vec<Summary>,
    layers: Vec<Layer>,
}

fn summaries(chart: &Chart, shown: &[usize], positions: &Range<usize>) -> Vec<Summary> {
    let columns = shown.iter().map(|s| chart.frame.series()[*s].values());
    columns.map(|values| Summary::of(values, positions.clone())).collect()
}

pub(super) fn scene(
    chart: &Chart,
    size: (f64, f64),
    showing: &Showing,
    before: &[(usize, Vec<Piece>)],
) -> Scene {
    let size = (length(size.0), length(size.1));
    let content = Content::new(chart, showing);
    let (mut plot, y, ticks) = content.layout(size);
    let grid = content.grid(&mut plot);
    let drawn = grid.map_or(content.domain, |grid| grid.range());
    let x = Linear::new(drawn, (plot.x, plot.right()));
    let legend = legend(chart, showing);
    let has_value = content.summaries.iter().any(|s| s.ends.is_some());
    let mut nodes = vec![content.textures()];
    if chart.kind != Kind::Mini {
        nodes.extend(content.axes(size, &plot, &x, &y, &ticks, has_value));
    }
    let marks = Marks { all: &chart.marks, x: &x, y: &y, plot: &plot };
    let (behind, front) = marks.nodes();
    nodes.push(behind);
    let (picture, pieces) = content.plot(&plot, drawn, &y, grid, before);
    nodes.push(picture);
    nodes.push(front);
    let all_hidden = content.shown.is_empty() && !chart.frame.series().is_empty();
    nodes.push(message(chart, &plot, has_value, all_hidden));
    let mut scene = Scene {
        size,
        plot,
        x,
        y,
        full: content.full,
        domain: content.domain,
        pieces,
        nodes,
        legend,
        shown: content.shown,
        frame: chart.frame.clone(),
        kind: chart.kind,
        title: chart.title.clone(),
        description: String::new(),
        bucket: content.bucket,
        open_last: chart.open_last,
        x_kind: chart.x.clone(),
        format: chart.format,
    };
    let spoken = scene.positions();
    let summaries =
        if spoken == content.inside { content.summaries } else { summaries(chart, &scene.shown, &spoken) };
    scene.description = words::description(&scene, chart, &summaries);
    scene
}

const fn length(value: f64) -> f64 {
    if value.is_nan() { 1.0 } else { value.clamp(1.0, MAX_SIZE) }
}

fn legend(chart: &Chart, showing: &Showing) -> Vec<LegendItem> {
    let series = chart.frame.series().iter().enumerate();
    series
        .map(|(i, s)| LegendItem {
            name: s.name().to_owned(),
            slot: u8::try_from(chart.frame.slot(i)).unwrap_or(0),
            hidden: is_hidden(showing, s.name()),
        })
        .collect()
}

fn is_hidden(showing: &Showing, name: &str) -> bool {
    showing.hidden.iter().any(|hidden| hidden == name)
}

impl<'a> Content<'a> {
    fn new(chart: &'a Chart, showing: &Showing) -> Self {
        let bucket = extent::bucket(chart);
        let full = extent::full(chart, bucket);
        let domain = showing.range.filter(|r| extent::usable(*r)).unwrap_or(full);
        let shown: Vec<usize> = (0..chart.frame.series().len())
            .filter(|i| !is_hidden(showing, chart.frame.series()[*i].name()))
            .collect();
        let shift = if !chart.kind.is_bars() {
            0.0
        } else if chart.x.is_names() {
            0.5
        } else {
            bucket
        };
        let inside = chart
            .frame
            .within((domain.0 - shift * 0.999, domain.1 + if chart.x.is_names() { shift } else { 0.0 }));
        let drawn = extent::drawn(&chart.frame, inside.clone());
        let layers = if chart.kind.is_stacked() {
            stack::stack(&chart.frame, &shown, drawn.clone())
        } else {
            Vec::new()
        };
        let summaries = summaries(chart, &shown, &inside);
        Self { chart, bucket, full, domain, shown, inside, drawn, summaries, layers }
    }

    fn textured(&self) -> bool {
        self.chart.textures && self.chart.frame.series().len() > 1
    }

    /// The lowest and the highest values that are drawn. Points beyond the edges are drawn, but the picture need not reach
    /// them, unless it would cost another sum.
    fn bounds(&self) -> Vec<(f64, f64)> {
        if !self.chart.kind.is_stacked() {
            return self.summaries.iter().filter_map(Summary::bounds).collect();
        }
        let all = |layer: &Layer| Summary::of(&layer.tops, 0..layer.tops.len()).bounds();
        self.layers.iter().filter_map(all).collect()
    }

    /// Where the plot lies, and the scale and ticks of values, whose labels decide on its left edge.
    fn layout(&self, (width, height): (f64, f64)) -> (Rect, Scale, Vec<(f64, String)>) {
        let mini = self.chart.kind == Kind::Mini;
        let (mut top, mut right, mut bottom, mut left) = (
            3.0_f64.min(height / 4.0),
            3.0_f64.min(width / 4.0),
            3.0_f64.min(height / 4.0),
            3.0_f64.min(width / 4.0),
        );
        if !mini {
            let row = need_row(&self.chart.marks) && height >= 80.0;
            top = if height < 60.0 {
                4.0
            } else if row {
                10.0 + FONT
            } else {
                10.0
            };
            right = 10.0_f64.min(width / 10.0);
            bottom = match &self.chart.x {
                XKind::Time(_) if height >= 120.0 => 12.0 + 2.0 * FONT,
                _ if height >= 60.0 => 10.0 + FONT,
                _ => 4.0,
            };
        }
        let inner = (height - top - bottom).max(1.0);
        let count = index(inner / TICK_HEIGHT).clamp(2, 10);
        let y = extent::y_scale(
            self.chart,
            &self.shown,
            self.inside.clone(),
            self.bounds().into_iter(),
            (top + inner, top),
            count,
        );
        let ticks = axis::y_ticks(&y, self.chart.format, count);
        if !mini {
            let labels = axis::widest(&ticks) + 10.0;
            left = if width < 120.0 || labels > width * 0.4 { 4.0 } else { labels.max(28.0) };
        }
        let plot = Rect { x: left, y: top, width: (width - left - right).max(1.0), height: inner };
        (plot, y, ticks)
    }

    fn axes(
        &self,
        (width, height): (f64, f64),
        plot: &Rect,
        x: &Linear,
        y: &Scale,
        ticks: &[(f64, String)],
        has_value: bool,
    ) -> Vec<Node> {
        let labels = has_value && plot.x > 5.0 && height >= 40.0;
        let (grid, values) = axis::y_nodes(ticks, y, plot, labels);
        let known = self.chart.range.is_some() || !self.chart.frame.is_empty() || self.chart.x.is_names();
        let x_ticks =
            if known && height >= 60.0 { axis::x_ticks(&self.chart.x, x, width) } else { Vec::new() };
        vec![grid, axis::x_nodes(&x_ticks, plot, height >= 120.0), values]
    }

    /// The columns to draw in place of points, where there are more than two for each; the plot is then made to begin and
    /// end with a pixel.
    fn grid(&self, plot: &mut Rect) -> Option<Grid> {
        if self.chart.kind.is_bars() || crate::num::float(self.inside.len()) <= plot.width * 2.0 {
            return None;
        }
        let left = plot.x.ceil();
        let width = (plot.right() - left).floor();
        let grid = Grid::new(self.domain, width).filter(|grid| extent::usable(grid.range()))?;
        (plot.x, plot.width) = (left, width);
        Some(grid)
    }

    /// The data, in a picture of its own, which cuts off what lies outside; and the pieces that it consists of.
    fn plot(
        &self,
        plot: &Rect,
        domain: (f64, f64),
        y: &Scale,
        grid: Option<Grid>,
        before: &[(usize, Vec<Piece>)],
    ) -> (Node, Vec<(usize, Vec<Piece>)>) {
        let x = Linear::new(domain, (0.0, plot.width));
        let y = moved(y, plot.y);
        let mut pieces = Vec::new();
        let nodes = if self.chart.kind.is_bars() {
            let shift = if self.chart.x.is_names() { -0.5 } else { 0.0 };
            let width = if self.chart.x.is_names() { 1.0 } else { self.bucket };
            Bars {
                frame: &self.chart.frame,
                shown: &self.shown,
                stacked: self.chart.kind.is_stacked(),
                x,
                y,
                positions: self.drawn.clone(),
                bucket: (shift, width),
                open_last: self.chart.open_last,
                textures: self.textured(),
            }
            .nodes()
        } else {
            let pen = Pen {
                frame: &self.chart.frame,
                kind: self.chart.kind,
                x,
                y,
                positions: self.drawn.clone(),
                open_last: self.chart.open_last,
                textures: self.textured(),
                grid,
                before,
            };
            let mut keep = |series: usize, (node, made): (Node, Vec<Piece>)| {
                pieces.push((series, made));
                node
            };
            if self.chart.kind.is_stacked() {
                self.layers.iter().map(|layer| keep(layer.series, pen.stacked(layer))).collect()
            } else {
                self.shown.iter().map(|series| keep(*series, pen.plain(*series))).collect()
            }
        };
        // A bar that is cut off at the edge ends there.
        let bleed = if self.chart.kind.is_bars() { (0.0, BLEED.1) } else { BLEED };
        let (width, height) = (plot.width + bleed.0 * 2.0, plot.height + bleed.1 * 2.0);
        let number = crate::shape::number;
        let dimmed = self.chart.status != Status::Ready;
        let picture = Node::new("svg", "plot")
            .with("class", "fc-plot")
            .with("x", plot.x - bleed.0)
            .with("y", plot.y - bleed.1)
            .with("width", width)
            .with("height", height)
            .with(
                "viewBox",
                format!("{} {} {} {}", number(-bleed.0), number(-bleed.1), number(width), number(height)),
            )
            .with("overflow", "hidden")
            .with("opacity", if dimmed { 0.45 } else { 1.0 })
            .with_children(nodes);
        (picture, pieces)
    }

    /// The textures of the series, whether they are shown or not: showing one changes nothing here.
    fn textures(&self) -> Node {
        let used =
            self.textured() && matches!(self.chart.kind, Kind::Stacked | Kind::Bars | Kind::StackedBars);
        let frame = &self.chart.frame;
        let slots: Vec<usize> = (0..frame.series().len()).filter(|_| used).map(|i| frame.slot(i)).collect();
        let patterns = (1..=theme::OTHER)
            .filter(|slot| slots.contains(&usize::from(*slot)))
            .map(theme::texture)
            .collect();
        Node::new("defs", "textures").with_children(patterns)
    }
}

/// The scale in coordinates of the plot.
fn moved(y: &Scale, by: f64) -> Scale {
    use crate::scale::{Log, Symlog};
    let shift = |range: (f64, f64)| (range.0 - by, range.1 - by);
    match y {
        Scale::Linear(s) => Scale::Linear(Linear::new(s.domain(), shift(s.range()))),
        Scale::Log(s) => Scale::Log(Log::new(s.domain(), shift(s.range()))),
        Scale::Symlog(s) => Scale::Symlog(Symlog::new(s.domain(), shift(s.range()), s.constant())),
    }
}

/// What is said in place of data, or over data that is old.
fn message(chart: &Chart, plot: &Rect, has_value: bool, all_hidden: bool) -> Node {
    let group = Node::new("g", "message").with("class", "fc-message");
    let (words, colour) = match &chart.status {
        Status::Ready if has_value => return group,
        Status::Ready if all_hidden => ("All series are hidden", Colour::Muted),
        Status::Ready => ("No data", Colour::Muted),
        Status::Loading => ("Loading…", Colour::Muted),
        Status::Error(why) if why.trim().is_empty() => ("Could not be loaded", Colour::Error),
        Status::Error(why) => (why.as_str(), Colour::Error),
    };
    // A small line has no room for words; its description has them.
    if plot.width < 40.0 || plot.height < FONT {
        return group;
    }
    let lines = index(plot.height / (FONT * 1.4)).clamp(1, 4);
    let lines = text::wrap(words, FONT + 1.0, plot.width - 8.0, lines);
    let height = FONT * 1.4;
    let first = plot.y + plot.height / 2.0 - height * crate::num::float(lines.len().saturating_sub(1)) / 2.0
        + FONT * 0.35;
    let middle = plot.x + plot.width / 2.0;
    let widest = lines.iter().map(|l| text::width(l, FONT + 1.0)).fold(0.0, f64::max) + 16.0;
    let ground = Rect {
        x: middle - widest / 2.0,
        y: first - height,
        width: widest,
        height: height * (crate::num::float(lines.len()) + 0.5),
    };
    let mut nodes = vec![rect("ground", &ground).with("rx", 4.0).with("fill", Colour::Surface)];
    nodes.extend(lines.into_iter().enumerate().map(|(i, words)| {
        label(format!("{i}"), (middle, first + height * crate::num::float(i)), "middle", colour, words)
            .with("font-size", FONT + 1.0)
    }));
    group.with_children(nodes)
}

//! Axes: which ticks there are, and labels that never touch.

use super::XKind;
use crate::format::Format;
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, Node, Rect, label, line};
use crate::text;
use crate::theme::FONT;
use crate::time::{self, Step, TimeTick, Zone};

/// The room between two labels.
const APART: f64 = 15.0;
/// The shortest distance of two ticks that is tried.
const CLOSEST: f64 = 28.0;

/// A tick as it is drawn: where, and its words, which may stand a little aside to stay inside the picture.
pub(super) struct Placed {
    at: f64,
    middle: f64,
    label: String,
    context: Option<(f64, String)>,
    turns: bool,
    value: f64,
}

/// The ticks of values, as many as there is room for, and the distance between them.
pub(super) fn y_ticks(scale: &Scale, format: Format, count: usize) -> Vec<(f64, String)> {
    let (low, high) = scale.domain();
    let bounds = (low.min(high), low.max(high));
    let values = match scale {
        Scale::Linear(_) => format.ticks(bounds, count),
        // Powers of ten are few and far between: a low picture has room for all of some decades.
        Scale::Log(log) => log.ticks((2 * count).min(8).max(count)),
        Scale::Symlog(symlog) => symlog.ticks(count),
    };
    let even =
        matches!(scale, Scale::Linear(_)).then(|| values.get(1).map(|next| next - values[0])).flatten();
    let mut ticks: Vec<(f64, String)> = Vec::with_capacity(values.len());
    let mut last = f64::INFINITY;
    let zero = values.contains(&0.0).then(|| scale.map(0.0));
    for value in values {
        let at = scale.map(value);
        // Where logarithms crowd, the tick that would touch its neighbour is left out, but never zero.
        let touches = |other: f64| (other - at).abs() < FONT * 1.3;
        if value != 0.0 && (touches(last) || zero.is_some_and(touches)) {
            continue;
        }
        last = at;
        // Uneven ticks are each as precise as themselves.
        ticks.push((value, format.tick(value, even.unwrap_or_else(|| value.abs().max(f64::MIN_POSITIVE)))));
    }
    ticks
}

/// The widest of some labels.
pub(super) fn widest(ticks: &[(f64, String)]) -> f64 {
    ticks.iter().map(|(_, words)| text::width(words, FONT)).fold(0.0, f64::max)
}

/// The ticks of x with labels that keep apart, within `0..width` of the picture.
pub(super) fn x_ticks(kind: &XKind, x: &Linear, width: f64) -> Vec<Placed> {
    match kind {
        XKind::Time(zone) => time_ticks(zone, x, width),
        XKind::Number(format) => number_ticks(*format, x, width),
        XKind::Names(names) => name_ticks(names, x, width),
    }
}

fn time_ticks(zone: &Zone, x: &Linear, width: f64) -> Vec<Placed> {
    let (from, to) = x.domain();
    let room = (x.range().1 - x.range().0).abs();
    let shortest = (to - from) * CLOSEST / room.max(CLOSEST);
    for step in Step::at_least(shortest) {
        let ticks = time::ticks(zone, (from, to), step);
        if ticks.len() < crate::scale::MAX_TICKS
            && let Some(placed) = place(ticks.into_iter().map(|t| (t.at, t.label.clone(), Some(t))), x, width)
        {
            return placed;
        }
    }
    Vec::new()
}

fn number_ticks(format: Format, x: &Linear, width: f64) -> Vec<Placed> {
    let room = (x.range().1 - x.range().0).abs();
    let most = crate::num::index(room / CLOSEST).clamp(1, 40);
    for count in (1..=most).rev() {
        let values = format.ticks(x.domain(), count);
        // One tick alone is as precise as itself.
        let alone = values.first().map_or(1.0, |v| v.abs().max(f64::MIN_POSITIVE));
        let step = values.get(1).map_or(alone, |next| next - values[0]);
        let labelled = values.into_iter().map(|v| (v, format.tick(v, step), None));
        if let Some(placed) = place(labelled, x, width) {
            return placed;
        }
    }
    Vec::new()
}

fn name_ticks(names: &[String], x: &Linear, width: f64) -> Vec<Placed> {
    let band = (x.map(1.0) - x.map(0.0)).abs();
    let longest = names.iter().take(1000).map(|n| text::width(n, FONT)).fold(0.0, f64::max).min(96.0);
    let every = crate::num::index(((longest + APART) / band.max(1e-3)).ceil()).max(1);
    let room = band * crate::num::float(every) - APART;
    let (from, to) = x.domain();
    let labels = names.iter().enumerate().step_by(every).map(|(i, name)| (crate::num::float(i), name));
    let inside = labels.filter(|(at, _)| (from..=to).contains(at));
    let fitted = inside.map(|(at, name)| (at, text::fit(name, FONT, room), None));
    place(fitted.take(crate::scale::MAX_TICKS), x, width).unwrap_or_default()
}

/// Puts labels in the middle below their ticks; `None` when two would touch there.
///
/// At the edges a label is moved inside, or left out where it would touch its neighbour then. That decides nothing about
/// the step: ticks that drift through a live picture must not come and go by turns.
fn place(
    ticks: impl Iterator<Item = (f64, String, Option<TimeTick>)>,
    x: &Linear,
    width: f64,
) -> Option<Vec<Placed>> {
    let mut placed: Vec<Placed> = Vec::new();
    let mut halves = Vec::new();
    let mut contexts = Vec::new();
    let mut edge = f64::NEG_INFINITY;
    for (value, words, time) in ticks {
        let at = x.map(value);
        let half = text::width(&words, FONT) / 2.0;
        if at - half < edge || half * 2.0 + 4.0 > width {
            return None;
        }
        edge = at + half + APART;
        halves.push(half);
        contexts.push(time.as_ref().and_then(|t| t.context.clone()));
        let turns = time.is_some_and(|t| t.turns);
        placed.push(Placed {
            at,
            middle: inside(at, half, width),
            label: words,
            context: None,
            turns,
            value,
        });
    }
    for (i, j) in [(0, 1), (placed.len().wrapping_sub(1), placed.len().wrapping_sub(2))] {
        let (Some(outer), Some(inner)) = (placed.get(i), placed.get(j)) else { continue };
        if (outer.middle - inner.middle).abs() < halves[i] + halves[j] + APART * 0.6 {
            placed[i].label.clear();
        }
    }
    // From the right: a new day is worth more than the one that the picture begins in.
    let mut edge = f64::INFINITY;
    for (tick, context) in placed.iter_mut().zip(contexts).rev() {
        let Some(words) = context else { continue };
        let half = text::width(&words, FONT) / 2.0;
        let middle = inside(tick.middle, half, width);
        if middle + half <= edge && half * 2.0 + 4.0 <= width {
            edge = middle - half - APART;
            tick.context = Some((middle, words));
        }
    }
    Some(placed)
}

fn inside(at: f64, half: f64, width: f64) -> f64 {
    // Two pixels from the edge, where a picture may be cut or have a border.
    at.min(width - half - 2.0).max(half + 2.0)
}

/// Draws the axis of values: lines of the grid, and labels when `labels`.
pub(super) fn y_nodes(ticks: &[(f64, String)], scale: &Scale, plot: &Rect, labels: bool) -> (Node, Node) {
    let mut lines = Vec::new();
    let mut words = Vec::new();
    for (value, text) in ticks {
        let at = crisp(scale.map(*value));
        lines.push(line(format!("y{value}"), (plot.x, at), (plot.right(), at), Colour::Grid));
        if labels {
            words.push(label(
                format!("y{value}"),
                (plot.x - 6.0, at + FONT * 0.35),
                "end",
                Colour::Muted,
                text,
            ));
        }
    }
    let grid = Node::new("g", "grid").with("class", "fc-grid").with_children(lines);
    (grid, Node::new("g", "y").with("class", "fc-axis fc-y").with_children(words))
}

/// Draws the axis of x below the plot.
pub(super) fn x_nodes(ticks: &[Placed], plot: &Rect, contexts: bool) -> Node {
    let base = crisp(plot.bottom());
    let mut nodes = vec![line("base", (plot.x, base), (plot.right(), base), Colour::Axis)];
    for tick in ticks {
        let at = crisp(tick.at);
        let colour = if tick.turns { Colour::Text } else { Colour::Muted };
        let length = if tick.turns { 6.0 } else { 4.0 };
        nodes.push(line(format!("t{}", tick.value), (at, base), (at, base + length), Colour::Axis));
        let row = base + 5.0 + FONT;
        if !tick.label.is_empty() {
            nodes.push(label(format!("l{}", tick.value), (tick.middle, row), "middle", colour, &tick.label));
        }
        if let Some((middle, words)) = tick.context.as_ref().filter(|_| contexts) {
            let at = (*middle, row + FONT + 3.0);
            nodes.push(label(format!("c{}", tick.value), at, "middle", Colour::Text, words));
        }
    }
    Node::new("g", "x").with("class", "fc-axis fc-x").with_children(nodes)
}

/// The middle of a pixel, where a line of one pixel is sharp.
pub(super) fn crisp(at: f64) -> f64 {
    at.floor() + 0.5
}

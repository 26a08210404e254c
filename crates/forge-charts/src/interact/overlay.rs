//! What is drawn over a chart while it is used: crosshair, points, and the range that is being selected.

use super::{Gesture, State};
use crate::scene::{Colour, Node, Rect, Scene, line, rect};

/// The elements over a picture. They are few, and none of them belongs to the picture: moving a pointer draws no path
/// anew.
#[must_use]
pub fn overlay(state: &State, scene: &Scene) -> Vec<Node> {
    let mut nodes = Vec::new();
    if let Some(Gesture::Select(from, to)) = state.gesture
        && state.moved
    {
        let area =
            Rect { x: from.min(to), y: scene.plot.y, width: (to - from).abs(), height: scene.plot.height };
        nodes.push(
            rect("selection", &area)
                .with("class", "fc-selection")
                .with("fill", Colour::Selection)
                .with("fill-opacity", 0.18)
                .with("stroke", Colour::Selection),
        );
    }
    let Some(cursor) = state.cursor else { return nodes };
    let Some(at) = scene.pixel(cursor.position) else { return nodes };
    nodes.push(crosshair(scene, cursor.position, at));
    if !scene.kind.is_bars() {
        nodes.extend(scene.points(cursor.position).into_iter().filter(|p| p.1.is_finite()).map(
            |(series, y)| {
                let slot = u8::try_from(scene.frame.slot(series)).unwrap_or(0);
                let y = y.clamp(scene.plot.y, scene.plot.bottom());
                Node::new("circle", format!("p{series}"))
                    .with("cx", at)
                    .with("cy", y)
                    .with("r", 3.5)
                    .with("fill", Colour::Series(slot))
                    .with("stroke", Colour::Surface)
                    .with("stroke-width", 1.5)
            },
        ));
    }
    nodes
}

/// A line through a point, or a band over a bucket.
fn crosshair(scene: &Scene, position: usize, at: f64) -> Node {
    let plot = &scene.plot;
    if !scene.kind.is_bars() {
        return line("cross", (at, plot.y), (at, plot.bottom()), Colour::Cross).with("class", "fc-cross");
    }
    let x = scene.frame.xs().get(position).copied().unwrap_or(0.0);
    let (from, to) = if scene.x_kind.is_names() { (x - 0.5, x + 0.5) } else { (x, x + scene.bucket) };
    let left = scene.x.map(from).max(plot.x);
    let right = scene.x.map(to).min(plot.right()).max(left + 1.0);
    rect("cross", &Rect { x: left, y: plot.y, width: right - left, height: plot.height })
        .with("class", "fc-cross")
        .with("fill", Colour::Cross)
        .with("fill-opacity", 0.18)
}

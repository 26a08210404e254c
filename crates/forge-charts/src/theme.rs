//! Colours, and what tells series apart without them.
//!
//! The palette follows the hues and the order of M. Okabe and K. Ito ("Color Universal Design", 2008), moved until every
//! colour has a contrast of 3:1 on its ground (WCAG 2.2, 1.4.11) and every two stay apart for people with protanopia,
//! deuteranopia and tritanopia; tests reckon both. Colour is never alone: lines differ in dashes, areas and bars in
//! textures, and every series has its name in legend, tooltip and table.

use crate::scene::{Colour, Node, Scene, label, rect};
use crate::text;

/// How many places the palette has.
pub const SLOTS: usize = 8;
/// The grey place, for what is none of the others.
pub const OTHER: u8 = 7;
/// The size of type in charts, in pixels.
pub const FONT: f64 = 11.0;
/// The style sheet of the view: every colour a custom property, light and dark. Put it into the page once, or let
/// [`Styles`](crate::view::Styles) do so.
pub const STYLE: &str = include_str!("style.css");

/// Fixed colours, for pictures that no style sheet reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The palette.
    pub series: [&'static str; SLOTS],
    /// Titles and values.
    pub text: &'static str,
    /// Axis labels.
    pub muted: &'static str,
    /// The lines of the grid.
    pub grid: &'static str,
    /// The line of an axis.
    pub axis: &'static str,
    /// What the chart lies on.
    pub surface: &'static str,
    /// Marks.
    pub mark: &'static str,
    /// The crosshair.
    pub cross: &'static str,
    /// What is being selected.
    pub selection: &'static str,
    /// Something went wrong.
    pub error: &'static str,
}

impl Theme {
    /// On white.
    #[must_use]
    pub const fn light() -> Self {
        Self {
            series: ["#275b9f", "#e66500", "#248850", "#7b1d69", "#2296ea", "#775300", "#2d2383", "#647677"],
            text: "#1b2430",
            muted: "#566170",
            grid: "#e6e9ee",
            axis: "#8b95a3",
            surface: "#ffffff",
            mark: "#8a3b12",
            cross: "#566170",
            selection: "#275b9f",
            error: "#b3261e",
        }
    }

    /// On near black.
    #[must_use]
    pub const fn dark() -> Self {
        Self {
            series: ["#40bdff", "#f17726", "#119e6d", "#b86cb2", "#b8dcff", "#e4e402", "#7771e2", "#b5b3b3"],
            text: "#e8ebf0",
            muted: "#a3adba",
            grid: "#2a303a",
            axis: "#6b7684",
            surface: "#16191f",
            mark: "#f0a878",
            cross: "#a3adba",
            selection: "#40bdff",
            error: "#ff8a80",
        }
    }

    /// The colour for a purpose; places in the palette go round.
    #[must_use]
    pub const fn colour(&self, colour: Colour) -> &'static str {
        match colour {
            Colour::Series(slot) => self.series[slot as usize % SLOTS],
            Colour::Text => self.text,
            Colour::Muted => self.muted,
            Colour::Grid => self.grid,
            Colour::Axis => self.axis,
            Colour::Surface => self.surface,
            Colour::Mark => self.mark,
            Colour::Cross => self.cross,
            Colour::Selection => self.selection,
            Colour::Error => self.error,
        }
    }
}

/// The dashes of a place in the palette; the first one is solid.
#[must_use]
pub const fn dash(slot: u8) -> Option<&'static str> {
    match slot as usize % SLOTS {
        1 => Some("7 3"),
        2 => Some("10 2 2 2"),
        3 => Some("3 2"),
        4 => Some("14 3"),
        5 => Some("6 2 2 2 2 2"),
        6 => Some("4 4"),
        7 => Some("2 2"),
        _ => None,
    }
}

/// The texture of a place in the palette: its colour with thin strokes of the ground on it.
pub(crate) fn texture(slot: u8) -> Node {
    // Each a path over a tile of 8 by 8 that meets itself at the edges.
    let strokes = match slot as usize % SLOTS {
        1 => "M-2,2L2,-2M0,8L8,0M6,10L10,6",
        2 => "M2,2h0.01M6,6h0.01",
        3 => "M-2,6L2,10M0,0L8,8M6,-2L10,2",
        4 => "M0,4L8,4",
        5 => "M4,0L4,8",
        6 => "M0,4L8,4M4,0L4,8",
        _ => "M0,0L8,8M8,0L0,8",
    };
    let tile = crate::scene::Rect { width: 8.0, height: 8.0, ..Default::default() };
    let ground = rect("ground", &tile).with("fill", Colour::Series(slot));
    let lines = Node::new("path", "strokes")
        .with("d", strokes)
        .with("fill", "none")
        .with("stroke", Colour::Surface)
        .with("stroke-width", if slot as usize % SLOTS == 2 { 2.2 } else { 1.0 })
        .with("stroke-opacity", 0.55)
        .with("stroke-linecap", "round");
    Node::new("pattern", format!("t{slot}"))
        .with("width", 8.0)
        .with("height", 8.0)
        .with("patternUnits", "userSpaceOnUse")
        .with_children(vec![ground, lines])
}

/// Title and legend above a chart, as a document has them, and how high they are.
pub(crate) fn legend_rows(scene: &Scene) -> (Vec<Node>, f64) {
    const ROW: f64 = 18.0;
    const SWATCH: f64 = 16.0;
    let width = scene.size.0;
    let mut nodes = Vec::new();
    let mut baseline = 8.0;
    if !scene.title.is_empty() {
        baseline += FONT + 4.0;
        let title = text::fit(&scene.title, FONT + 2.0, width - 16.0);
        let node = label("title", (8.0, baseline), "start", Colour::Text, title);
        nodes.push(node.with("font-size", FONT + 2.0).with("font-weight", "600"));
    }
    if scene.legend.len() > 1 {
        baseline += ROW;
        let mut left = 8.0;
        for (i, item) in scene.legend.iter().enumerate() {
            let name = text::fit(&item.name, FONT, (width - SWATCH - 20.0).min(180.0));
            let taken = SWATCH + 5.0 + text::width(&name, FONT) + 14.0;
            if left > 8.0 && left + taken > width {
                left = 8.0;
                baseline += ROW;
            }
            nodes.push(swatch(format!("k{i}"), scene, item.slot, (left, baseline - FONT + 1.0), item.hidden));
            let colour = if item.hidden { Colour::Muted } else { Colour::Text };
            let words = label(format!("n{i}"), (left + SWATCH + 5.0, baseline), "start", colour, name);
            nodes.push(if item.hidden { words.with("text-decoration", "line-through") } else { words });
            left += taken;
        }
    }
    (nodes, if nodes_are_none(scene) { 0.0 } else { baseline + 8.0 })
}

const fn nodes_are_none(scene: &Scene) -> bool {
    scene.title.is_empty() && scene.legend.len() <= 1
}

/// A piece of what the series is drawn with, 16 by 10 pixels.
pub(crate) fn swatch(key: String, scene: &Scene, slot: u8, (x, y): (f64, f64), hidden: bool) -> Node {
    use crate::chart::Kind;
    let faded = if hidden { 0.35 } else { 1.0 };
    if matches!(scene.kind, Kind::Lines | Kind::Area | Kind::Mini) {
        let node = Node::new("path", key)
            .with("d", format!("M{},{}h16", crate::shape::number(x), crate::shape::number(y + 5.0)))
            .with("fill", "none")
            .with("stroke", Colour::Series(slot))
            .with("stroke-width", 2.5)
            .with("opacity", faded);
        let dashes = dash(slot).filter(|_| scene.legend.len() > 1);
        return dashes.into_iter().fold(node, |node, dash| node.with("stroke-dasharray", dash));
    }
    let area = crate::scene::Rect { x, y, width: 16.0, height: 10.0 };
    let node = rect(key, &area).with("rx", 2.0);
    let textured = slot > 0 && scene.is_textured();
    let fill: crate::scene::Value =
        if textured { crate::scene::Value::Texture(slot) } else { Colour::Series(slot).into() };
    node.with("fill", fill).with("opacity", faded)
}

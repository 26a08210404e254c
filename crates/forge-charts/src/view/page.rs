//! The elements around a picture, as values like the picture itself: title, legend, tooltip, table, and what is said aloud.

use crate::chart::Status;
use crate::interact::Tip;
use crate::scene::{LegendItem, Node, Scene};
use crate::shape::number;
use crate::table::Table;
use crate::theme::swatch;

/// What the keys do, for those who hear the chart.
const KEYS: &str = "Arrow keys, Page Up and Page Down, Home and End move the crosshair. Plus and minus zoom, Shift with an \
     arrow key moves the range, 0 shows all, Backspace goes back, Enter keeps the crosshair, Escape gives up.";

/// What stands around the picture, apart from its scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// Whether another range than all is shown.
    pub(super) zoomed: bool,
    /// Whether the table is open.
    pub(super) open: bool,
    /// What is said aloud.
    pub(super) spoken: String,
}

/// The attributes of the element around all of it.
pub(super) fn root(prefix: &str, status: &Status) -> Node {
    let node = Node::new("figure", "").with("aria-labelledby", format!("{prefix}-title"));
    if *status == Status::Loading { node.with("aria-busy", "true") } else { node }
}

/// What is in that element. The stage holds, empty here, the picture, what lies over it, and the tooltip.
pub(super) fn frame(scene: &Scene, around: &Around, prefix: &str, height: f64) -> Vec<Node> {
    let (width, tall) = scene.size;
    let title = Node::new("span", "title")
        .with("class", "fc-title")
        .with("id", format!("{prefix}-title"))
        .with_text(&scene.title);
    let reset = around.zoomed.then(|| {
        Node::new("button", "reset").with("type", "button").with("data-fc", "reset").with_text("Reset zoom")
    });
    let tools =
        Node::new("span", "tools").with("class", "fc-tools").with_children(reset.into_iter().collect());
    let picture = Node::new("svg", "picture")
        .with("aria-hidden", "true")
        .with("width", width)
        .with("height", tall)
        .with("font-size", crate::theme::FONT);
    let over = Node::new("svg", "over")
        .with("class", "fc-overlay")
        .with("aria-hidden", "true")
        .with("width", width)
        .with("height", tall);
    let stage = Node::new("div", "stage")
        .with("class", "fc-stage")
        .with("tabindex", "0")
        .with("role", "application")
        .with("aria-roledescription", "chart")
        .with("aria-labelledby", format!("{prefix}-title"))
        .with("aria-describedby", format!("{prefix}-text"))
        .with("style", format!("height:{}px", number(height)))
        .with_children(vec![picture, over, Node::new("div", "tip")]);
    let text = Node::new("p", "text")
        .with("class", "fc-hidden")
        .with("id", format!("{prefix}-text"))
        .with_text(format!("{} {KEYS}", scene.description));
    let live = Node::new("div", "live")
        .with("class", "fc-hidden")
        .with("aria-live", "polite")
        .with_text(around.spoken.as_str());
    let head = Node::new("figcaption", "head").with("class", "fc-head").with_children(vec![title, tools]);
    let mut nodes = vec![head];
    nodes.extend(legend(scene));
    nodes.extend([stage, text, live, details(scene, around.open)]);
    nodes
}

/// A piece of what a series is drawn with.
fn piece(scene: &Scene, slot: u8) -> Node {
    Node::new("svg", "piece")
        .with("width", "16")
        .with("height", "10")
        .with("viewBox", "0 0 16 10")
        .with("aria-hidden", "true")
        .with_children(vec![swatch("s".to_owned(), scene, slot, (0.0, 0.0), false)])
}

/// A button for each of several series.
fn legend(scene: &Scene) -> Option<Node> {
    let entry = |at: usize, item: &LegendItem| {
        let button = Node::new("button", "button")
            .with("type", "button")
            .with("aria-pressed", if item.hidden { "false" } else { "true" })
            .with("title", "Show or hide. Twice, or with Alt: this one alone")
            .with("data-fc", at.to_string())
            .with_children(vec![
                piece(scene, item.slot),
                Node::new("span", "name").with_text(item.name.as_str()),
            ]);
        // An element is kept as long as its entry is the same, so that a button keeps its focus.
        Node::new("li", format!("{}-{}", item.slot, item.name)).with_children(vec![button])
    };
    (scene.legend.len() > 1).then(|| {
        Node::new("ul", "legend")
            .with("class", "fc-legend")
            .with("aria-label", "Series")
            .with_children(scene.legend.iter().enumerate().map(|(at, item)| entry(at, item)).collect())
    })
}

/// The tooltip. What it says is also said aloud, so that it is hidden from assistive technology.
pub(super) fn tooltip(tip: &Tip, pinned: bool, scene: &Scene) -> Node {
    let cell = |key: &'static str, text: &str| Node::new("td", key).with_text(text);
    let row = |key: String, piece: Option<Node>, name: &str, value: &str| {
        let piece = Node::new("td", "piece").with_children(piece.into_iter().collect());
        Node::new("tr", key).with_children(vec![piece, cell("name", name), cell("value", value)])
    };
    let mut rows: Vec<Node> = tip
        .rows
        .iter()
        .map(|r| row(r.series.to_string(), Some(piece(scene, r.slot)), &r.name, &r.value))
        .collect();
    rows.extend(tip.total.as_ref().map(|total| row("total".to_owned(), None, "total", total)));
    let more =
        |key: &'static str, text: String| Node::new("div", key).with("class", "fc-tip-more").with_text(text);
    let body = Node::new("tbody", "rows").with_children(rows);
    let mut parts = vec![
        Node::new("div", "title").with("class", "fc-tip-title").with_text(tip.title.as_str()),
        Node::new("table", "table").with_children(vec![body]),
    ];
    if tip.more > 0 {
        parts.push(more("more", format!("and {} more", tip.more)));
    }
    if tip.open {
        parts.push(more("open", "still filling".to_owned()));
    }
    let place = format!("transform:translate({}px,{}px)", number(tip.at.0), number(tip.at.1));
    Node::new("div", "tip")
        .with("class", if pinned { "fc-tip fc-pinned" } else { "fc-tip" })
        .with("aria-hidden", "true")
        .with("style", place)
        .with_children(parts)
}

/// The data as a table, made when it is opened.
fn details(scene: &Scene, open: bool) -> Node {
    let mut children = vec![Node::new("summary", "summary").with_text("Data table")];
    if open {
        children.push(table(&Table::new(scene), &scene.title));
    }
    Node::new("details", "table").with("class", "fc-table").with_children(children)
}

fn table(table: &Table, title: &str) -> Node {
    let cell = |at: usize, text: &String| Node::new("td", at.to_string()).with_text(text.as_str());
    let head = |at: usize, text: &String| {
        Node::new("th", at.to_string()).with("scope", "col").with_text(text.as_str())
    };
    let row = |at: usize, cells: &Vec<String>| {
        let first = cells.first().map(|x| Node::new("th", "x").with("scope", "row").with_text(x.as_str()));
        let others = cells.iter().enumerate().skip(1).map(|(at, text)| cell(at, text));
        Node::new("tr", at.to_string()).with_children(first.into_iter().chain(others).collect())
    };
    let heads = table.head.iter().enumerate().map(|(at, text)| head(at, text)).collect();
    let rows = table.rows.iter().enumerate().map(|(at, cells)| row(at, cells)).collect();
    let parts = vec![
        Node::new("thead", "head").with_children(vec![Node::new("tr", "head").with_children(heads)]),
        Node::new("tbody", "rows").with_children(rows),
    ];
    let mut children = vec![Node::new("table", "table").with_children(parts)];
    children.extend(table.note.as_ref().map(|note| Node::new("p", "note").with_text(note.as_str())));
    Node::new("div", "scroll")
        .with("class", "fc-scroll")
        .with("tabindex", "0")
        .with("role", "region")
        .with("aria-label", format!("Data of {title}"))
        .with_children(children)
}

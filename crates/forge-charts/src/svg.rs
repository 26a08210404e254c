//! A picture as text: a whole SVG document, the same on every machine, with fixed colours and without scripts.
//!
//! For pictures in documents and mail, on the command line, and in tests.
//!
//! ```
//! use forge_charts::chart::{Chart, Showing};
//! use forge_charts::data::{Frame, Series};
//! use forge_charts::svg::Document;
//! use forge_charts::theme::Theme;
//!
//! let waiting = Series::new("waiting", [120.0, 80.0, 260.0]);
//! let chart = Chart::bars("Waiting jobs by queue", Frame::buckets(0.0, 1.0, vec![waiting]))
//!     .names(["mail", "reports", "images"]);
//! let scene = chart.scene((640.0, 220.0), &Showing::default());
//! assert!(scene.description.contains("highest 260 at images"));
//! let svg = Document::default().theme(Theme::dark()).write(&scene);
//! assert!(svg.starts_with("<svg"));
//! ```

use crate::scene::{Colour, Node, Paints, Scene};
use crate::theme::{Theme, legend_rows};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What fonts are asked for. Layout reckons with the widest of them.
pub(crate) const FONTS: &str =
    "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

struct Fixed<'a> {
    theme: &'a Theme,
    prefix: &'a str,
}

impl Paints for Fixed<'_> {
    fn colour(&self, colour: Colour) -> Cow<'static, str> {
        Cow::Borrowed(self.theme.colour(colour))
    }

    fn prefix(&self) -> &str {
        self.prefix
    }
}

/// How a picture becomes a document.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    theme: Theme,
    prefix: &'a str,
    heading: bool,
    overlay: Vec<Node>,
}

impl Default for Document<'_> {
    fn default() -> Self {
        Self { theme: Theme::light(), prefix: "fc", heading: true, overlay: Vec::new() }
    }
}

impl<'a> Document<'a> {
    /// On this theme; the default is [`Theme::light`].
    #[must_use]
    pub const fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// Begins the identifiers in the document; the default is `fc`. Two documents inside one page need different ones.
    /// What is neither letter, digit nor `-` is left out when it is written.
    #[must_use]
    pub const fn prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = prefix;
        self
    }

    /// With title and legend above the chart, which is the default, or without.
    #[must_use]
    pub const fn heading(mut self, heading: bool) -> Self {
        self.heading = heading;
        self
    }

    /// With these elements on top, such as [`overlay`](crate::interact::overlay) makes for a crosshair.
    #[must_use]
    pub fn overlay(mut self, nodes: Vec<Node>) -> Self {
        self.overlay = nodes;
        self
    }

    /// The document. The heading is put on top of the scene's own height.
    #[must_use]
    pub fn write(&self, scene: &Scene) -> String {
        let prefix: String = self.prefix.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let paints = Fixed { theme: &self.theme, prefix: &prefix };
        let mini = scene.kind == crate::chart::Kind::Mini;
        let (heading, above) = if self.heading && !mini { legend_rows(scene) } else { (Vec::new(), 0.0) };
        let (width, height) = (scene.size.0, scene.size.1 + above);
        let mut out = String::with_capacity(4096);
        let root = Node::new("svg", "")
            .with("xmlns", "http://www.w3.org/2000/svg")
            .with("width", width)
            .with("height", height)
            .with("viewBox", format!("0 0 {} {}", crate::shape::number(width), crate::shape::number(height)))
            .with("role", "img")
            .with("aria-labelledby", format!("{prefix}-title {prefix}-desc"))
            .with("font-family", FONTS)
            .with("font-size", crate::theme::FONT);
        open(&mut out, &root, &paints);
        out.push_str(">\n");
        let title = Node::new("title", "").with("id", format!("{prefix}-title")).with_text(&scene.title);
        let desc = Node::new("desc", "").with("id", format!("{prefix}-desc")).with_text(&scene.description);
        let ground =
            Node::new("rect", "").with("width", width).with("height", height).with("fill", Colour::Surface);
        for node in [&title, &desc, &ground].into_iter().chain(&heading) {
            element(&mut out, node, &paints, 1);
        }
        let shift = format!("translate(0,{})", crate::shape::number(above));
        let mut children = scene.nodes.clone();
        children.extend(self.overlay.iter().cloned());
        let body = Node::new("g", "").with("transform", shift).with_children(children);
        element(&mut out, &body, &paints, 1);
        out.push_str("</svg>\n");
        out
    }
}

fn open(out: &mut String, node: &Node, paints: &impl Paints) {
    // Writing to a string cannot fail.
    let _ = write!(out, "<{}", node.tag);
    for (name, value) in &node.attrs {
        let _ = write!(out, " {name}=\"");
        escape(out, &paints.text(value));
        out.push('"');
    }
    if node.tag == "pattern" {
        let _ = write!(out, " id=\"{}-{}\"", paints.prefix(), node.key);
    }
}

fn element(out: &mut String, node: &Node, paints: &impl Paints, depth: usize) {
    let indent = "  ".repeat(depth);
    out.push_str(&indent);
    open(out, node, paints);
    if node.children.is_empty() && node.text.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push('>');
    escape(out, &node.text);
    if !node.children.is_empty() {
        out.push('\n');
        for child in &node.children {
            element(out, child, paints, depth + 1);
        }
        out.push_str(&indent);
    }
    let _ = writeln!(out, "</{}>", node.tag);
}

/// Writes text so that it is text in XML; control characters, which XML has no place for, are left out.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
}

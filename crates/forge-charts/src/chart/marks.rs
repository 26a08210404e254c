//! Draws marks: moments, levels and spans.

use super::{MAX_MARKS, Mark};
use crate::order::order;
use crate::scale::{Linear, Scale};
use crate::scene::{Colour, Node, Rect, label, line, rect};
use crate::text;
use crate::theme::FONT;

/// What marks are drawn with, in coordinates of the picture.
pub(super) struct Marks<'a> {
    pub(super) all: &'a [Mark],
    pub(super) x: &'a Linear,
    pub(super) y: &'a Scale,
    pub(super) plot: &'a Rect,
}

/// Whether a row above the plot is needed for words.
pub(super) fn need_row(marks: &[Mark]) -> bool {
    marks.iter().any(|mark| match mark {
        Mark::At { label, .. } | Mark::Span { label, .. } => !label.is_empty(),
        Mark::Level { .. } => false,
    })
}

impl Marks<'_> {
    /// What lies behind the data, and what lies in front of it.
    pub(super) fn nodes(&self) -> (Node, Node) {
        let mut behind = Vec::new();
        let mut front = Vec::new();
        // Words are put from left to right, and left out where they would touch.
        let mut words: Vec<(f64, String, usize)> = Vec::new();
        let (from, to) = self.x.domain();
        let inside = |x: f64| (from..=to).contains(&x);
        for (i, mark) in self.all.iter().enumerate().filter(|(_, m)| self.is_seen(m)).take(MAX_MARKS) {
            match mark {
                Mark::At { x, label } if inside(*x) => {
                    let at = super::axis::crisp(self.x.map(*x));
                    front.push(
                        line(
                            format!("m{i}"),
                            (at, self.plot.y - 2.0),
                            (at, self.plot.bottom()),
                            Colour::Mark,
                        )
                        .with("stroke-dasharray", "4 3"),
                    );
                    words.push((at, label.clone(), i));
                }
                Mark::Level { y, label } => self.level(i, *y, label, &mut front),
                Mark::Span { from: start, to: end, label } => {
                    let (left, right) = (self.x.map(start.max(from)), self.x.map(end.min(to)));
                    let area =
                        Rect { x: left, y: self.plot.y, width: right - left, height: self.plot.height };
                    behind.push(
                        rect(format!("m{i}"), &area).with("fill", Colour::Mark).with("fill-opacity", 0.12),
                    );
                    words.push((left, label.clone(), i));
                }
                Mark::At { .. } => {}
            }
        }
        if self.plot.y >= FONT {
            front.extend(self.words(&words));
        }
        let group =
            |key: &'static str, nodes| Node::new("g", key).with("class", "fc-marks").with_children(nodes);
        (group("marks-behind", behind), group("marks", front))
    }

    fn is_seen(&self, mark: &Mark) -> bool {
        let (from, to) = self.x.domain();
        match mark {
            Mark::At { x, .. } => (from..=to).contains(x),
            Mark::Level { y, .. } => {
                let at = self.y.map(*y);
                (self.plot.y - 0.5..=self.plot.bottom() + 0.5).contains(&at)
            }
            Mark::Span { from: start, to: end, .. } => start < end && *end > from && *start < to,
        }
    }

    fn level(&self, i: usize, y: f64, words: &str, out: &mut Vec<Node>) {
        let at = super::axis::crisp(self.y.map(y));
        out.push(
            line(format!("m{i}"), (self.plot.x, at), (self.plot.right(), at), Colour::Mark)
                .with("stroke-dasharray", "6 4"),
        );
        let words = text::fit(words, FONT, self.plot.width * 0.6);
        if !words.is_empty() {
            // Below the line where there is no room above.
            let above = at - self.plot.y >= FONT + 4.0;
            let baseline = if above { at - 4.0 } else { at + FONT + 2.0 };
            out.push(halo(label(
                format!("w{i}"),
                (self.plot.right() - 4.0, baseline),
                "end",
                Colour::Mark,
                words,
            )));
        }
    }

    fn words(&self, words: &[(f64, String, usize)]) -> Vec<Node> {
        let order = order(words.len(), &|a, b| words[a].0.total_cmp(&words[b].0));
        let mut edge = f64::NEG_INFINITY;
        let mut nodes = Vec::new();
        for (at, text, i) in order.into_iter().map(|i| &words[i]) {
            let text = text::fit(text, FONT, 140.0_f64.min(self.plot.width));
            let width = text::width(&text, FONT);
            let left = (at - 1.0).min(self.plot.right() - width).max(self.plot.x);
            if text.is_empty() || left < edge {
                continue;
            }
            edge = left + width + 8.0;
            nodes.push(label(format!("w{i}"), (left, self.plot.y - 6.0), "start", Colour::Mark, text));
        }
        nodes
    }
}

/// Words over data, which stay legible on it.
fn halo(node: Node) -> Node {
    node.with("stroke", Colour::Surface)
        .with("stroke-width", 3.0)
        .with("stroke-linejoin", "round")
        .with("paint-order", "stroke")
}

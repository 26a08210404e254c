//! Puts elements of a picture into the page, and changes what has changed.

use crate::scene::{Change, Colour, Node, Paints, changes};
use crate::theme::SLOTS;
use std::borrow::Cow;
use web_sys::{Document, Element};

const SVG: &str = "http://www.w3.org/2000/svg";

/// Colours as properties of the style sheet, so that a theme changes without drawing.
pub(super) struct Variables<'a>(pub(super) &'a str);

impl Paints for Variables<'_> {
    fn colour(&self, colour: Colour) -> Cow<'static, str> {
        variable(colour).into()
    }

    fn prefix(&self) -> &str {
        self.0
    }
}

/// The property of a colour.
pub(super) const fn variable(colour: Colour) -> &'static str {
    match colour {
        Colour::Series(slot) => match slot as usize % SLOTS {
            0 => "var(--fc-1)",
            1 => "var(--fc-2)",
            2 => "var(--fc-3)",
            3 => "var(--fc-4)",
            4 => "var(--fc-5)",
            5 => "var(--fc-6)",
            6 => "var(--fc-7)",
            _ => "var(--fc-8)",
        },
        Colour::Text => "var(--fc-text)",
        Colour::Muted => "var(--fc-muted)",
        Colour::Grid => "var(--fc-grid)",
        Colour::Axis => "var(--fc-axis)",
        Colour::Surface => "var(--fc-surface)",
        Colour::Mark => "var(--fc-mark)",
        Colour::Cross => "var(--fc-cross)",
        Colour::Selection => "var(--fc-selection)",
        Colour::Error => "var(--fc-error)",
    }
}

/// Makes the elements below `parent`, which are `old`, to be `new`.
pub(super) fn draw(parent: &Element, old: &[Node], new: &[Node], prefix: &str) {
    let Some(document) = parent.owner_document() else { return };
    let found = changes(old, new);
    Pen { document, paints: Variables(prefix) }.apply(parent, &found);
}

struct Pen<'a> {
    document: Document,
    paints: Variables<'a>,
}

impl Pen<'_> {
    /// What the page refuses is left out: a picture with a hole is better than none, and all names here are constants.
    fn apply(&self, parent: &Element, list: &[Change<'_>]) {
        for change in list {
            match change {
                Change::Remove(at) => {
                    if let Some(child) = child(parent, *at) {
                        child.remove();
                    }
                }
                Change::Move(from, to) => {
                    if let Some(moved) = child(parent, *from) {
                        let before = child(parent, *to);
                        let _ = parent.insert_before(&moved, before.as_deref());
                    }
                }
                Change::Insert(at, node) => {
                    if let Some(element) = self.create(node) {
                        let before = child(parent, *at);
                        let _ = parent.insert_before(&element, before.as_deref());
                    }
                }
                Change::Set(at, name, value) => {
                    if let Some(child) = child(parent, *at) {
                        let _ = child.set_attribute(name, &self.paints.text(value));
                    }
                }
                Change::Unset(at, name) => {
                    if let Some(child) = child(parent, *at) {
                        let _ = child.remove_attribute(name);
                    }
                }
                Change::Text(at, text) => {
                    if let Some(child) = child(parent, *at) {
                        child.set_text_content(Some(text));
                    }
                }
                Change::Within(at, list) => {
                    if let Some(child) = child(parent, *at) {
                        self.apply(&child, list);
                    }
                }
            }
        }
    }

    fn create(&self, node: &Node) -> Option<Element> {
        let element = self.document.create_element_ns(Some(SVG), node.tag).ok()?;
        for (name, value) in &node.attrs {
            let _ = element.set_attribute(name, &self.paints.text(value));
        }
        if node.tag == "pattern" {
            element.set_id(&format!("{}-{}", self.paints.prefix(), node.key));
        }
        if !node.text.is_empty() {
            element.set_text_content(Some(&node.text));
        }
        for below in &node.children {
            if let Some(below) = self.create(below) {
                let _ = element.append_child(&below);
            }
        }
        Some(element)
    }
}

fn child(parent: &Element, at: usize) -> Option<Element> {
    parent.children().item(u32::try_from(at).ok()?)
}

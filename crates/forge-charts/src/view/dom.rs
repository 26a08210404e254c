//! Puts elements of a picture into the page, and changes what has changed.

use crate::scene::{Change, Colour, Node, Paints, changes};
use crate::theme::SLOTS;
use std::borrow::Cow;
use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement};

const SVG: &str = "http://www.w3.org/2000/svg";
const HTML: &str = "http://www.w3.org/1999/xhtml";

/// Colours as properties of the style sheet, so that a theme changes without drawing.
struct Variables<'a>(&'a str);

impl Paints for Variables<'_> {
    fn colour(&self, colour: Colour) -> Cow<'static, str> {
        variable(colour).into()
    }

    fn prefix(&self) -> &str {
        self.0
    }
}

/// The property of a colour.
const fn variable(colour: Colour) -> &'static str {
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
    let found = changes(old, new);
    if !found.is_empty()
        && let Some(document) = parent.owner_document()
    {
        Pen { document, paints: Variables(prefix) }.apply(parent, &found);
    }
}

/// Gives an element the attributes of a node, of which it has those of `old`.
pub(super) fn dress(element: &Element, old: &Node, new: &Node) {
    for (name, _) in old.attrs.iter().filter(|old| !new.attrs.contains(old)) {
        let _ = element.remove_attribute(name);
    }
    for (name, value) in new.attrs.iter().filter(|new| !old.attrs.contains(new)) {
        set(element, name, &Variables("").text(value));
    }
}

/// Styles go by the object model: a policy for the page's content may forbid them as attributes.
fn set(element: &Element, name: &str, text: &str) {
    if name == "style" {
        element.unchecked_ref::<HtmlElement>().style().set_css_text(text);
    } else {
        let _ = element.set_attribute(name, text);
    }
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
                    let within = parent.namespace_uri().is_some_and(|space| space == SVG);
                    if let Some(element) = self.create(node, within) {
                        let before = child(parent, *at);
                        let _ = parent.insert_before(&element, before.as_deref());
                    }
                }
                Change::Set(at, name, value) => {
                    if let Some(child) = child(parent, *at) {
                        set(&child, name, &self.paints.text(value));
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

    /// An element of HTML, or of SVG from `svg` on down.
    fn create(&self, node: &Node, within: bool) -> Option<Element> {
        let svg = within || node.tag == "svg";
        let element = self.document.create_element_ns(Some(if svg { SVG } else { HTML }), node.tag).ok()?;
        for (name, value) in &node.attrs {
            set(&element, name, &self.paints.text(value));
        }
        if node.tag == "pattern" {
            element.set_id(&format!("{}-{}", self.paints.prefix(), node.key));
        }
        if !node.text.is_empty() {
            element.set_text_content(Some(&node.text));
        }
        for below in &node.children {
            if let Some(below) = self.create(below, svg) {
                let _ = element.append_child(&below);
            }
        }
        Some(element)
    }
}

pub(super) fn child(parent: &Element, at: usize) -> Option<Element> {
    parent.children().item(u32::try_from(at).ok()?)
}

//! What a picture consists of: elements of SVG as values, which a writer turns into text and a view into a page.

use crate::shape::number;
use std::borrow::Cow;
use std::sync::Arc;

/// A colour by what it is for; a theme or a style sheet says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// A place in the palette.
    Series(u8),
    /// Titles and values.
    Text,
    /// Axis labels and what stands in the background.
    Muted,
    /// The lines of the grid.
    Grid,
    /// The line of an axis.
    Axis,
    /// What the chart lies on.
    Surface,
    /// Marks: deploys, limits.
    Mark,
    /// The crosshair.
    Cross,
    /// What is being selected.
    Selection,
    /// Something went wrong.
    Error,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A coordinate or length, three decimals at most.
    Number(f64),
    /// Text as it stands.
    Text(Cow<'static, str>),
    /// Text that another picture may have too; comparing the same one costs nothing.
    Shared(Arc<str>),
    /// A colour.
    Paint(Colour),
    /// The texture of a place in the palette.
    Texture(u8),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Colour> for Value {
    fn from(value: Colour) -> Self {
        Self::Paint(value)
    }
}

/// How values become the text of attributes: the same picture with fixed colours, or with variables of CSS.
pub trait Paints {
    /// The text of a colour.
    fn colour(&self, colour: Colour) -> Cow<'static, str>;
    /// Begins the identifiers of this picture, of which a page may hold many.
    fn prefix(&self) -> &str;
    /// The text of an attribute's value.
    fn text<'a>(&self, value: &'a Value) -> Cow<'a, str> {
        match value {
            Value::Number(n) => number(*n).into(),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Shared(text) => Cow::Borrowed(text),
            Value::Paint(colour) => self.colour(*colour),
            Value::Texture(slot) => format!("url(#{}-t{slot})", self.prefix()).into(),
        }
    }
}

/// An element of SVG.
///
/// The key tells elements of one parent apart from one picture to the next, so that an update moves an element and does
/// not replace it. It is no part of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unlike that of any sibling.
    pub key: Cow<'static, str>,
    /// The name of the element.
    pub tag: &'static str,
    /// Its attributes, in the order in which they are written.
    pub attrs: Vec<(&'static str, Value)>,
    /// The text in it, for `text` elements.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Self>,
}

impl Node {
    /// An element without anything.
    pub fn new(tag: &'static str, key: impl Into<Cow<'static, str>>) -> Self {
        Self::of(tag, key.into())
    }

    #[inline(never)]
    const fn of(tag: &'static str, key: Cow<'static, str>) -> Self {
        Self { key, tag, attrs: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// The same with an attribute more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.push(name, value.into());
        self
    }

    // Once for all of the places that build elements: written into each of them, it is most of what a page loads.
    #[inline(never)]
    fn push(&mut self, name: &'static str, value: Value) {
        if self.attrs.is_empty() {
            self.attrs.reserve(8);
        }
        self.attrs.push((name, value));
    }

    /// The same with this text in it.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same with these elements in it.
    #[must_use]
    pub fn with_children(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }

    /// How many elements it is, itself and all below.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.children.iter().map(Self::count).sum::<usize>()
    }
}

/// A label: its middle, or the end that `anchor` names, at `x`, its baseline at `y`.
pub(crate) fn label(
    key: impl Into<Cow<'static, str>>,
    (x, y): (f64, f64),
    anchor: &'static str,
    colour: Colour,
    text: impl Into<String>,
) -> Node {
    Node::new("text", key)
        .with("x", x)
        .with("y", y)
        .with("text-anchor", anchor)
        .with("fill", colour)
        .with_text(text)
}

/// A straight line.
pub(crate) fn line(
    key: impl Into<Cow<'static, str>>,
    from: (f64, f64),
    to: (f64, f64),
    colour: Colour,
) -> Node {
    Node::new("line", key)
        .with("x1", from.0)
        .with("y1", from.1)
        .with("x2", to.0)
        .with("y2", to.1)
        .with("stroke", colour)
}

/// A rectangle; sizes below 0 count as 0.
pub(crate) fn rect(key: impl Into<Cow<'static, str>>, area: &super::Rect) -> Node {
    Node::new("rect", key)
        .with("x", area.x)
        .with("y", area.y)
        .with("width", area.width.max(0.0))
        .with("height", area.height.max(0.0))
}

//! The text of an SVG path: short, and the same on every machine.

use std::fmt;

/// A pixel coordinate as text: at most three decimals, no trailing zeros, no exponent, no `-0`.
///
/// A thousandth of a pixel cannot be seen, and equal pictures have equal text. What is no number becomes `0`, and
/// infinities end at ±1e9: a picture may be wrong there, its markup is not.
#[must_use]
pub fn number(value: f64) -> String {
    let value = if value.is_nan() { 0.0 } else { value.clamp(-1e9, 1e9) };
    let mut text = format!("{value:.3}");
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    if text == "-0" {
        text.remove(0);
    }
    text
}

/// Builds the `d` of an SVG path (SVG 2, §9.3), absolute commands only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    text: String,
}

impl Path {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: String::new() }
    }

    /// Begins a new line here.
    pub fn move_to(&mut self, x: f64, y: f64) {
        self.command('M', &[x, y]);
    }

    /// Draws a straight line to here. Before any [`move_to`](Self::move_to) it begins the line instead, since a path
    /// must begin somewhere.
    pub fn line_to(&mut self, x: f64, y: f64) {
        let letter = if self.text.is_empty() { 'M' } else { 'L' };
        self.command(letter, &[x, y]);
    }

    /// Draws a cubic Bézier curve to the last of the three points. Before any [`move_to`](Self::move_to) it begins
    /// the line at that point.
    pub fn curve_to(&mut self, first: (f64, f64), second: (f64, f64), to: (f64, f64)) {
        if self.text.is_empty() {
            self.move_to(to.0, to.1);
        } else {
            self.command('C', &[first.0, first.1, second.0, second.1, to.0, to.1]);
        }
    }

    /// Draws a line back to where the present one began. Without one it does nothing.
    pub fn close(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('Z') {
            self.text.push('Z');
        }
    }

    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing was drawn.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn command(&mut self, letter: char, numbers: &[f64]) {
        let mut before = letter;
        for value in numbers {
            self.text.push(before);
            self.text.push_str(&number(*value));
            before = ',';
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

//! The text of an SVG path: short, and the same on every machine.

use crate::num::{nearest, nearest_small};
use std::fmt;

/// A pixel coordinate as text: at most three decimals, no trailing zeros, no exponent, no `-0`.
///
/// A thousandth of a pixel cannot be seen, and equal pictures have equal text. What is no number becomes `0`, and
/// infinities end at ±1e9: a picture may be wrong there, its markup is not.
#[must_use]
pub fn number(value: f64) -> String {
    let thousandths = nearest(if value.is_nan() { 0.0 } else { value.clamp(-1e9, 1e9) * 1000.0 });
    let size = thousandths.unsigned_abs();
    let mut text = String::with_capacity(12);
    if thousandths < 0 {
        text.push('-');
    }
    crate::text::write_into(&mut text, format_args!("{}", size / 1000));
    let mut rest = size % 1000;
    if rest > 0 {
        text.push('.');
        // From the first decimal to the last one that is not zero.
        for power in [100, 10, 1] {
            text.push(digit(rest / power));
            rest %= power;
            if rest == 0 {
                break;
            }
        }
    }
    text
}

fn digit(value: u64) -> char {
    char::from_digit(u32::try_from(value % 10).unwrap_or(0), 10).unwrap_or('0')
}

/// How many of the units that a path counts in make a pixel.
///
/// Half a hundredth of a pixel is the most that a point is moved by; at a zoom of 400 % that is a fiftieth.
pub(crate) const UNITS: i32 = 100;
/// How far from the origin a path reaches, in pixels. Distances of two such points still fit 32 bits.
const REACH: f64 = 1e7;

/// Builds the `d` of an SVG path (SVG 2, §9.3).
///
/// A picture is mostly the text of its paths, and every byte of it is written, compared, handed to the page and read
/// there. So lines are written as distances from the point before, with nothing that can be left out: `M0,80l150-67`.
/// Distances are those of the rounded points, so roundings do not add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    text: String,
    /// Where the last command ended, and where the present line began.
    at: (i32, i32),
    start: (i32, i32),
    /// The command that further numbers belong to.
    command: Option<u8>,
}

impl Path {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: String::new(), at: (0, 0), start: (0, 0), command: None }
    }

    /// Begins a new line here.
    pub fn move_to(&mut self, x: f64, y: f64) {
        self.begin((units(x), units(y)));
    }

    /// The same in units of a path.
    pub(crate) fn begin(&mut self, to: (i32, i32)) {
        self.text.push('M');
        write(&mut self.text, to.0);
        self.text.push(',');
        write(&mut self.text, to.1);
        (self.at, self.start, self.command) = (to, to, None);
    }

    /// Draws a straight line to here. Before any [`move_to`](Self::move_to) it begins the line instead, since a path
    /// must begin somewhere.
    pub fn line_to(&mut self, x: f64, y: f64) {
        self.go((units(x), units(y)));
    }

    /// The same in units of a path.
    pub(crate) fn go(&mut self, to: (i32, i32)) {
        if self.text.is_empty() {
            return self.begin(to);
        }
        let by = (to.0 - self.at.0, to.1 - self.at.1);
        self.at = to;
        match by {
            (along, 0) => self.numbers(b'h', along, None),
            (0, up) => self.numbers(b'v', up, None),
            (along, up) => self.numbers(b'l', along, Some(up)),
        }
    }

    /// Draws a line back to where the present one began. Without one it does nothing.
    pub fn close(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('Z') {
            self.text.push('Z');
            (self.at, self.command) = (self.start, None);
        }
    }

    /// Adds all that another path draws.
    pub fn append(&mut self, other: &Self) {
        if !other.is_empty() {
            self.text.push_str(&other.text);
            (self.at, self.start, self.command) = (other.at, other.start, other.command);
        }
    }

    /// Forgets what was drawn, and keeps the room for it.
    pub fn clear(&mut self) {
        self.text.clear();
        (self.at, self.start, self.command) = ((0, 0), (0, 0), None);
    }

    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, without a copy of it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Whether nothing was drawn.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Numbers of a command, whose letter is written only where it is another one. A minus sets numbers apart as well as
    /// a space does.
    fn numbers(&mut self, command: u8, first: i32, second: Option<i32>) {
        if self.command != Some(command) {
            self.command = Some(command);
            self.text.push(char::from(command));
        } else if first >= 0 {
            self.text.push(' ');
        }
        write(&mut self.text, first);
        if let Some(second) = second {
            if second >= 0 {
                self.text.push(',');
            }
            write(&mut self.text, second);
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A coordinate in the units of a path; what is no number becomes 0.
pub(crate) fn units(pixels: f64) -> i32 {
    if pixels.is_nan() { 0 } else { nearest_small(pixels.clamp(-REACH, REACH) * f64::from(UNITS)) }
}

/// Writes a number of units as pixels. By hand: this is what most of the time of a picture goes into.
fn write(text: &mut String, units: i32) {
    let size = units.unsigned_abs();
    let (mut whole, rest) = (size / 100, size % 100);
    let mut digits = [0_u8; 12];
    let mut from = digits.len();
    let mut put = |byte: u8| {
        from -= 1;
        digits[from] = byte;
    };
    if rest % 10 != 0 {
        put(ascii(rest));
    }
    if rest != 0 {
        put(ascii(rest / 10));
        put(b'.');
    }
    // A zero in front of the point can be left out.
    if size == 0 {
        put(b'0');
    }
    while whole > 0 {
        put(ascii(whole));
        whole /= 10;
    }
    if units < 0 {
        text.push('-');
    }
    for byte in &digits[from..] {
        text.push(char::from(*byte));
    }
}

/// The last digit of a number.
const fn ascii(number: u32) -> u8 {
    b'0' + (number % 10).to_le_bytes()[0]
}

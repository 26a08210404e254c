//! From pixels to the text of an SVG path.

mod path;

pub use path::{Path, number};
pub(crate) use path::{UNITS, units};

//! From data to pixels and back.

mod linear;
mod ticks;

pub use linear::Linear;
pub use ticks::{MAX_TICKS, tick_step, ticks};

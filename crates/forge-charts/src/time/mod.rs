//! Times for people: local dates, zones with their turned clocks, ticks that fall on round local times, and their words.
//!
//! Everywhere here a time is a number of microseconds since 1970-01-01T00:00:00Z. Times beyond ±2⁵³ µs (the years 1684
//! and 2255) are taken for that bound.

mod civil;
mod label;
mod ticks;
mod zone;

pub use civil::Civil;
pub(crate) use label::about;
pub use label::{MONTHS, full, span};
pub use ticks::{Step, TimeTick, ticks};
pub use zone::Zone;

/// Microseconds of a second.
pub const SECOND: f64 = 1e6;
/// Microseconds of a minute.
pub const MINUTE: f64 = 60e6;
/// Microseconds of an hour.
pub const HOUR: f64 = 3600e6;
/// Microseconds of a day of 24 hours.
pub const DAY: f64 = 86_400e6;

/// The largest time, 2⁵³ microseconds.
const LIMIT: f64 = 9_007_199_254_740_992.0;

/// A time as whole microseconds, within the bounds; what is no number becomes 0.
const fn micros(time: f64) -> i64 {
    crate::num::whole(if time.is_nan() { 0.0 } else { time.clamp(-LIMIT, LIMIT) })
}

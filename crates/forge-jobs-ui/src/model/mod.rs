//! What pages show, computed without a browser.

pub mod backoff;
pub mod diff;
#[cfg(feature = "panel")]
pub mod filter;
pub mod format;
pub mod json;
pub mod patience;
pub mod range;
pub mod route;
pub mod time;

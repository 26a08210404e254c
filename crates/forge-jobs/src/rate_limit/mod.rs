//! Budgets of calls: at most so many permits in any window of time, for all processes together.
//!
//! Pure: what a budget's row says, the time and a wish give an answer and the next row. A limit is never exceeded in any
//! window, wherever it begins; ADR 0020 has the proof and what it costs.

#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "the storages count by it, Postgres in SQL"))]
mod budget;
mod error;
mod scope;
#[cfg(test)]
mod tests;

pub use budget::Budget;
#[cfg(feature = "postgres")]
pub(crate) use budget::KEPT;
#[cfg(feature = "sqlite")]
pub(crate) use budget::{Asked, end_of};
pub use error::RateLimitError;
pub use scope::Scope;

use crate::limits::{MAX_RATE_PERMITS, MAX_RATE_WINDOW, MIN_RATE_WINDOW, RATE_SUB_WINDOWS};
use std::time::Duration;

/// How permits are spread over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RateMode {
    /// As they are asked for: all of a window's permits may go at once.
    #[default]
    Sliding,
    /// Evenly (GCRA): one each `window / permits`. What comes late catches up, by a 40th of the window at most.
    /// Several that are asked for at once come at once, and the pace pays for them afterwards.
    Smooth,
}

/// At most so many permits in any window of this length.
///
/// ```
/// use forge_jobs::rate_limit::RateLimit;
/// use std::time::Duration;
///
/// let limit = RateLimit::new(100, Duration::from_secs(10)).smooth();
/// assert!(limit.validate().is_ok());
/// assert!(RateLimit::new(0, Duration::from_secs(10)).validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Permits per window, 1 to 1,000,000.
    pub permits: u32,
    /// The window, 100 ms to 366 days, in whole microseconds.
    pub window: Duration,
    /// How they are spread. Default: as asked for.
    pub mode: RateMode,
}

#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "the storages count by it, Postgres in SQL"))]
impl RateLimit {
    /// So many permits per window, given as they are asked for.
    #[must_use]
    pub const fn new(permits: u32, window: Duration) -> Self {
        Self { permits, window, mode: RateMode::Sliding }
    }

    /// The same, evenly spread.
    #[must_use]
    pub const fn smooth(mut self) -> Self {
        self.mode = RateMode::Smooth;
        self
    }

    /// Checks every bound.
    ///
    /// # Errors
    ///
    /// [`RateLimitError::Permits`] and [`RateLimitError::Window`], naming value and remedy.
    pub fn validate(&self) -> Result<(), RateLimitError> {
        if !(1..=MAX_RATE_PERMITS).contains(&self.permits) {
            return Err(RateLimitError::Permits { permits: self.permits });
        }
        if !(MIN_RATE_WINDOW..=MAX_RATE_WINDOW).contains(&self.window) {
            return Err(RateLimitError::Window { window: self.window });
        }
        Ok(())
    }

    /// Checks that so many permits can ever be given at a time.
    ///
    /// # Errors
    ///
    /// [`RateLimitError::TooMany`] above the limit, or for none.
    pub fn check_wish(&self, scope: &Scope, permits: u32) -> Result<(), RateLimitError> {
        if !(1..=self.permits).contains(&permits) {
            let scope = scope.as_str().to_owned();
            return Err(RateLimitError::TooMany { scope, permits, limit: self.permits });
        }
        Ok(())
    }

    /// The window in microseconds.
    pub(crate) fn window_us(&self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX)
    }

    /// The length of a sub-window in microseconds, rounded up.
    pub(crate) fn sub_us(&self) -> i64 {
        let n = i64::from(RATE_SUB_WINDOWS);
        (self.window_us().saturating_add(n - 1) / n).max(1)
    }

    /// Between two permits that are evenly spread, in microseconds; 0 in the other mode.
    pub(crate) fn pace_us(&self) -> i64 {
        match self.mode {
            RateMode::Sliding => 0,
            RateMode::Smooth => self.window_us() / i64::from(self.permits.max(1)),
        }
    }
}

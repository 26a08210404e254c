//! Why a scope, a limit or a wish was refused: the value and what to write instead.

use crate::limits::{MAX_RATE_PERMITS, MAX_RATE_WINDOW, MIN_RATE_WINDOW};
use std::time::Duration;

/// A scope, a limit or a wish is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitError {
    /// The name of a scope.
    #[error("{scope:?} is no name of a scope: {remedy}")]
    Scope {
        /// What was given, cut to 64 characters.
        scope: String,
        /// What is allowed.
        remedy: String,
    },
    /// Permits per window.
    #[error(
        "permits {permits} is out of range: use 1 to {MAX_RATE_PERMITS}; to hold everything up, pause the queue or drain the scope"
    )]
    Permits {
        /// What was asked for.
        permits: u32,
    },
    /// The length of the window.
    #[error(
        "window_seconds {} is out of range: use {} to {}",
        window.as_secs_f64(), MIN_RATE_WINDOW.as_secs_f64(), MAX_RATE_WINDOW.as_secs()
    )]
    Window {
        /// What was asked for.
        window: Duration,
    },
    /// More permits at a time than there are in a window, or none.
    #[error(
        "{permits} permits of {scope:?} can never be had at a time: its limit is {limit}; ask for 1 to {limit}, or raise \
         the limit"
    )]
    TooMany {
        /// The scope.
        scope: String,
        /// What was asked for.
        permits: u32,
        /// The permits of a window.
        limit: u32,
    },
}

impl RateLimitError {
    /// The field that is out of its bounds, its value and the remedy.
    pub(crate) fn parts(&self) -> (&'static str, String, String) {
        match self {
            Self::Scope { scope, remedy } => ("scope", format!("{scope:?}"), remedy.clone()),
            Self::Permits { permits } => (
                "permits",
                permits.to_string(),
                format!(
                    "use 1 to {MAX_RATE_PERMITS}; to hold everything up, pause the queue or drain the scope"
                ),
            ),
            Self::Window { window } => (
                "window_seconds",
                window.as_secs_f64().to_string(),
                format!("use {} to {}", MIN_RATE_WINDOW.as_secs_f64(), MAX_RATE_WINDOW.as_secs()),
            ),
            Self::TooMany { scope, permits, limit } => (
                "permits",
                permits.to_string(),
                format!("{scope:?} gives {limit} per window: ask for 1 to {limit}, or raise the limit"),
            ),
        }
    }
}

//! What becomes of fires that were missed, of fires whose predecessor still runs, and who has the say.

use crate::job::name::cut;
use crate::limits::{LATE_WITHIN, MISSED_WITHIN};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What becomes of fires that came while nobody was there to make them.
///
/// Each has a window: what is older is never made up for. Every fire is accounted for, see [`TickOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissedFires {
    /// Nothing is made up for. The latest fire still counts as on time, and is made, if it is no older than the window.
    Skip {
        /// Default 1 min, so that a change of leaders costs no fire; range 1 s to 366 days.
        within: Duration,
    },
    /// One job stands for all that were missed within the window, the latest.
    Once {
        /// Default 1 h; range 1 s to 366 days.
        within: Duration,
    },
    /// Each of the latest fires within the window is made, the oldest first.
    CatchUp {
        /// At most so many; range 1 to 100.
        max: u32,
        /// Default 1 h; range 1 s to 366 days.
        within: Duration,
    },
}

impl MissedFires {
    /// Nothing is made up for, within the default window.
    pub const SKIP: Self = Self::Skip { within: LATE_WITHIN };
    /// One job for all, within the default window.
    pub const ONCE: Self = Self::Once { within: MISSED_WITHIN };

    /// Each of the latest `max`, within the default window.
    #[must_use]
    pub const fn catch_up(max: u32) -> Self {
        Self::CatchUp { max, within: MISSED_WITHIN }
    }

    /// The same within another window.
    #[must_use]
    pub const fn with_window(self, within: Duration) -> Self {
        match self {
            Self::Skip { .. } => Self::Skip { within },
            Self::Once { .. } => Self::Once { within },
            Self::CatchUp { max, .. } => Self::CatchUp { max, within },
        }
    }

    /// The window.
    #[must_use]
    pub const fn within(self) -> Duration {
        match self {
            Self::Skip { within } | Self::Once { within } | Self::CatchUp { within, .. } => within,
        }
    }

    /// How many jobs it makes at most at a time.
    #[must_use]
    pub const fn most(self) -> u32 {
        match self {
            Self::Skip { .. } | Self::Once { .. } => 1,
            Self::CatchUp { max, .. } => max,
        }
    }

    /// The word used on the command line, in JSON and in the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip { .. } => "skip",
            Self::Once { .. } => "once",
            Self::CatchUp { .. } => "catch_up",
        }
    }
}

impl Default for MissedFires {
    fn default() -> Self {
        Self::ONCE
    }
}

/// A word that stands for none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is no choice for {what}: use {choices}")]
pub struct PolicyParseError {
    /// What was to be chosen.
    pub what: &'static str,
    /// The text, cut to 64 characters.
    pub value: String,
    /// The words that there are.
    pub choices: String,
}

macro_rules! words {
    ($type:ident, $what:literal, [$($name:ident = $word:literal),+ $(,)?]) => {
        impl $type {
            /// All of them, in the order of the numbers that databases keep.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$name),+];

            /// The word used on the command line, in JSON and in the panel alike.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = PolicyParseError;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|choice| choice.as_str() == value).ok_or_else(|| PolicyParseError {
                    what: $what,
                    value: cut(value),
                    choices: [$($word),+].join(", "),
                })
            }
        }
    };
}

/// Whether a fire is made while a job of an earlier one is unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Overlap {
    /// It is.
    Allow,
    /// It is not, and recorded as [`TickOutcome::Overlapped`]. The default.
    #[default]
    Skip,
}

words!(Overlap, "overlap", [Allow = "allow", Skip = "skip"]);

/// Whose values are in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A program's code: each start of it brings them up to date.
    Code,
    /// A person's: no start of a program changes them.
    Operator,
}

words!(Owner, "owner", [Code = "code", Operator = "operator"]);

/// What became of a fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TickOutcome {
    /// It is a job.
    Fired,
    /// A later fire stands for it.
    Coalesced,
    /// A job of an earlier fire was unfinished.
    Overlapped,
    /// It came too late, by the schedule's policy.
    Missed,
    /// It is a job that a person asked for, apart from the expression.
    RunNow,
}

words!(
    TickOutcome,
    "outcome",
    [
        Fired = "fired",
        Coalesced = "coalesced",
        Overlapped = "overlapped",
        Missed = "missed",
        RunNow = "run_now",
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_choices_agree_both_ways() {
        for choice in TickOutcome::ALL {
            assert_eq!(choice.as_str().parse(), Ok(choice));
        }
        for choice in Overlap::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let e = "both".parse::<Overlap>().unwrap_err().to_string();
        assert_eq!(e, "\"both\" is no choice for overlap: use allow, skip");
        assert!("nobody".parse::<Owner>().unwrap_err().to_string().contains("code, operator"));
    }

    #[test]
    fn another_window_keeps_the_rest() {
        let day = Duration::from_secs(86_400);
        assert_eq!(MissedFires::catch_up(7).with_window(day), MissedFires::CatchUp { max: 7, within: day });
        assert_eq!((MissedFires::SKIP.with_window(day).within(), MissedFires::ONCE.most()), (day, 1));
    }
}

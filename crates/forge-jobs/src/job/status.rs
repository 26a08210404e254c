//! Where a job stands, and why a dead one died.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JobStatus {
    /// Due: a worker may claim it now.
    Pending,
    /// Not due yet: a run-at in the future, or a throttle.
    Scheduled,
    /// Claimed by a worker process.
    Running,
    /// Failed, waiting for its next attempt.
    Retrying,
    /// Finished well.
    Done,
    /// Finished for good without success; see [`DeadReason`].
    Dead,
}

impl JobStatus {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Scheduled, Self::Running, Self::Retrying, Self::Done, Self::Dead];

    /// The word used in code, SQL views, JSON and the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Whether nothing more will happen to the job by itself.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Dead)
    }
}

/// Why a job is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DeadReason {
    /// Its attempts are used up.
    Exhausted,
    /// Its handler said [`JobOutcome::Dead`](crate::JobOutcome::Dead).
    Discarded,
    /// A person cancelled it.
    Cancelled,
    /// It kept killing its process.
    Poison,
    /// Its payload does not fit its handler's type.
    Undecodable,
}

impl DeadReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Exhausted, Self::Discarded, Self::Cancelled, Self::Poison, Self::Undecodable];

    /// The word used in code, SQL views, JSON and the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
            Self::Poison => "poison",
            Self::Undecodable => "undecodable",
        }
    }
}

macro_rules! word {
    ($ty:ident, $what:literal, $error:ident) => {
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        #[doc = concat!("The text is no ", $what, ".")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{text:?} is no {}: expected one of {}", $what, $ty::ALL.map($ty::as_str).join(", "))]
        pub struct $error {
            text: String,
        }

        impl FromStr for $ty {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $ty::ALL
                    .into_iter()
                    .find(|w| w.as_str() == text)
                    .ok_or_else(|| $error { text: text.chars().take(64).collect() })
            }
        }

        /// As its word.
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

word!(JobStatus, "job status", JobStatusParseError);
word!(DeadReason, "dead reason", DeadReasonParseError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_parses_back() {
        for s in JobStatus::ALL {
            assert_eq!(s.as_str().parse::<JobStatus>().unwrap(), s);
        }
        for r in DeadReason::ALL {
            assert_eq!(r.as_str().parse::<DeadReason>().unwrap(), r);
        }
    }

    #[test]
    fn in_json_they_are_their_words() {
        assert_eq!(serde_json::to_string(&JobStatus::Retrying).unwrap(), "\"retrying\"");
        assert_eq!(serde_json::to_string(&DeadReason::Poison).unwrap(), "\"poison\"");
        assert_eq!(serde_json::from_str::<DeadReason>("\"exhausted\"").unwrap(), DeadReason::Exhausted);
        let e = serde_json::from_str::<JobStatus>("\"finished\"").unwrap_err().to_string();
        assert!(e.contains("retrying"), "{e}");
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let e = "finished".parse::<JobStatus>().unwrap_err().to_string();
        assert!(e.contains("finished") && e.contains("retrying"), "{e}");
    }
}

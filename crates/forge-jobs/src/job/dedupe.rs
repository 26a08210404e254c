//! Dedupe keys: which jobs count as the same, while they are where, and what becomes of the second one.

use super::name::{NameError, check_dedupe_key};
use crate::JobStatus;
use crate::limits::{MAX_DEDUPE_PERIOD, MIN_DEDUPE_PERIOD};
use std::fmt;
use std::time::Duration;

/// The terms of a dedupe key. Nothing is checked until the request is enqueued.
///
/// By default at most one unfinished job of the kind has the key: a second one is not inserted, and the outcome names
/// the first.
///
/// ```
/// use forge_jobs::{Dedupe, DedupeStates, EnqueueRequest, JobStatus};
/// use std::time::Duration;
///
/// // One report per hour, whether the last one is done or not.
/// let hourly = Dedupe::new("report:ada")
///     .in_states(DedupeStates::UNFINISHED.and(JobStatus::Done))
///     .within(Duration::from_secs(3_600));
///
/// // The last edit wins while the job waits; once it runs, the next edit is a job of its own.
/// let index = Dedupe::new("index:7").in_states(DedupeStates::WAITING).replacing();
/// let request = EnqueueRequest::new("page.index", 7).with_dedupe(index).with_delay(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "the terms do nothing until a request has them"]
pub struct Dedupe {
    pub(crate) key: String,
    pub(crate) states: DedupeStates,
    pub(crate) period: Option<Duration>,
    pub(crate) replaces: bool,
}

impl Dedupe {
    /// At most one unfinished job of the kind has this key. 1 to 512 bytes of text.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), states: DedupeStates::UNFINISHED, period: None, replaces: false }
    }

    /// The states in which a job holds its key. Default [`DedupeStates::UNFINISHED`]. Pending, scheduled and retrying
    /// must be among them; done and dead may be if there is a [period](Self::within), since retention would end it
    /// otherwise.
    ///
    /// A job whose key came free when it started takes it again if it goes back to wait, or ends in one of these states.
    /// If another one has it by then, it goes on without: what was accepted runs.
    pub const fn in_states(mut self, states: DedupeStates) -> Self {
        self.states = states;
        self
    }

    /// The key is held no longer than this after the job was enqueued, by the database's clock; not even by one that
    /// still waits. 1 second to 366 days. Default: no such bound.
    pub const fn within(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// If the holder of the key waits (pending, scheduled, retrying), it becomes this job and keeps its id: payload,
    /// queue, due time, priority, attempts, concurrency key and tags are the new ones, and it begins with a fresh
    /// attempt budget. When it was enqueued and the terms of its key stay, and a suspect stays one. A holder that runs
    /// or is finished is left alone, and nothing is inserted.
    ///
    /// Of the requests that a job has become, the latest [`MAX_REPLACEMENTS`](crate::limits::MAX_REPLACEMENTS) and the
    /// first are known when they are sent again, and change nothing.
    pub const fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Checks the key and its terms.
    pub(crate) fn check(&self) -> Result<(), DedupeError> {
        check_dedupe_key(&self.key)?;
        if let Some(state) = DedupeStates::WAITING.iter().find(|s| !self.states.contains(*s)) {
            return Err(DedupeError::Waiting { state });
        }
        match self.period {
            None => {
                let finished = self.states.iter().find(|s| s.is_finished());
                finished.map_or(Ok(()), |state| Err(DedupeError::NoPeriod { state }))
            }
            Some(period) if (MIN_DEDUPE_PERIOD..=MAX_DEDUPE_PERIOD).contains(&period) => Ok(()),
            Some(period) => Err(DedupeError::Period { period }),
        }
    }
}

/// The states in which a job holds its dedupe key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DedupeStates(u8);

impl DedupeStates {
    /// Pending, scheduled and retrying: the key is free once the job has started.
    pub const WAITING: Self =
        Self(0).and(JobStatus::Pending).and(JobStatus::Scheduled).and(JobStatus::Retrying);
    /// Until the job is done or dead.
    pub const UNFINISHED: Self = Self::WAITING.and(JobStatus::Running);
    /// All of them, for as long as the period says.
    pub const ANY: Self = Self::UNFINISHED.and(JobStatus::Done).and(JobStatus::Dead);

    /// These and one more.
    #[must_use]
    pub const fn and(self, status: JobStatus) -> Self {
        Self(self.0 | Self::bit(status))
    }

    /// Whether a job in this state holds its key.
    #[must_use]
    pub const fn contains(self, status: JobStatus) -> bool {
        self.0 & Self::bit(status) != 0
    }

    /// The states, in the order of [`JobStatus::ALL`].
    pub fn iter(self) -> impl Iterator<Item = JobStatus> {
        JobStatus::ALL.into_iter().filter(move |s| self.contains(*s))
    }

    /// One bit per state, by the number that a storage has for it.
    pub(crate) const fn bit(status: JobStatus) -> u8 {
        match status {
            JobStatus::Pending => 1,
            JobStatus::Scheduled => 2,
            JobStatus::Running => 4,
            JobStatus::Retrying => 8,
            JobStatus::Done => 16,
            JobStatus::Dead => 32,
        }
    }

    /// As it is stored: `None` is the default.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn stored(self) -> Option<i16> {
        (self != Self::UNFINISHED).then_some(i16::from(self.0))
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn from_stored(stored: Option<i16>) -> Self {
        stored.and_then(|bits| u8::try_from(bits).ok()).map_or(Self::UNFINISHED, Self)
    }
}

impl FromIterator<JobStatus> for DedupeStates {
    fn from_iter<I: IntoIterator<Item = JobStatus>>(states: I) -> Self {
        states.into_iter().fold(Self(0), Self::and)
    }
}

impl fmt::Debug for DedupeStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Why a dedupe key or its terms were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DedupeError {
    /// The key is not allowed.
    #[error(transparent)]
    Key(#[from] NameError),
    /// Jobs that wait would not hold their key.
    #[error(
        "the states of a dedupe key lack {state}: a job that waits holds its key, so name pending, scheduled and retrying"
    )]
    Waiting {
        /// The state that is missing.
        state: JobStatus,
    },
    /// Finished jobs are to hold the key, for nobody knows how long.
    #[error("a dedupe key that {state} jobs hold needs a period: say for how long after the enqueue")]
    NoPeriod {
        /// The finished state.
        state: JobStatus,
    },
    /// The period is out of range.
    #[error("the period {period:?} of a dedupe key is out of range: use 1 second to 366 days")]
    Period {
        /// What was asked for.
        period: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_cannot_be_kept_are_refused_with_a_remedy() {
        let key = || Dedupe::new("k");
        let hour = Duration::from_secs(3_600);
        for ok in [
            key(),
            key().in_states(DedupeStates::WAITING),
            key().in_states(DedupeStates::ANY).within(hour),
            key().within(MIN_DEDUPE_PERIOD),
            key().within(MAX_DEDUPE_PERIOD).replacing(),
        ] {
            assert_eq!(ok.check(), Ok(()), "{ok:?}");
        }
        let without_scheduled = [JobStatus::Pending, JobStatus::Retrying].into_iter().collect();
        for (bad, word) in [
            (Dedupe::new(""), "dedupe key"),
            (key().in_states(without_scheduled), "lack scheduled"),
            (key().in_states(DedupeStates::ANY), "done jobs hold needs a period"),
            (key().in_states(DedupeStates::UNFINISHED.and(JobStatus::Dead)), "dead jobs"),
            (key().within(Duration::ZERO), "1 second"),
            (key().within(MAX_DEDUPE_PERIOD + Duration::from_nanos(1)), "366 days"),
        ] {
            let e = bad.check().unwrap_err().to_string();
            assert!(e.contains(word), "{e}");
        }
    }

    #[test]
    fn states_are_a_set() {
        let all: DedupeStates = JobStatus::ALL.into_iter().collect();
        assert_eq!(all, DedupeStates::ANY);
        assert_eq!(DedupeStates::WAITING.iter().count(), 3);
        assert!(!DedupeStates::WAITING.contains(JobStatus::Running));
    }
}

//! What came of a verb, in words.

use super::{CancelOutcome, DropOutcome, RetryOutcome, RunNowOutcome};
use std::fmt;

const UNKNOWN: &str = "there is no such job";

/// In words for people, after the job's id.
impl fmt::Display for CancelOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Requested { .. } => f.write_str("it runs and was told to stop"),
            Self::AlreadyFinished { status, dead_reason: Some(reason) } => {
                write!(f, "it was {status} ({reason}) already")
            }
            Self::AlreadyFinished { status, dead_reason: None } => write!(f, "it was {status} already"),
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

/// In words for people, after the job's id.
impl fmt::Display for RetryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retried => f.write_str("retried"),
            Self::Refused { status } => write!(f, "it is {status}: dead and retrying jobs can be retried"),
            Self::Duplicate { of } => {
                write!(f, "job {of} holds its dedupe key: finish or drop that one first")
            }
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

/// In words for people, after the job's id.
impl fmt::Display for RunNowOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadePending => f.write_str("made pending"),
            Self::AlreadyPending => f.write_str("it was pending already"),
            Self::Refused { status } => write!(f, "it is {status}: a job that waits can be run now"),
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

/// In words for people, after the job's id.
impl fmt::Display for DropOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("dropped"),
            Self::Refused { status } => write!(f, "it is {status}: cancel it first"),
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadReason, JobId, JobStatus};

    #[test]
    fn a_verb_says_what_it_did_or_why_it_did_not() {
        let (status, of) = (JobStatus::Running, JobId::new());
        let dead = CancelOutcome::AlreadyFinished {
            status: JobStatus::Dead,
            dead_reason: Some(DeadReason::Exhausted),
        };
        for (said, expected) in [
            (CancelOutcome::Cancelled.to_string(), "cancelled"),
            (dead.to_string(), "it was dead (exhausted) already"),
            (CancelOutcome::Unknown.to_string(), "there is no such job"),
            (
                RetryOutcome::Refused { status }.to_string(),
                "it is running: dead and retrying jobs can be retried",
            ),
            (RunNowOutcome::AlreadyPending.to_string(), "it was pending already"),
            (DropOutcome::Refused { status }.to_string(), "it is running: cancel it first"),
        ] {
            assert_eq!(said, expected);
        }
        assert!(RetryOutcome::Duplicate { of }.to_string().contains(&of.to_string()));
    }
}

//! Outcome + job + policy → transition.

use super::BackoffPolicy;
use crate::limits::{MAX_ERROR_BYTES, MAX_THROTTLES, THROTTLE_FLOOR};
use crate::{ClaimedJob, DeadReason, JobOutcome, Payload, job::clean_error};
use std::time::Duration;

/// What the decision needs to know of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptFacts {
    /// Which attempt this was, 1-based.
    pub attempt: u32,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// Throttles in a row before this attempt.
    pub throttles: u32,
}

impl From<&ClaimedJob> for AttemptFacts {
    fn from(job: &ClaimedJob) -> Self {
        Self { attempt: job.attempt, max_attempts: job.max_attempts, throttles: job.throttles }
    }
}

/// What becomes of a job after an attempt. Delays, not times: the storage adds its own clock.
///
/// Error texts are clean and short enough for any storage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transition {
    /// It is done.
    Done {
        /// What the handler left as its result.
        output: Option<Payload>,
    },
    /// It failed and comes back; the attempt is charged.
    Retry {
        /// Until it is due.
        after: Duration,
        /// Why it failed.
        error: String,
    },
    /// It was asked to wait and comes back; nothing is charged.
    Throttle {
        /// Until it is due.
        after: Duration,
    },
    /// It is dead; the attempt is charged unless it was cancelled.
    Dead {
        /// Why.
        reason: DeadReason,
        /// The error text.
        error: String,
    },
}

/// Decides what becomes of a job.
///
/// `unit` in 0..1 picks the jitter. A cancel request that the storage knows of overrules `Retry`, `Throttle`
/// and a death by `Exhausted` there, in the transaction that writes the outcome.
#[must_use]
pub fn decide(outcome: JobOutcome, facts: AttemptFacts, policy: &BackoffPolicy, unit: f64) -> Transition {
    match outcome {
        JobOutcome::Done => Transition::Done { output: None },
        JobOutcome::Failed(error) => {
            let error = clean_error(&error, MAX_ERROR_BYTES);
            // `>=`: max_attempts may have been lowered below an attempt that is already under way.
            if facts.attempt >= facts.max_attempts {
                Transition::Dead { reason: DeadReason::Exhausted, error }
            } else {
                Transition::Retry { after: policy.jittered(facts.attempt, unit), error }
            }
        }
        JobOutcome::Throttled { retry_after } => {
            let in_a_row = facts.throttles.saturating_add(1);
            if in_a_row >= MAX_THROTTLES {
                let error = format!("throttled {in_a_row} times in a row without one attempt that ran");
                return Transition::Dead { reason: DeadReason::Exhausted, error };
            }
            let backoff = policy.jittered(in_a_row, unit);
            Transition::Throttle { after: retry_after.max(backoff).max(THROTTLE_FLOOR) }
        }
        JobOutcome::Dead(error) => {
            Transition::Dead { reason: DeadReason::Discarded, error: clean_error(&error, MAX_ERROR_BYTES) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: f64 = 0.5;
    const BASE: Duration = Duration::from_secs(15);

    fn facts(attempt: u32, max_attempts: u32, throttles: u32) -> AttemptFacts {
        AttemptFacts { attempt, max_attempts, throttles }
    }

    #[track_caller]
    fn check(outcome: JobOutcome, f: AttemptFacts, enabled: bool, expected: &Transition) {
        let policy = BackoffPolicy { enabled, ..Default::default() };
        assert_eq!(&decide(outcome, f, &policy, MID), expected);
    }

    #[test]
    fn a_failure_with_attempts_left_comes_back_after_the_backoff() {
        let failed = || JobOutcome::Failed("x".into());
        let retry = |after| Transition::Retry { after, error: "x".into() };
        check(failed(), facts(1, 3, 0), true, &retry(BASE));
        check(failed(), facts(2, 3, 0), true, &retry(2 * BASE));
        check(failed(), facts(2, 3, 0), false, &retry(Duration::ZERO));
    }

    #[test]
    fn a_failure_of_the_last_attempt_is_dead_as_exhausted() {
        let dead = Transition::Dead { reason: DeadReason::Exhausted, error: "x".into() };
        check(JobOutcome::Failed("x".into()), facts(3, 3, 0), true, &dead);
        check(JobOutcome::Failed("x".into()), facts(7, 3, 0), true, &dead);
        check(JobOutcome::Failed("x".into()), facts(1, 1, 0), true, &dead);
    }

    #[test]
    fn a_throttle_waits_for_the_later_of_retry_after_and_backoff() {
        let throttle = |secs| JobOutcome::Throttled { retry_after: Duration::from_secs(secs) };
        check(throttle(60), facts(1, 3, 0), true, &Transition::Throttle { after: Duration::from_secs(60) });
        check(throttle(1), facts(1, 3, 0), true, &Transition::Throttle { after: BASE });
        check(throttle(1), facts(1, 3, 2), true, &Transition::Throttle { after: 4 * BASE });
        // Attempts do not matter to it, throttles in a row do.
        check(throttle(1), facts(3, 3, 0), true, &Transition::Throttle { after: BASE });
    }

    #[test]
    fn a_throttle_without_backoff_has_a_floor() {
        let outcome = JobOutcome::Throttled { retry_after: Duration::ZERO };
        check(outcome, facts(1, 3, 0), false, &Transition::Throttle { after: THROTTLE_FLOOR });
    }

    #[test]
    fn a_thousand_throttles_in_a_row_are_dead() {
        let policy = BackoffPolicy::default();
        let outcome = || JobOutcome::Throttled { retry_after: Duration::ZERO };
        assert!(matches!(decide(outcome(), facts(1, 3, 998), &policy, MID), Transition::Throttle { .. }));
        let dead = decide(outcome(), facts(1, 3, 999), &policy, MID);
        assert!(matches!(dead, Transition::Dead { reason: DeadReason::Exhausted, .. }));
    }

    #[test]
    fn dead_is_discarded_and_done_is_done() {
        let dead = Transition::Dead { reason: DeadReason::Discarded, error: "no".into() };
        check(JobOutcome::Dead("no".into()), facts(1, 3, 0), true, &dead);
        check(JobOutcome::Done, facts(3, 3, 0), true, &Transition::Done { output: None });
    }

    #[test]
    fn error_text_is_clean_before_it_reaches_a_storage() {
        let t = decide(JobOutcome::Failed("a\0b".into()), facts(1, 1, 0), &BackoffPolicy::default(), MID);
        assert_eq!(t, Transition::Dead { reason: DeadReason::Exhausted, error: "a\u{FFFD}b".into() });
    }
}

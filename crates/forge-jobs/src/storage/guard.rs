//! The guards that make a storage safe, each of which a test can take away to see that a rule notices.

/// A guard that mutation tests take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "conformance"), expect(unreachable_pub, reason = "public with the feature only"))]
#[non_exhaustive]
pub enum Guard {
    /// A claim takes its jobs out of what can be claimed.
    Claim,
    /// Only a registered process can claim.
    Registration,
    /// A finish must match the claim.
    Finish,
    /// A release must match the claim.
    Release,
    /// A heartbeat is accepted only while its registration lasts.
    Heartbeat,
    /// Only silent processes are reaped.
    Reap,
    /// One unfinished job per kind and dedupe key.
    Dedupe,
    /// A requested cancel overrules a retry.
    Cancel,
    /// A paused queue gives no jobs.
    Pause,
    /// A queue gives no more jobs than its bound lets all processes run.
    Bound,
    /// One process leads at a time.
    Lead,
    /// A budget counts what was given.
    Budget,
    /// One job per kind and concurrency key is claimable or running.
    Key,
    /// A fire of a schedule is a job once.
    Tick,
    /// What was decided about a schedule counts only for the version that it was decided by.
    ScheduleVersion,
    /// A program's code does not undo what a person edited of a schedule.
    ScheduleOwner,
    /// What is added up is taken off the tape.
    Roll,
}

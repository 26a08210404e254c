//! The guards that make this storage safe, each of which a test can switch off to see that a rule notices.

/// A guard that mutation tests switch off.
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
}

/// Which guards are on. All of them, outside of mutation tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Guards {
    #[cfg(feature = "conformance")]
    off: Vec<Guard>,
}

impl Guards {
    #[cfg(feature = "conformance")]
    pub(super) fn without(mut self, guard: Guard) -> Self {
        self.off.push(guard);
        self
    }

    #[cfg(feature = "conformance")]
    pub(super) fn on(&self, guard: Guard) -> bool {
        !self.off.contains(&guard)
    }

    #[cfg(not(feature = "conformance"))]
    #[expect(clippy::unused_self, reason = "one signature for both sets of features")]
    pub(super) const fn on(&self, _guard: Guard) -> bool {
        true
    }
}

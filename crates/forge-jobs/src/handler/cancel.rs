//! The signal that tells a handler to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

/// Why a handler should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// A person cancelled the job: it will end dead as `cancelled`, unless the handler reports `Done`.
    Requested,
    /// The attempt's time limit has passed: it has failed, unless the handler reports `Done` or `Dead` within the grace.
    TimedOut,
    /// The process shuts down: the job goes back uncharged, unless the handler reports `Done` or `Dead`.
    Shutdown,
    /// The process can no longer prove that the job is its own; another may run it already. Nothing that the
    /// handler reports will count.
    LeaseLost,
}

impl CancelCause {
    const fn code(self) -> u8 {
        match self {
            Self::Requested => 1,
            Self::TimedOut => 2,
            Self::Shutdown => 3,
            Self::LeaseLost => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Requested),
            2 => Some(Self::TimedOut),
            3 => Some(Self::Shutdown),
            4 => Some(Self::LeaseLost),
            _ => None,
        }
    }
}

/// In words for people, as in `told to stop: a person cancelled the job`.
impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Requested => "a person cancelled the job",
            Self::TimedOut => "its time limit has passed",
            Self::Shutdown => "the process shuts down",
            Self::LeaseLost => "its claim is lost",
        })
    }
}

/// Tells a handler to stop. Cloning is cheap; every clone sees the same signal. The first cause stays.
#[derive(Clone)]
pub struct CancelToken(Arc<Inner>);

struct Inner {
    cause: AtomicU8,
    fired: Notify,
}

impl CancelToken {
    /// A token that has not fired. For tests of handlers; a runtime makes its own.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner { cause: AtomicU8::new(0), fired: Notify::new() }))
    }

    /// Fires it. The first cause stays; later calls do nothing. Says whether this call was the first.
    #[expect(
        clippy::must_use_candidate,
        reason = "firing is the point; whether it was the first rarely matters"
    )]
    pub fn cancel(&self, cause: CancelCause) -> bool {
        let first =
            self.0.cause.compare_exchange(0, cause.code(), Ordering::AcqRel, Ordering::Acquire).is_ok();
        if first {
            self.0.fired.notify_waiters();
        }
        first
    }

    /// Whether the handler should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Why it should stop; `None` while it should not.
    #[must_use]
    pub fn cause(&self) -> Option<CancelCause> {
        CancelCause::from_code(self.0.cause.load(Ordering::Acquire))
    }

    /// Resolves when the handler should stop, with the cause. Cancel safe.
    ///
    /// ```
    /// # use forge_jobs::{JobContext, JobOutcome};
    /// # async fn run(ctx: JobContext) -> JobOutcome {
    /// tokio::select! {
    ///     cause = ctx.cancel.cancelled() => JobOutcome::Failed(format!("stopped: {cause}")),
    ///     () = work() => JobOutcome::Done,
    /// }
    /// # }
    /// # async fn work() {}
    /// ```
    pub async fn cancelled(&self) -> CancelCause {
        loop {
            let fired = self.0.fired.notified();
            tokio::pin!(fired);
            // Enlist first and look second, or a signal in between would be missed.
            fired.as_mut().enable();
            if let Some(cause) = self.cause() {
                return cause;
            }
            fired.await;
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelToken").field(&self.cause()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_waiter_sees_the_first_cause() {
        let token = CancelToken::new();
        let waiting = tokio::spawn({
            let token = token.clone();
            async move { token.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(token.cancel(CancelCause::Requested));
        assert!(!token.cancel(CancelCause::Shutdown));
        assert_eq!(waiting.await.unwrap(), CancelCause::Requested);
        assert_eq!(token.cancelled().await, CancelCause::Requested);
    }

    #[test]
    fn why_is_said_in_words_and_not_in_code() {
        let e = crate::AcquireError::Cancelled { cause: CancelCause::TimedOut };
        assert_eq!(e.to_string(), "told to stop while waiting for a permit: its time limit has passed");
    }
}

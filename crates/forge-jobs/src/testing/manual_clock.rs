//! A time that a test moves.

use crate::{Clock, Timestamp};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;

/// A clock that stands still until it is moved. Clones share the time.
///
/// ```
/// use forge_jobs::testing::ManualClock;
/// use forge_jobs::{Clock, Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp::from_micros(0));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.storage_now(), Some(Timestamp::from_micros(60_000_000)));
/// ```
///
/// Leases, due times, backoff and retention follow it; the intervals between two looks of a runtime's loops do not:
/// they stay real, so that a runtime under a manual clock still works through what is due.
#[derive(Clone, Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    /// Standing at this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(watch::Sender::new(time))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|t| *t = t.saturating_add(by));
    }

    /// Sets it, forward or back.
    pub fn set(&self, time: Timestamp) {
        self.0.send_replace(time);
    }

    /// Its time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.0.borrow()
    }
}

impl Clock for ManualClock {
    fn storage_now(&self) -> Option<Timestamp> {
        Some(self.now())
    }

    fn moved(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moves = self.0.subscribe();
        Box::pin(async move {
            // The sender is `self`, which outlives this.
            let _ = moves.changed().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_move_wakes_those_who_wait_for_it() {
        let clock = ManualClock::at(Timestamp::from_micros(5));
        let moved = clock.moved();
        clock.advance(Duration::from_micros(2));
        moved.await;
        assert_eq!(clock.now(), Timestamp::from_micros(7));
        clock.set(Timestamp::from_micros(1));
        assert_eq!(clock.storage_now(), Some(Timestamp::from_micros(1)));
    }
}

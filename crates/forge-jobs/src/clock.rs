//! Who says what time it is.
//!
//! The database's clock decides everything that replicas must agree on, so in production a runtime passes no time
//! at all ([`SystemClock`]). A test passes its own (`testing::ManualClock`), and the whole queue follows it.

use crate::Timestamp;
use std::future::Future;
use std::pin::Pin;

/// The source of the time that a runtime hands to its storage.
pub trait Clock: Send + Sync + 'static {
    /// The time to pass to storage calls; `None` means: use the database's own clock.
    fn storage_now(&self) -> Option<Timestamp>;

    /// Resolves when the clock was moved by hand, so that loops look again. Never resolves for a real clock.
    /// Cancel safe.
    fn moved(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The production clock: the database's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn storage_now(&self) -> Option<Timestamp> {
        None
    }

    fn moved(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

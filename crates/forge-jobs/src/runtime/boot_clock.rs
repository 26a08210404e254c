//! A clock that counts on while the machine sleeps.
//!
//! `std::time::Instant` and tokio's timers stand still during suspend on Linux, so a laptop that slept for eight
//! hours would take its leases for fresh. Heartbeats and leases are therefore judged by this one.

use std::time::Duration;

/// A moment of the clock that counts suspended time too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootInstant(Duration);

impl BootInstant {
    /// `CLOCK_BOOTTIME`.
    #[cfg(target_os = "linux")]
    pub(crate) fn now() -> Self {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self(Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0)))
    }

    /// Elsewhere the wall clock, which suspend does not stop either. A step of it looks like a sleep: jobs are
    /// stopped and start over, none is run twice.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn now() -> Self {
        Self(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
    }

    pub(crate) const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_since(self)
    }
}

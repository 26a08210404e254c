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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    /// Says in the child how far the clock is ahead of the monotonic one.
    const CHILD: &str = "FORGE_TEST_BOOT_CLOCK";

    fn ahead() -> Duration {
        let monotonic = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        BootInstant::now()
            .saturating_since(BootInstant(Duration::from_secs(monotonic.tv_sec.cast_unsigned())))
    }

    #[test]
    fn a_day_of_sleep_is_a_day() {
        if std::env::var_os(CHILD).is_some() {
            println!("ahead {}", ahead().as_secs());
            return;
        }
        // A namespace whose boot clock is a day ahead, and whose monotonic one is not: as after a day of suspend.
        let slept = Command::new("unshare")
            .args(["--user", "--map-root-user", "--time", "--boottime", "86400", "--fork", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "runtime::boot_clock::tests::a_day_of_sleep_is_a_day", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&slept.stdout);
        let there = said.lines().find_map(|line| line.split_once("ahead ")?.1.parse::<u64>().ok());
        let there = there.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&slept.stderr)));
        assert!(there >= ahead().as_secs() + 86_399, "{there} s");
    }
}

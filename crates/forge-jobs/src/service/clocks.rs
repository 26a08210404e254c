//! Whether the wall clock was stepped, on a storage whose clock it is.

use crate::Timestamp;
use crate::runtime::BootInstant;
use std::time::Duration;

/// Wall and boot clock may disagree by this about the time since the last look.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Both clocks, as they were at the last look.
#[derive(Default)]
pub(super) struct Clocks(Option<(Timestamp, BootInstant)>);

/// What has passed since the last look.
pub(super) struct Passed {
    /// By the wall clock.
    pub(super) wall: Duration,
    /// By the clock that nobody turns, and that counts on while the machine sleeps.
    pub(super) boot: Duration,
    /// The wall clock, now.
    pub(super) now: Timestamp,
    went_back: bool,
}

impl Clocks {
    /// What has passed since the last look; `None` at the first one.
    pub(super) fn look(&mut self) -> Option<Passed> {
        let (now, boot) = (Timestamp::now(), BootInstant::now());
        let (last, last_boot) = self.0.replace((now, boot))?;
        Some(Passed {
            wall: now.saturating_since(last),
            boot: boot.saturating_since(last_boot),
            now,
            went_back: now < last,
        })
    }
}

impl Passed {
    /// Whether the wall clock was stepped.
    pub(super) fn stepped(&self) -> bool {
        self.went_back || self.boot.abs_diff(self.wall) > CLOCK_TOLERANCE
    }
}

//! A kit for tests: of this crate, of other storages, and of programs that use the queue.
//!
//! - [`ManualClock`]: a time that the test moves; the whole queue follows it.
//! - [`wait_until`], [`wait_for_status`]: bounded waits on a condition instead of sleeps.
//! - [`FlakyStorage`], [`SlowStorage`]: wrap any storage to make calls fail or dawdle by plan.

mod flaky;
mod manual_clock;
mod slow;
mod wait;
mod wrapped;

pub use flaky::{Faults, FlakyStorage, When};
pub use manual_clock::ManualClock;
pub use slow::SlowStorage;
pub use wait::{wait_for_status, wait_until};
pub use wrapped::Operation;

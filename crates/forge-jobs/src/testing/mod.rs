//! A kit for tests: of programs that use the queue, of other storages, and of this crate.
//!
//! Against a queue:
//!
//! - [`TestQueue`]: a real queue on a temporary SQLite file or in a Postgres schema of its own, which does nothing by
//!   itself. *Inline*: [`TestQueue::inline`] runs a job where it is enqueued. *Drain*: [`TestQueue::drain`] runs all that
//!   is due, [`TestQueue::run_for`] lets time pass from one due job to the next.
//! - [`assert_enqueued!`](crate::assert_enqueued), [`refute_enqueued!`](crate::refute_enqueued): by kind, queue, part of
//!   the payload, time, tags, priority; what is enqueued instead is told.
//! - [`ManualClock`]: a time that the test moves; leases, backoff, due times and schedules follow it.
//! - [`FakeHandler`]: a handler whose outcomes are a script, and which remembers its calls.
//!
//! Of a handler alone, without storage: [`perform`] and [`Perform`].
//!
//! Against a running runtime:
//!
//! - [`wait_until`], [`wait_for_status`]: bounded waits on a condition instead of sleeps.
//! - [`FlakyStorage`], [`SlowStorage`]: wrap any storage to make calls fail or dawdle by plan.
//!
//! `docs/testing.md` of the repository shows them at work.

mod error;
mod expect;
mod fake;
mod flaky;
mod inline;
mod manual_clock;
mod nowhere;
mod perform;
mod place;
mod queue;
mod report;
mod setup;
mod slow;
mod wait;
mod wrapped;

pub use crate::{assert_enqueued, refute_enqueued};
pub use error::TestError;
#[doc(hidden)]
pub use expect::AsStorage;
pub use expect::{JobMatch, all_enqueued, check_enqueued, check_not_enqueued};
pub use fake::{Call, FakeHandler};
pub use flaky::{Faults, FlakyStorage, When};
pub use manual_clock::ManualClock;
pub use perform::{Perform, Performed, perform};
pub use queue::TestQueue;
pub use report::{DrainReport, Ran};
pub use setup::TestSetup;
pub use slow::SlowStorage;
pub use wait::{wait_for_status, wait_until};
pub use wrapped::Operation;

//! Scenarios on a running `QueueRuntime` over real SQLite files: what a user of the crate sees.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cancellation;
mod crash;
mod faults;
mod fencing;
mod lifecycle;
mod limits;
mod minimal;
mod settings;
mod shutdown;
mod support;

//! Scenarios on a running `QueueRuntime` over real SQLite files: what a user of the crate sees.

mod cancellation;
mod crash;
mod fencing;
mod lifecycle;
mod limits;
mod minimal;
mod settings;
mod shutdown;
mod support;

//! Scenarios on a running `QueueRuntime` over real SQLite files: what a user of the crate sees.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

/// Which database these scenarios run on; the same ones run on the other in a program of their own.
#[cfg(feature = "postgres")]
const ON_POSTGRES: bool = false;

mod budgets;
mod cancellation;
mod crash;
mod damage;
#[cfg(feature = "postgres")]
#[path = "../support/postgres.rs"]
mod databases;
mod faults;
mod fencing;
mod lifecycle;
mod limits;
#[cfg(feature = "logs")]
mod logs;
mod minimal;
mod resources;
mod schedules;
mod settings;
mod shutdown;
mod steering;
mod support;
mod wakeups;

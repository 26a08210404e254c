//! The scenarios of a running `QueueRuntime` once more, on a real Postgres server: the application's code does not change.
//!
//! Those that kill processes are in the campaigns of the torture crate.

#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

const ON_POSTGRES: bool = true;

#[path = "../scenarios/budgets.rs"]
mod budgets;
#[path = "../scenarios/cancellation.rs"]
mod cancellation;
#[path = "../scenarios/damage.rs"]
mod damage;
#[path = "../support/postgres.rs"]
mod databases;
mod deaf;
#[path = "../scenarios/faults.rs"]
mod faults;
#[path = "../scenarios/fencing.rs"]
mod fencing;
#[path = "../scenarios/lifecycle.rs"]
mod lifecycle;
#[path = "../scenarios/limits.rs"]
mod limits;
#[cfg(feature = "logs")]
#[path = "../scenarios/logs.rs"]
mod logs;
#[path = "../scenarios/resources.rs"]
mod resources;
#[path = "../scenarios/schedules.rs"]
mod schedules;
#[path = "../scenarios/settings.rs"]
mod settings;
#[path = "../scenarios/shutdown.rs"]
mod shutdown;
#[path = "../scenarios/steering.rs"]
mod steering;
#[path = "../scenarios/support.rs"]
mod support;
#[path = "../scenarios/wakeups.rs"]
mod wakeups;

//! Schedules: what to enqueue when, and what becomes of fires that were missed.
//!
//! Pure: no clock is read, and nothing is stored. [`Schedule`] is what a program declares, [`ScheduleSpec`] what is left
//! of it once checked; [`decide`] says which fires become jobs; [`jitter_of`] how long after its fire a job is due.

mod decide;
mod error;
mod policy;
mod request;

pub use decide::{Decision, FireRange, decide, jitter_of};
pub use error::InvalidSchedule;
pub use policy::{MissedFires, Overlap, Owner, PolicyParseError, TickOutcome};
pub use request::{NewSchedule, Schedule, ScheduleSpec, ScheduledJob};

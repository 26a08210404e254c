//! What happens after an attempt, decided purely: no clock, no database, no randomness of its own.

mod backoff;
mod decide;

pub use backoff::BackoffPolicy;
pub use decide::{AttemptFacts, Transition, decide};

//! What is measured of jobs, as numbers that add up: over minutes, over hosts, over both (ADR 0009).
//!
//! A storage appends to a tape, in the transaction of each enqueue and each end of an attempt: what it was and how long
//! it took. Whoever leads takes the tape off, now and then, and adds it up in [`Tally`]s of a minute, of five minutes
//! and of an hour, in one transaction: whatever dies when, nothing is counted twice or not at all.

mod histogram;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod play;
mod sample;
mod series;
mod tally;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod tape;
mod varint;

pub use histogram::{BUCKETS, Histogram, bucket_of};
pub use sample::{Pool, Sample};
pub use series::{Level, Line, LineName, Point, Range, Source};
pub use tally::{Counts, Tally};

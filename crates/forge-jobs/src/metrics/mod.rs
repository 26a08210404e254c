//! What is measured of jobs, as numbers that add up: over minutes, over processes, over both.

mod histogram;

pub use histogram::{BUCKETS, Histogram, bucket_of};

//! Ways of doing harm on Postgres, where replicas share a server.

mod backlog;
mod demo;
mod restart;
mod skew;
mod snapshot;

pub use backlog::Backlog;
pub use demo::Demo;
pub use restart::Restart;
pub use skew::Skew;
pub use snapshot::Snapshot;

use std::time::Duration;

/// The smallest time that this share of the sorted times, in percent, does not exceed.
fn percentile(sorted: &[Duration], share: usize) -> Duration {
    let rank = (sorted.len() * share).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

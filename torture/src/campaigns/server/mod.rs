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

use super::Failure;
use std::time::{Duration, Instant};

/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until a look finds something.
async fn wait<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            return Err(format!("waited {limit:?} for {what}").into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The smallest time that this share of the sorted times, in percent, does not exceed.
fn percentile(sorted: &[Duration], share: usize) -> Duration {
    let rank = (sorted.len() * share).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

//! Ways of doing harm.

mod clock;
mod cron_leader;
mod cron_texts;
mod crowd;
mod cuts;
pub(crate) mod depth;
mod disk;
mod freeze;
mod http_abuse;
mod kill;
mod limits;
mod memory;
mod poison;
mod power;
mod races;
mod reads;
pub mod server;
mod spin;

pub use clock::Clock;
pub use cron_leader::CronLeader;
pub use cron_texts::CronTexts;
pub use crowd::Crowd;
pub use cuts::Cuts;
pub use depth::Depth;
pub use disk::Disk;
pub use freeze::{Freeze, Heir};
pub use http_abuse::HttpAbuse;
pub use kill::Kill;
pub use limits::Limits;
pub use memory::Memory;
pub use poison::Poison;
pub use power::{Power, Synchronous};
pub use races::Races;
pub use reads::{Reads, fill};
pub use spin::Spin;

use crate::fleet::Site;
use forge_jobs::storage::DatabaseConfig;
use forge_jobs::storage::{PathsError, QueuePaths};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Storage};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What went wrong in running a campaign, or what its audit found.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Intervals short enough that a campaign of seconds shows what takes minutes in earnest: a heartbeat of 500 ms, a stale
/// window of 2.25 s, and metrics that are added up ten times a second.
pub const QUICK: [&str; 8] =
    ["--heartbeat-ms", "500", "--poll-ms", "200", "--alone-ms", "2000", "--metrics-ms", "100"];
/// How long a worker may take to start.
const START: Duration = Duration::from_secs(60);

struct NoPaths;

impl QueuePaths for NoPaths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "not in a campaign"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "not in a campaign"))
    }
}

/// Opens the database of a site.
async fn open(site: &Site) -> Result<Storage, Failure> {
    open_url(site.url()).await
}

/// Opens a database; one that has no tables gets them, wherever it is.
async fn open_url(url: &str) -> Result<Storage, Failure> {
    Ok(DatabaseConfig::from_url(url)?.open_migrated(&NoPaths).await?)
}

/// Enqueues jobs, all of which must be accepted; their ids in the order sent.
async fn enqueue(storage: &Storage, jobs: Vec<EnqueueRequest>) -> Result<Vec<String>, Failure> {
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let mut ids = Vec::with_capacity(jobs.len());
    for result in enqueuer.enqueue_many(jobs).await {
        ids.push(result?.id.to_string());
    }
    Ok(ids)
}

/// `Ok` without problems.
fn verdict(problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let named = problems.iter().take(10).cloned().collect::<Vec<_>>().join("\n  ");
    Err(format!("{} problems, such as\n  {named}", problems.len()).into())
}

/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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

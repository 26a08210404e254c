//! Many jobs that wait for one concurrency key, beside others that do not.

use super::depth::{claims_of, register};
use super::{Failure, enqueue, open, verdict};
use crate::fleet::Site;
use forge_jobs::storage::Storage;
use forge_jobs::{EnqueueRequest, ProcessId};
use std::time::Duration;

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Jobs that wait for one key.
    pub waiting: usize,
}

/// Claims that are timed, without the crowd and with it.
const CLAIMS: u32 = 400;
/// So many times as long a claim may take at the median, beside the crowd.
const SLOWER: f64 = 1.5;

impl Crowd {
    /// Runs it: claims of others take no longer for those who wait.
    ///
    /// # Errors
    ///
    /// What was measured, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let storage = open(site).await?;
        let process = register(&storage).await?;
        // Once beforehand: what is new is not measured.
        median(&storage, process).await?;
        let without = median(&storage, process).await?;
        let keyed = |n: usize| EnqueueRequest::new("t.echo", n).with_concurrency_key("one").with_priority(-1);
        enqueue(&storage, vec![keyed(0)]).await?;
        claims_of(&storage, process, 1, 1).await?;
        enqueue(&storage, (0..self.waiting).map(keyed).collect()).await?;
        let with = median(&storage, process).await?;
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        let mut problems = storage.inspect.checkup().await?.problems;
        if ratio > SLOWER {
            problems.push(format!("a claim takes {ratio:.2} times as long"));
        }
        let report = format!(
            "a claim takes {without:.1?}, and {with:.1?} beside {} that wait for a key (×{ratio:.2})",
            self.waiting
        );
        verdict(&problems).map_err(|e| format!("{report}\n{e}"))?;
        Ok(report)
    }
}

/// What a claim of one plain job takes.
async fn median(storage: &Storage, process: ProcessId) -> Result<Duration, Failure> {
    let plain = |n| EnqueueRequest::new("t.echo", n);
    enqueue(storage, (0..CLAIMS).map(plain).collect()).await?;
    let mut times = claims_of(storage, process, 1, CLAIMS).await?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

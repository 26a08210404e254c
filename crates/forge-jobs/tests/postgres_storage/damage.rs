//! Rounds of reapers at once.

use crate::keys::{soon, until_waiting};
use crate::{claim_all, client, databases, enqueue, register};
use forge_jobs::storage::{ReapParams, ReapReport, Storage};
use forge_jobs::{EnqueueRequest, ProcessId};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

async fn reap(storage: &Storage, stale_after: Duration) -> ReapReport {
    let params = ReapParams { by: ProcessId::new(), stale_after, limit: 4, now: None };
    storage.processes.reap(params).await.unwrap()
}

/// A process that has claimed so many jobs.
async fn holder(storage: &Storage, jobs: usize) -> ProcessId {
    let process = register(storage).await;
    for _ in 0..jobs {
        enqueue(storage, EnqueueRequest::new("k", 1)).await;
    }
    assert_eq!(claim_all(storage, process).await.len(), jobs);
    process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_reaper_leaves_is_remembered_though_another_one_had_begun_before() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let (long, short) = (holder(&storage, 6).await, holder(&storage, 2).await);
    // The first round of a storage looks for everything that runs; the next ones for what was left behind.
    assert_eq!(reap(&storage, HOUR).await, ReapReport::default());
    let (locker, watch) = (client(&database).await, client(&database).await);
    let left =
        format!("UPDATE forge.processes SET ended_at = beat_at, left_behind = true WHERE id = '{short}'");
    watch.batch_execute(&left).await.unwrap();
    let left = format!(
        "BEGIN; SELECT FROM forge.running r JOIN forge.processes p ON p.no = r.process WHERE p.id = '{short}' FOR UPDATE OF r"
    );
    locker.batch_execute(&left).await.unwrap();
    let begun = {
        let storage = storage.clone();
        tokio::spawn(async move { reap(&storage, HOUR).await })
    };
    until_waiting(&watch, 1).await;
    let round = reap(&storage, Duration::ZERO).await;
    assert_eq!((round.processes, round.revived.len(), round.more), (vec![long], 4, true));
    locker.batch_execute("COMMIT").await.unwrap();
    assert_eq!(soon(begun).await.unwrap().revived.len(), 2, "it knows of one process only");
    assert_eq!(reap(&storage, HOUR).await.revived.len(), 2);
}

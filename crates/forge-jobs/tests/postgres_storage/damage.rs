//! What is done about jobs that somebody's own SQL has left without a place, and about rounds of reapers at once.

use crate::keys::{soon, until_waiting};
use crate::{claim_all, client, databases, enqueue, job, register};
use forge_jobs::storage::{
    CancelOutcome, DropOutcome, EditJobParams, EditOutcome, EnqueueParams, JobPatch, ReapParams, ReapReport,
    RetryOutcome, RunNowOutcome, Storage, VerbParams,
};
use forge_jobs::{EnqueueRequest, ProcessId};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_stands_nowhere_is_unknown_to_every_verb() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let new = job(EnqueueRequest::new("k", 1));
    let id = new.id;
    storage.jobs.enqueue(EnqueueParams { jobs: vec![new], now: None }).await.unwrap();
    client(&database).await.batch_execute("DELETE FROM forge.ready").await.unwrap();
    let verb = || VerbParams { ids: vec![id], actor: None, now: None };
    let jobs = &storage.jobs;
    assert_eq!(jobs.cancel(verb()).await.unwrap(), [CancelOutcome::Unknown]);
    assert_eq!(jobs.retry(verb()).await.unwrap(), [RetryOutcome::Unknown]);
    assert_eq!(jobs.run_now(verb()).await.unwrap(), [RunNowOutcome::Unknown]);
    let patch = JobPatch { priority: Some(1), ..JobPatch::default() };
    let edit = EditJobParams { id, patch, expected_version: None, actor: None, now: None };
    assert_eq!(jobs.edit(edit).await.unwrap(), EditOutcome::Unknown);
    assert_eq!(jobs.drop_jobs(verb()).await.unwrap(), [DropOutcome::Unknown]);
}

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

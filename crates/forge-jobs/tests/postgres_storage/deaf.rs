//! Where no notification comes through, as behind a pooler, a storage tells its own runtimes what its calls have done.

use crate::{claim_all, databases, enqueue, job, register};
use forge_jobs::retry::Transition;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::{
    DropOutcome, EnqueueParams, Finish, FinishParams, Lease, PostgresConfig, QueueSettingsPatch, Storage,
    UpdateQueueParams, VerbParams,
};
use forge_jobs::{EnqueueRequest, JobId, Timing};
use std::time::Duration;

/// More than are looked for of themselves, once a second, while a test lasts.
const CHAIN: usize = 40;

async fn deaf(url: &str) -> Storage {
    let config = PostgresConfig::from_url(url).unwrap().with_connections(2).unwrap().without_listen();
    PostgresStorage::open(&config, Purpose::Use).await.unwrap().into_bundle()
}

fn keyed() -> EnqueueRequest {
    EnqueueRequest::new("k", 1).with_concurrency_key("x")
}

async fn finish(storage: &Storage, lease: Lease, transition: Transition) {
    let member = Finish { lease, transition, timing: Timing::default(), failure: None };
    let params = FinishParams { members: vec![member], now: None };
    assert!(storage.jobs.finish(params).await.unwrap()[0].is_applied());
}

fn claimable(storage: &Storage) -> u64 {
    storage.jobs.changes().borrow().claimable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finishes_a_job_hears_that_the_next_one_of_its_key_is_claimable() {
    let database = databases::fresh().await;
    let storage = deaf(database.url()).await;
    let process = register(&storage).await;
    for _ in 0..=CHAIN {
        enqueue(&storage, keyed()).await;
    }
    let hour = Duration::from_secs(3_600);
    let ends = [Transition::Done { output: None }, Transition::Retry { after: hour, error: "e".into() }];
    for end in ends.iter().cycle().take(CHAIN) {
        let leases = claim_all(&storage, process).await;
        assert_eq!(leases.len(), 1);
        let before = claimable(&storage);
        finish(&storage, leases[0], end.clone()).await;
        assert!(claimable(&storage) > before, "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finishes_a_job_of_a_queue_with_a_bound_hears_that_there_is_room() {
    let database = databases::fresh().await;
    let storage = deaf(database.url()).await;
    let process = register(&storage).await;
    for _ in 0..=CHAIN {
        enqueue(&storage, EnqueueRequest::new("k", 1)).await;
    }
    let params = UpdateQueueParams {
        queue: "default".into(),
        patch: QueueSettingsPatch::default().with_max_running(Some(1)),
        expected_version: None,
        actor: None,
        now: None,
    };
    storage.queues.update(params).await.unwrap();
    for _ in 0..CHAIN {
        let leases = claim_all(&storage, process).await;
        assert_eq!(leases.len(), 1);
        let before = claimable(&storage);
        finish(&storage, leases[0], Transition::Done { output: None }).await;
        assert!(claimable(&storage) > before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_a_job_away_hears_that_the_next_one_of_its_key_is_claimable() {
    let database = databases::fresh().await;
    let storage = deaf(database.url()).await;
    let one = |id: JobId| VerbParams { ids: vec![id], actor: None, now: None };
    let mut ids = Vec::new();
    for _ in 0..=CHAIN {
        let new = job(keyed());
        ids.push(new.id);
        let params = EnqueueParams { jobs: vec![new], now: None };
        storage.jobs.enqueue(params).await.unwrap();
    }
    for (n, id) in ids.into_iter().enumerate().take(CHAIN) {
        let before = claimable(&storage);
        if n % 2 == 0 {
            storage.jobs.cancel(one(id)).await.unwrap();
        } else {
            assert_eq!(storage.jobs.drop_jobs(one(id)).await.unwrap(), [DropOutcome::Dropped]);
        }
        assert!(claimable(&storage) > before);
    }
}

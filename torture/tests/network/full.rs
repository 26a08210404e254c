//! A server that takes no more connections.

use crate::support::{HANG, beating, config, enqueue, job, next, open, puppets, runtime, turn, until};
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::{Inspect, JobQueue, StorageError};
use forge_jobs::{JobOutcome, JobStatus};
use forge_test_cluster::{Cluster, Options};
use forge_torture::proxy::How;
use forge_torture::stage::Stage;
use std::sync::Arc;
use std::time::Duration;

const REMEDY: &str = "lower postgres.connections, or raise max_connections";

fn is_clear(error: &StorageError) -> bool {
    !error.outcome_unknown() && error.is_retryable() && error.to_string().contains(REMEDY)
}

/// Takes every connection that is left.
async fn fill(url: &str) -> Vec<tokio_postgres::Client> {
    let mut taken = Vec::new();
    until("the server to be full", async || match forge_test_cluster::connect(url).await {
        Ok(client) => {
            taken.push(client);
            false
        }
        Err(e) => e.to_string().contains("53300"),
    })
    .await;
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_a_clear_error_and_work_goes_on_once_there_is_room() {
    let _turn = turn().await;
    let options = Options::default()
        .with("max_connections", "12")
        .with("superuser_reserved_connections", "0")
        .with("max_wal_senders", "0");
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&options)).await.unwrap().unwrap();
    let stage = Stage::on_own(&cluster.url("postgres")).await.unwrap();
    let storage = open(&config(&stage.url_through())).await;
    let (handlers, mut started) = puppets();
    let worker = runtime(Arc::clone(&storage).into_bundle(), handlers, beating(Duration::from_secs(1)));
    let handle = worker.start().await.unwrap();

    stage.proxy.refuse(true);
    stage.proxy.cut_all(How::Close);
    let taken = fill(stage.url()).await;
    stage.proxy.refuse(false);
    let error = PostgresStorage::open(&config(stage.url()), Purpose::Look).await.unwrap_err();
    assert!(is_clear(&error), "{error}");
    let (early, late) = (job("k"), job("k"));
    let error = storage.enqueue(enqueue(vec![early])).await.unwrap_err();
    assert!(is_clear(&error), "{error}");
    println!("{error}");

    drop(taken);
    let id = late.id;
    until("room", async || storage.enqueue(enqueue(vec![late.clone()])).await.is_ok()).await;
    // The runtime has come back by itself, with whatever registration.
    let mut puppet = next(&mut started).await;
    assert_eq!(puppet.id, id);
    puppet.end(JobOutcome::Done);
    until("the job to be done", async || {
        storage.job(id).await.unwrap().is_some_and(|j| j.status == JobStatus::Done)
    })
    .await;
    handle.shutdown_graceful(HANG).await;
}

//! A storage is closed while callers wait.

use crate::{HANG, client, databases, enqueue, job, number};
use forge_jobs::EnqueueRequest;
use forge_jobs::storage::EnqueueParams;
use std::time::Instant;
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_closes_though_jobs_wait_to_be_written_behind_a_lock_that_is_never_given_up() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    enqueue(&storage, EnqueueRequest::new("k", 0)).await;
    let (holder, watcher) = (client(&database).await, client(&database).await);
    holder.batch_execute("BEGIN; LOCK TABLE forge.jobs IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // Two are being written; whoever comes then waits for its turn.
    for n in 1..=3 {
        let params = EnqueueParams { jobs: vec![job(EnqueueRequest::new("k", n))], now: None };
        // Its caller gives up: what it has handed over waits on.
        assert!(futures_util::poll!(storage.jobs.enqueue(params)).is_pending());
        let deadline = Instant::now() + HANG;
        while number(&watcher, waiting).await < n.min(2) {
            assert!(Instant::now() < deadline, "write {n} does not wait for the lock");
        }
    }
    let (closed, is_closed) = oneshot::channel();
    // Not of this runtime, which would wait for it even when the test has failed.
    std::thread::spawn(move || {
        drop(storage);
        closed.send(())
    });
    tokio::time::timeout(HANG, is_closed).await.expect("it closes").unwrap();
}

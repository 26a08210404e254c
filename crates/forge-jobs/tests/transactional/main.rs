//! Jobs enqueued in a transaction of the caller's own, and by SQL.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(feature = "postgres")]
mod by_sql;
#[cfg(feature = "postgres")]
mod corpus;
#[cfg(feature = "postgres")]
#[path = "../support/postgres.rs"]
mod databases;
#[cfg(all(feature = "postgres", feature = "sqlx"))]
mod on_postgres;
#[cfg(feature = "sqlite")]
mod on_sqlite;

use forge_jobs::{DefaultRouter, Enqueuer, HandlerRegistry, JobOutcome, QueueRuntime, Storage};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A wait longer than this is a hang, not slowness.
const HANG: Duration = Duration::from_secs(180);

fn enqueuer(storage: Storage) -> Enqueuer {
    Enqueuer::new(storage, Arc::new(DefaultRouter))
}

/// A runtime for jobs of the kind `work`, and the payloads of those that ran.
fn worker(storage: Storage) -> (QueueRuntime, UnboundedReceiver<String>) {
    let (ran, runs) = unbounded_channel();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("work", move |job| {
        let ran = ran.clone();
        async move {
            let _ = ran.send(job.payload().as_str().to_owned());
            JobOutcome::Done
        }
    });
    (QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter)), runs)
}

async fn next(runs: &mut UnboundedReceiver<String>) -> String {
    tokio::time::timeout(HANG, runs.recv()).await.expect("a job runs").unwrap()
}

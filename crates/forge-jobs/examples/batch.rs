//! Many jobs in few transactions, from a program and from a handler; a bad one fails alone.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let sum = Arc::new(AtomicU64::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("fan_out", |ctx| async move {
        let parts = (1..=1_000_u64).map(|n| EnqueueRequest::new("part", n));
        let refused = ctx.enqueue_many(parts).await.into_iter().filter_map(Result::err).count();
        if refused == 0 {
            JobOutcome::Done
        } else {
            JobOutcome::Failed(format!("{refused} parts were refused"))
        }
    });
    handlers.register_typed_fn_as("part", {
        let sum = sum.clone();
        move |_, n: u64| {
            sum.fetch_add(n, Ordering::Relaxed);
            async { JobOutcome::Done }
        }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    let results = runtime
        .enqueue_many([
            EnqueueRequest::new("fan_out", ()),
            EnqueueRequest::new("no name!", ()),
            EnqueueRequest::new("part", 500),
        ])
        .await;
    for result in &results {
        match result {
            Ok(receipt) => println!("{}", receipt.outcome),
            Err(e) => println!("refused: {e}"),
        }
    }
    let handle = runtime.start().await?;
    handle.drained().await?;
    println!("sum of the parts: {}", sum.load(Ordering::Relaxed));
    assert_eq!(sum.load(Ordering::Relaxed), 500 + 1_000 * 1_001 / 2);
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

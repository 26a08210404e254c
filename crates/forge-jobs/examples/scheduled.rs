//! Jobs for later: at a moment, or after a delay, both by the database's clock.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime, Timestamp};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("remind", |ctx| async move {
        let late = Timestamp::now().saturating_since(ctx.due_at());
        println!("{} started {late:?} after it was due", ctx.payload());
        JobOutcome::Done
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));

    runtime
        .enqueue(EnqueueRequest::new("remind", "in 100 ms").with_delay(Duration::from_millis(100)))
        .await?;
    let at = Timestamp::now().saturating_add(Duration::from_millis(50));
    runtime.enqueue(EnqueueRequest::new("remind", "at a moment").with_run_at(at)).await?;
    runtime.enqueue(EnqueueRequest::new("remind", "now")).await?;

    let handle = runtime.start().await?;
    handle.drained().await?;
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

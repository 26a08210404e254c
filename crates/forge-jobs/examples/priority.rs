//! Lower numbers run first; equal ones in the order in which they became due.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("say", {
        let order = order.clone();
        move |ctx| {
            order.lock().unwrap_or_else(PoisonError::into_inner).push(ctx.payload().to_string());
            async { JobOutcome::Done }
        }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    // One worker, so that the order can be seen.
    runtime.ensure_queue("default", 1).await?;
    for (text, priority) in [("third", 0), ("first", -10), ("fourth", 5), ("second", -1)] {
        runtime.enqueue(EnqueueRequest::new("say", text).with_priority(priority)).await?;
    }
    let handle = runtime.start().await?;
    handle.drained().await?;
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    let order = order.lock().unwrap_or_else(PoisonError::into_inner).join(" ");
    println!("{order}");
    assert_eq!(order, r#""first" "second" "third" "fourth""#);
    Ok(())
}

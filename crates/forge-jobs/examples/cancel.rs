//! Cancelling a job that waits, and one that runs.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let started = Arc::new(Notify::new());
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("export", {
        let started = started.clone();
        move |ctx| {
            let started = started.clone();
            async move {
                started.notify_one();
                // A handler that works in steps looks at `ctx.cancel.is_cancelled()` between them.
                let cause = ctx.cancel.cancelled().await;
                println!("told to stop: {cause}");
                JobOutcome::Failed("stopped half-way".into())
            }
        }
    });
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));
    let later = EnqueueRequest::new("export", "later").with_delay(Duration::from_secs(3_600));
    let later = runtime.enqueue(later).await?;
    let now = runtime.enqueue(EnqueueRequest::new("export", "now")).await?;
    let handle = runtime.start().await?;

    println!("{}", handle.request_cancel(&later).await?);
    started.notified().await;
    println!("{}", handle.request_cancel(&now).await?);
    handle.drained().await?;
    for id in [later.id, now.id] {
        if let Some(job) = storage.inspect.job(id).await? {
            println!("{} {} ({:?})", job.payload, job.status, job.dead_reason);
        }
    }
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

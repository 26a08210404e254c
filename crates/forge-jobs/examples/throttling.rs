//! An upstream answers "429, try again in 50 ms". Waiting for it spends no attempt.

use forge_jobs::storage::QueueSettingsPatch;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let calls = Arc::new(AtomicU32::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("call", move |ctx| {
        let calls = calls.clone();
        async move {
            if calls.fetch_add(1, Ordering::Relaxed) < 2 {
                println!("attempt {}: throttled", ctx.attempt());
                return JobOutcome::Throttled { retry_after: Duration::from_millis(50) };
            }
            println!("attempt {}: answered", ctx.attempt());
            JobOutcome::Done
        }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 1).await?;
    // The job comes back after the upstream's wish or the queue's backoff, whichever is later; without backoff it is
    // the upstream's wish, but never less than 100 ms.
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_enabled = Some(false);
    runtime.queues().set("default", patch).await?;

    let job = runtime.enqueue(EnqueueRequest::new("call", "api").with_max_attempts(1)).await?;
    let handle = runtime.start().await?;
    handle.drained().await?;
    if let Some(job) = runtime.jobs().get(job.id).await? {
        println!("{} after {} attempt", job.status, job.attempt);
    }
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

//! A job that fails twice and works at the third attempt. The delay between attempts is a setting of the queue.

use forge_jobs::retry::BackoffPolicy;
use forge_jobs::storage::QueueSettingsPatch;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("fetch", |ctx| async move {
        println!("attempt {} of {}", ctx.attempt(), ctx.max_attempts());
        if ctx.attempt() < 3 { JobOutcome::Failed("connection refused".into()) } else { JobOutcome::Done }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 1).await?;

    // 15 s, 30 s, 60 s … by default; here 20 ms, 40 ms, and never more than 100 ms.
    let backoff = BackoffPolicy::new(Duration::from_millis(20), Duration::from_millis(100));
    let patch = QueueSettingsPatch::default().with_backoff(backoff);
    runtime.queues().set("default", patch).await?;

    let job =
        runtime.enqueue(EnqueueRequest::new("fetch", "https://example.org").with_max_attempts(5)).await?;
    let handle = runtime.start().await?;
    handle.drained().await?;
    for attempt in runtime.jobs().attempts(job.id).await? {
        println!("attempt {} {}: {:?}", attempt.attempt, attempt.result, attempt.error);
    }
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

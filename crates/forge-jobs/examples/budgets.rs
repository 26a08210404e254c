//! A budget of calls that all jobs share, and an upstream that says 429.

use forge_jobs::rate_limit::RateLimit;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let calls = Arc::new(AtomicU32::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("slack.post", {
        let calls = calls.clone();
        move |ctx| {
            let calls = calls.clone();
            async move {
                loop {
                    // Waits until the budget gives a permit. A cancel ends the wait with an error.
                    if let Err(e) = ctx.rate_limit.acquire("slack").await {
                        return JobOutcome::failed(&e);
                    }
                    if calls.fetch_add(1, Ordering::Relaxed) != 2 {
                        break;
                    }
                    // The third call is told to slow down: from now on nobody gets a permit for so long.
                    if let Err(e) = ctx.rate_limit.drain("slack", Duration::from_millis(300)).await {
                        return JobOutcome::failed(&e);
                    }
                }
                JobOutcome::Done
            }
        }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    runtime.ensure_limit("slack", RateLimit::new(20, Duration::from_millis(500))).await?;
    // Jobs of a queue, or of a kind, can take their permits when they are claimed. Then they wait without a worker.
    runtime.ensure_limit("reports", RateLimit::new(100, Duration::from_secs(1))).await?;
    runtime.ensure_queue("reports", 2).await?;
    runtime.limit_queue("reports", Some("reports")).await?;

    for result in runtime.enqueue_many((0..30).map(|n| EnqueueRequest::new("slack.post", n))).await {
        result?;
    }
    let began = Instant::now();
    let handle = runtime.start().await?;
    handle.drained().await?;
    println!("{} calls in {:.1?}", calls.load(Ordering::Relaxed), began.elapsed());
    assert_eq!(calls.load(Ordering::Relaxed), 31, "30 jobs, and one call that was made once more");
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

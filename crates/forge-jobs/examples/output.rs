//! A handler says how far it has come, and leaves a result that is kept with the job.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed_fn_as("count", |ctx, text: String| async move {
        let mut letters = 0;
        for (n, word) in text.split_whitespace().enumerate() {
            letters += word.len();
            ctx.progress(n as u64 + 1, None, Some(word));
        }
        JobOutcome::from_result(ctx.set_output(json!({ "letters": letters })))
    });
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));
    let job = runtime.enqueue(EnqueueRequest::new("count", "to be or not to be")).await?;
    let handle = runtime.start().await?;
    handle.drained().await?;
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    let output = storage.inspect.job(job.id).await?.and_then(|j| j.output);
    println!("{}", output.map(|o| o.to_string()).unwrap_or_default());
    Ok(())
}

//! Settings of a queue are live: an edit needs no restart, and two people's edits do not overwrite each other.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{QueueSettingsPatch, Retention, StorageError};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, NoopEcho, QueueRuntime};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let mut handlers = HandlerRegistry::new();
    handlers.register(NoopEcho);
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    let queue = runtime.ensure_queue("mail", 2).await?;
    let handle = runtime.start().await?;

    let queues = runtime.queues();
    let paused = queues.set_if("mail", QueueSettingsPatch::paused(true), queue.version).await?;
    println!("version {}: paused {}", paused.version, paused.settings.paused);

    // Somebody who still looks at the version before is told so.
    let patch =
        QueueSettingsPatch::workers(8).with_done_retention(Retention::For(Duration::from_secs(3_600)));
    match queues.set_if("mail", patch, queue.version).await {
        Err(StorageError::Conflict { detail, .. }) => println!("conflict: {detail}"),
        other => println!("unexpected: {other:?}"),
    }
    queues.set_if("mail", patch, paused.version).await?;

    // Nothing runs while the queue is paused; resumed, it goes on at once.
    runtime.enqueue(EnqueueRequest::new(NoopEcho::KIND, "hello").on_queue("mail")).await?;
    queues.resume("mail").await?;
    handle.drained().await?;
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    // What an operator set stays when the program starts again with its own number.
    println!("workers: {}", runtime.ensure_queue("mail", 2).await?.settings.workers);
    Ok(())
}

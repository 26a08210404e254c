//! The smallest whole program: a queue on embedded SQLite, one handler, two jobs.

use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, NoopEcho, QueueHandle, QueueRuntime, Timestamp,
};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where this program keeps its files.
struct Paths(PathBuf);

impl QueuePaths for Paths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let paths = Paths(std::env::temp_dir().join("forge-minimal"));

    // An embedded SQLite file, unless forge.toml or FORGE_DATABASE_URL says otherwise.
    let storage = DatabaseConfig::load(&paths)?.open_storage(&paths).await?;
    let mut handlers = HandlerRegistry::new();
    handlers.register(NoopEcho);

    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 2).await?;

    // One job to run now, one for tomorrow.
    let hello = EnqueueRequest::new(NoopEcho::KIND, serde_json::json!({ "hello": "world" }));
    let job_id = runtime.enqueue(hello.on_queue("default")).await?;
    let tomorrow = Timestamp::now().saturating_add(Duration::from_secs(86_400));
    let later_id =
        runtime.enqueue(EnqueueRequest::new(NoopEcho::KIND, "later").with_run_at(tomorrow)).await?;

    let handle: QueueHandle = runtime.start().await?;
    println!("enqueued {job_id} and {later_id}");

    // Tomorrow's job is not wanted after all.
    let outcome = handle.request_cancel(&later_id).await?;
    println!("cancel: {outcome}");

    // Until nothing is left to do. It also waits for retries, and for kinds without a handler: `forge job why ID`.
    handle.drained().await?;
    let report = handle.shutdown_graceful(Duration::from_secs(25)).await;
    println!("stopped with {} job(s) still running", report.still_running.len());
    Ok(())
}

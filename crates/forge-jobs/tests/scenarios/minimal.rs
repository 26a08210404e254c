//! The minimal consumer, as promised.

use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobStatus, NoopEcho, QueueHandle, QueueRuntime,
};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

struct Paths(PathBuf);

impl QueuePaths for Paths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.join("config"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.0.join("data"))
    }
}

#[tokio::test]
async fn every_error_of_the_minimal_program_converts_and_its_job_runs() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let paths = Paths(dir.path().to_owned());
    let storage = DatabaseConfig::load(&paths)?.open_storage(&paths).await?;
    let mut handlers = HandlerRegistry::new();
    handlers.register(NoopEcho);
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 2).await?;
    let request = EnqueueRequest::new(NoopEcho::KIND, serde_json::json!({ "n": 1 })).on_queue("default");
    let job_id = runtime.enqueue(request).await?;
    let handle: QueueHandle = runtime.start().await?;
    handle.drained().await?;
    // Finished before it could be cancelled, and it says so.
    handle.request_cancel(&job_id).await?;
    handle.shutdown_graceful(Duration::from_secs(25)).await;
    let job = storage.inspect.job(job_id.id).await?.ok_or("the job is gone")?;
    assert_eq!(job.status, JobStatus::Done);
    assert_eq!(job.output.map(|o| o.to_string()).as_deref(), Some(r#"{"n":1}"#));
    Ok(())
}

//! Logs that cannot be written do not stop the queue. A test binary of its own: the subscriber is the whole process's.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::storage::DatabaseConfig;
use forge_jobs::storage::{PathsError, QueuePaths};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime, RuntimeConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// As one whose disk is full.
struct Broken;

impl Subscriber for Broken {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert_ne!(event.metadata().target(), "forge_jobs", "no space left on device");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Nowhere;

impl QueuePaths for Nowhere {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "not in this test"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "not in this test"))
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_at_every_event_stops_nothing() {
    tracing::subscriber::set_global_default(Broken).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let storage = DatabaseConfig::from_url("sqlite::memory:").unwrap().open_storage(&Nowhere).await.unwrap();
    // Each failure of a call is told to the log, from whichever loop.
    let calls = [Operation::Claim, Operation::Finish, Operation::Promote, Operation::Heartbeat];
    let faults = calls.into_iter().fold(Faults::new(), |faults, call| faults.refuse(call, When::Every(3)));
    let storage = FlakyStorage::wrap(storage, faults);
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |ctx| async move {
        if ctx.attempt() == 1 { JobOutcome::Failed("once".into()) } else { JobOutcome::Done }
    });
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(100));
    config.poll_busy = Duration::from_millis(20);
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter)).with_config(config);
    runtime.ensure_queue("default", 4).await.unwrap();
    let mut settings = forge_jobs::storage::QueueSettingsPatch::default();
    settings.backoff_enabled = Some(false);
    let update = forge_jobs::storage::UpdateQueueParams {
        queue: "default".into(),
        patch: settings,
        expected_version: None,
        actor: None,
        now: None,
    };
    storage.queues.update(update).await.unwrap();
    let handle = runtime.start().await.unwrap();
    for n in 0..50 {
        runtime.enqueue(EnqueueRequest::new("k", n)).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(60), handle.drained()).await.expect("it hangs").unwrap();
    let report = handle.shutdown_graceful(Duration::from_secs(10)).await;
    assert_eq!(report.still_running, []);
    assert_eq!(storage.inspect.processes().await.unwrap().len(), 0, "it said farewell");
}

//! A stop in good order raises no alarm. A test binary of its own: the subscriber is the whole process's.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{dir, open};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps what an operator would be told.
#[derive(Clone, Default)]
struct Alarms(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Alarms {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "forge_jobs" && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_stops_is_not_told_that_it_was_taken_for_dead() {
    let alarms = Alarms::default();
    tracing::subscriber::set_global_default(alarms.clone()).unwrap();
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    for n in 0..300 {
        let mut handlers = HandlerRegistry::new();
        handlers.register_fn("k", |_| async { JobOutcome::Done });
        let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));
        let handle = runtime.start().await.unwrap();
        runtime.enqueue(EnqueueRequest::new("k", n)).await.unwrap();
        handle.drained().await.unwrap();
        handle.shutdown_graceful(Duration::from_secs(10)).await;
    }
    assert_eq!(*alarms.0.lock().unwrap(), Vec::<String>::new());
}

//! What jobs carry is in no event and no span. A test binary of its own: the subscriber is the whole process's.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime, RuntimeConfig, Storage,
};
use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Begins every secret.
const CANARY: &str = "canary-";

/// Keeps everything at every level, whoever says it.
#[derive(Clone, Default)]
struct Everything(Arc<(Mutex<String>, AtomicU64)>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Everything {
    fn keep(&self, what: &str, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut text = self.0.0.lock().unwrap();
        text.push_str(what);
        fields(&mut Fields(&mut text));
        text.push('\n');
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.keep(span.metadata().name(), |fields| span.record(fields));
        Id::from_u64(self.0.1.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.keep("recorded", |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.keep(event.metadata().target(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn secret(place: &str) -> String {
    format!("{CANARY}{place}")
}

fn handlers() -> HandlerRegistry {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("good", |ctx| async move {
        ctx.progress(1, Some(2), Some(&secret("progress")));
        ctx.set_output(serde_json::json!(secret("output"))).unwrap();
        JobOutcome::Done
    });
    handlers.register_fn("bad", |ctx| async move {
        match ctx.attempt() {
            1 => JobOutcome::Failed(format!("postgres://localhost/db?password={}", secret("error"))),
            _ => JobOutcome::Dead(secret("discard")),
        }
    });
    handlers.register_fn("panics", |_| async move { panic!("{}", secret("panic")) });
    handlers
}

fn jobs() -> Vec<EnqueueRequest> {
    let payload = serde_json::json!({ "password": secret("payload"), secret("key-of-payload"): 1 });
    ["good", "bad", "panics", "nobody"]
        .into_iter()
        .map(|kind| {
            EnqueueRequest::new(kind, payload.clone())
                .with_dedupe_key(secret(&format!("dedupe-{kind}")))
                .with_concurrency_key(secret(&format!("concurrency-{kind}")))
                .with_max_attempts(2)
        })
        .collect()
}

#[tokio::test]
async fn nothing_that_a_job_carries_is_in_an_event_a_span_or_a_metric() {
    let everything = Everything::default();
    tracing::subscriber::set_global_default(everything.clone()).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let plain: Storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle();
    // Failing calls are told to the log, by what they were to do. There are two claims at least, so one fails.
    let calls = [Operation::Claim, Operation::Finish, Operation::Heartbeat];
    let faults = calls.into_iter().fold(Faults::new(), |faults, call| faults.refuse(call, When::Every(2)));
    let storage = FlakyStorage::wrap(plain.clone(), faults);
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(100));
    config.poll_busy = Duration::from_millis(20);
    let runtime = QueueRuntime::new(storage, handlers(), Arc::new(DefaultRouter)).with_config(config);
    runtime.ensure_queue("default", 4).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let mut ids = Vec::new();
    for enqueued in runtime.enqueue_many(jobs()).await {
        ids.push(enqueued.unwrap().id);
    }
    // All but the one that nobody knows, and those that wait for a backoff, which are told to go on.
    let finished = async {
        loop {
            let mut open = 0;
            for id in &ids[..3] {
                let job = plain.inspect.job(*id).await.unwrap().unwrap();
                open += u32::from(!job.status.is_finished());
            }
            if open == 0 {
                return;
            }
            let params = forge_jobs::storage::VerbParams { ids: ids[..3].to_vec(), actor: None, now: None };
            plain.jobs.run_now(params).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), finished).await.expect("it hangs");
    handle.shutdown_graceful(Duration::from_secs(10)).await;
    handle.ended().await;
    // From here on a panic is a failure to be seen.
    drop(std::panic::take_hook());
    let roll = forge_jobs::storage::RollParams { oldest: Vec::new(), now: None };
    plain.metrics.roll(roll).await.unwrap();
    let metrics = forge_jobs::prometheus::text(&plain).await.unwrap();
    let told = everything.0.0.lock().unwrap().clone();
    for event in ["job.finished", "storage.failed", "process.stopped", "kind=bad"] {
        assert!(told.contains(event), "{event} is not in what was told:\n{told}");
    }
    assert!(
        metrics.contains("forge_queue_dead_total{queue=\"default\",reason=\"discarded\"} 1"),
        "{metrics}"
    );
    for (what, text) in [("telemetry", &told), ("metrics", &metrics)] {
        let found: Vec<&str> = text.lines().filter(|line| line.contains(CANARY)).collect();
        assert!(found.is_empty(), "secrets in the {what}: {found:#?}");
    }
}

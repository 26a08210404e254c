//! Telemetry is an interface: the table in `docs/telemetry.md` and the code name the same events, levels and fields. And an
//! attempt that does not go well is told.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use forge_jobs::storage::{QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{dir, open};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Event → (level, fields).
type Events = BTreeMap<String, (String, BTreeSet<String>)>;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the table.
fn documented() -> Events {
    let quoted =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let text = read("../../docs/telemetry.md");
    // The first table; further sections have others.
    let table = text.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [event, level, _when, fields] = cells[..] else { panic!("not four cells: {row}") };
        (quoted(event)[0].clone(), (level.to_owned(), quoted(fields).into_iter().collect()))
    })
    .collect()
}

/// The events of the code: every call of a level's macro with an `event` field.
fn emitted() -> Events {
    let text = read("src/telemetry.rs");
    let mut events = Events::new();
    for level in ["debug", "info", "warn", "error"] {
        for call in text.split(&format!(" {level}!(")).skip(1) {
            let call = &call[..call.find(");").unwrap()];
            let Some(event) = call.split("event = \"").nth(1) else {
                panic!("an event without a name: {call}")
            };
            let (event, rest) = event.split_once('"').unwrap();
            let parts = rest.split(',').map(str::trim).filter(|p| !p.is_empty() && !p.contains('"'));
            let field = |p: &str| p.split(" = ").next().unwrap().trim_start_matches(['%', '?']).to_owned();
            events.insert(event.to_owned(), (level.to_owned(), parts.map(field).collect()));
        }
    }
    events
}

#[test]
fn the_table_and_the_code_name_the_same_events_levels_and_fields() {
    let (documented, emitted) = (documented(), emitted());
    assert!(emitted.len() > 10, "the code was not understood: {emitted:?}");
    assert_eq!(documented, emitted);
}

/// Field → value; the level is one of them.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// Keeps what is told of single jobs to whoever listens at info.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Fields>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "forge_jobs" && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.0.insert("level".into(), event.metadata().level().to_string());
        if fields.0["event"].starts_with("job.") {
            self.0.lock().unwrap().push(fields);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Listener {
    /// What was told of a job: these fields of each event, in order.
    fn told(&self, job: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let events = self.0.lock().unwrap();
        let of_job = events.iter().filter(|e| e.0["job"] == job);
        let value = |e: &Fields, name: &&str| e.0.get(*name).cloned().unwrap_or_default();
        of_job.map(|e| fields.iter().map(|name| value(e, name)).collect()).collect()
    }
}

/// A subscriber of the whole process, since events come from tasks of the runtime: no other test here may set one.
#[tokio::test]
async fn a_failed_attempt_and_a_death_are_told_with_the_job_and_the_reason() {
    let listener = Listener::default();
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let (started, mut starts) = mpsc::unbounded_channel();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("fails", |_| async { JobOutcome::Failed("secret".into()) });
    handlers.register_fn("gives_up", |_| async { JobOutcome::Dead("secret".into()) });
    handlers.register_typed_fn_as("typed", |_, _: u32| async { JobOutcome::Done });
    handlers.register_fn("waits", move |ctx| {
        started.send(()).unwrap();
        async move {
            ctx.cancel.cancelled().await;
            JobOutcome::Failed("told to stop".into())
        }
    });
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 4).await.unwrap();
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_enabled = Some(false);
    let queue = "default".into();
    let update = UpdateQueueParams { queue, patch, expected_version: None, actor: None, now: None };
    storage.queues.update(update).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let enqueue =
        async |request: EnqueueRequest| runtime.enqueue(request.with_max_attempts(2)).await.unwrap().id;
    let waits = enqueue(EnqueueRequest::new("waits", ())).await;
    starts.recv().await.unwrap();
    handle.request_cancel(&waits).await.unwrap();
    let fails = enqueue(EnqueueRequest::new("fails", ())).await;
    let gives_up = enqueue(EnqueueRequest::new("gives_up", ())).await;
    let (fits, odd) = (EnqueueRequest::new("typed", 7), EnqueueRequest::new("typed", "seven"));
    let (fits, odd) = (enqueue(fits).await, enqueue(odd).await);
    tokio::time::timeout(Duration::from_secs(60), handle.drained()).await.expect("it hangs").unwrap();
    handle.shutdown_graceful(Duration::from_secs(10)).await;

    let about = ["event", "level", "kind", "queue", "attempt", "max_attempts", "reason", "seconds"];
    let told = |job: forge_jobs::JobId| listener.told(&job.to_string(), &about);
    assert_eq!(
        told(fails),
        [
            ["job.retrying", "INFO", "fails", "default", "1", "2", "", "0.0"],
            ["job.dead", "WARN", "fails", "default", "2", "2", "exhausted", ""],
        ]
    );
    assert_eq!(told(gives_up), [["job.dead", "WARN", "gives_up", "default", "1", "2", "discarded", ""]]);
    assert_eq!(told(odd), [["job.dead", "WARN", "typed", "default", "1", "2", "undecodable", ""]]);
    assert_eq!(told(fits), [[""; 0]; 0], "what went well is told at debug level alone");
    assert_eq!(told(waits), [[""; 0]; 0], "whoever cancelled it knows");
    let all = format!("{:?}", listener.0.lock().unwrap());
    assert!(!all.contains("secret"), "errors are for those who may read jobs: {all}");
}

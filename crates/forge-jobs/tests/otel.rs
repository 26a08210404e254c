//! A job's run is a trace of its own, linked to the one that it was enqueued in.

#![cfg(all(feature = "otel", feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/postgres.rs"]
mod databases;

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobId, JobOutcome, JobStatus, QueueHandle, QueueRuntime,
    RuntimeConfig, Storage, TraceContext,
};
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;

/// A secret that must be found nowhere.
const CANARY: &str = "canary-51d0e2";

/// A wait longer than this is a hang, not slowness.
const HANG: Duration = Duration::from_secs(180);

async fn on_sqlite() -> Storage {
    SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle()
}

async fn until<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + HANG;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {HANG:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_done(storage: &Storage, id: JobId) {
    until("a job to be done", || async {
        let job = storage.inspect.job(id).await.unwrap().unwrap();
        assert_ne!(job.status, JobStatus::Dead, "{:?}", job.error);
        job.status == JobStatus::Done
    })
    .await;
}

async fn start(storage: &Storage, handlers: HandlerRegistry) -> (QueueRuntime, QueueHandle) {
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(100));
    // A commit that takes long is no reason for a process to stop its jobs.
    config.stale_after = HANG;
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter)).with_config(config);
    runtime.ensure_queue("default", 4).await.unwrap();
    let mut patch = QueueSettingsPatch::default();
    patch.backoff_enabled = Some(false);
    let params =
        UpdateQueueParams { queue: "default".into(), patch, expected_version: None, actor: None, now: None };
    storage.queues.update(params).await.unwrap();
    let handle = runtime.start().await.unwrap();
    (runtime, handle)
}

async fn stop(handle: QueueHandle) {
    handle.shutdown_graceful(HANG).await;
    handle.ended().await;
}

fn request(kind: &str) -> EnqueueRequest {
    EnqueueRequest::new(kind, serde_json::json!({}))
}

struct Telemetry {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

/// Installs the exporter for all tests of this program.
fn telemetry() -> &'static Telemetry {
    static ONCE: OnceLock<Telemetry> = OnceLock::new();
    ONCE.get_or_init(|| {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)).init();
        Telemetry { exporter, provider }
    })
}

impl Telemetry {
    fn spans(&self) -> Vec<SpanData> {
        self.provider.force_flush().unwrap();
        self.exporter.get_finished_spans().unwrap()
    }

    /// The spans of the runs of a job, in their order.
    async fn runs(&self, id: JobId, count: usize) -> Vec<SpanData> {
        let of_job = |span: &SpanData| attribute(span, "messaging.message.id") == Some(id.to_string());
        let found = || self.spans().into_iter().filter(|s| of_job(s)).collect::<Vec<_>>();
        until("the spans of the runs", || async { found().len() >= count }).await;
        found()
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let of_key = |kv: &&KeyValue| kv.key.as_str() == key;
    span.attributes.iter().find(of_key).map(|kv| match &kv.value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    })
}

async fn linked(storage: &Storage) {
    let telemetry = telemetry();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("mail", |ctx| async move {
        async {}.instrument(info_span!("inner")).await;
        if ctx.attempt() == 1 { JobOutcome::Failed(format!("no: {CANARY}")) } else { JobOutcome::Done }
    });
    let (runtime, handle) = start(storage, handlers).await;
    let payload = serde_json::json!({ "secret": CANARY });
    let plain = EnqueueRequest::new("mail", payload);
    let id = async { runtime.enqueue(plain).await.unwrap().id }.instrument(info_span!("caller")).await;
    // With a key, and among many, they go other ways into the database.
    let others = async {
        let keyed = request("mail").with_dedupe_key("k").with_tag("t");
        let many = (0..40).map(|_| request("mail")).chain([keyed]);
        let many = runtime.enqueue_many(many).await.into_iter().map(|e| e.unwrap().id);
        many.collect::<Vec<_>>()
    };
    let others = others.instrument(info_span!("other caller")).await;
    until_done(storage, id).await;
    let runs = telemetry.runs(id, 2).await;
    let enqueued_in = runs[0].links[0].span_context.span_id();
    let is_it = |s: &SpanData| s.name == "caller" && s.span_context.span_id() == enqueued_in;
    let caller = telemetry.spans().into_iter().find(is_it).expect("the link leads to the caller's span");
    for run in &runs {
        assert_eq!((run.name.as_ref(), &run.span_kind), ("process default", &SpanKind::Consumer));
        assert_ne!(run.span_context.trace_id(), caller.span_context.trace_id());
        assert_eq!(run.parent_span_id, opentelemetry::trace::SpanId::INVALID);
        let links: Vec<_> =
            run.links.iter().map(|l| (l.span_context.trace_id(), l.span_context.span_id())).collect();
        assert_eq!(links, [(caller.span_context.trace_id(), caller.span_context.span_id())]);
        for (key, value) in [
            ("messaging.system", "forge_jobs"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "default"),
            ("forge_jobs.kind", "mail"),
        ] {
            assert_eq!(attribute(run, key).as_deref(), Some(value), "{key}");
        }
        let inner = |s: &SpanData| s.name == "inner" && s.parent_span_id == run.span_context.span_id();
        assert!(telemetry.spans().iter().any(inner), "what a handler does is below its run");
    }
    assert_ne!(runs[0].span_context.trace_id(), runs[1].span_context.trace_id());
    assert_eq!(
        (attribute(&runs[0], "error.type").as_deref(), &runs[1].status),
        (Some("handler"), &Status::Unset)
    );
    assert_eq!(runs[0].status, Status::error("handler"));
    for id in others {
        until_done(storage, id).await;
        assert_eq!(telemetry.runs(id, 2).await[0].links.len(), 1);
    }
    let all = format!("{:?}", telemetry.spans());
    assert!(!all.contains(CANARY), "a payload or an error is in a span");
    stop(handle).await;
}

async fn given(storage: &Storage) {
    let telemetry = telemetry();
    let given =
        TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("vendor=value"))
            .unwrap();
    let expected = given.clone();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", move |ctx| {
        let same = ctx.trace_context() == Some(&expected);
        async move { if same { JobOutcome::Done } else { JobOutcome::Dead("another trace".into()) } }
    });
    handlers.register_fn("none", |ctx| async move {
        if ctx.trace_context().is_none() { JobOutcome::Done } else { JobOutcome::Dead("a trace".into()) }
    });
    let (runtime, handle) = start(storage, handlers).await;
    let id = runtime.enqueue(request("k").with_trace_context(given)).await.unwrap().id;
    let none = runtime.enqueue(request("none")).await.unwrap().id;
    until_done(storage, id).await;
    until_done(storage, none).await;
    let run = telemetry.runs(id, 1).await.remove(0);
    let link = &run.links[0].span_context;
    assert_eq!(link.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((link.span_id().to_string().as_str(), link.is_remote()), ("00f067aa0ba902b7", true));
    assert_eq!(link.trace_state().header(), "vendor=value");
    assert_eq!(telemetry.runs(none, 1).await[0].links.len(), 0);
    stop(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_a_trace_of_its_own_linked_to_the_enqueue() {
    linked(&on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_a_trace_of_its_own_linked_to_the_enqueue_on_postgres() {
    let database = databases::fresh().await;
    linked(&databases::open(database.url()).await.into_bundle()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_context_can_be_given_and_is_handed_to_the_handler() {
    given(&on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_context_can_be_given_and_is_handed_to_the_handler_on_postgres() {
    let database = databases::fresh().await;
    given(&databases::open(database.url()).await.into_bundle()).await;
}

//! What panics in a loop of the runtime stops nothing. A test binary of its own: the subscriber is the whole process's.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, JobStatus, QueueRuntime, RuntimeConfig,
    Schedule, Storage,
};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{HANG, dir, open};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The loops that were told to have panicked.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeSet<String>>>);

#[derive(Default)]
struct Fields {
    event: String,
    name: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => value.clone_into(&mut self.event),
            "name" => value.clone_into(&mut self.name),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Told {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.event == "loop.panicked" {
            self.0.lock().unwrap().insert(fields.name);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(HANG, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

async fn status(storage: &Storage, id: forge_jobs::JobId) -> JobStatus {
    storage.inspect.job(id).await.unwrap().unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_panics_goes_on_and_what_it_had_in_hand_is_not_lost() {
    let told = Told::default();
    tracing::subscriber::set_global_default(told.clone()).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let first = When::First(1);
    let calls = [
        Operation::Claim,
        Operation::Finish,
        Operation::Promote,
        Operation::Heartbeat,
        Operation::Reap,
        Operation::Sweep,
        Operation::Roll,
        Operation::DueSchedules,
    ];
    let faults = calls.into_iter().fold(Faults::new(), |faults, call| faults.panic(call, first));
    let flaky = FlakyStorage::wrap(storage.clone(), faults.clone());
    let runs = Arc::new(AtomicU32::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let runs = runs.clone();
        move |_| {
            runs.fetch_add(1, Ordering::Relaxed);
            async { JobOutcome::Done }
        }
    });
    let mut config = RuntimeConfig::default().with_heartbeat(Duration::from_millis(200));
    config.reaper_interval = Duration::from_millis(200);
    config.sweep_interval = Duration::from_millis(200);
    config.metrics_interval = Duration::from_millis(200);
    config.poll_idle = Duration::from_millis(200);
    let runtime = QueueRuntime::new(flaky, handlers, Arc::new(DefaultRouter))
        .with_config(config)
        .schedule(Schedule::new("s", "* * * * * *", EnqueueRequest::new("k", "tick")));
    let at_once = runtime.enqueue(EnqueueRequest::new("k", 1)).await.unwrap().id;
    let soon = EnqueueRequest::new("k", 2).with_delay(Duration::from_millis(300));
    let soon = runtime.enqueue(soon).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    until("both jobs", async || {
        status(&storage, at_once).await == JobStatus::Done && status(&storage, soon).await == JobStatus::Done
    })
    .await;
    until("each call to have panicked", async || calls.into_iter().all(|call| faults.failed(call) > 0)).await;
    let beat = async || storage.inspect.processes().await.unwrap().iter().map(|p| p.beat_at).max();
    let before = beat().await;
    until("another heartbeat", async || beat().await > before).await;
    let ran = runs.load(Ordering::Relaxed);
    until("the schedule to fire on", async || runs.load(Ordering::Relaxed) > ran + 1).await;
    assert_eq!(storage.inspect.checkup().await.unwrap().problems, Vec::<String>::new());
    let report = handle.shutdown_graceful(HANG).await;
    assert_eq!(report.still_running, []);
    let told = told.0.lock().unwrap().clone();
    for name in ["fetch", "reaper", "cleanup", "meter", "scheduler"] {
        assert!(told.contains(name), "{name} is not among {told:?}");
    }
    // Outcomes are sent again, and a claim is doubtful: those two do not even begin anew.
    assert!(!told.contains("finish"), "{told:?}");
}

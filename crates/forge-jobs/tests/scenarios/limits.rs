//! Time limits, and handlers that do not keep to them.

use crate::support::{Db, request, runtime};
use forge_jobs::{
    CancelCause, DeadReason, HandlerOptions, HandlerRegistry, JobContext, JobHandler, JobOutcome, JobPayload,
    JobStatus, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn limit(ms: u64) -> HandlerOptions {
    HandlerOptions::default().with_time_limit(Duration::from_millis(ms))
}

/// A handler of the kind `spin` that never yields until it is let go.
fn spinner(handlers: &mut HandlerRegistry, release: &Arc<AtomicBool>) {
    let release = Arc::clone(release);
    handlers.register_fn("spin", move |_| {
        let release = release.clone();
        async move {
            while !release.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            JobOutcome::Done
        }
    });
}

#[tokio::test]
async fn a_handler_past_its_limit_is_told_to_stop_and_the_attempt_has_failed() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn_with("k", limit(20), |ctx| async move {
        let cause = ctx.cancel.cancelled().await;
        JobOutcome::Failed(format!("{cause:?}"))
    });
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k").with_max_attempts(1)).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!(job.dead_reason, Some(DeadReason::Exhausted));
    let error = job.error.unwrap();
    assert!(error.contains("20ms") && error.contains(&format!("{:?}", CancelCause::TimedOut)), "{error}");
    db.stop(handle).await;
}

#[tokio::test]
async fn a_handler_that_ignores_its_limit_is_dropped_after_the_grace() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn_with("k", limit(20), |_| std::future::pending());
    let mut config = crate::support::quick();
    config.cancel_grace = Duration::from_millis(50);
    let runtime = runtime(&db.storage, handlers).with_config(config);
    let id = runtime.enqueue(request("k").with_max_attempts(1)).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Dead).await;
    assert!(job.error.unwrap().contains("did not stop"));
    assert_eq!(handle.running(), []);
    db.stop(handle).await;
}

#[tokio::test]
async fn what_a_handler_finishes_within_the_grace_counts() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn_with("k", limit(20), |ctx| async move {
        ctx.cancel.cancelled().await;
        JobOutcome::Done
    });
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k").with_max_attempts(1)).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_yields_stops_neither_other_jobs_nor_heartbeats() {
    let db = Db::new().await;
    let release = Arc::new(AtomicBool::new(false));
    let mut handlers = HandlerRegistry::new();
    spinner(&mut handlers, &release);
    handlers.register_fn("good", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let spin = runtime.enqueue(request("spin")).await.unwrap().id;
    crate::support::until("the spinning handler to start", || async { handle.running() == [spin] }).await;
    for _ in 0..20 {
        let good = runtime.enqueue(request("good")).await.unwrap().id;
        db.until_status(good, JobStatus::Done).await;
    }
    // The process beats on: several heartbeats later it is registered under the same identity, beaten since.
    let me = handle.process_id();
    let first = db.storage.inspect.processes().await.unwrap()[0].beat_at;
    crate::support::until("three more heartbeats", || async {
        let rows = db.storage.inspect.processes().await.unwrap();
        rows[0].beat_at.saturating_since(first) > Duration::from_millis(300)
    })
    .await;
    assert_eq!(handle.process_id(), me);
    assert_eq!(db.job(spin).await.status, JobStatus::Running);
    release.store(true, Ordering::Relaxed);
    db.until_status(spin, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_spin_on_every_thread_do_not_delay_the_heartbeat() {
    let db = Db::new().await;
    let release = Arc::new(AtomicBool::new(false));
    let mut handlers = HandlerRegistry::new();
    spinner(&mut handlers, &release);
    // Two spinning threads and the heartbeat share what cores there are: late is not lost.
    let mut config = crate::support::quick();
    config.stale_after = Duration::from_secs(60);
    let runtime = runtime(&db.storage, handlers).with_config(config);
    runtime.ensure_queue("default", 2).await.unwrap();
    // Watched from a thread and a runtime of its own, since this one is about to be blocked.
    let way = db.way();
    let watcher = std::thread::spawn(move || {
        let watching = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        watching.block_on(async {
            let storage = way.open().await;
            let spinning = || async {
                let rows = storage.inspect.processes().await.unwrap();
                rows.first().is_some_and(|r| r.holds.count == 2)
            };
            crate::support::until("both handlers to spin", spinning).await;
            let first = storage.inspect.processes().await.unwrap()[0].beat_at;
            crate::support::until("three more heartbeats", || async {
                let rows = storage.inspect.processes().await.unwrap();
                rows[0].beat_at.saturating_since(first) > Duration::from_millis(300)
            })
            .await;
            release.store(true, Ordering::Relaxed);
        });
    });
    let handle = runtime.start().await.unwrap();
    let me = handle.process_id();
    for _ in 0..2 {
        runtime.enqueue(request("spin")).await.unwrap();
    }
    crate::support::soon("the queue to drain", handle.drained()).await.unwrap();
    watcher.join().unwrap();
    assert_eq!(handle.process_id(), me, "it was never fenced");
    db.stop(handle).await;
}

/// A handler that cannot say its options twice.
struct Forgetful(Arc<AtomicUsize>);

impl Forgetful {
    fn say(&self) -> HandlerOptions {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "asked again");
        HandlerOptions::default().without_time_limit()
    }
}

impl JobHandler for Forgetful {
    fn kind(&self) -> &'static str {
        "plain"
    }

    fn options(&self) -> HandlerOptions {
        self.say()
    }

    async fn run(&self, _ctx: JobContext) -> JobOutcome {
        JobOutcome::Done
    }
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

impl JobPayload for Nothing {
    const KIND: &'static str = "typed";
}

impl TypedHandler for Forgetful {
    type Payload = Nothing;

    fn options(&self) -> HandlerOptions {
        self.say()
    }

    async fn run(&self, _ctx: JobContext, _payload: Nothing) -> JobOutcome {
        JobOutcome::Done
    }
}

#[tokio::test]
async fn options_are_asked_once_when_the_handler_is_registered() {
    let db = Db::new().await;
    let (plain, typed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut handlers = HandlerRegistry::new();
    handlers.register(Forgetful(plain.clone())).register_typed(Forgetful(typed.clone()));
    let asked = || (plain.load(Ordering::Relaxed), typed.load(Ordering::Relaxed));
    let before = asked();
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    for kind in ["plain", "typed", "plain", "typed"] {
        let id = runtime.enqueue(request(kind)).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    assert_eq!((before, asked()), ((1, 1), (1, 1)));
    db.stop(handle).await;
}

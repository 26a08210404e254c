//! enqueue → done, retried, throttled, dead.

use crate::support::{Db, next, puppets, request, runtime, soon, until};
use forge_jobs::storage::JobFilter;
use forge_jobs::testing::SlowStorage;
use forge_jobs::{
    AttemptResult, DeadReason, EnqueueError, EnqueueOutcome, EnqueueRequest, HandlerRegistry, JobContext,
    JobId, JobOutcome, JobPayload, JobStatus, RuntimeConfig, Timestamp, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn always(kind: &str, outcome: impl Fn() -> JobOutcome + Send + Sync + 'static) -> HandlerRegistry {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn(kind, move |_| {
        let outcome = outcome();
        async { outcome }
    });
    handlers
}

#[tokio::test]
async fn a_failing_job_comes_back_until_its_attempts_are_used_up() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, always("k", || JobOutcome::Failed("no".into())));
    db.without_backoff(&runtime).await;
    let id = runtime.enqueue(request("k").with_max_attempts(3)).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Exhausted), 3));
    assert_eq!(job.error.as_deref(), Some("no"));
    let attempts = db.storage.inspect.attempts(id).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_throttled_job_comes_back_without_spending_an_attempt() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    db.without_backoff(&runtime).await;
    let id = runtime.enqueue(request("k").with_max_attempts(1)).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    for _ in 0..3 {
        let puppet = next(&mut started).await;
        assert_eq!(puppet.attempt, 1);
        puppet.end(JobOutcome::Throttled { retry_after: Duration::from_millis(100) });
    }
    next(&mut started).await.end(JobOutcome::Done);
    let job = db.until_status(id, JobStatus::Done).await;
    assert_eq!(job.attempt, 1);
    let results: Vec<_> = db.storage.inspect.attempts(id).await.unwrap().iter().map(|a| a.result).collect();
    let throttled = AttemptResult::Throttled;
    assert_eq!(results, [throttled, throttled, throttled, AttemptResult::Done]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_throttled_job_waits_for_the_later_of_wish_and_backoff() {
    let db = Db::new().await;
    let runtime =
        runtime(&db.storage, always("k", || JobOutcome::Throttled { retry_after: Duration::from_secs(1) }));
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let before = Timestamp::now();
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Scheduled).await;
    // Base 15 s, less 20 % of jitter at most.
    let wait = job.due_at.saturating_since(before);
    assert!((Duration::from_secs(12)..Duration::from_secs(25)).contains(&wait), "{wait:?}");
    assert_eq!((job.attempt, job.throttles), (0, 1));
    db.stop(handle).await;
}

#[tokio::test]
async fn a_job_whose_handler_gives_it_up_is_dead_at_once() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, always("k", || JobOutcome::Dead("never\0".into())));
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Discarded), 1));
    assert_eq!(job.error.as_deref(), Some("never\u{FFFD}"));
    db.stop(handle).await;
}

/// A value whose destructor panics.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[tokio::test]
async fn a_panic_of_any_sort_is_a_failure_and_the_other_jobs_go_on() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers
        .register_fn("text", |_| async { panic!("boom {}", 7) })
        .register_fn("value", |_| async { std::panic::panic_any(42) })
        .register_fn("drop", |_| async {
            let _grenade = Grenade;
            JobOutcome::Done
        })
        .register_fn("early", |_| -> std::future::Ready<JobOutcome> { panic!("before the future") })
        .register_fn("good", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    db.without_backoff(&runtime).await;
    let handle = runtime.start().await.unwrap();
    for (kind, words) in
        [("text", "boom 7"), ("value", "no text"), ("drop", "in drop"), ("early", "before the future")]
    {
        let id = runtime.enqueue(request(kind).with_max_attempts(2)).await.unwrap().id;
        let job = db.until_status(id, JobStatus::Dead).await;
        assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Exhausted), 2), "{kind}");
        assert!(job.error.as_deref().is_some_and(|e| e.contains(words)), "{kind}: {:?}", job.error);
    }
    let good = runtime.enqueue(request("good")).await.unwrap().id;
    db.until_status(good, JobStatus::Done).await;
    db.stop(handle).await;
}

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

impl JobPayload for Mail {
    const KIND: &'static str = "mail";
}

struct Mailer(Arc<Mutex<Vec<String>>>);

impl TypedHandler for Mailer {
    type Payload = Mail;

    async fn run(&self, _ctx: JobContext, mail: Mail) -> JobOutcome {
        self.0.lock().unwrap().push(mail.to);
        JobOutcome::Done
    }
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_dead_as_undecodable_and_runs_nothing() {
    let db = Db::new().await;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(Mailer(sent.clone()));
    let runtime = runtime(&db.storage, handlers);
    let bad = runtime.enqueue(EnqueueRequest::new("mail", serde_json::json!({ "too": 1 }))).await.unwrap().id;
    let good = runtime.enqueue(EnqueueRequest::of(&Mail { to: "ada".into() })).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    db.until_status(good, JobStatus::Done).await;
    let job = db.until_status(bad, JobStatus::Dead).await;
    assert_eq!(job.dead_reason, Some(DeadReason::Undecodable));
    assert!(job.error.as_deref().is_some_and(|e| e.contains("mail") && e.contains("to")), "{:?}", job.error);
    assert_eq!(*sent.lock().unwrap(), ["ada"]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_function_has_its_payload_decoded_as_a_type_has() {
    let db = Db::new().await;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let mut handlers = HandlerRegistry::new();
    let (of_kind, of_name) = (sent.clone(), sent.clone());
    handlers.register_typed_fn(move |ctx, mail: Mail| {
        of_kind.lock().unwrap().push(format!("{} at attempt {}", mail.to, ctx.attempt()));
        async { JobOutcome::Done }
    });
    handlers.register_typed_fn_as("name", move |_, name: String| {
        of_name.lock().unwrap().push(name);
        async { JobOutcome::Done }
    });
    let runtime = runtime(&db.storage, handlers);
    let mail = runtime.enqueue(EnqueueRequest::of(&Mail { to: "ada".into() })).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    db.until_status(mail, JobStatus::Done).await;
    let name = runtime.enqueue(EnqueueRequest::new("name", "bob")).await.unwrap().id;
    db.until_status(name, JobStatus::Done).await;
    for (kind, payload) in [("mail", serde_json::json!({ "too": 1 })), ("name", serde_json::json!(7))] {
        let id = runtime.enqueue(EnqueueRequest::new(kind, payload)).await.unwrap().id;
        let job = db.until_status(id, JobStatus::Dead).await;
        assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Undecodable), 1), "{kind}");
        assert!(job.error.as_deref().is_some_and(|e| e.contains(kind)), "{:?}", job.error);
    }
    assert_eq!(*sent.lock().unwrap(), ["ada at attempt 1", "bob"]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_kind_that_was_renamed_runs_under_both_names_by_one_handler() {
    let db = Db::new().await;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let mailer = Arc::new(Mailer(sent.clone()));
    let mut handlers = HandlerRegistry::new().with_typed(mailer.clone());
    handlers.register_typed_as("old.mail", mailer);
    assert_eq!(handlers.clone().kinds(), ["mail", "old.mail"]);
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    for kind in ["mail", "old.mail"] {
        let request = EnqueueRequest::new(kind, Mail { to: kind.into() });
        let id = runtime.enqueue(request).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    assert_eq!(*sent.lock().unwrap(), ["mail", "old.mail"]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_scheduled_job_starts_on_time_and_not_before() {
    let db = Db::new().await;
    let starts = Arc::new(Mutex::new(Vec::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let starts = starts.clone();
        move |ctx| {
            starts.lock().unwrap().push((ctx.due_at(), Timestamp::now()));
            async { JobOutcome::Done }
        }
    });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let now = Timestamp::now();
    let jobs = (0..20).map(|n| request("k").with_run_at(now.saturating_add(Duration::from_millis(40 * n))));
    for result in runtime.enqueue_many(jobs).await {
        result.unwrap();
    }
    soon("the queue to drain", handle.drained()).await.unwrap();
    {
        let starts = starts.lock().unwrap();
        assert_eq!(starts.len(), 20);
        for (due, started) in starts.iter() {
            assert!(started >= due, "started {:?} too early", due.saturating_since(*started));
        }
    }
    db.stop(handle).await;
}

#[tokio::test]
async fn one_worker_runs_jobs_by_priority_then_due_time() {
    let db = Db::new().await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let order = order.clone();
        move |ctx| {
            order.lock().unwrap().push(ctx.decode::<u32>().unwrap());
            async { JobOutcome::Done }
        }
    });
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 1).await.unwrap();
    for (n, priority) in [(3, 0), (1, i16::MIN), (4, 0), (5, i16::MAX), (2, -1)] {
        runtime.enqueue(EnqueueRequest::new("k", n).with_priority(priority)).await.unwrap();
    }
    let handle = runtime.start().await.unwrap();
    soon("the queue to drain", handle.drained()).await.unwrap();
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_handler_can_enqueue_and_a_bad_member_of_a_batch_fails_alone() {
    let db = Db::new().await;
    let seen = Arc::new(Mutex::new(0_u32));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("fan", |ctx| async move {
        let mut results = ctx.enqueue_many((0..2_500).map(|n| EnqueueRequest::new("part", n))).await;
        results.extend(ctx.enqueue_many([request("bad kind"), request("part")]).await);
        let bad: Vec<_> = results.iter().map(Result::is_err).enumerate().filter(|(_, e)| *e).collect();
        if bad == [(2_500, true)] { JobOutcome::Done } else { JobOutcome::Dead(format!("{bad:?}")) }
    });
    handlers.register_fn("part", {
        let seen = seen.clone();
        move |_| {
            *seen.lock().unwrap() += 1;
            async { JobOutcome::Done }
        }
    });
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("fan")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    soon("the queue to drain", handle.drained()).await.unwrap();
    assert_eq!(db.job(id).await.status, JobStatus::Done, "{:?}", db.job(id).await.error);
    assert_eq!(*seen.lock().unwrap(), 2_501);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_dedupe_key_holds_until_its_job_is_finished() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let keyed = || request("k").with_dedupe_key("one");
    let first = runtime.enqueue(keyed()).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let puppet = next(&mut started).await;
    let second = runtime.enqueue(keyed()).await.unwrap();
    assert_eq!((second.outcome, second.id), (EnqueueOutcome::Duplicate, first.id));
    puppet.end(JobOutcome::Done);
    db.until_status(first.id, JobStatus::Done).await;
    let third = runtime.enqueue(keyed()).await.unwrap();
    assert_eq!(third.outcome, EnqueueOutcome::Inserted);
    next(&mut started).await.end(JobOutcome::Done);
    db.until_status(third.id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn an_id_sent_twice_makes_one_job_and_a_taken_id_is_a_typed_conflict() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, HandlerRegistry::new());
    let id = JobId::new();
    assert_eq!(runtime.enqueue(request("k").with_id(id)).await.unwrap().outcome, EnqueueOutcome::Inserted);
    assert_eq!(
        runtime.enqueue(request("k").with_id(id)).await.unwrap().outcome,
        EnqueueOutcome::AlreadyThere
    );
    let other = runtime.enqueue(EnqueueRequest::new("k", 5).with_id(id)).await;
    assert!(matches!(other, Err(EnqueueError::IdTaken { id: taken }) if taken == id), "{other:?}");
    assert_eq!(db.job(id).await.payload.as_str(), "{}");
}

#[tokio::test]
async fn a_kind_without_a_handler_is_left_alone_and_does_not_block_others() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, always("known", || JobOutcome::Done));
    runtime.ensure_queue("default", 1).await.unwrap();
    let mut unknown = Vec::new();
    for _ in 0..50 {
        unknown.push(runtime.enqueue(request("unknown").with_priority(-1)).await.unwrap().id);
    }
    let known = runtime.enqueue(request("known")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    db.until_status(known, JobStatus::Done).await;
    db.stop(handle).await;
    for id in unknown {
        let job = db.job(id).await;
        assert_eq!((job.status, job.attempt, job.claim_no), (JobStatus::Pending, 0, 0));
    }
}

#[tokio::test]
async fn progress_can_be_read_while_the_job_runs() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let (go, gone) = tokio::sync::watch::channel(false);
    handlers.register_fn("k", move |ctx| {
        let mut gone = gone.clone();
        async move {
            ctx.progress(3, Some(10), Some("reading\0"));
            let _ = gone.wait_for(|g| *g).await;
            JobOutcome::Done
        }
    });
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    until("the progress to be written", || async { db.job(id).await.progress.is_some() }).await;
    let job = db.job(id).await;
    let progress = job.progress.unwrap();
    assert_eq!((job.status, progress.done, progress.total), (JobStatus::Running, 3, Some(10)));
    assert_eq!(progress.note.as_deref(), Some("reading\u{FFFD}"));
    go.send_replace(true);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn an_output_over_the_limit_is_refused_and_the_job_lives() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |ctx| async move {
        let refused = ctx.set_output("x".repeat(2 << 20)).is_err();
        ctx.set_output(serde_json::json!({ "refused": refused }))
            .map_or_else(|e| JobOutcome::dead(&e), |()| JobOutcome::Done)
    });
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let job = db.until_status(id, JobStatus::Done).await;
    assert_eq!(job.output.unwrap().as_str(), r#"{"refused":true}"#);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_queue_created_by_an_enqueue_is_served_by_a_runtime_that_runs_already() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, always("k", || JobOutcome::Done));
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k").on_queue("brand/new")).await.unwrap().id;
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_runtime_told_to_run_one_queue_leaves_the_others_alone() {
    let db = Db::new().await;
    let config = crate::support::quick().with_queue("mine", Some(1));
    let runtime = runtime(&db.storage, always("k", || JobOutcome::Done)).with_config(config);
    let other = runtime.enqueue(request("k").on_queue("other")).await.unwrap().id;
    let mine = runtime.enqueue(request("k").on_queue("mine")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    db.until_status(mine, JobStatus::Done).await;
    soon("its own queue to drain", handle.drained()).await.unwrap();
    assert_eq!(db.job(other).await.status, JobStatus::Pending);
    db.stop(handle).await;
}

#[tokio::test]
async fn thousands_of_jobs_on_many_queues_each_run_once() {
    let db = Db::new().await;
    let runs = Arc::new(Mutex::new(std::collections::HashMap::<JobId, u32>::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let runs = runs.clone();
        move |ctx| {
            *runs.lock().unwrap().entry(ctx.job_id()).or_default() += 1;
            async { JobOutcome::Done }
        }
    });
    // With the usual heartbeat: on a machine as busy as this test makes it, a process that must be heard of every 100 ms
    // may rightly take itself for dead, and its jobs run again.
    let runtime = runtime(&db.storage, handlers).with_config(RuntimeConfig::default());
    let handle = runtime.start().await.unwrap();
    let jobs = (0..5_000).map(|n| request("k").on_queue(format!("q{}", n % 7)));
    let ids: Vec<_> = runtime.enqueue_many(jobs).await.into_iter().map(|r| r.unwrap().id).collect();
    soon("the queues to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
    let runs = runs.lock().unwrap().clone();
    assert_eq!(runs.len(), ids.len());
    assert!(runs.values().all(|n| *n == 1));
    let filter = JobFilter { statuses: vec![JobStatus::Dead], ..Default::default() };
    let params = forge_jobs::storage::ListParams { filter, limit: 1, after: None };
    assert_eq!(db.storage.inspect.list(params).await.unwrap().jobs, []);
}

#[tokio::test]
async fn an_empty_queue_of_short_jobs_keeps_no_other_queue_from_its_jobs() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, always("k", || JobOutcome::Done));
    runtime.ensure_queue("a", 50).await.unwrap();
    runtime.ensure_queue("b", 1).await.unwrap();
    let handle = runtime.start().await.unwrap();
    // Runs this short teach the queue to ask for as much as one claim may take, though it has nothing left.
    for queue in ["a", "b", "a", "b"] {
        let id = runtime.enqueue(request("k").on_queue(queue)).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    db.stop(handle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_short_jobs_keeps_no_other_queue_waiting_until_it_is_through() {
    let db = Db::new().await;
    let left = Arc::new(AtomicUsize::new(30_000));
    let seen = Arc::new(Mutex::new(None));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("short", {
        let left = left.clone();
        move |_| {
            left.fetch_sub(1, Ordering::Relaxed);
            async { JobOutcome::Done }
        }
    });
    handlers.register_fn("other", {
        let (left, seen) = (left.clone(), seen.clone());
        move |_| {
            *seen.lock().unwrap() = Some(left.load(Ordering::Relaxed));
            async { JobOutcome::Done }
        }
    });
    // The backlog's buffer is empty again whenever a claim answers.
    let slow = SlowStorage::wrap(db.storage.clone(), Duration::from_millis(20));
    let runtime = runtime(&slow, handlers);
    runtime.ensure_queue("a", 8).await.unwrap();
    runtime.ensure_queue("b", 1).await.unwrap();
    let backlog = (0..left.load(Ordering::Relaxed)).map(|_| request("short").on_queue("a"));
    runtime.enqueue_many(backlog).await.into_iter().for_each(|r| assert!(r.is_ok()));
    let handle = runtime.start().await.unwrap();
    until("the backlog to be under way", || async { left.load(Ordering::Relaxed) < 27_000 }).await;
    let id = runtime.enqueue(request("other").on_queue("b")).await.unwrap().id;
    let before = left.load(Ordering::Relaxed);
    db.until_status(id, JobStatus::Done).await;
    let then = seen.lock().unwrap().unwrap();
    // It may have run before its receipt was here.
    let waited = before.saturating_sub(then);
    assert!(waited < 10_000, "the other queue waited for {waited} jobs of {before}");
    soon("the queue to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

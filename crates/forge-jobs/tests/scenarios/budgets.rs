//! Budgets on running runtimes: handlers that ask for permits, and jobs that are claimed with one.

use crate::support::{Db, HANG, request, runtime, soon, until};
use forge_jobs::rate_limit::{RateLimit, RateLimitError, Scope};
use forge_jobs::storage::{DrainParams, SetBy, SetLimitParams};
use forge_jobs::{
    AcquireError, CancelCause, DeadReason, EnqueueRequest, HandlerRegistry, JobOutcome, JobStatus,
    QueueRuntime, Timestamp,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const HOUR: Duration = Duration::from_secs(3_600);

fn scope(name: &str) -> Scope {
    Scope::new(name).unwrap()
}

impl Db {
    async fn limit(&self, name: &str, limit: RateLimit) {
        let params = SetLimitParams {
            scope: scope(name),
            limit,
            by: SetBy::Operator,
            expected_version: None,
            actor: None,
            now: None,
        };
        self.storage.rate_limits.set_limit(params).await.unwrap();
    }
}

/// Most grants that any window holds.
fn most_in_a_window(grants: &[Timestamp], window: Duration) -> usize {
    let mut all = grants.to_vec();
    all.sort();
    let inside =
        |last: &Timestamp| all.iter().filter(|t| *t <= last && last.saturating_since(**t) < window).count();
    all.iter().map(inside).max().unwrap_or(0)
}

/// A handler of `k` that takes a permit of `up` and writes down when.
fn taker(grants: &Arc<Mutex<Vec<Timestamp>>>) -> HandlerRegistry {
    let grants = grants.clone();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", move |ctx| {
        let grants = grants.clone();
        async move {
            match ctx.rate_limit.acquire("up").await {
                Ok(at) => {
                    grants.lock().unwrap().push(at);
                    JobOutcome::Done
                }
                Err(e) => JobOutcome::Dead(e.to_string()),
            }
        }
    });
    handlers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_of_two_processes_share_a_budget_and_no_window_holds_more() {
    let db = Db::new().await;
    let window = Duration::from_millis(400);
    db.limit("up", RateLimit::new(8, window)).await;
    let grants = Arc::default();
    let one = runtime(&db.storage, taker(&grants));
    let two = runtime(&db.another().await, taker(&grants));
    one.ensure_queue("default", 6).await.unwrap();
    one.enqueue_many((0..40).map(|_| request("k"))).await;
    let handles = [one.start().await.unwrap(), two.start().await.unwrap()];
    soon("all to have had a permit", handles[0].drained()).await.unwrap();
    let grants = grants.lock().unwrap().clone();
    assert_eq!(grants.len(), 40);
    assert!(most_in_a_window(&grants, window) <= 8, "{grants:?}");
    for handle in handles {
        db.stop(handle).await;
    }
}

#[tokio::test]
async fn a_handler_that_waits_for_a_permit_stops_when_it_is_cancelled() {
    let db = Db::new().await;
    db.limit("up", RateLimit::new(1, HOUR)).await;
    let seen = Arc::new(Mutex::new(None));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let seen = seen.clone();
        move |ctx| {
            let seen = seen.clone();
            async move {
                let result = ctx.rate_limit.acquire("up").await;
                let text = format!("{result:?}");
                if let Err(AcquireError::Cancelled { cause }) = result {
                    *seen.lock().unwrap() = Some(cause);
                }
                JobOutcome::Failed(text)
            }
        }
    });
    let runtime = runtime(&db.storage, handlers);
    runtime.rate_limits().acquire("up").await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    until("the job to run", || async { handle.running() == [id] }).await;
    handle.request_cancel(&id).await.unwrap();
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!(job.dead_reason, Some(DeadReason::Cancelled));
    assert_eq!(*seen.lock().unwrap(), Some(CancelCause::Requested));
    db.stop(handle).await;
}

#[tokio::test]
async fn a_raised_limit_and_an_ended_drain_wake_those_that_wait() {
    let db = Db::new().await;
    db.limit("up", RateLimit::new(1, HOUR)).await;
    let grants: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
    let runtime = runtime(&db.storage, taker(&grants));
    // As in another process.
    let elsewhere = db.another().await;
    runtime.enqueue_many((0..3).map(|_| request("k"))).await;
    let handle = runtime.start().await.unwrap();
    until("one to be served", || async { grants.lock().unwrap().len() == 1 }).await;
    let limit = RateLimit::new(2, HOUR);
    let params = SetLimitParams {
        scope: scope("up"),
        limit,
        by: SetBy::Operator,
        expected_version: None,
        actor: None,
        now: None,
    };
    elsewhere.rate_limits.set_limit(params).await.unwrap();
    until("another to be served", || async { grants.lock().unwrap().len() == 2 }).await;
    let drain = DrainParams { scope: scope("up"), wait: HOUR, actor: None, now: None };
    elsewhere.rate_limits.drain(drain).await.unwrap();
    db.limit("up", RateLimit::new(9, HOUR)).await;
    assert_eq!(runtime.rate_limits().try_acquire("up").await.unwrap(), None, "somebody waits");
    assert!(elsewhere.rate_limits.lift_drain(&scope("up"), None, None).await.unwrap());
    soon("the last one to be served", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

#[tokio::test]
async fn an_upstream_that_asks_for_peace_has_it_from_every_process() {
    let db = Db::new().await;
    db.limit("up", RateLimit::new(100, HOUR)).await;
    let here = runtime(&db.storage, HandlerRegistry::new()).rate_limits();
    let there = runtime(&db.another().await, HandlerRegistry::new()).rate_limits();
    assert!(there.try_acquire("up").await.unwrap().is_some());
    let until = here.drain("up", HOUR).await.unwrap();
    assert!(until.saturating_since(Timestamp::now()) > HOUR / 2);
    assert_eq!(there.try_acquire("up").await.unwrap(), None);
    let late = there.acquire_within("up", 1, Duration::from_millis(20)).await;
    assert!(matches!(late, Err(AcquireError::NotInTime { .. })), "{late:?}");
}

#[tokio::test]
async fn wishes_that_cannot_be_fulfilled_are_refused_by_name() {
    let db = Db::new().await;
    db.limit("up", RateLimit::new(3, HOUR)).await;
    let limits = runtime(&db.storage, HandlerRegistry::new()).rate_limits();
    let too_many = limits.acquire_n("up", 4).await.unwrap_err();
    let AcquireError::Invalid(RateLimitError::TooMany { scope, permits, limit }) = too_many else {
        panic!("{too_many:?}")
    };
    assert_eq!((scope.as_str(), permits, limit), ("up", 4, 3));
    assert!(matches!(limits.acquire_n("up", 0).await, Err(AcquireError::Invalid(_))));
    assert!(matches!(limits.acquire("u p").await, Err(AcquireError::Invalid(_))));
    let unknown = limits.acquire("down").await.unwrap_err();
    assert!(matches!(&unknown, AcquireError::NoLimit { scope } if scope == "down"), "{unknown:?}");
    assert!(unknown.to_string().contains("forge limit set down"), "it says what helps: {unknown}");
    for result in [limits.try_acquire("down").await.map(drop), limits.drain("down", HOUR).await.map(drop)] {
        assert!(matches!(result, Err(AcquireError::NoLimit { .. })), "{result:?}");
    }
    limits.acquire_n("up", 3).await.unwrap();
}

#[tokio::test]
async fn one_that_stops_waiting_leaves_its_place_to_the_next() {
    let db = Db::new().await;
    db.limit("up", RateLimit::new(3, HOUR)).await;
    let limits = runtime(&db.storage, HandlerRegistry::new()).rate_limits();
    limits.acquire_n("up", 2).await.unwrap();
    // It cannot be served for an hour, and nobody may overtake it.
    let greedy = tokio::spawn({
        let limits = limits.clone();
        async move { limits.acquire_n("up", 3).await }
    });
    // It takes its place before it first waits.
    tokio::task::yield_now().await;
    assert_eq!(limits.try_acquire("up").await.unwrap(), None, "somebody waits");
    let modest = tokio::spawn({
        let limits = limits.clone();
        async move { limits.acquire("up").await }
    });
    tokio::task::yield_now().await;
    greedy.abort();
    soon("the next one to be served", modest).await.unwrap().unwrap();
}

/// A queue of its own, attached to a budget, and a handler that counts its runs.
async fn limited_queue(db: &Db, permits: u32) -> (QueueRuntime, Arc<AtomicUsize>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let ran = ran.clone();
        move |_| {
            let ran = ran.clone();
            async move {
                ran.fetch_add(1, Ordering::Relaxed);
                JobOutcome::Done
            }
        }
    });
    handlers.register_fn("free", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("slow", 2).await.unwrap();
    runtime.ensure_limit("up", RateLimit::new(permits, HOUR)).await.unwrap();
    (runtime, ran)
}

fn slow(kind: &str) -> EnqueueRequest {
    request(kind).on_queue("slow")
}

#[tokio::test]
async fn a_limited_queue_holds_no_worker_and_goes_on_when_its_limit_is_raised() {
    let db = Db::new().await;
    let (runtime, ran) = limited_queue(&db, 3).await;
    runtime.limit_queue("slow", Some("up")).await.unwrap();
    runtime.enqueue_many((0..10).map(|_| slow("k"))).await;
    let handle = runtime.start().await.unwrap();
    until("the budget to be used up", || async { ran.load(Ordering::Relaxed) == 3 }).await;
    for _ in 0..20 {
        let id = runtime.enqueue(request("free")).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    until("no job to run", || async { handle.running().is_empty() }).await;
    assert_eq!(ran.load(Ordering::Relaxed), 3);
    db.limit("up", RateLimit::new(7, HOUR)).await;
    until("the raised limit to be used up", || async { ran.load(Ordering::Relaxed) == 7 }).await;
    runtime.limit_queue("slow", None).await.unwrap();
    soon("the rest to run without a limit", handle.drained()).await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 10);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_limited_kind_holds_no_other_kind_of_its_queue_up() {
    let db = Db::new().await;
    let (runtime, ran) = limited_queue(&db, 2).await;
    runtime.limit_kind("k", Some("up")).await.unwrap();
    runtime.enqueue_many((0..5).map(|_| slow("k"))).await;
    let free: Vec<_> = runtime.enqueue_many((0..20).map(|_| slow("free"))).await;
    let handle = runtime.start().await.unwrap();
    for enqueued in free {
        db.until_status(enqueued.unwrap().id, JobStatus::Done).await;
    }
    until("the budget to be used up", || async { ran.load(Ordering::Relaxed) == 2 }).await;
    db.limit("up", RateLimit::new(5, HOUR)).await;
    soon("all to run", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

#[tokio::test]
async fn jobs_of_a_limited_kind_that_had_none_for_a_while_are_claimed_for_free_workers_only() {
    let db = Db::new().await;
    let open = Arc::new(Semaphore::new(1));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("free", |_| async { JobOutcome::Done });
    handlers.register_fn("held", {
        let open = open.clone();
        move |_| {
            let open = open.clone();
            async move {
                open.acquire().await.unwrap().forget();
                JobOutcome::Done
            }
        }
    });
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("slow", 2).await.unwrap();
    runtime.ensure_limit("up", RateLimit::new(100, HOUR)).await.unwrap();
    runtime.limit_kind("held", Some("up")).await.unwrap();
    let handle = runtime.start().await.unwrap();
    // It is learned that runs are short, and then that nothing limited is there.
    for kind in ["held", "free"] {
        let id = runtime.enqueue(slow(kind)).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    let ids: Vec<_> = runtime.enqueue_many((0..10).map(|_| slow("held"))).await;
    until("one to run", || async { !handle.running().is_empty() }).await;
    let mut claimed = 0;
    for id in ids {
        let status = db.job(id.unwrap().id).await.status;
        claimed += usize::from(status == JobStatus::Running);
    }
    assert!((1..=2).contains(&claimed), "{claimed}: one that waits for a worker uses its permit too late");
    open.add_permits(10);
    soon("all to run", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

#[tokio::test]
async fn a_budget_that_comes_back_is_used_without_being_told() {
    let db = Db::new().await;
    let (runtime, ran) = limited_queue(&db, 1).await;
    db.limit("up", RateLimit::new(4, Duration::from_millis(300))).await;
    runtime.limit_queue("slow", Some("up")).await.unwrap();
    runtime.enqueue_many((0..20).map(|_| slow("k"))).await;
    let begun = std::time::Instant::now();
    let handle = runtime.start().await.unwrap();
    soon("all to run", handle.drained()).await.unwrap();
    // Five windows hold them, of which the first begins with the first job.
    assert!(begun.elapsed() >= Duration::from_millis(1_200), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < HANG);
    assert_eq!(ran.load(Ordering::Relaxed), 20);
    db.stop(handle).await;
}

#[tokio::test]
async fn what_a_stopping_process_hands_back_costs_no_permit() {
    let db = Db::new().await;
    let (runtime, ran) = limited_queue(&db, 5).await;
    runtime.limit_queue("slow", Some("up")).await.unwrap();
    runtime.enqueue_many((0..5).map(|_| slow("k"))).await;
    for _ in 0..3 {
        let handle = runtime.start().await.unwrap();
        db.stop(handle).await;
    }
    let handle = runtime.start().await.unwrap();
    soon("all five to run", handle.drained()).await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 5);
    db.stop(handle).await;
}

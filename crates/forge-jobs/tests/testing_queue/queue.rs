//! A queue that the test works by hand, on both storages: the same rules, since the same code decides.

use forge_jobs::limits::STALE_AFTER;
use forge_jobs::retry::BackoffPolicy;
use forge_jobs::storage::{CancelOutcome, QueueSettingsPatch, StorageError, UpdateQueueParams};
use forge_jobs::testing::{FakeHandler, ManualClock, TestError, TestQueue, TestSetup};
use forge_jobs::{
    AttemptCause, DeadReason, EnqueueError, EnqueueRequest, HandlerOptions, HandlerRegistry, JobOutcome,
    JobStatus, Schedule, Timestamp,
};
use forge_test_cluster::Databases;
use std::time::Duration;

pub(super) const HANG: Duration = Duration::from_secs(180);
/// The default backoff after a first failure, and after a second one.
const BACKOFF: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(30)];

pub(super) fn registry(of: &[&FakeHandler]) -> HandlerRegistry {
    let mut handlers = HandlerRegistry::new();
    for handler in of {
        handlers.register((*handler).clone());
    }
    handlers
}

pub(super) async fn in_memory(of: &[&FakeHandler]) -> TestQueue {
    TestQueue::in_memory(registry(of)).await.unwrap()
}

pub(super) fn request(kind: &str) -> EnqueueRequest {
    EnqueueRequest::new(kind, 1)
}

pub(super) async fn status(queue: &TestQueue, id: forge_jobs::JobId) -> JobStatus {
    queue.job(id).await.unwrap().unwrap().status
}

/// Retries at their time, a throttle, a schedule, and a lease that ran out.
async fn lives_by_the_clock(setup: impl AsyncFnOnce(TestSetup) -> TestQueue) {
    let mail = FakeHandler::new("mail").fail_times(2, "no route").throttle(Duration::from_secs(100));
    let report = FakeHandler::new("report");
    let nightly = Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1));
    let queue = setup(TestSetup::new(registry(&[&mail, &report])).with_schedule(nightly)).await;

    let began = queue.clock().now();
    let id = queue.enqueue(request("mail")).await.unwrap().id;
    assert_eq!(queue.drain().await.unwrap().failed(), 1);
    for (failures, wait) in BACKOFF.into_iter().enumerate() {
        queue.clock().advance(wait.saturating_sub(Duration::from_millis(1)));
        assert_eq!(queue.drain().await.unwrap().ran.len(), 0, "a millisecond too early");
        queue.clock().advance(Duration::from_millis(1));
        let drained = queue.drain().await.unwrap();
        assert_eq!((drained.ran.len(), drained.failed()), (1, usize::from(failures == 0)), "{drained}");
    }
    assert_eq!(status(&queue, id).await, JobStatus::Scheduled, "throttled");
    queue.clock().advance(Duration::from_secs(100));
    assert_eq!(queue.drain().await.unwrap().done(), 1);
    let due: Vec<_> = mail.calls().iter().map(|call| call.due_at.saturating_since(began).as_secs()).collect();
    assert_eq!(due, [0, 15, 45, 145]);

    let drained = queue.run_for(Duration::from_secs(2 * 86_400)).await.unwrap();
    assert_eq!((drained.fired, drained.done(), report.calls().len()), (2, 2, 2), "{drained}");
    let at: Vec<_> = report.calls().iter().map(|call| call.due_at.to_string()).collect();
    assert!(at[0].starts_with("2030-01-07T03:00:00") && at[1].starts_with("2030-01-08T03:00:00"), "{at:?}");

    let lost = queue.enqueue(request("report")).await.unwrap().id;
    assert_eq!(queue.claim_and_vanish("default").await.unwrap().unwrap().id, lost);
    queue.clock().advance(STALE_AFTER.saturating_sub(Duration::from_secs(1)));
    assert_eq!(queue.drain().await.unwrap().ran.len(), 0);
    assert_eq!(status(&queue, lost).await, JobStatus::Running, "the lease holds");
    queue.clock().advance(Duration::from_secs(2));
    let drained = queue.drain().await.unwrap();
    assert_eq!((drained.revived, drained.ran[0].job.id), (vec![lost], lost));
    assert_eq!(status(&queue, lost).await, JobStatus::Done);
}

#[tokio::test]
async fn a_queue_on_a_file_lives_by_the_tests_clock() {
    lives_by_the_clock(async |setup| setup.sqlite().await.unwrap()).await;
}

#[tokio::test]
async fn a_queue_on_postgres_lives_by_the_tests_clock() {
    let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
    let database = databases.fresh(None).await.unwrap();
    lives_by_the_clock(async |setup| setup.postgres(database.url()).await.unwrap()).await;
    let client = forge_test_cluster::connect(database.url()).await.unwrap();
    let left = client
        .query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'forge\\_test\\_%'", &[])
        .await
        .unwrap();
    assert_eq!(left.len(), 0, "the schema went away with the queue");
}

#[tokio::test]
async fn a_drain_runs_what_jobs_enqueue_and_leaves_what_is_due_later() {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("parent", |ctx| async move {
        for delay in [Duration::ZERO, Duration::from_secs(60)] {
            ctx.enqueue(EnqueueRequest::new("child", 1).with_delay(delay)).await.unwrap();
        }
        JobOutcome::Done
    });
    handlers.register(FakeHandler::new("child"));
    let queue = TestQueue::sqlite(handlers).await.unwrap();
    queue.enqueue(request("parent").on_queue("other")).await.unwrap();
    queue.enqueue(request("nobody")).await.unwrap();
    assert_eq!(queue.drain_queue("default").await.unwrap().ran.len(), 0);
    let drained = queue.drain().await.unwrap();
    assert_eq!((drained.done(), drained.of_kind("child").count()), (2, 1), "{drained}");
    assert!(!drained.more);
    assert_eq!(queue.run_for(Duration::from_secs(59)).await.unwrap().ran.len(), 0);
    assert_eq!(queue.run_for(Duration::from_secs(1)).await.unwrap().done(), 1);
}

#[tokio::test]
async fn a_drain_without_end_is_told_and_a_bound_is_kept() {
    let queue = in_memory(&[&FakeHandler::new("k").always(JobOutcome::Failed("again".into()))]).await;
    queue.runtime().ensure_queue("default", 1).await.unwrap();
    let policy = BackoffPolicy::off();
    let patch = QueueSettingsPatch::default().with_backoff(policy);
    let update =
        UpdateQueueParams { queue: "default".into(), patch, expected_version: None, actor: None, now: None };
    queue.storage().queues.update(update).await.unwrap();
    queue.enqueue(request("k").with_max_attempts(10_000)).await.unwrap();
    let id = queue.enqueue(request("k").with_max_attempts(10_000)).await.unwrap().id;
    let drained = queue.drain_at_most(3).await.unwrap();
    assert_eq!((drained.ran.len(), drained.failed(), drained.more), (3, 3, true), "{drained}");
    assert_ne!(status(&queue, id).await, JobStatus::Running, "nothing is kept claimed");
    let error = queue.drain().await.unwrap_err();
    assert!(matches!(&error, TestError::Endless { ran: 2_000, kind } if kind == "k"), "{error}");
}

#[tokio::test]
async fn inline_runs_a_job_where_it_is_enqueued_and_its_error_comes_back() {
    let (good, bad) = (FakeHandler::new("good"), FakeHandler::new("bad").panic("out of cheese"));
    let queue = in_memory(&[&good, &bad]).await;
    // In front of it, of the same kind: it is left alone.
    let other = queue.enqueue(request("good")).await.unwrap().id;
    let inline = queue.inline();
    let id = inline.enqueue(request("good")).await.unwrap().id;
    assert_eq!(status(&queue, id).await, JobStatus::Done);
    assert_eq!((status(&queue, other).await, good.calls().len()), (JobStatus::Pending, 1));
    let error = inline.enqueue(request("bad")).await.unwrap_err();
    assert!(
        matches!(&error, EnqueueError::Storage(StorageError::Conflict { what: "inline", .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("panicked: out of cheese"), "{error}");
    assert_eq!(status(&queue, bad.calls()[0].job).await, JobStatus::Retrying);
    let later = inline.enqueue(request("good").with_delay(BACKOFF[0])).await.unwrap().id;
    assert_eq!(status(&queue, later).await, JobStatus::Scheduled);
}

#[tokio::test]
async fn inline_on_a_queue_leaves_the_others_to_wait() {
    let queue = in_memory(&[&FakeHandler::new("k")]).await;
    let inline = queue.inline_on(["mail"]);
    let here = inline.enqueue(request("k").on_queue("mail")).await.unwrap().id;
    let there = inline.enqueue(request("k")).await.unwrap().id;
    assert_eq!(status(&queue, here).await, JobStatus::Done);
    assert_eq!(status(&queue, there).await, JobStatus::Pending);
}

#[tokio::test]
async fn what_an_inline_job_enqueues_runs_inline_and_an_endless_chain_is_told() {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("chain", |ctx| async move {
        match ctx.enqueue(EnqueueRequest::new("chain", 1)).await {
            Ok(_) => JobOutcome::Done,
            Err(e) => JobOutcome::failed(&e),
        }
    });
    handlers.register_fn("parent", |ctx| async move {
        JobOutcome::from_result(ctx.enqueue(EnqueueRequest::new("child", 1)).await)
    });
    let child = FakeHandler::new("child");
    handlers.register(child.clone());
    let queue = TestQueue::in_memory(handlers).await.unwrap();
    queue.inline().enqueue(request("parent")).await.unwrap();
    assert_eq!(child.calls().len(), 1);
    let error = queue.inline().enqueue(request("chain")).await.unwrap_err();
    assert!(error.to_string().contains("jobs deep"), "{error}");
}

#[tokio::test]
async fn perform_runs_one_job_and_says_what_became_of_it() {
    let fake = FakeHandler::new("k").panic("boom").then(JobOutcome::Dead("never".into()));
    let queue = in_memory(&[&fake]).await;
    let ran = queue.perform(request("k")).await.unwrap();
    assert_eq!((ran.cause, ran.status), (Some(AttemptCause::Panic), Some(JobStatus::Retrying)));
    let ran = queue.perform(request("k")).await.unwrap();
    assert_eq!((ran.status, ran.dead_reason), (Some(JobStatus::Dead), Some(DeadReason::Discarded)));
    let error = queue.perform(request("other")).await.unwrap_err();
    assert!(matches!(error, TestError::NoHandler { .. }), "{error}");
    let error = queue.perform(request("k").with_delay(BACKOFF[0])).await.unwrap_err();
    assert!(matches!(error, TestError::Waits { status: JobStatus::Scheduled, .. }), "{error}");
}

#[tokio::test]
async fn a_handler_that_hangs_is_cancelled_by_a_person_or_by_its_time_limit() {
    let fake = FakeHandler::new("k").hang().hang();
    let limited =
        fake.clone().with_options(HandlerOptions::default().with_time_limit(Duration::from_millis(1)));
    let queue = in_memory(&[&fake]).await;
    let id = queue.enqueue(request("k")).await.unwrap().id;
    let cancel = async {
        fake.wait_for_calls(1, HANG).await;
        queue.cancel(id).await.unwrap()
    };
    let (drained, cancelled) = tokio::join!(queue.drain(), cancel);
    assert!(matches!(cancelled, CancelOutcome::Requested { .. }), "{cancelled:?}");
    assert_eq!(drained.unwrap().ran[0].dead_reason, Some(DeadReason::Cancelled));
    let queue = in_memory(&[&limited]).await;
    let ran = queue.perform(request("k")).await.unwrap();
    assert_eq!((ran.cause, ran.status), (Some(AttemptCause::TimeLimit), Some(JobStatus::Retrying)));
}

#[tokio::test]
async fn a_variable_that_is_set_is_taken_for_a_url() {
    // One that is always set, and holds none.
    let error = TestQueue::from_env("PATH", registry(&[])).await.unwrap_err();
    assert!(matches!(error, TestError::Open(_)), "{error}");
}

#[tokio::test]
async fn a_clock_may_be_shared_with_the_program() {
    let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
    let setup = TestSetup::new(registry(&[&FakeHandler::new("k")])).with_clock(clock.clone());
    let queue = setup.in_memory().await.unwrap();
    let id = queue.enqueue(request("k").with_delay(BACKOFF[0])).await.unwrap().id;
    assert_eq!(queue.job(id).await.unwrap().unwrap().due_at, Timestamp::from_micros(16_000_000));
    clock.advance(BACKOFF[0]);
    assert_eq!(queue.drain().await.unwrap().done(), 1);
}

#[tokio::test]
async fn a_temporary_file_goes_away_with_its_queue() {
    let queue = TestQueue::from_env("FORGE_NO_SUCH_VARIABLE", registry(&[])).await.unwrap();
    let dir = queue.directory().unwrap().to_owned();
    assert!(dir.join("forge.db").exists());
    drop(queue);
    assert!(!dir.exists(), "{}", dir.display());
    assert!(in_memory(&[]).await.directory().is_none());
}

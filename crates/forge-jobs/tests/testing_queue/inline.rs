//! Inline mode beside and inside itself, and a queue on what the program has.

use super::queue::{in_memory, registry, request, status};
use forge_jobs::storage::sqlite::rusqlite::Connection;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::testing::{FakeHandler, TestError, TestQueue, TestSetup, assert_enqueued};
use forge_jobs::{Enqueuer, HandlerRegistry, JobId, JobOutcome, JobStatus, RuntimeConfig};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn calls_beside_each_other_are_not_inside_each_other_and_each_job_runs() {
    let queue = in_memory(&[&FakeHandler::new("k")]).await;
    let inline = queue.inline();
    // More than may be inside each other, and each has others in front of it.
    let calls = (0..40).map(|_| inline.enqueue(request("k")));
    let jobs: Vec<JobId> = join_all(calls).await.into_iter().map(|job| job.unwrap().id).collect();
    for job in jobs {
        assert_eq!(status(&queue, job).await, JobStatus::Done);
    }
}

#[tokio::test]
async fn a_copy_of_an_inline_enqueuer_is_one_too() {
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("parent", |ctx| async move {
        JobOutcome::from_result(ctx.enqueue(request("child")).await)
    });
    let child = FakeHandler::new("child");
    handlers.register(child.clone());
    let queue = TestQueue::in_memory(handlers).await.unwrap();
    let copy: Enqueuer = (*queue.inline()).clone();
    copy.enqueue(request("parent")).await.unwrap();
    assert_eq!(child.calls().len(), 1);
}

#[tokio::test]
async fn of_jobs_that_are_enqueued_together_all_run_and_a_failure_is_told() {
    let fake = FakeHandler::new("k").done().fail_times(1, "no route").throttle(Duration::from_secs(9)).done();
    let queue = in_memory(&[&fake]).await;
    let answers = queue.inline().enqueue_many((0..4).map(|_| request("k"))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().to_string().contains("no route")));
    let mut statuses = Vec::new();
    for call in fake.calls() {
        statuses.push(status(&queue, call.job).await);
    }
    assert_eq!(
        statuses,
        [JobStatus::Done, JobStatus::Retrying, JobStatus::Scheduled, JobStatus::Done],
        "each had its turn"
    );
    let throttled = FakeHandler::new("k").throttle(Duration::from_secs(9));
    let queue = in_memory(&[&throttled]).await;
    let id = queue.inline().enqueue(request("k")).await.unwrap().id;
    assert_eq!(status(&queue, id).await, JobStatus::Scheduled, "no failure");
}

#[tokio::test]
async fn a_queue_that_rests_or_is_paused_runs_nothing_until_it_goes_on() {
    let queue = in_memory(&[&FakeHandler::new("k")]).await;
    queue.runtime().ensure_queue("default", 2).await.unwrap();
    for (stop, go) in [
        (QueueSettingsPatch::workers(0), QueueSettingsPatch::workers(1)),
        (QueueSettingsPatch::paused(true), QueueSettingsPatch::paused(false)),
    ] {
        set(&queue, stop).await;
        let id = queue.inline().enqueue(request("k")).await.unwrap().id;
        assert_eq!(status(&queue, id).await, JobStatus::Pending);
        let error = queue.perform(request("k")).await.unwrap_err();
        assert!(matches!(error, TestError::Waits { status: JobStatus::Pending, .. }), "{error}");
        assert_eq!(queue.drain().await.unwrap().ran.len(), 0);
        set(&queue, go).await;
        assert_eq!(queue.drain().await.unwrap().done(), 2);
    }
}

async fn set(queue: &TestQueue, patch: QueueSettingsPatch) {
    let update =
        UpdateQueueParams { queue: "default".into(), patch, expected_version: None, actor: None, now: None };
    queue.storage().queues.update(update).await.unwrap();
}

#[tokio::test]
async fn a_setups_router_and_queues_are_those_of_the_program() {
    let router = |kind: &str| kind.split('.').next().unwrap_or(kind).to_owned();
    let setup = TestSetup::new(registry(&[&FakeHandler::new("mail.send"), &FakeHandler::new("report")]))
        .with_router(Arc::new(router))
        .with_config(RuntimeConfig::default().with_queue("mail", None));
    let queue = setup.in_memory().await.unwrap();
    queue.enqueue(request("mail.send")).await.unwrap();
    queue.enqueue(request("report")).await.unwrap();
    assert_enqueued!(queue, kind: "mail.send", queue: "mail", count: 1);
    let inline = queue.inline();
    let here = inline.enqueue(request("mail.send")).await.unwrap().id;
    assert_eq!(status(&queue, here).await, JobStatus::Done);
    for not_here in ["report", "nobody"] {
        let waits = inline.enqueue(request(not_here)).await.unwrap().id;
        assert_eq!(status(&queue, waits).await, JobStatus::Pending, "{not_here}");
    }
    // Like the program's process, the test's works on one queue.
    let drained = queue.drain().await.unwrap();
    assert_eq!((drained.done(), drained.of_kind("mail.send").count()), (1, 1), "{drained}");
}

#[tokio::test]
async fn what_a_transaction_of_the_programs_enqueued_is_drained_after_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shop.db");
    let mut conn = Connection::open(&file).unwrap();
    conn.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
    let storage = SqliteStorage::open(&file, SqliteOptions::default().normal().share_file()).await.unwrap();
    let setup = TestSetup::new(registry(&[&FakeHandler::new("ship")]));
    let queue = setup.on(storage.clone().into_bundle()).await.unwrap();
    assert!(queue.directory().is_none());
    let inline = queue.inline();
    let tx = conn.transaction().unwrap();
    tx.execute("INSERT INTO orders VALUES (7)", []).unwrap();
    let id = inline
        .blocking_enqueue_in(storage.within(&tx), request("ship").with_delay(Duration::from_secs(60)))
        .unwrap()
        .id;
    assert!(queue.job(id).await.unwrap().is_none(), "not before the commit");
    tx.commit().unwrap();
    assert_eq!(queue.drain().await.unwrap().ran.len(), 0, "its time is the test's");
    queue.clock().advance(Duration::from_secs(60));
    assert_eq!(queue.drain().await.unwrap().done(), 1);
}

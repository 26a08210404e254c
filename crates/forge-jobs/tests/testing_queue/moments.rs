//! What happens while the test lets time pass: budgets, dead processes, a started runtime; and what a report tells.

use super::queue::{HANG, in_memory, registry, request, status};
use forge_jobs::limits::STALE_AFTER;
use forge_jobs::rate_limit::RateLimit;
use forge_jobs::testing::{FakeHandler, JobMatch, TestQueue, check_enqueued, wait_for_status};
use forge_jobs::{HandlerRegistry, JobOutcome, JobStatus};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn permits_come_back_while_time_passes() {
    let queue = in_memory(&[&FakeHandler::new("k")]).await;
    let runtime = queue.runtime();
    runtime.ensure_queue("default", 1).await.unwrap();
    runtime.ensure_limit("upstream", RateLimit::new(2, MINUTE)).await.unwrap();
    runtime.limit_queue("default", Some("upstream")).await.unwrap();
    for _ in 0..7 {
        queue.enqueue(request("k")).await.unwrap();
    }
    assert_eq!(queue.drain().await.unwrap().done(), 2);
    assert_eq!(queue.drain().await.unwrap().done(), 0, "there is no permit left");
    // Two in each minute, and the seventh alone: not just once more at the end of the hour.
    assert_eq!(queue.run_for(60 * MINUTE).await.unwrap().done(), 5);
}

#[tokio::test]
async fn the_job_of_a_dead_process_runs_when_its_time_has_come() {
    let queue = in_memory(&[&FakeHandler::new("k")]).await;
    let began = queue.clock().now();
    let id = queue.enqueue(request("k")).await.unwrap().id;
    queue.claim_and_vanish("default").await.unwrap().unwrap();
    let report = queue.run_for(60 * MINUTE).await.unwrap();
    assert_eq!((report.revived.as_slice(), report.done()), ([id].as_slice(), 1), "{report}");
    let finished = queue.job(id).await.unwrap().unwrap().finished_at.unwrap();
    assert_eq!(finished.saturating_since(began), STALE_AFTER + Duration::from_micros(1));
    assert_eq!(queue.clock().now().saturating_since(began), 60 * MINUTE);
}

#[tokio::test]
async fn the_bound_of_a_drain_holds_for_each_moment_of_a_time() {
    let again = FakeHandler::new("k").always(JobOutcome::Failed("again".into()));
    let queue = in_memory(&[&again]).await;
    for answer in queue.runtime().enqueue_many((0..700).map(|_| request("k"))).await {
        answer.unwrap();
    }
    // At once, after 15 s, and after 30 more.
    assert_eq!(queue.run_for(MINUTE).await.unwrap().failed(), 2_100);
}

#[tokio::test]
async fn a_handler_that_waits_for_a_permit_gets_it_when_the_test_moves_the_clock() {
    let (waits, mut waiting) = unbounded_channel();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", move |ctx| {
        let waits = waits.clone();
        async move {
            waits.send(()).unwrap();
            JobOutcome::from_result(ctx.rate_limit.acquire("upstream").await)
        }
    });
    let queue = TestQueue::in_memory(handlers).await.unwrap();
    queue.runtime().ensure_limit("upstream", RateLimit::new(1, 60 * MINUTE)).await.unwrap();
    queue.perform(request("k")).await.unwrap();
    waiting.recv().await.unwrap();
    let moved = async {
        waiting.recv().await.unwrap();
        queue.clock().advance(120 * MINUTE);
    };
    let (ran, ()) = tokio::join!(queue.perform(request("k")), moved);
    assert_eq!(ran.unwrap().status, Some(JobStatus::Done));
}

#[tokio::test]
async fn a_started_runtime_lives_by_the_same_clock() {
    let queue = TestQueue::sqlite(registry(&[&FakeHandler::new("k")])).await.unwrap();
    let handle = queue.runtime().start().await.unwrap();
    let now = queue.enqueue(request("k")).await.unwrap().id;
    wait_for_status(queue.storage(), now, JobStatus::Done, HANG).await;
    let later = queue.enqueue(request("k").with_delay(MINUTE)).await.unwrap().id;
    assert_eq!(status(&queue, later).await, JobStatus::Scheduled);
    queue.clock().advance(MINUTE);
    wait_for_status(queue.storage(), later, JobStatus::Done, HANG).await;
    assert!(handle.shutdown_graceful(HANG).await.still_running.is_empty());
}

#[tokio::test]
async fn a_report_tells_what_failed_and_of_what() {
    let fake =
        FakeHandler::new("k").done().fail_times(12, "no route").then(JobOutcome::Dead("no more".into()));
    let queue = in_memory(&[&fake]).await;
    queue.enqueue(request("k")).await.unwrap();
    let good = queue.drain().await.unwrap();
    good.expect_done();
    assert_eq!(good.to_string(), "1 ran: 1 done, 0 failed, 0 throttled, 0 dead; 0 fired, 0 revived");
    for _ in 0..13 {
        queue.enqueue(request("k")).await.unwrap();
    }
    let report = queue.drain().await.unwrap();
    assert_eq!((report.failed(), report.dead(), report.ran[12].error()), (12, 1, Some("no more")));
    let text = report.to_string();
    let first = format!("\n    k {}, attempt 1: no route\n", fake.calls()[1].job);
    assert!(text.contains(&first) && text.ends_with("\n    … and 3 more failures"), "{text}");
}

#[tokio::test]
#[should_panic(expected = "not all is done: 1 ran: 0 done, 1 failed")]
async fn a_drain_of_which_all_should_be_done_fails_when_it_is_not() {
    let queue = in_memory(&[&FakeHandler::new("k").fail_times(1, "no route")]).await;
    queue.enqueue(request("k")).await.unwrap();
    queue.drain().await.unwrap().expect_done();
}

#[tokio::test]
async fn jobs_are_found_by_their_concurrency_key() {
    let queue = in_memory(&[]).await;
    queue.enqueue(request("k").with_concurrency_key("ada")).await.unwrap();
    let with = |key: &str| JobMatch::new().concurrency_key(key);
    assert!(check_enqueued(queue.storage(), &with("ada")).await.is_ok());
    let text = check_enqueued(queue.storage(), &with("bob")).await.unwrap_err();
    assert!(text.contains("concurrency_key: bob") && text.contains("[differs in concurrency_key]"), "{text}");
}

//! Assertions that can fail, and say why.

use forge_jobs::testing::{FakeHandler, TestQueue, all_enqueued, assert_enqueued, refute_enqueued};
use forge_jobs::testing::{JobMatch, check_enqueued, check_not_enqueued};
use forge_jobs::{EnqueueRequest, HandlerRegistry, JobStatus};
use serde_json::json;
use std::time::Duration;

async fn queue() -> TestQueue {
    let mut handlers = HandlerRegistry::new();
    handlers.register(FakeHandler::new("done"));
    let queue = TestQueue::in_memory(handlers).await.unwrap();
    let mail = EnqueueRequest::new("mail.send", json!({"to": {"name": "ada", "n": 1}, "lines": [1, 2]}));
    let mail = mail.on_queue("mail").with_delay(Duration::from_secs(60)).with_priority(-5);
    queue.enqueue(mail.with_tag("welcome").with_tag("paid").with_dedupe_key("ada")).await.unwrap();
    queue.enqueue(EnqueueRequest::new("report", 1)).await.unwrap();
    queue
}

async fn found(queue: &TestQueue, expected: JobMatch) -> bool {
    let found = check_enqueued(queue.storage(), &expected).await.is_ok();
    assert_eq!(found, check_not_enqueued(queue.storage(), &expected).await.is_err(), "{expected:?}");
    found
}

#[tokio::test]
async fn each_field_finds_the_job_and_its_opposite_does_not() {
    let queue = queue().await;
    let at = queue.clock().now().saturating_add(Duration::from_secs(60));
    let second = Duration::from_secs(1);
    let new = JobMatch::new;
    for good in [
        new().kind("mail.send"),
        new().queue("mail"),
        new().payload(json!({"to": {"name": "ada"}})),
        new().payload(json!({"lines": [1, 2]})),
        new().run_at(at),
        new().run_at(at.saturating_sub(second)),
        new().priority(-5),
        new().tag("paid").tag("welcome"),
        new().dedupe_key("ada"),
        new().status(JobStatus::Scheduled),
        new().kind("mail.send").queue("mail").tag("paid").run_at(at).within(Duration::ZERO),
    ] {
        assert!(found(&queue, good.clone()).await, "{good:?}");
    }
    for bad in [
        new().kind("mail"),
        new().queue("mails"),
        new().payload(json!({"to": {"name": "bob"}})),
        new().payload(json!({"lines": [1]})),
        new().run_at(at.saturating_add(second * 2)),
        new().run_at(at.saturating_add(second)).within(Duration::ZERO),
        new().priority(5),
        new().tag("paid").tag("other"),
        new().dedupe_key("bob"),
        new().status(JobStatus::Done),
        new().kind("report").queue("mail"),
    ] {
        assert!(!found(&queue, bad.clone()).await, "{bad:?}");
    }
    assert!(check_enqueued(queue.storage(), &new().count(2)).await.is_ok());
    assert!(check_enqueued(queue.storage(), &new().count(1)).await.is_err());
    assert!(check_enqueued(queue.storage(), &new().kind("none").count(0)).await.is_ok());
    assert_eq!(all_enqueued(queue.storage(), &new()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_finished_is_not_enqueued_unless_it_is_asked_for() {
    let queue = queue().await;
    queue.enqueue(EnqueueRequest::new("done", 1)).await.unwrap();
    queue.drain().await.unwrap();
    refute_enqueued!(queue, kind: "done");
    let jobs = assert_enqueued!(&queue, kind: "done", status: JobStatus::Done, count: 1);
    assert_eq!(jobs[0].kind, "done");
    refute_enqueued!(queue.storage(), kind: "done", status: JobStatus::Dead);
    assert_enqueued!(queue.runtime(), kind: "report");
    let storage: &forge_jobs::Storage = queue.storage();
    assert_enqueued!(storage, kind: "report");
    // As state of a web framework, or a fixture, has it.
    let shared = std::sync::Arc::new(queue);
    assert_enqueued!(shared, kind: "report");
    refute_enqueued!(&shared, kind: "none");
}

#[tokio::test]
async fn a_failure_lists_what_is_enqueued_and_what_differs() {
    let queue = queue().await;
    let expected = JobMatch::new().kind("mail.send").payload(json!({"to": {"name": "bob"}})).priority(1);
    let text = check_enqueued(queue.storage(), &expected).await.unwrap_err();
    for part in [
        "expected a job like this, found 0:",
        "kind: mail.send",
        "payload: {\"to\":{\"name\":\"bob\"}}, or more",
        "2 jobs are there:",
        "mail.send in mail, scheduled, due 2030-01-07T00:01:00",
        "tags [\"welcome\", \"paid\"]",
        "\"name\":\"ada\"",
        "[differs in priority, payload]",
        "report in default, pending",
        "[differs in kind, priority, payload]",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let text = check_not_enqueued(queue.storage(), &JobMatch::new().kind("report")).await.unwrap_err();
    assert!(text.contains("expected no job like this, found 1:") && !text.contains("mail.send"), "{text}");
    let empty = TestQueue::in_memory(HandlerRegistry::new()).await.unwrap();
    let text = check_enqueued(empty.storage(), &JobMatch::new()).await.unwrap_err();
    assert!(text.contains("(any job)") && text.contains("nothing is enqueued"), "{text}");
}

#[tokio::test]
#[should_panic(expected = "expected a job like this, found 0:\n    kind: none")]
async fn an_assertion_fails_where_it_stands() {
    assert_enqueued!(queue().await, kind: "none");
}

#[tokio::test]
#[should_panic(expected = "expected no job like this, found 1:\n    kind: report")]
async fn a_refutation_fails_where_it_stands() {
    refute_enqueued!(queue().await, kind: "report");
}

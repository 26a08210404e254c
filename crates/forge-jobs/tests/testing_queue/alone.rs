//! A handler alone: what it is given, and what is heard of it.

use forge_jobs::testing::{FakeHandler, ManualClock, Perform, perform};
use forge_jobs::{
    AttemptCause, CancelCause, EnqueueRequest, HandlerOptions, JobContext, JobHandler, JobOutcome,
    JobPayload, Timestamp, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Does everything that a handler can do.
struct Busy;

impl JobHandler for Busy {
    fn kind(&self) -> &'static str {
        "busy"
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        tracing::info!(lines = 2, password = "hunter2", "at work");
        ctx.progress(1, Some(4), Some("a quarter"));
        ctx.rate_limit.acquire_n("slack", 2).await.unwrap();
        ctx.rate_limit.drain("slack", Duration::from_secs(9)).await.unwrap();
        ctx.set_output("result").unwrap();
        ctx.enqueue(EnqueueRequest::new("next", ctx.attempt())).await.unwrap();
        if ctx.is_last_attempt() {
            JobOutcome::Dead(format!("{}", ctx.throttles()))
        } else {
            JobOutcome::Done
        }
    }
}

#[tokio::test]
async fn all_that_a_handler_does_is_heard() {
    let done = perform(&Busy, "x").await;
    assert_eq!((done.outcome, done.cause), (JobOutcome::Done, None));
    let progress = done.progress.unwrap();
    assert_eq!((progress.done, progress.total, progress.note.as_deref()), (1, Some(4), Some("a quarter")));
    assert_eq!(done.output.unwrap().as_str(), "\"result\"");
    assert_eq!((done.enqueued[0].kind.as_str(), done.enqueued[0].payload.as_str()), ("next", "1"));
    assert_eq!(done.permits, [("slack".to_owned(), 2)]);
    assert_eq!(done.drained, [("slack".to_owned(), Duration::from_secs(9))]);
    #[cfg(feature = "logs")]
    {
        // What the queue itself tells of the drain comes after it.
        assert_eq!(done.logs[0].message, "at work");
        assert_ne!(done.logs[0].fields["password"], "hunter2");
    }
}

#[tokio::test]
async fn the_context_is_what_the_test_says() {
    let request = EnqueueRequest::new("busy", 1).with_max_attempts(3);
    let last = Perform::new(request).on_attempt(3).after_throttles(2).run(&Busy).await.unwrap();
    assert_eq!(last.outcome, JobOutcome::Dead("2".into()));
    assert_eq!(last.enqueued[0].payload.as_str(), "3");
    let fake = FakeHandler::new("k");
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(7)));
    let request =
        EnqueueRequest::new("k", 1).with_tag("t").on_queue("q").with_delay(Duration::from_micros(3));
    Perform::new(request).with_clock(clock).run(&fake).await.unwrap();
    let call = &fake.calls()[0];
    assert_eq!((call.queue.as_str(), call.tags[0].as_str()), ("q", "t"));
    assert_eq!(call.due_at, Timestamp::from_micros(10));
    assert!(Perform::new(EnqueueRequest::new("no name", 1)).run(&fake).await.is_err());
}

#[tokio::test]
async fn a_router_says_where_the_job_is_and_where_those_go_that_it_enqueues() {
    let router = |kind: &str| format!("of-{kind}");
    let request = EnqueueRequest::new("busy", 1);
    let ran = Perform::new(request).with_router(Arc::new(router)).run(&Busy).await.unwrap();
    assert_eq!(ran.enqueued[0].queue, "of-next");
    let fake = FakeHandler::new("k");
    Perform::new(EnqueueRequest::new("k", 1)).with_router(Arc::new(router)).run(&fake).await.unwrap();
    assert_eq!(fake.calls()[0].queue, "of-k");
}

#[tokio::test]
async fn panics_limits_and_cancels_end_an_attempt_as_in_production() {
    let fake = FakeHandler::new("k").panic("boom").hang().hang();
    let panicked = perform(&fake, 1).await;
    assert_eq!(panicked.outcome, JobOutcome::Failed("panicked: boom".into()));
    assert_eq!(panicked.cause, Some(AttemptCause::Panic));
    let quick =
        fake.clone().with_options(HandlerOptions::default().with_time_limit(Duration::from_millis(1)));
    assert_eq!(perform(&quick, 1).await.cause, Some(AttemptCause::TimeLimit));
    let attempt = Perform::new(EnqueueRequest::new("k", 1));
    attempt.cancel_token().cancel(CancelCause::Shutdown);
    let stopped = attempt.run(&fake).await.unwrap();
    let JobOutcome::Failed(text) = stopped.outcome else { panic!("{:?}", stopped.outcome) };
    assert!(text.contains("the process shuts down"), "{text}");
}

#[derive(Serialize, Deserialize)]
struct Order {
    number: u32,
}

impl JobPayload for Order {
    const KIND: &'static str = "order";
}

struct Ship;

impl TypedHandler for Ship {
    type Payload = Order;

    async fn run(&self, _: JobContext, order: Order) -> JobOutcome {
        JobOutcome::Failed(order.number.to_string())
    }
}

#[tokio::test]
async fn a_typed_handler_gets_its_payload_or_nothing() {
    let ran = Perform::of(&Order { number: 7 }).run_typed(&Ship).await.unwrap();
    assert_eq!(ran.outcome, JobOutcome::Failed("7".into()));
    let ran = Perform::new(EnqueueRequest::new("order", "no order")).run_typed(&Ship).await.unwrap();
    assert_eq!(ran.cause, Some(AttemptCause::Undecodable));
}

#[tokio::test]
async fn a_script_is_played_and_then_it_is_done_or_what_always_says() {
    let fake = FakeHandler::new("k").fail_times(1, "a").throttle(Duration::from_secs(1)).done();
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(perform(&fake, 1).await.outcome);
    }
    let throttled = JobOutcome::throttled(Duration::from_secs(1));
    assert_eq!(outcomes, [JobOutcome::Failed("a".into()), throttled, JobOutcome::Done, JobOutcome::Done]);
    let dead = FakeHandler::new("k").always(JobOutcome::Dead("x".into()));
    assert_eq!(perform(&dead, 1).await.outcome, JobOutcome::Dead("x".into()));
    assert_eq!(perform(&dead, 7).await.outcome, JobOutcome::Dead("x".into()));
    assert_eq!(dead.calls()[1].decode::<u32>().unwrap(), 7);
}

#[tokio::test]
#[should_panic(expected = "for 1 calls of \"k\"; there were 0")]
async fn a_call_that_does_not_come_is_told() {
    FakeHandler::new("k").wait_for_calls(1, Duration::from_millis(10)).await;
}

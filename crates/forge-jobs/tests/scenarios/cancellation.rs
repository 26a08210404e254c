//! Here, in another process, never twice.

use crate::support::{Db, next, puppets, quick, request, runtime, soon, until};
use forge_jobs::storage::{CancelOutcome, VerbParams};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{CancelCause, DeadReason, HandlerRegistry, JobId, JobOutcome, JobStatus, RuntimeConfig};
use std::time::Duration;

#[tokio::test]
async fn a_waiting_job_is_dead_as_cancelled_at_once_and_never_runs() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let later = runtime.enqueue(request("k").with_delay(Duration::from_secs(60))).await.unwrap();
    let handle = runtime.start().await.unwrap();
    assert_eq!(handle.request_cancel(&later).await.unwrap(), CancelOutcome::Cancelled);
    let job = db.job(later.id).await;
    assert_eq!((job.status, job.dead_reason, job.attempt), (JobStatus::Dead, Some(DeadReason::Cancelled), 0));
    db.stop(handle).await;
    assert!(started.try_recv().is_err());
}

#[tokio::test]
async fn a_running_job_is_told_at_once_and_its_failure_is_final() {
    let db = Db::new().await;
    let faults = Faults::new();
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let mut config = quick();
    config.heartbeat_interval = Duration::from_secs(3_000);
    config.stale_after = Duration::from_secs(30_000);
    let runtime = runtime(&storage, handlers).with_config(config);
    let handle = runtime.start().await.unwrap();
    // A request is news to its process, which makes it beat: no heartbeat is what told it.
    let faults = faults.hold(Operation::Heartbeat);
    for outcome in
        [JobOutcome::Failed("stopped".into()), JobOutcome::Throttled { retry_after: Duration::ZERO }]
    {
        let id = runtime.enqueue(request("k")).await.unwrap().id;
        let puppet = next(&mut started).await;
        let answer = handle.request_cancel(&id).await.unwrap();
        assert!(
            matches!(answer, CancelOutcome::Requested { process, .. } if Some(process) == handle.process_id())
        );
        assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
        puppet.end(outcome);
        let job = db.until_status(id, JobStatus::Dead).await;
        assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Cancelled), 0));
    }
    faults.mend(Operation::Heartbeat);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_running_job_is_told_while_the_database_is_slow_or_away() {
    for fault in [
        |faults: Faults| faults.hold(Operation::Cancel),
        |faults: Faults| faults.refuse(Operation::Cancel, When::Always),
    ] {
        let db = Db::new().await;
        let faults = fault(Faults::new());
        let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
        let mut handlers = HandlerRegistry::new();
        let mut started = puppets(&mut handlers, "k");
        let runtime = runtime(&storage, handlers);
        let handle = runtime.start().await.unwrap();
        let id = runtime.enqueue(request("k")).await.unwrap().id;
        let puppet = next(&mut started).await;
        let answer = handle.request_cancel(&id);
        assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
        puppet.end(JobOutcome::Failed("stopped".into()));
        let job = db.until_status(id, JobStatus::Dead).await;
        assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Cancelled), 0));
        faults.mend(Operation::Cancel);
        if let Ok(outcome) = soon("the answer", answer).await {
            assert!(matches!(outcome, CancelOutcome::AlreadyFinished { .. }), "{outcome:?}");
        }
        db.stop(handle).await;
    }
}

#[tokio::test]
async fn a_cancel_whose_answer_nobody_awaits_takes_effect() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    drop(handle.request_cancel(&id));
    soon("the signal", puppet.cancel.cancelled()).await;
    puppet.end(JobOutcome::Done);
    // Done committed first, so it wins.
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_job_claimed_ahead_is_cancelled_without_running() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    handlers.register_fn("quick", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 1).await.unwrap();
    let handle = runtime.start().await.unwrap();
    // What stands in the buffer for long goes back, which on a busy machine may be before it is cancelled.
    let mut rounds = 0;
    let mut ahead = 0;
    while ahead == 0 {
        rounds += 1;
        assert!(rounds <= 10, "none was claimed ahead");
        // Short runs teach the fetcher to claim ahead.
        runtime.enqueue_many((0..500).map(|_| request("quick"))).await;
        soon("the short jobs", handle.drained()).await.unwrap();
        let made = runtime.enqueue_many((0..10).map(|_| request("k"))).await;
        let ids: Vec<_> = made.into_iter().map(|r| r.unwrap().id).collect();
        let first = next(&mut started).await;
        // All at once, and so soon.
        let asked: Vec<_> =
            ids.iter().filter(|id| **id != first.id).map(|id| handle.request_cancel(id)).collect();
        for answer in asked {
            ahead += u32::from(matches!(answer.await.unwrap(), CancelOutcome::Requested { .. }));
        }
        let ran = first.id;
        first.end(JobOutcome::Done);
        db.until_status(ran, JobStatus::Done).await;
        for id in ids.into_iter().filter(|id| *id != ran) {
            let job = db.until_status(id, JobStatus::Dead).await;
            assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Cancelled), 0));
        }
    }
    db.stop(handle).await;
    assert!(started.try_recv().is_err(), "a cancelled job ran");
}

#[tokio::test]
async fn a_job_in_another_process_is_told_within_a_heartbeat() {
    another_process_is_told(quick()).await;
}

#[tokio::test]
async fn a_job_in_another_process_is_told_long_before_the_next_heartbeat() {
    another_process_is_told(rarely_beating()).await;
}

#[tokio::test]
async fn a_job_of_this_process_is_told_at_once_by_whichever_way_it_is_cancelled() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers).with_config(rarely_beating());
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    // As a server in front of the same storage does.
    db.storage.jobs.cancel(VerbParams { ids: vec![id], actor: None, now: None }).await.unwrap();
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
    puppet.end(JobOutcome::Failed("stopped".into()));
    db.until_status(id, JobStatus::Dead).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_cancel_whose_heartbeat_fails_is_told_by_another_one_soon() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    // The first one is that of the start.
    let faults = Faults::new().refuse(Operation::Heartbeat, When::First(2));
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let runtime = runtime(&flaky, handlers).with_config(rarely_beating());
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    until("the first heartbeat", async || faults.failed(Operation::Heartbeat) >= 1).await;
    db.storage.jobs.cancel(VerbParams { ids: vec![id], actor: None, now: None }).await.unwrap();
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
    assert_eq!(faults.failed(Operation::Heartbeat), 2);
    puppet.end(JobOutcome::Failed("stopped".into()));
    db.until_status(id, JobStatus::Dead).await;
    db.stop(handle).await;
}

/// Long before its next heartbeat a test has failed.
fn rarely_beating() -> RuntimeConfig {
    let mut config = quick();
    config.heartbeat_interval = Duration::from_secs(3_600);
    config.stale_after = 5 * config.heartbeat_interval;
    config
}

async fn another_process_is_told(config: RuntimeConfig) {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let elsewhere = db.another().await;
    let worker = runtime(&elsewhere, handlers).with_config(config.clone());
    let busy = worker.start().await.unwrap();
    // By the same window: each judges the silence of others by its own.
    let here = runtime(&db.storage, HandlerRegistry::new()).with_config(config);
    let handle = here.start().await.unwrap();
    let id = here.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    let answer = handle.request_cancel(&id).await.unwrap();
    assert!(matches!(answer, CancelOutcome::Requested { process, .. } if Some(process) == busy.process_id()));
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
    puppet.end(JobOutcome::Failed("stopped".into()));
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!(job.dead_reason, Some(DeadReason::Cancelled));
    db.stop(handle).await;
    db.stop(busy).await;
}

#[tokio::test]
async fn the_answer_is_true_for_finished_and_unknown_jobs() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    db.until_status(id, JobStatus::Done).await;
    let finished = CancelOutcome::AlreadyFinished { status: JobStatus::Done, dead_reason: None };
    assert_eq!(handle.request_cancel(&id).await.unwrap(), finished);
    assert_eq!(handle.request_cancel(&JobId::new()).await.unwrap(), CancelOutcome::Unknown);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_retried_job_does_not_inherit_the_cancel_of_its_last_life() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    handle.request_cancel(&id).await.unwrap();
    puppet.end(JobOutcome::Failed("stopped".into()));
    db.until_status(id, JobStatus::Dead).await;
    let params = VerbParams { ids: vec![id], actor: None, now: None };
    db.storage.jobs.retry(params).await.unwrap();
    let puppet = next(&mut started).await;
    assert_eq!((puppet.id, puppet.attempt, puppet.cancel.is_cancelled()), (id, 1, false));
    puppet.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

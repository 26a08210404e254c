//! Deadline, hand-back, no task left.

use crate::support::{Db, HANG, next, puppets, request, runtime, soon, until};
use forge_jobs::rate_limit::RateLimit;
use forge_jobs::storage::TicksParams;
use forge_jobs::testing::{Faults, FlakyStorage, Operation};
use forge_jobs::{
    CancelCause, HandlerRegistry, JobOutcome, JobStatus, QueueHandle, Schedule, ShutdownReport, StartError,
};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A shutdown that has begun and waits for something.
async fn shutdown_under_way(db: &Db, handle: &QueueHandle) -> JoinHandle<ShutdownReport> {
    let shutdown = tokio::spawn({
        let handle = handle.clone();
        async move { handle.shutdown_graceful(HANG).await }
    });
    until("it stops", || async { db.storage.inspect.processes().await.unwrap().iter().all(|p| p.stopping) })
        .await;
    assert!(!shutdown.is_finished());
    shutdown
}

#[tokio::test]
async fn running_jobs_finish_and_waiting_ones_stay() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 1).await.unwrap();
    let first = runtime.enqueue(request("k")).await.unwrap().id;
    let second = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let puppet = next(&mut started).await;
    let shutdown = tokio::spawn({
        let handle = handle.clone();
        async move { handle.shutdown_graceful(HANG).await }
    });
    // The signal would come only after the timeout.
    assert!(!puppet.cancel.is_cancelled());
    puppet.end(JobOutcome::Done);
    let report = soon("the shutdown", shutdown).await.unwrap();
    assert_eq!((report.finished, report.still_running.len()), (1, 0));
    assert_eq!(db.job(first).await.status, JobStatus::Done);
    let waiting = db.job(second).await;
    assert_eq!((waiting.status, waiting.attempt), (JobStatus::Pending, 0));
    assert_eq!(db.storage.inspect.processes().await.unwrap().len(), 0);
    db.check().await;
}

#[tokio::test]
async fn a_job_that_is_throttled_while_its_process_stops_waits_as_it_was_asked_to() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let puppet = next(&mut started).await;
    let shutdown = tokio::spawn(async move { handle.shutdown_graceful(Duration::ZERO).await });
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Shutdown);
    let hour = Duration::from_secs(3_600);
    puppet.end(JobOutcome::Throttled { retry_after: hour });
    let report = soon("the shutdown", shutdown).await.unwrap();
    assert_eq!((report.finished, report.handed_back), (1, 0));
    let job = db.job(id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Scheduled, 0));
    assert!(job.due_at.saturating_since(job.created_at) >= hour, "{job:?}");
    db.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_that_are_being_written_are_written_before_the_shutdown_is_over() {
    let db = Db::new().await;
    let faults = Faults::new().hold(Operation::Finish);
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    next(&mut started).await.end(JobOutcome::Done);
    until("the outcome to be on its way", || async { faults.calls(Operation::Finish) > 0 }).await;
    // No handler is left that anybody could wait for.
    until("the handler to be gone", || async { handle.running().is_empty() }).await;
    let shutdown = shutdown_under_way(&db, &handle).await;
    assert_eq!(db.job(id).await.status, JobStatus::Running);
    faults.mend(Operation::Finish);
    let report = soon("the shutdown", shutdown).await.unwrap();
    assert_eq!((report.finished, report.handed_back), (1, 0));
    assert_eq!(db.job(id).await.status, JobStatus::Done);
    db.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_claim_brings_that_is_under_way_goes_back_with_its_permits_before_the_shutdown_is_over() {
    let db = Db::new().await;
    let faults = Faults::new().hold(Operation::Claim);
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let runtime = runtime(&storage, handlers);
    runtime.ensure_queue("default", 2).await.unwrap();
    runtime.ensure_limit("up", RateLimit::new(2, Duration::from_secs(3_600))).await.unwrap();
    runtime.limit_queue("default", Some("up")).await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    until("a claim to be under way", || async { faults.calls(Operation::Claim) > 0 }).await;
    let shutdown = shutdown_under_way(&db, &handle).await;
    faults.mend(Operation::Claim);
    let report = soon("the shutdown", shutdown).await.unwrap();
    assert_eq!((report.finished, report.handed_back), (0, 1));
    let job = db.job(id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Pending, 0));
    let limits = db.storage.rate_limits.limits(None).await.unwrap();
    assert_eq!(limits.iter().map(|limit| limit.used).collect::<Vec<_>>(), [0]);
    db.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fires_that_are_being_written_are_jobs_before_the_shutdown_is_over() {
    let db = Db::new().await;
    let faults = Faults::new();
    let storage = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let schedule = Schedule::new("s", "* * * * * *", request("k"));
    let handle = runtime(&storage, handlers).schedule(schedule).start().await.unwrap();
    let fired = async || {
        let ticks = TicksParams { name: "s".into(), limit: 100, before: None };
        db.storage.cron.ticks(ticks).await.unwrap().len()
    };
    until("a fire", || async { fired().await > 0 }).await;
    let faults = faults.hold(Operation::FireSchedules);
    let before = fired().await;
    until("a fire is under way", || async { faults.calls(Operation::FireSchedules) >= 1 }).await;
    let shutdown = shutdown_under_way(&db, &handle).await;
    faults.mend(Operation::FireSchedules);
    soon("the shutdown", shutdown).await.unwrap();
    assert!(fired().await > before, "the fire was left alone, to be carried out at any time or never");
    assert_eq!(db.storage.inspect.processes().await.unwrap().len(), 0);
    db.check().await;
}

#[tokio::test]
async fn a_job_that_stops_when_told_is_handed_back_uncharged_and_another_worker_takes_it_at_once() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let first = runtime(&db.storage, handlers);
    let id = first.enqueue(request("k").with_max_attempts(1)).await.unwrap().id;
    let handle = first.start().await.unwrap();
    let puppet = next(&mut started).await;
    let shutdown = tokio::spawn(async move { handle.shutdown_graceful(Duration::ZERO).await });
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Shutdown);
    puppet.end(JobOutcome::Failed("interrupted".into()));
    let report = soon("the shutdown", shutdown).await.unwrap();
    assert_eq!((report.handed_back, report.still_running.len()), (1, 0));
    let job = db.job(id).await;
    assert_eq!((job.status, job.attempt, job.suspect), (JobStatus::Pending, 0, false));

    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let second = runtime(&db.storage, handlers);
    let handle = second.start().await.unwrap();
    let puppet = next(&mut started).await;
    assert_eq!((puppet.id, puppet.attempt), (id, 1));
    puppet.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_handler_that_ignores_the_signal_keeps_its_job_and_is_reported() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let mut config = crate::support::quick();
    config.cancel_grace = Duration::from_millis(20);
    let runtime = runtime(&db.storage, handlers).with_config(config);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let me = handle.process_id();
    let puppet = next(&mut started).await;
    let report = soon("the shutdown", handle.shutdown_graceful(Duration::ZERO)).await;
    assert_eq!(report.still_running, [id]);
    let job = db.job(id).await;
    assert_eq!((job.status, job.process), (JobStatus::Running, me));
    // The host lives on, so does the claim: its end still counts.
    puppet.end(JobOutcome::Done);
    soon("the end", handle.ended()).await;
    assert_eq!(db.job(id).await.status, JobStatus::Done);
    assert_eq!(db.storage.inspect.processes().await.unwrap().len(), 0);
    db.check().await;
}

#[tokio::test]
async fn a_program_about_to_exit_hands_back_what_still_runs() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let puppet = next(&mut started).await;
    soon("the end", handle.abandon()).await;
    let job = db.job(id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Pending, 0));
    // The zombie's result is refused.
    puppet.end(JobOutcome::Done);
    assert_eq!(db.job(id).await.status, JobStatus::Pending);
    db.check().await;
}

#[tokio::test]
async fn a_second_shutdown_waits_for_the_first_and_an_abandon_cuts_it_short() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let _puppet = next(&mut started).await;
    let waits: Vec<_> = (0..2)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.shutdown_graceful(HANG).await })
        })
        .collect();
    soon("the end", handle.abandon()).await;
    for wait in waits {
        soon("the shutdown", wait).await.unwrap();
    }
    assert_eq!(db.job(id).await.status, JobStatus::Pending);
}

#[tokio::test]
async fn a_dropped_handle_stops_the_runtime_in_the_background() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let puppet = next(&mut started).await;
    drop(handle);
    assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Shutdown);
    puppet.end(JobOutcome::Failed("interrupted".into()));
    db.until_status(id, JobStatus::Pending).await;
    until("the registration to end", || async { db.storage.inspect.processes().await.unwrap().is_empty() })
        .await;
}

#[tokio::test]
async fn a_runtime_starts_once_at_a_time_and_again_after_a_shutdown() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    assert!(matches!(runtime.start().await, Err(StartError::AlreadyStarted)));
    db.stop(handle).await;
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_start_with_bad_handlers_or_settings_registers_nothing() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers
        .register_fn("k", |_| async { JobOutcome::Done })
        .register_fn("k", |_| async { JobOutcome::Done });
    let twice = runtime(&db.storage, handlers).start().await;
    assert!(matches!(twice, Err(StartError::Handler(_))), "{twice:?}");
    let mut config = crate::support::quick();
    config.stale_after = config.heartbeat_interval * 3;
    let short = runtime(&db.storage, HandlerRegistry::new()).with_config(config).start().await;
    assert!(matches!(short, Err(StartError::Config(_))), "{short:?}");
    assert_eq!(db.storage.inspect.processes().await.unwrap().len(), 0);
}

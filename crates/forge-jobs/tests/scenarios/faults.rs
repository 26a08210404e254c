//! A storage that fails or dawdles: nothing is lost, nothing is done twice under a valid lease.

use crate::support::{Db, next, puppets, quick, registration, request, runtime, soon, soon_stale, until};
use forge_jobs::storage::DeregisterParams;
use forge_jobs::testing::{Faults, FlakyStorage, ManualClock, Operation, SlowStorage, When};
use forge_jobs::{CancelCause, HandlerRegistry, JobOutcome, JobStatus, ProcessId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn counting(runs: &Arc<AtomicU32>) -> HandlerRegistry {
    let runs = runs.clone();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", move |_| {
        runs.fetch_add(1, Ordering::Relaxed);
        async { JobOutcome::Done }
    });
    handlers
}

#[tokio::test]
async fn an_outcome_is_sent_until_the_storage_takes_it() {
    let db = Db::new().await;
    for faults in [
        Faults::new().refuse(Operation::Finish, When::First(3)),
        // Committed, though nobody was told: the second try finds its claim gone, and all is well.
        Faults::new().lose_answer(Operation::Finish, When::First(1)),
    ] {
        let runs = Arc::new(AtomicU32::new(0));
        let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
        let runtime = runtime(&flaky, counting(&runs));
        let id = runtime.enqueue(request("k")).await.unwrap().id;
        let handle = runtime.start().await.unwrap();
        db.until_status(id, JobStatus::Done).await;
        soon("the queue to drain", handle.drained()).await.unwrap();
        db.stop(handle).await;
        assert!(faults.failed(Operation::Finish) > 0);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn jobs_of_a_claim_whose_answer_was_lost_come_back_and_run() {
    let db = Db::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let faults = Faults::new().lose_answer(Operation::Claim, When::First(1));
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults);
    let runtime = runtime(&flaky, counting(&runs));
    for _ in 0..5 {
        runtime.enqueue(request("k")).await.unwrap();
    }
    let handle = runtime.start().await.unwrap();
    let first = handle.process_id();
    soon("the queue to drain", handle.drained()).await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 5);
    assert_ne!(handle.process_id(), first, "the doubtful registration was ended");
    db.stop(handle).await;
}

#[tokio::test]
async fn a_process_that_cannot_confirm_its_heartbeat_stops_its_jobs_and_starts_anew() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let faults = Faults::new();
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let runtime = runtime(&flaky, handlers).with_config(soon_stale());
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let first = handle.process_id();
    let zombie = next(&mut started).await;
    let faults = faults.refuse(Operation::Heartbeat, When::Always);
    assert_eq!(soon("the signal", zombie.cancel.cancelled()).await, CancelCause::LeaseLost);
    faults.mend(Operation::Heartbeat);
    zombie.end(JobOutcome::Done);
    until("a new registration", || async { handle.process_id().is_some_and(|p| Some(p) != first) }).await;
    // Its result did not count: the job is handed back, uncharged, and runs again.
    let second = next(&mut started).await;
    assert_eq!((second.id, second.attempt), (id, 1));
    second.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_registration_that_fails_is_tried_once_a_second_whatever_others_do() {
    let db = Db::new().await;
    let faults = Faults::new();
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let runtime = runtime(&flaky, HandlerRegistry::new()).with_config(soon_stale());
    let handle = runtime.start().await.unwrap();
    let first = handle.process_id();
    let faults = faults.refuse(Operation::Register, When::Always).refuse(Operation::Heartbeat, When::Always);
    until("a registration that fails", || async { faults.failed(Operation::Register) > 0 }).await;
    let (begun, before) = (Instant::now(), faults.failed(Operation::Register));
    while faults.failed(Operation::Register) < before + 3 {
        // Whoever leaves tells all others that the lead may be free.
        let process = ProcessId::new();
        db.storage.processes.register(registration(process)).await.unwrap();
        let params = DeregisterParams { process, now: None };
        db.storage.processes.deregister(params).await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(2), "three tries within {:?}", begun.elapsed());
    faults.mend(Operation::Register);
    faults.mend(Operation::Heartbeat);
    until("a new registration", || async { handle.process_id().is_some_and(|p| Some(p) != first) }).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_storage_that_fails_at_random_loses_nothing() {
    let db = Db::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let percent = |percent, seed| When::Percent { percent, seed };
    let faults = Faults::new()
        .refuse(Operation::Claim, percent(30, 1))
        .lose_answer(Operation::Finish, percent(30, 2))
        .refuse(Operation::Promote, percent(30, 3))
        .refuse(Operation::Heartbeat, percent(20, 4))
        .refuse(Operation::Read, percent(10, 5));
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults);
    let runtime = runtime(&flaky, counting(&runs));
    for n in 0..200 {
        let delay = Duration::from_millis(if n % 2 == 0 { 0 } else { n });
        runtime.enqueue(request("k").with_delay(delay)).await.unwrap();
    }
    let handle = runtime.start().await.unwrap();
    until("all jobs to be done", || async { !db.storage.inspect.has_unfinished(None).await.unwrap() }).await;
    assert!(runs.load(Ordering::Relaxed) >= 200);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_slow_storage_still_gets_there() {
    let db = Db::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let slow = SlowStorage::wrap(db.storage.clone(), Duration::from_millis(20));
    let runtime = runtime(&slow, counting(&runs));
    for result in runtime.enqueue_many((0..300).map(|_| request("k"))).await {
        result.unwrap();
    }
    let handle = runtime.start().await.unwrap();
    soon("the queue to drain", handle.drained()).await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 300);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_manual_clock_moves_due_times_and_backoff() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let clock = ManualClock::at(Timestamp::now());
    let mut config = quick();
    // The clock's jumps are longer than any stale window that leaves room for heartbeats.
    config.stale_after = Duration::from_secs(86_400);
    let runtime = runtime(&db.storage, handlers).with_config(config).with_clock(Arc::new(clock.clone()));
    runtime.ensure_queue("default", 1).await.unwrap();
    let id = runtime.enqueue(request("k").with_delay(Duration::from_secs(3_600))).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    clock.advance(Duration::from_secs(3_599));
    let other = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    assert_eq!(puppet.id, other, "the other job is not due yet");
    puppet.end(JobOutcome::Failed("x".into()));
    db.until_status(other, JobStatus::Retrying).await;
    clock.advance(Duration::from_secs(1));
    let puppet = next(&mut started).await;
    assert_eq!(puppet.id, id);
    puppet.end(JobOutcome::Done);
    // 15 s of backoff and its jitter.
    clock.advance(Duration::from_secs(18));
    let again = next(&mut started).await;
    assert_eq!((again.id, again.attempt), (other, 2));
    again.end(JobOutcome::Done);
    db.until_status(other, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_process_whose_claim_is_in_doubt_registers_anew_before_its_next_heartbeat() {
    let db = Db::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let faults = Faults::new().lose_answer(Operation::Claim, When::First(1));
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults);
    let runtime =
        runtime(&flaky, counting(&runs)).with_config(quick().with_heartbeat(Duration::from_secs(600)));
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    // Far less than a heartbeat, or the support gives up.
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn nothing_runs_beside_a_suspect_before_the_end_of_its_time_alone_is_written() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let first = runtime(&db.storage, handlers);
    let suspect = first.enqueue(request("k")).await.unwrap().id;
    let handle = first.start().await.unwrap();
    let zombie = next(&mut started).await;
    crate::fencing::handle_dies(&db, handle).await;
    drop(zombie);

    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let faults = Faults::new().refuse(Operation::EndAlone, When::First(4));
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut config = quick();
    config.alone_window = Duration::from_millis(50);
    let second = runtime(&flaky, handlers).with_config(config);
    let handle = second.start().await.unwrap();
    let alone = next(&mut started).await;
    assert_eq!(alone.id, suspect);
    second.enqueue(request("k")).await.unwrap();
    let beside = next(&mut started).await;
    assert_eq!(faults.failed(Operation::EndAlone), 4, "it ran beside a suspect whose crash still counted");
    beside.end(JobOutcome::Done);
    alone.end(JobOutcome::Done);
    soon("the queue to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

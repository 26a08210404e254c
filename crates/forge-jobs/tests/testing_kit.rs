//! The test kit on a real storage: what a fault says is what happened.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "testing_queue/alone.rs"]
mod alone;
#[path = "testing_queue/expect.rs"]
mod expect;
#[path = "testing_queue/inline.rs"]
mod inline;
#[path = "testing_queue/moments.rs"]
mod moments;
#[path = "testing_queue/queue.rs"]
mod queue;

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{EnqueueParams, Inserted, PromoteParams};
use forge_jobs::testing::{
    Faults, FlakyStorage, ManualClock, Operation, SlowStorage, When, wait_for_status, wait_until,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobId, JobStatus, NewJob, Storage, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

async fn storage() -> Storage {
    SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle()
}

fn job() -> NewJob {
    EnqueueRequest::new("k", 1).validate(&DefaultRouter).unwrap()
}

fn enqueue(job: &NewJob) -> EnqueueParams {
    EnqueueParams { jobs: vec![job.clone()], now: None }
}

#[tokio::test]
async fn a_refused_call_changes_nothing_and_says_so() {
    let real = storage().await;
    let flaky = FlakyStorage::wrap(real.clone(), Faults::new().refuse(Operation::Enqueue, When::First(1)));
    let job = job();
    let error = flaky.jobs.enqueue(enqueue(&job)).await.unwrap_err();
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error:?}");
    assert_eq!(real.inspect.job(job.id).await.unwrap(), None);
    assert_eq!(flaky.jobs.enqueue(enqueue(&job)).await.unwrap(), [Inserted::Inserted]);
}

#[tokio::test]
async fn a_lost_answer_is_of_a_call_that_was_carried_out() {
    let real = storage().await;
    let flaky =
        FlakyStorage::wrap(real.clone(), Faults::new().lose_answer(Operation::Enqueue, When::First(1)));
    let job = job();
    let error = flaky.jobs.enqueue(enqueue(&job)).await.unwrap_err();
    assert!(error.is_retryable() && error.outcome_unknown(), "{error:?}");
    assert!(real.inspect.job(job.id).await.unwrap().is_some());
    assert_eq!(flaky.jobs.enqueue(enqueue(&job)).await.unwrap(), [Inserted::AlreadyThere], "sent again");
}

#[tokio::test]
async fn a_fault_of_one_operation_leaves_the_others_alone() {
    let faults = Faults::new().refuse(Operation::Claim, When::Always);
    let flaky = FlakyStorage::wrap(storage().await, faults);
    let job = job();
    assert_eq!(flaky.jobs.enqueue(enqueue(&job)).await.unwrap(), [Inserted::Inserted]);
    assert!(flaky.inspect.has_unfinished(None).await.unwrap());
}

#[tokio::test]
async fn a_wrapped_storage_still_tells_of_changes() {
    let slow = SlowStorage::wrap(storage().await, Duration::ZERO);
    let mut changes = slow.jobs.changes();
    let before = changes.borrow_and_update().claimable;
    slow.jobs.enqueue(enqueue(&job())).await.unwrap();
    tokio::time::timeout(LIMIT, changes.wait_for(|c| c.claimable > before)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_slow_storage_takes_at_least_its_delay_and_gives_the_true_answer() {
    let delay = Duration::from_millis(30);
    let slow = SlowStorage::wrap(storage().await, delay);
    let start = Instant::now();
    assert_eq!(slow.jobs.enqueue(enqueue(&job())).await.unwrap(), [Inserted::Inserted]);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn a_manual_clock_decides_what_is_due() {
    let storage = storage().await;
    let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
    let enqueuer = Enqueuer::with_clock(storage.clone(), Arc::new(DefaultRouter), Arc::new(clock.clone()));
    let id =
        enqueuer.enqueue(EnqueueRequest::new("k", 1).with_delay(Duration::from_secs(60))).await.unwrap().id;
    let promote = || async {
        let params = PromoteParams { limit: 10, now: Some(clock.now()) };
        storage.jobs.promote(params).await.unwrap().count
    };
    assert_eq!(promote().await, 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(promote().await, 1);
    let job = wait_for_status(&storage, id, JobStatus::Pending, LIMIT).await;
    assert_eq!(job.due_at, Timestamp::from_micros(61_000_000));
}

#[tokio::test]
#[should_panic(expected = "to be done; it is pending")]
async fn a_status_that_does_not_come_is_told_with_the_one_that_is() {
    let storage = storage().await;
    let job = job();
    storage.jobs.enqueue(enqueue(&job)).await.unwrap();
    wait_for_status(&storage, job.id, JobStatus::Done, Duration::from_millis(20)).await;
}

#[tokio::test]
#[should_panic(expected = "to be done; it is not there")]
async fn a_job_that_is_not_there_is_told_as_such() {
    wait_for_status(&storage().await, JobId::new(), JobStatus::Done, Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_condition_may_ask_the_storage() {
    let storage = storage().await;
    let later = storage.clone();
    let adding = tokio::spawn(async move { later.jobs.enqueue(enqueue(&job())).await.unwrap() });
    wait_until("a job", LIMIT, || async { storage.inspect.has_unfinished(None).await.unwrap() }).await;
    assert_eq!(adding.await.unwrap(), [Inserted::Inserted]);
}

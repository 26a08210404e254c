//! A program steers jobs and queues by `Jobs` and `Queues`, with no runtime started.

use crate::support::{Db, next, puppets, request, runtime};
use forge_jobs::storage::{
    Actor, AuditFilter, AuditListParams, CancelOutcome, DropOutcome, EditOutcome, JobFilter, JobPatch,
    QueueSettingsPatch, RetryOutcome, RunNowOutcome, Source, StorageError,
};
use forge_jobs::why::Reason;
use forge_jobs::{DeadReason, HandlerRegistry, JobId, JobOutcome, JobStatus, Jobs, Queues};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn one_job_is_looked_at_and_steered_by_whoever_has_the_storage() {
    let db = Db::new().await;
    let runtime = runtime(&db.storage, HandlerRegistry::new());
    let id = runtime.enqueue(request("k").with_delay(HOUR)).await.unwrap().id;
    let nobody = JobId::new();
    let ann = Actor::new("ann", Source::Cli).unwrap();
    let jobs = Jobs::new(db.storage.clone()).acting_as(ann);

    let why = jobs.why(id).await.unwrap().unwrap();
    assert!(matches!(why.reasons[..], [Reason::NotDue { .. }, ..]), "{:?}", why.reasons);
    let patch = JobPatch { priority: Some(-5), ..JobPatch::default() };
    assert_eq!(jobs.edit(id, patch).await.unwrap(), EditOutcome::Edited);
    assert_eq!(jobs.run_now(id).await.unwrap(), RunNowOutcome::MadePending);
    let job = jobs.get(id).await.unwrap().unwrap();
    assert_eq!((job.status, job.priority), (JobStatus::Pending, -5));
    assert_eq!(jobs.cancel(id).await.unwrap(), CancelOutcome::Cancelled);
    assert_eq!(db.job(id).await.dead_reason, Some(DeadReason::Cancelled));
    assert_eq!(jobs.retry(id).await.unwrap(), RetryOutcome::Retried);
    let page = jobs.list(JobFilter::default(), 10, None).await.unwrap();
    assert_eq!(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    assert_eq!(jobs.count(JobFilter::default()).await.unwrap().count.count, 1);
    assert_eq!(jobs.drop_job(id).await.unwrap(), DropOutcome::Dropped);
    assert_eq!(jobs.get(id).await.unwrap(), None);
    assert_eq!(jobs.attempts(id).await.unwrap(), []);
    assert_eq!(jobs.cancel(nobody).await.unwrap(), CancelOutcome::Unknown);
    assert_eq!(jobs.retry(nobody).await.unwrap(), RetryOutcome::Unknown);
    assert_eq!(jobs.run_now(nobody).await.unwrap(), RunNowOutcome::Unknown);
    assert_eq!(jobs.drop_job(nobody).await.unwrap(), DropOutcome::Unknown);

    let all = AuditListParams { filter: AuditFilter::default(), limit: 50, before: None };
    let rows = db.storage.audit.list(all).await.unwrap().rows;
    let done: Vec<_> = rows.iter().rev().map(|row| (row.actor.name(), row.action.as_str())).collect();
    let by_ann = ["job.edit", "job.run_now", "job.cancel", "job.retry", "job.drop"].map(|what| ("ann", what));
    assert_eq!(done[..5], by_ann, "{done:?}");
    db.check().await;
}

#[tokio::test]
async fn a_queue_is_edited_as_by_a_person() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let first = runtime.ensure_queue("default", 4).await.unwrap();
    let queues = Queues::new(db.storage.clone());
    let paused = queues.pause("default").await.unwrap();
    assert!(paused.settings.paused);
    let stale = queues.set_if("default", QueueSettingsPatch::workers(9), first.version).await;
    assert!(matches!(stale, Err(StorageError::Conflict { .. })), "{stale:?}");
    queues.set_if("default", QueueSettingsPatch::workers(2), paused.version).await.unwrap();
    // A program's start does not undo it.
    runtime.ensure_queue("default", 4).await.unwrap();
    let row = queues.get("default").await.unwrap().unwrap();
    assert_eq!((row.settings.workers, row.settings.paused), (2, true));
    assert_eq!(queues.list().await.unwrap(), [row]);
    assert_eq!(queues.get("none").await.unwrap(), None);
    let none = queues.resume("none").await;
    assert!(matches!(none, Err(StorageError::NotFound { .. })), "{none:?}");

    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    queues.resume("default").await.unwrap();
    next(&mut started).await.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

//! Edits of a queue's settings act without a restart and harm no running job.

use crate::support::{Db, Puppet, next, puppets, request, runtime, soon, until};
use forge_jobs::retry::BackoffPolicy;
use forge_jobs::storage::{QueueSettingsPatch, Retention};
use forge_jobs::testing::{Faults, FlakyStorage, Operation, When};
use forge_jobs::{EnqueueRequest, HandlerRegistry, JobOutcome, JobStatus, NoopEcho};
use std::time::Duration;

#[tokio::test]
async fn more_workers_start_more_jobs_and_fewer_harm_no_running_one() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 1).await.unwrap();
    runtime.enqueue_many((0..200).map(|_| request("k"))).await;
    let handle = runtime.start().await.unwrap();
    let mut running = vec![next(&mut started).await];
    db.set("default", QueueSettingsPatch::workers(3)).await;
    running.extend([next(&mut started).await, next(&mut started).await]);
    assert_eq!(handle.running().len(), 3);

    db.set("default", QueueSettingsPatch::workers(1)).await;
    let kept = running.remove(0);
    // The others end and may have successors, until the edit has come through.
    let ended = |running: &mut Vec<Puppet>| running.drain(..).for_each(|p| p.end(JobOutcome::Done));
    until("one job to be left", || {
        while let Ok(puppet) = started.try_recv() {
            running.push(puppet);
        }
        ended(&mut running);
        let only = handle.running() == [kept.id];
        async move { only }
    })
    .await;
    assert!(!kept.cancel.is_cancelled(), "fewer workers harm no running job");
    // It is the one worker now: the next job starts when it ends.
    assert!(started.try_recv().is_err());
    kept.end(JobOutcome::Done);
    let one = next(&mut started).await;
    db.set("default", QueueSettingsPatch::workers(2)).await;
    let two = next(&mut started).await;
    one.end(JobOutcome::Done);
    two.end(JobOutcome::Done);
    drop(started);
    soon("the queue to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

#[tokio::test]
async fn scaling_two_one_two_never_runs_three() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 2).await.unwrap();
    runtime.enqueue_many((0..100).map(|_| request("k"))).await;
    let handle = runtime.start().await.unwrap();
    let mut running = vec![next(&mut started).await, next(&mut started).await];
    for round in 0..20 {
        db.set("default", QueueSettingsPatch::workers(1 + round % 2)).await;
        running.remove(0).end(JobOutcome::Done);
        if running.is_empty() || round % 2 == 1 {
            running.push(next(&mut started).await);
        }
        while let Ok(more) = started.try_recv() {
            running.push(more);
        }
        assert!(running.len() <= 2, "{} run", running.len());
        assert!(handle.running().len() <= 2);
    }
    db.set("default", QueueSettingsPatch::workers(2)).await;
    drop(running);
    drop(started);
    soon("the queue to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_and_goes_on_when_resumed() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    handlers.register_fn("other", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 2).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let running = {
        runtime.enqueue(request("k")).await.unwrap();
        next(&mut started).await
    };
    db.set("default", QueueSettingsPatch::paused(true)).await;
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    // Another queue shows that the fetcher has looked since.
    for _ in 0..3 {
        let other = runtime.enqueue(request("other").on_queue("other")).await.unwrap().id;
        db.until_status(other, JobStatus::Done).await;
    }
    assert!(started.try_recv().is_err());
    assert!(!running.cancel.is_cancelled(), "a pause harms no running job");
    running.end(JobOutcome::Done);
    assert_eq!(db.job(id).await.status, JobStatus::Pending);
    db.set("default", QueueSettingsPatch::paused(false)).await;
    next(&mut started).await.end(JobOutcome::Done);
    db.until_status(id, JobStatus::Done).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn a_new_backoff_holds_for_the_next_failure() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    runtime.ensure_queue("default", 1).await.unwrap();
    let handle = runtime.start().await.unwrap();
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let puppet = next(&mut started).await;
    let hour = Duration::from_secs(3_600);
    let policy = BackoffPolicy::new(hour, hour);
    db.set("default", QueueSettingsPatch::default().with_backoff(policy)).await;
    // One tick later the runtime has read it: the workers' number changes with it.
    db.set("default", QueueSettingsPatch::workers(2)).await;
    runtime.enqueue(request("k")).await.unwrap();
    let second = next(&mut started).await;
    puppet.end(JobOutcome::Failed("x".into()));
    let job = db.until_status(id, JobStatus::Retrying).await;
    let wait = job.due_at.saturating_since(forge_jobs::Timestamp::now());
    assert!(wait > hour / 2, "{wait:?}");
    second.end(JobOutcome::Done);
    db.stop(handle).await;
}

#[tokio::test]
async fn finished_jobs_go_after_their_retention_which_can_be_edited() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("good", |_| async { JobOutcome::Done });
    handlers.register_fn("bad", |_| async { JobOutcome::Dead("x".into()) });
    let runtime = runtime(&db.storage, handlers);
    let handle = runtime.start().await.unwrap();
    let good = runtime.enqueue(request("good")).await.unwrap().id;
    let bad = runtime.enqueue(request("bad")).await.unwrap().id;
    db.until_status(good, JobStatus::Done).await;
    db.until_status(bad, JobStatus::Dead).await;
    db.set("default", QueueSettingsPatch::default().with_done_retention(Retention::For(Duration::ZERO)))
        .await;
    until("the done job to go", || async { db.storage.inspect.job(good).await.unwrap().is_none() }).await;
    assert_eq!(db.job(bad).await.status, JobStatus::Dead);
    db.set("default", QueueSettingsPatch::default().with_dead_retention(Retention::For(Duration::ZERO)))
        .await;
    until("the dead job to go", || async { db.storage.inspect.job(bad).await.unwrap().is_none() }).await;
    db.stop(handle).await;
}

#[tokio::test]
async fn one_claim_asks_for_all_queues_also_after_short_jobs() {
    let db = Db::new().await;
    let counted =
        Faults::new().refuse(Operation::Claim, When::First(0)).refuse(Operation::Promote, When::First(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register(NoopEcho);
    let runtime = runtime(&FlakyStorage::wrap(db.storage.clone(), counted.clone()), handlers);
    let job = |n: u32| EnqueueRequest::new(NoopEcho::KIND, n).on_queue(format!("q{n}"));
    for n in 0..10 {
        runtime.ensure_queue(&format!("q{n}"), 2).await.unwrap();
    }
    let handle = runtime.start().await.unwrap();
    for _ in 0..20 {
        runtime.enqueue_many((0..10).map(job)).await;
        soon("the queues to drain", handle.drained()).await.unwrap();
    }
    // From now on nothing comes, and each look is because of the time: a promotion, and one claim for all queues.
    let calls = || (counted.calls(Operation::Claim), counted.calls(Operation::Promote));
    let (claims, promotions) = calls();
    until("some looks without a reason", || {
        let enough = calls().1 >= promotions + 5;
        async move { enough }
    })
    .await;
    let (more_claims, more_promotions) = calls();
    let (claims, promotions) = (more_claims - claims, more_promotions - promotions);
    assert!(claims <= promotions + 2, "{claims} claims in {promotions} looks");
    db.stop(handle).await;
}

//! A process that was taken for dead stops its jobs; its late results change nothing.

use crate::support::{Db, HANG, next, puppets, quick, registration, request, runtime, soon, until};
use forge_jobs::storage::ReapParams;
use forge_jobs::testing::SlowStorage;
use forge_jobs::{CancelCause, HandlerRegistry, JobOutcome, JobStatus, ProcessId, Timestamp};
use std::time::Duration;

/// Ends every other registration, as a reaper does that finds them silent for too long.
async fn reap_everybody(db: &Db) {
    let by = ProcessId::new();
    db.storage.processes.register(registration(by)).await.unwrap();
    let later = Timestamp::now().saturating_add(Duration::from_secs(3_600));
    // A process whose row is locked at that moment, as by its own heartbeat, is passed over.
    until("somebody to be reaped", || async {
        let reap = ReapParams { stale_after: Duration::from_secs(60), limit: 1_000, by, now: Some(later) };
        !db.storage.processes.reap(reap).await.unwrap().processes.is_empty()
    })
    .await;
    let leave = forge_jobs::storage::DeregisterParams { process: by, now: None };
    db.storage.processes.deregister(leave).await.unwrap();
}

#[tokio::test]
async fn a_fenced_process_stops_its_jobs_registers_anew_and_its_late_result_is_refused() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    let runtime = runtime(&db.storage, handlers);
    let id = runtime.enqueue(request("k")).await.unwrap().id;
    let handle = runtime.start().await.unwrap();
    let me = handle.process_id();
    let zombie = next(&mut started).await;
    reap_everybody(&db).await;
    assert_eq!(soon("the signal", zombie.cancel.cancelled()).await, CancelCause::LeaseLost);
    until("a new registration", || async { handle.process_id().is_some_and(|p| Some(p) != me) }).await;

    // The zombie still fills the process, so the suspect waits: it runs alone.
    assert!(started.try_recv().is_err());
    zombie.end(JobOutcome::Done);
    let second = next(&mut started).await;
    assert_eq!((second.id, second.attempt), (id, 1), "a first crash charges nothing");
    assert_eq!(db.job(id).await.status, JobStatus::Running, "the zombie's result was refused");
    second.end(JobOutcome::Done);
    let job = db.until_status(id, JobStatus::Done).await;
    assert_eq!(job.claim_no, 2);
    db.stop(handle).await;
}

#[tokio::test]
async fn suspects_run_one_at_a_time_and_then_ordinary_work_goes_on() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    let mut started = puppets(&mut handlers, "k");
    // However long a suspect takes here, nothing runs beside it.
    let mut config = quick();
    config.alone_window = HANG;
    let runtime = runtime(&db.storage, handlers).with_config(config);
    runtime.ensure_queue("default", 3).await.unwrap();
    runtime.enqueue_many((0..3).map(|_| request("k"))).await;
    let handle = runtime.start().await.unwrap();
    let zombies = [next(&mut started).await, next(&mut started).await, next(&mut started).await];
    reap_everybody(&db).await;
    for zombie in zombies {
        soon("the signal", zombie.cancel.cancelled()).await;
        zombie.end(JobOutcome::Done);
    }
    runtime.enqueue_many((0..3).map(|_| request("k"))).await;
    let mut alone = 0;
    while alone < 3 {
        let puppet = next(&mut started).await;
        let job = db.job(puppet.id).await;
        if job.suspect {
            alone += 1;
            assert_eq!(handle.running(), [puppet.id], "a suspect runs alone");
            // Nothing else starts however long it takes.
            for _ in 0..3 {
                let beat =
                    async || db.storage.inspect.processes().await.unwrap().iter().map(|p| p.beat_at).max();
                let before = beat().await;
                until("a heartbeat", || async { beat().await > before }).await;
            }
            assert!(started.try_recv().is_err());
        }
        puppet.end(JobOutcome::Done);
    }
    drop(started);
    soon("the queue to drain", handle.drained()).await.unwrap();
    db.stop(handle).await;
}

/// Each call takes so long that the shutdown comes while the claim of the suspect is under way.
#[tokio::test]
async fn no_suspect_starts_after_a_shutdown() {
    for begun in [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000] {
        let db = Db::new().await;
        let mut handlers = HandlerRegistry::new();
        let (start, mut lives) = tokio::sync::watch::channel(0);
        handlers.register_fn("k", move |ctx| {
            let start = start.clone();
            async move {
                start.send_modify(|n| *n += 1);
                ctx.cancel.cancelled().await;
                start.send_modify(|n| *n -= 1);
                JobOutcome::Failed("stopped".into())
            }
        });
        let mut first = HandlerRegistry::new();
        let mut started = puppets(&mut first, "k");
        let first = runtime(&db.storage, first);
        first.enqueue(request("k")).await.unwrap();
        let handle = first.start().await.unwrap();
        let zombie = next(&mut started).await;
        handle_dies(&db, handle).await;
        drop(zombie);

        let slow = SlowStorage::wrap(db.storage.clone(), Duration::from_millis(100));
        let mut config = quick();
        config.heartbeat_interval = Duration::from_secs(5);
        config.stale_after = Duration::from_secs(60);
        let handle = runtime(&slow, handlers).with_config(config).start().await.unwrap();
        tokio::time::sleep(Duration::from_millis(begun)).await;
        let report = soon("the shutdown", handle.shutdown_graceful(Duration::ZERO)).await;
        assert_eq!(report.still_running, []);
        // One that was started nevertheless would be running by now.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(*lives.borrow_and_update(), 0, "a handler runs after the shutdown begun at {begun} ms");
        db.check().await;
    }
}

/// Its jobs become suspects, as after a crash, and it is gone.
pub(crate) async fn handle_dies(db: &Db, handle: forge_jobs::QueueHandle) {
    let me = handle.process_id();
    reap_everybody(db).await;
    until("the fence", || async { handle.process_id() != me }).await;
    handle.abandon().await;
}

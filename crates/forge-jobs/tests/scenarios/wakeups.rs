//! What makes a runtime look again when its next poll is far away.

use crate::support::{Db, quick, request, runtime, soon, until};
use forge_jobs::storage::QueueSettingsPatch;
use forge_jobs::testing::{Faults, FlakyStorage, Operation};
use forge_jobs::{HandlerRegistry, JobOutcome, JobStatus, RuntimeConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Unwritten outcomes above which a runtime claims nothing more.
const BACK_PRESSURE: u64 = 4_000;

/// Long before its next poll a test has failed.
fn rarely_polling() -> RuntimeConfig {
    let mut config = quick();
    config.poll_busy = Duration::from_secs(3_600);
    config.poll_idle = config.poll_busy;
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_were_left_while_outcomes_piled_up_are_claimed_once_these_are_written() {
    let db = Db::new().await;
    let runs = Arc::new(AtomicU64::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let runs = runs.clone();
        move |_| {
            runs.fetch_add(1, Ordering::Relaxed);
            async { JobOutcome::Done }
        }
    });
    let faults = Faults::new().hold(Operation::Finish);
    let flaky = FlakyStorage::wrap(db.storage.clone(), faults.clone());
    let mut config = rarely_polling();
    // The machine is busy, and a process that was taken for dead would begin anew.
    config.stale_after = Duration::from_secs(600);
    let runtime = runtime(&flaky, handlers).with_config(config);
    // More than may be unwritten, and what may be claimed ahead beside it.
    let jobs = runtime.enqueue_many((0..2 * BACK_PRESSURE).map(|_| request("k"))).await;
    assert!(jobs.iter().all(Result::is_ok));
    let handle = runtime.start().await.unwrap();
    until("all that is claimed to have run", || async {
        let ran = runs.load(Ordering::Relaxed);
        let rows = db.storage.inspect.processes().await.unwrap();
        ran > BACK_PRESSURE && rows.iter().map(|r| r.holds.count).sum::<u64>() == ran
    })
    .await;
    assert!(runs.load(Ordering::Relaxed) < 2 * BACK_PRESSURE, "nothing held it back");
    faults.mend(Operation::Finish);
    soon("the queue to drain", handle.drained()).await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2 * BACK_PRESSURE);
    db.stop(handle).await;
}

#[tokio::test]
async fn a_job_without_any_delay_left_is_run_without_waiting_for_a_poll() {
    let db = Db::new().await;
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Done });
    let runtime = runtime(&db.storage, handlers).with_config(rarely_polling());
    let handle = runtime.start().await.unwrap();
    let first = runtime.enqueue(request("k")).await.unwrap().id;
    db.until_status(first, JobStatus::Done).await;
    // Less than what a time is stored in counts as nothing.
    for delay in [Duration::ZERO, Duration::from_nanos(1)] {
        let id = runtime.enqueue(request("k").with_delay(delay)).await.unwrap().id;
        db.until_status(id, JobStatus::Done).await;
    }
    db.stop(handle).await;
}

#[tokio::test]
async fn what_is_put_off_starts_when_it_is_due_without_waiting_for_a_poll() {
    const SHORTLY: Duration = Duration::from_millis(300);
    let db = Db::new().await;
    let runs = Arc::new(AtomicU64::new(0));
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", {
        let runs = runs.clone();
        move |_| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            async move {
                match run {
                    0 => JobOutcome::Failed("once".into()),
                    1 => JobOutcome::Throttled { retry_after: SHORTLY },
                    _ => JobOutcome::Done,
                }
            }
        }
    });
    let runtime = runtime(&db.storage, handlers).with_config(rarely_polling());
    runtime.ensure_queue("default", 1).await.unwrap();
    let mut patch = QueueSettingsPatch::default();
    (patch.backoff_base, patch.backoff_max) = (Some(SHORTLY), Some(SHORTLY));
    db.set("default", patch).await;
    let handle = runtime.start().await.unwrap();
    // Idle by then.
    let first = runtime.enqueue(request("k").with_delay(SHORTLY)).await.unwrap().id;
    db.until_status(first, JobStatus::Done).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    db.stop(handle).await;
}

//! Retention.

use super::rig::{QUEUE, Rig, done, request, retry, secs};
use crate::JobStatus;
use crate::limits::{DEAD_RETENTION, DONE_RETENTION};
use crate::storage::{QueueSettingsPatch, Retention, SweepReport};

const fn window(seconds: u64) -> Retention {
    Retention::For(secs(seconds))
}

/// Protects: the windows that operators set.
pub async fn finished_jobs_go_after_their_queues_window(rig: &Rig) {
    let process = rig.process().await;
    rig.put(request()).await;
    rig.edit(QUEUE, QueueSettingsPatch::default().with_done_retention(window(60))).await;
    let claimed = rig.claim_one(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.advance(secs(59));
    assert_eq!(rig.sweep(100).await, SweepReport::default());
    rig.advance(secs(1));
    assert_eq!(rig.sweep(100).await, SweepReport { done: 1, dead: 0, more: false });
    assert!(rig.is_gone(claimed.job.id).await);
    assert_eq!(rig.sweep(100).await, SweepReport::default());
}

/// Protects: dead letters stay longer.
pub async fn done_and_dead_have_windows_of_their_own(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.dead(process).await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, done()).await;
    rig.advance(DONE_RETENTION);
    assert_eq!(rig.sweep(100).await, SweepReport { done: 1, dead: 0, more: false });
    assert_eq!(rig.status(died).await, JobStatus::Dead);
    rig.advance(DEAD_RETENTION.saturating_sub(DONE_RETENTION));
    assert_eq!(rig.sweep(100).await, SweepReport { done: 0, dead: 1, more: false });
}

/// Protects: zero means zero (L9).
pub async fn a_window_of_zero_keeps_nothing(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.dead(process).await;
    let zero = QueueSettingsPatch::default().with_done_retention(window(0)).with_dead_retention(window(0));
    rig.edit(QUEUE, zero).await;
    let claimed = rig.running(process).await;
    rig.finish(claimed.lease, done()).await;
    assert_eq!(rig.sweep(100).await, SweepReport { done: 1, dead: 1, more: false });
    assert!(rig.is_gone(died).await);
}

/// Protects: for ever means for ever.
pub async fn for_ever_keeps_everything(rig: &Rig) {
    let process = rig.process().await;
    let died = rig.dead(process).await;
    let ever = Retention::Forever;
    rig.edit(QUEUE, QueueSettingsPatch::default().with_done_retention(ever).with_dead_retention(ever)).await;
    rig.advance(DEAD_RETENTION * 100);
    assert_eq!(rig.sweep(100).await, SweepReport::default());
    assert_eq!(rig.status(died).await, JobStatus::Dead);
}

/// Protects: retention never loses work (L7).
pub async fn unfinished_jobs_are_never_swept(rig: &Rig) {
    let process = rig.process().await;
    let scheduled = rig.put(request().with_delay(DEAD_RETENTION * 1_000)).await;
    let retrying = rig.running(process).await;
    rig.finish(retrying.lease, retry(DEAD_RETENTION * 1_000)).await;
    let running = rig.running(process).await;
    let pending = rig.put(request()).await;
    let zero = QueueSettingsPatch::default().with_done_retention(window(0)).with_dead_retention(window(0));
    rig.edit(QUEUE, zero).await;
    rig.advance(DEAD_RETENTION * 2);
    assert_eq!(rig.sweep(100).await, SweepReport::default());
    for id in [scheduled, retrying.job.id, running.job.id, pending] {
        assert!(!rig.is_gone(id).await);
    }
}

/// Protects: a large sweep leaves the database to others (L8).
pub async fn a_sweep_is_bounded_and_says_so(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(25).await;
    for claimed in rig.claim(process, 25).await {
        rig.finish(claimed.lease, done()).await;
    }
    rig.advance(DONE_RETENTION);
    let mut swept = Vec::new();
    loop {
        let report = rig.sweep(10).await;
        swept.push(report.done);
        if !report.more {
            break;
        }
    }
    assert_eq!(swept, [10, 10, 5]);
}

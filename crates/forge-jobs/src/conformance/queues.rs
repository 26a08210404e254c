//! Per-queue knobs.

use super::rig::{Rig, secs};
use crate::limits::{MAX_BACKOFF_SETTING, MAX_RETENTION, MAX_WORKERS};
use crate::retry::BackoffPolicy;
use crate::storage::{
    ClaimMode, EnsureQueueParams, Heartbeat, QueueRow, QueueSettings, QueueSettingsPatch, Retention,
    StorageError, UpdateQueueParams,
};
use std::time::Duration;

async fn ensure(rig: &Rig, queue: &str, workers: u32) -> Result<QueueRow, StorageError> {
    rig.storage.queues.ensure(EnsureQueueParams { queue: queue.into(), workers }).await
}

async fn update(
    rig: &Rig,
    patch: QueueSettingsPatch,
    expected_version: Option<i64>,
) -> Result<QueueRow, StorageError> {
    rig.storage
        .queues
        .update(UpdateQueueParams { queue: "q".into(), patch, expected_version, actor: None, now: None })
        .await
}

async fn get(rig: &Rig, queue: &str) -> Option<QueueRow> {
    rig.storage.queues.get(queue).await.expect("a queue can be read")
}

/// Protects: whoever looked before a pause that was none already may still edit.
pub async fn an_update_that_changes_nothing_makes_no_new_version(rig: &Rig) {
    let first = ensure(rig, "q", 3).await.expect("a queue can be created");
    for patch in [QueueSettingsPatch::paused(false), QueueSettingsPatch::default()] {
        let after = update(rig, patch, None).await.expect("a queue can be edited");
        assert_eq!(after, first);
    }
    // Not nothing: from now on no program sets the workers.
    let patch = QueueSettingsPatch { workers: Some(3), ..QueueSettingsPatch::default() };
    let after = update(rig, patch, None).await.expect("a queue can be edited");
    assert!(after.version > first.version && after.workers_set_by_operator);
}

/// Protects: a restart changes nothing.
pub async fn a_queue_is_created_once_and_keeps_its_settings(rig: &Rig) {
    let first = ensure(rig, "q", 3).await.expect("a queue can be created");
    assert_eq!(first.settings, QueueSettings { workers: 3, ..QueueSettings::default() });
    assert_eq!(ensure(rig, "q", 3).await.expect("a queue can be ensured"), first);
    ensure(rig, "another", 1).await.expect("a queue can be created");
    let names: Vec<_> =
        rig.storage.queues.list().await.expect("queues can be read").into_iter().map(|q| q.name).collect();
    assert_eq!(names, ["another", "q"]);
    assert_eq!(get(rig, "unknown").await, None);
}

/// Protects: a deploy does not undo what the operator did.
pub async fn ensure_follows_the_code_until_an_operator_sets_the_workers(rig: &Rig) {
    ensure(rig, "q", 3).await.expect("a queue can be created");
    assert_eq!(ensure(rig, "q", 5).await.expect("a queue can be ensured").settings.workers, 5);
    let edited = update(rig, QueueSettingsPatch::workers(8), None).await.expect("a queue can be edited");
    assert!(edited.workers_set_by_operator);
    assert_eq!(ensure(rig, "q", 5).await.expect("a queue can be ensured"), edited);
}

/// Protects: a form that sets one field sets one field.
pub async fn an_update_changes_what_it_names_and_makes_a_new_version(rig: &Rig) {
    let before = ensure(rig, "q", 3).await.expect("a queue can be created");
    let after = update(rig, QueueSettingsPatch::paused(true), None).await.expect("a queue can be edited");
    assert_eq!(after.settings, QueueSettings { paused: true, ..before.settings });
    assert!(after.version > before.version && !after.workers_set_by_operator);
    assert_eq!(get(rig, "q").await, Some(after));
}

/// Protects: the second of two edits does not undo the first.
pub async fn two_edits_in_a_row_both_stick(rig: &Rig) {
    rig.ensure("q", 3).await;
    let first = update(rig, QueueSettingsPatch::workers(7), None).await.expect("a queue can be edited");
    let patch = QueueSettingsPatch::default().with_done_retention(Retention::For(secs(5)));
    update(rig, patch, Some(first.version)).await.expect("a queue can be edited");
    let settings = get(rig, "q").await.expect("it is there").settings;
    assert_eq!((settings.workers, settings.done_retention), (7, Retention::For(secs(5))));
}

/// Protects: two operators at once (L13).
pub async fn an_edit_of_an_old_version_is_a_conflict_and_changes_nothing(rig: &Rig) {
    let seen = ensure(rig, "q", 3).await.expect("a queue can be created").version;
    let now = update(rig, QueueSettingsPatch::workers(4), Some(seen)).await.expect("a queue can be edited");
    let late = update(rig, QueueSettingsPatch::workers(5), Some(seen)).await;
    assert!(matches!(late, Err(StorageError::Conflict { .. })), "{late:?}");
    assert_eq!(get(rig, "q").await, Some(now));
}

/// Protects: a mistyped name is not taken for a success.
pub async fn an_update_of_an_unknown_queue_is_refused(rig: &Rig) {
    let result = update(rig, QueueSettingsPatch::paused(true), None).await;
    assert!(matches!(result, Err(StorageError::NotFound { .. })), "{result:?}");
    assert_eq!(get(rig, "q").await, None);
}

/// Protects: bad input changes nothing.
pub async fn absurd_settings_are_refused_and_change_nothing(rig: &Rig) {
    rig.ensure("q", 3).await;
    let before = get(rig, "q").await;
    let backoff = |base, max| QueueSettingsPatch::default().with_backoff(BackoffPolicy::new(base, max));
    let long = MAX_RETENTION + secs(1);
    for patch in [
        QueueSettingsPatch::workers(MAX_WORKERS + 1),
        backoff(secs(2), secs(1)),
        backoff(Duration::ZERO, MAX_BACKOFF_SETTING + secs(1)),
        QueueSettingsPatch::default().with_done_retention(Retention::For(long)),
        QueueSettingsPatch::paused(true).with_dead_retention(Retention::For(Duration::MAX)),
    ] {
        let result = update(rig, patch, None).await;
        assert!(matches!(result, Err(StorageError::Invalid(_))), "{patch:?}: {result:?}");
        assert_eq!(get(rig, "q").await, before);
    }
    assert!(matches!(ensure(rig, "q", MAX_WORKERS + 1).await, Err(StorageError::Invalid(_))));
    assert_eq!(get(rig, "q").await, before);
}

/// Protects: names that every surface can show.
pub async fn a_bad_queue_name_is_refused(rig: &Rig) {
    for name in ["", "a b", "q\0", "ü", "'; --", &"x".repeat(129)] {
        assert!(matches!(ensure(rig, name, 1).await, Err(StorageError::Invalid(_))), "{name:?}");
    }
    assert_eq!(rig.storage.queues.list().await.expect("queues can be read"), []);
}

/// Protects: every process hears of an edit.
pub async fn each_edit_grows_the_version_of_all_settings(rig: &Rig) {
    let process = rig.process().await;
    let heard = || async {
        let Heartbeat::Alive { settings_version, .. } = rig.heartbeat(process).await else {
            panic!("it is alive")
        };
        let claimed =
            rig.claim_batch(rig.claim_params(process, 1, ClaimMode::Ordinary)).await.settings_version;
        assert_eq!(claimed, settings_version);
        settings_version
    };
    let mut last = heard().await;
    let mut grown = |now: i64| {
        let grown = now > last;
        last = now;
        grown
    };
    rig.ensure("q", 3).await;
    assert!(grown(heard().await), "a new queue");
    rig.ensure("q", 3).await;
    assert!(!grown(heard().await), "nothing changed");
    rig.ensure("q", 4).await;
    assert!(grown(heard().await), "other workers in the code");
    update(rig, QueueSettingsPatch::paused(true), None).await.expect("a queue can be edited");
    assert!(grown(heard().await), "an edit");
}

/// Protects: units.
pub async fn every_setting_comes_back_exactly(rig: &Rig) {
    rig.ensure("q", 0).await;
    let us = Duration::from_micros;
    for (n, forever) in [(1, false), (999_999, true), (86_400_000_001, false)] {
        let retention = |d| if forever { Retention::Forever } else { Retention::For(d) };
        let mut patch = QueueSettingsPatch::workers(MAX_WORKERS)
            .with_backoff(BackoffPolicy { enabled: forever, base: us(n), max: us(n + 1) })
            .with_done_retention(retention(us(n + 2)))
            .with_dead_retention(Retention::For(us(n + 3)));
        patch.paused = Some(forever);
        let row = update(rig, patch, None).await.expect("a queue can be edited");
        assert_eq!(row.settings, patch.apply(QueueSettings::default()).expect("within bounds"));
        assert_eq!(get(rig, "q").await, Some(row));
    }
}

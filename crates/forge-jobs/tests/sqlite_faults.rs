//! What the embedded storage does when something is wrong: with a file, a commit, an identity, a time; and what it
//! forgets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use forge_jobs::retry::Transition;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::storage::{
    ClaimParams, ClaimWant, DeregisterParams, EnqueueParams, EnsureQueueParams, Finish, FinishParams,
    JobFilter, ListParams, QueueSettingsPatch, ReapParams, RegisterParams, Retention, StorageError,
    SweepParams, UpdateQueueParams, VerbParams,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, JobStatus, ProcessId, Timestamp, Timing};
use std::time::Duration;
use support::{HANG, claim, dir, job, open, register, sql};

#[tokio::test]
async fn a_job_put_off_for_ever_is_listed_once() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let request = EnqueueRequest::new("k", 1).with_delay(Duration::MAX);
    let jobs =
        vec![request.clone().validate(&DefaultRouter).unwrap(), request.validate(&DefaultRouter).unwrap()];
    storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await.unwrap();
    let filter = JobFilter { statuses: vec![JobStatus::Scheduled], ..JobFilter::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page =
            storage.inspect.list(ListParams { filter: filter.clone(), limit: 1, after }).await.unwrap();
        seen.extend(page.jobs.iter().map(|j| j.id));
        assert!(seen.len() <= 2, "a job comes again: {seen:?}");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 2);
    assert_eq!(storage.inspect.checkup().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_commit_that_one_member_makes_fail_fails_that_member_alone() {
    let (_dir, file) = dir();
    let sqlite = open(&file).await;
    let storage = sqlite.clone().into_bundle();
    storage.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None }).await.unwrap();
    // A deferred constraint is checked by COMMIT itself, as a full disk is noticed there.
    let mut conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute_batch(
        "CREATE TABLE theirs (x INTEGER PRIMARY KEY);
         CREATE TABLE ours (x INTEGER REFERENCES theirs DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER break AFTER INSERT ON forge_jobs WHEN NEW.priority = 13 BEGIN INSERT INTO ours VALUES (5); END",
    )
    .unwrap();
    let lock = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let calls: Vec<_> = (0..20_i16)
        .map(|n| {
            let storage = storage.clone();
            let priority = if n == 7 { 13 } else { 0 };
            let request = EnqueueRequest::new("k", n).with_priority(priority);
            let jobs = vec![request.validate(&DefaultRouter).unwrap()];
            tokio::spawn(async move { storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await })
        })
        .collect();
    tokio::task::yield_now().await;
    lock.commit().unwrap();
    for (n, call) in calls.into_iter().enumerate() {
        let result = tokio::time::timeout(HANG, call).await.unwrap().unwrap();
        assert_eq!(result.is_err(), n == 7, "{n}: {result:?}");
    }
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_jobs"), "20");
}

#[tokio::test]
async fn an_identity_registered_through_another_handle_is_a_conflict() {
    let (_dir, file) = dir();
    let (one, other) = (open(&file).await.into_bundle(), open(&file).await.into_bundle());
    let process = ProcessId::new();
    one.processes.register(register(process)).await.unwrap();
    for storage in [&one, &other, &other] {
        let e = storage.processes.register(register(process)).await.unwrap_err();
        assert!(matches!(e, StorageError::Conflict { .. }), "{e}");
    }
    // Neither attempt has taken the lock from its holder.
    let reap = ReapParams { stale_after: HANG, limit: 10, by: ProcessId::new(), now: None };
    assert_eq!(other.processes.reap(reap).await.unwrap().processes, []);
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_moved_away() {
    let (dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let enqueue = || storage.jobs.enqueue(EnqueueParams { jobs: vec![job("k")], now: None });
    enqueue().await.unwrap();
    let away = dir.path().join("away.db");
    std::fs::rename(&file, &away).unwrap();
    let e = enqueue().await.unwrap_err();
    assert!(e.is_retryable() && e.to_string().contains("jobs.db"), "{e}");
    // Another database in its place is not the one that was opened either.
    std::fs::write(&file, "").unwrap();
    assert!(enqueue().await.unwrap_err().to_string().contains("replaced"));
    std::fs::rename(&away, &file).unwrap();
    enqueue().await.unwrap();
    assert_eq!(sql(&file, "SELECT count(*) FROM forge_jobs"), "2");
}

#[tokio::test]
async fn a_retried_job_keeps_its_latest_error_and_the_event_of_its_death() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    let [dies, cancelled] =
        [job("k"), EnqueueRequest::new("k", 2).with_priority(9).validate(&DefaultRouter).unwrap()];
    let ids = vec![dies.id, cancelled.id];
    storage
        .jobs
        .enqueue(EnqueueParams { jobs: vec![dies.clone(), cancelled.clone()], now: None })
        .await
        .unwrap();
    let claimed = storage.jobs.claim(claim(process, 1)).await.unwrap().jobs;
    let transition = Transition::Dead { reason: forge_jobs::DeadReason::Discarded, error: "no".into() };
    let members =
        vec![Finish { lease: claimed[0].lease, transition, timing: Timing::default(), failure: None }];
    storage.jobs.finish(FinishParams { members, now: None }).await.unwrap();
    storage.jobs.cancel(VerbParams { ids: vec![cancelled.id], actor: None, now: None }).await.unwrap();
    storage.jobs.retry(VerbParams { ids, actor: None, now: None }).await.unwrap();
    assert_eq!(storage.inspect.job(dies.id).await.unwrap().unwrap().error.as_deref(), Some("no"));
    let told = async |id| -> Vec<String> {
        storage.inspect.events(id).await.unwrap().into_iter().map(|e| e.event).collect()
    };
    assert!(told(dies.id).await.contains(&"dead".into()), "{:?}", told(dies.id).await);
    assert_eq!(told(cancelled.id).await, ["enqueued", "cancelled", "retried"]);
}

#[tokio::test]
async fn an_ended_process_is_forgotten_when_none_of_its_jobs_can_be_kept_any_more() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let process = ProcessId::new();
    let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    let day = Duration::from_secs(86_400);
    storage.processes.register(RegisterParams { now: Some(start), ..register(process) }).await.unwrap();
    let known = || sql(&file, "SELECT count(*) FROM forge_processes");
    let sweep = async |now| storage.jobs.sweep(SweepParams { limit: 10, now: Some(now) }).await.unwrap();
    sweep(start.saturating_add(4_000 * day)).await;
    assert_eq!(known(), "1", "it is registered");
    storage.processes.deregister(DeregisterParams { process, now: Some(start) }).await.unwrap();
    storage.queues.ensure(EnsureQueueParams { queue: "q".into(), workers: 1 }).await.unwrap();
    let window = async |kept| {
        let patch = QueueSettingsPatch::default().with_dead_retention(kept);
        let params =
            UpdateQueueParams { queue: "q".into(), patch, expected_version: None, actor: None, now: None };
        storage.queues.update(params).await.unwrap();
    };
    window(Retention::Forever).await;
    sweep(start.saturating_add(4_000 * day)).await;
    window(Retention::For(40 * day)).await;
    sweep(start.saturating_add(40 * day)).await;
    assert_eq!(known(), "1", "within the window");
    sweep(start.saturating_add(41 * day)).await;
    assert_eq!(known(), "0");
}

/// Root may write to anything: for root this asserts that such a file still works, for others that it is refused.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_to_is_refused_at_opening() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let (dir, file) = dir();
    drop(open(&file).await);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    let root = std::fs::metadata(dir.path()).unwrap().uid() == 0;
    match SqliteStorage::open(&file, SqliteOptions::default()).await {
        Ok(_) => assert!(root, "a read-only file was opened"),
        Err(e) => assert!(e.to_string().contains("read-only") && e.to_string().contains("jobs.db"), "{e}"),
    }
}

/// Each status is listed by a statement of its own.
#[tokio::test]
async fn every_filter_holds_on_the_list_of_every_status() {
    let (_dir, file) = dir();
    let storage = open(&file).await.into_bundle();
    let process = ProcessId::new();
    storage.processes.register(register(process)).await.unwrap();
    let new = |kind: &str, queue: &str, delay: u64| {
        let request = EnqueueRequest::new(kind, 1).on_queue(queue).with_tag(format!("{kind}-{queue}"));
        request.with_delay(Duration::from_secs(delay)).validate(&DefaultRouter).unwrap()
    };
    let all = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")];
    // Of each pair one job comes to stand in each status: four are claimed, of which one goes on running.
    for (kind, queue) in all {
        let jobs = (0..4).map(|_| new(kind, queue, 0)).chain([new(kind, queue, 3_600)]).collect();
        storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await.unwrap();
        let wants = vec![ClaimWant { queue: queue.into(), limit: 4 }];
        let claimed = storage.jobs.claim(ClaimParams { wants, ..claim(process, 0) }).await.unwrap().jobs;
        let ends = [
            Transition::Done { output: None },
            Transition::Dead { reason: forge_jobs::DeadReason::Discarded, error: "no".into() },
            Transition::Retry { after: HANG, error: "no".into() },
        ];
        let ended = claimed.iter().zip(ends);
        let members = ended
            .map(|(c, transition)| Finish {
                lease: c.lease,
                transition,
                timing: Timing::default(),
                failure: None,
            })
            .collect();
        storage.jobs.finish(FinishParams { members, now: None }).await.unwrap();
    }
    for (kind, queue) in all {
        let jobs = vec![new(kind, queue, 0)];
        storage.jobs.enqueue(EnqueueParams { jobs, now: None }).await.unwrap();
    }
    for status in JobStatus::ALL {
        for (kind, queue, tag) in all.into_iter().flat_map(|(k, q)| {
            let tag = format!("{k}-{q}");
            [(Some(k), Some(q), None), (Some(k), None, Some(tag.clone())), (None, Some(q), Some(tag))]
        }) {
            let filter = JobFilter {
                statuses: vec![status],
                queues: queue.map(str::to_owned).into_iter().collect(),
                kind: kind.map(str::to_owned),
                tag: tag.clone(),
                ..JobFilter::default()
            };
            let page =
                storage.inspect.list(ListParams { filter: filter.clone(), limit: 50, after: None }).await;
            let jobs = page.unwrap().jobs;
            assert_eq!(jobs.len(), 1, "{filter:?}");
            assert_eq!(jobs[0].status, status);
            assert!(kind.is_none_or(|k| jobs[0].kind == k) && queue.is_none_or(|q| jobs[0].queue == q));
        }
    }
}

//! Many at once, on real threads: whatever commits first wins, and everybody is told the truth.

use super::rig::{QUEUE, Rig, checked, done, request};
use crate::retry::Transition;
use crate::storage::{
    CancelOutcome, ClaimMode, ClaimParams, ClaimWant, EnqueueParams, Finish, FinishParams, FinishResult,
    Inserted, KindFilter, Lease, QueueSettingsPatch, ReapParams, VerbParams,
};
use crate::{DeadReason, JobId, JobStatus, ProcessId, Storage, Timestamp, Timing};
use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

async fn at_once<T: Send + 'static>(tasks: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.expect("no task panics"));
    }
    results
}

/// Protects: the first promise of all (A1).
pub async fn claims_at_once_never_hand_one_job_to_two(rig: &Rig) {
    const JOBS: usize = 3_000;
    for _ in 0..JOBS / 1_000 {
        rig.put_many(1_000).await;
    }
    let mut workers = Vec::new();
    for n in 0..16 {
        let process = rig.process().await;
        workers.push(claim_all(rig.storage.clone(), process, 1 + n * 7, rig.at()));
    }
    let got: Vec<_> = at_once(workers).await.into_iter().flatten().collect();
    assert_eq!(got.len(), JOBS);
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), JOBS, "a job was handed out twice");
}

async fn claim_all(storage: Storage, process: ProcessId, limit: u32, now: Timestamp) -> Vec<JobId> {
    let mut got = Vec::new();
    loop {
        let wants = vec![ClaimWant { queue: QUEUE.into(), limit }];
        let mode = ClaimMode::Ordinary;
        let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: Some(now) };
        let jobs = storage.jobs.claim(params).await.expect("a claim succeeds").jobs;
        if jobs.is_empty() {
            return got;
        }
        got.extend(jobs.iter().map(|c| c.job.id));
        assert!(got.len() <= 10_000, "the same jobs come again and again");
    }
}

/// Protects: an acknowledged job is there.
pub async fn enqueues_at_once_lose_nothing(rig: &Rig) {
    let producers = (0..16).map(|_| {
        let (storage, now) = (rig.storage.clone(), rig.now());
        async move {
            for _ in 0..25 {
                let jobs = vec![checked(request()), checked(request().with_delay(Duration::from_secs(5)))];
                let inserted =
                    storage.jobs.enqueue(EnqueueParams { jobs, now }).await.expect("an enqueue succeeds");
                assert_eq!(inserted, [Inserted::Inserted; 2]);
            }
        }
    });
    at_once(producers.collect()).await;
    let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
    assert_eq!((counts[0].counts[0].1.count, counts[0].counts[1].1.count), (400, 400));
}

async fn finish(
    storage: Storage,
    lease: Lease,
    now: Option<Timestamp>,
    error: Option<String>,
) -> FinishResult {
    let retry = |error| Transition::Retry { after: Duration::from_secs(1), error };
    let transition = error.map_or_else(done, retry);
    let members = vec![Finish { lease, transition, timing: Timing::default() }];
    storage.jobs.finish(FinishParams { members, now }).await.expect("a finish succeeds")[0]
}

/// Protects: one accepted finish per claim.
pub async fn of_finishes_at_once_one_is_accepted(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..30 {
        let lease = rig.running(process).await.lease;
        let finishes = (0..6).map(|n| {
            let error = (n % 2 == 0).then(|| "x".to_owned());
            finish(rig.storage.clone(), lease, rig.now(), error)
        });
        let results = at_once(finishes.collect()).await;
        assert_eq!(results.iter().filter(|r| r.is_applied()).count(), 1);
    }
}

/// Protects: the answer to a cancel is true (G1).
pub async fn a_cancel_and_a_finish_at_once_agree_on_who_was_first(rig: &Rig) {
    let process = rig.process().await;
    for n in 0..60 {
        let lease = rig.running(process).await.lease;
        let failed = n % 2 == 0;
        let (storage, now) = (rig.storage.clone(), rig.now());
        let cancel = tokio::spawn(async move {
            let params = VerbParams { ids: vec![lease.job], now };
            storage.jobs.cancel(params).await.expect("a cancel succeeds")[0]
        });
        let error = failed.then(|| "x".to_owned());
        let finished = finish(rig.storage.clone(), lease, rig.now(), error).await;
        let cancelled = cancel.await.expect("no task panics");
        let job = rig.job(lease.job).await;
        match (cancelled, failed) {
            (CancelOutcome::Requested { .. } | CancelOutcome::AlreadyFinished { .. }, false) => {
                assert_eq!(job.status, JobStatus::Done);
            }
            (CancelOutcome::Requested { .. } | CancelOutcome::Cancelled, true) => {
                assert_eq!((job.status, job.dead_reason), (JobStatus::Dead, Some(DeadReason::Cancelled)));
            }
            other => panic!("{other:?} for a job that is {}", job.status),
        }
        assert!(finished.is_applied());
    }
}

/// Protects: a reaper and a holder that both think they are first (C11).
pub async fn a_reap_and_a_finish_at_once_agree(rig: &Rig) {
    let by = rig.process().await;
    for _ in 0..30 {
        let process = rig.process().await;
        let lease = rig.running(process).await.lease;
        let later = rig.at().saturating_add(Duration::from_secs(60));
        let storage = rig.storage.clone();
        let reap = tokio::spawn(async move {
            let stale_after = Duration::from_secs(45);
            let params = ReapParams { stale_after, limit: 100, by, now: Some(later) };
            storage.processes.reap(params).await.expect("a reaping succeeds")
        });
        let finished = finish(rig.storage.clone(), lease, rig.now(), None).await;
        let revived = reap.await.expect("no task panics").revived;
        let job = rig.job(lease.job).await;
        if finished.is_applied() {
            assert_eq!((job.status, revived), (JobStatus::Done, vec![]));
        } else {
            assert_eq!((job.status, revived), (JobStatus::Pending, vec![lease.job]));
            rig.storage.jobs.drop_jobs(rig.verb([lease.job])).await.expect("a drop succeeds");
        }
    }
}

/// Protects: the promise of a dedupe key, among producers.
pub async fn one_key_sent_at_once_is_one_job(rig: &Rig) {
    let producers = (0..24).map(|_| {
        let (storage, now) = (rig.storage.clone(), rig.now());
        async move {
            let jobs = vec![checked(request().with_dedupe_key("key"))];
            let id = jobs[0].id;
            (id, storage.jobs.enqueue(EnqueueParams { jobs, now }).await.expect("an enqueue succeeds")[0])
        }
    });
    let results = at_once(producers.collect()).await;
    let winners: Vec<_> =
        results.iter().filter(|(_, i)| *i == Inserted::Inserted).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1);
    let told = results.iter().filter(|(_, i)| *i == Inserted::Duplicate { of: winners[0] }).count();
    assert_eq!(told, 23, "all others are told of the one");
}

/// Protects: pause means pause, from its answer on (A6).
pub async fn a_pause_stops_claims_from_its_answer_on(rig: &Rig) {
    for _ in 0..3 {
        rig.put_many(500).await;
    }
    let mut workers = Vec::new();
    for _ in 0..8 {
        let process = rig.process().await;
        workers.push(tokio::spawn(claim_all(rig.storage.clone(), process, 1, rig.at())));
    }
    rig.edit(QUEUE, QueueSettingsPatch::paused(true)).await;
    let running = || async {
        let counts = rig.storage.inspect.queue_counts().await.expect("counts can be read");
        counts[0].counts[2].1.count
    };
    let at_answer = running().await;
    for worker in workers {
        worker.await.expect("no task panics");
    }
    assert_eq!(running().await, at_answer, "something was claimed after the pause was answered");
}

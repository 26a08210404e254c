//! Many at once, on real threads: whatever commits first wins, and everybody is told the truth.

use super::rig::{QUEUE, Rig, checked, done, request};
use crate::retry::Transition;
use crate::storage::Begun;
use crate::storage::{
    CancelOutcome, ClaimMode, ClaimParams, ClaimWant, DropOutcome, EnqueueParams, Finish, FinishParams,
    FinishResult, Heartbeat, HeartbeatParams, Inserted, KindFilter, Lease, PromoteParams, QueueSettingsPatch,
    ReapParams, ReleaseParams, RetryOutcome, StorageError, UpdateQueueParams, VerbParams,
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
    let members = vec![Finish { lease, transition, timing: Timing::default(), failure: None }];
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
            let params = VerbParams { ids: vec![lease.job], actor: None, now };
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

/// Protects: every process may reap, and they do so at the same moment.
pub async fn reapers_at_once_revive_each_job_once(rig: &Rig) {
    let process = rig.process().await;
    rig.put_many(200).await;
    rig.claim(process, 200).await;
    rig.advance(Duration::from_secs(60));
    let mut reapers = Vec::new();
    for _ in 0..8 {
        let (by, storage, now) = (rig.process().await, rig.storage.clone(), rig.now());
        reapers.push(async move {
            let params = ReapParams { stale_after: Duration::from_secs(45), limit: 1_000, by, now };
            storage.processes.reap(params).await.expect("a reaping succeeds")
        });
    }
    let reports = at_once(reapers).await;
    let revived: Vec<_> = reports.iter().flat_map(|r| &r.revived).collect();
    assert_eq!((revived.len(), revived.iter().collect::<HashSet<_>>().len()), (200, 200));
    assert_eq!(reports.iter().map(|r| r.processes.len()).sum::<usize>(), 1, "it is ended once");
}

/// Protects: two operators with one thought.
pub async fn retries_at_once_bring_a_job_back_once(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..20 {
        let id = rig.dead(process).await;
        let retries = (0..6).map(|_| {
            let (storage, now) = (rig.storage.clone(), rig.now());
            async move {
                storage
                    .jobs
                    .retry(VerbParams { ids: vec![id], actor: None, now })
                    .await
                    .expect("a retry succeeds")[0]
            }
        });
        let outcomes = at_once(retries.collect()).await;
        let refused = RetryOutcome::Refused { status: JobStatus::Pending };
        let count = |o| outcomes.iter().filter(|x| **x == o).count();
        assert_eq!((count(RetryOutcome::Retried), count(refused)), (1, 5));
        assert_eq!(rig.claim(process, 10).await.len(), 1);
    }
}

/// Protects: an enqueue that was sent again before its first answer came.
pub async fn one_id_sent_at_once_is_one_job(rig: &Rig) {
    let job = checked(request());
    let producers = (0..24).map(|_| {
        let (storage, now, jobs) = (rig.storage.clone(), rig.now(), vec![job.clone()]);
        async move { storage.jobs.enqueue(EnqueueParams { jobs, now }).await.expect("an enqueue succeeds")[0] }
    });
    let results = at_once(producers.collect()).await;
    let count = |i| results.iter().filter(|x| **x == i).count();
    assert_eq!((count(Inserted::Inserted), count(Inserted::AlreadyThere)), (1, 23));
}

/// Protects: a cancel while a shutdown hands jobs back.
pub async fn a_cancel_and_a_release_at_once_agree(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..40 {
        let lease = rig.running(process).await.lease;
        let (storage, now) = (rig.storage.clone(), rig.now());
        let release = tokio::spawn(async move {
            let params = ReleaseParams { leases: vec![lease], begun: Begun::No, now };
            storage.jobs.release(params).await.expect("a release succeeds")[0]
        });
        let cancelled = rig.storage.jobs.cancel(rig.verb([lease.job])).await.expect("a cancel succeeds")[0];
        let released = release.await.expect("no task panics");
        let job = rig.job(lease.job).await;
        // Whichever came first, a cancel that was answered is a cancel.
        assert_eq!((job.status, job.dead_reason), (JobStatus::Dead, Some(DeadReason::Cancelled)));
        let expected = match cancelled {
            CancelOutcome::Cancelled => JobStatus::Pending,
            CancelOutcome::Requested { .. } => JobStatus::Dead,
            other => panic!("{other:?} for a job that was running"),
        };
        assert!(
            matches!(released, FinishResult::Applied { status, .. } if status == expected),
            "{released:?} beside {cancelled:?}"
        );
    }
}

/// Protects: nobody runs a job that is gone, and nobody pulls it from under its handler.
pub async fn a_drop_and_a_claim_at_once_agree(rig: &Rig) {
    let process = rig.process().await;
    for _ in 0..40 {
        let id = rig.put_many(1).await[0];
        let claim = tokio::spawn(claim_all(rig.storage.clone(), process, 1, rig.at()));
        let dropped = rig.storage.jobs.drop_jobs(rig.verb([id])).await.expect("a drop succeeds")[0];
        let claimed = claim.await.expect("no task panics");
        match dropped {
            DropOutcome::Dropped => assert!(claimed.is_empty() && rig.is_gone(id).await),
            DropOutcome::Refused { status } => assert_eq!((status, claimed), (JobStatus::Running, vec![id])),
            other => panic!("{other:?} for a job that was there"),
        }
    }
}

/// Protects: every process promotes, and they do so at the same moment.
pub async fn promotions_at_once_count_each_job_once(rig: &Rig) {
    let jobs: Vec<_> = (0..300).map(|_| checked(request().with_delay(Duration::from_secs(1)))).collect();
    rig.enqueue(jobs).await;
    rig.advance(Duration::from_secs(1));
    let promoters = (0..8).map(|_| {
        let (storage, now) = (rig.storage.clone(), rig.now());
        async move {
            let mut count = 0;
            for _ in 0..10 {
                let params = PromoteParams { limit: 50, now };
                count += storage.jobs.promote(params).await.expect("a promotion succeeds").count;
            }
            count
        }
    });
    assert_eq!(at_once(promoters.collect()).await.iter().sum::<u32>(), 300);
    let process = rig.process().await;
    assert_eq!(rig.claim(process, 1_000).await.len(), 300);
}

/// Protects: two operators who edit one queue: the second is told, not overwritten.
pub async fn of_edits_of_one_version_at_once_one_is_made(rig: &Rig) {
    rig.ensure(QUEUE, 1).await;
    let row = rig.storage.queues.get(QUEUE).await.expect("a queue can be read").expect("it is there");
    let edits = (10..18).map(|workers| {
        let storage = rig.storage.clone();
        let expected_version = Some(row.version);
        async move {
            let patch = QueueSettingsPatch::workers(workers);
            storage
                .queues
                .update(UpdateQueueParams {
                    queue: QUEUE.into(),
                    patch,
                    expected_version,
                    actor: None,
                    now: None,
                })
                .await
        }
    });
    let results = at_once(edits.collect()).await;
    let made: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    assert_eq!(made.len(), 1);
    let conflicts = results.iter().filter(|r| matches!(r, Err(StorageError::Conflict { .. }))).count();
    assert_eq!(conflicts, 7);
    let now = rig.storage.queues.get(QUEUE).await.expect("a queue can be read");
    assert_eq!(now.as_ref(), Some(made[0]));
}

/// Protects: the bound, whoever claims at the same moment.
pub async fn claims_at_once_keep_the_bound_of_a_queue(rig: &Rig) {
    rig.put_many(100).await;
    rig.edit(QUEUE, QueueSettingsPatch::default().with_max_running(Some(7))).await;
    let mut workers = Vec::new();
    for n in 0..12 {
        let (process, storage, now) = (rig.process().await, rig.storage.clone(), rig.now());
        workers.push(async move {
            let wants = vec![ClaimWant { queue: QUEUE.into(), limit: 1 + n % 4 }];
            let params =
                ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now };
            storage.jobs.claim(params).await.expect("a claim succeeds").jobs.len()
        });
    }
    assert_eq!(at_once(workers).await.into_iter().sum::<usize>(), 7);
}

/// Protects: one leader.
pub async fn of_many_at_once_one_leads(rig: &Rig) {
    let mut askers = Vec::new();
    for _ in 0..12 {
        let (process, storage, now) = (rig.process().await, rig.storage.clone(), rig.now());
        askers.push(async move {
            let lead_for = Some(Duration::from_secs(15));
            let params = HeartbeatParams { process, stopping: false, lead_for, now };
            let beat = storage.processes.heartbeat(params).await.expect("a heartbeat succeeds");
            matches!(beat, Heartbeat::Alive { leads: true, .. })
        });
    }
    assert_eq!(at_once(askers).await.into_iter().filter(|leads| *leads).count(), 1);
}

//! What rules work with: a storage, a time that they move, and short words for common steps.

use crate::retry::Transition;
use crate::storage::Begun;
use crate::storage::{
    ClaimBatch, ClaimMode, ClaimParams, ClaimWant, Claimed, DeregisterParams, EnqueueParams,
    EnsureQueueParams, Finish, FinishParams, FinishResult, Heartbeat, HeartbeatParams, Inserted, KindFilter,
    Lease, PromoteParams, Promoted, QueueSettingsPatch, ReapParams, ReapReport, RegisterParams,
    ReleaseParams, StorageError, SweepParams, SweepReport, UpdateQueueParams, VerbParams,
};
use crate::{
    DeadReason, DefaultRouter, EnqueueRequest, Job, JobId, JobStatus, NewJob, ProcessId, Storage, Timestamp,
    Timing,
};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Silence after which the rules' processes count as dead.
pub(super) const STALE: Duration = Duration::from_secs(45);
pub(super) const BEAT: Duration = Duration::from_secs(10);
/// How long the rules' leaders lead.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// The queue of rules that need but one.
pub(super) const QUEUE: &str = "default";

/// A storage and a time that rules move.
#[derive(Debug)]
pub struct Rig {
    pub(super) storage: Storage,
    now: AtomicI64,
}

impl Rig {
    /// On a storage whose database is new and empty.
    #[must_use]
    pub const fn new(storage: Storage) -> Self {
        // Any time will do; this one is far from every host's.
        Self { storage, now: AtomicI64::new(1_800_000_000_000_000) }
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Relaxed))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that every params struct takes")]
    pub(super) fn now(&self) -> Option<Timestamp> {
        Some(self.at())
    }

    pub(super) fn advance(&self, by: Duration) {
        self.now.store(self.at().saturating_add(by).as_micros(), Ordering::Relaxed);
    }

    /// As when a clock is set right.
    pub(super) fn set_back(&self, by: Duration) {
        self.now.store(self.at().saturating_sub(by).as_micros(), Ordering::Relaxed);
    }

    pub(super) async fn process(&self) -> ProcessId {
        let process = ProcessId::new();
        self.register(process).await.expect("a new process registers");
        process
    }

    pub(super) async fn register(&self, process: ProcessId) -> Result<(), StorageError> {
        let kinds = Some(vec!["k".to_owned()]);
        let queues = Some(vec!["default".to_owned(), "other".to_owned()]);
        let (host, version) = ("host".to_owned(), "1.2.3".to_owned());
        let params = RegisterParams {
            process,
            host,
            pid: 7,
            version,
            kinds,
            queues,
            heartbeat_interval: BEAT,
            stale_after: STALE,
            now: self.now(),
        };
        self.storage.processes.register(params).await
    }

    pub(super) async fn enqueue(&self, jobs: Vec<NewJob>) -> Vec<Inserted> {
        let params = EnqueueParams { jobs, now: self.now() };
        self.storage.jobs.enqueue(params).await.expect("an enqueue succeeds")
    }

    /// Enqueues one job that must be new.
    pub(super) async fn put(&self, request: EnqueueRequest) -> JobId {
        let job = checked(request);
        let id = job.id;
        assert_eq!(self.enqueue(vec![job]).await, [Inserted::Inserted]);
        id
    }

    /// Enqueues `count` plain jobs; their ids in claim order.
    pub(super) async fn put_many(&self, count: usize) -> Vec<JobId> {
        let jobs: Vec<_> = (0..count).map(|_| checked(request())).collect();
        let ids = jobs.iter().map(|j| j.id).collect();
        assert!(self.enqueue(jobs).await.iter().all(|i| *i == Inserted::Inserted));
        ids
    }

    pub(super) fn claim_params(&self, process: ProcessId, limit: u32, mode: ClaimMode) -> ClaimParams {
        let wants = vec![ClaimWant { queue: QUEUE.into(), limit }];
        ClaimParams { process, wants, kinds: KindFilter::Any, mode, now: self.now() }
    }

    pub(super) async fn claim_batch(&self, params: ClaimParams) -> ClaimBatch {
        self.storage.jobs.claim(params).await.expect("a claim succeeds")
    }

    pub(super) async fn claim(&self, process: ProcessId, limit: u32) -> Vec<Claimed> {
        self.claim_batch(self.claim_params(process, limit, ClaimMode::Ordinary)).await.jobs
    }

    pub(super) async fn claim_alone(&self, process: ProcessId) -> Vec<Claimed> {
        self.claim_batch(self.claim_params(process, 10, ClaimMode::Alone)).await.jobs
    }

    /// Claims exactly one job.
    pub(super) async fn claim_one(&self, process: ProcessId) -> Claimed {
        let mut jobs = self.claim(process, 1).await;
        assert_eq!(jobs.len(), 1, "there is a job to claim");
        jobs.remove(0)
    }

    /// Enqueues a plain job and claims it.
    pub(super) async fn running(&self, process: ProcessId) -> Claimed {
        let id = self.put(request()).await;
        let claimed = self.claim_one(process).await;
        assert_eq!(claimed.job.id, id);
        claimed
    }

    pub(super) async fn finish(&self, lease: Lease, transition: Transition) -> FinishResult {
        self.finish_after(Duration::ZERO, lease, transition).await
    }

    pub(super) async fn finish_after(
        &self,
        ran_for: Duration,
        lease: Lease,
        transition: Transition,
    ) -> FinishResult {
        let timing = Timing { ran_for, ended_ago: Duration::ZERO };
        let members = vec![Finish { lease, transition, timing, failure: None }];
        let params = FinishParams { members, now: self.now() };
        let results = self.storage.jobs.finish(params).await.expect("a finish succeeds");
        assert_eq!(results.len(), 1);
        results[0]
    }

    pub(super) async fn release(&self, lease: Lease) -> FinishResult {
        let params = ReleaseParams { leases: vec![lease], begun: Begun::No, now: self.now() };
        self.storage.jobs.release(params).await.expect("a release succeeds")[0]
    }

    pub(super) async fn promote(&self) -> Promoted {
        let params = PromoteParams { limit: 1_000, now: self.now() };
        self.storage.jobs.promote(params).await.expect("a promotion succeeds")
    }

    pub(super) async fn heartbeat(&self, process: ProcessId) -> Heartbeat {
        let params = HeartbeatParams { process, stopping: false, lead_for: None, now: self.now() };
        self.storage.processes.heartbeat(params).await.expect("a heartbeat succeeds")
    }

    /// A heartbeat that asks for the lead; says whether it was given.
    pub(super) async fn asks_to_lead(&self, process: ProcessId) -> bool {
        let lead_for = Some(LEASE);
        let params = HeartbeatParams { process, stopping: false, lead_for, now: self.now() };
        let beat = self.storage.processes.heartbeat(params).await.expect("a heartbeat succeeds");
        matches!(beat, Heartbeat::Alive { leads: true, .. })
    }

    pub(super) async fn deregister(&self, process: ProcessId) -> u32 {
        let params = DeregisterParams { process, now: self.now() };
        self.storage.processes.deregister(params).await.expect("a process can leave")
    }

    pub(super) async fn reap_as(&self, by: ProcessId, limit: u32) -> ReapReport {
        let params = ReapParams { stale_after: STALE, limit, by, now: self.now() };
        self.storage.processes.reap(params).await.expect("a reaping succeeds")
    }

    /// Lets every process fall silent, and a new one reap them.
    pub(super) async fn crash_all(&self) -> ReapReport {
        self.advance(STALE + Duration::from_secs(1));
        let by = self.process().await;
        let report = self.reap_as(by, 1_000).await;
        self.deregister(by).await;
        report
    }

    pub(super) async fn sweep(&self, limit: u32) -> SweepReport {
        let params = SweepParams { limit, now: self.now() };
        self.storage.jobs.sweep(params).await.expect("a sweep succeeds")
    }

    pub(super) fn verb(&self, ids: impl IntoIterator<Item = JobId>) -> VerbParams {
        VerbParams { ids: ids.into_iter().collect(), actor: None, now: self.now() }
    }

    pub(super) async fn ensure(&self, queue: &str, workers: u32) {
        let params = EnsureQueueParams { queue: queue.into(), workers };
        self.storage.queues.ensure(params).await.expect("a queue can be created");
    }

    pub(super) async fn edit(&self, queue: &str, patch: QueueSettingsPatch) {
        let params = UpdateQueueParams {
            queue: queue.into(),
            patch,
            expected_version: None,
            actor: None,
            now: self.now(),
        };
        self.storage.queues.update(params).await.expect("a queue can be edited");
    }

    /// A job that must be there.
    pub(super) async fn job(&self, id: JobId) -> Job {
        self.storage.inspect.job(id).await.expect("a job can be read").expect("the job is there")
    }

    pub(super) async fn status(&self, id: JobId) -> JobStatus {
        self.job(id).await.status
    }

    pub(super) async fn is_gone(&self, id: JobId) -> bool {
        self.storage.inspect.job(id).await.expect("a job can be read").is_none()
    }

    /// A dead job, discarded by its handler.
    pub(super) async fn dead(&self, process: ProcessId) -> JobId {
        let claimed = self.running(process).await;
        self.finish(claimed.lease, dead("no")).await;
        claimed.job.id
    }
}

/// A plain request.
pub(super) fn request() -> EnqueueRequest {
    EnqueueRequest::new("k", 1).on_queue(QUEUE)
}

pub(super) fn checked(request: EnqueueRequest) -> NewJob {
    request.validate(&DefaultRouter).expect("the rules' requests are valid")
}

pub(super) const fn done() -> Transition {
    Transition::Done { output: None }
}

pub(super) fn retry(after: Duration) -> Transition {
    Transition::Retry { after, error: "it failed".into() }
}

pub(super) const fn throttle(after: Duration) -> Transition {
    Transition::Throttle { after }
}

pub(super) fn dead(error: &str) -> Transition {
    Transition::Dead { reason: DeadReason::Discarded, error: error.into() }
}

pub(super) const fn applied(status: JobStatus) -> FinishResult {
    FinishResult::Applied { status, dead_reason: None }
}

pub(super) const fn applied_dead(reason: DeadReason) -> FinishResult {
    FinishResult::Applied { status: JobStatus::Dead, dead_reason: Some(reason) }
}

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

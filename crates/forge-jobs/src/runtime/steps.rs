//! The steps of a runtime, one at a time and by hand: what the test kit takes in place of the loops.
//!
//! Each is the code of the loop that it stands for, so that a test sees what production does: the same claim, the same
//! decision, the same finish under the lease. Only chance is left out: backoff has no jitter.

use super::core::Core;
use super::execute::{Broken, Conclusion, attempt, concluded};
use super::finish::in_time;
use super::session::Session;
use crate::handler::{AttemptState, HandlerEnd};
use crate::limits::{MAX_CLAIM_BATCH, MAX_PROMOTE_BATCH};
use crate::service::scheduler::Scheduler;
use crate::storage::{
    Begun, CancelOutcome, ClaimBatch, ClaimMode, ClaimParams, ClaimWant, Claimed, DueParams, Finish,
    FinishParams, FinishResult, Heartbeat, HeartbeatParams, KindFilter, ProgressParams, PromoteParams,
    QueueRow, ReapParams, ReapReport, RegisterParams, ReleaseParams, StorageError, VerbParams,
};
use crate::{
    AttemptCause, ClaimedJob, Enqueuer, JobContext, JobId, JobOutcome, ProcessId, Timestamp, Timing,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The middle of the jitter: none.
const MIDDLE: f64 = 0.5;
/// How many jobs in front of one are looked through for it.
const LOOK_THROUGH: usize = 10 * MAX_CLAIM_BATCH as usize;

/// One attempt that has ended.
pub(crate) struct Ended {
    pub(crate) job: ClaimedJob,
    /// What the handler reported, or what its panic or its time limit counts as.
    pub(crate) outcome: JobOutcome,
    /// What ended it, if that was not the handler.
    pub(crate) cause: Option<AttemptCause>,
    /// What the storage made of it.
    pub(crate) result: FinishResult,
}

/// What a look for a job gave.
pub(crate) struct Next {
    pub(crate) claimed: Option<Claimed>,
    /// When it is worth looking again, if budgets are used up.
    pub(crate) again_in: Option<Duration>,
}

/// A registered process that does nothing by itself.
pub(crate) struct Steps {
    core: Arc<Core>,
    /// Held while one looks for a job of its own and has those in front of it: another one that looks would miss them.
    looking: tokio::sync::Mutex<()>,
}

/// Takes an attempt out of those that run, however it ends.
struct Entered<'a>(&'a Core, &'a AttemptState);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl Steps {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, looking: tokio::sync::Mutex::default() }
    }

    fn now(&self) -> Option<Timestamp> {
        self.core.clock.storage_now()
    }

    /// This process, registered anew if another one took it for dead meanwhile.
    async fn process(&self) -> Result<ProcessId, StorageError> {
        if let Some(session) = self.core.sessions.current() {
            let params = HeartbeatParams {
                process: session.process,
                stopping: false,
                lead_for: Some(self.core.lease()),
                now: self.now(),
            };
            match in_time(self.core.storage.processes.heartbeat(params)).await? {
                Heartbeat::Fenced => self.core.sessions.forget_all(&session),
                Heartbeat::Alive { .. } => return Ok(session.process),
            }
        }
        let session: Arc<Session> = in_time(self.core.register()).await?;
        let process = session.process;
        self.core.sessions.set_current(session);
        Ok(process)
    }

    /// Beats, and revives the jobs of processes that do not.
    pub(crate) async fn reap(&self) -> Result<ReapReport, StorageError> {
        let by = self.process().await?;
        let stale_after = self.core.config.stale_after;
        let mut all = ReapReport::default();
        loop {
            let params = ReapParams { stale_after, limit: MAX_CLAIM_BATCH, by, now: self.now() };
            let report = in_time(self.core.storage.processes.reap(params)).await?;
            all.processes.extend(report.processes);
            all.revived.extend(report.revived);
            all.poisoned.extend(report.poisoned);
            all.exhausted.extend(report.exhausted);
            all.cancelled.extend(report.cancelled);
            if !report.more {
                return Ok(all);
            }
        }
    }

    /// Fires the schedules that are due. Gives how many jobs that made.
    pub(crate) async fn fire(&self) -> Result<usize, StorageError> {
        Scheduler::new(self.core.clone()).run_once().await
    }

    /// Makes jobs claimable whose time has come. Gives when the next one's will have.
    pub(crate) async fn promote(&self) -> Result<Option<Duration>, StorageError> {
        loop {
            let params = PromoteParams { limit: MAX_PROMOTE_BATCH, now: self.now() };
            let promoted = in_time(self.core.storage.jobs.promote(params)).await?;
            if promoted.count < MAX_PROMOTE_BATCH {
                return Ok(promoted.next_due_in);
            }
        }
    }

    /// When the next schedule fires.
    pub(crate) async fn next_fire(&self) -> Result<Option<Timestamp>, StorageError> {
        let due = in_time(self.core.storage.cron.due(DueParams { limit: 1, now: self.now() })).await?;
        Ok(due.schedules.first().map_or(due.next_at, |schedule| schedule.due_at))
    }

    /// When the first of the other processes will be taken for dead, if it is not heard of until then.
    pub(crate) async fn next_death(&self, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
        let own = self.core.sessions.current().map(|session| session.process);
        // A process is dead once it was silent for longer than this.
        let silence = self.core.config.stale_after.saturating_add(Duration::from_micros(1));
        let others = in_time(self.core.storage.inspect.processes()).await?;
        let others = others.iter().filter(|other| Some(other.id) != own);
        Ok(others.map(|other| other.beat_at.saturating_add(silence)).filter(|at| *at > now).min())
    }

    /// Claims the next job: of this process's queues in the order of their names, ordinary ones before suspects. Queues
    /// that rest give none.
    pub(crate) async fn claim(&self, only: &[String]) -> Result<Next, StorageError> {
        let process = self.process().await?;
        let queues = in_time(self.core.storage.queues.list()).await?;
        let mut again_in = None;
        for row in queues.iter().filter(|row| self.works_on(row)) {
            if !only.is_empty() && !only.contains(&row.name) {
                continue;
            }
            for mode in [ClaimMode::Ordinary, ClaimMode::Alone] {
                let batch = self.claim_of(process, &row.name, self.core.kinds.clone(), mode, 1).await?;
                let waits = batch.limited.iter().filter_map(|limited| limited.again_in);
                again_in = again_in.into_iter().chain(waits).min();
                if let Some(claimed) = batch.jobs.into_iter().next() {
                    return Ok(Next { claimed: Some(claimed), again_in });
                }
            }
        }
        Ok(Next { claimed: None, again_in })
    }

    /// Whether the queue is one of this process's, and does not rest.
    fn works_on(&self, row: &QueueRow) -> bool {
        let own = &self.core.config.queues;
        row.settings.workers > 0 && (own.is_empty() || own.contains_key(&row.name))
    }

    async fn claim_of(
        &self,
        process: ProcessId,
        queue: &str,
        kinds: KindFilter,
        mode: ClaimMode,
        limit: u32,
    ) -> Result<ClaimBatch, StorageError> {
        let wants = vec![ClaimWant { queue: queue.to_owned(), limit }];
        let params = ClaimParams { process, wants, kinds, mode, now: self.now() };
        in_time(self.core.storage.jobs.claim(params)).await
    }

    /// Claims one certain job, if it can be claimed now and its queue is worked on. Jobs in front of it go back as if
    /// nothing had been.
    pub(crate) async fn claim_this(
        &self,
        queue: &str,
        kind: &str,
        id: JobId,
    ) -> Result<Option<Claimed>, StorageError> {
        let process = self.process().await?;
        let row = in_time(self.core.storage.queues.get(queue)).await?;
        if !row.is_some_and(|row| self.works_on(&row)) {
            return Ok(None);
        }
        let _looking = self.looking.lock().await;
        let kinds = KindFilter::Only(Arc::new(HashSet::from([kind.to_owned()])));
        let (mut found, mut others) = (None, Vec::new());
        while found.is_none() && others.len() < LOOK_THROUGH {
            let batch = self.claim_of(process, queue, kinds.clone(), ClaimMode::Ordinary, 1).await?;
            let Some(claimed) = batch.jobs.into_iter().next() else { break };
            if claimed.job.id == id {
                found = Some(claimed);
            } else {
                others.push(claimed.lease);
            }
        }
        for leases in others.chunks(MAX_CLAIM_BATCH as usize) {
            let params = ReleaseParams { leases: leases.to_vec(), begun: Begun::No, now: self.now() };
            in_time(self.core.storage.jobs.release(params)).await?;
        }
        Ok(found)
    }

    /// Claims the next job of a queue for another process, which is never heard of again.
    pub(crate) async fn claim_and_vanish(&self, queue: &str) -> Result<Option<ClaimedJob>, StorageError> {
        let process = ProcessId::new();
        let config = &self.core.config;
        let params = RegisterParams {
            process,
            host: "vanished".into(),
            pid: std::process::id(),
            version: config.version.clone(),
            kinds: None,
            queues: None,
            heartbeat_interval: config.heartbeat_interval,
            stale_after: config.stale_after,
            now: self.now(),
        };
        in_time(self.core.storage.processes.register(params)).await?;
        let claimed = self.claim_of(process, queue, KindFilter::Any, ClaimMode::Ordinary, 1).await?;
        Ok(claimed.jobs.into_iter().next().map(|claimed| claimed.job))
    }

    /// Gives a claim back that was not started.
    pub(crate) async fn give_back(&self, claimed: Claimed) -> Result<(), StorageError> {
        self.release(claimed.lease, Begun::No).await.map(drop)
    }

    /// Whether there is a handler for jobs of this kind.
    pub(crate) fn handles(&self, kind: &str) -> bool {
        self.core.handlers.get(kind).is_some()
    }

    /// Runs a claimed job in the caller's task, and writes what became of it.
    pub(crate) async fn run(
        &self,
        claimed: Claimed,
        enqueuer: Arc<Enqueuer>,
    ) -> Result<Option<Ended>, StorageError> {
        let Claimed { job, lease } = claimed;
        let core = &*self.core;
        let Some(handler) = core.handlers.get(&job.kind) else {
            // Only kinds with a handler are claimed.
            self.release(lease, Begun::No).await?;
            return Ok(None);
        };
        let state = Arc::new(AttemptState::new(job, lease, handler.options()));
        core.enter(&state);
        let entered = Entered(core, &state);
        let ctx = JobContext::new(state.clone(), enqueuer, &core.rate_limits);
        let run = async move { handler.run(ctx).await };
        let (end, ran_for) = attempt(&state, core.config.cancel_grace, &core.logs, run).await;
        drop(entered);
        let (outcome, cause) = reported(&end);
        let row = in_time(core.storage.queues.get(&state.job.queue)).await?;
        let policy = row.map(|row| row.settings.backoff).unwrap_or_default();
        if let Some(progress) = state.take_new_progress() {
            let params = ProgressParams { members: vec![(lease, progress)] };
            in_time(core.storage.jobs.record_progress(params)).await?;
        }
        let result = match concluded(&state, end, || policy, || MIDDLE) {
            Conclusion::Finish { transition, failure } => {
                let timing = Timing { ran_for, ended_ago: Duration::ZERO };
                let members = vec![Finish { lease, transition, timing, failure }];
                let results = core.storage.jobs.finish(FinishParams { members, now: self.now() });
                in_time(results).await?.first().copied().unwrap_or(FinishResult::StaleLease)
            }
            Conclusion::Release => self.release(lease, Begun::Perhaps).await?,
        };
        #[cfg(feature = "logs")]
        super::logs::store_now(core).await;
        Ok(Some(Ended { job: state.job.clone(), outcome, cause, result }))
    }

    async fn release(
        &self,
        lease: crate::storage::Lease,
        begun: Begun,
    ) -> Result<FinishResult, StorageError> {
        let params = ReleaseParams { leases: vec![lease], begun, now: self.now() };
        let results = in_time(self.core.storage.jobs.release(params)).await?;
        Ok(results.first().copied().unwrap_or(FinishResult::StaleLease))
    }

    /// Cancels a job, and tells its handler at once if it runs here.
    pub(crate) async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StorageError> {
        let params = VerbParams { ids: vec![id], actor: None, now: self.now() };
        let outcomes = in_time(self.core.storage.jobs.cancel(params)).await?;
        let outcome = outcomes.first().copied().unwrap_or(CancelOutcome::Unknown);
        if let CancelOutcome::Requested { claim_no, .. } = outcome {
            self.core.cancel_claim((id, claim_no));
        }
        Ok(outcome)
    }
}

/// What a handler's end counts as, and what ended it if that was not the handler.
pub(crate) fn reported(end: &Result<HandlerEnd, Broken>) -> (JobOutcome, Option<AttemptCause>) {
    match end {
        Ok(HandlerEnd::Outcome(outcome)) => (outcome.clone(), None),
        Ok(HandlerEnd::Undecodable(text)) => {
            (JobOutcome::Dead(text.clone()), Some(AttemptCause::Undecodable))
        }
        Err(broken) => (JobOutcome::Failed(broken.text.clone()), Some(broken.cause)),
    }
}

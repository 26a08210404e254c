//! One call, one cut, and a look at what came of it; then the same call again, as a caller would make it.

use super::{Cut, SOON, same};
use crate::campaigns::Failure;
use crate::proxy::Trap;
use crate::stage::Stage;
use forge_jobs::retry::Transition;
use forge_jobs::storage::postgres::PostgresStorage;
use forge_jobs::storage::{
    Begun, CancelOutcome, ClaimMode, ClaimParams, ClaimWant, DeregisterParams, DropOutcome, EnqueueParams,
    Finish, FinishParams, FinishResult, Heartbeat, HeartbeatParams, Inserted, Inspect, JobQueue, KindFilter,
    Lease, ProcessRegistry, PromoteParams, RegisterParams, ReleaseParams, RetryOutcome, RunNowOutcome,
    StorageError, VerbParams,
};
use forge_jobs::{
    DeadReason, DefaultRouter, EnqueueRequest, Job, JobId, JobStatus, NewJob, ProcessId, Timestamp, Timing,
};
use std::sync::Arc;
use std::time::Duration;

/// Cuts single calls, one after the other, in turns.
pub(super) async fn run(stage: &Stage, cuts: u64) -> Result<String, Failure> {
    let (through, direct) = (stage.through().await?, stage.direct().await?);
    let mut caller =
        Caller { stage, through, direct, process: ProcessId::new(), cut: Cut::AfterCommit, done: 0 };
    caller.through.register(registration(caller.process)).await?;
    let mut turns = 0_usize;
    while caller.done < cuts {
        caller.cut = if turns % 3 == 2 { Cut::BeforeRequest } else { Cut::AfterCommit };
        let name = NAMES[turns % NAMES.len()];
        caller.call(name).await.map_err(|e| format!("{name}, {:?}: {e}", caller.cut))?;
        turns += 1;
    }
    super::super::verdict(&caller.direct.checkup().await?.problems)?;
    same("jobs that are not finished", &caller.direct.has_unfinished(None).await?, &false)?;
    Ok(format!("{turns} calls of {} kinds were cut off", NAMES.len()))
}

const NAMES: [&str; 16] = [
    "enqueue",
    "claim",
    "finish",
    "cancel",
    "retry",
    "promote",
    "fail",
    "release",
    "cancel running",
    "run_now",
    "drop",
    "register",
    "heartbeat",
    "deregister",
    "enqueue many",
    "enqueue keyed",
];

struct Caller<'a> {
    stage: &'a Stage,
    through: Arc<PostgresStorage>,
    direct: Arc<PostgresStorage>,
    process: ProcessId,
    cut: Cut,
    done: u64,
}

impl Caller<'_> {
    async fn call(&mut self, name: &str) -> Result<(), Failure> {
        match name {
            "enqueue" => self.enqueue(vec![job(|r| r)?]).await,
            "enqueue many" => self.enqueue((0..50).map(|_| job(|r| r)).collect::<Result<_, _>>()?).await,
            "enqueue keyed" => self.enqueue(vec![job(|r| r.with_dedupe_key("one"))?]).await,
            "claim" => self.claim().await,
            "finish" => self.finish().await,
            "fail" => self.fail().await,
            "release" => self.release().await,
            "cancel" => self.cancel_waiting().await,
            "cancel running" => self.cancel_running().await,
            "retry" => self.retry().await,
            "run_now" => self.run_now().await,
            "promote" => self.promote().await,
            "drop" => self.drop_one().await,
            "register" => self.register().await,
            "heartbeat" => self.heartbeat().await,
            _ => self.deregister().await,
        }
    }

    /// Cuts the next call of this function.
    fn arm(&self, function: &str) -> Trap {
        let function = format!(".{function}(");
        self.cut.arm(&self.stage.proxy, 1, move |text| text.contains(&function))
    }

    /// The call that was cut off must say that nobody knows what came of it.
    fn was_cut<T: std::fmt::Debug>(
        &mut self,
        trap: &Trap,
        answer: &Result<T, StorageError>,
    ) -> Result<(), Failure> {
        self.sprung(trap)?;
        match answer {
            Err(e) if e.outcome_unknown() => Ok(()),
            other => Err(format!("it was cut off and says {other:?}").into()),
        }
    }

    fn sprung(&mut self, trap: &Trap) -> Result<(), Failure> {
        self.done += 1;
        same("connections that were cut", &trap.sprung_within(1, SOON), &true)?;
        same("connections that were cut", &trap.sprung(), &1)
    }

    /// One of two, by whether the call that was cut off had been done.
    fn again<T>(&self, done: T, not_done: T) -> T {
        if self.cut.is_done() { done } else { not_done }
    }

    async fn look(&self, id: JobId) -> Result<Job, Failure> {
        self.direct.job(id).await?.ok_or_else(|| format!("{id} is lost").into())
    }

    async fn stands(&self, id: JobId, status: JobStatus, attempt: u32) -> Result<(), Failure> {
        let job = self.look(id).await?;
        same("status and charged attempts", &(job.status, job.attempt), &(status, attempt))
    }

    /// A job that waits, put there behind the proxy's back.
    async fn waiting(&self) -> Result<JobId, Failure> {
        let job = job(|r| r)?;
        let id = job.id;
        same("enqueue", &self.direct.enqueue(params(vec![job])).await?, &vec![Inserted::Inserted])?;
        Ok(id)
    }

    /// A job that runs here.
    async fn running(&self) -> Result<Lease, Failure> {
        let id = self.waiting().await?;
        let batch = self.through.claim(one(self.process)).await?;
        let lease = batch.jobs.first().map(|c| c.lease).ok_or("nothing was claimed")?;
        same("claimed", &lease.job, &id)?;
        Ok(lease)
    }

    async fn clear(&self, id: JobId) -> Result<(), Failure> {
        same("drop", &self.direct.drop_jobs(verb(id)).await?, &vec![DropOutcome::Dropped])
    }

    /// It resends by itself.
    async fn enqueue(&mut self, jobs: Vec<NewJob>) -> Result<(), Failure> {
        let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
        // Plain ones have a function of their own, and what is sent again may take the other one.
        let trap = self.cut.arm(&self.stage.proxy, 1, |text| text.contains(".insert_"));
        let answer = self.through.enqueue(params(jobs)).await;
        self.sprung(&trap)?;
        same("enqueue", &answer?, &vec![Inserted::Inserted; ids.len()])?;
        for id in ids {
            self.stands(id, JobStatus::Pending, 0).await?;
            self.clear(id).await?;
        }
        Ok(())
    }

    /// Only the end of the registration gives back what nobody has seen.
    async fn claim(&mut self) -> Result<(), Failure> {
        let id = self.waiting().await?;
        let trap = self.arm("claim");
        let answer = self.through.claim(one(self.process)).await;
        self.was_cut(&trap, &answer)?;
        let back = self.through.deregister(DeregisterParams { process: self.process, now: None }).await?;
        same("handed back", &back, &self.again(1, 0))?;
        self.stands(id, JobStatus::Pending, 0).await?;
        self.process = ProcessId::new();
        self.through.register(registration(self.process)).await?;
        let batch = self.through.claim(one(self.process)).await?;
        let claimed = batch.jobs.first().ok_or("it cannot be claimed any more")?;
        same("job and attempt", &(claimed.job.id, claimed.job.attempt), &(id, 1))?;
        let done = self.through.finish(ended(claimed.lease, done())).await?;
        same("finish", &done, &vec![applied(JobStatus::Done)])
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let lease = self.running().await?;
        let trap = self.arm("finish");
        let answer = self.through.finish(ended(lease, done())).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.finish(ended(lease, done())).await?;
        same("again", &again, &vec![self.again(FinishResult::StaleLease, applied(JobStatus::Done))])?;
        self.stands(lease.job, JobStatus::Done, 1).await?;
        same("attempts", &self.direct.attempts(lease.job).await?.len(), &1)
    }

    /// An attempt that failed is charged once.
    async fn fail(&mut self) -> Result<(), Failure> {
        let lease = self.running().await?;
        let failed = || Transition::Retry { after: Duration::ZERO, error: "x".into() };
        let trap = self.arm("finish");
        let answer = self.through.finish(ended(lease, failed())).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.finish(ended(lease, failed())).await?;
        same("again", &again, &vec![self.again(FinishResult::StaleLease, applied(JobStatus::Pending))])?;
        self.stands(lease.job, JobStatus::Pending, 1).await?;
        same("failed attempts", &self.direct.attempts(lease.job).await?.len(), &1)?;
        self.clear(lease.job).await
    }

    async fn release(&mut self) -> Result<(), Failure> {
        let lease = self.running().await?;
        let back = || ReleaseParams { leases: vec![lease], begun: Begun::No, now: None };
        let trap = self.arm("release");
        let answer = self.through.release(back()).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.release(back()).await?;
        same("again", &again, &vec![self.again(FinishResult::StaleLease, applied(JobStatus::Pending))])?;
        self.stands(lease.job, JobStatus::Pending, 0).await?;
        self.clear(lease.job).await
    }

    async fn cancel_waiting(&mut self) -> Result<(), Failure> {
        let id = self.waiting().await?;
        let trap = self.arm("cancel");
        let answer = self.through.cancel(verb(id)).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.cancel(verb(id)).await?;
        same("again", &again, &vec![self.again(finished_before(), CancelOutcome::Cancelled)])?;
        self.stands(id, JobStatus::Dead, 0).await
    }

    async fn cancel_running(&mut self) -> Result<(), Failure> {
        let lease = self.running().await?;
        let trap = self.arm("cancel");
        let answer = self.through.cancel(verb(lease.job)).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.cancel(verb(lease.job)).await?;
        let requested = CancelOutcome::Requested { process: self.process, claim_no: lease.claim_no };
        same("again", &again, &vec![requested])?;
        let events = self.direct.events(lease.job).await?;
        let noted = events.iter().filter(|e| e.event == "cancel_requested").count();
        same("requests that were noted", &noted, &1)?;
        let failed = Transition::Retry { after: Duration::ZERO, error: "x".into() };
        let end = self.through.finish(ended(lease, failed)).await?;
        let dead =
            FinishResult::Applied { status: JobStatus::Dead, dead_reason: Some(DeadReason::Cancelled) };
        same("finish", &end, &vec![dead])
    }

    async fn retry(&mut self) -> Result<(), Failure> {
        let id = self.waiting().await?;
        same("cancel", &self.direct.cancel(verb(id)).await?, &vec![CancelOutcome::Cancelled])?;
        let trap = self.arm("retry");
        let answer = self.through.retry(verb(id)).await;
        self.was_cut(&trap, &answer)?;
        let refused = RetryOutcome::Refused { status: JobStatus::Pending };
        let again = self.through.retry(verb(id)).await?;
        same("again", &again, &vec![self.again(refused, RetryOutcome::Retried)])?;
        self.stands(id, JobStatus::Pending, 0).await?;
        self.clear(id).await
    }

    async fn scheduled(&self) -> Result<JobId, Failure> {
        let job = job(|r| r.with_delay(HOUR))?;
        let id = job.id;
        self.direct.enqueue(params(vec![job])).await?;
        Ok(id)
    }

    async fn run_now(&mut self) -> Result<(), Failure> {
        let id = self.scheduled().await?;
        let trap = self.arm("run_now");
        let answer = self.through.run_now(verb(id)).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.run_now(verb(id)).await?;
        same("again", &again, &vec![self.again(RunNowOutcome::AlreadyPending, RunNowOutcome::MadePending)])?;
        self.stands(id, JobStatus::Pending, 0).await?;
        self.clear(id).await
    }

    async fn promote(&mut self) -> Result<(), Failure> {
        let id = self.scheduled().await?;
        let due = Timestamp::from_micros(Timestamp::now().as_micros() + 7_200_000_000);
        let promotion = PromoteParams { limit: 10, now: Some(due) };
        let trap = self.arm("promote");
        let answer = self.through.promote(promotion).await;
        self.was_cut(&trap, &answer)?;
        same("again", &self.through.promote(promotion).await?.count, &self.again(0, 1))?;
        self.stands(id, JobStatus::Pending, 0).await?;
        self.clear(id).await
    }

    async fn drop_one(&mut self) -> Result<(), Failure> {
        let id = self.waiting().await?;
        let trap = self.arm("drop_jobs");
        let answer = self.through.drop_jobs(verb(id)).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.drop_jobs(verb(id)).await?;
        same("again", &again, &vec![self.again(DropOutcome::Unknown, DropOutcome::Dropped)])
    }

    /// An identity is good for one registration, so a runtime takes another one; what is left of the first is silent.
    async fn register(&mut self) -> Result<(), Failure> {
        let process = ProcessId::new();
        let trap = self.arm("register");
        let answer = self.through.register(registration(process)).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.register(registration(process)).await;
        let refused = matches!(again, Err(StorageError::Conflict { .. }));
        same("registered before", &refused, &self.cut.is_done())?;
        self.direct.deregister(DeregisterParams { process, now: None }).await?;
        Ok(())
    }

    async fn heartbeat(&mut self) -> Result<(), Failure> {
        let beat = HeartbeatParams { process: self.process, stopping: false, lead_for: None, now: None };
        let trap = self.arm("heartbeat");
        let answer = self.through.heartbeat(beat).await;
        self.was_cut(&trap, &answer)?;
        let again = self.through.heartbeat(beat).await?;
        same("alive", &matches!(again, Heartbeat::Alive { .. }), &true)
    }

    async fn deregister(&mut self) -> Result<(), Failure> {
        let lease = self.running().await?;
        let farewell = DeregisterParams { process: self.process, now: None };
        let trap = self.arm("deregister");
        let answer = self.through.deregister(farewell).await;
        self.was_cut(&trap, &answer)?;
        same("handed back", &self.through.deregister(farewell).await?, &self.again(0, 1))?;
        self.stands(lease.job, JobStatus::Pending, 0).await?;
        self.clear(lease.job).await?;
        self.process = ProcessId::new();
        Ok(self.through.register(registration(self.process)).await?)
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

fn job(with: impl FnOnce(EnqueueRequest) -> EnqueueRequest) -> Result<NewJob, Failure> {
    Ok(with(EnqueueRequest::new("k", 1)).validate(&DefaultRouter)?)
}

const fn params(jobs: Vec<NewJob>) -> EnqueueParams {
    EnqueueParams { jobs, now: None }
}

fn verb(id: JobId) -> VerbParams {
    VerbParams { ids: vec![id], actor: None, now: None }
}

fn one(process: ProcessId) -> ClaimParams {
    let wants = vec![ClaimWant { queue: "default".into(), limit: 1 }];
    ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None }
}

const fn done() -> Transition {
    Transition::Done { output: None }
}

fn ended(lease: Lease, transition: Transition) -> FinishParams {
    let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
    FinishParams { members: vec![Finish { lease, transition, timing, failure: None }], now: None }
}

const fn applied(status: JobStatus) -> FinishResult {
    FinishResult::Applied { status, dead_reason: None }
}

const fn finished_before() -> CancelOutcome {
    CancelOutcome::AlreadyFinished { status: JobStatus::Dead, dead_reason: Some(DeadReason::Cancelled) }
}

fn registration(process: ProcessId) -> RegisterParams {
    RegisterParams {
        process,
        host: "campaign".into(),
        pid: std::process::id(),
        version: "0".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    }
}

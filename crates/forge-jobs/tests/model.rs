//! Random steps against a storage and against a plain map, which must agree after each of them.
//!
//! The map is written from what the traits promise, not from SQL. A failing run shrinks to a short trace.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::limits::{DEAD_RETENTION, DONE_RETENTION, MAX_CRASHES};
use forge_jobs::retry::Transition;
use forge_jobs::storage::sqlite::{Guard, SqliteOptions, SqliteStorage};
use forge_jobs::storage::{
    Begun, CancelOutcome, ClaimMode, ClaimParams, ClaimWant, DropOutcome, EnqueueParams, Finish,
    FinishParams, FinishResult, Heartbeat, HeartbeatParams, Inserted, KindFilter, Lease, PromoteParams,
    QueueSettingsPatch, ReapParams, RegisterParams, ReleaseParams, RetryOutcome, RunNowOutcome, StorageError,
    SweepParams, UpdateQueueParams, VerbParams,
};
use forge_jobs::{
    DeadReason, Dedupe, DedupeStates, DefaultRouter, EnqueueRequest, JobId, JobStatus, ProcessId, Storage,
    Timestamp, Timing,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::collections::BTreeMap;
use std::time::Duration;

const QUEUES: [&str; 2] = ["a", "b"];
const PROCESSES: usize = 3;
const STALE: Duration = Duration::from_secs(45);
const START: i64 = 1_800_000_000_000_000;

/// What may happen. Numbers pick among what there is.
#[derive(Clone, Debug)]
enum Step {
    Enqueue {
        queue: usize,
        delay: u64,
        key: Option<(u8, Terms)>,
        priority: i16,
        max_attempts: u32,
    },
    Claim {
        process: usize,
        queue: usize,
        limit: u32,
        alone: bool,
    },
    Finish {
        lease: usize,
        end: End,
    },
    Release {
        lease: usize,
    },
    EndAlone {
        lease: usize,
    },
    Heartbeat {
        process: usize,
    },
    /// A crash is silence; this is what comes after enough of it.
    Reap {
        by: usize,
    },
    Cancel {
        job: usize,
    },
    Retry {
        job: usize,
    },
    RunNow {
        job: usize,
    },
    Drop {
        job: usize,
    },
    Promote,
    Advance {
        seconds: u64,
    },
    Pause {
        queue: usize,
        paused: bool,
    },
    Sweep,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Done,
    Retry { after: u64 },
    Throttle { after: u64 },
    Dead,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        3 => Just(End::Done),
        3 => (0_u64..30).prop_map(|after| End::Retry { after }),
        2 => (1_u64..30).prop_map(|after| End::Throttle { after }),
        1 => Just(End::Dead),
    ];
    let pick = 0..1_000_usize;
    prop_oneof![
        6 => (0..2_usize, prop_oneof![2 => Just(0), 1 => 1_u64..60], proptest::option::of((0..3_u8, terms())), -1..2_i16, 1..4_u32)
            .prop_map(|(queue, delay, key, priority, max_attempts)| Step::Enqueue { queue, delay, key, priority, max_attempts }),
        6 => (0..PROCESSES, 0..2_usize, 1..4_u32, proptest::bool::weighted(0.3))
            .prop_map(|(process, queue, limit, alone)| Step::Claim { process, queue, limit, alone }),
        6 => (pick.clone(), end).prop_map(|(lease, end)| Step::Finish { lease, end }),
        1 => pick.clone().prop_map(|lease| Step::Release { lease }),
        1 => pick.clone().prop_map(|lease| Step::EndAlone { lease }),
        2 => (0..PROCESSES).prop_map(|process| Step::Heartbeat { process }),
        3 => (0..PROCESSES).prop_map(|by| Step::Reap { by }),
        2 => pick.clone().prop_map(|job| Step::Cancel { job }),
        2 => pick.clone().prop_map(|job| Step::Retry { job }),
        1 => pick.clone().prop_map(|job| Step::RunNow { job }),
        1 => pick.prop_map(|job| Step::Drop { job }),
        2 => Just(Step::Promote),
        4 => prop_oneof![3 => 1_u64..60, 1 => Just(700_000), 1 => Just(3_000_000)].prop_map(|seconds| Step::Advance { seconds }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(queue, paused)| Step::Pause { queue, paused }),
        1 => Just(Step::Sweep),
    ]
}

/// The terms of a dedupe key.
#[derive(Clone, Copy, Debug)]
struct Terms {
    until_started: bool,
    /// How long it is held, and whether done and dead jobs hold it too.
    period: Option<(u64, bool, bool)>,
    replace: bool,
}

fn terms() -> impl Strategy<Value = Terms> {
    let period = (prop_oneof![1_u64..90, Just(1_000_000)], any::<bool>(), any::<bool>());
    let period = proptest::option::weighted(0.4, period);
    (any::<bool>(), period, any::<bool>()).prop_map(|(until_started, period, replace)| Terms {
        until_started,
        period,
        replace,
    })
}

impl Terms {
    const fn states(self) -> DedupeStates {
        let mut states = if self.until_started { DedupeStates::WAITING } else { DedupeStates::UNFINISHED };
        if let Some((_, done, dead)) = self.period {
            states = if done { states.and(JobStatus::Done) } else { states };
            states = if dead { states.and(JobStatus::Dead) } else { states };
        }
        states
    }

    fn until(self, created: i64) -> Option<i64> {
        self.period.map(|(seconds, ..)| created + us(seconds))
    }

    fn dedupe(self, key: u8) -> Dedupe {
        let dedupe = Dedupe::new(format!("key{key}")).in_states(self.states());
        let dedupe = match self.period {
            Some((seconds, ..)) => dedupe.within(secs(seconds)),
            None => dedupe,
        };
        if self.replace { dedupe.replacing() } else { dedupe }
    }
}

/// A job as the traits' words describe it.
#[derive(Clone, Debug)]
struct Job {
    queue: usize,
    priority: i16,
    due: i64,
    status: JobStatus,
    reason: Option<DeadReason>,
    charged: u32,
    max_attempts: u32,
    throttles: u32,
    crashes: u32,
    suspicions: u32,
    key: Option<(u8, Terms)>,
    claim_no: i64,
    created: i64,
    claim: Option<Claim>,
    finished_at: i64,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    process: usize,
    boot: ProcessId,
    alone: bool,
    cancelled: bool,
}

impl Job {
    /// The attempt that people are shown.
    fn attempt(&self) -> u32 {
        self.charged + u32::from(self.status == JobStatus::Running)
    }

    const fn pending(&mut self, due: i64) {
        self.claim = None;
        self.status = JobStatus::Pending;
        self.due = due;
    }

    const fn finish(&mut self, status: JobStatus, reason: Option<DeadReason>, now: i64) {
        self.claim = None;
        self.status = status;
        self.reason = reason;
        self.finished_at = now;
    }
}

struct Boot {
    id: ProcessId,
    beat: i64,
    ended: bool,
}

struct World {
    storage: Storage,
    now: i64,
    jobs: BTreeMap<JobId, Job>,
    /// Every id ever enqueued, for steps to pick from.
    ids: Vec<JobId>,
    leases: Vec<Lease>,
    boots: Vec<Boot>,
    paused: [bool; 2],
    claims: i64,
    /// Who holds each key, and until when.
    keys: BTreeMap<u8, (JobId, Option<i64>)>,
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn us(n: u64) -> i64 {
    i64::try_from(n * 1_000_000).unwrap()
}

impl World {
    async fn new(options: SqliteOptions) -> Self {
        let storage = SqliteStorage::open_in_memory(options).await.unwrap().into_bundle();
        for queue in QUEUES {
            let ensure = forge_jobs::storage::EnsureQueueParams { queue: queue.into(), workers: 1 };
            storage.queues.ensure(ensure).await.unwrap();
        }
        let mut world = Self {
            storage,
            now: START,
            jobs: BTreeMap::new(),
            ids: Vec::new(),
            leases: Vec::new(),
            boots: Vec::new(),
            paused: [false; 2],
            claims: 0,
            keys: BTreeMap::new(),
        };
        for _ in 0..PROCESSES {
            let boot = world.boot().await;
            world.boots.push(boot);
        }
        world
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that every params struct takes")]
    const fn at(&self) -> Option<Timestamp> {
        Some(Timestamp::from_micros(self.now))
    }

    async fn boot(&self) -> Boot {
        let id = ProcessId::new();
        let host = "model".to_owned();
        let params = RegisterParams {
            process: id,
            host,
            pid: 1,
            version: "0".into(),
            kinds: None,
            queues: None,
            heartbeat_interval: Duration::from_secs(10),
            stale_after: Duration::from_secs(45),
            now: self.at(),
        };
        self.storage.processes.register(params).await.unwrap();
        Boot { id, beat: self.now, ended: false }
    }

    fn job_at(&self, n: usize) -> Option<JobId> {
        if self.ids.is_empty() { None } else { Some(self.ids[n % self.ids.len()]) }
    }

    fn lease_at(&self, n: usize) -> Option<Lease> {
        if self.leases.is_empty() { None } else { Some(self.leases[n % self.leases.len()]) }
    }

    /// The job that a lease is valid for.
    fn valid(&self, lease: &Lease) -> bool {
        self.jobs
            .get(&lease.job)
            .is_some_and(|j| j.claim_no == lease.claim_no && j.claim.is_some_and(|c| c.boot == lease.process))
    }

    /// The job that holds a key.
    fn holder(&self, key: u8) -> Option<JobId> {
        self.keys.get(&key).filter(|(_, until)| until.is_none_or(|until| until > self.now)).map(|(id, _)| *id)
    }

    /// What becomes of keys when jobs have moved, from where they stood.
    fn keys_follow(&mut self, before: &BTreeMap<JobId, JobStatus>) {
        for (id, from) in before {
            let Some(job) = self.jobs.get(id) else { continue };
            let (to, created) = (job.status, job.created);
            let Some((key, terms)) = job.key.filter(|_| to != *from) else { continue };
            let until = terms.until(created);
            if !terms.states().contains(to) {
                if self.holder(key) == Some(*id) {
                    self.keys.remove(&key);
                }
                continue;
            }
            let gave_it_up = !terms.states().contains(*from);
            if gave_it_up && until.is_none_or(|until| until > self.now) && self.holder(key).is_none() {
                self.keys.insert(key, (*id, until));
            }
        }
    }

    fn verb(&self, id: JobId) -> VerbParams {
        VerbParams { ids: vec![id], actor: None, now: self.at() }
    }

    /// Carries a step out on both, and compares the answers.
    async fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Enqueue { queue, delay, key, priority, max_attempts } => {
                self.enqueue(*queue, *delay, *key, *priority, *max_attempts).await
            }
            Step::Claim { process, queue, limit, alone } => {
                self.claim(*process, *queue, *limit, *alone).await
            }
            Step::Finish { lease, end } => self.finish(*lease, *end).await,
            Step::Release { lease } => self.release(*lease).await,
            Step::EndAlone { lease } => self.end_alone(*lease).await,
            Step::Heartbeat { process } => self.heartbeat(*process).await,
            Step::Reap { by } => self.reap(*by).await,
            Step::Cancel { job } => self.cancel(*job).await,
            Step::Retry { job } => self.retry(*job).await,
            Step::RunNow { job } => self.run_now(*job).await,
            Step::Drop { job } => self.drop_job(*job).await,
            Step::Promote => self.promote().await,
            Step::Advance { seconds } => {
                self.now += us(*seconds);
                Ok(())
            }
            Step::Pause { queue, paused } => {
                self.paused[*queue] = *paused;
                let patch = QueueSettingsPatch::paused(*paused);
                let params = UpdateQueueParams {
                    queue: QUEUES[*queue].into(),
                    patch,
                    expected_version: None,
                    actor: None,
                    now: None,
                };
                self.storage.queues.update(params).await.unwrap();
                Ok(())
            }
            Step::Sweep => self.sweep().await,
        }
    }

    async fn enqueue(
        &mut self,
        queue: usize,
        delay: u64,
        key: Option<(u8, Terms)>,
        priority: i16,
        max_attempts: u32,
    ) -> Result<(), String> {
        let mut request = EnqueueRequest::new("k", 1)
            .on_queue(QUEUES[queue])
            .with_priority(priority)
            .with_max_attempts(max_attempts);
        if delay > 0 {
            request = request.with_delay(secs(delay));
        }
        if let Some((key, terms)) = key {
            request = request.with_dedupe(terms.dedupe(key));
        }
        let new = request.validate(&DefaultRouter).unwrap();
        let id = new.id;
        let got = self.storage.jobs.enqueue(EnqueueParams { jobs: vec![new], now: self.at() }).await.unwrap();
        let expected = match key.and_then(|(k, terms)| self.holder(k).map(|of| (of, terms))) {
            None => Inserted::Inserted,
            Some((of, terms)) => {
                let waits = |j: &&mut Job| DedupeStates::WAITING.contains(j.status);
                match self.jobs.get_mut(&of).filter(|j| terms.replace && waits(j)) {
                    None => Inserted::Duplicate { of },
                    Some(job) => {
                        let status = if delay > 0 { JobStatus::Scheduled } else { JobStatus::Pending };
                        (job.queue, job.priority, job.max_attempts) = (queue, priority, max_attempts);
                        (job.due, job.status) = (self.now + us(delay), status);
                        (job.charged, job.throttles) = (0, 0);
                        Inserted::Replaced { of }
                    }
                }
            }
        };
        same("enqueue", &got, &vec![expected])?;
        if expected == Inserted::Inserted {
            let status = if delay > 0 { JobStatus::Scheduled } else { JobStatus::Pending };
            let job = Job {
                queue,
                priority,
                due: self.now + us(delay),
                status,
                reason: None,
                charged: 0,
                max_attempts,
                throttles: 0,
                crashes: 0,
                suspicions: 0,
                key,
                created: self.now,
                claim_no: 0,
                claim: None,
                finished_at: 0,
            };
            self.jobs.insert(id, job);
            self.ids.push(id);
            if let Some((key, terms)) = key {
                self.keys.insert(key, (id, terms.until(self.now)));
            }
        }
        Ok(())
    }

    async fn claim(&mut self, process: usize, queue: usize, limit: u32, alone: bool) -> Result<(), String> {
        let boot = self.boots[process].id;
        let params = ClaimParams {
            process: boot,
            wants: vec![ClaimWant { queue: QUEUES[queue].into(), limit }],
            kinds: KindFilter::Any,
            mode: if alone { ClaimMode::Alone } else { ClaimMode::Ordinary },
            now: self.at(),
        };
        let got = self.storage.jobs.claim(params).await;
        if self.boots[process].ended {
            let refused = matches!(got, Err(StorageError::NotFound { .. }));
            self.boots[process] = self.boot().await;
            return if refused {
                Ok(())
            } else {
                Err(format!("claim after the registration ended: {got:?}"))
            };
        }
        let got = got.map_err(|e| format!("claim: {e}"))?;
        let mut ready: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, j)| {
                j.status == JobStatus::Pending && j.queue == queue && (j.suspicions > 0) == alone
            })
            .map(|(id, j)| (j.priority, j.due, *id))
            .collect();
        ready.sort_unstable();
        let limit = if self.paused[queue] {
            0
        } else if alone {
            1
        } else {
            limit as usize
        };
        let expected: Vec<_> = ready.into_iter().take(limit).map(|(_, _, id)| id).collect();
        same("claimed", &got.jobs.iter().map(|c| c.job.id).collect::<Vec<_>>(), &expected)?;
        self.claims += i64::from(!expected.is_empty());
        for (id, claimed) in expected.iter().zip(&got.jobs) {
            let job = self.jobs.get_mut(id).unwrap();
            let shown =
                (claimed.job.attempt, claimed.job.throttles, claimed.job.suspicions, claimed.lease.claim_no);
            same("claimed job", &shown, &(job.charged + 1, job.throttles, job.suspicions, self.claims))?;
            job.status = JobStatus::Running;
            job.claim_no = self.claims;
            job.claim = Some(Claim { process, boot, alone, cancelled: false });
            self.leases.push(claimed.lease);
        }
        let waiting = self
            .jobs
            .values()
            .any(|j| j.status == JobStatus::Pending && j.queue == queue && j.suspicions > 0);
        same("suspects waiting", &got.suspects_waiting, &(waiting && !self.paused[queue]))
    }

    async fn finish(&mut self, n: usize, end: End) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let (valid, now) = (self.valid(&lease), self.now);
        let charged = self.jobs.get(&lease.job).map_or(0, |j| j.charged);
        let transition = match end {
            End::Done => Transition::Done { output: None },
            // As `decide` does: the last attempt is dead.
            End::Retry { .. } if self.jobs.get(&lease.job).is_some_and(|j| charged + 1 >= j.max_attempts) => {
                Transition::Dead { reason: DeadReason::Exhausted, error: "e".into() }
            }
            End::Retry { after } => Transition::Retry { after: secs(after), error: "e".into() },
            End::Throttle { after } => Transition::Throttle { after: secs(after) },
            End::Dead => Transition::Dead { reason: DeadReason::Discarded, error: "e".into() },
        };
        let members =
            vec![Finish { lease, transition: transition.clone(), timing: Timing::default(), failure: None }];
        let got = self.storage.jobs.finish(FinishParams { members, now: self.at() }).await.unwrap();
        if !valid {
            return same("late finish", &got, &vec![FinishResult::StaleLease]);
        }
        let job = self.jobs.get_mut(&lease.job).unwrap();
        let cancelled = job.claim.is_some_and(|c| c.cancelled);
        job.suspicions =
            if matches!(transition, Transition::Retry { .. } | Transition::Throttle { .. }) && !cancelled {
                0
            } else {
                job.suspicions
            };
        match transition {
            Transition::Done { .. } => {
                job.charged += 1;
                job.finish(JobStatus::Done, None, now);
            }
            Transition::Retry { .. }
            | Transition::Throttle { .. }
            | Transition::Dead { reason: DeadReason::Exhausted, .. }
                if cancelled =>
            {
                job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
            }
            Transition::Retry { after, .. } => {
                job.charged += 1;
                job.throttles = 0;
                job.pending(now + i64::try_from(after.as_micros()).unwrap());
                if !after.is_zero() {
                    job.status = JobStatus::Retrying;
                }
            }
            Transition::Throttle { after } => {
                job.throttles += 1;
                job.pending(now + i64::try_from(after.as_micros()).unwrap());
                job.status = JobStatus::Scheduled;
            }
            Transition::Dead { reason, .. } => {
                job.charged += 1;
                job.finish(JobStatus::Dead, Some(reason), now);
            }
            other => return Err(format!("no model for {other:?}")),
        }
        let expected = FinishResult::Applied { status: job.status, dead_reason: job.reason };
        same("finish", &got, &vec![expected])
    }

    async fn release(&mut self, n: usize) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let valid = self.valid(&lease);
        let params = ReleaseParams { leases: vec![lease], begun: Begun::No, now: self.at() };
        let got = self.storage.jobs.release(params).await.unwrap();
        if !valid {
            return same("late release", &got, &vec![FinishResult::StaleLease]);
        }
        let now = self.now;
        let job = self.jobs.get_mut(&lease.job).unwrap();
        if job.claim.is_some_and(|c| c.cancelled) {
            job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
        } else {
            job.pending(job.due);
        }
        let expected = FinishResult::Applied { status: job.status, dead_reason: job.reason };
        same("release", &got, &vec![expected])
    }

    async fn end_alone(&mut self, n: usize) -> Result<(), String> {
        let Some(lease) = self.lease_at(n) else { return Ok(()) };
        let valid = self.valid(&lease);
        same("end alone", &self.storage.jobs.end_alone(lease).await.unwrap(), &valid)?;
        if valid && let Some(claim) = self.jobs.get_mut(&lease.job).and_then(|j| j.claim.as_mut()) {
            claim.alone = false;
        }
        Ok(())
    }

    async fn heartbeat(&mut self, process: usize) -> Result<(), String> {
        let params = HeartbeatParams {
            process: self.boots[process].id,
            stopping: false,
            lead_for: None,
            now: self.at(),
        };
        let got = self.storage.processes.heartbeat(params).await.unwrap();
        if self.boots[process].ended {
            self.boots[process] = self.boot().await;
            return same("heartbeat after the end", &got, &Heartbeat::Fenced);
        }
        self.boots[process].beat = self.now;
        let Heartbeat::Alive { cancels, .. } = got else { return Err("a live process was fenced".into()) };
        let boot = self.boots[process].id;
        let asked = |j: &&Job| j.claim.is_some_and(|c| c.boot == boot && c.cancelled);
        same("cancels told", &cancels.len(), &self.jobs.values().filter(asked).count())
    }

    async fn reap(&mut self, by: usize) -> Result<(), String> {
        let params = ReapParams { stale_after: STALE, limit: 1_000, by: self.boots[by].id, now: self.at() };
        let got = self.storage.processes.reap(params).await.unwrap();
        let (now, stale) = (self.now, us(STALE.as_secs()));
        let mut dead = Vec::new();
        for (n, boot) in self.boots.iter_mut().enumerate() {
            if n != by && !boot.ended && now - boot.beat > stale {
                boot.ended = true;
                dead.push(boot.id);
            }
        }
        let mut reaped = got.processes.clone();
        reaped.sort_unstable();
        dead.sort_unstable();
        same("processes reaped", &reaped, &dead)?;
        let mut counts = [0; 4];
        for job in self.jobs.values_mut() {
            let Some(claim) = job.claim.filter(|c| dead.contains(&c.boot)) else { continue };
            debug_assert!(claim.process < PROCESSES);
            let at = revive(job, claim, now);
            counts[at] += 1;
        }
        let told = [got.revived.len(), got.poisoned.len(), got.exhausted.len(), got.cancelled.len()];
        same("jobs reaped", &told, &counts)
    }

    async fn cancel(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.cancel(self.verb(id)).await.unwrap();
        let now = self.now;
        let expected = match self.jobs.get_mut(&id) {
            None => CancelOutcome::Unknown,
            Some(job) => match job.claim.as_mut() {
                Some(claim) => {
                    claim.cancelled = true;
                    CancelOutcome::Requested { process: claim.boot, claim_no: job.claim_no }
                }
                None if job.status.is_finished() => {
                    CancelOutcome::AlreadyFinished { status: job.status, dead_reason: job.reason }
                }
                None => {
                    job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
                    CancelOutcome::Cancelled
                }
            },
        };
        same("cancel", &got, &vec![expected])
    }

    async fn retry(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.retry(self.verb(id)).await.unwrap();
        let now = self.now;
        let now_has = |j: &Job| {
            let (key, terms) = j.key?;
            let in_time = terms.until(j.created).is_none_or(|until| until > now);
            self.holder(key).filter(|holder| in_time && *holder != id)
        };
        // One that retries is no dead one: it goes on as it was.
        let twin = self.jobs.get(&id).filter(|j| j.status == JobStatus::Dead).and_then(now_has);
        let expected = match self.jobs.get_mut(&id) {
            None => RetryOutcome::Unknown,
            Some(job) if !matches!(job.status, JobStatus::Dead | JobStatus::Retrying) => {
                RetryOutcome::Refused { status: job.status }
            }
            Some(job) => {
                if let Some(of) = twin {
                    RetryOutcome::Duplicate { of }
                } else {
                    job.pending(now);
                    (job.reason, job.charged, job.throttles, job.crashes, job.suspicions) =
                        (None, 0, 0, 0, 0);
                    RetryOutcome::Retried
                }
            }
        };
        same("retry", &got, &vec![expected])
    }

    async fn run_now(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.run_now(self.verb(id)).await.unwrap();
        let now = self.now;
        let expected = match self.jobs.get_mut(&id) {
            None => RunNowOutcome::Unknown,
            Some(job) => match job.status {
                JobStatus::Pending => RunNowOutcome::AlreadyPending,
                JobStatus::Scheduled | JobStatus::Retrying => {
                    job.pending(now);
                    RunNowOutcome::MadePending
                }
                status => RunNowOutcome::Refused { status },
            },
        };
        same("run now", &got, &vec![expected])
    }

    async fn drop_job(&mut self, n: usize) -> Result<(), String> {
        let Some(id) = self.job_at(n) else { return Ok(()) };
        let got = self.storage.jobs.drop_jobs(self.verb(id)).await.unwrap();
        let expected = match self.jobs.get(&id).map(|j| j.status) {
            None => DropOutcome::Unknown,
            Some(JobStatus::Running) => DropOutcome::Refused { status: JobStatus::Running },
            Some(_) => {
                let key = self.jobs.remove(&id).and_then(|j| j.key);
                if let Some((key, _)) = key.filter(|(key, _)| self.holder(*key) == Some(id)) {
                    self.keys.remove(&key);
                }
                DropOutcome::Dropped
            }
        };
        same("drop", &got, &vec![expected])
    }

    async fn promote(&mut self) -> Result<(), String> {
        let got = self.storage.jobs.promote(PromoteParams { limit: 1_000, now: self.at() }).await.unwrap();
        let now = self.now;
        let deferred = |j: &Job| matches!(j.status, JobStatus::Scheduled | JobStatus::Retrying);
        let mut count = 0;
        for job in self.jobs.values_mut().filter(|j| deferred(j) && j.due <= now) {
            job.status = JobStatus::Pending;
            count += 1;
        }
        let next = self.jobs.values().filter(|j| deferred(j)).map(|j| j.due - now).min();
        let next = next.map(|us| Duration::from_micros(us.unsigned_abs()));
        same("promoted", &(got.count, got.next_due_in), &(count, next))
    }

    async fn sweep(&mut self) -> Result<(), String> {
        let got = self.storage.jobs.sweep(SweepParams { limit: 1_000, now: self.at() }).await.unwrap();
        let now = self.now;
        let mut counts = (0, 0);
        self.jobs.retain(|_, j| {
            let window = match j.status {
                JobStatus::Done => us(DONE_RETENTION.as_secs()),
                JobStatus::Dead => us(DEAD_RETENTION.as_secs()),
                _ => return true,
            };
            let expired = j.finished_at <= now - window;
            if expired && j.status == JobStatus::Done {
                counts.0 += 1;
            } else if expired {
                counts.1 += 1;
            }
            !expired
        });
        same("swept", &(got.done, got.dead), &counts)
    }

    /// Every job, as people are shown it.
    async fn compare(&self) -> Result<(), String> {
        for id in &self.ids {
            let got = self.storage.inspect.job(*id).await.unwrap().map(|j| {
                (
                    j.status,
                    j.dead_reason,
                    j.attempt,
                    j.claim_no,
                    j.crashes,
                    j.cancel_requested_at.is_some(),
                    j.process,
                )
            });
            let expected = self.jobs.get(id).map(|j| {
                let cancelled = j.claim.is_some_and(|c| c.cancelled);
                // A finished job names the process that finished it, which this model does not keep.
                let process = j.claim.map(|c| c.boot);
                (j.status, j.reason, j.attempt(), j.claim_no, j.crashes, cancelled, process)
            });
            let got = got.map(|g| if g.0.is_finished() { (g.0, g.1, g.2, g.3, g.4, g.5, None) } else { g });
            same(&format!("job {id}"), &got, &expected)?;
        }
        Ok(())
    }
}

/// What the reaper does with one job; says which of its lists tells of it.
const fn revive(job: &mut Job, claim: Claim, now: i64) -> usize {
    if claim.cancelled {
        job.finish(JobStatus::Dead, Some(DeadReason::Cancelled), now);
        return 3;
    }
    job.suspicions += 1;
    if claim.alone {
        job.crashes += 1;
        job.charged += 1;
        if job.crashes >= MAX_CRASHES {
            job.finish(JobStatus::Dead, Some(DeadReason::Poison), now);
            return 1;
        }
        if job.charged >= job.max_attempts {
            job.finish(JobStatus::Dead, Some(DeadReason::Exhausted), now);
            return 2;
        }
    }
    job.pending(job.due);
    0
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what}: the storage says {got:?}, the model {expected:?}"))
    }
}

/// Runs a trace on a fresh storage.
fn run(steps: &[Step], options: &SqliteOptions) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(options.clone()).await;
        for (n, step) in steps.iter().enumerate() {
            let at = |e: String| format!("step {n}, {step:?}: {e}");
            let before = world.jobs.iter().map(|(id, job)| (*id, job.status)).collect();
            world.take(step).await.map_err(at)?;
            world.keys_follow(&before);
            world.compare().await.map_err(at)?;
        }
        let problems = world.storage.inspect.checkup().await.unwrap().problems;
        same("check-up", &problems, &Vec::new())
    })
}

fn search(options: &SqliteOptions, cases: u32, rng: Option<TestRng>) -> Result<(), TestError<Vec<Step>>> {
    let config = Config { cases, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() };
    let traces = proptest::collection::vec(step(), 1..120);
    let mut runner = match rng {
        Some(rng) => TestRunner::new_with_rng(config, rng),
        None => TestRunner::new(config),
    };
    runner.run(&traces, |steps| run(&steps, options).map_err(TestCaseError::fail))
}

#[test]
fn the_storage_agrees_with_a_plain_map_after_every_step() {
    // The same traces each time, so that a change is judged by itself; the long form looks for new ones.
    let long: Option<u32> = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let rng = long.is_none().then(|| TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    if let Err(e) = search(&SqliteOptions::default(), long.unwrap_or(200), rng) {
        panic!("{e}");
    }
}

#[test]
fn without_a_guard_the_model_finds_a_short_trace() {
    for guard in [Guard::Finish, Guard::Cancel, Guard::Dedupe, Guard::Reap, Guard::Pause, Guard::Heartbeat] {
        let options = SqliteOptions::default().without_guard(guard);
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        match search(&options, 2_000, Some(rng)) {
            Err(TestError::Fail(why, trace)) => {
                assert!(trace.len() <= 25, "{guard:?}: not shrunk, {} steps: {trace:?}", trace.len());
                println!("{guard:?}: {} steps: {why}", trace.len());
            }
            other => panic!("{guard:?}: nobody noticed: {other:?}"),
        }
    }
}

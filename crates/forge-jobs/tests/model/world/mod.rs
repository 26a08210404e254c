//! The storage, and the plain map beside it.

mod moves;
mod verbs;

use crate::steps::{Step, Terms};
use crate::{PROCESSES, QUEUES};
use forge_jobs::storage::{EnsureQueueParams, Lease, RegisterParams, VerbParams};
use forge_jobs::{DeadReason, JobId, JobStatus, ProcessId, Storage, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const START: i64 = 1_800_000_000_000_000;

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

pub(crate) struct World {
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

impl World {
    pub(crate) async fn new(storage: Storage) -> Self {
        for queue in QUEUES {
            let ensure = EnsureQueueParams { queue: queue.into(), workers: 1 };
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

    /// Takes a trace of steps, and compares after each.
    pub(crate) async fn follow(&mut self, steps: &[Step]) -> Result<(), String> {
        for (n, step) in steps.iter().enumerate() {
            let at = |e: String| format!("step {n}, {step:?}: {e}");
            let before = self.jobs.iter().map(|(id, job)| (*id, job.status)).collect();
            self.take(step).await.map_err(at)?;
            self.keys_follow(&before);
            self.compare().await.map_err(at)?;
        }
        let problems = self.storage.inspect.checkup().await.unwrap().problems;
        same("check-up", &problems, &Vec::new())
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

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what}: the storage says {got:?}, the model {expected:?}"))
    }
}

//! Which workloads there are, and how much of each is measured.

use super::place::Synchronous;
use super::{Plan, Target};
use forge_jobs_api::wire::MeasurementSettings;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// One by one, from 8 and from 64 callers that each wait for their own commit
    Enqueue,
    /// 100,000 jobs in one call
    Bulk,
    /// One worker process empties a queue, 50, 10 and 1 at a time
    Drain,
    /// Postgres only: the same beside 1,000,000 less urgent jobs; its floor is beside 10,000
    BesidePending,
    /// Postgres only: the same beside 1,000,000 done jobs; its floor is beside 10,000
    BesideDone,
    /// From the call of an enqueue to the start of the handler, idle, in one process
    PickUp,
    /// The same with the handler in another process
    PickUpAcross,
    /// A steady mixed load, sent by the clock; latency from when a job was due
    Mixed,
    /// Postgres only: bytes of the server's log that a job writes in its life
    Wal,
    /// Drain at 50 with metrics and what keeps logs; its floor is the same with neither
    Metrics,
    /// Drain at 50 with handlers that log a line each; its floor is with handlers that log nothing
    Logs,
    /// What a worker on ten empty queues costs; on Postgres four of them
    Idle,
}

impl Workload {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Bulk => "bulk",
            Self::Drain => "drain",
            Self::BesidePending => "beside_pending",
            Self::BesideDone => "beside_done",
            Self::PickUp => "pick_up",
            Self::PickUpAcross => "pick_up_across",
            Self::Mixed => "mixed",
            Self::Wal => "wal",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Idle => "idle",
        }
    }

    /// Whether only a server can be asked for it.
    pub(crate) const fn needs_server(self) -> bool {
        matches!(self, Self::BesidePending | Self::BesideDone | Self::Wal)
    }

    /// Rates vary from round to round; one round of waits has samples enough.
    pub(super) const fn is_rated(self) -> bool {
        matches!(
            self,
            Self::Enqueue
                | Self::Bulk
                | Self::Drain
                | Self::BesidePending
                | Self::BesideDone
                | Self::Metrics
                | Self::Logs
        )
    }
}

/// One line of the answer before it is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) workload: Workload,
    pub(super) storage: &'static str,
    pub(super) synchronous: &'static str,
    /// Producers, concurrency, jobs per second, processes, or how many others there are.
    pub(super) width: u32,
    pub(super) jobs: u32,
}

/// The cases of a plan, each with the setting of its database.
pub(super) fn cases(plan: &Plan, durability: &'static str) -> Vec<(Case, Synchronous)> {
    let settings = match &plan.target {
        Target::Files { synchronous, .. } => synchronous.as_slice(),
        // It goes by the server's own.
        Target::Server(_) => &[Synchronous::Full],
    };
    let mut cases = Vec::new();
    for workload in &plan.workloads {
        for synchronous in settings {
            // Nothing is committed, or hardly anything.
            if *workload == Workload::Idle && *synchronous != settings[0] {
                continue;
            }
            for (width, jobs) in sizes(*workload, plan.is_on_server()) {
                let jobs = if plan.quick { jobs / 10 } else { jobs };
                let beside = matches!(workload, Workload::BesidePending | Workload::BesideDone);
                let width = if plan.quick && beside { width / 10 } else { width };
                let (storage, synchronous_word) = if plan.is_on_server() {
                    ("postgres", durability)
                } else {
                    ("sqlite", synchronous.word())
                };
                let case = Case { workload: *workload, storage, synchronous: synchronous_word, width, jobs };
                cases.push((case, *synchronous));
            }
        }
    }
    cases
}

fn sizes(workload: Workload, server: bool) -> Vec<(u32, u32)> {
    let drained = if server { 100_000 } else { 50_000 };
    match workload {
        Workload::Enqueue => vec![(8, 80_000), (64, 160_000)],
        Workload::Bulk => vec![(1, 100_000)],
        Workload::Drain => vec![(50, drained), (10, drained), (1, drained)],
        Workload::BesidePending | Workload::BesideDone => vec![(1_000_000, drained)],
        Workload::PickUp => vec![(1, 1_000)],
        Workload::PickUpAcross => vec![(1, 500)],
        Workload::Mixed => vec![(2_000, 20_000)],
        Workload::Wal => vec![(1, 50_000)],
        // Some seconds, so that metrics are added up meanwhile.
        Workload::Metrics => vec![(50, if server { 500_000 } else { 1_000_000 })],
        Workload::Logs => vec![(50, drained * 2)],
        Workload::Idle => vec![(if server { 4 } else { 1 }, 2_000)],
    }
}

impl Case {
    pub(super) fn words(&self) -> String {
        let words = match self.workload {
            Workload::Enqueue => format!("{} producers", self.width),
            Workload::Drain | Workload::Metrics | Workload::Logs => format!("{} at a time", self.width),
            Workload::Mixed => format!("{} a second", self.width),
            Workload::BesidePending | Workload::BesideDone => format!("{} others", self.width),
            _ => format!("{} jobs", self.jobs),
        };
        format!("measuring {}, synchronous {}, {words} …", self.workload.name(), self.synchronous)
    }

    pub(super) fn settings(&self, rounds: u32) -> MeasurementSettings {
        let only = |workload| (self.workload == workload).then_some(self.width);
        MeasurementSettings {
            storage: self.storage.into(),
            synchronous: self.synchronous.into(),
            producers: only(Workload::Enqueue),
            concurrency: only(Workload::Drain)
                .or_else(|| only(Workload::Metrics))
                .or_else(|| only(Workload::Logs)),
            per_second: only(Workload::Mixed),
            beside: only(Workload::BesidePending).or_else(|| only(Workload::BesideDone)),
            processes: only(Workload::Idle).filter(|_| self.storage != "sqlite"),
            jobs: self.jobs,
            rounds,
        }
    }
}

//! `forge bench`: what the queue does on this machine, beside what the machine allows.
//!
//! A workload and its floor are measured in turns, several rounds, each on a fresh database file in the same
//! directory, or in a fresh schema of the same server: absolute figures drift from hour to hour, ratios within a run
//! hardly do.

mod beside;
mod cases;
mod child;
mod floor;
mod mixed;
mod on_file;
mod on_server;
mod place;
mod queue;
mod server;
mod server_floor;
mod stats;

pub(crate) use self::cases::Workload;
use self::cases::{Case, cases};
pub(crate) use self::place::Synchronous;
use self::server::Server;
use self::stats::{Rate, median, percentile};
use crate::exit::Failure;
use crate::output::say;
use crate::signals::Signals;
use forge_jobs::storage::PostgresConfig;
use forge_jobs_api::wire::{ErrorCode, Floor, Measurement, WalBytes};
use std::path::PathBuf;
use std::time::Duration;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) target: Target,
    pub(crate) rounds: u32,
    /// A tenth of the work.
    pub(crate) quick: bool,
}

/// What it is run on.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Database files that are made in this directory.
    Files { dir: PathBuf, synchronous: Vec<Synchronous> },
    /// Schemas that are made on this server.
    Server(Box<PostgresConfig>),
}

impl Plan {
    const fn is_on_server(&self) -> bool {
        matches!(self.target, Target::Server(_))
    }
}

/// About a hundred bytes, as small jobs are.
const PAYLOAD: &str =
    r#"{"to":"ada@example.com","template":"welcome","locale":"en","account":1234567,"again":false}"#;

/// Measures everything in turn. Told to stop, it clears away what it made.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Measurement>, Failure> {
    let mut signals = Signals::listen().map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
    let server = match &plan.target {
        Target::Files { .. } => None,
        Target::Server(config) => Some(Server::choose(config).await?),
    };
    let ended = tokio::select! {
        ended = measure_all(plan, server.as_ref()) => ended,
        () = signals.next() => Err(Failure::new(ErrorCode::Failed, "broken off: nothing was left behind")),
    };
    if let Some(server) = server {
        server.clear().await?;
    }
    ended
}

async fn measure_all(plan: &Plan, server: Option<&Server>) -> Result<Vec<Measurement>, Failure> {
    let mut lines = Vec::new();
    for (case, synchronous) in cases(plan, server.map_or("", Server::durability)) {
        say(&case.words());
        let rounds = if case.workload.is_rated() { plan.rounds } else { 1 };
        let mut all = Rounds::default();
        for _ in 0..rounds {
            all.add(match (&plan.target, server) {
                (Target::Files { dir, .. }, _) => {
                    on_file::round(&on_file::Disk { dir, synchronous, quick: plan.quick }, case).await?
                }
                (Target::Server(_), Some(server)) => on_server::round(server, case, plan.quick).await?,
                (Target::Server(_), None) => Round::default(),
            });
        }
        lines.extend(all.measurement(case, rounds));
    }
    Ok(lines)
}

/// What one round gave.
#[derive(Default)]
struct Round {
    rate: Option<Rate>,
    floor: Option<Rate>,
    /// Others than the first.
    floors: Vec<(&'static str, Rate)>,
    waits: Vec<Duration>,
    idle: Option<child::Idle>,
    wal: Option<WalBytes>,
}

/// What all rounds gave.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    floors: Vec<f64>,
    ratios: Vec<f64>,
    /// Name, rates and ratios of each.
    others: Vec<(&'static str, Vec<f64>, Vec<f64>)>,
    waits: Vec<Duration>,
    idle: Option<child::Idle>,
    wal: Option<WalBytes>,
}

impl Rounds {
    fn add(&mut self, round: Round) {
        if let (Some(rate), Some(floor)) = (round.rate, round.floor) {
            self.ratios.push(rate.0 / floor.0);
        }
        for (at, (name, floor)) in round.floors.into_iter().enumerate() {
            if self.others.len() == at {
                self.others.push((name, Vec::new(), Vec::new()));
            }
            let (_, floors, ratios) = &mut self.others[at];
            floors.push(floor.0);
            ratios.extend(round.rate.map(|rate| rate.0 / floor.0));
        }
        self.rates.extend(round.rate.map(|r| r.0));
        self.floors.extend(round.floor.map(|r| r.0));
        self.waits.extend(round.waits);
        self.idle = round.idle;
        self.wal = round.wal;
    }

    fn measurement(mut self, case: Case, rounds: u32) -> Option<Measurement> {
        let idle = self.idle;
        if case.workload == Workload::Idle && idle.is_none() {
            say("this system does not tell what a process costs: idle was left out");
            return None;
        }
        let others = self.others.into_iter().filter_map(|(name, rates, ratios)| {
            Some(Floor { name: name.into(), rate: median(rates)?, ratio: median(ratios)? })
        });
        Some(Measurement {
            workload: case.workload.name().into(),
            settings: case.settings(rounds),
            rate: median(self.rates),
            floor: median(self.floors),
            ratio: median(self.ratios),
            other_floors: others.collect(),
            p50_us: percentile(&mut self.waits, 0.5),
            p99_us: percentile(&mut self.waits, 0.99),
            cpu_percent: idle.map(|i| i.cpu_percent),
            memory_mib: idle.map(|i| i.memory_mib),
            statements_per_second: idle.and_then(|i| i.statements_per_second),
            wal_bytes: self.wal,
        })
    }
}

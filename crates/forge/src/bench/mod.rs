//! `forge bench`: what the queue does on this machine, beside what the machine allows.
//!
//! A workload and its floor are measured in turns, several rounds, each on a fresh database file in the same
//! directory: absolute figures drift from hour to hour, ratios within a run hardly do.

mod child;
mod floor;
mod mixed;
mod place;
mod queue;
mod stats;

use self::place::Place;
pub(crate) use self::place::Synchronous;
use self::stats::{Rate, median, percentile};
use crate::exit::Failure;
use crate::output::say;
use forge_jobs_api::wire::{ErrorCode, Measurement, MeasurementSettings};
use std::path::PathBuf;
use std::time::Duration;

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
    /// From the call of an enqueue to the start of the handler, idle, in one process
    PickUp,
    /// The same with the handler in another process
    PickUpAcross,
    /// A steady mixed load, sent by the clock; latency from when a job was due
    Mixed,
    /// What a worker on ten empty queues costs
    Idle,
}

impl Workload {
    const fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Bulk => "bulk",
            Self::Drain => "drain",
            Self::PickUp => "pick_up",
            Self::PickUpAcross => "pick_up_across",
            Self::Mixed => "mixed",
            Self::Idle => "idle",
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) synchronous: Vec<Synchronous>,
    pub(crate) rounds: u32,
    /// A tenth of the work.
    pub(crate) quick: bool,
    /// Where the database files are made and removed.
    pub(crate) dir: PathBuf,
}

/// One line of the answer before it is measured.
#[derive(Clone, Copy, Debug)]
struct Case {
    workload: Workload,
    synchronous: Synchronous,
    /// Producers, concurrency or jobs per second.
    width: u32,
    jobs: u32,
}

/// About a hundred bytes, as small jobs are.
const PAYLOAD: &str =
    r#"{"to":"ada@example.com","template":"welcome","locale":"en","account":1234567,"again":false}"#;

/// Measures everything in turn.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Measurement>, Failure> {
    let mut lines = Vec::new();
    for case in cases(plan) {
        say(&format!("measuring {}, {} …", case.workload.name(), case.width_words()));
        lines.extend(measure(plan, case).await?);
    }
    Ok(lines)
}

fn cases(plan: &Plan) -> Vec<Case> {
    let mut cases = Vec::new();
    for workload in &plan.workloads {
        for synchronous in &plan.synchronous {
            let case = |width, jobs: u32| Case {
                workload: *workload,
                synchronous: *synchronous,
                width,
                jobs: if plan.quick { jobs / 10 } else { jobs },
            };
            match workload {
                Workload::Enqueue => cases.extend([case(8, 80_000), case(64, 160_000)]),
                Workload::Bulk => cases.push(case(1, 100_000)),
                Workload::Drain => cases.extend([case(50, 50_000), case(10, 50_000), case(1, 50_000)]),
                Workload::PickUp => cases.push(case(1, 1_000)),
                Workload::PickUpAcross => cases.push(case(1, 500)),
                Workload::Mixed => cases.push(case(2_000, 20_000)),
                // Nothing is committed, or hardly anything.
                Workload::Idle if *synchronous == plan.synchronous[0] => cases.push(case(1, 2_000)),
                Workload::Idle => {}
            }
        }
    }
    cases
}

impl Case {
    fn width_words(&self) -> String {
        let words = match self.workload {
            Workload::Enqueue => format!("{} producers", self.width),
            Workload::Drain => format!("{} at a time", self.width),
            Workload::Mixed => format!("{} a second", self.width),
            _ => format!("{} jobs", self.jobs),
        };
        format!("synchronous {}, {words}", self.synchronous.word())
    }

    fn settings(&self, rounds: u32) -> MeasurementSettings {
        let only = |workload| (self.workload == workload).then_some(self.width);
        MeasurementSettings {
            storage: "sqlite".into(),
            synchronous: self.synchronous.word().into(),
            producers: only(Workload::Enqueue),
            concurrency: only(Workload::Drain),
            per_second: only(Workload::Mixed),
            jobs: self.jobs,
            rounds,
        }
    }
}

/// What one round gave.
#[derive(Default)]
struct Round {
    rate: Option<Rate>,
    floor: Option<Rate>,
    waits: Vec<Duration>,
    idle: Option<child::Idle>,
}

async fn measure(plan: &Plan, case: Case) -> Result<Option<Measurement>, Failure> {
    // Rates vary from round to round; one round of waits has samples enough.
    let rounds = match case.workload {
        Workload::Enqueue | Workload::Bulk | Workload::Drain => plan.rounds,
        _ => 1,
    };
    let (mut rates, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut waits, mut idle) = (Vec::new(), None);
    for _ in 0..rounds {
        let round = round(plan, case).await?;
        if let (Some(rate), Some(floor)) = (round.rate, round.floor) {
            ratios.push(rate.0 / floor.0);
        }
        rates.extend(round.rate.map(|r| r.0));
        floors.extend(round.floor.map(|r| r.0));
        waits.extend(round.waits);
        idle = round.idle;
    }
    if case.workload == Workload::Idle && idle.is_none() {
        say("this system does not tell what a process costs: idle was left out");
        return Ok(None);
    }
    Ok(Some(Measurement {
        workload: case.workload.name().into(),
        settings: case.settings(rounds),
        rate: median(rates),
        floor: median(floors),
        ratio: median(ratios),
        p50_us: percentile(&mut waits, 0.5),
        p99_us: percentile(&mut waits, 0.99),
        cpu_percent: idle.map(|i| i.cpu_percent),
        memory_mib: idle.map(|i| i.memory_mib),
    }))
}

async fn round(plan: &Plan, case: Case) -> Result<Round, Failure> {
    let Case { synchronous, width, jobs, .. } = case;
    let place = Place::new(&plan.dir, synchronous).await?;
    let mut round = Round::default();
    match case.workload {
        Workload::Enqueue => {
            round.floor = Some(
                bare(plan, case, move |p| floor::one_by_one(p, synchronous, width, jobs, PAYLOAD)).await?,
            );
            let (rate, waits) = queue::one_by_one(&place, synchronous, width, jobs, PAYLOAD).await?;
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Bulk => {
            round.floor = Some(bare(plan, case, move |p| floor::bulk(p, synchronous, jobs, PAYLOAD)).await?);
            round.rate = Some(queue::bulk(&place, synchronous, jobs, PAYLOAD).await?);
        }
        Workload::Drain => {
            round.floor = Some(bare(plan, case, move |p| floor::drain(p, synchronous, jobs, PAYLOAD)).await?);
            round.rate = Some(queue::drain(&place, synchronous, width, jobs, PAYLOAD).await?);
        }
        Workload::PickUp => round.waits = queue::pick_up(&place, synchronous, jobs).await?,
        Workload::PickUpAcross => round.waits = child::pick_up(&place, synchronous, jobs).await?,
        Workload::Mixed => {
            let time = Duration::from_secs_f64(f64::from(jobs) / f64::from(width));
            let (rate, waits) = mixed::run(&place, synchronous, width, time).await?;
            (round.rate, round.waits) = (Some(rate), waits);
        }
        Workload::Idle => {
            let time = Duration::from_secs(if plan.quick { 2 } else { 20 });
            round.idle = child::idle(&place, time).await?;
        }
    }
    Ok(round)
}

/// Runs a bare loop on a fresh database of its own, off the async threads.
async fn bare(
    plan: &Plan,
    case: Case,
    run: impl FnOnce(&Place) -> rusqlite::Result<Rate> + Send + 'static,
) -> Result<Rate, Failure> {
    let place = Place::new(&plan.dir, case.synchronous).await?;
    let ended = tokio::task::spawn_blocking(move || run(&place)).await;
    queue::joined(ended)?.map_err(|e| Failure::of(ErrorCode::Failed, &e))
}

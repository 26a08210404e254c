//! A process is stopped for three times the stale window, in the middle of a job, and then goes on.

use super::{Failure, enqueue, open, verdict, wait};
use crate::fleet::{Site, Worker};
use crate::ledger::{self, Line};
use crate::{audit, since_boot_ns};
use forge_jobs::retry::Transition;
use forge_jobs::storage::{Finish, FinishParams, FinishResult, Lease, VerbParams};
use forge_jobs::{EnqueueRequest, JobId, JobStatus, Storage, Timing};
use rusqlite::{Connection, ErrorCode};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

/// A heartbeat of 200 ms, and so a stale window of 900 ms.
const BEAT: [&str; 6] = ["--heartbeat-ms", "200", "--poll-ms", "100", "--alone-ms", "1000"];
const STALE: Duration = Duration::from_millis(900);
/// How long a job that listens to nobody runs: longer than the freeze.
const SPIN: Duration = Duration::from_millis(3_500);
/// The events of a report that comes too late (docs/telemetry.md): the database refused it, or the process itself, by
/// the time that has passed, did not even send it.
const REFUSED: &str = "job.stale_lease";
const DROPPED: &str = "job.outcome_dropped";
/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Who takes the job over while its process is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heir {
    /// Another process.
    Another,
    /// The frozen process itself, once it goes on.
    Itself,
    /// Another process, after an operator has cancelled and retried the job, so that the attempts are equal.
    Operator,
    /// Another process, of a job that listens to nobody: the frozen process reports that it is done, too late.
    Late,
}

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    /// How often, for each sort of heir.
    pub rounds: u32,
    /// A zombie must hear within this time.
    pub heard_within: Duration,
}

/// What a round left to be checked at the end.
struct Round {
    job: String,
    zombie: i64,
}

impl Freeze {
    /// One round of each, on a machine that may be busy with other things.
    #[must_use]
    pub const fn short() -> Self {
        Self { rounds: 1, heard_within: Duration::from_secs(5) }
    }

    /// So many rounds of each.
    #[must_use]
    pub const fn long(rounds: u32) -> Self {
        Self { rounds, heard_within: Duration::from_secs(1) }
    }

    /// Runs it: no late finish is accepted, and each zombie is told to stop in time.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let begun = Instant::now();
        let storage = open(site).await?;
        let mut problems = Vec::new();
        let mut slowest = Duration::ZERO;
        for heir in [Heir::Another, Heir::Itself, Heir::Operator, Heir::Late] {
            let workers = if heir == Heir::Itself { 1 } else { 2 };
            let mut fleet = Vec::new();
            for _ in 0..workers {
                fleet.push(site.worker(&[&BEAT[..], &["--queue", "default:2"]].concat())?);
            }
            let mut rounds = Vec::new();
            for n in 0..self.rounds {
                let (round, heard) = round(site, &storage, &fleet, heir)
                    .await
                    .map_err(|e| format!("{heir:?} {n}: {e}\nThe workers said:\n{}", site.last_words()))?;
                slowest = slowest.max(heard);
                if heard > self.heard_within {
                    problems.push(format!("{heir:?} {n}: the zombie was told after {heard:?}"));
                }
                rounds.push(round);
            }
            for worker in &mut fleet {
                worker.stop(Duration::from_secs(30))?;
            }
            problems.extend(check(site, &storage, &rounds).await?);
        }
        drop(storage);
        problems.extend(audit::problems(site)?);
        let (refused, dropped) = (site.said(&[REFUSED]), site.said(&[DROPPED]));
        verdict(&problems)?;
        let took = begun.elapsed();
        Ok(format!(
            "{} rounds in {took:.1?}, the slowest zombie told after {slowest:.1?}, {refused} late reports refused and {dropped} held \
             back",
            4 * self.rounds
        ))
    }
}

async fn round(
    site: &Site,
    storage: &Storage,
    fleet: &[Worker],
    heir: Heir,
) -> Result<(Round, Duration), Failure> {
    // It ends once there is this file, so not before the frozen process has been told, however slow the machine is.
    let over = site.path(&format!("over-{}", JobId::new()));
    let job = if heir == Heir::Late {
        EnqueueRequest::new("t.spin", json!({ "ms": SPIN.as_millis() }))
    } else {
        EnqueueRequest::new("t.file", json!({ "path": over }))
    };
    let id = enqueue(storage, vec![job]).await?.remove(0);
    let first =
        wait("the job to start", LIMIT, async || starts(site, &id).map(|s| s.into_iter().next())).await?;
    let victim = fleet.iter().find(|w| w.pid() == first.pid).ok_or("it runs in no process of ours")?;
    stop_between_writes(site, victim).await?;
    let frozen = Instant::now();
    let job_id: JobId = id.parse()?;
    if heir == Heir::Operator {
        // The other process takes it from the frozen one; the operator takes it from both.
        wait("the job to be revived", LIMIT, async || {
            let job = storage.inspect.job(job_id).await?;
            Ok(job.filter(|j| j.process.map(|p| p.to_string()).as_ref() != Some(&first.worker)))
        })
        .await?;
        let verb = || VerbParams { ids: vec![job_id], actor: None, now: None };
        storage.jobs.cancel(verb()).await?;
        wait("the job to be dead", LIMIT, async || {
            Ok(storage.inspect.job(job_id).await?.filter(|j| j.status == JobStatus::Dead))
        })
        .await?;
        storage.jobs.retry(verb()).await?;
    }
    if heir != Heir::Itself {
        wait("an heir to start", LIMIT, async || {
            Ok(starts(site, &id)?.into_iter().find(|s| s.pid != first.pid))
        })
        .await?;
        if on_server(site) {
            finish_late(storage, &first).await?;
        }
    }
    tokio::time::sleep((3 * STALE).saturating_sub(frozen.elapsed())).await;
    let thawed = since_boot_ns();
    victim.signal(Signal::CONT)?;
    let heard = if heir == Heir::Late {
        wait("the late finish to be refused", LIMIT, async || {
            let refused = site.said(&[REFUSED, &id]) + site.said(&[DROPPED, &id]);
            Ok((refused > 0).then_some(Duration::ZERO))
        })
        .await?
    } else {
        told(site, &id, first.lease).await?.saturating_sub(Duration::from_nanos(thawed))
    };
    std::fs::write(&over, "")?;
    wait("the job to be done", LIMIT, async || {
        Ok(storage.inspect.job(job_id).await?.filter(|j| j.status == JobStatus::Done))
    })
    .await?;
    Ok((Round { job: id, zombie: first.lease }, heard))
}

/// Reports in the name of the frozen process that its job is done: its own report may be held back by itself, and must
/// be refused if it is not. Only on a server: an embedded database knows the job by a number that the ledger does not
/// tell.
async fn finish_late(storage: &Storage, zombie: &Line) -> Result<(), Failure> {
    let lease = Lease {
        job: zombie.job.parse()?,
        process: zombie.worker.parse()?,
        claim_no: zombie.lease,
        row: 0,
        memo: None,
    };
    let timing = Timing { ran_for: Duration::ZERO, ended_ago: Duration::ZERO };
    let late = Finish { lease, transition: Transition::Done { output: None }, timing, failure: None };
    match storage.jobs.finish(FinishParams { members: vec![late], now: None }).await?.first() {
        Some(FinishResult::StaleLease) => Ok(()),
        other => Err(format!("a finish under the claim of the frozen process was answered {other:?}").into()),
    }
}

fn on_server(site: &Site) -> bool {
    !site.url().starts_with("sqlite:")
}

/// When the zombie's handler was told to stop, on the clock of the ledger.
async fn told(site: &Site, id: &str, lease: i64) -> Result<Duration, Failure> {
    let line = wait("the zombie to be told", LIMIT, async || {
        let lines = ledger::read(&site.ledger())?;
        Ok(lines.into_iter().find(|l| l.job == id && l.lease == lease && l.ev == "cancelled"))
    })
    .await?;
    Ok(Duration::from_nanos(line.ts_ns))
}

/// Stops a process where it does not hold the database's lock. In the middle of a write it would keep everybody from
/// writing for as long as it is stopped, and nobody could take its job over: that is SQLite's nature, and documented.
async fn stop_between_writes(site: &Site, victim: &Worker) -> Result<(), Failure> {
    if on_server(site) {
        // A server ends by itself what it was asked for.
        return Ok(victim.signal(Signal::STOP)?);
    }
    let conn = Connection::open(site.database())?;
    conn.busy_timeout(Duration::from_millis(100))?;
    for _ in 0..100 {
        victim.signal(Signal::STOP)?;
        match conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => return Ok(()),
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            Err(e) => return Err(e.into()),
        }
        victim.signal(Signal::CONT)?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("it could never be stopped between two writes".into())
}

/// The starts of a job, in the order written.
fn starts(site: &Site, id: &str) -> Result<Vec<Line>, Failure> {
    match ledger::read(&site.ledger()) {
        Ok(lines) => Ok(lines.into_iter().filter(|l| l.job == id && l.ev == "start").collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e.into()),
    }
}

async fn check(site: &Site, storage: &Storage, rounds: &[Round]) -> Result<Vec<String>, Failure> {
    let executions = ledger::executions(&ledger::read(&site.ledger())?, &[]);
    let mut problems = Vec::new();
    for Round { job, zombie } in rounds {
        let row = storage.inspect.job(job.parse()?).await?.ok_or_else(|| format!("{job} is lost"))?;
        let runs = executions.get(job).map(Vec::as_slice).unwrap_or_default();
        let last = runs.iter().map(|e| e.lease).max();
        if row.claim_no <= *zombie || Some(row.claim_no) != last {
            problems.push(format!("{job} is done under claim {}, of {runs:?}", row.claim_no));
        }
    }
    Ok(problems)
}

//! The clocks of replicas are ten minutes apart from the server's, both ways.

use crate::campaigns::wait;
use crate::campaigns::{Failure, QUICK, open, verdict};
use crate::fleet::{Site, Worker};
use crate::{audit, ledger, since_boot_ns};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Timestamp};
use forge_test_cluster::{Cluster, ensure_faketime};
use serde_json::json;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Skew {
    /// What the same harm comes from.
    pub seed: u64,
    /// Scheduled jobs.
    pub jobs: u32,
    /// They become due over this time.
    pub span: Duration,
}

/// How far a clock is off, as libfaketime reads it and in microseconds.
const AHEAD: &str = "+600s";
const BEHIND: &str = "-600s";
const OFF: i64 = 600_000_000;
/// A job that is due starts within this time.
const SOON: Duration = Duration::from_secs(20);
/// Longest time until everything is finished, after the last one is due.
const LIMIT: Duration = Duration::from_secs(60);

/// Jobs that started before they were due, by the database's clock.
const EARLY: &str =
    "SELECT count(*) FROM forge.forge_inspect_jobs WHERE started_at IS NULL OR started_at < due_at";
/// Traces of a process that was taken for dead.
const REAPED: &str = "SELECT (SELECT count(*) FROM forge.jobs WHERE suspect > 0 OR crashes > 0) \
     + (SELECT count(*) FROM forge.forge_job_events WHERE event = 'crashed') \
     + (SELECT count(*) FROM forge.processes WHERE left_behind OR ended_at IS NOT NULL)";
/// The longest time from due to started, in microseconds.
const LATEST: &str = "SELECT coalesce(max(started_at - due_at), 0) FROM forge.forge_inspect_jobs";

impl Skew {
    /// Runs it: no job starts before its time on the database's clock, nobody is taken for dead, everything is done.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, cluster: &Cluster) -> Result<String, Failure> {
        let mut site = Site::on(program, cluster.url("postgres"))?;
        // So that each process says something, under its own clock.
        site.set("FORGE_LOG", "warn,forge_jobs=debug");
        let library = ensure_faketime()?;
        let (began, began_at) = (since_boot_ns(), Timestamp::now().as_micros());
        let sent = self.enqueue(&site).await?;
        let mut fleet = [
            skewed(&site, library.as_os_str(), AHEAD)?,
            skewed(&site, library.as_os_str(), BEHIND)?,
            site.worker(&patient())?,
        ];
        wait("all jobs to be finished", self.span + LIMIT, async || {
            Ok((audit::finished(site.url()).await? >= sent).then_some(()))
        })
        .await
        .map_err(|e| format!("{e}\nThe workers said:\n{}", site.last_words()))?;
        let mut problems = Vec::new();
        for (what, query) in [("jobs started early", EARLY), ("traces of a death", REAPED)] {
            let found = audit::number(site.url(), query).await?;
            if found > 0 {
                problems.push(format!("{found} {what}"));
            }
        }
        let latest = Duration::from_micros(audit::number(site.url(), LATEST).await?);
        if latest > SOON {
            problems.push(format!("a job started {latest:?} after it was due"));
        }
        let pids = fleet.each_ref().map(Worker::pid);
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(30))?;
        }
        let now = Timestamp::now().as_micros();
        problems.extend(self.audit(&site, began, &pids).await?);
        problems.extend(off(&site.words()?, began_at, now));
        verdict(&problems)?;
        Ok(format!(
            "{sent} jobs on clocks 10 minutes apart: none early, the latest {latest:.0?} after it was due"
        ))
    }

    /// Jobs that are due at a time, after a delay, again after a throttle, and some that run for long.
    async fn enqueue(&self, site: &Site) -> Result<u64, Failure> {
        let storage = open(site).await?;
        let enqueuer = Enqueuer::new(storage, Arc::new(DefaultRouter));
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let span = u64::try_from(self.span.as_millis())?;
        let now = Timestamp::now();
        let mut jobs = Vec::new();
        for n in 0..self.jobs {
            let later = Duration::from_millis(rng.u64(0..span));
            jobs.push(match n % 3 {
                0 => EnqueueRequest::new("t.echo", n).with_delay(later),
                1 => EnqueueRequest::new("t.echo", n).with_run_at(now.saturating_add(later)),
                _ => {
                    let ms = rng.u64(100..2_000);
                    EnqueueRequest::new("t.throttle", json!({ "n": 2, "ms": ms })).with_delay(later)
                }
            });
        }
        // As long as nobody may be taken for dead, and so that each process has some.
        let long = (0..6).map(|_| EnqueueRequest::new("t.sleep", json!({ "ms": span })));
        jobs.extend(long);
        let sent = jobs.len() as u64;
        for receipt in enqueuer.enqueue_many(jobs).await {
            receipt?;
        }
        Ok(sent)
    }

    /// The ends, and the ledger: its clock must not have been shifted, and each process must have done its part.
    async fn audit(&self, site: &Site, began: u64, pids: &[u32]) -> Result<Vec<String>, Failure> {
        let ends = audit::ends(site.url()).await?;
        let mut problems = audit::problems(site)?;
        let undone = ends.iter().filter(|(_, (status, _))| status != "done");
        problems.extend(undone.map(|(id, (status, reason))| format!("{id} is {status} {reason}")));
        let lines = ledger::read(&site.ledger())?;
        problems.extend(ledger::problems(&ledger::executions(&lines, &[])));
        let now = since_boot_ns();
        let shifted = lines.iter().filter(|l| !(began..now).contains(&l.ts_ns)).count();
        if shifted > 0 {
            problems.push(format!("{shifted} lines of the ledger come from a clock that was shifted, too"));
        }
        let idle = pids.iter().filter(|pid| !lines.iter().any(|l| l.pid == **pid));
        problems.extend(idle.map(|pid| format!("process {pid} ran nothing")));
        Ok(problems)
    }
}

/// A worker on another time of day. Time that passes, and time since the machine started, stay what they are.
fn skewed(site: &Site, library: &OsStr, by: &str) -> Result<Worker, Failure> {
    let env = [
        ("LD_PRELOAD", library),
        ("FAKETIME", OsStr::new(by)),
        // The old and the new name of the setting.
        ("DONT_FAKE_MONOTONIC", OsStr::new("1")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", OsStr::new("1")),
    ];
    Ok(site.worker_with(&patient(), &env)?)
}

/// Nobody is dead here, and a heartbeat may take long on a busy machine.
fn patient() -> Vec<&'static str> {
    [&QUICK[..], &["--stale-ms", "20000"]].concat()
}

/// Without lines from both other times the campaign would have shown nothing.
fn off(words: &str, began: i64, now: i64) -> Vec<String> {
    let times: Vec<i64> = words
        .lines()
        .filter_map(|l| l.split_whitespace().next()?.parse::<Timestamp>().ok())
        .map(Timestamp::as_micros)
        .collect();
    let ahead = times.iter().any(|t| (began + OFF..=now + OFF).contains(t));
    let behind = times.iter().any(|t| (began - OFF..=now - OFF).contains(t));
    if ahead && behind {
        return Vec::new();
    }
    vec![format!("no clock was off: ahead {ahead}, behind {behind}, of {} lines", times.len())]
}

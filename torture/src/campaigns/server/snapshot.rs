//! A session holds an old snapshot, so that no dead row can be cleared away, while a queue fills and drains.

use super::percentile;
use crate::audit;
use crate::campaigns::wait;
use crate::campaigns::{Failure, QUICK, open, verdict};
use crate::fleet::Site;
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Storage};
use forge_test_cluster::{Cluster, Options};
use serde_json::json;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// What the same load comes from.
    pub seed: u64,
    /// Throughput is taken over windows of this length.
    pub window: Duration,
    /// Windows before the snapshot is taken.
    pub before: u32,
    /// Windows with it.
    pub held: u32,
    /// Different priorities of the jobs: with more than one, jobs come in before others that wait.
    pub priorities: i16,
    /// Whether jobs are scheduled for a little later, so that they are promoted first.
    pub scheduled: bool,
    /// Longest time of a call of the workers to the server, in milliseconds; `None`: the usual one. A short one shows in
    /// seconds what otherwise takes many millions of dead rows.
    pub call_ms: Option<u32>,
    /// Throughput with the snapshot, in percent of that without, at least.
    pub least: u32,
    /// Of a hundred claims with the snapshot, and as many promotions, one may take longer; `None`: no matter.
    pub slowest: Option<Duration>,
}

/// The queue fills up to this and is left alone until it has drained to the other.
const HIGH: usize = 5_000;
const LOW: usize = 500;
/// Jobs of one call.
const BATCH: usize = 500;
/// Scheduled jobs are due so soon, in milliseconds.
const SOON_MS: u64 = 500;
/// How full it is, is told by one job in so many.
const ONE_IN: usize = 10;
/// `forge doctor` names sessions whose transaction is older than this.
const NAMED_AFTER: Duration = Duration::from_secs(60);

/// Longest time until nothing is left, or until a job alone is done.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
/// Jobs that come alone.
const ALONE: u32 = 100;

impl Snapshot {
    /// What the server must be told, so that the campaign can read how long claims took.
    #[must_use]
    pub fn options() -> Options {
        Options { durable: true, ..Options::default() }
            .with("logging_collector", "on")
            .with("log_directory", "log")
            .with("log_filename", "statements")
            .with("log_line_prefix", "%n ")
            .with("log_rotation_size", "0")
            .with("log_parameter_max_length", "0")
            .with("log_min_duration_statement", "0")
    }

    /// Runs it: in every window with the snapshot there is enough of the throughput without it, and `forge doctor`
    /// names the session once it is old enough.
    ///
    /// # Errors
    ///
    /// What was measured, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, cluster: &Cluster) -> Result<String, Failure> {
        let mut site = Site::on(program, cluster.url("postgres"))?;
        // Two lines per job would be most of the work.
        site.set("FORGE_LEDGER", "");
        if let Some(ms) = self.call_ms {
            site.configure(&format!("[postgres]\ncall_timeout_ms = {ms}\n"))?;
        }
        let storage = open(&site).await?;
        let start = || site.worker(&[&QUICK[..], &["--queue", "default:16"]].concat());
        let mut fleet = [start()?, start()?];
        let client = forge_test_cluster::connect(site.url()).await?;
        let alone = trickle(&storage, &client).await?;
        let load = self.load(&storage, forge_test_cluster::connect(site.url()).await?);
        // Until it is under way.
        self.windows(&client, 1).await?;
        let from = since_1970();
        let before = self.windows(&client, self.before).await?;
        let session = hold(site.url()).await?;
        let taken = since_1970();
        let held = self.windows(&client, self.held).await?;
        let released = since_1970();
        if load.is_finished() {
            return Err("the load has ended by itself".into());
        }
        load.abort();
        drained(&client).await?;
        let alone_held = trickle(&storage, &client).await?;
        let age = || since_1970().saturating_sub(taken);
        let since = age();
        let doctor = audit::doctor(&site)?;
        let looked = age();
        session.batch_execute("COMMIT").await?;
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(60))?;
        }
        let mut problems = self.judge(&before, &held);
        let named = doctor.iter().any(|p| p.contains("has held a snapshot"));
        let old = since > NAMED_AFTER;
        // It may have become old while it was asked for.
        if named != old && old == (looked > NAMED_AFTER) {
            problems.push(format!("forge doctor names the session: {named}; it is old enough: {old}"));
        }
        problems.extend(doctor.into_iter().filter(|p| !p.contains("has held a snapshot")));
        let log = std::fs::read_to_string(cluster.data_dir().join("log/statements"))?;
        let mut figures = format!(
            "jobs/s {} without and {} with a snapshot; a job alone {alone} without, {alone_held} with",
            list(&before),
            list(&held)
        );
        for call in ["claim", "promote"] {
            let (without, with) = (calls(&log, call, from..taken), calls(&log, call, taken..released));
            write!(figures, "; {call} without {}; with {}", describe(&without), describe(&with))?;
            let (most, slowest) = (percentile(&with, 99), self.slowest.unwrap_or(Duration::MAX));
            if most > slowest {
                problems.push(format!(
                    "of a hundred calls of {call} one takes {most:.1?}, longer than {slowest:?}"
                ));
            }
        }
        verdict(&problems).map_err(|e| format!("{figures}\n{e}"))?;
        Ok(figures)
    }

    /// Fills the queue, and again when it has drained.
    fn load(self, storage: &Storage, client: Client) -> JoinHandle<Result<(), Failure>> {
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        let mut rng = fastrand::Rng::with_seed(self.seed);
        tokio::spawn(async move {
            let (mut watched, mut filling) = (HashSet::new(), true);
            loop {
                forget_finished(&client, &mut watched).await?;
                let waiting = watched.len() * ONE_IN;
                filling = if filling { waiting < HIGH } else { waiting < LOW };
                if !filling {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                let jobs: Vec<_> = (0..BATCH).map(|_| self.job(&mut rng)).collect();
                for (n, receipt) in enqueuer.enqueue_many(jobs).await.into_iter().enumerate() {
                    let id = receipt?.id;
                    if n % ONE_IN == 0 {
                        watched.insert(id.to_string());
                    }
                }
            }
        })
    }

    fn job(self, rng: &mut fastrand::Rng) -> EnqueueRequest {
        let job = if rng.bool() {
            EnqueueRequest::new("t.echo", 1)
        } else {
            EnqueueRequest::new("t.sleep", json!({ "ms": 1 }))
        };
        let job = job.with_priority(rng.i16(0..self.priorities));
        if self.scheduled { job.with_delay(Duration::from_millis(rng.u64(1..=SOON_MS))) } else { job }
    }

    /// Jobs per second in each of so many windows.
    async fn windows(&self, client: &Client, count: u32) -> Result<Vec<f64>, Failure> {
        let mut rates = Vec::new();
        let (mut at, mut counted) = (Instant::now(), done(client).await?);
        for _ in 0..count {
            tokio::time::sleep(self.window).await;
            let (now, finished) = (Instant::now(), done(client).await?);
            let jobs = u32::try_from(finished.saturating_sub(counted))?;
            rates.push(f64::from(jobs) / (now - at).as_secs_f64());
            (at, counted) = (now, finished);
        }
        Ok(rates)
    }

    fn judge(&self, before: &[f64], held: &[f64]) -> Vec<String> {
        let baseline = before.iter().sum::<f64>() / f64::from(self.before.max(1));
        let mut problems = Vec::new();
        for (n, rate) in held.iter().enumerate() {
            let share = 100.0 * rate / baseline.max(1.0);
            if share < f64::from(self.least) {
                problems.push(format!("window {n} with the snapshot has {share:.0} % of the throughput"));
            }
        }
        problems
    }
}

/// Waits until nothing is left to do.
async fn drained(client: &Client) -> Result<(), Failure> {
    let left = "SELECT (SELECT count(*) FROM forge.jobs) - (SELECT count(*) FROM forge.finished)";
    wait("the queue to drain", DRAINED_WITHIN, async || {
        Ok((client.query_one(left, &[]).await?.try_get::<_, i64>(0)? == 0).then_some(()))
    })
    .await
}

/// How long it takes until a job is done that comes alone.
async fn trickle(storage: &Storage, client: &Client) -> Result<String, Failure> {
    let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
    let mut times = Vec::new();
    for n in 0..ALONE {
        let sent = Instant::now();
        let id = enqueuer.enqueue(EnqueueRequest::new("t.echo", n)).await?.id.to_string();
        let finished = "SELECT count(*) FROM forge.finished WHERE id = $1::text::uuid";
        while client.query_one(finished, &[&id]).await?.try_get::<_, i64>(0)? == 0 {
            if sent.elapsed() > DRAINED_WITHIN {
                return Err(format!("a job alone was not done within {DRAINED_WITHIN:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    let (half, most) = (percentile(&times, 50), percentile(&times, 99));
    Ok(format!("p50 {half:.1?}, p99 {most:.1?}"))
}

/// How many jobs have become finished.
async fn done(client: &Client) -> Result<u64, Failure> {
    let row = client.query_one("SELECT count(*) FROM forge.finished", &[]).await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
}

/// Those of the jobs that are finished need not be watched any more. By their key: to count what waits would be to step
/// over all that is dead, and that is the workers' trouble and not the campaign's.
async fn forget_finished(client: &Client, watched: &mut HashSet<String>) -> Result<(), Failure> {
    let ids: Vec<&str> = watched.iter().map(String::as_str).collect();
    let finished = "SELECT id::text FROM forge.finished WHERE id = ANY ($1::text[]::uuid[])";
    for row in client.query(finished, &[&ids]).await? {
        watched.remove(row.try_get::<_, &str>(0)?);
    }
    Ok(())
}

/// A session with a snapshot that stays what it is until the session is told otherwise.
async fn hold(url: &str) -> Result<Client, Failure> {
    let session = forge_test_cluster::connect(url).await?;
    session.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM forge.jobs LIMIT 1").await?;
    Ok(session)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn list(rates: &[f64]) -> String {
    rates.iter().map(|r| format!("{r:.0}")).collect::<Vec<_>>().join(" ")
}

/// What the server's log says how long calls of a function took in a span of time, sorted.
fn calls(log: &str, function: &str, span: Range<Duration>) -> Vec<Duration> {
    let called = format!(".{function}($1");
    let call = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        let at = Duration::try_from_secs_f64(at.parse().ok()?).ok()?;
        let (time, what) = rest.split_once("duration: ")?.1.split_once(" ms ")?;
        let is = what.trim_start().starts_with("execute") && what.contains(&called);
        let time = Duration::try_from_secs_f64(time.parse::<f64>().ok()? / 1_000.0).ok()?;
        (is && span.contains(&at)).then_some(time)
    };
    let mut times: Vec<Duration> = log.lines().filter_map(call).collect();
    times.sort_unstable();
    times
}

fn describe(times: &[Duration]) -> String {
    let at = |share| percentile(times, share);
    format!("{}: p50 {:.1?}, p99 {:.1?}, longest {:.1?}", times.len(), at(50), at(99), at(100))
}

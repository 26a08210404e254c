//! Processes that use one budget up, while they are killed and the budget is edited.

use super::{Failure, QUICK, open, verdict};
use crate::audit;
use crate::fleet::Site;
use crate::ledger::{self, Line};
use crate::since_boot_ns;
use forge_jobs::limits::MAX_PAGE;
use forge_jobs::rate_limit::{RateLimit, Scope};
use forge_jobs::storage::{
    AttachParams, DrainParams, EnsureQueueParams, JobFilter, Limited, ListParams, SetBy, SetLimitParams,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Storage};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The scope that handlers ask, and the one that a queue is attached to.
const ASKED: &str = "asked";
const CLAIMED: &str = "claimed";
const FREE: &str = "free";
/// Longest time of a stop in good order.
const STOP: Duration = Duration::from_secs(30);
/// Longest time until a limit that was raised shows.
const RAISED: Duration = Duration::from_secs(30);
/// Jobs that are enqueued in one call.
const PIECE: usize = 1_000;
/// Between two jobs whose pick-up is timed.
const PROBE_GAP: Duration = Duration::from_millis(40);

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What the same harm comes from.
    pub seed: u64,
    /// Processes.
    pub replicas: usize,
    /// Permits per window.
    pub permits: u32,
    /// The window.
    pub window: Duration,
    /// Windows without harm.
    pub calm: u32,
    /// The share of the budget that must be used in them, in percent.
    pub least: u32,
    /// How long processes are killed.
    pub harm: Duration,
    /// Time between two kills.
    pub every: Duration,
    /// How much longer than ten times as long a pick-up beside the load may take. A wait for the budget takes a window.
    pub slack: Duration,
}

impl Limits {
    /// The form of minutes.
    #[must_use]
    pub const fn long(seed: u64) -> Self {
        let secs = Duration::from_secs;
        let (permits, window, calm) = (100, secs(10), 6);
        let slack = Duration::from_millis(50);
        Self { seed, replicas: 4, permits, window, calm, least: 95, harm: secs(120), every: secs(2), slack }
    }

    /// The form of seconds.
    #[must_use]
    pub const fn short(seed: u64) -> Self {
        let (permits, window, calm) = (40, Duration::from_secs(2), 3);
        let (harm, every) = (Duration::from_secs(3), Duration::from_millis(500));
        // Other tests may run beside it, and leave it no processor for a second now and then.
        let slack = Duration::from_secs(1);
        Self { seed, replicas: 4, permits, window, calm, least: 50, harm, every, slack }
    }

    /// Runs it: no window holds more than the limit that was in force, nearly all of it is used, an edit holds within a
    /// window, a queue without a limit is picked up as before, no permit is left behind.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let storage = open(site).await?;
        self.prepare(&storage).await?;
        let queues = ["--queue", "default:16", "--queue", "attached:4", "--queue", "free:4"];
        let start = || site.worker(&[&QUICK[..], &queues[..]].concat());
        let mut fleet = (0..self.replicas).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
        let alone = Self::pick_up(site, &storage, self.window).await?;
        let loaded = since_boot_ns();
        self.load(&storage).await?;
        let calm_from = Self::first_grant(site).await?;
        let beside = Self::pick_up(site, &storage, self.window * self.calm).await?;
        let calm = self.usage(&Self::grants(site)?, calm_from);

        let begun = Instant::now();
        let mut deaths = Vec::new();
        while begun.elapsed() < self.harm {
            tokio::time::sleep(self.every).await;
            let victim = &mut fleet[rng.usize(0..self.replicas)];
            deaths.push(victim.kill()?);
            *victim = start()?;
        }
        let lowered = self.edit(&storage, self.permits / 2).await?;
        tokio::time::sleep(self.window * 2).await;
        let raising = Self::now(&storage).await?;
        let raised = self.edit(&storage, self.permits * 2).await?;
        tokio::time::sleep(self.window * 3 / 2).await;
        let most = self.fullest(site, raised).await?;
        for worker in &mut fleet {
            worker.stop(STOP)?;
        }

        let grants = Self::grants(site)?;
        let mut problems = self.excesses(&grants, lowered, raising);
        if calm * 100.0 < f64::from(self.least) {
            problems.push(format!("{:.1} % of the budget was used while nobody was killed", calm * 100.0));
        }
        if most <= self.before() {
            problems.push(format!("no window held more than {most} permits after the limit was raised"));
        }
        problems.extend(self.claimed(site, &storage, loaded).await?);
        problems.extend(storage.inspect.checkup().await?.problems);
        // More jobs were enqueued than permits were given: some wait, and nobody is left.
        let left = |problem: &String| problem.contains("no process is alive");
        problems.extend(audit::problems(site)?.into_iter().filter(|p| !left(p)));
        let (alone, beside) = (median(alone), median(beside));
        if beside > alone * 10 + self.slack {
            problems.push(format!("the queue without a limit is picked up in {beside:?}, {alone:?} before"));
        }
        drop(storage);
        verdict(&problems).map_err(|e| format!("{e}\nThe workers said:\n{}", site.last_words()))?;
        Ok(format!(
            "{} permits of {} per {:?} on {} processes, {:.1} % used in the calm, {} kills; pick-up beside it {beside:.1?}, \
             alone {alone:.1?}",
            grants.len(),
            self.permits,
            self.window,
            self.replicas,
            calm * 100.0,
            deaths.len()
        ))
    }

    async fn prepare(&self, storage: &Storage) -> Result<(), Failure> {
        for scope in [ASKED, CLAIMED] {
            self.set(storage, scope, self.permits).await?;
        }
        for (queue, workers) in [("default", 16), ("attached", 4), ("free", 4)] {
            storage.queues.ensure(EnsureQueueParams { queue: queue.into(), workers }).await?;
        }
        let (what, scope) = (Limited::Queue("attached".into()), Some(Scope::new(CLAIMED)?));
        storage.rate_limits.attach(AttachParams { what, scope, actor: None }).await?;
        Ok(())
    }

    async fn set(&self, storage: &Storage, scope: &str, permits: u32) -> Result<(), Failure> {
        let limit = RateLimit::new(permits, self.window);
        let params = SetLimitParams {
            scope: Scope::new(scope)?,
            limit,
            by: SetBy::Operator,
            expected_version: None,
            actor: None,
            now: None,
        };
        storage.rate_limits.set_limit(params).await?;
        Ok(())
    }

    /// Changes the limit that handlers ask. Gives a time, by the database's clock, at which that held.
    async fn edit(&self, storage: &Storage, permits: u32) -> Result<i64, Failure> {
        self.set(storage, ASKED, permits).await?;
        Self::now(storage).await
    }

    /// The database's clock: a drain of no time ends now.
    async fn now(storage: &Storage) -> Result<i64, Failure> {
        let scope = Scope::new("clock")?;
        let limit = RateLimit::new(1, Duration::from_secs(1));
        let params = SetLimitParams {
            scope: scope.clone(),
            limit,
            by: SetBy::Operator,
            expected_version: None,
            actor: None,
            now: None,
        };
        storage.rate_limits.set_limit(params).await?;
        let drain = DrainParams { scope, wait: Duration::ZERO, actor: None, now: None };
        Ok(storage.rate_limits.drain(drain).await?.as_micros())
    }

    /// More jobs than there are permits for.
    async fn load(&self, storage: &Storage) -> Result<(), Failure> {
        let windows = (self.window * (self.calm + 8) + self.harm).div_duration_f64(self.window).ceil();
        let jobs = windows * f64::from(self.permits) * 3.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
        let jobs = jobs as usize;
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        let asks = (0..jobs).map(|_| EnqueueRequest::new("t.acquire", json!({ "scope": ASKED, "n": 1 })));
        let plain = (0..jobs).map(|_| EnqueueRequest::new("t.echo", 1).on_queue("attached"));
        let all: Vec<_> = asks.zip(plain).flat_map(<[EnqueueRequest; 2]>::from).collect();
        for piece in all.chunks(PIECE) {
            for result in enqueuer.enqueue_many(piece.to_vec()).await {
                result?;
            }
        }
        Ok(())
    }

    /// Times from the call to the start of a handler, one job after the other.
    async fn pick_up(site: &Site, storage: &Storage, span: Duration) -> Result<Vec<Duration>, Failure> {
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        let begun = Instant::now();
        let mut sent = Vec::new();
        while begun.elapsed() < span {
            let at = since_boot_ns();
            let job = enqueuer.enqueue(EnqueueRequest::new("t.echo", 1).on_queue(FREE)).await?;
            sent.push((job.id.to_string(), at));
            tokio::time::sleep(PROBE_GAP).await;
        }
        let begun = Instant::now();
        loop {
            let lines = if site.ledger().exists() { ledger::read(&site.ledger())? } else { Vec::new() };
            let starts: HashMap<_, _> =
                lines.iter().filter(|l| l.ev == "start").map(|l| (l.job.as_str(), l.ts_ns)).collect();
            let times: Option<Vec<_>> = sent
                .iter()
                .map(|(id, at)| Some(Duration::from_nanos(starts.get(id.as_str())?.saturating_sub(*at))))
                .collect();
            if let Some(times) = times {
                return Ok(times);
            }
            if begun.elapsed() > STOP {
                return Err("jobs of the queue without a limit were not picked up".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn first_grant(site: &Site) -> Result<i64, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(first) = Self::grants(site)?.first() {
                return Ok(*first);
            }
            if begun.elapsed() > STOP {
                return Err("no permit was given".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// When handlers were given permits, by the database's clock.
    fn grants(site: &Site) -> Result<Vec<i64>, Failure> {
        if !site.ledger().exists() {
            return Ok(Vec::new());
        }
        let lines: Vec<Line> = ledger::read(&site.ledger())?;
        let mut grants: Vec<i64> = lines.iter().filter_map(|line| line.granted_us).collect();
        grants.sort_unstable();
        Ok(grants)
    }

    fn window_us(&self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX)
    }

    /// What no window may hold before the limit is raised.
    fn before(&self) -> usize {
        usize::try_from(self.permits).unwrap_or(0)
    }

    /// The most permits that a window holds after the limit was raised. A busy machine may take a while until they are
    /// more than before.
    async fn fullest(&self, site: &Site, raised: i64) -> Result<usize, Failure> {
        let begun = Instant::now();
        loop {
            let grants = Self::grants(site)?;
            let grants = &grants[grants.partition_point(|g| *g < raised)..];
            let first = |at: i64| grants.partition_point(|g| at - *g >= self.window_us());
            let held = grants.iter().enumerate().map(|(last, at)| last + 1 - first(*at));
            let most = held.max().unwrap_or(0);
            if most > self.before() || begun.elapsed() > RAISED {
                return Ok(most);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The share of the budget that was given in the calm: from the first permit to the one that begins the last burst,
    /// so that no burst counts without the time that goes with it.
    fn usage(&self, grants: &[i64], from: i64) -> f64 {
        let until = from + self.window_us() * i64::from(self.calm);
        let calm: Vec<i64> = grants.iter().copied().filter(|g| (from..until).contains(g)).collect();
        let begins = |pair: &[i64]| pair[1] - pair[0] > self.window_us() / 4;
        let Some(last) = calm.windows(2).rposition(begins).map(|at| at + 1) else { return 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand permits, a few minutes")]
        let (given, windows) = (last as f64, (calm[last] - calm[0]) as f64 / self.window_us() as f64);
        given / (f64::from(self.permits) * windows)
    }

    /// Windows that hold more than the limit that was in force when they ended.
    fn excesses(&self, grants: &[i64], lowered: i64, raising: i64) -> Vec<String> {
        let mut problems = Vec::new();
        let mut first = 0;
        for (last, at) in grants.iter().enumerate() {
            while at - grants[first] >= self.window_us() {
                first += 1;
            }
            // While an edit is under way either limit may be in force: `raising` is just before the raise was sent.
            let limit = match *at {
                at if at < lowered => self.permits,
                at if at < raising => self.permits / 2,
                _ => self.permits * 2,
            };
            let held = last - first + 1;
            if held > usize::try_from(limit).unwrap_or(0) {
                problems.push(format!("the window that ends at {at} holds {held} permits of {limit}"));
            }
        }
        problems
    }

    /// Jobs of the attached queue that ran since they were enqueued. Each took its permit before that, at a time that
    /// nothing tells once it is done, so they are counted over all of the time: so many windows give so much at most.
    async fn claimed(&self, site: &Site, storage: &Storage, loaded: u64) -> Result<Vec<String>, Failure> {
        let attached = Self::attached(storage).await?;
        let lines: Vec<Line> = ledger::read(&site.ledger())?;
        let ran: Vec<u64> = lines
            .iter()
            .filter(|l| l.ev == "start" && attached.contains(&l.job))
            .map(|l| l.ts_ns.saturating_sub(loaded))
            .collect();
        let Some(last) = ran.iter().max() else {
            return Ok(vec!["no job of the attached queue has run".into()]);
        };
        let windows = last.div_ceil(u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX).max(1));
        let most = u64::from(self.permits) * windows;
        let problem = format!("{} jobs ran in {windows} windows that give {most}", ran.len());
        Ok((ran.len() as u64 > most).then_some(problem).into_iter().collect())
    }

    /// The jobs of the attached queue.
    async fn attached(storage: &Storage) -> Result<HashSet<String>, Failure> {
        let filter = JobFilter { queues: vec!["attached".into()], ..JobFilter::default() };
        let mut params = ListParams { filter, limit: MAX_PAGE, after: None };
        let mut jobs = HashSet::new();
        loop {
            let page = storage.inspect.list(params.clone()).await?;
            jobs.extend(page.jobs.iter().map(|job| job.id.to_string()));
            let Some(next) = page.next else { return Ok(jobs) };
            params.after = Some(next);
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

//! What a person needs to see first: how much waits where, how fast it goes, and what is wrong.

use super::{Api, ApiError, alerts};
use crate::convert;
use crate::wire::{
    BoundedCount, Counts, OpenTransaction, Overview, Process, Queue, QueueGlance, Recent, Seconds,
};
use forge_jobs::Timestamp;
use forge_jobs::metrics::{Level, LineName, Source, Tally};
use forge_jobs::storage::{AllSchedules, SampleRow, SampleSeriesParams, Series, SeriesParams};
use forge_jobs::{DeadReason, Job};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How far back the last minutes reach.
const RECENT: Duration = Duration::from_secs(300);
/// Schedules whose latest job is looked at: those that fired last.
const LAST_JOBS: usize = 50;

/// Queues that are shown one by one.
const MAX_GLANCES: usize = 200;
/// What needs a person: more than that nobody reads.
const MAX_ALERTS: usize = 100;

/// What costs reads and need not be of this very moment.
pub(super) struct Glance {
    pub(super) now: Timestamp,
    all: Tally,
    queues: BTreeMap<String, Tally>,
    watched: Duration,
    oldest: BTreeMap<String, Duration>,
    pub(super) schedules: AllSchedules,
    /// The latest jobs of schedules, by the schedule's name.
    pub(super) last_jobs: Vec<(String, Job)>,
    /// What processes used in the last minutes.
    pub(super) samples: Vec<SampleRow>,
    /// Who has kept dead rows from being cleared away the longest.
    pub(super) snapshot: Option<OpenTransaction>,
}

impl Api {
    async fn glance(&self) -> Result<Arc<Glance>, ApiError> {
        self.glanced.get(async || Ok(Arc::new(self.look().await?))).await
    }

    async fn look(&self) -> Result<Glance, ApiError> {
        self.catch_up().await;
        let metrics = &self.storage.metrics;
        let level = Level::Minute;
        let until = level.start(Timestamp::now());
        let (from, to) = (until.saturating_sub(RECENT), until.saturating_add(level.step()));
        let of = |source| SeriesParams { source, names: None, hosts: None, level, from, to };
        let all = metrics.series(of(Source::All)).await?;
        let mut queues: BTreeMap<String, Tally> = BTreeMap::new();
        for row in metrics.series(of(Source::Queues)).await?.rows {
            if let LineName::Of(name) = row.name {
                queues.entry(name).or_default().merge(&row.tally);
            }
        }
        let schedules = self.storage.cron.list().await?;
        Ok(Glance {
            now: all.now,
            watched: watched(&all, from),
            all: all.rows.iter().fold(Tally::default(), |mut sum, row| {
                sum.merge(&row.tally);
                sum
            }),
            queues,
            oldest: metrics.oldest(None).await?.into_iter().collect(),
            last_jobs: self.last_jobs(&schedules).await?,
            schedules,
            samples: metrics.samples(SampleSeriesParams { level, from, to }).await?,
            snapshot: self.storage.inspect.oldest_snapshot().await?.as_ref().map(Into::into),
        })
    }

    async fn last_jobs(&self, schedules: &AllSchedules) -> Result<Vec<(String, Job)>, ApiError> {
        let mut fired: Vec<_> = schedules
            .schedules
            .iter()
            .filter(|row| row.enabled)
            .filter_map(|row| row.last_job.map(|job| (row.last_fire_at, &row.name, job)))
            .collect();
        fired.sort_by_key(|row| std::cmp::Reverse(row.0));
        let mut jobs = Vec::new();
        for (_, name, id) in fired.into_iter().take(LAST_JOBS) {
            jobs.extend(self.storage.inspect.job(id).await?.map(|job| (name.clone(), job)));
        }
        Ok(jobs)
    }

    /// The state of all queues together: counts, how long they wait, how fast they go, and what needs a person. At most
    /// some seconds old, unless something was changed through this object since.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn overview(&self) -> Result<Overview, ApiError> {
        let queues = self.counted_queues().await?;
        let processes = self.processes().await?.processes;
        let glance = self.glance().await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let all: Vec<_> = queues.iter().map(|queue| at_a_glance(queue, &processes, &glance)).collect();
        let mut alerts = alerts::find(&queues, &all, &processes, &glance);
        let alerts_left_out = count(alerts.len().saturating_sub(MAX_ALERTS));
        alerts.truncate(MAX_ALERTS);
        let schedules = &glance.schedules;
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: convert::time(Timestamp::now()),
            queues: count(queues.len()),
            paused_queues: count(queues.iter().filter(|q| q.settings.paused).count()),
            schedules: count(schedules.schedules.len() + schedules.unreadable.len()),
            live_processes: count(processes.iter().filter(|p| p.live).count()),
            stale_processes: count(processes.iter().filter(|p| !p.live).count()),
            counts: queues.iter().filter_map(|q| q.counts).fold(Counts::default(), sum),
            recent: recent(&glance.all, glance.watched),
            queues_left_out: count(all.len().saturating_sub(MAX_GLANCES)),
            by_queue: deepest(all),
            alerts,
            alerts_left_out,
        })
    }
}

/// Those with the most jobs that could run, by name.
fn deepest(mut all: Vec<QueueGlance>) -> Vec<QueueGlance> {
    if all.len() > MAX_GLANCES {
        all.sort_by_key(|queue| std::cmp::Reverse(queue.counts.pending.count));
        all.truncate(MAX_GLANCES);
        all.sort_by(|a, b| a.queue.cmp(&b.queue));
    }
    all
}

/// How much of the last minutes there is anything to know of.
fn watched(series: &Series, from: Timestamp) -> Duration {
    let since = series.since.map_or(series.now, |since| since.max(from));
    series.now.saturating_since(since).max(Duration::from_secs(1))
}

fn recent(tally: &Tally, watched: Duration) -> Recent {
    let counts = &tally.counts;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |n: u64| n as f64 / watched.as_secs_f64();
    let cancelled = counts.dead_of(DeadReason::Cancelled);
    let died = counts.dead_in_all().saturating_sub(cancelled);
    Recent {
        seconds: Seconds(watched.as_secs_f64()),
        enqueued_per_second: rate(counts.enqueued),
        started_per_second: rate(counts.started),
        done_per_second: rate(counts.done),
        failed_per_second: rate(counts.retried.saturating_add(counts.crashed).saturating_add(died)),
        wait: convert::latency(&tally.wait),
        run: convert::latency(&tally.run),
    }
}

/// Whether a process may claim jobs of a queue.
pub(super) fn works_on(process: &Process, queue: &str) -> bool {
    process.live
        && !process.stopping
        && process.queues.as_ref().is_none_or(|all| all.iter().any(|q| q == queue))
}

fn at_a_glance(queue: &Queue, processes: &[Process], glance: &Glance) -> QueueGlance {
    let name = queue.name.as_str();
    let tally = glance.queues.get(name);
    QueueGlance {
        queue: queue.name.clone(),
        paused: queue.settings.paused,
        counts: queue.counts.unwrap_or_default(),
        oldest_waiting_seconds: glance.oldest.get(name).map(|waited| convert::seconds(*waited)),
        processes: processes.iter().filter(|p| works_on(p, name)).count() as u64,
        recent: tally.map_or_else(
            || Recent { seconds: Seconds(glance.watched.as_secs_f64()), ..Recent::default() },
            |tally| recent(tally, glance.watched),
        ),
    }
}

fn sum(a: Counts, b: Counts) -> Counts {
    let add = |a: BoundedCount, b: BoundedCount| BoundedCount {
        count: a.count.saturating_add(b.count),
        more: a.more || b.more,
    };
    Counts {
        pending: add(a.pending, b.pending),
        scheduled: add(a.scheduled, b.scheduled),
        running: add(a.running, b.running),
        retrying: add(a.retrying, b.retrying),
        done: add(a.done, b.done),
        dead: add(a.dead, b.dead),
    }
}

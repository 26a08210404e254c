//! Metrics: each process samples what it uses; the one that leads adds up what happened to jobs.

use super::Service;
use super::resources::Resources;
use crate::metrics::{Histogram, Level, Sample};
use crate::runtime::{Core, in_time};
use crate::storage::{RollParams, SamplesParams, StorageError, Traffic};
use crate::{ProcessId, Timestamp};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Between two pieces of a long tape, so that the database is left to others in between.
const PAUSE: Duration = Duration::from_millis(20);
/// Pieces of one round: a tape that grows faster than this is read cannot be caught up with at all.
const PIECES: u32 = 200;

/// Samples this process and, while it leads, adds up what happened to jobs.
pub(crate) struct Meter {
    core: Arc<Core>,
    resources: Resources,
    traffic: Traffic,
    /// Of this identity.
    process: Option<ProcessId>,
    stretches: Vec<Stretch>,
}

/// What was used since a stretch began.
struct Stretch {
    level: Level,
    at: Timestamp,
    sample: Sample,
}

impl Meter {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            resources: Resources::new(),
            traffic: Traffic::default(),
            process: None,
            stretches: Vec::new(),
        }
    }

    /// What was used since the last look.
    fn look(&mut self) -> Sample {
        let metrics = &self.core.storage.metrics;
        let traffic = metrics.traffic();
        let before = std::mem::replace(&mut self.traffic, traffic.clone());
        // Beside a server's database a process has files all the same: what handlers write, logs, the system's own.
        let volume = metrics.volume().or_else(|| std::env::current_dir().ok());
        let mut sample = self.resources.look(volume.as_deref());
        sample.reads = since(&traffic.reads, &before.reads);
        sample.writes = since(&traffic.writes, &before.writes);
        sample.busy = traffic.busy.saturating_sub(before.busy);
        sample.pool = traffic.pool;
        sample
    }

    /// Adds a sample to the stretches that it lies in, which begin when their time has come.
    fn add(&mut self, sample: &Sample, now: Timestamp) {
        for level in Level::ALL {
            let at = level.start(now);
            match self.stretches.iter_mut().find(|s| s.level == level) {
                Some(stretch) if stretch.at == at => stretch.sample.merge(sample),
                Some(stretch) => (stretch.at, stretch.sample) = (at, sample.clone()),
                None => self.stretches.push(Stretch { level, at, sample: sample.clone() }),
            }
        }
    }

    async fn sample(&mut self) -> Result<(), StorageError> {
        let sample = self.look();
        let Some(session) = self.core.sessions.current() else { return Ok(()) };
        if self.process.replace(session.process) != Some(session.process) {
            self.stretches.clear();
        }
        let now = self.core.clock.storage_now().unwrap_or_else(Timestamp::now);
        self.add(&sample, now);
        let samples = self.stretches.iter().map(|s| (s.level, s.at, s.sample.clone())).collect();
        let params = SamplesParams { process: session.process, samples };
        in_time(self.core.storage.metrics.record_samples(params)).await
    }

    async fn roll(&self) -> Result<(), StorageError> {
        let metrics = &self.core.storage.metrics;
        // A gap in a chart, where the database is too busy for a look.
        let mut oldest = in_time(metrics.oldest(self.core.clock.storage_now())).await.unwrap_or_default();
        for _ in 0..PIECES {
            let params =
                RollParams { oldest: std::mem::take(&mut oldest), now: self.core.clock.storage_now() };
            if !in_time(metrics.roll(params)).await?.more || self.core.is_stopping() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// What a histogram that only grows has more than before.
fn since(now: &Histogram, before: &Histogram) -> Histogram {
    let mut more = Histogram::default();
    let mut earlier = before.iter().peekable();
    for (bucket, count) in now.iter() {
        while earlier.next_if(|(b, _)| *b < bucket).is_some() {}
        let had = earlier.next_if(|(b, _)| *b == bucket).map_or(0, |(_, n)| n);
        more.add(bucket, count.saturating_sub(had));
    }
    more
}

#[async_trait]
impl Service for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn interval(&self) -> Duration {
        self.core.config.metrics_interval
    }

    async fn run_once(&mut self) -> Result<(), StorageError> {
        let sampled = self.sample().await;
        if self.core.is_leader() {
            self.roll().await?;
        }
        sampled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_told_apart() {
        let of = |us: &[u64]| us.iter().copied().map(Duration::from_micros).collect::<Histogram>();
        let (before, now) = (of(&[1, 5, 5, 900]), of(&[1, 1, 3, 5, 5, 900, 900, 7_000]));
        assert_eq!(since(&now, &before), of(&[1, 3, 900, 7_000]));
        assert_eq!(since(&now, &Histogram::default()), now);
        assert_eq!(since(&now, &now), Histogram::default());
    }
}

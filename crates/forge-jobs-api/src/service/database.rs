//! How the database is, and how processes get on with it.

use super::{Api, ApiError};
use crate::convert;
use crate::wire::{DatabaseHealth, PoolHealth};
use forge_jobs::Timestamp;
use forge_jobs::metrics::{Level, Sample};
use forge_jobs::storage::SampleSeriesParams;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back samples of processes are looked at.
const RECENT: Duration = Duration::from_secs(300);

impl Api {
    /// How the database is: sizes, rows, who holds it up; and how long calls of all processes took in the last five
    /// minutes. Cheap enough to be asked every few seconds.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn database(&self) -> Result<DatabaseHealth, ApiError> {
        let now = Timestamp::now();
        let level = Level::Minute;
        let (from, to) = (level.start(now.saturating_sub(RECENT)), now.saturating_add(level.step()));
        let health = self.storage.inspect.health().await?;
        let samples = self.storage.metrics.samples(SampleSeriesParams { level, from, to }).await?;
        let mut all = Sample::default();
        let mut of_process: BTreeMap<String, (String, Sample)> = BTreeMap::new();
        for row in samples {
            all.merge(&row.sample);
            let (_, sample) =
                of_process.entry(row.process.to_string()).or_insert_with(|| (row.host, Sample::default()));
            sample.merge(&row.sample);
        }
        let pool = |(process, (host, sample)): (String, (String, Sample))| PoolHealth {
            process,
            host,
            in_use: sample.pool.in_use,
            open: sample.pool.open,
            limit: sample.pool.limit,
            waiting: sample.pool.waiting,
        };
        Ok(DatabaseHealth {
            measured_seconds: convert::seconds(now.saturating_since(from)),
            reads: convert::latency(&all.reads),
            writes: convert::latency(&all.writes),
            pools: of_process.into_iter().map(pool).collect(),
            ..convert::database(now, &health)
        })
    }
}

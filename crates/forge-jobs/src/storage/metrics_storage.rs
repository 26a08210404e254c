//! `MetricsStorage`: what is measured, added up.

use super::StorageError;
use crate::metrics::Histogram;
use crate::metrics::{Level, LineName, Pool, Sample, Source, Tally};
use crate::{ProcessId, Timestamp};
use async_trait::async_trait;
use std::path::PathBuf;
use std::time::Duration;

/// For [`MetricsStorage::roll`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollParams {
    /// How long the first claimable job of each queue has been waiting, as it was just looked at; empty if it was not.
    pub oldest: Vec<(String, Duration)>,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What a roll did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollReport {
    /// Pieces of tape that were added up.
    pub pieces: u32,
    /// Tallies and samples past their time that were deleted.
    pub expired: u32,
    /// Whether there is more to do.
    pub more: bool,
}

/// For [`MetricsStorage::series`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesParams {
    /// Of all jobs, of queues, or of kinds.
    pub source: Source,
    /// Only of these; `None`: of all that there are.
    pub names: Option<Vec<String>>,
    /// Only what processes of these hosts did; `None`: of all.
    pub hosts: Option<Vec<String>>,
    /// Stretches of which length.
    pub level: Level,
    /// Those that begin then or later.
    pub from: Timestamp,
    /// Those that begin before.
    pub to: Timestamp,
}

/// The tally of a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRow {
    /// What it is of.
    pub name: LineName,
    /// Where its stretch begins.
    pub at: Timestamp,
    /// The tally.
    pub tally: Tally,
}

/// What [`MetricsStorage::series`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Tallies of stretches in which something happened, in no order; of the same name and stretch there may be several,
    /// which add up.
    pub rows: Vec<SeriesRow>,
    /// Where the first stretch begins of which anything is kept.
    pub since: Option<Timestamp>,
    /// The database's time.
    pub now: Timestamp,
}

/// For [`MetricsStorage::record_samples`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplesParams {
    /// Whose they are.
    pub process: ProcessId,
    /// Each with its level and where its stretch begins. One that is there already is replaced.
    pub samples: Vec<(Level, Timestamp, Sample)>,
}

/// For [`MetricsStorage::samples`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleSeriesParams {
    /// Stretches of which length.
    pub level: Level,
    /// Those that begin then or later.
    pub from: Timestamp,
    /// Those that begin before.
    pub to: Timestamp,
}

/// What a process used in a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRow {
    /// Which process.
    pub process: ProcessId,
    /// Where it runs.
    pub host: String,
    /// Where the stretch begins.
    pub at: Timestamp,
    /// What it used.
    pub sample: Sample,
}

/// What a handle to a storage has been used for, since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How long calls that only read took.
    pub reads: Histogram,
    /// How long calls that write took, waiting for others included.
    pub writes: Histogram,
    /// Times that a lock of another process had to be waited for.
    pub busy: u64,
    /// Its connections; the highest numbers since this was last asked.
    pub pool: Pool,
}

/// What is measured, added up: in whatever process it happened.
///
/// What happens to jobs is kept in the transaction in which it happens. [`MetricsStorage::roll`] adds it up.
#[async_trait]
pub trait MetricsStorage: Send + Sync + 'static {
    /// Adds up what happened since, and deletes what is past its time: a bounded piece of each. Whoever calls it, and
    /// how many at a time: nothing is counted twice or not at all.
    async fn roll(&self, params: RollParams) -> Result<RollReport, StorageError>;

    /// Tallies as of the last roll. Reads no job.
    async fn series(&self, params: SeriesParams) -> Result<Series, StorageError>;

    /// Keeps what a process used, as far as it says.
    async fn record_samples(&self, params: SamplesParams) -> Result<(), StorageError>;

    /// What processes used.
    async fn samples(&self, params: SampleSeriesParams) -> Result<Vec<SampleRow>, StorageError>;

    /// How long the first claimable job of each queue has been waiting; queues without one are left out.
    async fn oldest(&self, now: Option<Timestamp>) -> Result<Vec<(String, Duration)>, StorageError>;

    /// What this handle has been used for.
    fn traffic(&self) -> Traffic;

    /// Where the volume of the database is that this host can look at; `None` for a server or memory. The volume of the
    /// working directory is watched then.
    fn volume(&self) -> Option<PathBuf>;
}

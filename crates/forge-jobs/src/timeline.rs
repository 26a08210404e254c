//! What was measured, as lines over a range of time: for charts, and for whoever asks how fast a queue is.
//!
//! Read from what was added up, never from the jobs themselves: up to [`METRICS_TICK`](crate::METRICS_TICK) behind.

use crate::metrics::{Level, Line, LineName, Point, Range, Sample, Source, Tally};
use crate::storage::{SampleSeriesParams, SeriesParams, Storage, StorageError};
use crate::{ProcessId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back one looks to tell how fast a queue is.
const RECENT: Duration = Duration::from_secs(300);

/// The lines of a range, on some hosts (`None`: on all): of all jobs, or of each queue or kind that has something in
/// it.
///
/// A step in which nothing happened is an empty tally; one before anything was kept, or in the future, is none.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn lines(
    storage: &Storage,
    source: Source,
    hosts: Option<&[String]>,
    range: Range,
) -> Result<Vec<Line>, StorageError> {
    lines_of(storage, source, None, hosts, range).await
}

/// As [`lines`], of the queues or kinds of these names alone (`None`: of all). Each name has its line, also if nothing
/// is in it.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn lines_of(
    storage: &Storage,
    source: Source,
    names: Option<&[String]>,
    hosts: Option<&[String]>,
    range: Range,
) -> Result<Vec<Line>, StorageError> {
    let params = SeriesParams {
        source,
        names: names.map(<[String]>::to_vec),
        hosts: hosts.map(<[String]>::to_vec),
        level: range.level(),
        from: range.from(),
        to: range.to(),
    };
    let series = storage.metrics.series(params).await?;
    let mut lines: BTreeMap<LineName, BTreeMap<Timestamp, Tally>> = BTreeMap::new();
    if source == Source::All {
        lines.entry(LineName::All).or_default();
    } else {
        let wanted =
            names.unwrap_or_default().iter().map(|name| (LineName::Of(name.clone()), BTreeMap::new()));
        lines.extend(wanted);
    }
    for row in series.rows {
        lines.entry(row.name).or_default().entry(range.start(row.at)).or_default().merge(&row.tally);
    }
    let known = |at: Timestamp| {
        series.since.is_some_and(|since| at.saturating_add(range.step()) > since) && at <= series.now
    };
    let line = |(name, mut tallies): (LineName, BTreeMap<Timestamp, Tally>)| {
        let point = |at| Point { at, tally: tallies.remove(&at).or_else(|| known(at).then(Tally::default)) };
        Line { name, points: range.starts().map(point).collect() }
    };
    Ok(lines.into_iter().map(line).collect())
}

/// What one process used over a range.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessLine {
    /// The process.
    pub process: ProcessId,
    /// Where it runs.
    pub host: String,
    /// Where each point begins, and what was used in it; `None` where it was not watched.
    pub points: Vec<(Timestamp, Option<Sample>)>,
}

/// What each process used that was watched in a range.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn resources(storage: &Storage, range: Range) -> Result<Vec<ProcessLine>, StorageError> {
    let params = SampleSeriesParams { level: range.level(), from: range.from(), to: range.to() };
    let mut lines: BTreeMap<ProcessId, (String, BTreeMap<Timestamp, Sample>)> = BTreeMap::new();
    for row in storage.metrics.samples(params).await? {
        let (_, samples) = lines.entry(row.process).or_insert_with(|| (row.host, BTreeMap::new()));
        samples.entry(range.start(row.at)).or_default().merge(&row.sample);
    }
    let line = |(process, (host, mut samples)): (ProcessId, (String, BTreeMap<Timestamp, Sample>))| {
        let points = range.starts().map(|at| (at, samples.remove(&at))).collect();
        ProcessLine { process, host, points }
    };
    Ok(lines.into_iter().map(line).collect())
}

/// How many jobs of a queue were started per second in the five minutes before a time, and in the minute that it lies
/// in; `None` if none was.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn starts_per_second(
    storage: &Storage,
    queue: &str,
    now: Timestamp,
) -> Result<Option<f64>, StorageError> {
    let level = Level::Minute;
    let from = level.start(now).saturating_sub(RECENT);
    let params = SeriesParams {
        source: Source::Queues,
        names: Some(vec![queue.to_owned()]),
        hosts: None,
        level,
        from,
        to: level.start(now).saturating_add(level.step()),
    };
    let series = storage.metrics.series(params).await?;
    let started = series.rows.iter().map(|row| row.tally.counts.started).fold(0, u64::saturating_add);
    let first = series.rows.iter().map(|row| row.at).min();
    let watched =
        first.map_or(Duration::ZERO, |first| now.saturating_since(first)).max(Duration::from_secs(1));
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let rate = started as f64 / watched.as_secs_f64();
    Ok((started > 0).then_some(rate))
}

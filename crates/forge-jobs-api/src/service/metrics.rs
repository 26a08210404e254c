//! What was measured: lines and totals over a range of time, and the text for Prometheus.

use super::queues::duration;
use super::{Api, ApiError};
use crate::convert;
use crate::wire::{ResourceQuery, Resources, Seconds, Timeline, TimelineBy, TimelineQuery, Totals};
use forge_jobs::limits::DEFAULT_POINTS;
use forge_jobs::metrics::{Line, Range, Source};
use forge_jobs::storage::{RollParams, Storage, StorageError};
use forge_jobs::timeline::{self, ProcessLine};
use forge_jobs::{ProcessId, Timestamp, check_name, prometheus};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far a range reaches back unless asked otherwise.
const DEFAULT_LAST: Seconds = Seconds(3_600.0);
/// A moment more than now: hosts' clocks differ, and the minute under way is wanted.
const SLACK: Duration = Duration::from_secs(1);
/// Ranges lie within so long before and after now: far more is kept of nothing.
const REACH: Duration = Duration::from_secs(3_660 * 86_400);
/// Most points of a line.
const MAX_POINTS: u32 = 10_000;
/// Most points of a process: all processes are read for one.
const MAX_RESOURCE_POINTS: u32 = 1_000;
/// Lines unless asked otherwise.
const DEFAULT_LINES: u32 = 100;
/// Most lines: of each queue that has one, and of the others together.
const MAX_LINES: u32 = 1_001;
/// Most points of one answer.
const MAX_POINTS_IN_ALL: u32 = 30_000;
/// Rolls that one reader makes: what is left then the next one does.
const ROLLS: u32 = 20;
/// Between two of them, so that the database is left to others.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest that a reader waits for them.
const ROLL_TIME: Duration = Duration::from_secs(2);

/// Whoever reads adds up first what happened, now and then.
pub(super) struct Rolling {
    every: Duration,
    /// Held while it is added up: those who come meanwhile take what comes of it.
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Rolling {
    const fn new(every: Duration) -> Self {
        Self { every, last: tokio::sync::Mutex::const_new(None) }
    }

    /// Adds up what happened, unless that was done lately. What fails is done by the next one.
    async fn catch_up(&self, storage: &Storage) {
        let mut last = self.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < self.every) {
            return;
        }
        *last = Some(Instant::now());
        match tokio::time::timeout(ROLL_TIME, roll(storage)).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(e)) => tracing::debug!(target: "forge_jobs_api", error = %e, "metrics were not added up"),
        }
    }
}

async fn roll(storage: &Storage) -> Result<(), StorageError> {
    let mut oldest = storage.metrics.oldest(None).await?;
    for _ in 0..ROLLS {
        let params = RollParams { oldest: std::mem::take(&mut oldest), now: None };
        if !storage.metrics.roll(params).await?.more {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What a range is made of, as it was asked for.
struct Asked<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    last_seconds: Option<Seconds>,
    points: Option<u32>,
    most_points: u32,
}

fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let at: Timestamp = text
        .parse()
        .map_err(|e| ApiError::invalid(field, format!("{field} {text:?} is no time of RFC 3339: {e}")))?;
    if at < now.saturating_sub(REACH) || at > now.saturating_add(REACH) {
        return Err(ApiError::invalid(
            field,
            format!("{field} {at} is out of range: use a time within 10 years"),
        ));
    }
    Ok(at)
}

impl Asked<'_> {
    fn range(&self) -> Result<Range, ApiError> {
        let now = Timestamp::now();
        let points = self.points.unwrap_or(DEFAULT_POINTS);
        if !(2..=self.most_points).contains(&points) {
            let text = format!("points {points} is out of range: use 2 to {}", self.most_points);
            return Err(ApiError::invalid("points", text));
        }
        let to = self.to.map(|text| moment("to", text, now)).transpose()?;
        let to = to.unwrap_or_else(|| now.saturating_add(SLACK));
        let from = match (self.from, self.last_seconds) {
            (Some(_), Some(_)) => {
                let text = "from and last_seconds both say where the range begins: leave one out";
                return Err(ApiError::invalid("last_seconds", text));
            }
            (Some(text), None) => moment("from", text, now)?,
            (None, last) => {
                let last = duration("last_seconds", last.unwrap_or(DEFAULT_LAST))?;
                if last > REACH {
                    let text =
                        format!("last_seconds {} is out of range: use 10 years or less", last.as_secs());
                    return Err(ApiError::invalid("last_seconds", text));
                }
                to.saturating_sub(last)
            }
        };
        if from > to {
            let text = format!("the range ends at {to}, before it begins at {from}");
            return Err(ApiError::invalid("from", text));
        }
        Ok(Range::new(from, to, points))
    }
}

/// Names with commas between.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

/// As many as there is room for, those with the most in them; how many were left out.
fn busiest(mut lines: Vec<Line>, most: usize) -> (Vec<Line>, u64) {
    let left_out = lines.len().saturating_sub(most);
    if left_out > 0 {
        let much = |line: &Line| {
            let counts = line.sum().counts;
            counts.enqueued.saturating_add(counts.started)
        };
        lines.sort_by_cached_key(|line| Reverse(much(line)));
        lines.truncate(most);
        lines.sort_by(|a, b| a.name.cmp(&b.name));
    }
    (lines, left_out as u64)
}

/// Likewise of processes: those that live first, then those that were watched last.
///
/// Who shows some of them shows the first ones, so the order is the same whether any is left out or not. Among those that
/// live it is that of their start alone: which of them wrote last changes with every look.
fn latest(mut lines: Vec<ProcessLine>, live: &HashSet<ProcessId>, most: usize) -> (Vec<ProcessLine>, u64) {
    let left_out = lines.len().saturating_sub(most);
    lines.sort_by_cached_key(|line| {
        let is_live = live.contains(&line.process);
        let seen = line.points.iter().rposition(|(_, sample)| sample.is_some());
        Reverse((is_live, seen.filter(|_| !is_live), line.process))
    });
    lines.truncate(most);
    (lines, left_out as u64)
}

impl Api {
    /// Whoever reads metrics through this object adds up first what happened since, at most once in `every`, in
    /// bounded pieces. So they are not stale where no process with workers is alive. The HTTP router does so each
    /// [`METRICS_TICK`](forge_jobs::METRICS_TICK), unless it was told another time; other callers do not, unless told to.
    #[must_use]
    pub fn rolling(mut self, every: Duration) -> Self {
        self.rolling = Some(Arc::new(Rolling::new(every)));
        self
    }

    /// Whoever was not told how often to roll does so as often as the one that leads.
    #[cfg(feature = "server")]
    pub(crate) fn rolling_by_default(self) -> Self {
        if self.rolling.is_some() { self } else { self.rolling(forge_jobs::METRICS_TICK) }
    }

    pub(super) async fn catch_up(&self) {
        if let Some(rolling) = &self.rolling {
            rolling.catch_up(&self.storage).await;
        }
    }

    /// What happened to jobs over a range of time, as points of lines: of all jobs, of each queue, or of each kind.
    ///
    /// # Errors
    ///
    /// `invalid`, and what reading the storage gave.
    pub async fn timeline(&self, query: &TimelineQuery) -> Result<Timeline, ApiError> {
        let (range, lines) = self.lines(query).await?;
        let (lines, left_out) = busiest(lines, wanted(query)? as usize);
        Ok(convert::timeline(&range, &lines, left_out))
    }

    /// As [`Self::timeline`], all of the range in one for each line.
    ///
    /// # Errors
    ///
    /// As [`Self::timeline`].
    pub async fn totals(&self, query: &TimelineQuery) -> Result<Totals, ApiError> {
        let (range, lines) = self.lines(query).await?;
        let (lines, left_out) = busiest(lines, wanted(query)? as usize);
        Ok(convert::totals(&range, &lines, left_out))
    }

    async fn lines(&self, query: &TimelineQuery) -> Result<(Range, Vec<Line>), ApiError> {
        let TimelineQuery { from, to, last_seconds, points, .. } = query;
        let asked = Asked {
            from: from.as_deref(),
            to: to.as_deref(),
            last_seconds: *last_seconds,
            points: *points,
            most_points: MAX_POINTS,
        };
        let range = asked.range()?;
        let lines = wanted(query)?;
        let source = match query.by.unwrap_or_default() {
            TimelineBy::All => Source::All,
            TimelineBy::Queue => Source::Queues,
            TimelineBy::Kind => Source::Kinds,
        };
        if let Some(name) = &query.name {
            if source == Source::All {
                let text = "name is of a queue or a kind: say which with by=queue or by=kind";
                return Err(ApiError::invalid("name", text));
            }
            check_name("name", name)?;
        }
        // Many lines have fewer points, so that neither the answer nor what is read for it grows with their product.
        let many = source != Source::All && query.name.is_none();
        let room = (MAX_POINTS_IN_ALL / lines).max(2);
        let fewer = points.unwrap_or(DEFAULT_POINTS).min(room);
        let range = if many { Asked { points: Some(fewer), ..asked }.range()? } else { range };
        self.catch_up().await;
        let only = query.name.as_ref().map(std::slice::from_ref);
        let hosts = query.host.as_deref().map(names);
        let lines = timeline::lines_of(&self.storage, source, only, hosts.as_deref(), range).await?;
        Ok((range, lines))
    }

    /// What processes used of their hosts and of the database over a range of time: those that live first, then those
    /// that were watched last.
    ///
    /// # Errors
    ///
    /// `invalid`, and what reading the storage gave.
    pub async fn resources(&self, query: &ResourceQuery) -> Result<Resources, ApiError> {
        let ResourceQuery { process, host, from, to, last_seconds, points } = query;
        let asked = Asked {
            from: from.as_deref(),
            to: to.as_deref(),
            last_seconds: *last_seconds,
            points: *points,
            most_points: MAX_RESOURCE_POINTS,
        };
        let range = asked.range()?;
        let hosts = host.as_deref().map(names);
        let mut lines = timeline::resources(&self.storage, range).await?;
        lines.retain(|line| {
            process.as_ref().is_none_or(|process| *process == line.process.to_string())
                && hosts.as_ref().is_none_or(|hosts| hosts.contains(&line.host))
        });
        let room = MAX_POINTS_IN_ALL as usize / range.starts().count().max(1);
        let now = Timestamp::now();
        let processes = self.storage.inspect.processes().await?;
        let live = processes.iter().filter(|row| !row.is_gone(now)).map(|row| row.id).collect();
        let (lines, left_out) = latest(lines, &live, room.max(1));
        Ok(convert::resources(&range, &lines, left_out))
    }

    /// The metrics of the cluster in the text format 0.0.4 of Prometheus, at most half a second old. Its content type is
    /// [`prometheus::CONTENT_TYPE`].
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn prometheus(&self) -> Result<Arc<str>, ApiError> {
        self.scraped
            .get(async || {
                self.catch_up().await;
                Ok(prometheus::text(&self.storage).await?.into())
            })
            .await
    }
}

/// Lines that are wanted at most.
fn wanted(query: &TimelineQuery) -> Result<u32, ApiError> {
    let lines = query.lines.unwrap_or(DEFAULT_LINES);
    if (1..=MAX_LINES).contains(&lines) {
        return Ok(lines);
    }
    Err(ApiError::invalid("lines", format!("lines {lines} is out of range: use 1 to {MAX_LINES}")))
}

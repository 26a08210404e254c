//! What was measured.

use super::{seconds, time};
use crate::wire;
use forge_jobs::DeadReason;
use forge_jobs::metrics::{Histogram, Line, LineName, Range, Sample, Tally};
use forge_jobs::timeline::ProcessLine;
use std::time::Duration;

/// Durations as they are told; `None` for none.
#[must_use]
pub fn latency(histogram: &Histogram) -> Option<wire::Latency> {
    let at = |q| seconds(histogram.quantile(q).unwrap_or(Duration::ZERO));
    (!histogram.is_empty()).then(|| wire::Latency {
        count: histogram.count(),
        p50_seconds: at(0.5),
        p95_seconds: at(0.95),
        p99_seconds: at(0.99),
        max_seconds: at(1.0),
        sum_seconds: seconds(histogram.sum()),
    })
}

impl From<&Tally> for wire::Tally {
    fn from(tally: &Tally) -> Self {
        let counts = &tally.counts;
        Self {
            enqueued: counts.enqueued,
            started: counts.started,
            done: counts.done,
            retried: counts.retried,
            throttled: counts.throttled,
            crashed: counts.crashed,
            dead: wire::DeadCounts {
                exhausted: counts.dead_of(DeadReason::Exhausted),
                discarded: counts.dead_of(DeadReason::Discarded),
                cancelled: counts.dead_of(DeadReason::Cancelled),
                poison: counts.dead_of(DeadReason::Poison),
                undecodable: counts.dead_of(DeadReason::Undecodable),
            },
            wait: latency(&tally.wait),
            run: latency(&tally.run),
            life: latency(&tally.total),
            oldest_waiting_seconds: tally.oldest.map(seconds),
        }
    }
}

/// What a line is of, and its name.
fn named(line: &Line) -> (wire::TimelineOf, Option<String>) {
    match &line.name {
        LineName::All => (wire::TimelineOf::All, None),
        LineName::Of(name) => (wire::TimelineOf::One, Some(name.clone())),
        LineName::Other => (wire::TimelineOf::Other, None),
        _ => (wire::TimelineOf::Unknown, None),
    }
}

impl From<&Line> for wire::TimelineLine {
    fn from(line: &Line) -> Self {
        let (of, name) = named(line);
        let points = line.points.iter().map(|point| wire::TimelinePoint {
            at: time(point.at),
            tally: point.tally.as_ref().map(Into::into),
        });
        Self { of, name, points: points.collect(), sum: (&line.sum()).into() }
    }
}

impl From<&Line> for wire::Total {
    fn from(line: &Line) -> Self {
        let (of, name) = named(line);
        Self { of, name, sum: (&line.sum()).into() }
    }
}

/// Lines over a range; so many were left out.
#[must_use]
pub fn timeline(range: &Range, lines: &[Line], left_out: u64) -> wire::Timeline {
    wire::Timeline {
        from: time(range.from()),
        to: time(range.to()),
        step_seconds: seconds(range.step()),
        lines: lines.iter().map(Into::into).collect(),
        left_out,
    }
}

/// All of a range in one for each line; so many were left out.
#[must_use]
pub fn totals(range: &Range, lines: &[Line], left_out: u64) -> wire::Totals {
    wire::Totals {
        from: time(range.from()),
        to: time(range.to()),
        totals: lines.iter().map(Into::into).collect(),
        left_out,
    }
}

impl From<&Sample> for wire::Sample {
    fn from(sample: &Sample) -> Self {
        Self {
            watched_seconds: seconds(sample.watched),
            cpu_seconds: sample.cpu.map(seconds),
            memory_bytes: sample.memory,
            disk_read_bytes: sample.disk_read,
            disk_written_bytes: sample.disk_written,
            disk_free_bytes: sample.disk_free,
            disk_size_bytes: sample.disk_size,
            reads: latency(&sample.reads),
            writes: latency(&sample.writes),
            busy: sample.busy,
            pool_in_use: sample.pool.in_use,
            pool_open: sample.pool.open,
            pool_limit: sample.pool.limit,
            pool_waiting: sample.pool.waiting,
        }
    }
}

/// What processes used over a range; so many were left out.
#[must_use]
pub fn resources(range: &Range, lines: &[ProcessLine], left_out: u64) -> wire::Resources {
    let process = |line: &ProcessLine| wire::ProcessResources {
        process: line.process.to_string(),
        host: line.host.clone(),
        points: line
            .points
            .iter()
            .map(|(at, sample)| wire::ResourcePoint {
                at: time(*at),
                sample: sample.as_ref().map(Into::into),
            })
            .collect(),
    };
    wire::Resources {
        from: time(range.from()),
        to: time(range.to()),
        step_seconds: seconds(range.step()),
        processes: lines.iter().map(process).collect(),
        left_out,
    }
}

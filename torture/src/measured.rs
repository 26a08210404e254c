//! Whether the metrics are what the jobs' own rows come to.

use crate::campaigns::Failure;
use forge_jobs::Timestamp;
use forge_jobs::metrics::{Histogram, Level, Source, Tally};
use forge_jobs::storage::{RollParams, SeriesParams, Storage};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What the rows of jobs that are done say, by minute of their end: how long each waited, ran, and lived.
#[derive(Debug, Default)]
struct Told {
    wait: Vec<u64>,
    run: Vec<u64>,
    life: Vec<u64>,
    done: BTreeMap<i64, u64>,
}

const MINUTE_US: i64 = 60_000_000;

impl Told {
    fn add(&mut self, created: i64, due: i64, started: i64, finished: i64) {
        let between = |from: i64, to: i64| (to - from).max(0).unsigned_abs();
        self.wait.push(between(due, started));
        self.run.push(between(started, finished));
        self.life.push(between(created, finished));
        *self.done.entry(finished.div_euclid(MINUTE_US) * MINUTE_US).or_default() += 1;
    }
}

const ROWS: &str = "SELECT j.created_at, j.due_at, f.started_at, f.finished_at";

async fn told(url: &str) -> Result<(Told, u64), Failure> {
    let mut told = Told::default();
    if let Some(file) = url.strip_prefix("sqlite:").map(Path::new) {
        let conn = rusqlite::Connection::open(file)?;
        let text =
            format!("{ROWS} FROM forge_jobs j JOIN forge_finished f ON f.seq = j.seq WHERE f.status = 4");
        let mut statement = conn.prepare(&text)?;
        let mut rows = statement.query([])?;
        while let Some(r) = rows.next()? {
            told.add(r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?);
        }
        let crashed = "SELECT count(*) FROM forge_attempts WHERE result = 4";
        return Ok((told, conn.query_row(crashed, [], |r| r.get(0))?));
    }
    let text = format!("{ROWS} FROM forge.jobs j JOIN forge.finished f ON f.id = j.id WHERE f.status = 4");
    for r in forge_test_cluster::connect(url).await?.query(&text, &[]).await? {
        told.add(r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(3)?);
    }
    let crashed = "SELECT count(*) FROM forge.attempts WHERE result = 4";
    Ok((told, crate::audit::number(url, crashed).await?))
}

/// Where the metrics differ from the rows of the jobs, of which so many were enqueued and all are done.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn problems(storage: &Storage, url: &str, enqueued: usize) -> Result<Vec<String>, Failure> {
    while storage.metrics.roll(RollParams::default()).await?.more {}
    let (told, crashed) = told(url).await?;
    let mut problems = Vec::new();
    for level in [Level::Minute, Level::FiveMinutes, Level::Hour, Level::Ever] {
        for source in [Source::All, Source::Queues, Source::Kinds] {
            let params = SeriesParams {
                source,
                names: None,
                hosts: None,
                level,
                from: Timestamp::MIN,
                to: Timestamp::MAX,
            };
            let rows = storage.metrics.series(params).await?.rows;
            let mut sum = Tally::default();
            let mut done: BTreeMap<i64, u64> = BTreeMap::new();
            for row in &rows {
                sum.merge(&row.tally);
                *done.entry(row.at.as_micros()).or_default() += row.tally.counts.done;
            }
            done.retain(|_, n| *n > 0);
            let of = format!("{source:?} by {level:?}");
            for (what, counted, exact) in [
                ("enqueued", sum.counts.enqueued, enqueued as u64),
                ("done", sum.counts.done, told.run.len() as u64),
                ("started", sum.counts.started, told.run.len() as u64),
                ("crashed", sum.counts.crashed, crashed),
                ("dead", sum.counts.dead_in_all(), 0),
            ] {
                if counted != exact {
                    problems.push(format!("{of}: {counted} {what} were counted, {exact} there were"));
                }
            }
            if level == Level::Minute && done != told.done {
                problems.push(format!("{of}: the minutes have {done:?}, the jobs {:?}", told.done));
            }
            for (what, histogram, durations) in [
                ("wait", &sum.wait, &told.wait),
                ("run", &sum.run, &told.run),
                ("life", &sum.total, &told.life),
            ] {
                problems.extend(compare(histogram, durations).map(|text| format!("{of}: {what}: {text}")));
            }
        }
    }
    Ok(problems)
}

/// Percentiles that are more than 2 % off.
fn compare(histogram: &Histogram, durations: &[u64]) -> Option<String> {
    let mut exact = durations.to_vec();
    exact.sort_unstable();
    [(0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100)].into_iter().find_map(|(q, per_cent)| {
        let exact = *exact.get((exact.len() * per_cent).div_ceil(100).max(1) - 1)?;
        let got = histogram.quantile(q).unwrap_or(Duration::ZERO).as_nanos();
        let nanos = u128::from(exact) * 1_000;
        (got.abs_diff(nanos) * 50 > nanos).then(|| format!("p{per_cent} is {got} ns, exactly {nanos} ns"))
    })
}

//! What is measured, added up (ADR 0009).

use super::error::Fault;
use super::writer::{Cx, time};
use crate::limits::{MAX_METRIC_KINDS, MAX_METRIC_QUEUES, MAX_ROLL_BYTES, MAX_ROLL_EXPIRED, MAX_ROLL_PIECES};
use crate::metrics::play::{Key, Numbers, Sums};
use crate::metrics::{Level, LineName, Sample, Source, Tally};
use crate::storage::checks::micros;
use crate::storage::guard::Guard;
use crate::storage::{
    RollParams, RollReport, SampleRow, SampleSeriesParams, SamplesParams, Series, SeriesParams, SeriesRow,
};
use crate::{ProcessId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

pub(super) const KEEP_TAPE: &str = "INSERT INTO forge_tape (data) VALUES (?1)";
const PIECES: &str = "SELECT no, data FROM forge_tape ORDER BY no LIMIT ?1";
const CUT: &str = "DELETE FROM forge_tape WHERE no <= ?1";
const TALLY: &str =
    "SELECT data FROM forge_metrics WHERE level = ?1 AND source = ?2 AND of = ?3 AND at = ?4 AND host = ?5";
const PUT: &str = "INSERT OR REPLACE INTO forge_metrics (level, source, of, at, host, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const EXPIRE: &str = "DELETE FROM forge_metrics WHERE (level, source, of, at, host) IN (\
     SELECT level, source, of, at, host FROM forge_metrics WHERE level = ?1 AND at < ?2 ORDER BY at LIMIT ?3)";
const EXPIRE_SAMPLES: &str = "DELETE FROM forge_samples WHERE (level, at, process) IN (\
     SELECT level, at, process FROM forge_samples WHERE level = ?1 AND at < ?2 ORDER BY at LIMIT ?3)";
const HOSTS: &str = "SELECT p.no, h.no FROM forge_processes p JOIN forge_hosts h ON h.name = p.host";
const QUEUES: &str = "SELECT no, name FROM forge_queues ORDER BY no LIMIT ?1";
const KINDS: &str = "SELECT no, name FROM forge_kinds ORDER BY no LIMIT ?1";
const ALL_HOSTS: &str = "SELECT no, name FROM forge_hosts";
const SINCE: &str = "SELECT min(at) FROM forge_metrics WHERE level = ?1";
const SERIES: &str = "SELECT at, host, data FROM forge_metrics \
     WHERE level = ?1 AND source = ?2 AND of = ?3 AND at >= ?4 AND at < ?5";
const PUT_SAMPLE: &str = "INSERT OR REPLACE INTO forge_samples (level, at, process, data) \
     SELECT ?1, ?2, no, ?4 FROM forge_processes WHERE id = ?3";
const SAMPLES: &str = "SELECT p.id, p.host, s.at, s.data FROM forge_samples s \
     JOIN forge_processes p ON p.no = s.process WHERE s.level = ?1 AND s.at >= ?2 AND s.at < ?3 ORDER BY s.at, p.no";
/// The first job, by its time, of the next group that is one in claim order.
const NEXT_GROUP: &str = "SELECT queue, lane, kind, priority, due_at FROM forge_ready \
     WHERE (queue, lane, kind, priority) > (?1, ?2, ?3, ?4) AND lane < 2 \
     ORDER BY queue, lane, kind, priority, due_at LIMIT 1";
const QUEUE_NAME: &str = "SELECT name FROM forge_queues WHERE no = ?1";
/// Groups that are looked at for the oldest job: of more nobody needs to know it so exactly.
const MAX_GROUPS: u32 = 5_000;

/// Who has tallies of their own, and where processes run.
struct Known {
    hosts: HashMap<i64, i64>,
    queues: HashSet<i64>,
    kinds: HashSet<i64>,
}

impl Known {
    fn read(conn: &Connection) -> rusqlite::Result<Self> {
        let hosts = pairs(conn, HOSTS, None)?.into_iter().collect();
        let numbers = |sql, most: usize| -> rusqlite::Result<HashSet<i64>> {
            Ok(pairs::<String>(conn, sql, Some(most))?.into_iter().map(|(no, _)| no).collect())
        };
        let queues = numbers(QUEUES, MAX_METRIC_QUEUES)?;
        Ok(Self { hosts, queues, kinds: numbers(KINDS, MAX_METRIC_KINDS)? })
    }
}

impl Numbers for Known {
    fn host_of(&self, process: i64) -> i64 {
        self.hosts.get(&process).copied().unwrap_or(0)
    }

    fn queue(&self, no: i64) -> i64 {
        if self.queues.contains(&no) { no } else { 0 }
    }

    fn kind(&self, no: i64) -> i64 {
        if self.kinds.contains(&no) { no } else { 0 }
    }
}

fn pairs<T: rusqlite::types::FromSql>(
    conn: &Connection,
    sql: &str,
    limit: Option<usize>,
) -> rusqlite::Result<Vec<(i64, T)>> {
    let mut statement = conn.prepare_cached(sql)?;
    let row = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?));
    match limit {
        Some(limit) => statement.query_map([limit], row)?.collect(),
        None => statement.query_map([], row)?.collect(),
    }
}

/// Adds up what happened since, and deletes what is past its time.
pub(super) fn roll(cx: &mut Cx<'_, '_>, params: &RollParams) -> Result<RollReport, Fault> {
    let now = time(params.now);
    let mut sums = Sums::default();
    let (pieces, last, more) = play(cx, &mut sums)?;
    gauges(cx, params, now, &mut sums)?;
    for (key, tally) in sums.into_inner() {
        add(cx.conn, key, tally)?;
    }
    if let Some(last) = last.filter(|_| cx.guards(Guard::Roll)) {
        cx.conn.prepare_cached(CUT)?.execute([last])?;
    }
    let mut expired = 0;
    for level in Level::ALL {
        let Some(kept) = level.kept() else { continue };
        let before = now.saturating_sub(micros(kept));
        for sql in [EXPIRE, EXPIRE_SAMPLES] {
            let room = MAX_ROLL_EXPIRED.saturating_sub(expired);
            let gone = cx.conn.prepare_cached(sql)?.execute(params![level.seconds(), before, room])?;
            expired += u32::try_from(gone).unwrap_or(u32::MAX);
        }
    }
    Ok(RollReport { pieces, expired, more: more || expired >= MAX_ROLL_EXPIRED })
}

/// Adds up the pieces that stand first, as many as one call may: how many they are, the number of the last one, and
/// whether there are more.
fn play(cx: &Cx<'_, '_>, sums: &mut Sums) -> rusqlite::Result<(u32, Option<i64>, bool)> {
    let mut statement = cx.conn.prepare_cached(PIECES)?;
    let mut rows = statement.query([MAX_ROLL_PIECES])?;
    let (mut pieces, mut bytes, mut last, mut known) = (0, 0, None, None);
    while let Some(row) = rows.next()? {
        if bytes >= MAX_ROLL_BYTES {
            return Ok((pieces, last, true));
        }
        let known = match &known {
            Some(known) => known,
            None => known.insert(Known::read(cx.conn)?),
        };
        let piece = row.get_ref(1)?.as_blob()?;
        sums.play(piece, 0, 0, known);
        bytes += piece.len();
        pieces += 1;
        last = Some(row.get(0)?);
    }
    Ok((pieces, last, pieces >= MAX_ROLL_PIECES))
}

fn gauges(cx: &mut Cx<'_, '_>, params: &RollParams, now: i64, sums: &mut Sums) -> rusqlite::Result<()> {
    if params.oldest.is_empty() {
        return Ok(());
    }
    let known = Known::read(cx.conn)?;
    for (queue, waited) in &params.oldest {
        sums.oldest(now, None, *waited);
        if let Some(no) = cx.names.queue(cx.conn, queue)? {
            sums.oldest(now, Some(known.queue(no)), *waited);
        }
    }
    Ok(())
}

fn add(conn: &Connection, key: Key, mut tally: Tally) -> rusqlite::Result<()> {
    let (level, source) = (key.level.seconds(), key.source.number());
    let place = params![level, source, key.of, key.at, key.host];
    let there = conn
        .prepare_cached(TALLY)?
        .query_row(place, |r| Ok(Tally::from_bytes(r.get_ref(0)?.as_blob()?)))
        .optional()?;
    if let Some(there) = there {
        tally.merge(&there);
    }
    let row = params![level, source, key.of, key.at, key.host, tally.to_bytes()];
    conn.prepare_cached(PUT)?.execute(row).map(drop)
}

/// Tallies as of the last roll.
pub(super) fn series(conn: &Connection, params: &SeriesParams) -> Result<Series, Fault> {
    let level = params.level.seconds();
    let since: Option<i64> = conn.query_row(SINCE, [level], |r| r.get(0))?;
    let wanted: Option<HashSet<i64>> = match &params.hosts {
        None => None,
        Some(names) => {
            let hosts = pairs::<String>(conn, ALL_HOSTS, None)?.into_iter();
            Some(hosts.filter(|(_, name)| names.contains(name)).map(|(no, _)| no).collect())
        }
    };
    let mut rows = Vec::new();
    let mut statement = conn.prepare_cached(SERIES)?;
    for (of, name) in lines(conn, params)? {
        let (from, to) = (params.from.as_micros(), params.to.as_micros());
        let mut found = statement.query(params![level, params.source.number(), of, from, to])?;
        while let Some(row) = found.next()? {
            let host: i64 = row.get(1)?;
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&host)) {
                continue;
            }
            let tally = Tally::from_bytes(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
            rows.push(SeriesRow { name: name.clone(), at: Timestamp::from_micros(row.get(0)?), tally });
        }
    }
    Ok(Series { rows, since: since.map(Timestamp::from_micros), now: Timestamp::from_micros(time(None)) })
}

/// The lines that are asked for, with their numbers.
fn lines(conn: &Connection, params: &SeriesParams) -> rusqlite::Result<Vec<(i64, LineName)>> {
    let (sql, most) = match params.source {
        Source::All => return Ok(vec![(0, LineName::All)]),
        Source::Queues => (QUEUES, MAX_METRIC_QUEUES),
        Source::Kinds => (KINDS, MAX_METRIC_KINDS),
    };
    let all = pairs::<String>(conn, sql, Some(most))?.into_iter();
    Ok(match &params.names {
        Some(names) => {
            all.filter(|(_, name)| names.contains(name)).map(|(no, name)| (no, LineName::Of(name))).collect()
        }
        None => all.map(|(no, name)| (no, LineName::Of(name))).chain([(0, LineName::Other)]).collect(),
    })
}

/// Keeps what a process used.
pub(super) fn record_samples(cx: &Cx<'_, '_>, params: &SamplesParams) -> Result<(), Fault> {
    for (level, at, sample) in &params.samples {
        let id = &params.process.as_bytes()[..];
        let row = params![level.seconds(), at.as_micros(), id, sample.to_json()];
        cx.conn.prepare_cached(PUT_SAMPLE)?.execute(row)?;
    }
    Ok(())
}

/// What processes used.
pub(super) fn samples(conn: &Connection, params: &SampleSeriesParams) -> Result<Vec<SampleRow>, Fault> {
    let mut statement = conn.prepare_cached(SAMPLES)?;
    let range = params![params.level.seconds(), params.from.as_micros(), params.to.as_micros()];
    let rows = statement.query_map(range, |r| {
        Ok(SampleRow {
            process: ProcessId::from_bytes(r.get(0)?),
            host: r.get(1)?,
            at: Timestamp::from_micros(r.get(2)?),
            sample: Sample::from_json(r.get_ref(3)?.as_str()?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How long the first claimable job of each queue has been waiting.
pub(super) fn oldest(conn: &Connection, now: i64) -> Result<Vec<(String, Duration)>, Fault> {
    let mut statement = conn.prepare_cached(NEXT_GROUP)?;
    let mut oldest: Vec<(i64, i64)> = Vec::new();
    let mut last: (i64, i64, i64, i64) = (0, 0, 0, i64::MIN);
    for _ in 0..MAX_GROUPS {
        let next =
            |r: &rusqlite::Row<'_>| Ok(((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?), r.get::<_, i64>(4)?));
        let found = statement.query_row(params![last.0, last.1, last.2, last.3], next).optional()?;
        let Some((group, due_at)) = found else { break };
        last = group;
        match oldest.last_mut() {
            Some((queue, first)) if *queue == group.0 => *first = due_at.min(*first),
            _ => oldest.push((group.0, due_at)),
        }
    }
    let mut name = conn.prepare_cached(QUEUE_NAME)?;
    let waited = |due_at: i64| Duration::from_micros(now.saturating_sub(due_at).max(0).unsigned_abs());
    let rows =
        oldest.into_iter().map(|(no, due_at)| Ok((name.query_row([no], |r| r.get(0))?, waited(due_at))));
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

//! Lists and counts of jobs: along an index, row by row, until there are enough or the look has gone far enough.

use super::error::Fault;
use super::filters::{Conditions, Numbers, json, of_job, of_row};
use super::inspect::bounded;
use super::rows;
use super::state::{DEAD, DONE, RETRYING, SCHEDULED};
use crate::errors::ErrorGroupId;
use crate::limits::{COUNT_CAP, SCAN_BYTES, SCAN_ROWS};
use crate::storage::checks::check_page;
use crate::storage::filter::{Merged, Scan, Walk, merge};
use crate::storage::{BoundedCount, JobCount, JobFilter, JobPage, ListParams, PageCursor};
use crate::{JobId, JobStatus, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use std::cmp::Ordering;

const ALL_QUEUES: &str = "SELECT no FROM forge_queues ORDER BY no";
/// The next stretch of the index of pending jobs that is in order by itself.
const STRETCH: &str = "SELECT queue, lane, kind, priority FROM forge_ready \
     WHERE (queue, lane, kind, priority) > (?1, ?2, ?3, ?4) ORDER BY queue, lane, kind, priority LIMIT 1";
/// Above this, pending jobs are sorted instead.
const MOST_STRETCHES: usize = 256;
const ID: &str = "SELECT id FROM forge_jobs WHERE seq = ?1";

/// A row of a list before its job is read.
#[derive(Clone, Copy)]
struct Found {
    at: i64,
    seq: i64,
    /// Where the list is ordered by it.
    id: Option<[u8; 16]>,
}

/// A page of jobs.
pub(super) fn page(conn: &Connection, params: &ListParams) -> Result<JobPage, Fault> {
    let fingerprint = check_page(params)?;
    let limit = params.limit as usize;
    let look = Look::new(&params.filter, Numbers::of(conn, &params.filter)?);
    let sources = look.sources(conn)?;
    let most = if look.is_exact() { limit + 1 } else { share(sources.len()).max(limit + 1) };
    let mut scans = Vec::with_capacity(sources.len());
    for source in &sources {
        scans.push(look.scan(conn, source, params.after, (limit + 1, most))?);
    }
    let Merged { hits, next, looked, complete } = merge(scans, limit, |a, b| look.order(a, b));
    let mut jobs = Vec::with_capacity(hits.len());
    for found in &hits {
        jobs.extend(rows::job(conn, found.seq)?);
    }
    let next = match next {
        Some(last) => Some(cursor(conn, &last, fingerprint)?),
        None => None,
    };
    Ok(JobPage { jobs, next, unknown: look.names.unknown, scanned: looked, complete })
}

/// How many jobs a filter lets through.
pub(super) fn count(conn: &Connection, filter: &JobFilter) -> Result<JobCount, Fault> {
    filter.check()?;
    let look = Look::new(filter, Numbers::of(conn, filter)?);
    let sources = look.sources(conn)?;
    let enough = usize::try_from(COUNT_CAP + 1).unwrap_or(usize::MAX);
    let most = if look.is_exact() { enough } else { share(sources.len()) };
    let mut count = BoundedCount::default();
    for source in &sources {
        let scan = look.scan(conn, source, None, (enough, most))?;
        let hits = bounded(u64::try_from(scan.hits.len()).unwrap_or(u64::MAX));
        count = count.plus(BoundedCount { more: hits.more || scan.stopped_at.is_some(), ..hits });
        if count.count > COUNT_CAP {
            break;
        }
    }
    let capped = bounded(count.count);
    Ok(JobCount {
        count: BoundedCount { more: count.more || capped.more, ..capped },
        unknown: look.names.unknown,
    })
}

/// What each of so many looks may cost.
fn share(sources: usize) -> usize {
    (SCAN_ROWS as usize / sources.max(1)).max(1)
}

fn cursor(conn: &Connection, last: &Found, filter: u64) -> rusqlite::Result<PageCursor> {
    let id: Option<[u8; 16]> = match last.id {
        Some(id) => Some(id),
        None => conn.prepare_cached(ID)?.query_row([last.seq], |r| r.get(0)).optional()?,
    };
    let id = JobId::from_bytes(id.unwrap_or_default());
    Ok(PageCursor { at: Timestamp::from_micros(last.at), id, row: last.seq, filter })
}

/// A stretch of an index that is in the list's order.
type Source = Conditions;

/// A filter with its names looked up.
struct Look<'a> {
    filter: &'a JobFilter,
    walk: Walk,
    statuses: Vec<JobStatus>,
    names: Numbers,
    /// What the index does not tell: of the row that is walked past, and of its job.
    of_row: Conditions,
    of_job: Conditions,
}

impl<'a> Look<'a> {
    fn new(filter: &'a JobFilter, names: Numbers) -> Self {
        let statuses = filter.all_statuses();
        let walk = Walk::of(filter, &statuses);
        let of_row = of_row(filter, walk, &names);
        let of_job = of_job(filter, walk, &statuses, &names);
        Self { filter, walk, statuses, names, of_row, of_job }
    }

    /// Whether the index tells all that the filter asks for.
    const fn is_exact(&self) -> bool {
        self.of_row.sql.is_empty() && self.of_job.sql.is_empty()
    }

    fn order(&self, a: &Found, b: &Found) -> Ordering {
        match self.walk {
            Walk::Created => b.seq.cmp(&a.seq),
            Walk::Finished | Walk::Group => (b.at, b.seq).cmp(&(a.at, a.seq)),
            Walk::Pending | Walk::Running | Walk::Deferred => (a.at, a.id).cmp(&(b.at, b.id)),
        }
    }

    /// The stretches that the list is in.
    fn sources(&self, conn: &Connection) -> rusqlite::Result<Vec<Source>> {
        if self.names.nobody() {
            return Ok(Vec::new());
        }
        let mut sources = Vec::new();
        let mut add = |condition: &str, values: Vec<Value>| {
            sources.push(Source { sql: condition.to_owned(), values });
        };
        match self.walk {
            Walk::Created | Walk::Running => add("1", vec![]),
            Walk::Pending => {
                if let Some(stretches) = self.stretches(conn)? {
                    for stretch in stretches {
                        let one = "x.queue = ? AND x.lane = ? AND x.kind = ? AND x.priority = ?";
                        add(one, stretch.map(Value::from).to_vec());
                    }
                } else {
                    let mut any = Conditions::default();
                    for (column, nos) in [("queue", &self.names.queues), ("kind", &self.names.kinds)] {
                        if let Some(nos) = nos {
                            any.and(&format!("x.{column} IN (SELECT value FROM json_each(?))"), [json(nos)]);
                        }
                    }
                    add(if any.sql.is_empty() { "1" } else { &any.sql }, any.values);
                }
            }
            Walk::Deferred => {
                for status in &self.statuses {
                    let no = if *status == JobStatus::Scheduled { SCHEDULED } else { RETRYING };
                    add("x.status = ?", vec![Value::from(no)]);
                }
            }
            Walk::Finished => {
                let queues = if let Some(queues) = &self.names.queues {
                    queues.clone()
                } else {
                    let mut all = conn.prepare_cached(ALL_QUEUES)?;
                    all.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?
                };
                for status in &self.statuses {
                    let no = if *status == JobStatus::Done { DONE } else { DEAD };
                    for queue in &queues {
                        add("x.status = ? AND x.queue = ?", vec![Value::from(no), Value::from(*queue)]);
                    }
                }
            }
            Walk::Group => {
                let group = self.filter.error_group.map_or(0, ErrorGroupId::number);
                // Not by the index of statuses.
                add("x.error_group = ? AND +x.status = 5", vec![Value::from(group)]);
            }
        }
        for source in &mut sources {
            match self.walk {
                Walk::Pending | Walk::Deferred => source.within("x.due_at", self.filter.due),
                Walk::Finished | Walk::Group => source.within("x.finished_at", self.filter.finished),
                Walk::Created | Walk::Running => {}
            }
        }
        Ok(sources)
    }

    /// The stretches of the index of pending jobs; `None` if they are too many.
    fn stretches(&self, conn: &Connection) -> rusqlite::Result<Option<Vec<[i64; 4]>>> {
        let wanted = |of: &Option<Vec<i64>>, no| of.as_ref().is_none_or(|nos| nos.contains(&no));
        let mut statement = conn.prepare_cached(STRETCH)?;
        let (mut last, mut found) = ([i64::MIN; 4], Vec::new());
        for _ in 0..MOST_STRETCHES {
            let next: Option<[i64; 4]> =
                statement.query_row(last, |r| Ok([r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?])).optional()?;
            let Some(next) = next else { return Ok(Some(found)) };
            if wanted(&self.names.queues, next[0]) && wanted(&self.names.kinds, next[2]) {
                found.push(next);
            }
            last = next;
        }
        Ok(None)
    }

    /// Walks along a stretch until there are enough hits, or so many rows were looked at.
    fn scan(
        &self,
        conn: &Connection,
        source: &Source,
        after: Option<PageCursor>,
        (enough, most): (usize, usize),
    ) -> rusqlite::Result<Scan<Found>> {
        let (sql, values) = self.statement(source, after, most);
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut scan = Scan { hits: Vec::new(), stopped_at: None, looked: 0 };
        let mut bytes = 0_u64;
        while let Some(row) = rows.next()? {
            let found = Found { at: row.get(0)?, seq: row.get(1)?, id: row.get(2)? };
            scan.looked += 1;
            bytes = bytes.saturating_add(row.get(4)?);
            if row.get::<_, Option<bool>>(3)? == Some(true) {
                scan.hits.push(found);
            }
            if scan.hits.len() >= enough || scan.looked >= most as u64 || bytes > SCAN_BYTES {
                scan.stopped_at = Some(found);
                break;
            }
        }
        Ok(scan)
    }

    /// Rows in order, each with whether the filter lets it through and what it cost to tell.
    fn statement(&self, source: &Source, after: Option<PageCursor>, most: usize) -> (String, Vec<Value>) {
        let (table, columns, order) = match self.walk {
            Walk::Created => ("forge_jobs j", "j.created_at, j.seq, NULL", "j.seq DESC"),
            Walk::Pending => ("forge_ready x", "x.due_at, x.seq, x.id", "x.due_at, x.id"),
            Walk::Running => ("forge_running x", "x.claimed_at, x.seq, j.id", "x.claimed_at, j.id"),
            Walk::Deferred => ("forge_deferred x", "x.due_at, x.seq, x.id", "x.due_at, x.id"),
            Walk::Finished | Walk::Group => {
                ("forge_finished x", "x.finished_at, x.seq, NULL", "x.finished_at DESC, x.seq DESC")
            }
        };
        // In this order, so that rows come as they stand in the index.
        let joined = match self.walk {
            Walk::Created => false,
            Walk::Running => true,
            _ => !self.of_job.sql.is_empty(),
        };
        let join = if joined { " CROSS JOIN forge_jobs j ON j.seq = x.seq" } else { "" };
        let asked = [&self.of_row, &self.of_job];
        let passes: Vec<&str> = asked.iter().map(|c| c.sql.as_str()).filter(|sql| !sql.is_empty()).collect();
        let passes = if passes.is_empty() { "1".to_owned() } else { format!("({})", passes.join(" AND ")) };
        let cost = if self.filter.payload.is_some() { "octet_length(j.payload)" } else { "0" };
        let mut place = Conditions { sql: source.sql.clone(), values: source.values.clone() };
        if let Some(after) = after {
            let (at, row) = (Value::from(after.at.as_micros()), Value::from(after.row));
            let id = Value::Blob(after.id.as_bytes().to_vec());
            match self.walk {
                // Rows are numbered as they come in.
                Walk::Created => place.and("j.seq < ?", [row]),
                Walk::Pending | Walk::Deferred => place.and("(x.due_at, x.id) > (?, ?)", [at, id]),
                Walk::Running => place.and("(x.claimed_at, j.id) > (?, ?)", [at, id]),
                Walk::Finished | Walk::Group => place.and("(x.finished_at, x.seq) < (?, ?)", [at, row]),
            }
        }
        let sql = format!(
            "SELECT {columns}, {passes}, {cost} FROM {table}{join} WHERE {} ORDER BY {order} LIMIT {most}",
            place.sql
        );
        let values = asked.iter().flat_map(|c| c.values.iter().cloned()).chain(place.values).collect();
        (sql, values)
    }
}

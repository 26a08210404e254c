//! Lists and counts of jobs: along an index, row by row, until there are enough or the look has gone far enough. One
//! statement looks into all stretches of an index that a list is in.

use super::error::Fault;
use super::filters::{Conditions, Numbers, Values, of_job, of_row};
use super::hub::{Hub, Lane};
use super::inspect::bounded;
use super::rows;
use crate::limits::{COUNT_CAP, SCAN_BYTES, SCAN_ROWS};
use crate::storage::checks::check_page;
use crate::storage::filter::{Merged, Scan, Walk, merge};
use crate::storage::{BoundedCount, JobCount, JobFilter, JobPage, ListParams, PageCursor, StorageError};
use crate::{JobId, JobStatus, Timestamp};
use std::cmp::Ordering;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The stretches of the index of pending jobs that are in order by themselves.
const STRETCHES: &str = "WITH RECURSIVE s AS ( \
       (SELECT queue, lane, kind, priority FROM {schema}.ready ORDER BY queue, lane, kind, priority LIMIT 1) \
       UNION ALL SELECT n.queue, n.lane, n.kind, n.priority FROM s CROSS JOIN LATERAL \
         (SELECT r.queue, r.lane, r.kind, r.priority FROM {schema}.ready r \
          WHERE (r.queue, r.lane, r.kind, r.priority) > (s.queue, s.lane, s.kind, s.priority) \
          ORDER BY r.queue, r.lane, r.kind, r.priority LIMIT 1) n) \
     SELECT queue, lane, kind, priority FROM s LIMIT $1";
/// Above this, pending jobs are sorted instead.
const MOST_STRETCHES: usize = 256;
const ALL_QUEUES: &str = "SELECT no FROM {schema}.queues ORDER BY no LIMIT $1";

/// A row of a list before its job is read.
#[derive(Clone, Copy)]
struct Found {
    at: i64,
    id: Uuid,
}

/// A page of jobs.
pub(super) async fn page(hub: Arc<Hub>, params: ListParams) -> Result<JobPage, StorageError> {
    let fingerprint = check_page(&params)?;
    read(&hub, &params, fingerprint).await.map_err(|e| e.into_storage(false))
}

async fn read(hub: &Hub, params: &ListParams, filter: u64) -> Result<JobPage, Fault> {
    let mut look = Look::new(hub, &params.filter).await?;
    let limit = params.limit as usize;
    let most = if look.is_exact() { limit + 1 } else { look.share().max(limit + 1) };
    let scans = look.scan(hub, params.after, limit + 1, most).await?;
    let walk = look.walk;
    let Merged { hits, next, looked, complete } = merge(scans, limit, |a, b| order(walk, a, b));
    let ids: Vec<Uuid> = hits.iter().map(|f| f.id).collect();
    let next = next.map(|last| PageCursor {
        at: Timestamp::from_micros(last.at),
        id: JobId::from_bytes(*last.id.as_bytes()),
        row: 0,
        filter,
    });
    let jobs = rows::jobs(hub, &ids).await?;
    Ok(JobPage { jobs, next, unknown: look.names.unknown, scanned: looked, complete })
}

/// How many jobs a filter lets through.
pub(super) async fn count(hub: Arc<Hub>, filter: JobFilter) -> Result<JobCount, StorageError> {
    filter.check()?;
    let count = async {
        let look = Look::new(&hub, &filter).await?;
        let enough = usize::try_from(COUNT_CAP + 1).unwrap_or(usize::MAX);
        let most = if look.is_exact() { enough } else { look.share() };
        look.count(&hub, most).await
    };
    count.await.map_err(|e: Fault| e.into_storage(false))
}

fn order(walk: Walk, a: &Found, b: &Found) -> Ordering {
    let ordered = (a.at, a.id).cmp(&(b.at, b.id));
    match walk {
        Walk::Created | Walk::Finished | Walk::Group => ordered.reverse(),
        Walk::Pending | Walk::Running | Walk::Deferred => ordered,
    }
}

/// The stretches of an index that a list is in: what the columns of each are, as arrays of equal length.
enum Sources {
    /// All of it.
    Whole,
    /// Queue, lane, kind, priority.
    Pending([Vec<i32>; 4]),
    /// Statuses.
    Deferred(Vec<i32>),
    /// Status and queue.
    Finished([Vec<i32>; 2]),
}

impl Sources {
    const fn len(&self) -> usize {
        match self {
            Self::Whole => 1,
            Self::Deferred(nos) | Self::Pending([nos, ..]) | Self::Finished([nos, ..]) => nos.len(),
        }
    }

    /// As a table `g` whose rows are numbered by `no`.
    fn table(&self, values: &mut Values) -> String {
        let (columns, names): (Vec<&Vec<i32>>, &str) = match self {
            Self::Whole => return "(SELECT 1::bigint AS no) g".into(),
            Self::Pending(columns) => (columns.iter().collect(), "queue, lane, kind, priority"),
            Self::Deferred(statuses) => (vec![statuses], "status"),
            Self::Finished(columns) => (columns.iter().collect(), "status, queue"),
        };
        let columns: Vec<String> =
            columns.into_iter().map(|nos| values.add(nos.clone(), Type::INT4_ARRAY)).collect();
        format!("unnest({}) WITH ORDINALITY g({names}, no)", columns.join(", "))
    }
}

/// A filter with its names looked up, and the statement that is made of it.
struct Look<'a> {
    filter: &'a JobFilter,
    walk: Walk,
    names: Numbers,
    sources: Sources,
    values: Values,
    of_row: Conditions,
    of_job: Conditions,
}

impl<'a> Look<'a> {
    async fn new(hub: &Hub, filter: &'a JobFilter) -> Result<Self, Fault> {
        let names = Numbers::of(hub, filter).await?;
        let statuses = filter.all_statuses();
        let walk = Walk::of(filter, &statuses);
        let sources = sources(hub, walk, &statuses, &names).await?;
        let mut values = Values::default();
        let of_row = of_row(filter, walk, &names, &mut values);
        let of_job = of_job(filter, walk, &statuses, &names, &mut values);
        Ok(Self { filter, walk, names, sources, values, of_row, of_job })
    }

    /// Whether the index tells all that the filter asks for.
    const fn is_exact(&self) -> bool {
        self.of_row.is_empty() && self.of_job.is_empty()
    }

    /// What the look into each stretch may cost.
    fn share(&self) -> usize {
        (SCAN_ROWS as usize / self.sources.len().max(1)).max(1)
    }

    /// Walks along each stretch until there are enough hits, or so many rows were looked at.
    async fn scan(
        &mut self,
        hub: &Hub,
        after: Option<PageCursor>,
        enough: usize,
        most: usize,
    ) -> Result<Vec<Scan<Found>>, Fault> {
        let count = self.sources.len();
        if count == 0 || self.names.nobody() {
            return Ok(Vec::new());
        }
        let (table, rows) = (self.sources.table(&mut self.values), self.rows(after, most));
        let sql = format!(
            "SELECT g.no, s.at, s.id, s.passes, s.looked, s.ends, s.costly FROM {table} CROSS JOIN LATERAL \
             (SELECT * FROM ({rows}) r WHERE r.passes OR r.ends OR r.costly LIMIT {enough}) s ORDER BY g.no, s.looked"
        );
        let mut scans: Vec<Scan<Found>> =
            (0..count).map(|_| Scan { hits: Vec::new(), stopped_at: None, looked: 0 }).collect();
        for row in self.values.look(hub, &sql).await? {
            let no = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
            if let Some(scan) = scans.get_mut(no)
                && scan.stopped_at.is_none()
            {
                take(scan, &row, enough, most)?;
            }
        }
        Ok(scans)
    }

    async fn count(mut self, hub: &Hub, most: usize) -> Result<JobCount, Fault> {
        let mut count = BoundedCount::default();
        if self.sources.len() > 0 && !self.names.nobody() {
            let (table, rows) = (self.sources.table(&mut self.values), self.rows(None, most));
            let sql = format!(
                "SELECT s.passed, s.looked, s.costly FROM {table} CROSS JOIN LATERAL (SELECT \
                 count(*) FILTER (WHERE r.passes) AS passed, count(*) AS looked, coalesce(bool_or(r.costly), false) AS costly \
                 FROM ({rows}) r) s"
            );
            for row in self.values.look(hub, &sql).await? {
                let (passed, looked): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let stopped = looked.unsigned_abs() >= most as u64 || row.try_get(2)?;
                let hits = bounded(passed.unsigned_abs());
                count = count.plus(BoundedCount { more: hits.more || stopped, ..hits });
            }
        }
        let capped = bounded(count.count);
        let count = BoundedCount { more: count.more || capped.more, ..capped };
        Ok(JobCount { count, unknown: self.names.unknown })
    }

    /// The rows of the stretch `g`, in order: whether the filter lets each through (`passes`), how many there were so far
    /// (`looked`), whether it is the last (`ends`), and the last one that there are bytes for (`costly`). What passes is
    /// found out row by row, as far as the reader goes.
    fn rows(&mut self, after: Option<PageCursor>, most: usize) -> String {
        let by_payload = self.filter.payload.is_some();
        let stretch = self.stretch(after, most);
        let job = "FROM {schema}.jobs j WHERE j.id =";
        let cost = if by_payload {
            format!("(SELECT octet_length(j.payload) {job} x.id)::bigint")
        } else {
            "0::bigint".into()
        };
        let mut passes = self.of_row.sql();
        if !self.of_job.is_empty() {
            passes = format!("{passes} AND (SELECT {} {job} x.id)", self.of_job.sql());
        }
        let end =
            if matches!(self.walk, Walk::Created | Walk::Finished | Walk::Group) { " DESC" } else { "" };
        format!(
            "SELECT x.at, x.id, x.looked, x.ends, x.spent > {SCAN_BYTES} AND x.spent - x.cost <= {SCAN_BYTES} AS costly, \
             CASE WHEN x.spent - x.cost > {SCAN_BYTES} THEN false ELSE coalesce({passes}, false) END AS passes FROM \
             (SELECT x.*, row_number() OVER w AS looked, lead(x.at) OVER w IS NULL AS ends, (sum(x.cost) OVER w)::bigint AS spent \
              FROM (SELECT x.*, {cost} AS cost FROM ({stretch}) x) x WINDOW w AS (ORDER BY x.at{end}, x.id{end})) x"
        )
    }

    /// The first rows of the stretch `g`.
    fn stretch(&mut self, after: Option<PageCursor>, most: usize) -> String {
        let (columns, from, at, id, mine) = match self.walk {
            Walk::Created => ("", "{schema}.jobs x", "x.created_at", "x.id", "true"),
            Walk::Pending => {
                let mine = match self.sources {
                    Sources::Pending(_) => {
                        "x.queue = g.queue AND x.lane = g.lane AND x.kind = g.kind AND x.priority = g.priority"
                    }
                    _ => "true",
                };
                ("", "{schema}.ready x", "x.due_at", "x.id", mine)
            }
            Walk::Running => (", x.queue", "{schema}.running x", "x.claimed_at", "x.id", "true"),
            Walk::Deferred => (", x.queue", "{schema}.deferred x", "x.due_at", "x.id", "x.status = g.status"),
            Walk::Finished => (
                ", x.reason",
                "{schema}.finished x",
                "x.finished_at",
                "x.id",
                "x.status = g.status AND x.queue = g.queue",
            ),
            Walk::Group => {
                (", x.queue, x.reason", "{schema}.finished x", "x.finished_at", "x.id", "x.status + 0 = 5")
            }
        };
        let (filter, values) = (self.filter, &mut self.values);
        let mut place = Conditions::default();
        place.and(mine);
        match self.walk {
            Walk::Created => place.within(values, at, filter.created),
            Walk::Pending | Walk::Deferred => place.within(values, at, filter.due),
            Walk::Finished | Walk::Group => place.within(values, at, filter.finished),
            Walk::Running => {}
        }
        if self.walk == Walk::Pending && matches!(self.sources, Sources::Whole) {
            for (column, nos) in [("x.queue", &self.names.queues), ("x.kind", &self.names.kinds)] {
                if let Some(nos) = nos {
                    place.among(values, column, nos);
                }
            }
        }
        if let (Walk::Group, Some(group)) = (self.walk, filter.error_group) {
            let no = values.add(group.number(), Type::INT8);
            place.and(format!("x.error_group = {no}"));
        }
        let newest_first = matches!(self.walk, Walk::Created | Walk::Finished | Walk::Group);
        let (end, beyond) = if newest_first { (" DESC", "<") } else { ("", ">") };
        if let Some(after) = after {
            let at_no = values.add(after.at.as_micros(), Type::INT8);
            let id_no = values.add(Uuid::from_bytes(*after.id.as_bytes()), Type::UUID);
            // Said apart, since some indexes have the time alone.
            place.and(format!("{at} {beyond}= {at_no}"));
            place.and(format!("({at}, {id}) {beyond} ({at_no}, {id_no})"));
        }
        format!(
            "SELECT {at} AS at, {id} AS id{columns} FROM {from} WHERE {} ORDER BY {at}{end}, {id}{end} LIMIT {most}",
            place.sql()
        )
    }
}

/// Adds a row to the look that it is of.
fn take(scan: &mut Scan<Found>, row: &Row, enough: usize, most: usize) -> Result<(), Fault> {
    let found = Found { at: row.try_get(1)?, id: row.try_get(2)? };
    let (passes, looked, costly): (bool, i64, bool) = (row.try_get(3)?, row.try_get(4)?, row.try_get(6)?);
    scan.looked = looked.unsigned_abs();
    if passes {
        scan.hits.push(found);
    }
    if scan.hits.len() >= enough || scan.looked >= most as u64 || costly {
        scan.stopped_at = Some(found);
    }
    Ok(())
}

async fn sources(hub: &Hub, walk: Walk, statuses: &[JobStatus], names: &Numbers) -> Result<Sources, Fault> {
    Ok(match walk {
        Walk::Created | Walk::Running | Walk::Group => Sources::Whole,
        Walk::Deferred => Sources::Deferred(
            statuses.iter().map(|s| if *s == JobStatus::Scheduled { 1 } else { 3 }).collect(),
        ),
        Walk::Pending => {
            let most = i64::try_from(MOST_STRETCHES + 1).unwrap_or(i64::MAX);
            let rows = hub.look(Lane::Read, STRETCHES, &[(&most as _, Type::INT8)]).await?;
            if rows.len() > MOST_STRETCHES {
                return Ok(Sources::Whole);
            }
            let wanted = |of: &Option<Vec<i32>>, no| of.as_ref().is_none_or(|nos| nos.contains(&no));
            let mut columns: [Vec<i32>; 4] = Default::default();
            for row in rows {
                let (queue, kind): (i32, i32) = (row.try_get(0)?, row.try_get(2)?);
                if wanted(&names.queues, queue) && wanted(&names.kinds, kind) {
                    let (lane, priority): (i16, i16) = (row.try_get(1)?, row.try_get(3)?);
                    let stretch = [queue, lane.into(), kind, priority.into()];
                    columns.iter_mut().zip(stretch).for_each(|(column, no)| column.push(no));
                }
            }
            Sources::Pending(columns)
        }
        Walk::Finished => {
            let queues: Vec<i32> = if let Some(queues) = &names.queues {
                queues.clone()
            } else {
                let most = i64::try_from(COUNT_CAP).unwrap_or(i64::MAX);
                let rows = hub.look(Lane::Read, ALL_QUEUES, &[(&most as _, Type::INT8)]).await?;
                rows.iter().map(|r| r.try_get(0)).collect::<Result<_, _>>()?
            };
            let mut columns: [Vec<i32>; 2] = Default::default();
            for status in statuses {
                let no = if *status == JobStatus::Done { 4 } else { 5 };
                columns[0].extend(std::iter::repeat_n(no, queues.len()));
                columns[1].extend(&queues);
            }
            Sources::Finished(columns)
        }
    })
}

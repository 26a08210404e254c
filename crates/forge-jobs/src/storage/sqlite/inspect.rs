//! Reads for people: bounded, by key, on connections of their own.

use super::error::Fault;
use super::locks::Locks;
use super::queues;
use super::rows;
use super::state::{DEAD, DONE, RETRYING, SCHEDULED};
use crate::limits::COUNT_CAP;
use crate::storage::{BoundedCount, DueKind, JobEvent, ProcessRow, QueueCounts};
use crate::{Job, JobId, JobStatus, ProcessId, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Deferred jobs that a count per queue looks at, at most.
const DEFERRED_SCAN: u64 = 10 * COUNT_CAP;
/// The schedule that made a job is looked up by its tick.
const EVENTS: &str = "SELECT e.at, e.event, e.attempt, e.claim_no, p.id, e.detail, p.host, p.pid, p.version, e.cause, \
     e.ran_us, e.actor FROM (\
     SELECT j.created_at AS at, 'enqueued' AS event, NULL AS attempt, NULL AS claim_no, NULL AS process, s.name AS detail, \
            0 AS rank, CASE WHEN s.no IS NULL THEN 'caller' ELSE 'schedule' END AS cause, NULL AS ran_us, \
            NULL AS actor \
            FROM forge_jobs j LEFT JOIN forge_ticks t ON t.job = j.id LEFT JOIN forge_schedules s ON s.no = t.schedule \
            WHERE j.seq = ?1 \
     UNION ALL SELECT claimed_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL FROM forge_running \
            WHERE seq = ?1 \
     UNION ALL SELECT started_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL FROM forge_attempts \
            WHERE seq = ?1 \
     UNION ALL SELECT at, event, NULL, claim_no, process, NULL, CASE WHEN event IN ('dead', 'cancelled') THEN 4 ELSE 2 END, \
            CASE event WHEN 'released' THEN 'handed_back' WHEN 'replaced' THEN 'caller' WHEN 'dead' THEN NULL \
                       ELSE 'operator' END, NULL, actor \
            FROM forge_notes WHERE seq = ?1 \
     UNION ALL SELECT ended_at, CASE result WHEN 1 THEN 'throttled' WHEN 4 THEN 'crashed' ELSE 'failed' END, attempt, \
            claim_no, process, error, 3, \
            coalesce(json_extract(details, '$.cause'), \
                     CASE result WHEN 3 THEN 'cancel' WHEN 4 THEN 'process_died' ELSE 'handler' END), \
            ended_at - started_at, NULL FROM forge_attempts WHERE seq = ?1 \
     UNION ALL SELECT started_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL FROM forge_finished \
            WHERE seq = ?1 AND status = 4 \
     UNION ALL SELECT finished_at, CASE WHEN status = 4 THEN 'done' WHEN reason = 2 THEN 'cancelled' ELSE 'dead' END, \
            attempt, claim_no, process, error, 4, \
            CASE reason WHEN 0 THEN 'exhausted' WHEN 1 THEN 'discarded' WHEN 2 THEN 'operator' WHEN 3 THEN 'poison' \
                        WHEN 4 THEN 'undecodable' ELSE 'handler' END, \
            finished_at - started_at, NULL FROM forge_finished WHERE seq = ?1) e \
     LEFT JOIN forge_processes p ON p.no = e.process ORDER BY e.at, e.claim_no, e.rank";
const PROCESSES: &str = "SELECT id, host, pid, version, kinds, queues, started_at, beat_at, beats_every, \
     stale_after, stopping, \
     (SELECT count(*) FROM (SELECT 1 FROM forge_running r WHERE r.process = p.no LIMIT ?1)) \
     FROM forge_processes p WHERE ended_at IS NULL ORDER BY no";
/// A look into the index for each queue and kind, and so many entries of it as are counted.
const PENDING_KINDS: &str = "SELECT q.name, k.name, \
     (SELECT count(*) FROM (SELECT 1 FROM forge_ready WHERE queue = q.no AND lane = 0 AND kind = k.no \
        UNION ALL SELECT 1 FROM forge_ready WHERE queue = q.no AND lane = 1 AND kind = k.no \
        UNION ALL SELECT 1 FROM forge_ready WHERE queue = q.no AND lane = 2 AND kind = k.no LIMIT ?1)) AS jobs \
     FROM forge_queues q CROSS JOIN forge_kinds k WHERE jobs > 0";
/// Where processes are alive there are hardly any.
const OVERDUE_KINDS: &str = "SELECT q.name, k.name, count(*) FROM \
     (SELECT queue, seq FROM forge_deferred WHERE status = 1 AND due_at <= ?1 UNION ALL \
      SELECT queue, seq FROM forge_deferred WHERE status = 3 AND due_at <= ?1 LIMIT ?2) d \
     JOIN forge_jobs j ON j.seq = d.seq JOIN forge_queues q ON q.no = d.queue JOIN forge_kinds k ON k.no = j.kind \
     GROUP BY q.name, k.name";
const UNFINISHED: &str = "SELECT EXISTS (SELECT 1 FROM forge_ready) OR EXISTS (SELECT 1 FROM forge_running) \
     OR EXISTS (SELECT 1 FROM forge_deferred)";
const UNFINISHED_IN: &str = "SELECT EXISTS (SELECT 1 FROM forge_ready WHERE queue = q.no) \
     OR EXISTS (SELECT 1 FROM forge_running WHERE queue = q.no) \
     OR EXISTS (SELECT 1 FROM forge_deferred WHERE queue = q.no) FROM forge_queues q WHERE q.name = ?1";

/// One job.
pub(super) fn job(conn: &Connection, id: JobId) -> Result<Option<Job>, Fault> {
    Ok(match rows::seq_of(conn, id)? {
        Some(seq) => rows::job(conn, seq)?,
        None => None,
    })
}

/// What happened to a job, oldest first.
pub(super) fn events(conn: &Connection, id: JobId) -> Result<Vec<JobEvent>, Fault> {
    let Some(seq) = rows::seq_of(conn, id)? else { return Ok(Vec::new()) };
    let mut statement = conn.prepare_cached(EVENTS)?;
    let rows = statement.query_map([seq], |r| {
        Ok(JobEvent {
            at: Timestamp::from_micros(r.get(0)?),
            event: r.get(1)?,
            attempt: r.get(2)?,
            claim_no: r.get(3)?,
            process: r.get::<_, Option<[u8; 16]>>(4)?.map(ProcessId::from_bytes),
            worker: rows::worker(r, 6)?,
            cause: r.get(9)?,
            ran_for: r.get::<_, Option<i64>>(10)?.map(|us| Duration::from_micros(us.max(0).unsigned_abs())),
            detail: r.get(5)?,
            actor: r.get(11)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether anything is unfinished.
pub(super) fn has_unfinished(conn: &Connection, queue: Option<&str>) -> Result<bool, Fault> {
    match queue {
        None => Ok(conn.prepare_cached(UNFINISHED)?.query_row([], |r| r.get(0))?),
        Some(queue) => {
            let mut statement = conn.prepare_cached(UNFINISHED_IN)?;
            let mut rows = statement.query([queue])?;
            Ok(match rows.next()? {
                Some(row) => row.get(0)?,
                None => false,
            })
        }
    }
}

/// Which kinds have jobs in which queues that could run now.
pub(super) fn due_kinds(conn: &Connection, now: i64) -> Result<Vec<DueKind>, Fault> {
    let mut due: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut add = |r: &Row<'_>| -> rusqlite::Result<()> {
        *due.entry((r.get(0)?, r.get(1)?)).or_default() += r.get::<_, u64>(2)?;
        Ok(())
    };
    conn.prepare_cached(PENDING_KINDS)?
        .query_map([COUNT_CAP + 1], &mut add)?
        .collect::<rusqlite::Result<()>>()?;
    let values = params![now, DEFERRED_SCAN];
    conn.prepare_cached(OVERDUE_KINDS)?.query_map(values, &mut add)?.collect::<rusqlite::Result<()>>()?;
    Ok(due.into_iter().map(|((queue, kind), jobs)| DueKind { queue, kind, jobs: bounded(jobs) }).collect())
}

/// All registered processes, oldest first.
pub(super) fn processes(conn: &Connection, locks: &Locks) -> Result<Vec<ProcessRow>, Fault> {
    let mut statement = conn.prepare_cached(PROCESSES)?;
    let rows = statement.query_map([COUNT_CAP + 1], |r| {
        let list = |column: usize| r.get::<_, Option<String>>(column).map(|l| l.map(|l| rows::tags(&l)));
        let id = ProcessId::from_bytes(r.get(0)?);
        Ok(ProcessRow {
            id,
            host: r.get(1)?,
            pid: r.get(2)?,
            version: r.get(3)?,
            kinds: list(4)?,
            queues: list(5)?,
            started_at: Timestamp::from_micros(r.get(6)?),
            beat_at: Timestamp::from_micros(r.get(7)?),
            heartbeat_interval: Duration::from_micros(r.get(8)?),
            stale_after: Duration::from_micros(r.get(9)?),
            stopping: r.get(10)?,
            holds: bounded(r.get(11)?),
            died: locks.has_died(id),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) const fn bounded(count: u64) -> BoundedCount {
    if count > COUNT_CAP {
        BoundedCount { count: COUNT_CAP, more: true }
    } else {
        BoundedCount { count, more: false }
    }
}

/// All queues with their counts, by name.
pub(super) fn queue_counts(conn: &Connection) -> Result<Vec<QueueCounts>, Fault> {
    let running = grouped(conn, "SELECT queue FROM forge_running")?;
    let deferred = [SCHEDULED, RETRYING].map(|status| deferred_counts(conn, status));
    let [scheduled, retrying] = deferred;
    let (scheduled, retrying) = (scheduled?, retrying?);
    let mut counts = Vec::new();
    for queue in queues::list(conn)? {
        let no: i64 = conn
            .prepare_cached("SELECT no FROM forge_queues WHERE name = ?1")?
            .query_row([&queue.name], |r| r.get(0))?;
        let capped = |sql: &str, status: Option<i64>| -> rusqlite::Result<BoundedCount> {
            let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {sql} LIMIT {})", COUNT_CAP + 1);
            let values = [Some(no), status].into_iter().flatten();
            Ok(bounded(conn.prepare_cached(&sql)?.query_row(params_from_iter(values), |r| r.get(0))?))
        };
        let finished = "forge_finished WHERE queue = ?1 AND status = ?2";
        counts.push(QueueCounts {
            counts: [
                (JobStatus::Pending, capped("forge_ready WHERE queue = ?1", None)?),
                (JobStatus::Scheduled, scheduled.of(no)),
                (JobStatus::Running, bounded(running.get(&no).copied().unwrap_or(0))),
                (JobStatus::Retrying, retrying.of(no)),
                (JobStatus::Done, capped(finished, Some(DONE))?),
                (JobStatus::Dead, capped(finished, Some(DEAD))?),
            ],
            queue,
        });
    }
    Ok(counts)
}

fn grouped(conn: &Connection, rows: &str) -> rusqlite::Result<HashMap<i64, u64>> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT queue, count(*) FROM ({rows}) GROUP BY queue"))?;
    statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// Deferred jobs per queue, among the first so many that are due.
struct DeferredCounts {
    per_queue: HashMap<i64, u64>,
    cut: bool,
}

impl DeferredCounts {
    fn of(&self, queue: i64) -> BoundedCount {
        let counted = bounded(self.per_queue.get(&queue).copied().unwrap_or(0));
        BoundedCount { more: counted.more || self.cut, ..counted }
    }
}

/// Counted here: SQLite would sort them to group them, which takes three times as long.
fn deferred_counts(conn: &Connection, status: i64) -> rusqlite::Result<DeferredCounts> {
    let mut statement = conn.prepare_cached("SELECT queue FROM forge_deferred WHERE status = ?1 LIMIT ?2")?;
    let mut rows = statement.query(params![status, DEFERRED_SCAN])?;
    let (mut per_queue, mut seen) = (HashMap::new(), 0);
    while let Some(row) = rows.next()? {
        *per_queue.entry(row.get(0)?).or_insert(0) += 1;
        seen += 1;
    }
    Ok(DeferredCounts { per_queue, cut: seen >= DEFERRED_SCAN })
}

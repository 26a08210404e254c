//! Reads for people: bounded, by key, on connections of their own.

use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::queues;
use super::rows;
use crate::limits::COUNT_CAP;
use crate::storage::{BoundedCount, DueKind, JobEvent, ProcessRow, QueueCounts, StorageError};
use crate::{Attempt, Job, JobId, JobStatus, ProcessId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Deferred jobs that a count per queue looks at, at most.
const DEFERRED_SCAN: u64 = 10 * COUNT_CAP;
/// The schedule that made a job is looked up by its tick.
const EVENTS: &str = "SELECT e.at, e.event, e.attempt, e.claim_no, e.process, coalesce(e.detail, s.name), p.host, p.pid, \
     p.version, CASE WHEN s.no IS NULL THEN e.cause ELSE 'schedule' END, e.ran_us, e.actor \
     FROM {schema}.forge_job_events e LEFT JOIN {schema}.processes p ON p.id = e.process \
     LEFT JOIN {schema}.ticks t ON t.job = $1 AND e.event = 'enqueued' \
     LEFT JOIN {schema}.schedules s ON s.no = t.schedule \
     WHERE e.job = $1 ORDER BY e.at, e.claim_no NULLS FIRST, e.rank";
const PROCESSES: &str = "SELECT id, host, pid, version, kinds, queues, started_at, beat_at, beats_every, stale_after, \
     stopping, coalesce(h.holds, 0) FROM {schema}.processes p \
     LEFT JOIN (SELECT process, count(*) AS holds FROM {schema}.running GROUP BY process) h ON h.process = p.no \
     WHERE ended_at IS NULL ORDER BY no";
/// A look into the index for each queue and kind, and so many entries of it as are counted.
const PENDING_KINDS: &str = "SELECT q.name, k.name, \
     (SELECT count(*) FROM (SELECT FROM {schema}.ready r WHERE r.queue = s.queue AND r.lane IN (0, 1, 2) AND r.kind = s.kind \
        LIMIT $1) x) AS jobs \
     FROM {schema}.streams s JOIN {schema}.queues q ON q.no = s.queue JOIN {schema}.kinds k ON k.no = s.kind";
/// Where processes are alive there are hardly any.
const OVERDUE_KINDS: &str = "SELECT q.name, k.name, count(*) FROM \
     (SELECT id FROM {schema}.deferred WHERE status IN (1, 3) AND due_at <= {schema}.clock($1) LIMIT $2) d \
     JOIN {schema}.jobs j ON j.id = d.id JOIN {schema}.queues q ON q.no = j.queue \
     JOIN {schema}.kinds k ON k.no = j.kind GROUP BY q.name, k.name";
const UNFINISHED: &str = "SELECT EXISTS (SELECT FROM {schema}.ready) OR EXISTS (SELECT FROM {schema}.running) \
     OR EXISTS (SELECT FROM {schema}.deferred)";
const UNFINISHED_IN: &str = "SELECT EXISTS (SELECT FROM {schema}.ready r WHERE r.queue = q.no) \
     OR EXISTS (SELECT FROM {schema}.running r WHERE r.queue = q.no) \
     OR EXISTS (SELECT FROM {schema}.deferred d WHERE d.queue = q.no) FROM {schema}.queues q WHERE q.name = $1";
/// Counts of one queue: pending, running, done and dead.
const COUNTS: &str = "SELECT \
     (SELECT count(*) FROM (SELECT FROM {schema}.ready WHERE queue = $1 LIMIT $2) x), \
     (SELECT count(*) FROM (SELECT FROM {schema}.running WHERE queue = $1 LIMIT $2) x), \
     (SELECT count(*) FROM (SELECT FROM {schema}.finished WHERE status = 4 AND queue = $1 LIMIT $2) x), \
     (SELECT count(*) FROM (SELECT FROM {schema}.finished WHERE status = 5 AND queue = $1 LIMIT $2) x)";
const DEFERRED: &str = "SELECT queue, count(*) FROM (SELECT queue FROM {schema}.deferred WHERE status = $1 LIMIT $2) x \
     GROUP BY queue";

type Answer<T> = Result<T, Fault>;

const fn uuid(id: JobId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

fn seen<T>(answer: Answer<T>) -> Result<T, StorageError> {
    answer.map_err(|e| e.into_storage(false))
}

/// One job.
pub(super) async fn job(hub: Arc<Hub>, id: JobId) -> Result<Option<Job>, StorageError> {
    Ok(seen(rows::jobs(&hub, &[uuid(id)]).await)?.into_iter().next())
}

/// The attempts of a job that have ended, oldest first.
pub(super) async fn attempts(hub: Arc<Hub>, id: JobId) -> Result<Vec<Attempt>, StorageError> {
    seen(rows::attempts(&hub, uuid(id)).await)
}

/// What happened to a job, oldest first.
pub(super) async fn events(hub: Arc<Hub>, id: JobId) -> Result<Vec<JobEvent>, StorageError> {
    events_of(&hub, id).await
}

/// The same.
pub(super) async fn events_of(hub: &Hub, id: JobId) -> Result<Vec<JobEvent>, StorageError> {
    let read = |r: &Row| -> Result<JobEvent, tokio_postgres::Error> {
        let process: Option<Uuid> = r.try_get(4)?;
        Ok(JobEvent {
            at: Timestamp::from_micros(r.try_get(0)?),
            event: r.try_get(1)?,
            attempt: r.try_get::<_, Option<i32>>(2)?.and_then(|a| u32::try_from(a).ok()),
            claim_no: r.try_get(3)?,
            process: process.map(|p| ProcessId::from_bytes(*p.as_bytes())),
            worker: rows::worker(r, 6)?,
            cause: r.try_get(9)?,
            ran_for: r
                .try_get::<_, Option<i64>>(10)?
                .map(|us| Duration::from_micros(us.max(0).unsigned_abs())),
            detail: r.try_get(5)?,
            actor: r.try_get(11)?,
        })
    };
    let events: Answer<Vec<JobEvent>> = async {
        let rows = hub.look(Lane::Read, EVENTS, &[(&uuid(id), Type::UUID)]).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
    .await;
    seen(events)
}

/// Whether anything is unfinished.
pub(super) async fn has_unfinished(hub: Arc<Hub>, queue: Option<String>) -> Result<bool, StorageError> {
    let any: Answer<bool> = async {
        let rows = match &queue {
            None => hub.look(Lane::Read, UNFINISHED, &[]).await?,
            Some(queue) => hub.look(Lane::Read, UNFINISHED_IN, &[(queue, Type::TEXT)]).await?,
        };
        Ok(rows.first().map(|r| r.try_get(0)).transpose()?.unwrap_or(false))
    }
    .await;
    seen(any)
}

/// Which kinds have jobs in which queues that could run now.
pub(super) async fn due_kinds(hub: Arc<Hub>, now: Option<Timestamp>) -> Result<Vec<DueKind>, StorageError> {
    let due: Answer<BTreeMap<(String, String), u64>> = async {
        let now = now.map(Timestamp::as_micros);
        let (cap, scan) = (cap(), i64::try_from(DEFERRED_SCAN).unwrap_or(i64::MAX));
        let mut rows = hub.look(Lane::Read, PENDING_KINDS, &[(&cap, Type::INT8)]).await?;
        rows.extend(hub.look(Lane::Read, OVERDUE_KINDS, &[(&now, Type::INT8), (&scan, Type::INT8)]).await?);
        let mut due = BTreeMap::new();
        for r in &rows {
            *due.entry((r.try_get(0)?, r.try_get(1)?)).or_default() += number(r, 2)?;
        }
        Ok(due)
    }
    .await;
    let due = seen(due)?.into_iter().filter(|(_, jobs)| *jobs > 0);
    Ok(due.map(|((queue, kind), jobs)| DueKind { queue, kind, jobs: bounded(jobs) }).collect())
}

/// All registered processes, oldest first.
pub(super) async fn processes(hub: Arc<Hub>) -> Result<Vec<ProcessRow>, StorageError> {
    let read = |r: &Row| -> Result<ProcessRow, tokio_postgres::Error> {
        let list = |at: usize| -> Result<Option<Vec<String>>, tokio_postgres::Error> {
            Ok(r.try_get::<_, Option<&str>>(at)?.map(rows::tags))
        };
        Ok(ProcessRow {
            id: ProcessId::from_bytes(*r.try_get::<_, Uuid>(0)?.as_bytes()),
            host: r.try_get(1)?,
            pid: u32::try_from(r.try_get::<_, i64>(2)?).unwrap_or(0),
            version: r.try_get(3)?,
            kinds: list(4)?,
            queues: list(5)?,
            started_at: Timestamp::from_micros(r.try_get(6)?),
            beat_at: Timestamp::from_micros(r.try_get(7)?),
            heartbeat_interval: Duration::from_micros(number(r, 8)?),
            stale_after: Duration::from_micros(number(r, 9)?),
            stopping: r.try_get(10)?,
            holds: bounded(number(r, 11)?),
            // Only silence tells: a lost connection is no death.
            died: false,
        })
    };
    let all: Answer<Vec<ProcessRow>> = async {
        let rows = hub.look(Lane::Read, PROCESSES, &[]).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
    .await;
    seen(all)
}

fn number(r: &Row, at: usize) -> Result<u64, tokio_postgres::Error> {
    Ok(r.try_get::<_, i64>(at)?.max(0).unsigned_abs())
}

fn cap() -> i64 {
    i64::try_from(COUNT_CAP + 1).unwrap_or(i64::MAX)
}

pub(super) const fn bounded(count: u64) -> BoundedCount {
    if count > COUNT_CAP {
        BoundedCount { count: COUNT_CAP, more: true }
    } else {
        BoundedCount { count, more: false }
    }
}

/// All queues with their counts, by name.
pub(super) async fn queue_counts(hub: Arc<Hub>) -> Result<Vec<QueueCounts>, StorageError> {
    seen(counts(&hub).await)
}

async fn counts(hub: &Hub) -> Answer<Vec<QueueCounts>> {
    let scheduled = deferred(hub, 1).await?;
    let retrying = deferred(hub, 3).await?;
    let mut counts = Vec::new();
    for row in hub.look(Lane::Read, &format!("{} ORDER BY name", queues::QUEUE), &[]).await? {
        let no: i32 = row.try_get(10)?;
        let r = only(hub.look(Lane::Read, COUNTS, &[(&no, Type::INT4), (&cap(), Type::INT8)]).await?)?;
        counts.push(QueueCounts {
            counts: [
                (JobStatus::Pending, bounded(number(&r, 0)?)),
                (JobStatus::Scheduled, scheduled.of(no)),
                (JobStatus::Running, bounded(number(&r, 1)?)),
                (JobStatus::Retrying, retrying.of(no)),
                (JobStatus::Done, bounded(number(&r, 2)?)),
                (JobStatus::Dead, bounded(number(&r, 3)?)),
            ],
            queue: queues::read(&row)?,
        });
    }
    Ok(counts)
}

/// Deferred jobs per queue, among the first so many that are due.
struct Deferred {
    per_queue: BTreeMap<i32, u64>,
    cut: bool,
}

impl Deferred {
    fn of(&self, queue: i32) -> BoundedCount {
        let counted = bounded(self.per_queue.get(&queue).copied().unwrap_or(0));
        BoundedCount { more: counted.more || self.cut, ..counted }
    }
}

async fn deferred(hub: &Hub, status: i16) -> Answer<Deferred> {
    let scan = i64::try_from(DEFERRED_SCAN).unwrap_or(i64::MAX);
    let mut per_queue = BTreeMap::new();
    for r in hub.look(Lane::Read, DEFERRED, &[(&status, Type::INT2), (&scan, Type::INT8)]).await? {
        per_queue.insert(r.try_get(0)?, number(&r, 1)?);
    }
    let cut = per_queue.values().sum::<u64>() >= DEFERRED_SCAN;
    Ok(Deferred { per_queue, cut })
}

//! Inserting jobs.

mod many;

pub(super) use self::many::{JOBS as INSERT_MANY, READY as PUT_READY_MANY};

use super::error::Fault;
use super::hot::Hot;
use super::names::WORKERS;
use super::queues::bump_settings;
use super::state::{JobRow, SCHEDULED, put_deferred, put_ready};
use super::writer::{Cx, time};
use crate::limits::MAX_ENQUEUE_BATCH;
use crate::storage::checks::{check_batch, micros};
use crate::storage::{EnqueueParams, Inserted};
use crate::{Due, JobId, NewJob, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

pub(super) const INSERT: &str = "INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, asked_us, \
     asked_delay, dedupe_key, tags, payload, concurrency_key) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
     ON CONFLICT (id) DO NOTHING";
const SAME_ID: &str = "SELECT queue, kind, priority, max_attempts, asked_us, asked_delay, dedupe_key, tags, payload, \
     concurrency_key FROM forge_jobs WHERE id = ?1";
const KEY_HOLDER: &str =
    "SELECT j.id FROM forge_unique u JOIN forge_jobs j ON j.seq = u.seq WHERE u.kind = ?1 AND u.key = ?2";
const HOLD_KEY: &str = "INSERT OR REPLACE INTO forge_unique (kind, key, seq) VALUES (?1, ?2, ?3)";

/// Inserts every job that can be inserted.
pub(super) fn enqueue(cx: &mut Cx<'_, '_>, params: &EnqueueParams) -> Result<Vec<Inserted>, Fault> {
    check_batch("jobs", params.jobs.len(), MAX_ENQUEUE_BATCH)?;
    insert_all(cx, &params.jobs, params.now)
}

/// The same for any number of jobs.
pub(super) fn insert_all(
    cx: &mut Cx<'_, '_>,
    jobs: &[NewJob],
    now: Option<Timestamp>,
) -> Result<Vec<Inserted>, Fault> {
    let now = time(now);
    let mut results = Vec::with_capacity(jobs.len());
    for piece in jobs.chunks(many::ROWS) {
        if many::insert(cx, piece, now)? {
            results.extend(std::iter::repeat_n(Inserted::Inserted, piece.len()));
            continue;
        }
        for job in piece {
            results.push(insert(cx, job, now)?);
        }
    }
    Ok(results)
}

fn insert(cx: &mut Cx<'_, '_>, job: &NewJob, now: i64) -> Result<Inserted, Fault> {
    let (queue, new) = cx.names.queue_or_new(cx.conn, &job.queue, WORKERS)?;
    if new {
        bump_settings(cx)?;
    }
    let kind = cx.names.kind(cx.conn, &job.kind)?;
    let asked = Asked::of(job, queue, kind);
    if let Some(key) = &job.dedupe_key {
        // The id comes first: a job sent twice is no duplicate of itself.
        if let Some(known) = compare(cx, job, &asked)? {
            return Ok(known);
        }
        if let Some(of) = key_holder(cx, kind, key)? {
            return Ok(Inserted::Duplicate { of });
        }
    }
    let due_at = due_at(job, now);
    let values = params![
        &job.id.as_bytes()[..],
        queue,
        kind,
        job.priority,
        due_at,
        now,
        job.max_attempts,
        asked.us,
        asked.delay,
        job.dedupe_key,
        asked.tags,
        job.payload.as_str(),
        job.concurrency_key
    ];
    if cx.hot(Hot::Insert)?.execute(values)? == 0 {
        return Ok(compare(cx, job, &asked)?.unwrap_or(Inserted::IdTaken));
    }
    let row = JobRow {
        seq: cx.conn.last_insert_rowid(),
        id: *job.id.as_bytes(),
        queue,
        kind,
        priority: job.priority.into(),
        due_at,
        attempts: 0,
        max_attempts: job.max_attempts.into(),
        throttles: 0,
        suspect: 0,
        crashes: 0,
        last_claim_no: 0,
        dedupe_key: None,
        concurrency_key: job.concurrency_key.clone(),
    };
    if let Some(key) = &job.dedupe_key {
        hold_key(cx, kind, key, row.seq)?;
    }
    if due_at > now {
        put_deferred(cx, &row, SCHEDULED)?;
    } else {
        put_ready(cx, &row)?;
    }
    Ok(Inserted::Inserted)
}

fn due_at(job: &NewJob, now: i64) -> i64 {
    match job.due {
        Due::Now => now,
        Due::At(at) => at.as_micros().max(now),
        // Within what a time can be, or a page's cursor would stand before the rows it has shown.
        Due::After(delay) => Timestamp::from_micros(now).saturating_add(delay).as_micros(),
    }
}

/// What was asked for, as it is stored, to tell a job sent twice from another job under its id.
#[derive(PartialEq, Eq)]
struct Asked {
    queue: i64,
    kind: i64,
    priority: i64,
    max_attempts: i64,
    us: Option<i64>,
    delay: bool,
    dedupe_key: Option<String>,
    concurrency_key: Option<String>,
    tags: Option<String>,
}

impl Asked {
    fn of(job: &NewJob, queue: i64, kind: i64) -> Self {
        let (us, delay) = match job.due {
            Due::Now => (None, false),
            Due::At(at) => (Some(at.as_micros()), false),
            Due::After(delay) => (Some(micros(delay)), true),
        };
        // A list of strings always has a JSON form.
        let tags = if job.tags.is_empty() { None } else { serde_json::to_string(&job.tags).ok() };
        Self {
            queue,
            kind,
            priority: job.priority.into(),
            max_attempts: job.max_attempts.into(),
            us,
            delay,
            dedupe_key: job.dedupe_key.clone(),
            concurrency_key: job.concurrency_key.clone(),
            tags,
        }
    }

    fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            queue: r.get(0)?,
            kind: r.get(1)?,
            priority: r.get(2)?,
            max_attempts: r.get(3)?,
            us: r.get(4)?,
            delay: r.get(5)?,
            dedupe_key: r.get(6)?,
            concurrency_key: r.get(9)?,
            tags: r.get(7)?,
        })
    }
}

/// What is known under the job's id; `None` if nothing is.
fn compare(cx: &Cx<'_, '_>, job: &NewJob, asked: &Asked) -> rusqlite::Result<Option<Inserted>> {
    let mut statement = cx.conn.prepare_cached(SAME_ID)?;
    let same = |r: &Row<'_>| Ok(Asked::read(r)? == *asked && r.get_ref(8)?.as_str()? == job.payload.as_str());
    let known = statement.query_row([&job.id.as_bytes()[..]], same).optional()?;
    Ok(known.map(|same| if same { Inserted::AlreadyThere } else { Inserted::IdTaken }))
}

/// The unfinished job that holds a key.
pub(super) fn key_holder(cx: &Cx<'_, '_>, kind: i64, key: &str) -> rusqlite::Result<Option<JobId>> {
    if !cx.guards(super::Guard::Dedupe) {
        return Ok(None);
    }
    let holder: Option<[u8; 16]> =
        cx.conn.prepare_cached(KEY_HOLDER)?.query_row(params![kind, key], |r| r.get(0)).optional()?;
    Ok(holder.map(JobId::from_bytes))
}

/// Takes a key for a job.
pub(super) fn hold_key(cx: &Cx<'_, '_>, kind: i64, key: &str, seq: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(HOLD_KEY)?.execute(params![kind, key, seq]).map(drop)
}

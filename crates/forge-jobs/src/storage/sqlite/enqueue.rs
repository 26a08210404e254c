//! Inserting jobs.

mod many;

pub(super) use self::many::{JOBS as INSERT_MANY, READY as PUT_READY_MANY};

use super::error::Fault;
use super::hot::Hot;
use super::names::WORKERS;
use super::queues::bump_settings;
use super::state::{JobRow, SCHEDULED, put_deferred, put_ready};
use super::unique::{self, Key};
use super::writer::{Cx, time};
use crate::hash::Fnv;
use crate::limits::MAX_ENQUEUE_BATCH;
use crate::storage::checks::{check_batch, micros};
use crate::storage::{EnqueueParams, Inserted};
use crate::{Dedupe, Due, NewJob, Timestamp, TraceContext};
use rusqlite::{OptionalExtension, Row, params};

pub(super) const INSERT: &str = "INSERT INTO forge_jobs (id, queue, kind, priority, due_at, created_at, max_attempts, asked_us, \
     asked_delay, dedupe_key, tags, payload, concurrency_key, dedupe_states, dedupe_us, trace) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
     ON CONFLICT (id) DO NOTHING";
const SAME_ID: &str = "SELECT queue, kind, priority, max_attempts, asked_us, asked_delay, dedupe_key, tags, payload, \
     concurrency_key, dedupe_states, dedupe_us FROM forge_jobs WHERE id = ?1";

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
    cx.at_home(now)?;
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
    let due_at = due_at(job, now);
    if let Some(dedupe) = &job.dedupe {
        // The id comes first: a job sent twice is no duplicate of itself.
        if let Some(known) = compare(cx, job, &asked)? {
            return Ok(known);
        }
        if let Some(other) = other(cx, job, dedupe, &asked, due_at, now)? {
            return Ok(other);
        }
    }
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
        asked.dedupe_key,
        asked.tags,
        job.payload.as_str(),
        job.concurrency_key,
        asked.dedupe_states,
        asked.dedupe_us,
        job.trace.as_ref().map(TraceContext::stored)
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
        concurrency_key: job.concurrency_key.clone(),
        dedupe: job.dedupe.as_ref().map(|d| key(d, now)),
    };
    unique::hold(cx, &row)?;
    if due_at > now {
        put_deferred(cx, &row, SCHEDULED)?;
    } else {
        put_ready(cx, &row)?;
    }
    cx.tape.enqueued(queue, kind, 1);
    Ok(Inserted::Inserted)
}

fn key(dedupe: &Dedupe, now: i64) -> Key {
    let until = dedupe.period.map(|period| Timestamp::from_micros(now).saturating_add(period).as_micros());
    Key { text: dedupe.key.clone(), states: dedupe.states, until }
}

/// What becomes of a job whose key another one holds; `None` if none does.
fn other(
    cx: &mut Cx<'_, '_>,
    job: &NewJob,
    dedupe: &Dedupe,
    asked: &Asked,
    due_at: i64,
    now: i64,
) -> Result<Option<Inserted>, Fault> {
    let Some(of) = unique::holder(cx, asked.kind, &dedupe.key, now)? else { return Ok(None) };
    let replaced = dedupe.replaces && unique::replace(cx, of, (job, asked), due_at, now)?;
    Ok(Some(if replaced { Inserted::Replaced { of } } else { Inserted::Duplicate { of } }))
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
pub(super) struct Asked {
    pub(super) queue: i64,
    pub(super) kind: i64,
    pub(super) priority: i64,
    pub(super) max_attempts: i64,
    pub(super) us: Option<i64>,
    pub(super) delay: bool,
    pub(super) dedupe_key: Option<String>,
    pub(super) dedupe_states: Option<i16>,
    pub(super) dedupe_us: Option<i64>,
    pub(super) concurrency_key: Option<String>,
    pub(super) tags: Option<String>,
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
            dedupe_key: job.dedupe.as_ref().map(|d| d.key.clone()),
            dedupe_states: job.dedupe.as_ref().and_then(|d| d.states.stored()),
            dedupe_us: job.dedupe.as_ref().and_then(|d| d.period).map(micros),
            concurrency_key: job.concurrency_key.clone(),
            tags,
        }
    }

    /// A number that two requests do not share, but for chance; the same in all versions.
    pub(super) fn digest(&self, payload: &str) -> i64 {
        let states = self.dedupe_states.map(i64::from);
        let numbers = [Some(self.queue), Some(self.kind), Some(self.priority), Some(self.max_attempts)];
        let numbers = numbers.into_iter().chain([self.us, Some(self.delay.into()), states, self.dedupe_us]);
        let texts = [self.dedupe_key.as_deref(), self.concurrency_key.as_deref(), self.tags.as_deref()];
        let mut hash = Fnv::new();
        for number in numbers {
            hash.add(&[number.is_some().into()]);
            hash.add(&number.unwrap_or_default().to_le_bytes());
        }
        // The length in front keeps two texts from running together.
        for text in texts.into_iter().chain([Some(payload)]) {
            hash.add(&[text.is_some().into()]);
            hash.add(&text.map_or(0, str::len).to_le_bytes());
            hash.add(text.unwrap_or_default().as_bytes());
        }
        hash.value().cast_signed()
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
            dedupe_states: r.get(10)?,
            dedupe_us: r.get(11)?,
            concurrency_key: r.get(9)?,
            tags: r.get(7)?,
        })
    }
}

/// What is known under the job's id; `None` if nothing is.
fn compare(cx: &Cx<'_, '_>, job: &NewJob, asked: &Asked) -> rusqlite::Result<Option<Inserted>> {
    let payload = job.payload.as_str();
    if let Some(known) = unique::became(cx, job.id, asked, payload)? {
        return Ok(Some(known));
    }
    let mut statement = cx.conn.prepare_cached(SAME_ID)?;
    let same = |r: &Row<'_>| Ok(Asked::read(r)? == *asked && r.get_ref(8)?.as_str()? == payload);
    let known = statement.query_row([&job.id.as_bytes()[..]], same).optional()?;
    Ok(known.map(|same| if same { Inserted::AlreadyThere } else { Inserted::IdTaken }))
}

/// What a job was asked to be, and its payload.
pub(super) fn as_asked(cx: &Cx<'_, '_>, id: [u8; 16]) -> rusqlite::Result<Option<(Asked, String)>> {
    let mut statement = cx.conn.prepare_cached(SAME_ID)?;
    statement.query_row([&id[..]], |r| Ok((Asked::read(r)?, r.get(8)?))).optional()
}

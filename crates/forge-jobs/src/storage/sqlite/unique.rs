//! Dedupe keys: held while their job is in one of its states, at most until a time.
//!
//! The key moves in the transaction that moves the job, so it is neither lost nor left behind by a crash. A job that
//! comes back takes its key again if it is free, and goes on without it otherwise: what was accepted runs.

use super::enqueue::{self, Asked};
use super::error::Fault;
use super::slots;
use super::state::{
    JobRow, Place, SCHEDULED, note, place_of, put_deferred, put_ready, take_deferred, take_ready,
};
use super::writer::Cx;
use crate::limits::{MAX_DEDUPE_PERIOD, MAX_REPLACEMENTS};
use crate::storage::Inserted;
use crate::storage::checks::micros;
use crate::storage::guard::Guard;
use crate::{DedupeStates, JobId, JobStatus, NewJob};
use rusqlite::{OptionalExtension, params};

/// One that is held for longer than anybody may ask was taken by a clock that was wrong.
const HOLDER: &str = "SELECT id FROM forge_unique WHERE kind = ?1 AND key = ?2 \
     AND coalesce(until > ?3 AND until <= ?4, 1)";
const HOLD: &str = "INSERT OR REPLACE INTO forge_unique (kind, key, id, until) VALUES (?1, ?2, ?3, ?4)";
/// The bits of the default are those of pending, scheduled, running and retrying.
const LEAVE: &str = "DELETE FROM forge_unique WHERE (kind, key, id) = \
     (SELECT kind, dedupe_key, id FROM forge_jobs WHERE seq = ?1 AND coalesce(dedupe_states, 15) & ?2 = 0)";
/// 4 is the bit of running.
const TAKE_FINISHED: &str = "INSERT INTO forge_unique (kind, key, id, until) \
     SELECT kind, dedupe_key, id, created_at + dedupe_us FROM forge_jobs WHERE seq = ?1 AND dedupe_key IS NOT NULL \
     AND dedupe_states & 4 = 0 AND dedupe_states & ?2 <> 0 AND coalesce(created_at + dedupe_us > ?3, 1) \
     ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id, until = excluded.until WHERE until <= ?3";
const FREE: &str = "DELETE FROM forge_unique WHERE (kind, key, id) = \
     (SELECT kind, dedupe_key, id FROM forge_jobs WHERE seq = ?1)";
const EXPIRED: &str = "DELETE FROM forge_unique WHERE (kind, key) IN \
     (SELECT kind, key FROM forge_unique WHERE until <= ?1 ORDER BY until LIMIT ?2)";
const FREE_ID: &str = "DELETE FROM forge_unique WHERE id = ?1";
const BECAME: &str = "SELECT j.id, r.digest FROM forge_replacements r JOIN forge_jobs j ON j.seq = r.seq \
     WHERE r.request = ?1";
const REMEMBER: &str = "INSERT INTO forge_replacements (request, seq, at, digest) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (request) DO NOTHING";
const FORGET_OLDEST: &str = "DELETE FROM forge_replacements WHERE seq = ?1 AND at > 0 AND at < \
     (SELECT at FROM forge_replacements WHERE seq = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)";
const BECOMES: &str = "UPDATE forge_jobs SET queue = ?2, priority = ?3, due_at = ?4, max_attempts = ?5, asked_us = ?6, \
     asked_delay = ?7, tags = ?8, payload = ?9, concurrency_key = ?10, trace = ?11, attempts = 0, throttles = 0, progress = NULL \
     WHERE seq = ?1";

/// A job's key and its terms.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) states: DedupeStates,
    pub(super) until: Option<i64>,
}

impl Key {
    fn has_expired(&self, now: i64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The job that holds a key. Retention may have deleted it, if it holds the key for a period.
pub(super) fn holder(cx: &Cx<'_, '_>, kind: i64, key: &str, now: i64) -> rusqlite::Result<Option<JobId>> {
    if !cx.guards(Guard::Dedupe) {
        return Ok(None);
    }
    let latest = now.saturating_add(micros(MAX_DEDUPE_PERIOD));
    let values = params![kind, key, now, latest];
    let id: Option<[u8; 16]> = cx.conn.prepare_cached(HOLDER)?.query_row(values, |r| r.get(0)).optional()?;
    Ok(id.map(JobId::from_bytes))
}

/// Takes a job's key for it.
pub(super) fn hold(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<()> {
    let Some(key) = &job.dedupe else { return Ok(()) };
    cx.conn.prepare_cached(HOLD)?.execute(params![job.kind, key.text, &job.id[..], key.until]).map(drop)
}

/// A job that has a key has come to be `status`: it holds it on if that is one of its states.
pub(super) fn enters(cx: &Cx<'_, '_>, seq: i64, status: JobStatus) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(LEAVE)?.execute(params![seq, DedupeStates::bit(status)]).map(drop)
}

/// A job that ran is finished: it takes its key, as one that comes back does, if it holds it when it is finished and gave
/// it up when it started.
pub(super) fn is_finished(cx: &Cx<'_, '_>, seq: i64, status: JobStatus, now: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(TAKE_FINISHED)?.execute(params![seq, DedupeStates::bit(status), now]).map(drop)
}

/// A person deletes a job.
pub(super) fn free(cx: &Cx<'_, '_>, seq: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(FREE)?.execute([seq]).map(drop)
}

/// A person deletes a job that retention has deleted before: a key of it may be held for a period. Says whether one was.
pub(super) fn free_id(cx: &Cx<'_, '_>, id: JobId) -> rusqlite::Result<bool> {
    Ok(cx.conn.prepare_cached(FREE_ID)?.execute([&id.as_bytes()[..]])? > 0)
}

/// A job that ran waits again: it takes its key, if it gave it up when it started and nobody else has it by now.
pub(super) fn comes_back(cx: &Cx<'_, '_>, job: &JobRow, now: i64) -> rusqlite::Result<()> {
    let Some(key) = &job.dedupe else { return Ok(()) };
    if key.states.contains(JobStatus::Running) || key.has_expired(now) {
        return Ok(());
    }
    match holder(cx, job.kind, &key.text, now)? {
        Some(_) => Ok(()),
        None => hold(cx, job),
    }
}

/// A dead job is made pending: it takes its key, or is told which job has it.
pub(super) fn takes_again(cx: &Cx<'_, '_>, job: &JobRow, now: i64) -> rusqlite::Result<Option<JobId>> {
    let Some(key) = job.dedupe.as_ref().filter(|key| !key.has_expired(now)) else { return Ok(None) };
    let other = holder(cx, job.kind, &key.text, now)?.filter(|id| id.as_bytes() != &job.id);
    if other.is_none() {
        hold(cx, job)?;
    }
    Ok(other)
}

/// Deletes keys whose time is over, at most `limit`; says how many.
pub(super) fn sweep(cx: &Cx<'_, '_>, now: i64, limit: u32) -> rusqlite::Result<usize> {
    cx.conn.prepare_cached(EXPIRED)?.execute(params![now, limit])
}

/// What is known of a request that a job has become, or that made one which has become another.
pub(super) fn became(
    cx: &Cx<'_, '_>,
    id: JobId,
    asked: &Asked,
    payload: &str,
) -> rusqlite::Result<Option<Inserted>> {
    let before: Option<([u8; 16], i64)> = cx
        .conn
        .prepare_cached(BECAME)?
        .query_row([&id.as_bytes()[..]], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(before.map(|(of, digest)| {
        let of = JobId::from_bytes(of);
        if asked.digest(payload) != digest {
            Inserted::IdTaken
        } else if of == id {
            Inserted::AlreadyThere
        } else {
            Inserted::Replaced { of }
        }
    }))
}

/// Remembers what a job was asked to be, and what it becomes.
fn remember(cx: &Cx<'_, '_>, job: &JobRow, (new, asked): (&NewJob, &Asked), now: i64) -> Result<(), Fault> {
    remember_first(cx, job)?;
    let mut remember = cx.conn.prepare_cached(REMEMBER)?;
    let digest = asked.digest(new.payload.as_str());
    remember.execute(params![&new.id.as_bytes()[..], job.seq, now, digest])?;
    cx.conn.prepare_cached(FORGET_OLDEST)?.execute(params![job.seq, MAX_REPLACEMENTS - 1])?;
    Ok(())
}

/// Remembers what a job was asked to be at first, before it becomes something else.
pub(super) fn remember_first(cx: &Cx<'_, '_>, job: &JobRow) -> rusqlite::Result<()> {
    let Some((first, payload)) = enqueue::as_asked(cx, job.id)? else { return Ok(()) };
    let values = params![&job.id[..], job.seq, 0, first.digest(&payload)];
    cx.conn.prepare_cached(REMEMBER)?.execute(values).map(drop)
}

/// Makes a job another one, if it waits; says whether it did. It stays a suspect: nobody knows what its process died of.
pub(super) fn replace(
    cx: &mut Cx<'_, '_>,
    of: JobId,
    (new, asked): (&NewJob, &Asked),
    due_at: i64,
    now: i64,
) -> Result<bool, Fault> {
    let Some(job) = JobRow::by_id(cx, of.as_bytes())? else { return Ok(false) };
    match place_of(cx, &job)? {
        Some(Place::Ready) => take_ready(cx, &job)?,
        Some(Place::Deferred(status)) => take_deferred(cx, &job, status)?,
        Some(Place::Running(_) | Place::Finished(..)) | None => return Ok(false),
    }
    slots::give_on(cx, job.seq)?;
    let values = params![
        job.seq,
        asked.queue,
        asked.priority,
        due_at,
        asked.max_attempts,
        asked.us,
        asked.delay,
        asked.tags,
        new.payload.as_str(),
        asked.concurrency_key,
        new.trace.as_ref().map(crate::TraceContext::stored)
    ];
    remember(cx, &job, (new, asked), now)?;
    cx.conn.prepare_cached(BECOMES)?.execute(values)?;
    note(cx, job.seq, now, "replaced", None)?;
    let Some(job) = JobRow::by_seq(cx, job.seq)? else { return Ok(false) };
    if due_at > now {
        put_deferred(cx, &job, SCHEDULED)?;
    } else {
        put_ready(cx, &job)?;
    }
    Ok(true)
}

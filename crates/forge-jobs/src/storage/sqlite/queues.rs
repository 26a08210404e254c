//! Per-queue knobs.

use super::audit;
use super::audit_ends::outcome;
use super::error::Fault;
use super::writer::{Cx, time};
use crate::Timestamp;
use crate::retry::BackoffPolicy;
use crate::storage::audit_entry::{Entry, queue_action, settings};
use crate::storage::checks::{check_queue, micros};
use crate::storage::{
    EnsureQueueParams, QueueRow, QueueSettings, Retention, StorageError, UpdateQueueParams,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

const QUEUE: &str = "SELECT name, workers, workers_by_operator, paused, backoff_enabled, backoff_base_us, \
     backoff_max_us, done_retention_us, dead_retention_us, version, max_running, \
     paused_at, paused_by FROM forge_queues";
const SET_WORKERS: &str = "UPDATE forge_queues SET workers = ?2, version = version + 1 WHERE no = ?1";
const UPDATE: &str = "UPDATE forge_queues SET workers = ?2, workers_by_operator = ?3, paused = ?4, \
     backoff_enabled = ?5, backoff_base_us = ?6, backoff_max_us = ?7, done_retention_us = ?8, \
     dead_retention_us = ?9, max_running = ?10, paused_at = ?11, paused_by = ?12, version = version + 1 WHERE name = ?1";
const BUMP: &str = "UPDATE forge_counters SET value = value + 1 WHERE name = 'settings_version'";
pub(super) const VERSION: &str = "SELECT value FROM forge_counters WHERE name = 'settings_version'";

/// The version of all queue settings.
pub(super) fn settings_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached(VERSION)?.query_row([], |r| r.get(0))
}

/// Settings have changed: every process reads them again.
pub(super) fn bump_settings(cx: &mut Cx<'_, '_>) -> rusqlite::Result<()> {
    cx.effects.claimable = true;
    cx.conn.prepare_cached(BUMP)?.execute([]).map(drop)
}

/// A queue and its settings, from a row of [`QUEUE`].
pub(super) fn read(r: &Row<'_>) -> rusqlite::Result<QueueRow> {
    let us = |at: usize| -> rusqlite::Result<Duration> {
        Ok(Duration::from_micros(r.get::<_, i64>(at)?.max(0).unsigned_abs()))
    };
    let retention = |at: usize| -> rusqlite::Result<Retention> {
        let kept: Option<i64> = r.get(at)?;
        Ok(kept
            .map_or(Retention::Forever, |us| Retention::For(Duration::from_micros(us.max(0).unsigned_abs()))))
    };
    Ok(QueueRow {
        name: r.get(0)?,
        settings: QueueSettings {
            workers: r.get(1)?,
            paused: r.get(3)?,
            backoff: BackoffPolicy { enabled: r.get(4)?, base: us(5)?, max: us(6)? },
            done_retention: retention(7)?,
            dead_retention: retention(8)?,
            max_running: r.get(10)?,
        },
        version: r.get(9)?,
        workers_set_by_operator: r.get(2)?,
        paused_at: r.get::<_, Option<i64>>(11)?.map(Timestamp::from_micros),
        paused_by: r.get(12)?,
    })
}

/// One queue.
pub(super) fn get(conn: &Connection, queue: &str) -> rusqlite::Result<Option<QueueRow>> {
    conn.prepare_cached(&format!("{QUEUE} WHERE name = ?1"))?.query_row([queue], read).optional()
}

/// All queues, by name.
pub(super) fn list(conn: &Connection) -> rusqlite::Result<Vec<QueueRow>> {
    conn.prepare_cached(&format!("{QUEUE} ORDER BY name"))?.query_map([], read)?.collect()
}

/// Creates a queue, or sets its workers unless an operator did.
pub(super) fn ensure(cx: &mut Cx<'_, '_>, params: &EnsureQueueParams) -> Result<QueueRow, Fault> {
    check_queue(&params.queue, params.workers)?;
    let (no, new) = cx.names.queue_or_new(cx.conn, &params.queue, params.workers)?;
    let row = must(get(cx.conn, &params.queue)?, &params.queue)?;
    let changed = !row.workers_set_by_operator && row.settings.workers != params.workers;
    if changed {
        cx.conn.prepare_cached(SET_WORKERS)?.execute(params![no, params.workers])?;
    }
    if new || changed {
        bump_settings(cx)?;
    }
    must(get(cx.conn, &params.queue)?, &params.queue)
}

/// Changes settings.
pub(super) fn update(cx: &mut Cx<'_, '_>, params: &UpdateQueueParams) -> Result<QueueRow, Fault> {
    let row = must(get(cx.conn, &params.queue)?, &params.queue)?;
    if let Some(expected) = params.expected_version
        && expected != row.version
    {
        let detail =
            format!("{:?} has version {} now, not {expected}: look at it again", params.queue, row.version);
        return Err(StorageError::Conflict { what: "queue settings", detail }.into());
    }
    let s = params.patch.apply(row.settings).map_err(StorageError::from)?;
    let by_operator = row.workers_set_by_operator || params.patch.workers.is_some();
    let now = time(params.now);
    let changed = s != row.settings || by_operator != row.workers_set_by_operator;
    if let Some(actor) = &params.actor {
        let entry = Entry::new(actor, queue_action(&row.settings, &s), "queue", Some(&params.queue));
        let entry = entry.changing(&settings(&row.settings), &settings(&s));
        audit::record(cx, &entry, (changed.into(), outcome(changed.into())), now)?;
    }
    if !changed {
        return Ok(row);
    }
    let (paused_at, paused_by) = match (row.settings.paused, s.paused) {
        (_, false) => (None, None),
        (true, true) => (row.paused_at.map(Timestamp::as_micros), row.paused_by),
        (false, true) => (Some(now), params.actor.as_ref().map(|a| a.name().to_owned())),
    };
    let kept = |r: Retention| match r {
        Retention::For(d) => Some(micros(d)),
        Retention::Forever => None,
    };
    cx.conn.prepare_cached(UPDATE)?.execute(params![
        params.queue,
        s.workers,
        by_operator,
        s.paused,
        s.backoff.enabled,
        micros(s.backoff.base),
        micros(s.backoff.max),
        kept(s.done_retention),
        kept(s.dead_retention),
        s.max_running,
        paused_at,
        paused_by
    ])?;
    bump_settings(cx)?;
    must(get(cx.conn, &params.queue)?, &params.queue)
}

fn must(row: Option<QueueRow>, queue: &str) -> Result<QueueRow, Fault> {
    row.ok_or_else(|| StorageError::NotFound { what: "queue", name: queue.to_owned() }.into())
}

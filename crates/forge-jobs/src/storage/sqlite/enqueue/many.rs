//! Inserting many ordinary jobs by one statement.
//!
//! A row of it costs a third less than a statement of its own. Jobs that need a look at others (a key) or that
//! are not due take the way one by one, and so do all when an id is not new.

use super::{Asked, due_at};
use crate::storage::sqlite::error::Fault;
use crate::storage::sqlite::hot::Hot;
use crate::storage::sqlite::names::WORKERS;
use crate::storage::sqlite::queues::bump_settings;
use crate::storage::sqlite::writer::Cx;
use crate::{NewJob, TraceContext};
use rusqlite::{ErrorCode, Statement, ToSql};
use std::sync::LazyLock;

/// Jobs of one statement.
pub(super) const ROWS: usize = 32;

pub(in crate::storage::sqlite) static JOBS: LazyLock<String> = LazyLock::new(|| {
    let columns = "id, queue, kind, priority, due_at, created_at, max_attempts, asked_us, asked_delay, tags, payload, trace";
    format!("INSERT INTO forge_jobs ({columns}) VALUES {}", rows(12))
});
pub(in crate::storage::sqlite) static READY: LazyLock<String> = LazyLock::new(|| {
    format!("INSERT INTO forge_ready (queue, lane, priority, due_at, id, seq, kind) VALUES {}", rows(7))
});

fn rows(columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; ROWS].join(", ")
}

/// Inserts all of them, or says that they must go one by one and inserts none.
pub(super) fn insert(cx: &mut Cx<'_, '_>, jobs: &[NewJob], now: i64) -> Result<bool, Fault> {
    if jobs.len() < ROWS || jobs.iter().any(|job| job.has_key() || due_at(job, now) > now) {
        return Ok(false);
    }
    let mut numbers = Vec::with_capacity(ROWS);
    for job in jobs {
        let (queue, new) = cx.names.queue_or_new(cx.conn, &job.queue, WORKERS)?;
        if new {
            bump_settings(cx)?;
        }
        numbers.push((queue, cx.names.kind(cx.conn, &job.kind)?));
    }
    let mut statement = cx.hot(Hot::InsertMany)?;
    let mut bind = Binder { statement: &mut statement, at: 0 };
    for (job, (queue, kind)) in jobs.iter().zip(&numbers) {
        let asked = Asked::of(job, *queue, *kind);
        bind.next(&job.id.as_bytes()[..])?;
        for number in [*queue, *kind, job.priority.into(), now, now, job.max_attempts.into()] {
            bind.next(number)?;
        }
        bind.next(asked.us)?;
        bind.next(asked.delay)?;
        bind.next(asked.tags)?;
        bind.next(job.payload.as_str())?;
        bind.next(job.trace.as_ref().map(TraceContext::stored))?;
    }
    match statement.raw_execute() {
        Ok(_) => {}
        // Nothing of a statement that fails like this stays.
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Ok(false),
        Err(e) => return Err(e.into()),
    }
    // One writer, one statement: the numbers follow one another.
    let mut seq = cx.conn.last_insert_rowid() - i64::try_from(ROWS).unwrap_or(0);
    let mut statement = cx.hot(Hot::PutReadyMany)?;
    let mut bind = Binder { statement: &mut statement, at: 0 };
    for (job, (queue, kind)) in jobs.iter().zip(&numbers) {
        seq += 1;
        for number in [*queue, 0, job.priority.into(), now] {
            bind.next(number)?;
        }
        bind.next(&job.id.as_bytes()[..])?;
        bind.next(seq)?;
        bind.next(*kind)?;
    }
    statement.raw_execute()?;
    cx.effects.claimable = true;
    for (queue, kind) in numbers {
        cx.tape.enqueued(queue, kind, 1);
    }
    Ok(true)
}

/// Binds one parameter after the other.
struct Binder<'s, 'c> {
    statement: &'s mut Statement<'c>,
    at: usize,
}

impl Binder<'_, '_> {
    fn next(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.at += 1;
        self.statement.raw_bind_parameter(self.at, value)
    }
}

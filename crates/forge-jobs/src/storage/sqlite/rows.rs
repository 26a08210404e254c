//! Rows for people: a job with everything that the tables tell of it.

use super::state::reason;
use crate::errors::ErrorGroupId;
use crate::storage::history::chunks::with_details;
use crate::{
    Attempt, AttemptCause, AttemptResult, DeadReason, DedupeStates, Job, JobId, JobStatus, Payload,
    ProcessId, Timestamp, Worker,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// One job, out of the tables that tell where it stands.
const JOB: &str = "SELECT j.id, k.name, q.name, \
     CASE WHEN f.seq IS NOT NULL THEN f.status WHEN r.seq IS NOT NULL THEN 2 \
          WHEN EXISTS (SELECT 1 FROM forge_ready y WHERE y.queue = j.queue AND y.lane IN ((j.suspect > 0), 2) \
                       AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id) THEN 0 \
          WHEN EXISTS (SELECT 1 FROM forge_deferred d WHERE d.status = 3 AND d.due_at = j.due_at AND d.id = j.id) THEN 3 \
          ELSE 1 END, \
     f.reason, j.priority, coalesce(f.attempt, r.attempt, j.attempts), j.max_attempts, \
     coalesce(f.claim_no, r.claim_no, j.last_claim_no), p.id, j.created_at, j.due_at, \
     coalesce(f.started_at, r.claimed_at), f.finished_at, r.cancel_at, j.throttles, j.crashes, j.suspect, \
     j.dedupe_key, j.tags, j.payload, coalesce(f.error, j.error), f.output, j.progress, j.concurrency_key, \
     (SELECT h.id FROM forge_waiting w JOIN forge_slots s ON s.kind = w.kind AND s.key = w.key \
        JOIN forge_jobs h ON h.seq = s.seq \
      WHERE w.kind = j.kind AND w.key = j.concurrency_key AND w.priority = j.priority AND w.due_at = j.due_at \
        AND w.id = j.id), j.dedupe_states, j.created_at + j.dedupe_us \
     FROM forge_jobs j JOIN forge_kinds k ON k.no = j.kind JOIN forge_queues q ON q.no = j.queue \
     LEFT JOIN forge_finished f ON f.seq = j.seq LEFT JOIN forge_running r ON r.seq = j.seq \
     LEFT JOIN forge_processes p ON p.no = coalesce(f.process, r.process) WHERE j.seq = ?1";
const SEQ: &str = "SELECT seq FROM forge_jobs WHERE id = ?1";
const ATTEMPTS: &str = "SELECT a.attempt, a.claim_no, p.id, a.started_at, a.ended_at, a.result, a.error, a.next_due_at, \
     p.host, p.pid, p.version, a.error_group, a.details FROM ( \
     SELECT attempt, claim_no, process, started_at, ended_at, result, error, next_due_at, error_group, details \
        FROM forge_attempts WHERE seq = ?1 \
     UNION ALL SELECT attempt, claim_no, process, started_at, finished_at, 5, NULL, NULL, NULL, NULL \
        FROM forge_finished WHERE seq = ?1 AND status = 4) a \
     LEFT JOIN forge_processes p ON p.no = a.process ORDER BY a.claim_no";

/// The row number of a job.
pub(super) fn seq_of(conn: &Connection, id: JobId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(SEQ)?.query_row([&id.as_bytes()[..]], |r| r.get(0)).optional()
}

/// A job by its row number.
pub(super) fn job(conn: &Connection, seq: i64) -> rusqlite::Result<Option<Job>> {
    conn.prepare_cached(JOB)?.query_row(params![seq], read_job).optional()
}

fn read_job(r: &Row<'_>) -> rusqlite::Result<Job> {
    let time = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(r.get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
    };
    let status = super::state::status(r.get(3)?);
    let dead_reason: Option<DeadReason> = reason(r.get(4)?);
    let finished = matches!(status, JobStatus::Done | JobStatus::Dead);
    Ok(Job {
        id: JobId::from_bytes(r.get(0)?),
        kind: r.get(1)?,
        queue: r.get(2)?,
        status,
        dead_reason,
        priority: r.get(5)?,
        attempt: r.get(6)?,
        max_attempts: r.get(7)?,
        claim_no: r.get(8)?,
        process: r.get::<_, Option<[u8; 16]>>(9)?.map(ProcessId::from_bytes),
        created_at: Timestamp::from_micros(r.get(10)?),
        due_at: Timestamp::from_micros(r.get(11)?),
        started_at: time(12)?,
        finished_at: time(13)?,
        cancel_requested_at: time(14)?,
        throttles: r.get(15)?,
        crashes: r.get(16)?,
        // A suspect that finished has proved itself, or died of it; the row is not touched for that.
        suspect: r.get::<_, bool>(17)? && !finished,
        dedupe_key: r.get(18)?,
        dedupe_states: DedupeStates::from_stored(r.get(26)?),
        dedupe_until: time(27)?,
        concurrency_key: r.get(24)?,
        waits_for: r.get::<_, Option<[u8; 16]>>(25)?.map(JobId::from_bytes),
        tags: r.get_ref(19)?.as_str_or_null()?.map(tags).unwrap_or_default(),
        payload: Payload::from_storage(r.get_ref(20)?.as_str()?),
        error: r.get(21)?,
        output: r.get_ref(22)?.as_str_or_null()?.map(Payload::from_storage),
        progress: r.get_ref(23)?.as_str_or_null()?.and_then(super::progress::parse),
    })
}

/// Tags as they are stored: a JSON array.
pub(super) fn tags(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A process, out of the three columns from `at` on.
pub(super) fn worker(r: &Row<'_>, at: usize) -> rusqlite::Result<Option<Worker>> {
    let Some(host) = r.get(at)? else { return Ok(None) };
    Ok(Some(Worker { host, pid: r.get(at + 1)?, version: r.get(at + 2)? }))
}

/// The attempts of a job that have ended, oldest first.
pub(super) fn attempts(conn: &Connection, seq: i64) -> rusqlite::Result<Vec<Attempt>> {
    let mut statement = conn.prepare_cached(ATTEMPTS)?;
    let rows = statement.query_map([seq], |r| {
        let result: usize = r.get(5)?;
        let attempt = Attempt {
            attempt: r.get(0)?,
            claim_no: r.get(1)?,
            process: r.get::<_, Option<[u8; 16]>>(2)?.map(ProcessId::from_bytes),
            worker: worker(r, 8)?,
            started_at: Timestamp::from_micros(r.get(3)?),
            ended_at: Timestamp::from_micros(r.get(4)?),
            result: AttemptResult::ALL.get(result).copied().unwrap_or(AttemptResult::Failed),
            cause: AttemptCause::Handler,
            error: r.get(6)?,
            chain: Vec::new(),
            location: None,
            error_group: r.get::<_, Option<i64>>(11)?.map(ErrorGroupId::from_number),
            next_due_at: r.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
        };
        Ok(with_details(attempt, r.get_ref(12)?.as_str_or_null()?))
    })?;
    rows.collect()
}

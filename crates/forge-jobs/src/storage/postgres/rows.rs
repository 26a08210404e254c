//! Rows for people: a job with everything that the tables tell of it; and the numbers that stand for words.

use super::error::Fault;
use super::hub::{Hub, Lane};
use crate::errors::ErrorGroupId;
use crate::storage::history::chunks::with_details;
use crate::{
    Attempt, AttemptCause, AttemptResult, DeadReason, DedupeStates, Job, JobId, JobStatus, Payload,
    ProcessId, Progress, Timestamp, Worker,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Jobs, out of the tables that tell where they stand.
const JOBS: &str = "SELECT j.id, k.name, q.name, \
     CASE WHEN f.id IS NOT NULL THEN f.status WHEN r.id IS NOT NULL THEN 2 \
          WHEN EXISTS (SELECT FROM {schema}.ready y WHERE y.queue = j.queue AND y.lane IN ((j.suspect > 0)::int4, 2) \
                       AND y.kind = j.kind AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id) THEN 0 \
          WHEN EXISTS (SELECT FROM {schema}.deferred d WHERE d.status = 3 AND d.due_at = j.due_at AND d.id = j.id) THEN 3 \
          ELSE 1 END::int2, \
     f.reason, j.priority, coalesce(f.attempt, r.attempt, j.attempts), j.max_attempts, \
     coalesce(f.claim_no, r.claim_no, j.last_claim_no), p.id, j.created_at, j.due_at, \
     coalesce(f.started_at, r.claimed_at), f.finished_at, r.cancel_at, j.throttles, j.crashes, j.suspect, \
     j.dedupe_key, j.tags, j.payload, coalesce(f.error, j.error), f.output, j.progress, j.concurrency_key, \
     (SELECT s.id FROM {schema}.waiting w JOIN {schema}.slots s ON s.kind = w.kind AND s.key = w.key \
      WHERE w.kind = j.kind AND w.key = j.concurrency_key AND w.priority = j.priority AND w.due_at = j.due_at \
        AND w.id = j.id), j.dedupe_states, j.created_at + j.dedupe_us \
     FROM unnest($1) WITH ORDINALITY AS u(id, at) JOIN {schema}.jobs j ON j.id = u.id \
     JOIN {schema}.kinds k ON k.no = j.kind JOIN {schema}.queues q ON q.no = j.queue \
     LEFT JOIN {schema}.finished f ON f.id = j.id LEFT JOIN {schema}.running r ON r.id = j.id \
     LEFT JOIN {schema}.processes p ON p.no = coalesce(f.process, r.process) ORDER BY u.at";
const ATTEMPTS: &str = "SELECT a.attempt, a.claim_no, p.id, a.started_at, a.ended_at, a.result, a.error, a.next_due_at, \
     p.host, p.pid, p.version, a.error_group, a.details FROM ( \
     SELECT attempt, claim_no, process, started_at, ended_at, result, error, next_due_at, error_group, details \
        FROM {schema}.attempts WHERE id = $1 \
     UNION ALL SELECT attempt, claim_no, process, started_at, finished_at, 5::int2, NULL, NULL, NULL, NULL \
        FROM {schema}.finished WHERE id = $1 AND status = 4) a \
     LEFT JOIN {schema}.processes p ON p.no = a.process ORDER BY a.claim_no";

/// Jobs by their ids, in their order; those that are gone are left out.
pub(super) async fn jobs(hub: &Hub, ids: &[Uuid]) -> Result<Vec<Job>, Fault> {
    let rows = hub.look(Lane::Read, JOBS, &[(&ids, Type::UUID_ARRAY)]).await?;
    Ok(rows.iter().map(read_job).collect::<Result<_, _>>()?)
}

fn process(r: &Row, at: usize) -> Result<Option<ProcessId>, tokio_postgres::Error> {
    let id: Option<Uuid> = r.try_get(at)?;
    Ok(id.map(|p| ProcessId::from_bytes(*p.as_bytes())))
}

fn count(r: &Row, at: usize) -> Result<u32, tokio_postgres::Error> {
    Ok(u32::try_from(r.try_get::<_, i32>(at)?).unwrap_or(0))
}

fn read_job(r: &Row) -> Result<Job, tokio_postgres::Error> {
    let time = |at: usize| -> Result<Option<Timestamp>, tokio_postgres::Error> {
        Ok(r.try_get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
    };
    let status = status(r.try_get(3)?);
    let finished = status.is_finished();
    Ok(Job {
        id: JobId::from_bytes(*r.try_get::<_, Uuid>(0)?.as_bytes()),
        kind: r.try_get(1)?,
        queue: r.try_get(2)?,
        status,
        dead_reason: reason(r.try_get(4)?),
        priority: r.try_get(5)?,
        attempt: count(r, 6)?,
        max_attempts: count(r, 7)?,
        claim_no: r.try_get(8)?,
        process: process(r, 9)?,
        created_at: Timestamp::from_micros(r.try_get(10)?),
        due_at: Timestamp::from_micros(r.try_get(11)?),
        started_at: time(12)?,
        finished_at: time(13)?,
        cancel_requested_at: time(14)?,
        throttles: count(r, 15)?,
        crashes: count(r, 16)?,
        // A suspect that finished has proved itself, or died of it; the row is not touched for that.
        suspect: r.try_get::<_, i32>(17)? > 0 && !finished,
        dedupe_key: r.try_get(18)?,
        dedupe_states: DedupeStates::from_stored(r.try_get(26)?),
        dedupe_until: time(27)?,
        concurrency_key: r.try_get(24)?,
        waits_for: r.try_get::<_, Option<Uuid>>(25)?.map(|id| JobId::from_bytes(*id.as_bytes())),
        tags: r.try_get::<_, Option<&str>>(19)?.map(tags).unwrap_or_default(),
        payload: Payload::from_storage(r.try_get::<_, &str>(20)?),
        error: r.try_get(21)?,
        output: r.try_get::<_, Option<&str>>(22)?.map(Payload::from_storage),
        progress: r.try_get::<_, Option<&str>>(23)?.and_then(progress),
    })
}

/// Tags as they are stored: a JSON array.
pub(super) fn tags(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A progress report as it is stored; `None` for text that is none of ours.
fn progress(text: &str) -> Option<Progress> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(Progress {
        done: value.get("done")?.as_u64()?,
        total: value.get("total").and_then(serde_json::Value::as_u64),
        note: value.get("note").and_then(serde_json::Value::as_str).map(str::to_owned),
    })
}

/// A process, out of the three columns from `at` on.
pub(super) fn worker(r: &Row, at: usize) -> Result<Option<Worker>, tokio_postgres::Error> {
    let Some(host) = r.try_get(at)? else { return Ok(None) };
    let pid = u32::try_from(r.try_get::<_, i64>(at + 1)?).unwrap_or(0);
    Ok(Some(Worker { host, pid, version: r.try_get(at + 2)? }))
}

/// The attempts of a job that have ended, oldest first.
pub(super) async fn attempts(hub: &Hub, id: Uuid) -> Result<Vec<Attempt>, Fault> {
    let rows = hub.look(Lane::Read, ATTEMPTS, &[(&id, Type::UUID)]).await?;
    let read = |r: &Row| -> Result<Attempt, tokio_postgres::Error> {
        let result = usize::try_from(r.try_get::<_, i16>(5)?).unwrap_or(0);
        let attempt = Attempt {
            attempt: count(r, 0)?,
            claim_no: r.try_get(1)?,
            process: process(r, 2)?,
            worker: worker(r, 8)?,
            started_at: Timestamp::from_micros(r.try_get(3)?),
            ended_at: Timestamp::from_micros(r.try_get(4)?),
            result: AttemptResult::ALL.get(result).copied().unwrap_or(AttemptResult::Failed),
            cause: AttemptCause::Handler,
            error: r.try_get(6)?,
            chain: Vec::new(),
            location: None,
            error_group: r.try_get::<_, Option<i64>>(11)?.map(ErrorGroupId::from_number),
            next_due_at: r.try_get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
        };
        Ok(with_details(attempt, r.try_get(12)?))
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// The status that a number stands for.
pub(super) const fn status(no: i16) -> JobStatus {
    match no {
        1 => JobStatus::Scheduled,
        2 => JobStatus::Running,
        3 => JobStatus::Retrying,
        4 => JobStatus::Done,
        5 => JobStatus::Dead,
        _ => JobStatus::Pending,
    }
}

/// The reason that a number stands for.
pub(super) fn reason(no: Option<i16>) -> Option<DeadReason> {
    no.and_then(|no| DeadReason::ALL.get(usize::try_from(no).ok()?).copied())
}

/// The number that stands for a reason.
pub(super) const fn reason_no(reason: DeadReason) -> i16 {
    match reason {
        DeadReason::Exhausted => 0,
        DeadReason::Discarded => 1,
        DeadReason::Cancelled => 2,
        DeadReason::Poison => 3,
        DeadReason::Undecodable => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_agree_both_ways() {
        for r in DeadReason::ALL {
            assert_eq!(reason(Some(reason_no(r))), Some(r));
        }
        for (no, s) in JobStatus::ALL.into_iter().enumerate() {
            assert_eq!(status(i16::try_from(no).unwrap()), s);
        }
    }
}

//! Claiming jobs.

use super::error::{Fault, not_registered};
use super::hub::{Hub, Lane};
use super::marks::{Claims, Reading, Spans, Taken};
use crate::limits::MAX_CLAIM_BATCH;
use crate::storage::{ClaimBatch, ClaimMode, ClaimParams, Claimed, KindFilter, Lease, StorageError};
use crate::storage::{LimitReach, LimitedWant};
use crate::{ClaimedJob, JobId, Payload, ProcessId, Timestamp, TraceContext};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const CLAIM: &str = "SELECT settings_version, suspects, read, now_us, want, kind, id, claim_no, payload, attempts, max_attempts, priority, \
     throttles, created_at, due_at, tags, suspect, passed_wants, passed_kinds, queue_no, trace \
     FROM {schema}.claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Claims jobs of every wanted queue.
pub(super) async fn claim(hub: Arc<Hub>, params: ClaimParams) -> Result<ClaimBatch, StorageError> {
    let alone = params.mode == ClaimMode::Alone;
    let from = if alone { Spans::default() } else { hub.marks.for_claim(&params) };
    let rows = match claim_rows(&hub, &params, &from).await {
        Ok(rows) => rows,
        Err(e) if not_registered(&e) => {
            return Err(StorageError::NotFound {
                what: "registered process",
                name: params.process.to_string(),
            });
        }
        Err(e) => return Err(e.into_storage(true)),
    };
    let (batch, claims, reading) = understand(&hub, &params, &rows).await.map_err(unseen)?;
    if !alone {
        hub.marks.claimed(from, &params.wants, &claims, reading);
    }
    Ok(batch)
}

/// The claim is committed and its jobs are not known: only the end of the registration gives them back, and callers
/// end it when the outcome is unknown.
fn unseen(fault: Fault) -> StorageError {
    let e = fault.into_storage(true);
    StorageError::Unavailable {
        detail: format!("what was claimed could not be read: {e}"),
        outcome_unknown: true,
        source: Some(Box::new(e)),
    }
}

async fn claim_rows(hub: &Hub, params: &ClaimParams, from: &Spans) -> Result<Vec<Row>, Fault> {
    let process = Uuid::from_bytes(*params.process.as_bytes());
    let queues: Vec<&str> = params.wants.iter().map(|w| w.queue.as_str()).collect();
    let limits: Vec<i32> = params.wants.iter().map(|w| w.limit.try_into().unwrap_or(i32::MAX)).collect();
    let kinds: Option<Vec<&str>> = match &params.kinds {
        KindFilter::Any => None,
        KindFilter::Only(kinds) => Some(kinds.iter().map(String::as_str).collect()),
    };
    let alone = params.mode == ClaimMode::Alone;
    let total = i32::try_from(MAX_CLAIM_BATCH).unwrap_or(i32::MAX);
    let now = params.now.map(Timestamp::as_micros);
    hub.write(
        Lane::Work,
        CLAIM,
        &[
            (&process, Type::UUID),
            (&queues, Type::TEXT_ARRAY),
            (&limits, Type::INT4_ARRAY),
            (&kinds, Type::TEXT_ARRAY),
            (&alone, Type::BOOL),
            (&total, Type::INT4),
            (&from.wants, Type::INT4_ARRAY),
            (&from.kinds, Type::INT4_ARRAY),
            (&from.priorities, Type::INT2_ARRAY),
            (&from.dues, Type::INT8_ARRAY),
            (&from.ids, Type::UUID_ARRAY),
            (&from.ends, Type::INT2_ARRAY),
            (&now, Type::INT8),
        ],
    )
    .await
}

async fn understand(
    hub: &Hub,
    params: &ClaimParams,
    rows: &[Row],
) -> Result<(ClaimBatch, Claims, Reading), Fault> {
    let jobs = rows.len().saturating_sub(1);
    let mut batch = ClaimBatch { jobs: Vec::with_capacity(jobs), ..ClaimBatch::default() };
    let mut claims = Claims { taken: Vec::with_capacity(jobs), passed: Vec::new() };
    let mut reading = Reading { entries: 0, now: 0 };
    for row in rows {
        let want: Option<i32> = row.try_get(4)?;
        let Some(at) = want.and_then(|w| usize::try_from(w - 1).ok()).filter(|at| *at < params.wants.len())
        else {
            batch.settings_version = row.try_get(0)?;
            batch.suspects_waiting = row.try_get(1)?;
            reading = Reading { entries: row.try_get::<_, i64>(2)?.unsigned_abs(), now: row.try_get(3)? };
            let (wants, kinds): (Vec<i32>, Vec<i32>) = (row.try_get(17)?, row.try_get(18)?);
            let wants = wants.into_iter().filter_map(|want| usize::try_from(want - 1).ok());
            claims.passed = wants.zip(kinds).collect();
            continue;
        };
        let kind: i32 = row.try_get(5)?;
        if row.try_get::<_, Option<Uuid>>(6)?.is_none() {
            batch.limited.push(limited(row, &params.wants[at].queue, kind)?);
            continue;
        }
        let name = hub.kind_name(kind).await?;
        let claimed = read(row, params.process, &params.wants[at].queue, &name)?;
        let key = (claimed.job.due_at.as_micros(), Uuid::from_bytes(*claimed.job.id.as_bytes()));
        claims.taken.push(Taken { want: at, kind, priority: claimed.job.priority, key });
        batch.jobs.push(claimed);
    }
    Ok((batch, claims, reading))
}

/// What is told of a queue whose jobs take permits: 0 for the kind means all of them.
fn limited(row: &Row, queue: &str, kind: i32) -> Result<LimitedWant, tokio_postgres::Error> {
    let (now, until): (i64, Option<i64>) = (row.try_get(3)?, row.try_get(14)?);
    let again_in = until.map(|at| Duration::from_micros(at.saturating_sub(now).max(0).unsigned_abs()));
    let reach = if kind == 0 { LimitReach::Queue } else { LimitReach::Kinds };
    Ok(LimitedWant { queue: queue.to_owned(), reach, again_in })
}

fn read(row: &Row, process: ProcessId, queue: &str, kind: &str) -> Result<Claimed, tokio_postgres::Error> {
    let id = JobId::from_bytes(*row.try_get::<_, Uuid>(6)?.as_bytes());
    let count = |at: usize| -> Result<u32, tokio_postgres::Error> {
        Ok(u32::try_from(row.try_get::<_, i32>(at)?).unwrap_or(0))
    };
    let tags: Option<&str> = row.try_get(15)?;
    let payload: &str = row.try_get(8)?;
    let job = ClaimedJob {
        id,
        kind: kind.to_owned(),
        queue: queue.to_owned(),
        payload: Payload::from_storage(payload),
        attempt: count(9)?.saturating_add(1),
        max_attempts: count(10)?,
        priority: row.try_get(11)?,
        throttles: count(12)?,
        created_at: Timestamp::from_micros(row.try_get(13)?),
        due_at: Timestamp::from_micros(row.try_get(14)?),
        tags: tags.map(super::rows::tags).unwrap_or_default(),
        trace: row.try_get::<_, Option<&str>>(20)?.and_then(TraceContext::from_stored),
        suspicions: count(16)?,
    };
    let (queue_no, kind_no): (i32, i32) = (row.try_get(19)?, row.try_get(5)?);
    let (claimed_at, created_at, due_at) =
        (row.try_get(3)?, job.created_at.as_micros(), job.due_at.as_micros());
    let memo = Some([queue_no.into(), kind_no.into(), claimed_at, due_at, created_at, 0, 0]);
    let lease = Lease { job: id, claim_no: row.try_get(7)?, process, row: 0, memo };
    Ok(Claimed { job, lease })
}

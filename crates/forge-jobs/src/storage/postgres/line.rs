//! What is before a job in the line of its queue.

use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::inspect::bounded;
use crate::limits::COUNT_CAP;
use crate::storage::{BoundedCount, ClaimMode, KindFilter, Line, LineParams, StorageError};
use crate::{ProcessId, Timestamp};
use std::sync::Arc;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Per kind that the queue ever had, a piece of the index; and what runs, which is a small table.
const LINE: &str = "SELECT {schema}.clock($1), c.ahead, c.of, x.processes, x.jobs FROM \
     (SELECT coalesce(array_agg(n.ahead), ARRAY[]::bigint[]) AS ahead, coalesce(array_agg(n.of), ARRAY[]::bigint[]) AS of FROM \
        (SELECT (SELECT count(*) FROM (SELECT FROM {schema}.ready r WHERE r.queue = q.no AND r.lane = $3 \
                   AND r.kind = s.kind AND (r.priority, r.due_at, r.id) < ($4, $5, $6) LIMIT $7) a) AS ahead, \
                (SELECT count(*) FROM (SELECT FROM {schema}.ready r WHERE r.queue = q.no AND r.lane = $3 \
                   AND r.kind = s.kind LIMIT $7) b) AS of \
         FROM {schema}.queues q JOIN {schema}.streams s ON s.queue = q.no JOIN {schema}.kinds k ON k.no = s.kind \
         WHERE q.name = $2 AND ($8::text[] IS NULL OR k.name = ANY ($8))) n) c \
     CROSS JOIN (SELECT coalesce(array_agg(y.id), ARRAY[]::uuid[]) AS processes, \
        coalesce(array_agg(y.jobs), ARRAY[]::bigint[]) AS jobs FROM \
        (SELECT p.id, count(*) AS jobs FROM {schema}.running r JOIN {schema}.processes p ON p.no = r.process \
         JOIN {schema}.queues q ON q.no = r.queue WHERE q.name = $2 GROUP BY p.id) y) x";

pub(super) async fn line(hub: Arc<Hub>, params: LineParams) -> Result<Line, StorageError> {
    look(&hub, &params).await.map_err(|e| e.into_storage(false))
}

async fn look(hub: &Hub, params: &LineParams) -> Result<Line, Fault> {
    let now = params.now.map(Timestamp::as_micros);
    let lane = i16::from(params.mode == ClaimMode::Alone);
    let (priority, due_at, id) = params.before;
    let (due_at, id) = (due_at.as_micros(), Uuid::from_bytes(*id.as_bytes()));
    let cap = i64::try_from(COUNT_CAP + 1).unwrap_or(i64::MAX);
    let kinds: Option<Vec<&str>> = match &params.kinds {
        KindFilter::Any => None,
        KindFilter::Only(kinds) => Some(kinds.iter().map(String::as_str).collect()),
    };
    let values = [
        (&now as _, Type::INT8),
        (&params.queue as _, Type::TEXT),
        (&lane as _, Type::INT2),
        (&priority as _, Type::INT2),
        (&due_at as _, Type::INT8),
        (&id as _, Type::UUID),
        (&cap as _, Type::INT8),
        (&kinds as _, Type::TEXT_ARRAY),
    ];
    let row = only(hub.look(Lane::Read, LINE, &values).await?)?;
    let (processes, jobs): (Vec<Uuid>, Vec<i64>) = (row.try_get(3)?, row.try_get(4)?);
    let running = processes.into_iter().zip(jobs);
    Ok(Line {
        now: Timestamp::from_micros(row.try_get(0)?),
        ahead: sum(&row.try_get::<_, Vec<i64>>(1)?),
        of: sum(&row.try_get::<_, Vec<i64>>(2)?),
        running: running
            .map(|(id, jobs)| (ProcessId::from_bytes(*id.as_bytes()), jobs.unsigned_abs()))
            .collect(),
    })
}

fn sum(counts: &[i64]) -> BoundedCount {
    counts.iter().fold(BoundedCount::default(), |sum, n| sum.plus(bounded(n.unsigned_abs())))
}

//! Promotion and retention.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::marks::{Key, Reading, Swept};
use crate::Timestamp;
use crate::storage::{PromoteParams, Promoted, StorageError, SweepParams, SweepReport};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const PROMOTE: &str = "SELECT count, next_us, read, now_us, last_retrying, last_retrying_id, \
     last_scheduled, last_scheduled_id \
     FROM {schema}.promote($1, $2, $3, $4, $5, $6)";
const SWEEP: &str =
    "SELECT done, dead, read, queues, statuses, times, keys FROM {schema}.sweep($1, $2, $3, $4, $5)";
/// Something is due and another process is about to make it pending: no reason to ask again at once. If nobody does, an
/// open transaction holds it, which may last: each wait is twice as long, up to 32 times.
const CONTENDED: Duration = Duration::from_millis(20);
const DOUBLINGS: u32 = 5;
/// The numbers of the two deferred statuses.
const SCHEDULED: i16 = 1;
const RETRYING: i16 = 3;

/// Moves what is due from deferred to ready, the earliest first.
pub(super) async fn promote(hub: Arc<Hub>, params: PromoteParams) -> Result<Promoted, StorageError> {
    let (count, next) = promote_one_batch(&hub, params).await.map_err(|e| e.into_storage(true))?;
    let mut next_due_in = next.map(|us| Duration::from_micros(us.max(0).unsigned_abs()));
    if count == 0 && next_due_in.is_some_and(|d| d.is_zero()) {
        let before = hub.contended.fetch_add(1, Ordering::Relaxed);
        next_due_in = Some(CONTENDED * (1 << before.min(DOUBLINGS)));
    } else {
        hub.contended.store(0, Ordering::Relaxed);
    }
    if count > 0 {
        hub.tell(Effects::CLAIMABLE);
    }
    Ok(Promoted { count, next_due_in })
}

/// How many were promoted, and in how many microseconds the next one is due.
async fn promote_one_batch(hub: &Hub, params: PromoteParams) -> Result<(u32, Option<i64>), Fault> {
    let (limit, now) =
        (i32::try_from(params.limit).unwrap_or(i32::MAX), params.now.map(Timestamp::as_micros));
    let from = hub.marks.for_promotion();
    let rows = hub
        .write(
            Lane::Work,
            PROMOTE,
            &[
                (&limit, Type::INT4),
                (&from.statuses, Type::INT2_ARRAY),
                (&from.dues, Type::INT8_ARRAY),
                (&from.ids, Type::UUID_ARRAY),
                (&from.alone, Type::BOOL_ARRAY),
                (&now, Type::INT8),
            ],
        )
        .await?;
    let row = only(rows)?;
    let count = u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or(0);
    let reading = Reading { entries: row.try_get::<_, i64>(2)?.unsigned_abs(), now: row.try_get(3)? };
    let last = [(RETRYING, key(&row, 4)?), (SCHEDULED, key(&row, 6)?)];
    hub.marks.promoted(&from, (count, params.limit), last, reading);
    Ok((count, row.try_get(1)?))
}

fn key(row: &Row, at: usize) -> Result<Option<Key>, tokio_postgres::Error> {
    let (due, id): (Option<i64>, Option<Uuid>) = (row.try_get(at)?, row.try_get(at + 1)?);
    Ok(due.zip(id))
}

/// Deletes at most `limit` finished jobs past their queue's window.
pub(super) async fn sweep(hub: Arc<Hub>, params: SweepParams) -> Result<SweepReport, StorageError> {
    let (limit, now) =
        (i32::try_from(params.limit).unwrap_or(i32::MAX), params.now.map(Timestamp::as_micros));
    let (from, started) = (hub.marks.for_sweep(), Instant::now());
    let answer = async {
        let params = [
            (&limit as _, Type::INT4),
            (&from.queues as _, Type::INT4_ARRAY),
            (&from.statuses as _, Type::INT2_ARRAY),
            (&from.times as _, Type::INT8_ARRAY),
            (&now as _, Type::INT8),
        ];
        swept(&only(hub.write(Lane::Work, SWEEP, &params).await?)?).map_err(Fault::from)
    };
    let (report, swept) = match answer.await {
        Ok((report, swept)) => (Ok(report), Some(swept)),
        Err(e) => (Err(e), None),
    };
    if swept.is_some() || matches!(report, Err(Fault::Late(_))) {
        hub.marks.swept(&from, started.elapsed(), swept);
    }
    let (done, dead, keys) = report.map_err(|e| e.into_storage(true))?;
    Ok(SweepReport { done, dead, more: done + dead >= params.limit || keys >= params.limit.into() })
}

fn swept(row: &Row) -> Result<((u32, u32, i64), Swept), tokio_postgres::Error> {
    let count = |at: usize| -> Result<u32, tokio_postgres::Error> {
        Ok(u32::try_from(row.try_get::<_, i32>(at)?).unwrap_or(0))
    };
    let (done, dead) = (count(0)?, count(1)?);
    let (queues, statuses, times): (Vec<i32>, Vec<i16>, Vec<i64>) =
        (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let last = queues.into_iter().zip(statuses).zip(times).collect();
    let entries = row.try_get::<_, i64>(2)?.unsigned_abs();
    Ok(((done, dead, row.try_get(6)?), Swept { entries, deleted: (done + dead).into(), last }))
}

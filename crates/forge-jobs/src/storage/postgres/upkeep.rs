//! Promotion and retention.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::Timestamp;
use crate::storage::{PromoteParams, Promoted, StorageError, SweepParams, SweepReport};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::Type;

const PROMOTE: &str = "SELECT count, next_us FROM {schema}.promote($1, $2)";
const SWEEP: &str = "SELECT done, dead FROM {schema}.sweep($1, $2)";
/// Something is due and another process is about to make it pending: no reason to ask again at once.
const CONTENDED: Duration = Duration::from_millis(20);

/// Moves what is due from deferred to ready, the earliest first.
pub(super) async fn promote(hub: Arc<Hub>, params: PromoteParams) -> Result<Promoted, StorageError> {
    let (limit, now) =
        (i32::try_from(params.limit).unwrap_or(i32::MAX), params.now.map(Timestamp::as_micros));
    let answer: Result<(i32, Option<i64>), Fault> = async {
        let row = only(hub.write(Lane::Work, PROMOTE, &[(&limit, Type::INT4), (&now, Type::INT8)]).await?)?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
    .await;
    let (count, next) = answer.map_err(|e| e.into_storage(true))?;
    let count = u32::try_from(count).unwrap_or(0);
    let mut next_due_in = next.map(|us| Duration::from_micros(us.max(0).unsigned_abs()));
    if count > 0 {
        hub.tell(Effects::CLAIMABLE);
    } else if next_due_in.is_some_and(|d| d.is_zero()) {
        next_due_in = Some(CONTENDED);
    }
    Ok(Promoted { count, next_due_in })
}

/// Deletes at most `limit` finished jobs past their queue's window.
pub(super) async fn sweep(hub: Arc<Hub>, params: SweepParams) -> Result<SweepReport, StorageError> {
    let (limit, now) =
        (i32::try_from(params.limit).unwrap_or(i32::MAX), params.now.map(Timestamp::as_micros));
    let answer: Result<(i32, i32), Fault> = async {
        let row = only(hub.write(Lane::Work, SWEEP, &[(&limit, Type::INT4), (&now, Type::INT8)]).await?)?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
    .await;
    let (done, dead) = answer.map_err(|e| e.into_storage(true))?;
    let (done, dead) = (u32::try_from(done).unwrap_or(0), u32::try_from(dead).unwrap_or(0));
    Ok(SweepReport { done, dead, more: done + dead >= params.limit })
}

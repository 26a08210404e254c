//! The operator's verbs: cancel, retry, run now, drop.

use super::audit;
use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane};
use super::rows::{reason, status};
use crate::limits::MAX_VERB_BATCH;
use crate::storage::checks::check_batch;
use crate::storage::{CancelOutcome, DropOutcome, RetryOutcome, RunNowOutcome, StorageError, VerbParams};
use crate::{JobId, JobStatus, ProcessId, Timestamp};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const CANCEL: &str = "SELECT code, process, claim_no, status, reason FROM {schema}.cancel($1, $2, $3, $4)";
const RETRY: &str = "SELECT code, of, status FROM {schema}.retry($1, $2, $3, $4)";
const RUN_NOW: &str = "SELECT code, status FROM {schema}.run_now($1, $2, $3, $4)";
const DROP: &str = "SELECT code, status FROM {schema}.drop_jobs($1, $2, $3, $4)";
/// How long a verb waits at first for somebody who is replacing one of the jobs. Longer ones wait where nobody stands
/// behind them.
const PATIENCE: &str = "50ms";
const FOR_EVER: &str = "0";

async fn each<T>(
    hub: &Hub,
    lane: Lane,
    (sql, action): (&'static str, &str),
    params: &VerbParams,
    read: fn(i32, &Row) -> Result<T, tokio_postgres::Error>,
) -> Result<Vec<T>, StorageError> {
    check_batch("ids", params.ids.len(), MAX_VERB_BATCH)?;
    let ids: Vec<Uuid> = params.ids.iter().map(|id| Uuid::from_bytes(*id.as_bytes())).collect();
    let (now, by) = (params.now.map(Timestamp::as_micros), audit::verb(params, action));
    let write = async |lane, patience: &str| {
        let params = [
            (&ids as _, Type::UUID_ARRAY),
            (&patience as _, Type::TEXT),
            (&now as _, Type::INT8),
            (&by as _, Type::TEXT),
        ];
        hub.write(lane, sql, &params).await
    };
    let outcomes: Result<Vec<T>, Fault> = async {
        let rows = match write(lane, PATIENCE).await {
            Err(e) if e.is_in_the_way() => write(Lane::Patient, FOR_EVER).await?,
            other => other?,
        };
        rows.iter().map(|row| Ok(read(row.try_get(0)?, row)?)).collect()
    }
    .await;
    outcomes.map_err(|e| e.into_storage(true))
}

fn status_at(row: &Row, at: usize) -> Result<JobStatus, tokio_postgres::Error> {
    Ok(status(row.try_get::<_, Option<i16>>(at)?.unwrap_or_default()))
}

/// Cancels waiting jobs at once and running ones by request.
pub(super) async fn cancel(hub: Arc<Hub>, params: VerbParams) -> Result<Vec<CancelOutcome>, StorageError> {
    let outcomes = each(&hub, Lane::Urgent, (CANCEL, "job.cancel"), &params, |code, row| {
        Ok(match code {
            1 => CancelOutcome::Cancelled,
            2 => {
                // A claim without a process row is one of a dead process; nobody has its identity.
                let process: Option<Uuid> = row.try_get(1)?;
                let process = ProcessId::from_bytes(*process.unwrap_or_default().as_bytes());
                CancelOutcome::Requested { process, claim_no: row.try_get(2)? }
            }
            3 => CancelOutcome::AlreadyFinished {
                status: status_at(row, 3)?,
                dead_reason: reason(row.try_get(4)?),
            },
            _ => CancelOutcome::Unknown,
        })
    })
    .await?;
    if outcomes.contains(&CancelOutcome::Cancelled) {
        // A job may have waited for its key.
        hub.announce(Effects::CLAIMABLE);
    }
    // Others hear of it by the notification. This process has it without, which may not come through.
    if outcomes.iter().any(|o| matches!(o, CancelOutcome::Requested { process, .. } if hub.is_mine(*process)))
    {
        hub.tell_news();
    }
    Ok(outcomes)
}

/// Makes dead and retrying jobs pending, with a fresh attempt budget.
pub(super) async fn retry(hub: Arc<Hub>, params: VerbParams) -> Result<Vec<RetryOutcome>, StorageError> {
    let outcomes = each(&hub, Lane::Work, (RETRY, "job.retry"), &params, |code, row| {
        Ok(match code {
            1 => RetryOutcome::Retried,
            2 => {
                let of: Option<Uuid> = row.try_get(1)?;
                RetryOutcome::Duplicate { of: JobId::from_bytes(*of.unwrap_or_default().as_bytes()) }
            }
            3 => RetryOutcome::Refused { status: status_at(row, 2)? },
            _ => RetryOutcome::Unknown,
        })
    })
    .await?;
    if outcomes.contains(&RetryOutcome::Retried) {
        hub.announce(Effects::CLAIMABLE);
    }
    Ok(outcomes)
}

/// Makes scheduled and retrying jobs pending; attempts stay.
pub(super) async fn run_now(hub: Arc<Hub>, params: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError> {
    let outcomes = each(&hub, Lane::Work, (RUN_NOW, "job.run_now"), &params, |code, row| {
        Ok(match code {
            1 => RunNowOutcome::MadePending,
            2 => RunNowOutcome::AlreadyPending,
            3 => RunNowOutcome::Refused { status: status_at(row, 1)? },
            _ => RunNowOutcome::Unknown,
        })
    })
    .await?;
    if outcomes.contains(&RunNowOutcome::MadePending) {
        hub.announce(Effects::CLAIMABLE);
    }
    Ok(outcomes)
}

/// Deletes jobs for good, running ones excepted.
pub(super) async fn drop_jobs(hub: Arc<Hub>, params: VerbParams) -> Result<Vec<DropOutcome>, StorageError> {
    let outcomes = each(&hub, Lane::Work, (DROP, "job.drop"), &params, |code, row| {
        Ok(match code {
            1 => DropOutcome::Dropped,
            3 => DropOutcome::Refused { status: status_at(row, 1)? },
            _ => DropOutcome::Unknown,
        })
    })
    .await?;
    if outcomes.contains(&DropOutcome::Dropped) {
        // A job may have waited for its key.
        hub.announce(Effects::CLAIMABLE);
    }
    Ok(outcomes)
}

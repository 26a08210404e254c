//! Who is alive: register, heartbeat, deregister, reap.

use super::error::Fault;
use super::finish::uuid_of;
use super::hub::{Hub, Lane, only};
use crate::storage::checks::micros;
use crate::storage::{
    DeregisterParams, Heartbeat, HeartbeatParams, Lease, ReapParams, ReapReport, RegisterParams, StorageError,
};
use crate::{JobId, ProcessId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const REGISTER: &str = "SELECT {schema}.register($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const HEARTBEAT: &str =
    "SELECT alive, settings_version, jobs, claims, leads FROM {schema}.heartbeat($1, $2, $3, $4)";
const DEREGISTER: &str = "SELECT {schema}.deregister($1, $2)";
const REAP: &str =
    "SELECT processes, revived, poisoned, exhausted, cancelled, more FROM {schema}.reap($1, $2, $3, $4, $5)";
/// Every so many rounds claims without a process are looked for too: that reads everything that runs.
const THOROUGH_EVERY: u32 = 20;

/// Registers a boot of a process.
pub(super) async fn register(hub: Arc<Hub>, params: RegisterParams) -> Result<(), StorageError> {
    // A list of strings always has a JSON form.
    let json = |list: &Option<Vec<String>>| list.as_ref().and_then(|l| serde_json::to_string(l).ok());
    let (process, pid) = (uuid_of(params.process), i64::from(params.pid));
    let (kinds, queues) = (json(&params.kinds), json(&params.queues));
    let (beats, stale) = (micros(params.heartbeat_interval), micros(params.stale_after));
    let now = params.now.map(Timestamp::as_micros);
    let values = [
        (&process as _, Type::UUID),
        (&params.host as _, Type::TEXT),
        (&pid as _, Type::INT8),
        (&params.version as _, Type::TEXT),
        (&kinds as _, Type::TEXT),
        (&queues as _, Type::TEXT),
        (&beats as _, Type::INT8),
        (&stale as _, Type::INT8),
        (&now as _, Type::INT8),
    ];
    let new: Result<bool, Fault> =
        async { Ok(only(hub.write(Lane::Urgent, REGISTER, &values).await?)?.try_get(0)?) }.await;
    if !new.map_err(|e| e.into_storage(true))? {
        let detail = format!("{} was registered before: make a new one for each boot", params.process);
        return Err(StorageError::Conflict { what: "process id", detail });
    }
    hub.adopt(params.process);
    Ok(())
}

/// Confirms that a process is alive.
pub(super) async fn heartbeat(hub: Arc<Hub>, params: HeartbeatParams) -> Result<Heartbeat, StorageError> {
    let (process, now) = (uuid_of(params.process), params.now.map(Timestamp::as_micros));
    let lead_for = params.lead_for.map(micros);
    let values = [
        (&process as _, Type::UUID),
        (&params.stopping as _, Type::BOOL),
        (&lead_for as _, Type::INT8),
        (&now as _, Type::INT8),
    ];
    let beat: Result<Heartbeat, Fault> = async {
        let row = only(hub.write(Lane::Urgent, HEARTBEAT, &values).await?)?;
        if !row.try_get::<_, bool>(0)? {
            return Ok(Heartbeat::Fenced);
        }
        let (jobs, claims): (Vec<Uuid>, Vec<i64>) = (row.try_get(2)?, row.try_get(3)?);
        let lease = |(job, claim_no): (Uuid, i64)| Lease {
            job: JobId::from_bytes(*job.as_bytes()),
            claim_no,
            process: params.process,
            row: 0,
            memo: None,
        };
        let cancels = jobs.into_iter().zip(claims).map(lease).collect();
        Ok(Heartbeat::Alive { cancels, settings_version: row.try_get(1)?, leads: row.try_get(4)? })
    }
    .await;
    beat.map_err(|e| e.into_storage(true))
}

/// Ends a registration in good order; what the process holds goes back.
pub(super) async fn deregister(hub: Arc<Hub>, params: DeregisterParams) -> Result<u32, StorageError> {
    let (process, now) = (uuid_of(params.process), params.now.map(Timestamp::as_micros));
    let values = [(&process as _, Type::UUID), (&now as _, Type::INT8)];
    let count: Result<i32, Fault> =
        async { Ok(only(hub.write(Lane::Urgent, DEREGISTER, &values).await?)?.try_get(0)?) }.await;
    let count = u32::try_from(count.map_err(|e| e.into_storage(true))?).unwrap_or(0);
    hub.dismiss(params.process);
    if count > 0 {
        hub.announce(super::changes::Effects::CLAIMABLE);
    }
    Ok(count)
}

/// Ends the registrations of silent processes and revives their jobs.
pub(super) async fn reap(hub: Arc<Hub>, params: ReapParams) -> Result<ReapReport, StorageError> {
    let (by, stale) = (uuid_of(params.by), micros(params.stale_after));
    let limit = i32::try_from(params.limit).unwrap_or(i32::MAX);
    let thorough = hub.reaps.fetch_add(1, Ordering::Relaxed).is_multiple_of(THOROUGH_EVERY);
    let now = params.now.map(Timestamp::as_micros);
    let values = [
        (&by as _, Type::UUID),
        (&stale as _, Type::INT8),
        (&limit as _, Type::INT4),
        (&thorough as _, Type::BOOL),
        (&now as _, Type::INT8),
    ];
    let report: Result<ReapReport, Fault> = async {
        let row = only(hub.write(Lane::Work, REAP, &values).await?)?;
        let processes: Vec<Uuid> = row.try_get(0)?;
        Ok(ReapReport {
            processes: processes.into_iter().map(|p| ProcessId::from_bytes(*p.as_bytes())).collect(),
            revived: jobs(&row, 1)?,
            poisoned: jobs(&row, 2)?,
            exhausted: jobs(&row, 3)?,
            cancelled: jobs(&row, 4)?,
            more: row.try_get(5)?,
        })
    }
    .await;
    let report = report.map_err(|e| e.into_storage(true))?;
    if [&report.revived, &report.poisoned, &report.exhausted, &report.cancelled]
        .iter()
        .any(|ids| !ids.is_empty())
    {
        // A job of a key that a dead one had may be claimable too.
        hub.announce(super::changes::Effects::CLAIMABLE);
    }
    Ok(report)
}

fn jobs(row: &Row, at: usize) -> Result<Vec<JobId>, tokio_postgres::Error> {
    let ids: Vec<Uuid> = row.try_get(at)?;
    Ok(ids.into_iter().map(|id| JobId::from_bytes(*id.as_bytes())).collect())
}

//! Who is alive: register, heartbeat, deregister.

use super::error::Fault;
use super::finish::give_back;
use super::locks::Locks;
use super::queues::settings_version;
use super::state::RunningRow;
use super::writer::{Cx, time};
use crate::storage::checks::micros;
use crate::storage::guard::Guard;
use crate::storage::{DeregisterParams, Heartbeat, HeartbeatParams, Lease, RegisterParams, StorageError};
use crate::{JobId, ProcessId};
use rusqlite::{OptionalExtension, params};
use std::io::ErrorKind;

const REGISTER: &str = "INSERT INTO forge_processes (id, host, pid, version, kinds, queues, beats_every, \
     stale_after, started_at, beat_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) ON CONFLICT (id) DO NOTHING";
const BEAT: &str =
    "UPDATE forge_processes SET beat_at = ?2, stopping = ?3 WHERE id = ?1 AND ended_at IS NULL RETURNING no";
/// With [`Guard::Heartbeat`] off.
const BEAT_ALWAYS: &str = "UPDATE forge_processes SET beat_at = ?2, stopping = ?3 WHERE id = ?1 RETURNING no";
const CANCELS: &str = "SELECT j.id, r.claim_no, r.seq FROM forge_running r JOIN forge_jobs j ON j.seq = r.seq \
     WHERE r.process = ?1 AND r.cancel_at IS NOT NULL";
const NUMBER: &str = "SELECT no FROM forge_processes WHERE id = ?1";
const END: &str = "UPDATE forge_processes SET ended_at = ?2 WHERE no = ?1 AND ended_at IS NULL";
/// Takes the lease if it is free or this process's own.
const LEAD: &str = "INSERT INTO forge_leases (name, holder, until) VALUES ('leader', ?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE holder = excluded.holder OR until <= ?3";
/// With [`Guard::Lead`] off.
const LEAD_ALWAYS: &str =
    "INSERT OR REPLACE INTO forge_leases (name, holder, until) VALUES ('leader', ?1, ?2)";
const FREE_LEASES: &str =
    "DELETE FROM forge_leases WHERE holder = (SELECT id FROM forge_processes WHERE no = ?1)";
const GIVE_BACK_LEAD: &str = "DELETE FROM forge_leases WHERE name = 'leader' AND holder = ?1";
const CLAIMS: &str = "SELECT seq, claim_no, process, attempt, flags, queue, claimed_at, cancel_at FROM forge_running \
     WHERE process = ?1";
/// Only small tables are looked at: to ask the finished jobs, of which there may be millions, would hold up the
/// heartbeats.
const FORGET: &str = "DELETE FROM forge_processes WHERE ended_at < ?1 \
     AND NOT EXISTS (SELECT 1 FROM forge_running r WHERE r.process = forge_processes.no)";

/// Registers a boot of a process.
pub(super) fn register(cx: &mut Cx<'_, '_>, params: &RegisterParams) -> Result<(), Fault> {
    // A list of strings always has a JSON form.
    let json = |list: &Option<Vec<String>>| list.as_ref().and_then(|l| serde_json::to_string(l).ok());
    let (kinds, queues) = (json(&params.kinds), json(&params.queues));
    let id = &params.process.as_bytes()[..];
    let (beats, stale) = (micros(params.heartbeat_interval), micros(params.stale_after));
    let now = time(params.now);
    let values = params![id, params.host, params.pid, params.version, kinds, queues, beats, stale, now];
    if cx.conn.prepare_cached(REGISTER)?.execute(values)? == 0 {
        return Err(registered_before(params.process).into());
    }
    cx.names.host(cx.conn, &params.host)?;
    Ok(())
}

/// Takes the lock of a process that registers; `false` if its storage holds it already.
pub(super) fn take_lock(locks: &Locks, process: ProcessId) -> Result<bool, StorageError> {
    if locks.holds(process) {
        return Ok(false);
    }
    match locks.take(process) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Err(registered_before(process)),
        Err(e) => Err(StorageError::Unavailable {
            detail: format!(
                "no lock file of this process can be made in {}: {e}",
                locks.directory().display()
            ),
            outcome_unknown: false,
            source: Some(Box::new(e)),
        }),
    }
}

/// The identity was used before.
fn registered_before(process: ProcessId) -> StorageError {
    let detail = format!("{process} was registered before: make a new one for each boot");
    StorageError::Conflict { what: "process id", detail }
}

/// Confirms that a process is alive; says as well whether it gave the lead back.
pub(super) fn heartbeat(cx: &Cx<'_, '_>, params: &HeartbeatParams) -> Result<(Heartbeat, bool), Fault> {
    let sql = if cx.guards(Guard::Heartbeat) { BEAT } else { BEAT_ALWAYS };
    let key = params![&params.process.as_bytes()[..], time(params.now), params.stopping];
    let no: Option<i64> = cx.conn.prepare_cached(sql)?.query_row(key, |r| r.get(0)).optional()?;
    let Some(no) = no else { return Ok((Heartbeat::Fenced, false)) };
    let mut statement = cx.conn.prepare_cached(CANCELS)?;
    let cancels = statement.query_map([no], |r| {
        let job = JobId::from_bytes(r.get(0)?);
        Ok(Lease { job, claim_no: r.get(1)?, process: params.process, row: r.get(2)?, memo: None })
    })?;
    let cancels = cancels.collect::<rusqlite::Result<_>>()?;
    let (leads, is_free) = lead(cx, params)?;
    Ok((Heartbeat::Alive { cancels, settings_version: settings_version(cx.conn)?, leads }, is_free))
}

/// Takes, renews or gives back the lease of the leader; says whether the process has it now, and whether it gave it
/// back.
fn lead(cx: &Cx<'_, '_>, params: &HeartbeatParams) -> rusqlite::Result<(bool, bool)> {
    let id = &params.process.as_bytes()[..];
    let now = time(params.now);
    match params.lead_for {
        Some(lease) if cx.guards(Guard::Lead) => {
            let until = now.saturating_add(micros(lease));
            Ok((cx.conn.prepare_cached(LEAD)?.execute(params![id, until, now])? > 0, false))
        }
        Some(lease) => {
            let until = now.saturating_add(micros(lease));
            Ok((cx.conn.prepare_cached(LEAD_ALWAYS)?.execute(params![id, until])? > 0, false))
        }
        None => Ok((false, cx.conn.prepare_cached(GIVE_BACK_LEAD)?.execute([id])? > 0)),
    }
}

/// Ends a registration in good order; what the process holds goes back.
pub(super) fn deregister(cx: &mut Cx<'_, '_>, params: &DeregisterParams) -> Result<u32, Fault> {
    let now = time(params.now);
    let id = &params.process.as_bytes()[..];
    let no: Option<i64> = cx.conn.prepare_cached(NUMBER)?.query_row([id], |r| r.get(0)).optional()?;
    let Some(no) = no else { return Ok(0) };
    if cx.conn.prepare_cached(END)?.execute(params![no, now])? == 0 {
        // Ended before; what it held is the reaper's.
        return Ok(0);
    }
    cx.conn.prepare_cached(GIVE_BACK_LEAD)?.execute([id])?;
    let claims: Vec<RunningRow> = {
        let mut statement = cx.conn.prepare_cached(CLAIMS)?;
        let rows = statement.query_map([no], RunningRow::read)?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for claim in &claims {
        give_back(cx, claim, now)?;
    }
    Ok(u32::try_from(claims.len()).unwrap_or(u32::MAX))
}

/// Forgets processes that ended before `before`, when no finished job of theirs is kept any more.
pub(super) fn forget_ended(cx: &Cx<'_, '_>, before: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(FORGET)?.execute([before]).map(drop)
}

/// Frees the leases of a process that was taken for dead: they may be long, if the clock was turned back since.
pub(super) fn free_leases(cx: &Cx<'_, '_>, no: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(FREE_LEASES)?.execute([no]).map(drop)
}

/// Marks a registration as ended.
pub(super) fn end(cx: &Cx<'_, '_>, no: i64, now: i64) -> rusqlite::Result<()> {
    cx.conn.prepare_cached(END)?.execute(params![no, now]).map(drop)
}

/// A registration that has not ended.
pub(super) struct Registered {
    pub(super) no: i64,
    pub(super) id: ProcessId,
    pub(super) beat_at: i64,
}

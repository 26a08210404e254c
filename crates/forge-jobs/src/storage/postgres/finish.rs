//! Writing what became of attempts, and giving claims back.

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::rows::{reason, reason_no, status};
use crate::limits::{MAX_ERROR_BYTES, MAX_FINISH_BATCH};
use crate::retry::Transition;
use crate::storage::Begun;
use crate::storage::checks::{check_batch, micros};
use crate::storage::{
    Finish, FinishParams, FinishResult, Lease, ProgressParams, ReleaseParams, StorageError,
};
use crate::{Failure, JobStatus, ProcessId, Progress, Timestamp, clean_error};
use std::collections::HashSet;
use std::sync::Arc;
use tokio_postgres::types::Type;
use uuid::Uuid;

const FINISH: &str = "SELECT codes, frees FROM {schema}.finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
     $12, $13, $14, $15, $16)";
const RELEASE: &str = "SELECT {schema}.release($1, $2, $3, $4, $5)";
const END_ALONE: &str = "SELECT {schema}.end_alone($1, $2, $3)";
const PROGRESS: &str = "SELECT {schema}.record_progress($1, $2, $3, $4)";

/// Writes what became of each attempt whose claim is valid.
pub(super) async fn finish(hub: Arc<Hub>, params: FinishParams) -> Result<Vec<FinishResult>, StorageError> {
    check_batch("members", params.members.len(), MAX_FINISH_BATCH)?;
    let mut results = vec![FinishResult::StaleLease; params.members.len()];
    for (process, places) in by_process(params.members.iter().map(|m| &m.lease)) {
        let members: Vec<&Finish> = places.iter().map(|at| &params.members[*at]).collect();
        let (codes, frees) =
            write(&hub, process, &members, params.now).await.map_err(|e| e.into_storage(true))?;
        if frees {
            // Others hear of it from the server; so may this process, or not, as behind a pooler.
            hub.announce(Effects::CLAIMABLE);
        }
        fill(&hub, &mut results, &places, &codes);
    }
    Ok(results)
}

/// Gives each claim back that is valid.
pub(super) async fn release(hub: Arc<Hub>, params: ReleaseParams) -> Result<Vec<FinishResult>, StorageError> {
    check_batch("leases", params.leases.len(), MAX_FINISH_BATCH)?;
    let mut results = vec![FinishResult::StaleLease; params.leases.len()];
    let (begun, now) = (params.begun == Begun::Perhaps, params.now.map(Timestamp::as_micros));
    for (process, places) in by_process(params.leases.iter()) {
        let (ids, claims) = keys(places.iter().map(|at| &params.leases[*at]));
        let values = [
            (&process as _, Type::UUID),
            (&ids as _, Type::UUID_ARRAY),
            (&claims as _, Type::INT8_ARRAY),
            (&begun as _, Type::BOOL),
            (&now as _, Type::INT8),
        ];
        let codes: Result<Vec<i16>, Fault> =
            async { Ok(only(hub.write(Lane::Work, RELEASE, &values).await?)?.try_get(0)?) }.await;
        fill(&hub, &mut results, &places, &codes.map_err(|e| e.into_storage(true))?);
    }
    if results.iter().any(|r| r.is_applied()) {
        // Others may have room for them.
        hub.tell(Effects::CLAIMABLE);
    }
    Ok(results)
}

/// A crash from now on does not count against a suspect.
pub(super) async fn end_alone(hub: Arc<Hub>, lease: Lease) -> Result<bool, StorageError> {
    let (process, id) = (uuid_of(lease.process), Uuid::from_bytes(*lease.job.as_bytes()));
    let values = [(&process as _, Type::UUID), (&id as _, Type::UUID), (&lease.claim_no as _, Type::INT8)];
    let ended: Result<bool, Fault> =
        async { Ok(only(hub.write(Lane::Urgent, END_ALONE, &values).await?)?.try_get(0)?) }.await;
    ended.map_err(|e| e.into_storage(true))
}

/// Keeps each report whose claim is valid.
pub(super) async fn record_progress(hub: Arc<Hub>, params: ProgressParams) -> Result<(), StorageError> {
    check_batch("members", params.members.len(), MAX_FINISH_BATCH)?;
    for (process, places) in by_process(params.members.iter().map(|(lease, _)| lease)) {
        let (ids, claims) = keys(places.iter().map(|at| &params.members[*at].0));
        let texts: Vec<String> = places.iter().map(|at| progress_text(&params.members[*at].1)).collect();
        let values = [
            (&process as _, Type::UUID),
            (&ids as _, Type::UUID_ARRAY),
            (&claims as _, Type::INT8_ARRAY),
            (&texts as _, Type::TEXT_ARRAY),
        ];
        hub.write(Lane::Work, PROGRESS, &values).await.map_err(|e| e.into_storage(true))?;
    }
    Ok(())
}

fn progress_text(p: &Progress) -> String {
    serde_json::json!({ "done": p.done, "total": p.total, "note": p.note }).to_string()
}

pub(super) const fn uuid_of(process: ProcessId) -> Uuid {
    Uuid::from_bytes(*process.as_bytes())
}

/// Places of leases, per process: mostly it is one. Of a lease that comes twice the first place counts.
fn by_process<'a>(leases: impl Iterator<Item = &'a Lease>) -> Vec<(Uuid, Vec<usize>)> {
    let mut groups: Vec<(Uuid, Vec<usize>)> = Vec::new();
    let mut known = HashSet::new();
    for (at, lease) in leases.enumerate() {
        if !known.insert(lease) {
            continue;
        }
        let process = uuid_of(lease.process);
        match groups.iter_mut().find(|(p, _)| *p == process) {
            Some((_, places)) => places.push(at),
            None => groups.push((process, vec![at])),
        }
    }
    groups
}

fn keys<'a>(leases: impl Iterator<Item = &'a Lease>) -> (Vec<Uuid>, Vec<i64>) {
    leases.map(|l| (Uuid::from_bytes(*l.job.as_bytes()), l.claim_no)).unzip()
}

fn fill(hub: &Hub, results: &mut [FinishResult], places: &[usize], codes: &[i16]) {
    let mut effects = Effects::default();
    for (at, code) in places.iter().zip(codes) {
        if *code < 0 {
            continue;
        }
        let status = status(code / 8);
        effects.claimable |= status == JobStatus::Pending;
        effects.deferred |= matches!(status, JobStatus::Scheduled | JobStatus::Retrying);
        let dead_reason = if code % 8 > 0 { reason(Some(code % 8 - 1)) } else { None };
        results[*at] = FinishResult::Applied { status, dead_reason };
    }
    hub.announce(effects);
}

/// Gives a code for each, and whether another job may be claimable now.
async fn write(
    hub: &Hub,
    process: Uuid,
    members: &[&Finish],
    now: Option<Timestamp>,
) -> Result<(Vec<i16>, bool), Fault> {
    let (ids, claims) = keys(members.iter().map(|m| &m.lease));
    let ends: Vec<End<'_>> = members.iter().map(|m| End::of(&m.transition)).collect();
    let all_done = ends.iter().all(|e| e.what == 0);
    let column = |pick: fn(&End<'_>) -> i16| -> Vec<i16> { ends.iter().map(pick).collect() };
    let (what, reasons) = (column(|e| e.what), column(|e| e.reason));
    let after: Vec<i64> = ends.iter().map(|e| e.after).collect();
    let errors: Option<Vec<Option<&str>>> =
        (!all_done).then(|| ends.iter().map(|e| e.error.as_deref()).collect());
    let outputs: Option<Vec<Option<&str>>> =
        ends.iter().any(|e| e.output.is_some()).then(|| ends.iter().map(|e| e.output).collect());
    let ran: Vec<i64> = members.iter().map(|m| micros(m.timing.ran_for)).collect();
    let ago: Vec<i64> = members.iter().map(|m| micros(m.timing.ended_ago)).collect();
    let tapes = hub.ended(members).await?;
    let now = now.map(Timestamp::as_micros);
    let failures = Failures::of(members);
    let values = [
        (&process as _, Type::UUID),
        (&ids as _, Type::UUID_ARRAY),
        (&claims as _, Type::INT8_ARRAY),
        (&what as _, Type::INT2_ARRAY),
        (&reasons as _, Type::INT2_ARRAY),
        (&after as _, Type::INT8_ARRAY),
        (&errors as _, Type::TEXT_ARRAY),
        (&outputs as _, Type::TEXT_ARRAY),
        (&ran as _, Type::INT8_ARRAY),
        (&ago as _, Type::INT8_ARRAY),
        (&tapes as _, Type::BYTEA_ARRAY),
        (&failures.groups as _, Type::INT8_ARRAY),
        (&failures.details as _, Type::TEXT_ARRAY),
        (&failures.types as _, Type::TEXT_ARRAY),
        (&failures.messages as _, Type::TEXT_ARRAY),
        (&now as _, Type::INT8),
    ];
    let row = only(hub.write(Lane::Work, FINISH, &values).await?)?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// What else is known of failures, column by column. What no member has is not sent.
#[derive(Default)]
struct Failures<'a> {
    groups: Option<Vec<Option<i64>>>,
    details: Option<Vec<Option<String>>>,
    types: Option<Vec<Option<&'a str>>>,
    messages: Option<Vec<Option<&'a str>>>,
}

impl<'a> Failures<'a> {
    fn of(members: &[&'a Finish]) -> Self {
        if members.iter().all(|m| m.failure.is_none()) {
            return Self::default();
        }
        let failures = || members.iter().map(|m| m.failure.as_deref());
        let prints = || failures().map(|f| f.and_then(|f| f.fingerprint.as_ref()));
        Self {
            groups: Some(prints().map(|p| p.map(|p| p.group.number())).collect()),
            details: Some(failures().map(|f| f.and_then(Failure::details)).collect()),
            types: Some(prints().map(|p| p.map(|p| p.error_type.as_str())).collect()),
            messages: Some(prints().map(|p| p.map(|p| p.message.as_str())).collect()),
        }
    }
}

/// A transition as it is sent.
struct End<'a> {
    what: i16,
    reason: i16,
    after: i64,
    error: Option<String>,
    output: Option<&'a str>,
}

impl<'a> End<'a> {
    fn of(transition: &'a Transition) -> Self {
        let mut end = Self { what: 0, reason: 0, after: 0, error: None, output: None };
        match transition {
            Transition::Done { output } => end.output = output.as_ref().map(crate::Payload::as_str),
            Transition::Retry { after, error } => {
                end.what = 1;
                end.after = micros(*after);
                end.error = Some(clean_error(error, MAX_ERROR_BYTES));
            }
            Transition::Throttle { after } => {
                end.what = 2;
                end.after = micros(*after);
            }
            Transition::Dead { reason, error } => {
                end.what = 3;
                end.reason = reason_no(*reason);
                end.error = Some(clean_error(error, MAX_ERROR_BYTES));
            }
        }
        end
    }
}

//! Fires of schedules become jobs, each once.

use super::audit;
use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane};
use super::schedules::{COLUMNS, LOOK_LIMIT, find, read};
use crate::limits::CLOCK_CORRECTION;
use crate::schedule::{FireRange, Overlap, ScheduledJob, TickOutcome};
use crate::storage::checks::{micros, no_schedule};
use crate::storage::{
    DueParams, DueSchedules, FireParams, FireResult, RunScheduleParams, ScheduleFire, StorageError, TickRow,
    TicksParams,
};
use crate::{Due, JobId, Timestamp};
use serde_json::json;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const FIRE: &str = "SELECT member, code, outcomes FROM {schema}.fire($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
     $13, $14, $15, $16, $17, $18, $19, $20, $21) ORDER BY member";
const RUN: &str = "SELECT first_at, fire_at, count, outcome, job, recorded_at \
     FROM {schema}.run_schedule($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const LIST: &str = "SELECT t.first_at, t.fire_at, t.count, t.outcome, t.job, t.recorded_at FROM {schema}.ticks t \
     JOIN {schema}.schedules s ON s.no = t.schedule WHERE s.name = $1 AND t.fire_at < $3 ORDER BY t.fire_at DESC LIMIT $2";
/// How often a run is tried again because the schedule is being edited.
const EDITS: usize = 20;

/// The schedules that are due, as far as this program can read them.
pub(super) async fn due(hub: Arc<Hub>, params: DueParams) -> Result<DueSchedules, StorageError> {
    find_due(&hub, params).await.map_err(|e| e.into_storage(false))
}

async fn find_due(hub: &Hub, params: DueParams) -> Result<DueSchedules, Fault> {
    let sql = format!(
        "SELECT c.now, (SELECT min(n.next_at) FROM {{schema}}.schedules n WHERE n.enabled AND n.next_at > c.now), \
         s.no IS NOT NULL, {COLUMNS} FROM (SELECT {{schema}}.clock($1) AS now) c \
         LEFT JOIN {{schema}}.schedules s ON s.enabled AND (s.next_at <= c.now \
         OR s.handled_until > c.now + $2) ORDER BY s.next_at, s.name"
    );
    let (now, correction) = (params.now.map(Timestamp::as_micros), micros(CLOCK_CORRECTION));
    let values = [(&now as _, Type::INT8), (&correction as _, Type::INT8)];
    let rows = hub.look_within(Lane::Work, &sql, &values, LOOK_LIMIT).await?;
    let first = rows.first().ok_or_else(|| StorageError::unavailable("the clock gave no answer"))?;
    let mut found = DueSchedules {
        now: Timestamp::from_micros(first.try_get(0)?),
        schedules: Vec::new(),
        unreadable: Vec::new(),
        next_at: first.try_get::<_, Option<i64>>(1)?.map(Timestamp::from_micros),
    };
    for row in &rows {
        if !row.try_get::<_, bool>(2)? {
            break;
        }
        if found.schedules.len() >= params.limit as usize {
            found.next_at = Some(found.now);
            break;
        }
        let raw = read(row, 3)?;
        let name = raw.name.clone();
        match raw.into_row() {
            Ok(row) => found.schedules.push(row),
            Err(_) => found.unreadable.push(name),
        }
    }
    Ok(found)
}

/// What is sent of jobs that schedules enqueue.
struct Job<'a> {
    priority: i16,
    max: i32,
    tags: Option<String>,
    payload: &'a str,
}

impl<'a> Job<'a> {
    fn of(job: &'a ScheduledJob) -> Self {
        Self {
            priority: job.priority,
            max: job.max_attempts.try_into().unwrap_or(i32::MAX),
            // A list of strings always has a JSON form.
            tags: if job.tags.is_empty() { None } else { serde_json::to_string(&job.tags).ok() },
            payload: job.payload.as_str(),
        }
    }
}

/// What is sent of ticks and records, column by column.
#[derive(Default)]
struct Columns {
    tick_of: Vec<i32>,
    tick_fires: Vec<i64>,
    tick_jobs: Vec<Uuid>,
    tick_dues: Vec<Option<i64>>,
    record_of: Vec<i32>,
    record_firsts: Vec<i64>,
    record_lasts: Vec<i64>,
    record_counts: Vec<i32>,
    record_outcomes: Vec<i16>,
}

impl Columns {
    fn of(members: &[ScheduleFire]) -> Self {
        let mut columns = Self::default();
        for (no, member) in (1..).zip(members) {
            for tick in &member.ticks {
                columns.tick_of.push(no);
                columns.tick_fires.push(tick.fire_at.as_micros());
                columns.tick_jobs.push(uuid_of(tick.job));
                columns.tick_dues.push(match tick.due {
                    Due::Now => None,
                    Due::At(at) => Some(at.as_micros()),
                    Due::After(delay) => Some(tick.fire_at.saturating_add(delay).as_micros()),
                });
            }
            for (outcome, fires) in &member.records {
                columns.record_of.push(no);
                columns.record_firsts.push(fires.first.as_micros());
                columns.record_lasts.push(fires.last.as_micros());
                columns.record_counts.push(fires.count.try_into().unwrap_or(i32::MAX));
                columns.record_outcomes.push(outcome_no(*outcome));
            }
        }
        columns
    }
}

const fn uuid_of(id: JobId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// Writes what was decided.
pub(super) async fn fire(hub: Arc<Hub>, params: FireParams) -> Result<Vec<FireResult>, StorageError> {
    if params.members.is_empty() {
        return Ok(Vec::new());
    }
    let results = fire_all(&hub, &params).await.map_err(|e| e.into_storage(true))?;
    let any = results
        .iter()
        .any(|r| matches!(r, FireResult::Done { ticks } if ticks.contains(&Some(TickOutcome::Fired))));
    if any {
        let later = params.members.iter().flat_map(|m| &m.ticks).any(|tick| tick.due != Due::Now);
        hub.tell(if later { Effects::ANY } else { Effects::CLAIMABLE });
    }
    Ok(results)
}

async fn fire_all(hub: &Hub, params: &FireParams) -> Result<Vec<FireResult>, Fault> {
    let members = &params.members;
    let names: Vec<(&str, &str)> =
        members.iter().map(|m| (m.job.queue.as_str(), m.job.kind.as_str())).collect();
    let (queues, kinds): (Vec<i32>, Vec<i32>) = hub.numbers(&names).await?.into_iter().unzip();
    let schedules: Vec<&str> = members.iter().map(|m| m.name.as_str()).collect();
    let versions: Vec<i64> = members.iter().map(|m| m.version).collect();
    let untils: Vec<i64> = members.iter().map(|m| m.until.as_micros()).collect();
    let nexts: Vec<Option<i64>> = members.iter().map(|m| m.next_at.map(Timestamp::as_micros)).collect();
    let skips: Vec<bool> = members.iter().map(|m| m.overlap == Overlap::Skip).collect();
    let jobs: Vec<Job<'_>> = members.iter().map(|m| Job::of(&m.job)).collect();
    let priorities: Vec<i16> = jobs.iter().map(|j| j.priority).collect();
    let max: Vec<i32> = jobs.iter().map(|j| j.max).collect();
    let tags: Vec<Option<&str>> = jobs.iter().map(|j| j.tags.as_deref()).collect();
    let payloads: Vec<&str> = jobs.iter().map(|j| j.payload).collect();
    let c = Columns::of(members);
    let now = params.now.map(Timestamp::as_micros);
    let values = [
        (&schedules as _, Type::TEXT_ARRAY),
        (&versions as _, Type::INT8_ARRAY),
        (&untils as _, Type::INT8_ARRAY),
        (&nexts as _, Type::INT8_ARRAY),
        (&skips as _, Type::BOOL_ARRAY),
        (&queues as _, Type::INT4_ARRAY),
        (&kinds as _, Type::INT4_ARRAY),
        (&priorities as _, Type::INT2_ARRAY),
        (&max as _, Type::INT4_ARRAY),
        (&tags as _, Type::TEXT_ARRAY),
        (&payloads as _, Type::TEXT_ARRAY),
        (&c.tick_of as _, Type::INT4_ARRAY),
        (&c.tick_fires as _, Type::INT8_ARRAY),
        (&c.tick_jobs as _, Type::UUID_ARRAY),
        (&c.tick_dues as _, Type::INT8_ARRAY),
        (&c.record_of as _, Type::INT4_ARRAY),
        (&c.record_firsts as _, Type::INT8_ARRAY),
        (&c.record_lasts as _, Type::INT8_ARRAY),
        (&c.record_counts as _, Type::INT4_ARRAY),
        (&c.record_outcomes as _, Type::INT2_ARRAY),
        (&now as _, Type::INT8),
    ];
    let rows = hub.write(Lane::Work, FIRE, &values).await?;
    rows.iter().map(|row| Ok(result(row)?)).collect()
}

fn result(row: &Row) -> Result<FireResult, tokio_postgres::Error> {
    Ok(match row.try_get::<_, i32>(1)? {
        0 => {
            let outcomes: Vec<Option<i16>> = row.try_get(2)?;
            FireResult::Done { ticks: outcomes.into_iter().map(|no| no.map(outcome)).collect() }
        }
        1 => FireResult::Edited,
        _ => FireResult::Removed,
    })
}

/// Enqueues the job of a schedule now.
pub(super) async fn run_now(hub: Arc<Hub>, params: RunScheduleParams) -> Result<TickRow, StorageError> {
    for _ in 0..EDITS {
        let found = find(&hub, &params.name).await.map_err(|e| e.into_storage(false))?;
        let row = found.ok_or_else(|| no_schedule(&params.name))?;
        let (job, skips) = (&row.spec.job, row.spec.overlap == Overlap::Skip);
        let tick =
            run_version(&hub, &params, row.version, job, skips).await.map_err(|e| e.into_storage(true))?;
        if let Some(tick) = tick {
            hub.announce(Effects::CLAIMABLE);
            return Ok(tick);
        }
    }
    let detail = format!("{:?} is being edited by others all the time: try again", params.name);
    Err(StorageError::Conflict { what: "schedule", detail })
}

/// The tick; `None` if the schedule was edited or removed meanwhile.
async fn run_version(
    hub: &Hub,
    params: &RunScheduleParams,
    version: i64,
    job: &ScheduledJob,
    skips: bool,
) -> Result<Option<TickRow>, Fault> {
    let numbers = hub.numbers(&[(&job.queue, &job.kind)]).await?;
    let (queue, kind) = numbers.first().copied().unwrap_or_default();
    let (sent, id) = (Job::of(job), uuid_of(params.job));
    let now = params.now.map(Timestamp::as_micros);
    let after = Some(json!({ "job": params.job.to_string() }));
    let by = audit::does(params.actor.as_ref(), ("schedule.run", "schedule", &params.name), after);
    let values = [
        (&params.name as _, Type::TEXT),
        (&version as _, Type::INT8),
        (&id as _, Type::UUID),
        (&queue as _, Type::INT4),
        (&kind as _, Type::INT4),
        (&sent.priority as _, Type::INT2),
        (&sent.max as _, Type::INT4),
        (&sent.tags as _, Type::TEXT),
        (&sent.payload as _, Type::TEXT),
        (&skips as _, Type::BOOL),
        (&now as _, Type::INT8),
        (&by as _, Type::TEXT),
    ];
    let rows = hub.write(Lane::Work, RUN, &values).await?;
    Ok(rows.first().map(read_tick).transpose()?)
}

/// The latest ticks of a schedule.
pub(super) async fn list(hub: Arc<Hub>, params: TicksParams) -> Result<Vec<TickRow>, StorageError> {
    let limit = i64::from(params.limit);
    let before = params.before.map_or(i64::MAX, Timestamp::as_micros);
    let ticks: Result<Vec<TickRow>, Fault> = async {
        let values = [(&params.name as _, Type::TEXT), (&limit as _, Type::INT8), (&before as _, Type::INT8)];
        let rows = hub.look(Lane::Read, LIST, &values).await?;
        Ok(rows.iter().map(read_tick).collect::<Result<_, _>>()?)
    }
    .await;
    ticks.map_err(|e| e.into_storage(false))
}

fn read_tick(r: &Row) -> Result<TickRow, tokio_postgres::Error> {
    let time = |at: usize| Ok::<_, tokio_postgres::Error>(Timestamp::from_micros(r.try_get(at)?));
    Ok(TickRow {
        fires: FireRange {
            first: time(0)?,
            last: time(1)?,
            count: u32::try_from(r.try_get::<_, i32>(2)?).unwrap_or(0),
        },
        outcome: outcome(r.try_get(3)?),
        job: r.try_get::<_, Option<Uuid>>(4)?.map(|id| JobId::from_bytes(*id.as_bytes())),
        recorded_at: time(5)?,
    })
}

fn outcome(no: i16) -> TickOutcome {
    let at = usize::try_from(no).unwrap_or(0);
    TickOutcome::ALL.get(at).copied().unwrap_or(TickOutcome::Fired)
}

/// The number that stands for an outcome.
const fn outcome_no(outcome: TickOutcome) -> i16 {
    outcome as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_outcomes_agree_both_ways() {
        for no in 0..5 {
            assert_eq!(outcome_no(outcome(no)), no);
        }
    }
}

//! What a filter asks for, as conditions.

use super::state::reason_no;
use crate::JobStatus;
use crate::storage::filter::Walk;
use crate::storage::{JobFilter, TimeRange};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeSet;

const QUEUES: &str = "SELECT no FROM forge_queues WHERE name IN (SELECT value FROM json_each(?1))";
const KINDS: &str = "SELECT no FROM forge_kinds WHERE (?1 IS NULL OR name = ?1) \
     AND (?2 IS NULL OR substr(name, 1, length(?2)) = ?2)";

/// The numbers of the names in a filter; `None`: it names none.
pub(super) struct Numbers {
    pub(super) queues: Option<Vec<i64>>,
    pub(super) kinds: Option<Vec<i64>>,
    /// The fields of the filter whose value was never heard of.
    pub(super) unknown: Vec<&'static str>,
}

impl Numbers {
    pub(super) fn of(conn: &Connection, filter: &JobFilter) -> rusqlite::Result<Self> {
        let (queues, kinds) = (queues(conn, filter)?, kinds(conn, filter)?);
        let named = filter.queues.iter().collect::<BTreeSet<_>>().len();
        let mut unknown = Vec::new();
        if queues.as_ref().is_some_and(|nos| nos.len() < named) {
            unknown.push("queue");
        }
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            unknown.push("kind");
        }
        Ok(Self { queues, kinds, unknown })
    }

    /// Whether nothing can be found.
    pub(super) fn nobody(&self) -> bool {
        [&self.queues, &self.kinds].into_iter().flatten().any(Vec::is_empty)
    }
}

pub(super) fn json(nos: &[i64]) -> Value {
    Value::from(serde_json::json!(nos).to_string())
}

/// The numbers of the queues that a filter names; `None`: it names none.
fn queues(conn: &Connection, filter: &JobFilter) -> rusqlite::Result<Option<Vec<i64>>> {
    if filter.queues.is_empty() {
        return Ok(None);
    }
    let names = serde_json::json!(filter.queues).to_string();
    conn.prepare_cached(QUEUES)?.query_map([names], |r| r.get(0))?.collect::<rusqlite::Result<_>>().map(Some)
}

fn kinds(conn: &Connection, filter: &JobFilter) -> rusqlite::Result<Option<Vec<i64>>> {
    if filter.kind.is_none() && filter.kind_prefix.is_none() {
        return Ok(None);
    }
    let mut statement = conn.prepare_cached(KINDS)?;
    let nos = statement.query_map([&filter.kind, &filter.kind_prefix], |r| r.get(0))?;
    nos.collect::<rusqlite::Result<_>>().map(Some)
}

/// Conditions and their values.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    pub(super) fn within(&mut self, column: &str, range: TimeRange) {
        if let Some(from) = range.from {
            self.and(&format!("{column} >= ?"), [Value::from(from.as_micros())]);
        }
        if let Some(until) = range.until {
            self.and(&format!("{column} < ?"), [Value::from(until.as_micros())]);
        }
    }
}

/// What the index of a walk does not tell of the row that is walked past.
pub(super) fn of_row(filter: &JobFilter, walk: Walk, names: &Numbers) -> Conditions {
    let mut row = Conditions::default();
    let by_index = matches!(walk, Walk::Created | Walk::Pending | Walk::Finished);
    if let Some(queues) = names.queues.as_ref().filter(|_| !by_index) {
        row.and("x.queue IN (SELECT value FROM json_each(?))", [json(queues)]);
    }
    if let Some(reason) = filter.dead_reason
        && matches!(walk, Walk::Finished | Walk::Group)
    {
        row.and("x.reason = ?", [Value::from(reason_no(reason))]);
    }
    row
}

/// What neither the index nor that row tells: of its job.
pub(super) fn of_job(filter: &JobFilter, walk: Walk, statuses: &[JobStatus], names: &Numbers) -> Conditions {
    let mut job = Conditions::default();
    let ended = matches!(walk, Walk::Finished | Walk::Group);
    let waits = matches!(walk, Walk::Pending | Walk::Deferred);
    if let Some(queues) = names.queues.as_ref().filter(|_| walk == Walk::Created) {
        job.and("j.queue IN (SELECT value FROM json_each(?))", [json(queues)]);
    }
    if let Some(kinds) = names.kinds.as_ref().filter(|_| walk != Walk::Pending) {
        job.and("j.kind IN (SELECT value FROM json_each(?))", [json(kinds)]);
    }
    if walk == Walk::Created && !statuses.is_empty() {
        job.and(&stands(statuses), []);
    }
    if let Some(reason) = filter.dead_reason.filter(|_| !ended) {
        let died = "EXISTS (SELECT 1 FROM forge_finished d WHERE d.seq = j.seq AND d.reason = ?)";
        job.and(died, [Value::from(reason_no(reason))]);
    }
    if let Some(group) = filter.error_group.filter(|_| walk != Walk::Group) {
        // As the job's error is: of its death, or of the attempt that it came back from last.
        let latest =
            "coalesce((SELECT e.error_group FROM forge_finished e WHERE e.seq = j.seq), j.error_group) = ?";
        job.and(latest, [Value::from(group.number())]);
    }
    if let Some(tag) = &filter.tag {
        let has = "j.tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(j.tags) t WHERE t.value = ?)";
        job.and(has, [Value::from(tag.clone())]);
    }
    job.within("j.created_at", filter.created);
    if !waits {
        job.within("j.due_at", filter.due);
    }
    if !ended && !filter.finished.is_all() {
        let mut within = Conditions::default();
        within.within("d.finished_at", filter.finished);
        let sql = format!("EXISTS (SELECT 1 FROM forge_finished d WHERE d.seq = j.seq AND {})", within.sql);
        job.and(&sql, []);
        job.values.extend(within.values);
    }
    if let Some(text) = &filter.payload {
        job.and("instr(j.payload, ?) > 0", [Value::from(text.clone())]);
    }
    job
}

/// That a job stands where one of these says.
fn stands(statuses: &[JobStatus]) -> String {
    let one = |status: &JobStatus| match status {
        JobStatus::Pending => {
            "EXISTS (SELECT 1 FROM forge_ready s WHERE s.queue = j.queue \
             AND s.lane IN ((j.suspect > 0), 2) AND s.kind = j.kind AND s.priority = j.priority \
             AND s.due_at = j.due_at AND s.id = j.id)"
        }
        JobStatus::Scheduled => {
            "EXISTS (SELECT 1 FROM forge_deferred s WHERE s.status = 1 AND s.due_at = j.due_at AND s.id = j.id)"
        }
        JobStatus::Running => "EXISTS (SELECT 1 FROM forge_running s WHERE s.seq = j.seq)",
        JobStatus::Retrying => {
            "EXISTS (SELECT 1 FROM forge_deferred s WHERE s.status = 3 AND s.due_at = j.due_at AND s.id = j.id)"
        }
        JobStatus::Done => "EXISTS (SELECT 1 FROM forge_finished s WHERE s.seq = j.seq AND s.status = 4)",
        JobStatus::Dead => "EXISTS (SELECT 1 FROM forge_finished s WHERE s.seq = j.seq AND s.status = 5)",
    };
    format!("({})", statuses.iter().map(one).collect::<Vec<_>>().join(" OR "))
}

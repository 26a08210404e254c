//! What a filter asks for, as conditions.

use super::error::Fault;
use super::hub::{Hub, Lane};
use super::rows::reason_no;
use crate::JobStatus;
use crate::storage::filter::Walk;
use crate::storage::{JobFilter, TimeRange};
use std::collections::BTreeSet;
use tokio_postgres::types::{ToSql, Type};

const QUEUES: &str = "SELECT no FROM {schema}.queues WHERE name = ANY ($1)";
const KINDS: &str = "SELECT no FROM {schema}.kinds WHERE ($1::text IS NULL OR name = $1) \
     AND ($2::text IS NULL OR starts_with(name, $2))";

/// The numbers of the names in a filter; `None`: it names none.
pub(super) struct Numbers {
    pub(super) queues: Option<Vec<i32>>,
    pub(super) kinds: Option<Vec<i32>>,
    /// The fields of the filter whose value was never heard of.
    pub(super) unknown: Vec<&'static str>,
}

impl Numbers {
    pub(super) async fn of(hub: &Hub, filter: &JobFilter) -> Result<Self, Fault> {
        let (mut queues, mut kinds, mut unknown) = (None, None, Vec::new());
        if !filter.queues.is_empty() {
            let rows = hub.look(Lane::Read, QUEUES, &[(&filter.queues as _, Type::TEXT_ARRAY)]).await?;
            let nos: Vec<i32> = rows.iter().map(|r| r.try_get(0)).collect::<Result<_, _>>()?;
            if nos.len() < filter.queues.iter().collect::<BTreeSet<_>>().len() {
                unknown.push("queue");
            }
            queues = Some(nos);
        }
        if filter.kind.is_some() || filter.kind_prefix.is_some() {
            let names = [(&filter.kind as _, Type::TEXT), (&filter.kind_prefix as _, Type::TEXT)];
            let rows = hub.look(Lane::Read, KINDS, &names).await?;
            let nos: Vec<i32> = rows.iter().map(|r| r.try_get(0)).collect::<Result<_, _>>()?;
            if nos.is_empty() {
                unknown.push("kind");
            }
            kinds = Some(nos);
        }
        Ok(Self { queues, kinds, unknown })
    }

    /// Whether nothing can be found.
    pub(super) fn nobody(&self) -> bool {
        [&self.queues, &self.kinds].into_iter().flatten().any(Vec::is_empty)
    }
}

/// The values of a statement under construction.
#[derive(Default)]
pub(super) struct Values(Vec<(Box<dyn ToSql + Sync + Send>, Type)>);

impl Values {
    /// Adds a value and gives its name.
    pub(super) fn add(&mut self, value: impl ToSql + Sync + Send + 'static, ty: Type) -> String {
        self.0.push((Box::new(value), ty));
        format!("${}", self.0.len())
    }

    pub(super) async fn look(&self, hub: &Hub, sql: &str) -> Result<Vec<tokio_postgres::Row>, Fault> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            self.0.iter().map(|(v, ty)| (&**v as &(dyn ToSql + Sync), ty.clone())).collect();
        hub.look(Lane::Read, sql, &values).await
    }
}

/// Conditions that all must hold.
#[derive(Default)]
pub(super) struct Conditions(Vec<String>);

impl Conditions {
    pub(super) fn and(&mut self, condition: impl Into<String>) {
        self.0.push(condition.into());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn sql(&self) -> String {
        if self.0.is_empty() { "true".into() } else { self.0.join(" AND ") }
    }

    pub(super) fn within(&mut self, values: &mut Values, column: &str, range: TimeRange) {
        if let Some(from) = range.from {
            let from = values.add(from.as_micros(), Type::INT8);
            self.and(format!("{column} >= {from}"));
        }
        if let Some(until) = range.until {
            let until = values.add(until.as_micros(), Type::INT8);
            self.and(format!("{column} < {until}"));
        }
    }

    pub(super) fn among(&mut self, values: &mut Values, column: &str, nos: &[i32]) {
        let nos = values.add(nos.to_vec(), Type::INT4_ARRAY);
        self.and(format!("{column} = ANY ({nos})"));
    }
}

/// What the index of a walk does not tell of the row that is walked past.
pub(super) fn of_row(filter: &JobFilter, walk: Walk, names: &Numbers, values: &mut Values) -> Conditions {
    let mut row = Conditions::default();
    let by_index = matches!(walk, Walk::Created | Walk::Pending | Walk::Finished);
    if let Some(queues) = names.queues.as_ref().filter(|_| !by_index) {
        row.among(values, "x.queue", queues);
    }
    if let Some(reason) = filter.dead_reason
        && matches!(walk, Walk::Finished | Walk::Group)
    {
        let no = values.add(reason_no(reason), Type::INT2);
        row.and(format!("x.reason = {no}"));
    }
    row
}

/// What neither the index nor that row tells: of its job.
pub(super) fn of_job(
    filter: &JobFilter,
    walk: Walk,
    statuses: &[JobStatus],
    names: &Numbers,
    values: &mut Values,
) -> Conditions {
    let mut job = Conditions::default();
    let ended = matches!(walk, Walk::Finished | Walk::Group);
    let waits = matches!(walk, Walk::Pending | Walk::Deferred);
    if let Some(queues) = names.queues.as_ref().filter(|_| walk == Walk::Created) {
        job.among(values, "j.queue", queues);
    }
    if let Some(kinds) = names.kinds.as_ref().filter(|_| walk != Walk::Pending) {
        job.among(values, "j.kind", kinds);
    }
    if walk == Walk::Created && !statuses.is_empty() {
        job.and(stands(statuses));
    }
    if let Some(reason) = filter.dead_reason.filter(|_| !ended) {
        let no = values.add(reason_no(reason), Type::INT2);
        job.and(format!("EXISTS (SELECT FROM {{schema}}.finished d WHERE d.id = j.id AND d.reason = {no})"));
    }
    if let Some(group) = filter.error_group.filter(|_| walk != Walk::Group) {
        let no = values.add(group.number(), Type::INT8);
        // As the job's error is: of its death, or of the attempt that it came back from last.
        job.and(format!(
            "coalesce((SELECT e.error_group FROM {{schema}}.finished e WHERE e.id = j.id), j.error_group) = {no}"
        ));
    }
    if let Some(tag) = &filter.tag {
        let tag = values.add(tag.clone(), Type::TEXT);
        job.and(format!("j.tags IS NOT NULL AND j.tags::jsonb ? {tag}"));
    }
    if walk != Walk::Created {
        job.within(values, "j.created_at", filter.created);
    }
    if !waits {
        job.within(values, "j.due_at", filter.due);
    }
    if !ended && !filter.finished.is_all() {
        let mut within = Conditions::default();
        within.within(values, "d.finished_at", filter.finished);
        job.and(format!("EXISTS (SELECT FROM {{schema}}.finished d WHERE d.id = j.id AND {})", within.sql()));
    }
    if let Some(text) = &filter.payload {
        let text = values.add(text.clone(), Type::TEXT);
        job.and(format!("strpos(j.payload, {text}) > 0"));
    }
    job
}

/// That a job stands where one of these says.
fn stands(statuses: &[JobStatus]) -> String {
    let deferred = |no: u8| {
        format!(
            "EXISTS (SELECT FROM {{schema}}.deferred s WHERE s.status = {no} AND s.due_at = j.due_at AND s.id = j.id)"
        )
    };
    let finished =
        |no: u8| format!("EXISTS (SELECT FROM {{schema}}.finished s WHERE s.id = j.id AND s.status = {no})");
    let one = |status: &JobStatus| match status {
        JobStatus::Pending => "EXISTS (SELECT FROM {schema}.ready s WHERE s.queue = j.queue \
             AND s.lane IN ((j.suspect > 0)::integer, 2) AND s.kind = j.kind AND s.priority = j.priority \
             AND s.due_at = j.due_at AND s.id = j.id)"
            .to_owned(),
        JobStatus::Scheduled => deferred(1),
        JobStatus::Running => "EXISTS (SELECT FROM {schema}.running s WHERE s.id = j.id)".to_owned(),
        JobStatus::Retrying => deferred(3),
        JobStatus::Done => finished(4),
        JobStatus::Dead => finished(5),
    };
    format!("({})", statuses.iter().map(one).collect::<Vec<_>>().join(" OR "))
}

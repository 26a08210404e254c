//! Which jobs are on a page: ids alone, by the index that the order is in.

use super::error::Fault;
use super::hub::{Hub, Lane};
use super::rows::reason_no;
use crate::limits::COUNT_CAP;
use crate::storage::{JobFilter, ListParams};
use crate::{JobStatus, Timestamp};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

const UNKNOWN: &str = "SELECT $1 IS NULL OR EXISTS (SELECT FROM {schema}.queues WHERE name = $1), \
     $2 IS NULL OR EXISTS (SELECT FROM {schema}.kinds WHERE name = $2)";

/// A job of a list before it is read: what the list is ordered by.
pub(super) struct Found {
    pub(super) at: Timestamp,
    pub(super) id: Uuid,
}

/// A statement under construction: its conditions and their values.
struct Where {
    sql: String,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Where {
    /// The filter's conditions that are no matter of a status, on `jobs j`; queue and kind on the tables that are
    /// named.
    fn of(filter: &JobFilter, queue_in: char, kind_in: char) -> Self {
        let mut this = Self { sql: String::new(), values: Vec::new() };
        if let Some(queue) = &filter.queue {
            let no = this.value(queue.clone(), Type::TEXT);
            this.and(&format!("{queue_in}.queue = (SELECT no FROM {{schema}}.queues WHERE name = {no})"));
        }
        if let Some(kind) = &filter.kind {
            let no = this.value(kind.clone(), Type::TEXT);
            this.and(&format!("{kind_in}.kind = (SELECT no FROM {{schema}}.kinds WHERE name = {no})"));
        }
        if let Some(tag) = &filter.tag {
            let no = this.value(tag.clone(), Type::TEXT);
            this.and(&format!("j.tags::jsonb ? {no}"));
        }
        if let Some(reason) = filter.dead_reason {
            let no = this.value(reason_no(reason), Type::INT2);
            let died =
                format!("EXISTS (SELECT FROM {{schema}}.finished d WHERE d.id = j.id AND d.reason = {no})");
            this.and(&died);
        }
        if let Some(group) = filter.error_group {
            let no = this.value(group.number(), Type::INT8);
            // As the job's error is: of its death, or of the attempt that it came back from last.
            let latest = match filter.status {
                Some(JobStatus::Dead) => format!("f.error_group = {no}"),
                _ => format!(
                    "coalesce((SELECT e.error_group FROM {{schema}}.finished e WHERE e.id = j.id), j.error_group) = {no}"
                ),
            };
            this.and(&latest);
        }
        this
    }

    /// Adds a value and gives its name.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static, ty: Type) -> String {
        self.values.push((Box::new(value), ty));
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// After the last row that was seen.
    fn after(&mut self, params: &ListParams, at: &str, id: &str, order: &str) {
        if let Some(c) = params.after {
            let at_no = self.value(c.at.as_micros(), Type::INT8);
            let id_no = self.value(Uuid::from_bytes(*c.id.as_bytes()), Type::UUID);
            self.and(&format!("({at}, {id}) {order} ({at_no}, {id_no})"));
        }
    }

    async fn run(self, hub: &Hub, select: &str, end: &str) -> Result<Vec<Found>, Fault> {
        let sql = format!("{select}{}{end}", self.sql);
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            self.values.iter().map(|(v, ty)| (&**v as &(dyn ToSql + Sync), ty.clone())).collect();
        let rows = hub.look(Lane::Read, &sql, &values).await?;
        rows.iter()
            .map(|r| Ok(Found { at: Timestamp::from_micros(r.try_get(0)?), id: r.try_get(1)? }))
            .collect()
    }
}

/// The jobs of a page and one more, if there is one; and the fields of the filter whose value was never heard of.
pub(super) async fn find(hub: &Hub, params: &ListParams) -> Result<(Vec<Found>, Vec<&'static str>), Fault> {
    let wanted = params.limit + 1;
    let found = match params.filter.status {
        Some(JobStatus::Done) => finished(hub, params, 4, wanted).await?,
        Some(JobStatus::Dead) => finished(hub, params, 5, wanted).await?,
        status => plain(hub, params, status, wanted).await?,
    };
    let filter = &params.filter;
    let values = [(&filter.queue as _, Type::TEXT), (&filter.kind as _, Type::TEXT)];
    let mut unknown = Vec::new();
    if let Some(row) = hub.look(Lane::Read, UNKNOWN, &values).await?.first() {
        for (at, field) in ["queue", "kind"].into_iter().enumerate() {
            if !row.try_get::<_, bool>(at)? {
                unknown.push(field);
            }
        }
    }
    Ok((found, unknown))
}

/// Lists that one index serves.
async fn plain(
    hub: &Hub,
    params: &ListParams,
    status: Option<JobStatus>,
    wanted: u32,
) -> Result<Vec<Found>, Fault> {
    let filter = |queue_in, kind_in| Where::of(&params.filter, queue_in, kind_in);
    match status {
        Some(JobStatus::Pending) => {
            let mut filter = filter('y', 'y');
            filter.after(params, "y.due_at", "y.id", ">");
            let select = "SELECT y.due_at, y.id FROM {schema}.ready y JOIN {schema}.jobs j ON j.id = y.id";
            filter.run(hub, select, &format!(" ORDER BY y.due_at, y.id LIMIT {wanted}")).await
        }
        Some(JobStatus::Running) => {
            let mut filter = filter('r', 'j');
            filter.after(params, "r.claimed_at", "r.id", ">");
            let select =
                "SELECT r.claimed_at, r.id FROM {schema}.running r JOIN {schema}.jobs j ON j.id = r.id";
            filter.run(hub, select, &format!(" ORDER BY r.claimed_at, r.id LIMIT {wanted}")).await
        }
        Some(s @ (JobStatus::Scheduled | JobStatus::Retrying)) => {
            let mut filter = filter('d', 'j');
            filter.and(if s == JobStatus::Scheduled { "d.status = 1" } else { "d.status = 3" });
            filter.after(params, "d.due_at", "d.id", ">");
            let select = "SELECT d.due_at, d.id FROM {schema}.deferred d JOIN {schema}.jobs j ON j.id = d.id";
            filter.run(hub, select, &format!(" ORDER BY d.due_at, d.id LIMIT {wanted}")).await
        }
        _ => {
            let mut filter = filter('j', 'j');
            if let Some(c) = params.after {
                // Said apart, since the index has the time alone.
                let no = filter.value(c.at.as_micros(), Type::INT8);
                filter.and(&format!("j.created_at <= {no}"));
            }
            filter.after(params, "j.created_at", "j.id", "<");
            let select = "SELECT j.created_at, j.id FROM {schema}.jobs j";
            filter.run(hub, select, &format!(" ORDER BY j.created_at DESC, j.id DESC LIMIT {wanted}")).await
        }
    }
}

/// Done or dead jobs, newest first: per queue out of the index, then merged.
async fn finished(hub: &Hub, params: &ListParams, status: i16, wanted: u32) -> Result<Vec<Found>, Fault> {
    let sql = "SELECT no FROM {schema}.queues WHERE $1 IS NULL OR name = $1 ORDER BY no LIMIT $2";
    let most = i64::try_from(COUNT_CAP).unwrap_or(i64::MAX);
    let queues =
        hub.look(Lane::Read, sql, &[(&params.filter.queue, Type::TEXT), (&most, Type::INT8)]).await?;
    let mut found = Vec::new();
    for queue in queues {
        let mut filter = Where::of(&params.filter, 'f', 'j');
        let no = filter.value(queue.try_get::<_, i32>(0)?, Type::INT4);
        filter.and(&format!("f.status = {status} AND f.queue = {no}"));
        filter.after(params, "f.finished_at", "f.id", "<");
        let select =
            "SELECT f.finished_at, f.id FROM {schema}.finished f JOIN {schema}.jobs j ON j.id = f.id";
        let end = format!(" ORDER BY f.finished_at DESC, f.id DESC LIMIT {wanted}");
        found.extend(filter.run(hub, select, &end).await?);
    }
    found.sort_unstable_by_key(|f| std::cmp::Reverse((f.at, f.id)));
    found.truncate(wanted as usize);
    Ok(found)
}

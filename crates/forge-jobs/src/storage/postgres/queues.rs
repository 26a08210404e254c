//! Per-queue knobs.

use super::audit;
use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::Timestamp;
use crate::retry::BackoffPolicy;
use crate::storage::audit_entry::{Entry, queue_action, settings as facts};
use crate::storage::checks::{check_queue, micros};
use crate::storage::{
    EnsureQueueParams, QueueRow, QueueSettings, Retention, StorageError, UpdateQueueParams,
};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub(super) const QUEUE: &str = "SELECT name, workers, workers_by_operator, paused, backoff_enabled, backoff_base_us, \
     backoff_max_us, done_retention_us, dead_retention_us, version, no, max_running, \
     paused_at, paused_by FROM {schema}.queues";
const ENSURE: &str = "SELECT {schema}.ensure_queue($1, $2)";
const SET: &str = "SELECT {schema}.set_queue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
/// Longest time of a look at the settings: one statement on a small table.
const SETTINGS_LIMIT: Duration = Duration::from_secs(5);
/// How often an edit is made again because another one came first.
const EDITS: usize = 20;

/// A queue and its settings, from a row of [`QUEUE`].
pub(super) fn read(r: &Row) -> Result<QueueRow, tokio_postgres::Error> {
    let us = |at: usize| -> Result<Duration, tokio_postgres::Error> {
        Ok(Duration::from_micros(r.try_get::<_, i64>(at)?.max(0).unsigned_abs()))
    };
    let retention = |at: usize| -> Result<Retention, tokio_postgres::Error> {
        let kept: Option<i64> = r.try_get(at)?;
        Ok(kept
            .map_or(Retention::Forever, |us| Retention::For(Duration::from_micros(us.max(0).unsigned_abs()))))
    };
    Ok(QueueRow {
        name: r.try_get(0)?,
        settings: QueueSettings {
            workers: u32::try_from(r.try_get::<_, i32>(1)?).unwrap_or(0),
            paused: r.try_get(3)?,
            backoff: BackoffPolicy { enabled: r.try_get(4)?, base: us(5)?, max: us(6)? },
            done_retention: retention(7)?,
            dead_retention: retention(8)?,
            max_running: r.try_get::<_, Option<i32>>(11)?.and_then(|n| u32::try_from(n).ok()),
        },
        version: r.try_get(9)?,
        workers_set_by_operator: r.try_get(2)?,
        paused_at: r.try_get::<_, Option<i64>>(12)?.map(Timestamp::from_micros),
        paused_by: r.try_get(13)?,
    })
}

async fn find(hub: &Hub, queue: &str) -> Result<Option<QueueRow>, Fault> {
    let sql = format!("{QUEUE} WHERE name = $1");
    let rows = hub.look_within(Lane::Work, &sql, &[(&queue, Type::TEXT)], SETTINGS_LIMIT).await?;
    Ok(rows.first().map(read).transpose()?)
}

/// One queue.
pub(super) async fn get(hub: Arc<Hub>, queue: String) -> Result<Option<QueueRow>, StorageError> {
    find(&hub, &queue).await.map_err(|e| e.into_storage(false))
}

/// All queues, by name.
pub(super) async fn list(hub: Arc<Hub>) -> Result<Vec<QueueRow>, StorageError> {
    let all: Result<Vec<QueueRow>, Fault> = async {
        let sql = format!("{QUEUE} ORDER BY name");
        let rows = hub.look_within(Lane::Work, &sql, &[], SETTINGS_LIMIT).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
    .await;
    all.map_err(|e| e.into_storage(false))
}

/// Creates a queue, or sets its workers unless an operator did.
pub(super) async fn ensure(hub: Arc<Hub>, params: EnsureQueueParams) -> Result<QueueRow, StorageError> {
    check_queue(&params.queue, params.workers)?;
    let workers = i32::try_from(params.workers).unwrap_or(i32::MAX);
    let values = [(&params.queue as _, Type::TEXT), (&workers as _, Type::INT4)];
    hub.write(Lane::Work, ENSURE, &values).await.map_err(|e| e.into_storage(true))?;
    hub.announce(Effects::CLAIMABLE);
    must(get(hub, params.queue.clone()).await?, &params.queue)
}

/// Changes settings.
pub(super) async fn update(hub: Arc<Hub>, params: UpdateQueueParams) -> Result<QueueRow, StorageError> {
    for _ in 0..EDITS {
        let row = must(get(hub.clone(), params.queue.clone()).await?, &params.queue)?;
        if let Some(expected) = params.expected_version
            && expected != row.version
        {
            let detail = format!(
                "{:?} has version {} now, not {expected}: look at it again",
                params.queue, row.version
            );
            return Err(StorageError::Conflict { what: "queue settings", detail });
        }
        let settings = params.patch.apply(row.settings)?;
        let by_operator = row.workers_set_by_operator || params.patch.workers.is_some();
        let by = params.actor.as_ref().map(|actor| {
            let action = queue_action(&row.settings, &settings);
            let entry = Entry::new(actor, action, "queue", Some(&params.queue));
            entry.changing(&facts(&row.settings), &facts(&settings))
        });
        if settings == row.settings && by_operator == row.workers_set_by_operator {
            if let Some(by) = by {
                audit::unchanged(&hub, &by, params.now).await?;
            }
            return Ok(row);
        }
        let by = (by.as_ref().map(Entry::to_json), params.now);
        if set(&hub, &row, settings, by_operator, by).await.map_err(|e| e.into_storage(true))? {
            hub.announce(Effects::CLAIMABLE);
            return must(get(hub, params.queue.clone()).await?, &params.queue);
        }
    }
    let detail = format!("{:?} is being edited by others all the time: try again", params.queue);
    Err(StorageError::Conflict { what: "queue settings", detail })
}

async fn set(
    hub: &Hub,
    seen: &QueueRow,
    s: QueueSettings,
    by_operator: bool,
    (by, now): (Option<String>, Option<Timestamp>),
) -> Result<bool, Fault> {
    let now = now.map(Timestamp::as_micros);
    let kept = |r: Retention| match r {
        Retention::For(d) => Some(micros(d)),
        Retention::Forever => None,
    };
    let workers = i32::try_from(s.workers).unwrap_or(i32::MAX);
    let (base, max) = (micros(s.backoff.base), micros(s.backoff.max));
    let (done, dead) = (kept(s.done_retention), kept(s.dead_retention));
    let bound = s.max_running.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    let values = [
        (&seen.name as _, Type::TEXT),
        (&seen.version as _, Type::INT8),
        (&workers as _, Type::INT4),
        (&by_operator as _, Type::BOOL),
        (&s.paused as _, Type::BOOL),
        (&s.backoff.enabled as _, Type::BOOL),
        (&base as _, Type::INT8),
        (&max as _, Type::INT8),
        (&done as _, Type::INT8),
        (&dead as _, Type::INT8),
        (&bound as _, Type::INT4),
        (&by as _, Type::TEXT),
        (&now as _, Type::INT8),
    ];
    Ok(only(hub.write(Lane::Urgent, SET, &values).await?)?.try_get(0)?)
}

fn must(row: Option<QueueRow>, queue: &str) -> Result<QueueRow, StorageError> {
    row.ok_or_else(|| StorageError::NotFound { what: "queue", name: queue.to_owned() })
}

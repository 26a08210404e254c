//! What jobs leave behind: lines that handlers logged, and errors by sort.

use super::PostgresStorage;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::errors::ErrorGroupId;
use crate::limits::{ERROR_GROUP_RETENTION, MAX_ERROR_GROUPS, MAX_LOG_BATCH, MAX_LOG_PAGE, MAX_PAGE};
use crate::storage::checks::{check_batch, check_rows, micros};
use crate::storage::history::chunks::{Page, Stored, lines_text, listed, over_number, says_something};
use crate::storage::{
    ErrorGroup, ErrorGroupList, ErrorGroupsParams, ErrorQueue, History, LogPage, LogsParams,
    RecordLogsParams, StorageError, TendErrorsParams, TendErrorsReport,
};
use crate::{JobId, Timestamp};
use async_trait::async_trait;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

const RECORD: &str = "SELECT {schema}.record_logs($1, $2, $3, $4, $5, $6)";
/// Chunks of one read: each may have a quarter of a megabyte.
const CHUNKS_AT_ONCE: i64 = 16;
const CHUNKS: &str = "SELECT claim_no, no, lines, \"over\", lost FROM {schema}.logs \
     WHERE id = $1 AND (claim_no, no) >= ($2, $3) AND claim_no <= $4 ORDER BY claim_no, no LIMIT $5";
const TEND: &str = "SELECT counted, forgotten, more FROM {schema}.tend_errors($1, $2, $3, $4)";
/// In the order of their groups. What is in hits alone so far is described there.
const GROUPS: &str = "SELECT s.error_group, k.name, coalesce(g.error_type, h.error_type), coalesce(g.message, h.message), \
     coalesce(g.first_version, h.version, ''), s.count::int8, s.first_at, s.last_at, s.last_job, q.name \
     FROM {schema}.error_sums s LEFT JOIN {schema}.error_groups g ON g.id = s.error_group \
     LEFT JOIN LATERAL (SELECT x.kind, x.error_type, x.message, p.version FROM {schema}.error_hits x \
        LEFT JOIN {schema}.processes p ON p.no = x.process \
        WHERE g.id IS NULL AND x.error_group = s.error_group ORDER BY x.first_at LIMIT 1) h ON true \
     JOIN {schema}.kinds k ON k.no = coalesce(g.kind, h.kind) JOIN {schema}.queues q ON q.no = s.queue \
     WHERE ($1 IS NULL OR s.error_group = $1) AND ($2 IS NULL OR k.name = $2) ORDER BY s.error_group, q.name";

async fn record(hub: Arc<Hub>, params: RecordLogsParams) -> Result<(), StorageError> {
    check_batch("chunks", params.chunks.len(), MAX_LOG_BATCH)?;
    let chunks: Vec<_> = params.chunks.iter().filter(|c| says_something(&c.lines, c.left_out)).collect();
    if chunks.is_empty() {
        return Ok(());
    }
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let ids: Vec<Uuid> = chunks.iter().map(|c| Uuid::from_bytes(*c.lease.job.as_bytes())).collect();
    let claims: Vec<i64> = chunks.iter().map(|c| c.lease.claim_no).collect();
    let nos: Vec<i32> = chunks.iter().map(|c| number(c.no)).collect();
    let lines: Vec<String> = chunks.iter().map(|c| lines_text(&c.lines)).collect();
    let over = |over| i32::try_from(over_number(over)).unwrap_or(i32::MAX);
    let over: Vec<i32> = chunks.iter().map(|c| over(c.left_out.over)).collect();
    let lost: Vec<i32> = chunks.iter().map(|c| number(c.left_out.lost)).collect();
    let values = [
        (&ids as _, Type::UUID_ARRAY),
        (&claims as _, Type::INT8_ARRAY),
        (&nos as _, Type::INT4_ARRAY),
        (&lines as _, Type::TEXT_ARRAY),
        (&over as _, Type::INT4_ARRAY),
        (&lost as _, Type::INT4_ARRAY),
    ];
    hub.write(Lane::Work, RECORD, &values).await.map(drop).map_err(|e| e.into_storage(true))
}

async fn logs(hub: Arc<Hub>, params: LogsParams) -> Result<LogPage, StorageError> {
    check_rows(params.limit, MAX_LOG_PAGE)?;
    let read: Result<LogPage, Fault> = async {
        let mut page = Page::new(params);
        let id = Uuid::from_bytes(*params.job.as_bytes());
        let (mut from, no) = page.begins_at();
        let (mut no, until) = (i32::try_from(no).unwrap_or(i32::MAX), page.ends_at());
        loop {
            let values = [
                (&id as _, Type::UUID),
                (&from as _, Type::INT8),
                (&no as _, Type::INT4),
                (&until as _, Type::INT8),
                (&CHUNKS_AT_ONCE as _, Type::INT8),
            ];
            let rows = hub.look(Lane::Read, CHUNKS, &values).await?;
            for r in &rows {
                (from, no) = (r.try_get(0)?, r.try_get(1)?);
                let chunk = Stored {
                    claim_no: from,
                    no: u32::try_from(no).unwrap_or(0),
                    lines: r.try_get(2)?,
                    over: r.try_get::<_, i32>(3)?.into(),
                    lost: r.try_get::<_, i32>(4)?.into(),
                };
                if page.add(&chunk) {
                    return Ok(page.finish());
                }
            }
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) < CHUNKS_AT_ONCE {
                return Ok(page.finish());
            }
            no = no.saturating_add(1);
        }
    }
    .await;
    read.map_err(|e| e.into_storage(false))
}

async fn groups(
    hub: &Hub,
    id: Option<ErrorGroupId>,
    kind: Option<&str>,
) -> Result<Vec<ErrorGroup>, StorageError> {
    let read: Result<Vec<ErrorGroup>, Fault> = async {
        let id = id.map(ErrorGroupId::number);
        let rows = hub.look(Lane::Read, GROUPS, &[(&id, Type::INT8), (&kind, Type::TEXT)]).await?;
        let mut groups: Vec<ErrorGroup> = Vec::new();
        for r in &rows {
            let next = group(r)?;
            match groups.last_mut().filter(|last| last.id == next.id) {
                Some(last) => last.add(next),
                None => groups.push(next),
            }
        }
        Ok(groups)
    }
    .await;
    read.map_err(|e| e.into_storage(false))
}

fn group(r: &Row) -> Result<ErrorGroup, tokio_postgres::Error> {
    let count = r.try_get::<_, i64>(5)?.max(0).unsigned_abs();
    let last_at = Timestamp::from_micros(r.try_get(7)?);
    Ok(ErrorGroup {
        id: ErrorGroupId::from_number(r.try_get(0)?),
        kind: r.try_get(1)?,
        error_type: r.try_get(2)?,
        message: r.try_get(3)?,
        first_version: r.try_get(4)?,
        count,
        first_at: Timestamp::from_micros(r.try_get(6)?),
        last_at,
        last_job: JobId::from_bytes(*r.try_get::<_, Uuid>(8)?.as_bytes()),
        queues: vec![ErrorQueue { queue: r.try_get(9)?, count, last_at }],
    })
}

async fn tend(hub: Arc<Hub>, params: TendErrorsParams) -> Result<TendErrorsReport, StorageError> {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let (limit, most) = (number(params.limit), number(MAX_ERROR_GROUPS));
    let (kept, now) = (micros(ERROR_GROUP_RETENTION), params.now.map(Timestamp::as_micros));
    let tended: Result<TendErrorsReport, Fault> = async {
        let values = [
            (&limit as _, Type::INT4),
            (&kept as _, Type::INT8),
            (&most as _, Type::INT4),
            (&now as _, Type::INT8),
        ];
        let row = only(hub.write(Lane::Work, TEND, &values).await?)?;
        let count = |at| -> Result<u64, tokio_postgres::Error> {
            Ok(row.try_get::<_, i64>(at)?.max(0).unsigned_abs())
        };
        Ok(TendErrorsReport { counted: count(0)?, forgotten: count(1)?, more: row.try_get(2)? })
    }
    .await;
    tended.map_err(|e| e.into_storage(true))
}

#[async_trait]
impl History for PostgresStorage {
    async fn record_logs(&self, params: RecordLogsParams) -> Result<(), StorageError> {
        self.run(|hub| record(hub, params)).await
    }

    async fn logs(&self, params: LogsParams) -> Result<LogPage, StorageError> {
        self.run(|hub| logs(hub, params)).await
    }

    async fn error_groups(&self, params: ErrorGroupsParams) -> Result<ErrorGroupList, StorageError> {
        check_rows(params.limit, MAX_PAGE)?;
        self.run(|hub| async move { Ok(listed(groups(&hub, None, params.kind.as_deref()).await?, &params)) })
            .await
    }

    async fn error_group(&self, id: ErrorGroupId) -> Result<Option<ErrorGroup>, StorageError> {
        self.run(|hub| async move { Ok(groups(&hub, Some(id), None).await?.into_iter().next()) }).await
    }

    async fn tend_errors(&self, params: TendErrorsParams) -> Result<TendErrorsReport, StorageError> {
        self.run(|hub| tend(hub, params)).await
    }
}

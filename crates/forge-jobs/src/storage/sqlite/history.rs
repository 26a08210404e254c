//! What jobs leave behind: lines that handlers logged; errors by sort are in `error_groups`.

use super::error::Fault;
use super::writer::{Cx, Lane};
use super::{SqliteStorage, error_groups, rows};
use crate::errors::ErrorGroupId;
use crate::limits::{MAX_LOG_BATCH, MAX_LOG_PAGE};
use crate::storage::checks::{check_batch, check_rows};
use crate::storage::history::chunks::{Page, Stored, lines_text, over_number, says_something};
use crate::storage::{
    ErrorGroup, ErrorGroupList, ErrorGroupsParams, History, LogPage, LogsParams, RecordLogsParams,
    StorageError, TendErrorsParams, TendErrorsReport,
};
use async_trait::async_trait;
use rusqlite::{Connection, params};

/// Only where the job is there still: its lines go with it.
const KEEP: &str = "INSERT INTO forge_logs (seq, claim_no, no, lines, over, lost) \
     SELECT j.seq, ?2, ?3, ?4, ?5, ?6 FROM forge_jobs j WHERE j.id = ?1 ON CONFLICT DO NOTHING";
const CHUNKS: &str = "SELECT claim_no, no, lines, over, lost FROM forge_logs \
     WHERE seq = ?1 AND (claim_no, no) >= (?2, ?3) AND claim_no <= ?4 ORDER BY claim_no, no";

fn record(cx: &Cx<'_, '_>, params: &RecordLogsParams) -> Result<(), Fault> {
    check_batch("chunks", params.chunks.len(), MAX_LOG_BATCH)?;
    let mut statement = cx.conn.prepare_cached(KEEP)?;
    for chunk in params.chunks.iter().filter(|c| says_something(&c.lines, c.left_out)) {
        let job = &chunk.lease.job.as_bytes()[..];
        let (over, text) = (over_number(chunk.left_out.over), lines_text(&chunk.lines));
        statement.execute(params![job, chunk.lease.claim_no, chunk.no, text, over, chunk.left_out.lost])?;
    }
    Ok(())
}

fn logs(conn: &Connection, params: LogsParams) -> Result<LogPage, Fault> {
    check_rows(params.limit, MAX_LOG_PAGE)?;
    let mut page = Page::new(params);
    let Some(seq) = rows::seq_of(conn, params.job)? else { return Ok(page.finish()) };
    let mut statement = conn.prepare_cached(CHUNKS)?;
    let (claim_no, no) = page.begins_at();
    let mut rows = statement.query(params![seq, claim_no, no, page.ends_at()])?;
    while let Some(r) = rows.next()? {
        let chunk = Stored {
            claim_no: r.get(0)?,
            no: r.get(1)?,
            lines: r.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
            over: r.get(3)?,
            lost: r.get(4)?,
        };
        if page.add(&chunk) {
            break;
        }
    }
    Ok(page.finish())
}

#[async_trait]
impl History for SqliteStorage {
    async fn record_logs(&self, params: RecordLogsParams) -> Result<(), StorageError> {
        self.write(Lane::Bulk, move |cx| record(cx, &params)).await
    }

    async fn logs(&self, params: LogsParams) -> Result<LogPage, StorageError> {
        self.read(None, move |conn| logs(conn, params)).await
    }

    async fn error_groups(&self, params: ErrorGroupsParams) -> Result<ErrorGroupList, StorageError> {
        self.read(None, move |conn| error_groups::list(conn, &params)).await
    }

    async fn error_group(&self, id: ErrorGroupId) -> Result<Option<ErrorGroup>, StorageError> {
        self.read(None, move |conn| error_groups::get(conn, id)).await
    }

    async fn tend_errors(&self, params: TendErrorsParams) -> Result<TendErrorsReport, StorageError> {
        let looked = move |cx: &mut Cx<'_, '_>| error_groups::tended(cx, &params);
        self.writer.look_or_write(Lane::Bulk, looked, move |cx| error_groups::tend(cx, &params)).await
    }
}

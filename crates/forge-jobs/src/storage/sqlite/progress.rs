//! Keeping what handlers said of their progress.

use super::error::Fault;
use super::writer::Cx;
use crate::Progress;
use crate::limits::MAX_FINISH_BATCH;
use crate::storage::ProgressParams;
use crate::storage::checks::check_batch;
use rusqlite::params;

const SAY: &str = "UPDATE forge_jobs SET progress = ?4 WHERE seq = ?1 AND EXISTS (SELECT 1 FROM forge_running r \
     JOIN forge_processes p ON p.no = r.process WHERE r.seq = ?1 AND r.claim_no = ?2 AND p.id = ?3)";

/// Keeps each report whose claim is valid.
pub(super) fn record(cx: &Cx<'_, '_>, params: &ProgressParams) -> Result<(), Fault> {
    check_batch("members", params.members.len(), MAX_FINISH_BATCH)?;
    for (lease, progress) in &params.members {
        let values = params![lease.row, lease.claim_no, &lease.process.as_bytes()[..], text(progress)];
        cx.conn.prepare_cached(SAY)?.execute(values)?;
    }
    Ok(())
}

fn text(p: &Progress) -> String {
    serde_json::json!({ "done": p.done, "total": p.total, "note": p.note }).to_string()
}

/// The reverse; `None` for text that is none of ours.
pub(super) fn parse(text: &str) -> Option<Progress> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(Progress {
        done: value.get("done")?.as_u64()?,
        total: value.get("total").and_then(serde_json::Value::as_u64),
        note: value.get("note").and_then(serde_json::Value::as_str).map(str::to_owned),
    })
}

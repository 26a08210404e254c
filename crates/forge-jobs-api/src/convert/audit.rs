//! What people did, and who.

use super::{raw_text, time};
use crate::wire;
use forge_jobs::storage;

impl From<&storage::AuditPage> for wire::AuditPage {
    fn from(page: &storage::AuditPage) -> Self {
        Self { actions: page.rows.iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<&storage::AuditRow> for wire::AuditAction {
    fn from(row: &storage::AuditRow) -> Self {
        let json = |text: &Option<String>| text.as_ref().map(|text| raw_text(text));
        Self {
            no: row.no,
            at: time(row.at),
            actor: row.actor.name().to_owned(),
            role: row.actor.role().map(|role| role.to_string()),
            source: row.actor.source().to_string(),
            address: row.actor.address().map(str::to_owned),
            action: row.action.clone(),
            what: row.what.clone(),
            target: row.target.clone(),
            count: row.count,
            before: json(&row.before),
            after: json(&row.after),
            detail: json(&row.detail),
            outcome: row.outcome.to_string(),
        }
    }
}

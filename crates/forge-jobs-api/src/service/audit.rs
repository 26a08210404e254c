//! What people did, and who.

use super::{Api, ApiError};
use crate::wire::{AuditPage, AuditQuery};
use forge_jobs::Timestamp;
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE};
use forge_jobs::storage::{AuditFilter, AuditListParams};

pub(super) fn moment(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>, ApiError> {
    let parse = |text: String| {
        text.parse().map_err(|e| ApiError::invalid(field, format!("{field} {text:?} is no time: {e}")))
    };
    text.map(parse).transpose()
}

impl Api {
    /// A page of what people did, the latest first.
    ///
    /// # Errors
    ///
    /// `invalid` for a time or a limit that is none, and what reading the storage gave.
    pub async fn audit(&self, query: AuditQuery) -> Result<AuditPage, ApiError> {
        let AuditQuery { actor, action, what, target, since, until, limit, before } = query;
        let (since, until) = (moment("since", since)?, moment("until", until)?);
        let filter = AuditFilter { actor, action, what, target, since, until };
        let limit = limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE);
        let page = self.storage.audit.list(AuditListParams { filter, limit, before }).await?;
        Ok(AuditPage::from(&page))
    }
}

//! Limits of scopes, and what is attached to them.

use super::{seconds, time};
use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;

impl From<domain::rate_limit::RateMode> for wire::LimitMode {
    fn from(mode: domain::rate_limit::RateMode) -> Self {
        match mode {
            domain::rate_limit::RateMode::Sliding => Self::Sliding,
            domain::rate_limit::RateMode::Smooth => Self::Smooth,
            _ => Self::Unknown,
        }
    }
}

impl wire::Limit {
    /// A scope with its limit, and what is attached to it.
    #[must_use]
    pub fn of(
        row: &storage::LimitRow,
        attachments: &[(storage::Limited, domain::rate_limit::Scope)],
    ) -> Self {
        let attached = attachments.iter().filter(|(_, scope)| *scope == row.scope);
        Self {
            scope: row.scope.to_string(),
            permits: row.limit.permits,
            window_seconds: seconds(row.limit.window),
            mode: row.limit.mode.into(),
            inherited_from: row.inherited_from.as_ref().map(ToString::to_string),
            set_by_operator: row.set_by_operator,
            version: row.version,
            used: row.used,
            free: row.free,
            next_at: row.next_at.map(time),
            drained_until: row.drained_until.map(time),
            keys: row.keys,
            attached: attached
                .filter_map(|(what, _)| match what {
                    storage::Limited::Queue(name) => Some(wire::Attached::Queue(name.clone())),
                    storage::Limited::Kind(name) => Some(wire::Attached::Kind(name.clone())),
                    _ => None,
                })
                .collect(),
        }
    }
}

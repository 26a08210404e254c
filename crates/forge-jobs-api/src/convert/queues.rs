//! Queues, their settings and their counts.

use super::{seconds, time};
use crate::wire;
use forge_jobs as domain;
use forge_jobs::storage;

impl From<storage::Retention> for wire::Retention {
    fn from(r: storage::Retention) -> Self {
        match r {
            storage::Retention::For(d) => Self::For(seconds(d)),
            storage::Retention::Forever => Self::FOREVER,
        }
    }
}

impl From<&storage::QueueSettings> for wire::QueueSettings {
    fn from(s: &storage::QueueSettings) -> Self {
        Self {
            workers: s.workers,
            paused: s.paused,
            backoff_enabled: s.backoff.enabled,
            base_seconds: seconds(s.backoff.base),
            max_seconds: seconds(s.backoff.max),
            done_retention_seconds: s.done_retention.into(),
            dead_retention_seconds: s.dead_retention.into(),
            max_running: s.max_running,
        }
    }
}

impl From<&storage::QueueRow> for wire::Queue {
    fn from(row: &storage::QueueRow) -> Self {
        Self {
            name: row.name.clone(),
            version: row.version,
            workers_set_by_operator: row.workers_set_by_operator,
            paused_at: row.paused_at.map(time),
            paused_by: row.paused_by.clone(),
            settings: (&row.settings).into(),
            counts: None,
        }
    }
}

impl From<&storage::QueueCounts> for wire::Queue {
    fn from(counted: &storage::QueueCounts) -> Self {
        let mut counts = wire::Counts::default();
        for (status, count) in counted.counts {
            let place = match status {
                domain::JobStatus::Pending => &mut counts.pending,
                domain::JobStatus::Scheduled => &mut counts.scheduled,
                domain::JobStatus::Running => &mut counts.running,
                domain::JobStatus::Retrying => &mut counts.retrying,
                domain::JobStatus::Done => &mut counts.done,
                domain::JobStatus::Dead => &mut counts.dead,
                // A status that the wire has no place for yet.
                _ => continue,
            };
            *place = count.into();
        }
        Self { counts: Some(counts), ..Self::from(&counted.queue) }
    }
}

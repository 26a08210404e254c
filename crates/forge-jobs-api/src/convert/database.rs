//! How the database is.

use super::{seconds, time};
use crate::wire;
use forge_jobs::storage;

impl From<storage::RowCount> for wire::RowCount {
    fn from(rows: storage::RowCount) -> Self {
        let (count, by) = match rows {
            storage::RowCount::Exact(count) => (count, wire::RowCountBy::Count),
            storage::RowCount::Estimate(count) => (count, wire::RowCountBy::Estimate),
            storage::RowCount::AtLeast(count) => (count, wire::RowCountBy::AtLeast),
        };
        Self { count, by }
    }
}

impl From<&storage::TableHealth> for wire::TableHealth {
    fn from(table: &storage::TableHealth) -> Self {
        let index = |i: &storage::IndexHealth| wire::IndexHealth { name: i.name.clone(), bytes: i.bytes };
        Self {
            name: table.name.clone(),
            bytes: table.bytes,
            rows: table.rows.into(),
            dead_rows: table.dead_rows,
            vacuumed_at: table.vacuumed_at.map(time),
            analyzed_at: table.analyzed_at.map(time),
            indexes: table.indexes.iter().map(index).collect(),
        }
    }
}

impl From<&storage::OpenTransaction> for wire::OpenTransaction {
    fn from(open: &storage::OpenTransaction) -> Self {
        Self {
            age_seconds: seconds(open.age),
            pid: open.pid,
            user: open.user.clone(),
            application: open.application.clone(),
            state: open.state.clone(),
        }
    }
}

/// What the database says of itself; of the processes nothing yet.
#[must_use]
pub fn database(at: forge_jobs::Timestamp, health: &storage::Health) -> wire::DatabaseHealth {
    let connections = health.connections.map(|c| wire::DatabaseConnections { used: c.used, limit: c.limit });
    let log = health.log.map(|log| wire::DatabaseLog {
        bytes: log.bytes,
        pages: log.pages,
        moved_pages: log.moved_pages,
    });
    wire::DatabaseHealth {
        at: time(at),
        engine: health.engine.clone(),
        bytes: health.bytes,
        free_bytes: health.free_bytes,
        connections,
        oldest_transaction: health.oldest_transaction.as_ref().map(Into::into),
        sees_all_transactions: health.sees_all_transactions,
        log,
        busy_waits: health.busy_waits,
        tables: health.tables.iter().map(Into::into).collect(),
        measured_seconds: wire::Seconds(0.0),
        reads: None,
        writes: None,
        pools: Vec::new(),
    }
}

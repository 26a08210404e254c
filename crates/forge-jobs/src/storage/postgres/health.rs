//! How the database is: from the server's catalogs, which any role may read. Nothing here reads a large table.

use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::Timestamp;
use crate::storage::{
    Connections, Health, IndexHealth, OpenTransaction, RowCount, StorageError, TableHealth,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

const SERVER: &str = "SELECT current_setting('server_version'), pg_database_size(current_database()), \
     (SELECT sum(numbackends)::int8 FROM pg_stat_database), current_setting('max_connections')::int8, \
     pg_has_role('pg_read_all_stats', 'USAGE')";
/// Its last column says that the table is small enough to be counted, and that this role may.
const TABLES: &str = "SELECT c.relname::text, pg_table_size(c.oid), greatest(c.reltuples, s.n_live_tup)::int8, s.n_dead_tup, \
     (extract(epoch FROM greatest(s.last_vacuum, s.last_autovacuum)) * 1000000)::int8, \
     (extract(epoch FROM greatest(s.last_analyze, s.last_autoanalyze)) * 1000000)::int8, \
     pg_relation_size(c.oid) <= 524288 AND has_table_privilege(c.oid, 'SELECT') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY c.relname";
const INDEXES: &str = "SELECT t.relname::text, i.relname::text, pg_relation_size(i.oid) FROM pg_index x \
     JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
     JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = $1 AND t.relkind = 'r' ORDER BY i.relname";
/// Who holds nothing, and who clears away, is in nobody's way.
const OLDEST_SNAPSHOT: &str = "SELECT (extract(epoch FROM clock_timestamp() - xact_start) * 1000000)::int8, pid::int8, \
     usename::text, nullif(application_name, ''), state FROM pg_stat_activity \
     WHERE xact_start IS NOT NULL AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) \
     AND pid <> pg_backend_pid() AND datname = current_database() \
     AND backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY xact_start LIMIT 1";
const OLDEST: &str = "SELECT (extract(epoch FROM clock_timestamp() - xact_start) * 1000000)::int8, pid::int8, usename::text, \
     nullif(application_name, ''), state FROM pg_stat_activity \
     WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database() \
     ORDER BY xact_start LIMIT 1";

pub(super) async fn health(hub: Arc<Hub>) -> Result<Health, StorageError> {
    look(&hub).await.map_err(|e| e.into_storage(false))
}

pub(super) async fn oldest_snapshot(hub: Arc<Hub>) -> Result<Option<OpenTransaction>, StorageError> {
    let oldest: Result<_, Fault> = async {
        let rows = hub.look(Lane::Read, OLDEST_SNAPSHOT, &[]).await?;
        Ok(rows.first().map(open).transpose()?)
    }
    .await;
    oldest.map_err(|e| e.into_storage(false))
}

async fn look(hub: &Hub) -> Result<Health, Fault> {
    let server = only(hub.look(Lane::Read, SERVER, &[]).await?)?;
    let (used, limit): (Option<i64>, i64) = (server.try_get(2)?, server.try_get(3)?);
    let used = used.unwrap_or(0).max(0).unsigned_abs();
    let oldest = hub.look(Lane::Read, OLDEST, &[]).await?;
    Ok(Health {
        engine: format!("PostgreSQL {}", server.try_get::<_, String>(0)?),
        bytes: size(&server, 1)?,
        free_bytes: None,
        tables: tables(hub).await?,
        connections: Some(Connections { used, limit: limit.max(0).unsigned_abs() }),
        oldest_transaction: oldest.first().map(open).transpose()?,
        sees_all_transactions: server.try_get(4)?,
        log: None,
        busy_waits: None,
    })
}

fn size(row: &Row, at: usize) -> Result<Option<u64>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<i64>>(at)?.map(|n| n.max(0).unsigned_abs()))
}

fn open(row: &Row) -> Result<OpenTransaction, tokio_postgres::Error> {
    Ok(OpenTransaction {
        age: Duration::from_micros(row.try_get::<_, i64>(0)?.max(0).unsigned_abs()),
        pid: row.try_get(1)?,
        user: row.try_get(2)?,
        application: row.try_get(3)?,
        state: row.try_get(4)?,
    })
}

async fn tables(hub: &Hub) -> Result<Vec<TableHealth>, Fault> {
    let schema = hub.schema.name();
    let of_schema = [(&schema as _, Type::TEXT)];
    let found = hub.look(Lane::Read, TABLES, &of_schema).await?;
    let rows = hub.look(Lane::Read, INDEXES, &of_schema).await?;
    let mut indexes: HashMap<String, Vec<IndexHealth>> = HashMap::new();
    for row in &rows {
        let index = IndexHealth { name: row.try_get(1)?, bytes: size(row, 2)? };
        indexes.entry(row.try_get(0)?).or_default().push(index);
    }
    let mut tables = Vec::with_capacity(found.len());
    let mut small = Vec::new();
    for row in &found {
        let name: String = row.try_get(0)?;
        if row.try_get(6)? {
            small.push((tables.len(), name.clone()));
        }
        let time = |at| -> Result<Option<Timestamp>, tokio_postgres::Error> {
            Ok(row.try_get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
        };
        tables.push(TableHealth {
            bytes: size(row, 1)?,
            // Before the first look of the server at a table there is no estimate: it says -1.
            rows: RowCount::Estimate(size(row, 2)?.unwrap_or(0)),
            dead_rows: size(row, 3)?,
            vacuumed_at: time(4)?,
            analyzed_at: time(5)?,
            indexes: indexes.remove(&name).unwrap_or_default(),
            name,
        });
    }
    for (at, count) in counted(hub, &small).await? {
        if let Some(table) = tables.get_mut(at) {
            table.rows = RowCount::Exact(count);
        }
    }
    Ok(tables)
}

/// Counts small tables, whose names are out of the catalog.
async fn counted(hub: &Hub, small: &[(usize, String)]) -> Result<Vec<(usize, u64)>, Fault> {
    if small.is_empty() {
        return Ok(Vec::new());
    }
    let quoted = |name: &str| name.replace('"', "\"\"");
    let counts: Vec<String> = small
        .iter()
        .map(|(at, name)| format!("SELECT {at}::int8, count(*) FROM {{schema}}.\"{}\"", quoted(name)))
        .collect();
    let rows = hub.look(Lane::Read, &counts.join(" UNION ALL "), &[]).await?;
    let read = |row: &Row| -> Result<(usize, u64), tokio_postgres::Error> {
        let at = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(usize::MAX);
        Ok((at, row.try_get::<_, i64>(1)?.max(0).unsigned_abs()))
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

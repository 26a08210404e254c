//! Bringing a database to the schema that this version knows. Forward only.

use super::error::Fault;
use crate::storage::StorageError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// One step each; never edited once released.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_initial.sql")];
const META: &str = "CREATE TABLE IF NOT EXISTS forge_meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID";
const HAS_META: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'forge_meta'";
const VERSION: &str = "SELECT value FROM forge_meta WHERE key = 'schema_version'";
const SET_VERSION: &str = "INSERT OR REPLACE INTO forge_meta (key, value) VALUES ('schema_version', ?1)";

/// The newest schema version that this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The schema version of a database; 0 for one without our tables.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    if !conn.prepare(HAS_META)?.exists([])? {
        return Ok(0);
    }
    Ok(conn.query_row(VERSION, [], |r| r.get(0)).optional()?.unwrap_or(0))
}

/// Refuses a database that a newer version made, before anything is written to it.
pub(super) fn refuse_newer(conn: &Connection) -> Result<i64, Fault> {
    let found = version(conn)?;
    if found > KNOWN {
        return Err(StorageError::SchemaTooNew { found, known: KNOWN }.into());
    }
    Ok(found)
}

/// Carries out what is missing, each step in a transaction of its own that other processes wait for.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), Fault> {
    let mut found = refuse_newer(conn)?;
    while found < KNOWN {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been first.
        found = refuse_newer(&tx)?;
        if let Some(step) = usize::try_from(found).ok().and_then(|at| MIGRATIONS.get(at)) {
            tx.execute_batch(META)?;
            tx.execute_batch(step)?;
            tx.execute(SET_VERSION, [found + 1])?;
            found += 1;
        }
        tx.commit()?;
    }
    Ok(())
}

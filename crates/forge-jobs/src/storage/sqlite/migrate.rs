//! Bringing a database to the schema that this version knows. Forward only.

use super::error::Fault;
use super::open::Purpose;
use crate::storage::StorageError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// One step each; never edited once released.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_initial.sql")];
const META: &str = "CREATE TABLE IF NOT EXISTS forge_meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID";
/// Another program may have a table of one of these names, but hardly of both.
const IS_OURS: &str =
    "SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('forge_meta', 'forge_jobs')";
const VERSION: &str = "SELECT value FROM forge_meta WHERE key = 'schema_version'";
const SET_VERSION: &str = "INSERT OR REPLACE INTO forge_meta (key, value) VALUES ('schema_version', ?1)";

/// The newest schema version that this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The schema version of a database; 0 for one without our tables.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    if !is_ours(conn)? {
        return Ok(0);
    }
    Ok(conn.query_row(VERSION, [], |r| r.get(0)).optional()?.unwrap_or(0))
}

fn is_ours(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(IS_OURS, [], |r| r.get(0))
}

/// Refuses a database that a newer version made, one that belongs to somebody else, and for a look one that would have
/// to be made or brought up to date first: before anything is written to it.
pub(super) fn refuse_unfit(conn: &Connection, purpose: Purpose) -> Result<i64, Fault> {
    // On one state of the database: another process may be making it right now.
    let _snapshot = if conn.is_autocommit() { Some(conn.unchecked_transaction()?) } else { None };
    let known = KNOWN;
    let database = || conn.path().filter(|p| !p.is_empty()).unwrap_or("the database").to_owned();
    let found = version(conn)?;
    if found > known {
        return Err(StorageError::SchemaTooNew { database: database(), found, known }.into());
    }
    let ours = is_ours(conn)?;
    if !ours && purpose != Purpose::Share {
        let others = others(conn)?;
        if let Some(names) = others {
            let detail = format!(
                "{} is no Forge database: it holds {names}. Check the path; to keep the queue in that file all the \
                 same, set `sqlite.share_file = true` in forge.toml, or SqliteOptions::share_file in code",
                database()
            );
            return Err(StorageError::NotForge { detail }.into());
        }
    }
    if purpose == Purpose::Look {
        if !ours {
            return Err(empty(database()).into());
        }
        if found < known {
            return Err(StorageError::SchemaTooOld { database: database(), found, known }.into());
        }
    }
    Ok(found)
}

/// The refusal of a database that holds nothing.
pub(super) fn empty(database: impl std::fmt::Display) -> StorageError {
    let detail = format!(
        "{database} is empty and no Forge database yet: `forge migrate`, `forge enqueue` and the programs that use it \
         make it one"
    );
    StorageError::NotForge { detail }
}

/// What a database holds, for people; `None` for an empty one.
fn others(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let count: u64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if count == 0 {
        return Ok(None);
    }
    let mut statement =
        conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid LIMIT 3")?;
    let names: Vec<String> = statement.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    let more = if count > names.len() as u64 { ", …" } else { "" };
    Ok(Some(format!("{}{more}", names.join(", "))))
}

/// Carries out what is missing, each step in a transaction of its own that other processes wait for.
pub(super) fn migrate(conn: &mut Connection, purpose: Purpose) -> Result<(), Fault> {
    let mut found = refuse_unfit(conn, purpose)?;
    while found < KNOWN {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been first.
        found = refuse_unfit(&tx, purpose)?;
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

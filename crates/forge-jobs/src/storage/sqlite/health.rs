//! How the database is. Nothing here reads a large table.

use super::error::Fault;
use super::open;
use crate::storage::{Health, IndexHealth, LogHealth, RowCount, TableHealth};
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Rows of a table that are counted.
const COUNTED: u64 = 1_000;
/// Pages of a database whose tables are measured page by page: some milliseconds.
const MEASURED: u64 = 2_000;
const TABLES: &str = "SELECT name, wr FROM pragma_table_list \
     WHERE schema = 'main' AND type = 'table' AND substr(name, 1, 6) = 'forge_' ORDER BY name";
const INDEXES: &str = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 ORDER BY name";
const SIZES: &str = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE";

pub(super) fn health(conn: &Connection, file: Option<&Path>) -> Result<Health, Fault> {
    let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, u64>(0));
    let (page, pages) = (number("PRAGMA page_size")?, number("PRAGMA page_count")?);
    let sizes = if pages <= MEASURED { sizes(conn) } else { HashMap::new() };
    let mut tables = Vec::new();
    for (name, without_rowid) in names(conn)? {
        let mut indexes = conn.prepare_cached(INDEXES)?;
        let indexes = indexes.query_map([&name], |r| r.get::<_, String>(0))?;
        let index = |name: String| IndexHealth { bytes: sizes.get(&name).copied(), name };
        tables.push(TableHealth {
            bytes: sizes.get(&name).copied(),
            rows: rows(conn, &name, without_rowid)?,
            dead_rows: None,
            vacuumed_at: None,
            analyzed_at: None,
            indexes: indexes.map(|i| i.map(index)).collect::<rusqlite::Result<_>>()?,
            name,
        });
    }
    Ok(Health {
        engine: format!("SQLite {}", rusqlite::version()),
        bytes: Some(page.saturating_mul(pages)),
        free_bytes: Some(page.saturating_mul(number("PRAGMA freelist_count")?)),
        tables,
        connections: None,
        oldest_transaction: None,
        sees_all_transactions: false,
        log: file.map(|file| log(conn, file)),
        busy_waits: Some(open::busy()),
    })
}

fn names(conn: &Connection) -> rusqlite::Result<Vec<(String, bool)>> {
    conn.prepare_cached(TABLES)?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// The sizes of tables and indexes; none where SQLite was built without the means to tell.
fn sizes(conn: &Connection) -> HashMap<String, u64> {
    let read = || -> rusqlite::Result<HashMap<String, u64>> {
        conn.prepare_cached(SIZES)?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
    };
    read().unwrap_or_default()
}

/// `table` is a name out of the schema.
fn rows(conn: &Connection, table: &str, without_rowid: bool) -> rusqlite::Result<RowCount> {
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM \"{table}\" LIMIT {})", COUNTED + 1);
    let count: u64 = conn.prepare_cached(&count)?.query_row([], |r| r.get(0))?;
    if count <= COUNTED {
        return Ok(RowCount::Exact(count));
    }
    if without_rowid {
        return Ok(RowCount::AtLeast(COUNTED));
    }
    // Rows are numbered as they come in: those that went in between are counted too.
    let span =
        format!("SELECT (SELECT max(rowid) FROM \"{table}\") - (SELECT min(rowid) FROM \"{table}\") + 1");
    conn.prepare_cached(&span)?.query_row([], |r| r.get(0)).map(RowCount::Estimate)
}

/// A look at the log, which moves nothing.
fn log(conn: &Connection, file: &Path) -> LogHealth {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    let bytes = std::fs::metadata(PathBuf::from(name)).map_or(0, |m| m.len());
    let pages =
        conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |r| Ok((r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)));
    let known = |pages: i64| u64::try_from(pages).ok();
    let (pages, moved) = pages.map_or((None, None), |(pages, moved)| (known(pages), known(moved)));
    LogHealth { bytes, pages, moved_pages: moved }
}

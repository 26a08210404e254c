//! What a database must look like after a campaign.

use rusqlite::Connection;
use std::collections::HashMap;
use std::path::Path;

/// The end of each job: (status, dead reason or empty).
pub type Ends = HashMap<String, (String, String)>;

/// Reads where each job ended.
///
/// # Errors
///
/// When the database cannot be read.
pub fn ends(database: &Path) -> rusqlite::Result<Ends> {
    let conn = Connection::open(database)?;
    let mut jobs = conn.prepare("SELECT id, status, coalesce(dead_reason, '') FROM forge_inspect_jobs")?;
    jobs.query_map([], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?.collect()
}

/// How many jobs have this status.
///
/// # Errors
///
/// When the database cannot be read.
pub fn finished(database: &Path) -> rusqlite::Result<u64> {
    Connection::open(database)?.query_row("SELECT count(*) FROM forge_finished", [], |r| r.get(0))
}

/// What SQLite itself finds wrong, and a write-ahead log that is too large.
///
/// # Errors
///
/// When the database cannot be read.
pub fn file_problems(database: &Path, largest_log: u64) -> rusqlite::Result<Vec<String>> {
    let conn = Connection::open(database)?;
    let mut check = conn.prepare("PRAGMA integrity_check")?;
    let lines = check.query_map([], |r| r.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut problems: Vec<_> = lines.into_iter().filter(|l| l != "ok").collect();
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let size = std::fs::metadata(&log).map_or(0, |m| m.len());
    if size > largest_log {
        problems.push(format!("the write-ahead log has {size} bytes"));
    }
    Ok(problems)
}

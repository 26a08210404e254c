//! What a database must look like after a campaign, on either engine.

use crate::campaigns::Failure;
use crate::fleet::Site;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::path::Path;

/// The end of each job: (status, dead reason or empty).
pub type Ends = HashMap<String, (String, String)>;

/// A write-ahead log of SQLite's that is larger after a campaign was not taken care of.
const LARGEST_LOG: u64 = 64 << 20;

/// The file, if the database is one.
fn file_of(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite:").map(Path::new)
}

/// Reads where each job ended, from the view that both engines have.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn ends(url: &str) -> Result<Ends, Failure> {
    if let Some(file) = file_of(url) {
        let conn = Connection::open(file)?;
        let mut jobs =
            conn.prepare("SELECT id, status, coalesce(dead_reason, '') FROM forge_inspect_jobs")?;
        return Ok(jobs
            .query_map([], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?
            .collect::<rusqlite::Result<_>>()?);
    }
    let jobs =
        "SELECT id::text, coalesce(status, ''), coalesce(dead_reason, '') FROM forge.forge_inspect_jobs";
    let rows = forge_test_cluster::connect(url).await?.query(jobs, &[]).await?;
    let read = |r: &tokio_postgres::Row| Ok((r.try_get(0)?, (r.try_get(1)?, r.try_get(2)?)));
    Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
}

/// How many jobs are done or dead.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn finished(url: &str) -> Result<u64, Failure> {
    if let Some(file) = file_of(url) {
        let count = "SELECT count(*) FROM forge_finished";
        return Ok(Connection::open(file)?.query_row(count, [], |r| r.get(0))?);
    }
    number(url, "SELECT count(*) FROM forge.finished").await
}

/// The operating system's process id of whoever leads, as far as the database knows.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn leader(url: &str) -> Result<Option<u32>, Failure> {
    if let Some(file) = file_of(url) {
        let pid = "SELECT p.pid FROM forge_leases l JOIN forge_processes p ON p.id = l.holder WHERE l.name = 'leader'";
        return Ok(Connection::open(file)?.query_row(pid, [], |r| r.get(0)).optional()?);
    }
    let pid =
        "SELECT p.pid FROM forge.leases l JOIN forge.processes p ON p.id = l.holder WHERE l.name = 'leader'";
    let row = forge_test_cluster::connect(url).await?.query_opt(pid, &[]).await?;
    Ok(row.map(|r| r.try_get::<_, i64>(0)).transpose()?.and_then(|pid| u32::try_from(pid).ok()))
}

/// The number that a query gives, on a server.
///
/// # Errors
///
/// When it gives none.
pub async fn number(url: &str, query: &str) -> Result<u64, Failure> {
    let client = forge_test_cluster::connect(url).await?;
    Ok(u64::try_from(client.query_one(query, &[]).await?.try_get::<_, i64>(0)?)?)
}

/// What is wrong with the database of a site as a whole: with a file, what SQLite finds; on a server, what
/// `forge doctor` does.
///
/// # Errors
///
/// When the database cannot be read.
pub fn problems(site: &Site) -> Result<Vec<String>, Failure> {
    match file_of(site.url()) {
        Some(file) => Ok(file_problems(file, LARGEST_LOG)?),
        None => doctor(site),
    }
}

/// What `forge doctor` finds wrong.
///
/// # Errors
///
/// When it cannot be run.
pub fn doctor(site: &Site) -> Result<Vec<String>, Failure> {
    let ended = site.command(&["doctor"]).output()?;
    let text = String::from_utf8_lossy(&ended.stdout);
    let mut problems: Vec<String> =
        text.lines().filter_map(|l| l.strip_prefix("problem: ")).map(str::to_owned).collect();
    if !ended.status.success() && problems.is_empty() {
        problems.push(format!("forge doctor: {}", String::from_utf8_lossy(&ended.stderr).trim()));
    }
    Ok(problems)
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

//! Opening a database: checks before the first write, pragmas, and the connections for reads.

use super::error::{Fault, at_file, is_busy, storage_error};
use super::migrate::{migrate, refuse_unfit};
use crate::limits::STORAGE_CALL_LIMIT;
use crate::storage::StorageError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Versions before this can damage a WAL database that has several connections (sqlite.org/wal.html#walresetbug).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Tries of the busy handler: about 5 s in all.
const BUSY_TRIES: i32 = 2_000;
/// Connections for reads of people at most.
const READERS: usize = 3;
/// Longest time that one read for people may take.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// How hard to wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synchronous {
    Full,
    Normal,
}

impl Synchronous {
    const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To work with it as it is: neither made nor brought up to date.
    Look,
    /// To use it: made if there is nothing, brought up to date if it is older.
    Use,
    /// The same, beside tables of somebody else.
    Share,
}

/// Opens a file, and migrates it if that is allowed.
pub(super) fn open_file(
    file: &Path,
    synchronous: Synchronous,
    purpose: Purpose,
) -> Result<Connection, StorageError> {
    refuse_old_sqlite()?;
    refuse_network(file)?;
    super::place::refuse(file, purpose)?;
    let started = Instant::now();
    loop {
        match open_once(file, synchronous, purpose) {
            // Several processes that make a new file a WAL database at once: SQLite refuses one of them without asking
            // its busy handler, since waiting could not help it.
            Err(Fault::Sql(e)) if is_busy(&e) && started.elapsed() < STORAGE_CALL_LIMIT => {
                std::thread::sleep(Duration::from_micros(fastrand::u64(200..5_000)));
            }
            opened => return opened.map_err(|fault| at_file(fault.into_storage(), file)),
        }
    }
}

fn open_once(file: &Path, synchronous: Synchronous, purpose: Purpose) -> Result<Connection, Fault> {
    // Not as a URI: a file may have any name.
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, purpose != Purpose::Look);
    let mut conn = Connection::open_with_flags(file, flags)?;
    wait_for_others(&conn)?;
    // Closing somebody else's database must not move its log into it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // The first read of the file tells whether it is a database at all, and one for us: before any write.
    let fresh: i64 = conn.query_row("PRAGMA page_count", [], |r| r.get(0))?;
    refuse_unfit(&conn, purpose)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    if conn.is_readonly("main")? {
        // SQLite falls back to reading alone, and the first job would tell.
        let detail = "the file is read-only for this program: it needs to write to it and to its directory";
        return Err(StorageError::unavailable(detail).into());
    }
    if fresh == 0 {
        // Only possible before the first table.
        conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StorageError::unavailable(format!(
            "the file system does not allow a write-ahead log (the mode stays {mode:?}): put the database on a local disk"
        ))
        .into());
    }
    settle(&conn, synchronous)?;
    migrate(&mut conn, purpose)?;
    Ok(conn)
}

/// Opens a database in memory.
pub(super) fn open_memory() -> Result<Connection, StorageError> {
    refuse_old_sqlite()?;
    let mut conn = Connection::open_in_memory().map_err(storage_error)?;
    settle(&conn, Synchronous::Normal).map_err(storage_error)?;
    migrate(&mut conn, Purpose::Use).map_err(Fault::into_storage)?;
    Ok(conn)
}

fn settle(conn: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(128);
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; \
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
        synchronous.pragma()
    ))
}

/// Has a connection wait for locks of other processes.
pub(super) fn wait_for_others(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_handler(Some(wait_a_little))
}

/// Waits a short random time, so that processes that share a file take turns instead of starving one another: SQLite's
/// own handler waits up to 100 ms, in which a busy neighbour commits hundreds of times.
fn wait_a_little(tries: i32) -> bool {
    if tries >= BUSY_TRIES {
        return false;
    }
    BUSY.fetch_add(1, Ordering::Relaxed);
    std::thread::sleep(Duration::from_micros(fastrand::u64(200..5_000)));
    true
}

/// Waits for locks of other processes, by all handles of this one.
static BUSY: AtomicU64 = AtomicU64::new(0);

/// How often this process had to wait for the lock of another one.
pub(super) fn busy() -> u64 {
    BUSY.load(Ordering::Relaxed)
}

fn refuse_old_sqlite() -> Result<(), StorageError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    let detail = format!(
        "SQLite {} is linked, which can damage the database; 3.51.3 or newer is needed: use rusqlite's feature \"bundled\"",
        rusqlite::version()
    );
    Err(StorageError::Internal { detail, source: None })
}

#[cfg(target_os = "linux")]
fn refuse_network(file: &Path) -> Result<(), StorageError> {
    let directory = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let (Ok(absolute), Ok(mounts)) =
        (std::fs::canonicalize(directory), std::fs::read_to_string("/proc/self/mountinfo"))
    else {
        // What cannot be told is not refused; opening says the rest.
        return Ok(());
    };
    let Some(kind) = super::mounts::network_file_system(&mounts, &absolute.to_string_lossy()) else {
        return Ok(());
    };
    Err(StorageError::unavailable(format!(
        "{} is on a network file system ({kind}), where SQLite's locks do not hold: put the database on a local disk",
        file.display()
    )))
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "one signature for all platforms")]
const fn refuse_network(_file: &Path) -> Result<(), StorageError> {
    Ok(())
}

/// Connections for reads, apart from the writer's, opened when they are needed.
pub(super) struct Readers {
    file: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    most: usize,
}

impl Readers {
    /// How many are open, and how many there may be.
    pub(super) fn connections(&self) -> (usize, usize) {
        let in_use = self.most.saturating_sub(self.permits.available_permits());
        (in_use + self.idle.lock().unwrap_or_else(PoisonError::into_inner).len(), self.most)
    }

    pub(super) fn new(file: PathBuf) -> Self {
        Self::with_connections(file, READERS)
    }

    /// One connection, for what the workers read: it never waits for people's reads.
    pub(super) fn single(file: PathBuf) -> Self {
        Self::with_connections(file, 1)
    }

    fn with_connections(file: PathBuf, most: usize) -> Self {
        Self { file, idle: Arc::default(), permits: Arc::new(Semaphore::new(most)), most }
    }

    /// Runs a read off the async threads, on one state of the database, bounded in time. It is stopped when nobody
    /// waits for it any more.
    ///
    /// A read with a `limit` of its own gets no snapshot: one that is held for minutes would let the log grow.
    pub(super) async fn read<T, F>(&self, run: F, limit: Option<Duration>) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let Ok(permit) = self.permits.clone().acquire_owned().await else { return Err(StorageError::Closed) };
        let idle = self.idle.clone();
        let file = self.file.clone();
        let abandoned = SetOnDrop::default();
        let bound = Bound { limit: limit.unwrap_or(READ_LIMIT), abandoned: abandoned.0.clone() };
        let reading = tokio::task::spawn_blocking(move || {
            // Given back last, when the connection is free again.
            let _permit = permit;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = match taken {
                Some(conn) => conn,
                None => open_reader(&file)?,
            };
            let result =
                bounded(&conn, bound, |conn| if limit.is_some() { run(conn) } else { snapshot(conn, run) });
            // A connection that is stuck in a transaction is not used again.
            if conn.is_autocommit() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            }
            result.map_err(Fault::into_storage)
        });
        let result = reading.await.map_err(panicked)?;
        drop(abandoned);
        result
    }
}

/// Tells a read that its caller has gone.
#[derive(Default)]
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What ends a read early.
struct Bound {
    limit: Duration,
    abandoned: Arc<AtomicBool>,
}

/// Steps of SQLite's machine between two looks at the clock: a fraction of a millisecond.
const LOOK_EVERY: i32 = 10_000;

/// Runs a read that SQLite itself stops at its bound. Unlike an interrupt from outside this can never hit the next read
/// on the same connection.
fn bounded<T>(
    conn: &Connection,
    bound: Bound,
    run: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let begun = Instant::now();
    let over = move || bound.abandoned.load(Ordering::Relaxed) || begun.elapsed() >= bound.limit;
    conn.progress_handler(LOOK_EVERY, Some(over))?;
    let result = run(conn);
    conn.progress_handler(0, None::<fn() -> bool>)?;
    result
}

fn snapshot<T>(conn: &Connection, run: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
    let transaction = conn.unchecked_transaction()?;
    let result = run(&transaction);
    // Nothing was written, so nothing is lost; after an interrupt there may be no transaction any more.
    drop(transaction);
    result
}

fn open_reader(file: &Path) -> Result<Connection, StorageError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(file, flags)?;
        wait_for_others(&conn)?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000")?;
        Ok(conn)
    };
    open().map_err(|e| at_file(storage_error(e), file))
}

fn panicked(e: tokio::task::JoinError) -> StorageError {
    StorageError::Internal { detail: "a read panicked or was cancelled".into(), source: Some(Box::new(e)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANG: Duration = Duration::from_secs(10);
    /// Far longer than any test may take.
    const ENDLESS: &str =
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

    fn readers() -> (tempfile::TempDir, PathBuf, Arc<Readers>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jobs.db");
        drop(open_file(&file, Synchronous::Normal, Purpose::Use).unwrap());
        let readers = Arc::new(Readers::new(file.clone()));
        (dir, file, readers)
    }

    fn count(conn: &Connection, sql: &str) -> Result<i64, Fault> {
        Ok(conn.query_row(sql, [], |r| r.get(0))?)
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_any_more_is_stopped() {
        let (_dir, _file, readers) = readers();
        for _ in 0..READERS {
            let running = Arc::new(tokio::sync::Notify::new());
            let (signal, readers) = (running.clone(), readers.clone());
            let read = tokio::spawn(async move {
                let endless = move |conn: &Connection| {
                    signal.notify_one();
                    count(conn, ENDLESS)
                };
                readers.read(endless, None).await
            });
            running.notified().await;
            read.abort();
        }
        // All permits come back, long before the time limit of the reads.
        let next = readers.read(|conn| count(conn, "SELECT count(*) FROM forge_jobs"), None);
        let limit = READ_LIMIT / 2;
        assert_eq!(tokio::time::timeout(limit, next).await.expect("a connection is free").unwrap(), 0);
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_stopped_and_harms_no_other() {
        let (_dir, _file, readers) = readers();
        let limit = Some(Duration::from_millis(20));
        for _ in 0..2 * READERS {
            let read = readers.read(|conn| count(conn, ENDLESS), limit);
            let e = tokio::time::timeout(HANG, read).await.expect("it is stopped").unwrap_err();
            assert!(e.is_retryable() && e.to_string().contains("too long"), "{e}");
            let read = readers.read(|conn| count(conn, "SELECT count(*) FROM forge_jobs"), None);
            assert_eq!(read.await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn the_statements_of_one_read_see_one_state_of_the_database() {
        let (_dir, file, readers) = readers();
        let both = readers.read(
            move |conn| {
                let kinds = "SELECT count(*) FROM forge_kinds";
                let before = count(conn, kinds)?;
                Connection::open(&file)?.execute("INSERT INTO forge_kinds (name) VALUES ('k')", [])?;
                Ok((before, count(conn, kinds)?))
            },
            None,
        );
        assert_eq!(both.await.unwrap(), (0, 0));
        let after = readers.read(|conn| count(conn, "SELECT count(*) FROM forge_kinds"), None);
        assert_eq!(after.await.unwrap(), 1);
    }
}

//! Opening a database: checks before the first write, pragmas, and the connections for reads.

use super::error::{Fault, at_file, is_busy, storage_error};
use super::migrate::{migrate, refuse_newer};
use crate::limits::STORAGE_CALL_LIMIT;
use crate::storage::StorageError;
use rusqlite::{Connection, InterruptHandle, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Versions before this can damage a WAL database that has several connections (sqlite.org/wal.html#walresetbug).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Tries of the busy handler: about 5 s in all.
const BUSY_TRIES: i32 = 2_000;
/// Connections for reads of people at most.
const READERS: usize = 3;
/// Between two tries to stop a read that takes too long: one may fall between two of its statements.
const STOP_AGAIN: Duration = Duration::from_millis(20);
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

/// Opens and migrates a file.
pub(super) fn open_file(file: &Path, synchronous: Synchronous) -> Result<Connection, StorageError> {
    refuse_old_sqlite()?;
    refuse_network(file)?;
    let open = || -> Result<Connection, Fault> {
        let mut conn = Connection::open(file)?;
        conn.busy_handler(Some(wait_a_little))?;
        // The first read of the file tells whether it is a database at all, and one for us: before any write.
        let fresh: i64 = conn.query_row("PRAGMA page_count", [], |r| r.get(0))?;
        refuse_newer(&conn)?;
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
        migrate(&mut conn)?;
        Ok(conn)
    };
    let started = Instant::now();
    loop {
        match open() {
            // The change to WAL needs the file alone, and SQLite answers "busy" at once, without asking the busy handler,
            // when another process opens the file at the same moment. What was done so far can be done again.
            Err(Fault::Sql(e)) if is_busy(&e) && started.elapsed() < STORAGE_CALL_LIMIT => {
                wait_a_little(0);
            }
            done => return done.map_err(|fault| at_file(fault.into_storage(), file)),
        }
    }
}

/// Opens a database in memory.
pub(super) fn open_memory() -> Result<Connection, StorageError> {
    refuse_old_sqlite()?;
    let mut conn = Connection::open_in_memory().map_err(storage_error)?;
    settle(&conn, Synchronous::Normal).map_err(storage_error)?;
    migrate(&mut conn)?;
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

/// Waits a short random time, so that processes that share a file take turns instead of starving one another: SQLite's
/// own handler waits up to 100 ms, in which a busy neighbour commits hundreds of times.
fn wait_a_little(tries: i32) -> bool {
    if tries >= BUSY_TRIES {
        return false;
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(200..5_000)));
    true
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
}

impl Readers {
    pub(super) fn new(file: PathBuf) -> Self {
        Self::with_connections(file, READERS)
    }

    /// One connection, for what the workers read: it never waits for people's reads.
    pub(super) fn single(file: PathBuf) -> Self {
        Self::with_connections(file, 1)
    }

    fn with_connections(file: PathBuf, most: usize) -> Self {
        Self { file, idle: Arc::default(), permits: Arc::new(Semaphore::new(most)) }
    }

    /// Runs a read off the async threads, bounded in time.
    pub(super) async fn read<T, F>(&self, run: F, limit: Option<Duration>) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let Ok(permit) = self.permits.clone().acquire_owned().await else { return Err(StorageError::Closed) };
        let idle = self.idle.clone();
        let file = self.file.clone();
        let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match taken {
            Some(conn) => conn,
            None => tokio::task::spawn_blocking(move || open_reader(&file)).await.map_err(panicked)??,
        };
        // A caller that goes away stops its read, which would else hold the connection without a limit.
        let stop = Stop(Arc::new(Mutex::new(Some(conn.get_interrupt_handle()))));
        let stopped = stop.0.clone();
        let mut reading = tokio::task::spawn_blocking(move || {
            let result = run(&conn).map_err(Fault::into_storage);
            // Before the next reader gets the connection: a late stop must not hit that one.
            stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            drop(permit);
            result
        });
        let mut wait = limit.unwrap_or(READ_LIMIT);
        loop {
            if let Ok(result) = tokio::time::timeout(wait, &mut reading).await {
                return result.map_err(panicked)?;
            }
            stop.now();
            wait = STOP_AGAIN;
        }
    }
}

/// Stops a read that is still under way when this is dropped.
struct Stop(Arc<Mutex<Option<InterruptHandle>>>);

impl Stop {
    fn now(&self) {
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.now();
    }
}

fn open_reader(file: &Path) -> Result<Connection, StorageError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(file, flags)?;
        conn.busy_handler(Some(wait_a_little))?;
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

    /// A read that never ends by itself.
    fn endless(conn: &Connection) -> Result<(), Fault> {
        let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        Ok(conn.query_row(count, [], |_| Ok(()))?)
    }

    #[tokio::test]
    async fn a_read_whose_caller_went_away_is_stopped_and_frees_its_connection() {
        let dir = tempfile::tempdir().unwrap();
        let readers = Readers::single(dir.path().join("jobs.db"));
        let file = open_file(&readers.file, Synchronous::Normal).unwrap();
        let gone = tokio::time::timeout(Duration::from_millis(100), readers.read(endless, None)).await;
        assert!(gone.is_err());
        let one = |conn: &Connection| Ok(conn.query_row("SELECT 1", [], |r| r.get::<_, i64>(0))?);
        let next = tokio::time::timeout(Duration::from_secs(30), readers.read(one, None)).await;
        assert_eq!(next.expect("the connection is held for ever").unwrap(), 1);
        drop(file);
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_stopped_even_between_its_statements() {
        let dir = tempfile::tempdir().unwrap();
        let readers = Readers::single(dir.path().join("jobs.db"));
        let file = open_file(&readers.file, Synchronous::Normal).unwrap();
        let slow = |conn: &Connection| {
            // The stop comes while no statement runs, and does nothing.
            std::thread::sleep(Duration::from_millis(100));
            endless(conn)
        };
        let limit = Some(Duration::from_millis(20));
        let read = tokio::time::timeout(Duration::from_secs(30), readers.read(slow, limit)).await;
        assert!(read.expect("it runs for ever").unwrap_err().is_retryable());
        drop(file);
    }
}

//! What a full disk is left with: the log moves into the file before anything else takes the room there is.
//!
//! A commit appends to the log, and the log begins anew only when all of it has been moved into the file, which takes
//! room as well. If commands took what room there is, the log would grow until there is none again, with nothing left
//! to make it shorter.

use super::error::is_full;
use super::open::wait_for_others;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Room left to others on the disk: what they write meanwhile must not stop the file's growth half way.
const SPARE: u64 = 64 << 10;
/// After a move that failed half way it is tried again at most this often: each command begins with this meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// Whether there is room, as far as the writing thread has met its end.
#[derive(Debug)]
pub(super) struct Room {
    /// `None` in memory.
    file: Option<PathBuf>,
    /// The disk was full, and the log has not begun anew since.
    starved: bool,
    /// When a move last failed.
    failed: Option<Instant>,
}

impl Room {
    pub(super) const fn of(file: Option<PathBuf>) -> Self {
        Self { file, starved: false, failed: None }
    }

    /// Takes note of a full disk.
    pub(super) fn notice(&mut self, error: &rusqlite::Error) {
        self.starved |= is_full(error);
    }

    /// Before a transaction: moves the log if the disk was full and there is room for it now. Where there is less,
    /// or somebody reads the log, work goes on in the log, and this is tried again before the next one.
    pub(super) fn make(&mut self, conn: &Connection) {
        let waits = self.failed.is_some_and(|at| at.elapsed() < AGAIN);
        let Some(file) = self.file.as_deref().filter(|_| self.starved && !waits) else { return };
        if is_enough(conn, file) {
            let anew = move_log(conn, file);
            self.failed = anew.is_err().then(Instant::now);
            self.starved = !anew.unwrap_or(false);
        }
    }
}

/// Moves the log into the file as far as nobody reads it; says whether it was all of it, so that the next commit begins
/// the log anew. Other processes write nothing meanwhile, or they would take the room before the file has it.
fn move_log(conn: &Connection, file: &Path) -> rusqlite::Result<bool> {
    // A connection cannot move the log in a transaction of its own.
    let mut other = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    wait_for_others(&other)?;
    let alone = other.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_enough(conn, file) {
        return Ok(false);
    }
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    alone.rollback()?;
    // What is left to do is nothing, or the work of a moment; readers are not waited for.
    conn.busy_handler(None)?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |r| r.get::<_, i64>(0));
    wait_for_others(conn)?;
    busy.map(|busy| busy == 0)
}

/// Whether the file can grow to what it holds with the log.
fn is_enough(conn: &Connection, file: &Path) -> bool {
    let holds = || -> rusqlite::Result<u64> {
        let pages: u64 = conn.query_row("PRAGMA page_count", [], |r| r.get(0))?;
        let size: u64 = conn.query_row("PRAGMA page_size", [], |r| r.get(0))?;
        Ok(pages.saturating_mul(size))
    };
    let has = std::fs::metadata(file).map(|m| m.len());
    let beside = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let free = crate::host::space(beside).map(|(free, _)| free);
    match (holds(), has, free) {
        (Ok(holds), Ok(has), Some(free)) => fits(holds.saturating_sub(has), free),
        // It can only be found out by a try.
        _ => true,
    }
}

/// Whether a file may grow by so much. A try without room for it would take what there is, move nothing, and leave none
/// for the log either; one that needs no growth, as most do once the file has been as large, needs no room.
const fn fits(growth: u64, free: u64) -> bool {
    growth == 0 || growth.saturating_add(SPARE) <= free
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn moved(conn: &Connection) -> (i64, i64) {
        conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |r| Ok((r.get(1)?, r.get(2)?))).unwrap()
    }

    fn failed(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn the_log_is_moved_after_a_full_disk_once_nobody_reads_it_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let conn = Connection::open(&file).unwrap();
        conn.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
            .unwrap();
        let mut room = Room::of(Some(file.clone()));
        room.make(&conn);
        room.notice(&failed(ffi::SQLITE_BUSY));
        room.make(&conn);
        let (log, before) = moved(&conn);
        assert!(log > 0 && before == 0, "nothing is moved while there is room: {before} of {log}");

        let reader = Connection::open(&file).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t;").unwrap();
        conn.execute_batch("INSERT INTO t VALUES (2);").unwrap();
        room.notice(&failed(ffi::SQLITE_FULL));
        room.make(&conn);
        let (log, part) = moved(&conn);
        assert!(part < log, "what is read stays: {part} of {log}");
        reader.execute_batch("COMMIT").unwrap();
        room.failed = Some(Instant::now() + Duration::from_secs(3_600));
        room.make(&conn);
        assert_eq!(moved(&conn).1, part, "it is not tried all the time");
        room.failed = None;
        room.make(&conn);
        let (log, whole) = moved(&conn);
        assert_eq!(whole, log, "all of it is moved, and the log begins anew");

        conn.execute_batch("INSERT INTO t VALUES (3);").unwrap();
        room.make(&conn);
        let (log, after) = moved(&conn);
        assert!(after < log, "there is room again: {after} of {log}");
    }

    #[test]
    fn a_file_that_need_not_grow_needs_no_room() {
        assert!(fits(0, 0));
        assert!(!fits(4_096, 0));
        assert!(!fits(SPARE, SPARE), "others write, too");
        assert!(fits(4_096, 4_096 + SPARE));
    }
}

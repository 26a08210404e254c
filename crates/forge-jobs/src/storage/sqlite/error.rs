//! The driver's errors, sorted by what a caller can do next. The one place that knows them.

use crate::storage::StorageError;
use rusqlite::ErrorCode;
use std::path::Path;

/// Why a command of the writer or a read did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database's fault: the transaction is rolled back.
    Sql(rusqlite::Error),
    /// The command panicked: a fault of this crate.
    Panicked,
    /// The command was refused. Where it had written nothing, the others of its group go on; else it is rolled back like
    /// a failed statement.
    Refused(StorageError),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl From<StorageError> for Fault {
    fn from(e: StorageError) -> Self {
        Self::Refused(e)
    }
}

impl Fault {
    /// As callers see it.
    pub(super) fn into_storage(self) -> StorageError {
        match self {
            Self::Refused(e) => e,
            Self::Sql(e) => storage_error(e),
            Self::Panicked => StorageError::Internal { detail: "a command panicked".into(), source: None },
        }
    }
}

/// Whether another connection holds the lock that was wanted.
pub(super) fn is_busy(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the disk has no room for what was to be written.
pub(super) fn is_full(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// A statement failed; nothing of its transaction was kept.
pub(super) fn storage_error(e: rusqlite::Error) -> StorageError {
    let unavailable = |detail: &str, e: rusqlite::Error| StorageError::Unavailable {
        detail: detail.to_owned(),
        outcome_unknown: false,
        source: Some(Box::new(e)),
    };
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable("another process holds its lock for too long", e)
        }
        Some(ErrorCode::DiskFull) => unavailable("the disk is full: make room, work goes on by itself", e),
        Some(ErrorCode::SystemIoFailure) => unavailable("the disk failed to read or write", e),
        Some(ErrorCode::OperationInterrupted) => unavailable("the read took too long and was stopped", e),
        Some(ErrorCode::CannotOpen) => unavailable("the file cannot be opened", e),
        Some(ErrorCode::ReadOnly) => unavailable("the file or its directory is read-only", e),
        Some(ErrorCode::OutOfMemory) => unavailable("memory is exhausted", e),
        Some(ErrorCode::NotADatabase) => corrupt("the file is no SQLite database", e),
        Some(ErrorCode::DatabaseCorrupt) => {
            corrupt("run `PRAGMA integrity_check`, and restore a backup or use `.recover`", e)
        }
        _ => StorageError::Internal { detail: "a statement failed".into(), source: Some(Box::new(e)) },
    }
}

/// A COMMIT failed. SQLite rolls back, but after a failed sync nobody knows what reached the disk.
pub(super) fn commit_error(e: rusqlite::Error) -> StorageError {
    let unknown = e.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
    match storage_error(e) {
        StorageError::Unavailable { detail, source, .. } => {
            StorageError::Unavailable { detail, outcome_unknown: unknown, source }
        }
        other => other,
    }
}

fn corrupt(detail: &str, e: rusqlite::Error) -> StorageError {
    StorageError::Corrupt { detail: detail.to_owned(), source: Some(Box::new(e)) }
}

/// The same, naming the file.
pub(super) fn at_file(e: StorageError, file: &Path) -> StorageError {
    let name = |detail: String| format!("{}: {detail}", file.display());
    match e {
        StorageError::Unavailable { detail, outcome_unknown, source } => {
            StorageError::Unavailable { detail: name(detail), outcome_unknown, source }
        }
        StorageError::Corrupt { detail, source } => StorageError::Corrupt { detail: name(detail), source },
        other => other,
    }
}

//! Notices that the database file was moved, deleted or replaced while it is open.
//!
//! The open connection would go on writing to the old file, whatever its name is now: what it acknowledged would not
//! be where the next start looks for it (sqlite.org/howtocorrupt.html, section 4).

use crate::storage::StorageError;
use std::path::{Path, PathBuf};

/// Which file was opened. Looked at by name and never opened: closing a second descriptor would drop SQLite's locks.
pub(super) struct Identity {
    file: PathBuf,
    opened: Option<Number>,
}

type Number = (u64, u64);

impl Identity {
    /// Of a file that was opened just now.
    pub(super) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), opened: number(file).ok().flatten() }
    }

    /// The name that it was opened by.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Refuses a file that is gone, or that another one took the place of. Where files have no numbers, or the
    /// directory cannot be read, nothing is refused.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let Some(opened) = self.opened else { return Ok(()) };
        let what = match number(&self.file) {
            Ok(Some(now)) if now != opened => "was replaced by another file",
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => "was moved or deleted",
            _ => return Ok(()),
        };
        Err(StorageError::unavailable(format!(
            "{} {what} while it was open: put it back, or stop this program and start it again",
            self.file.display()
        )))
    }
}

#[cfg(unix)]
fn number(file: &Path) -> std::io::Result<Option<Number>> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(file)?;
    Ok(Some((metadata.dev(), metadata.ino())))
}

#[cfg(not(unix))]
fn number(_file: &Path) -> std::io::Result<Option<Number>> {
    // Windows does not let an open database be moved or deleted.
    Ok(None)
}

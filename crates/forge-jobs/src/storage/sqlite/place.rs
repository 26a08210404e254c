//! The file, before SQLite touches it: opening a database makes files beside it, and rolls back or moves into it what
//! another program left there. None of that may happen to a file that is not for us.

use super::error::Fault;
use super::migrate::{empty, refuse_unfit};
use super::open::Purpose;
use crate::storage::StorageError;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file behind a path. Links are followed: whatever stands beside a database stands beside the file itself, under
/// its own name, so that all who use it find it.
pub(super) fn real(file: &Path) -> std::io::Result<PathBuf> {
    match file.canonicalize() {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let absolute = std::path::absolute(file)?;
            let there = absolute.parent().map(Path::canonicalize);
            match (there, absolute.file_name()) {
                (Some(Ok(directory)), Some(name)) => Ok(directory.join(name)),
                _ => Ok(absolute),
            }
        }
        // What is wrong with it is told better when it is opened.
        Err(_) => std::path::absolute(file),
        real => real,
    }
}

/// Refuses what cannot be a database for this purpose, or is somebody else's.
pub(super) fn refuse(file: &Path, purpose: Purpose) -> Result<(), StorageError> {
    let at = file.display();
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == ErrorKind::NotFound && purpose != Purpose::Look => {
            return refuse_directory(file);
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(StorageError::unavailable(format!("there is no file {at}")));
        }
        // As above.
        Err(_) => return Ok(()),
    };
    if metadata.is_dir() {
        return Err(StorageError::unavailable(format!("{at} is a directory: name a file in it")));
    }
    if !metadata.is_file() {
        return Err(StorageError::unavailable(format!("{at} is no regular file")));
    }
    if metadata.len() == 0 && purpose == Purpose::Look {
        return Err(empty(at));
    }
    if !may(file, Access::ReadAndWrite) {
        return Err(StorageError::unavailable(format!(
            "{at} cannot be read and written by this user: run this as its owner, or change its mode"
        )));
    }
    refuse_directory(file)?;
    if purpose == Purpose::Share || has_log(file) { Ok(()) } else { refuse_foreign(file, purpose) }
}

fn refuse_directory(file: &Path) -> Result<(), StorageError> {
    let Some(directory) = file.parent().filter(|d| d.is_dir()) else { return Ok(()) };
    if may(directory, Access::Make) {
        return Ok(());
    }
    Err(StorageError::unavailable(format!(
        "no files can be made in {} by this user, and a database needs some beside it: {}",
        directory.display(),
        "run this as its owner, or change its mode"
    )))
}

/// With a log that is not empty the file alone does not tell whose it is.
fn has_log(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log).metadata().is_ok_and(|m| m.len() > 0)
}

/// Looks at the file without a lock, without its journal, and without making anything beside it.
fn refuse_foreign(file: &Path, purpose: Purpose) -> Result<(), StorageError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || -> Result<(), Fault> {
        let conn = Connection::open_with_flags(uri(file), flags)?;
        refuse_unfit(&conn, purpose).map(drop)
    };
    match look() {
        // Others may be writing to it right now: only what is clear counts.
        Err(Fault::Refused(e @ StorageError::NotForge { .. })) => Err(e),
        _ => Ok(()),
    }
}

fn uri(file: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            // A string takes all that is written to it.
            other => _ = write!(uri, "%{other:02X}"),
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    uri
}

#[derive(Clone, Copy)]
enum Access {
    ReadAndWrite,
    /// Of files in a directory.
    Make,
}

#[cfg(unix)]
fn may(path: &Path, access: Access) -> bool {
    use rustix::fs::{Access as Mode, AtFlags, CWD, accessat};
    let mode = match access {
        Access::ReadAndWrite => Mode::READ_OK | Mode::WRITE_OK,
        Access::Make => Mode::WRITE_OK | Mode::EXEC_OK,
    };
    // As the user that the process acts as. What cannot be told is not refused.
    !matches!(
        accessat(CWD, path, mode, AtFlags::EACCESS),
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::ROFS)
    )
}

#[cfg(not(unix))]
const fn may(_path: &Path, _access: Access) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_sort_make_a_uri() {
        assert_eq!(uri(Path::new("/a b/ü?#%.db")), "file:/a%20b/%C3%BC%3F%23%25.db?mode=ro&immutable=1");
    }
}

//! Locks beside the database that die with their process.
//!
//! Each process holds an operating-system lock on a file of its own, so that others can tell at once that it has died,
//! however it died, instead of after the stale window. Never a lock on the database file itself: closing any
//! descriptor of that would drop SQLite's own locks.

use crate::ProcessId;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The locks of the processes registered through one storage.
pub(super) struct Locks {
    /// `None` in memory: nobody else can see the database.
    directory: Option<PathBuf>,
    held: Mutex<HashMap<ProcessId, File>>,
}

impl Locks {
    pub(super) fn beside(database: Option<&Path>) -> Self {
        let directory = database.map(|file| {
            let mut name = file.as_os_str().to_owned();
            name.push("-forge");
            PathBuf::from(name)
        });
        Self { directory, held: Mutex::default() }
    }

    /// Where they are; empty in memory.
    pub(super) fn directory(&self) -> &Path {
        self.directory.as_deref().unwrap_or_else(|| Path::new(""))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ProcessId, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, process: ProcessId) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(format!("{process}.lock")))
    }

    fn news(&self, process: ProcessId) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(format!("{process}.news.lock")))
    }

    /// Takes the lock of a process that registers. [`io::ErrorKind::WouldBlock`] if somebody else has it.
    pub(super) fn take(&self, process: ProcessId) -> io::Result<()> {
        let (Some(directory), Some(path)) = (&self.directory, self.path(process)) else { return Ok(()) };
        std::fs::create_dir_all(directory)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        give_to_owner(directory, &path);
        file.try_lock().map_err(|e| match e {
            TryLockError::Error(e) => e,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        })?;
        self.held().insert(process, file);
        Ok(())
    }

    /// Whether this storage holds the lock of a process.
    pub(super) fn holds(&self, process: ProcessId) -> bool {
        self.held().contains_key(&process)
    }

    /// Gives the lock of a process up. Its file stays.
    pub(super) fn let_go(&self, process: ProcessId) {
        self.held().remove(&process);
    }

    /// Gives the lock of a process up, and removes its file: its registration has ended.
    pub(super) fn remove(&self, process: ProcessId) {
        self.held().remove(&process);
        // That of its news is there if whoever told of them was killed at it.
        for path in [self.path(process), self.news(process)].into_iter().flatten() {
            // A file that stays behind costs a look and nothing else.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Tells the others that a heartbeat would bring news, as they hear when a process leaves: the lead is free, or a job
    /// that runs in this process was asked to stop. Its lock stays.
    pub(super) fn tell(&self, process: ProcessId) {
        let Some(path) = self.news(process) else { return };
        // A file that comes and goes. If that fails they find out at their next heartbeat.
        if File::create(&path).is_ok() {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Whether a registered process has certainly died: its lock file is there, and nobody holds the lock. Where this
    /// cannot be told, the stale window decides.
    pub(super) fn has_died(&self, process: ProcessId) -> bool {
        if self.held().contains_key(&process) {
            return false;
        }
        let Some(path) = self.path(process) else { return false };
        let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
        file.try_lock().is_ok()
    }
}

/// The superuser leaves nothing behind that the database's own user cannot use: as SQLite does with its files.
#[cfg(unix)]
fn give_to_owner(directory: &Path, lock: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let database = directory.to_str().and_then(|d| d.strip_suffix("-forge")).map(Path::new);
    if let Some(owner) = database.and_then(|d| d.metadata().ok()) {
        for path in [directory, lock] {
            // Where it is not possible, whoever comes next is told.
            let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
        }
    }
}

#[cfg(not(unix))]
const fn give_to_owner(_directory: &Path, _lock: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_held_by_another_storage_is_seen_and_a_dropped_one_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jobs.db");
        let (one, other) = (Locks::beside(Some(&file)), Locks::beside(Some(&file)));
        let process = ProcessId::new();
        assert!(!other.has_died(process), "no file: nothing can be told");
        one.take(process).unwrap();
        assert!(!one.has_died(process) && !other.has_died(process));
        drop(one);
        assert!(other.has_died(process));
        other.remove(process);
        assert!(!other.has_died(process));
    }
}

//! Locks beside the database that die with their process.
//!
//! Each process holds an operating-system lock on a file of its own, so that others can tell at once that it has died,
//! however it died, instead of after the stale window. Never a lock on the database file itself: closing any
//! descriptor of that would drop SQLite's own locks.

use crate::ProcessId;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the name of a file ends whose going tells of news.
const NEWS: &str = ".news.lock";
/// Who it tells, if that is everybody.
const ALL: &str = "all";

/// Who is told that a heartbeat would bring news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Whoever is there: the lead is free.
    All,
    /// This process: a job that it runs was asked to stop.
    One(ProcessId),
}

/// The locks of the processes registered through one storage.
pub(super) struct Locks {
    /// `None` in memory: nobody else can see the database.
    directory: Option<PathBuf>,
    held: Mutex<HashMap<ProcessId, File>>,
}

/// Those of a storage: given up with it, also while others, as the thread that watches files, still look at them.
pub(super) struct Owned(Arc<Locks>);

impl Owned {
    pub(super) fn new(locks: Locks) -> Self {
        Self(Arc::new(locks))
    }

    /// For who looks at them, and may outlive the storage by a little.
    pub(super) fn share(&self) -> Arc<Locks> {
        self.0.clone()
    }
}

impl Deref for Owned {
    type Target = Locks;

    fn deref(&self) -> &Locks {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.held().clear();
    }
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

    fn news(&self, to: To) -> Option<PathBuf> {
        let name = match to {
            To::All => format!("{ALL}{NEWS}"),
            To::One(process) => format!("{process}{NEWS}"),
        };
        Some(self.directory.as_ref()?.join(name))
    }

    /// Whether what came and went there tells a process of this storage of news.
    pub(super) fn is_for_here(&self, path: &Path) -> bool {
        let Some(to) = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix(NEWS))
        else {
            return false;
        };
        // By the name of its directory: the platform may know that by another path.
        let is_there = self.directory.as_ref().is_some_and(|directory| {
            path.parent().is_some_and(|parent| parent.file_name() == directory.file_name())
        });
        is_there && (to == ALL || self.held().keys().any(|process| process.to_string() == to))
    }

    /// Takes the lock of a process that registers. [`io::ErrorKind::WouldBlock`] if somebody else has it.
    pub(super) fn take(&self, process: ProcessId) -> io::Result<()> {
        let (Some(directory), Some(path)) = (&self.directory, self.path(process)) else { return Ok(()) };
        std::fs::create_dir_all(directory)?;
        let file = open(&path, OpenOptions::new().create(true).truncate(false))?;
        give_to_owner(directory, &file);
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
        for path in [self.path(process), self.news(To::One(process))].into_iter().flatten() {
            // A file that stays behind costs a look and nothing else.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Tells processes of other storages that a heartbeat would bring news, by a file that comes and goes. If that fails
    /// they find out at their next heartbeat.
    pub(super) fn tell(&self, to: To) {
        let Some(path) = self.news(to) else { return };
        // One that is there is somebody's who was killed at it, or is about to go: it goes, which is all that is heard.
        let _ = open(&path, OpenOptions::new().create_new(true));
        let _ = std::fs::remove_file(path);
    }

    /// Whether a registered process has certainly died: its lock file is there, and nobody holds the lock. Where this
    /// cannot be told, the stale window decides.
    pub(super) fn has_died(&self, process: ProcessId) -> bool {
        if self.held().contains_key(&process) {
            return false;
        }
        let Some(path) = self.path(process) else { return false };
        open(&path, &mut OpenOptions::new()).is_ok_and(|file| file.try_lock().is_ok())
    }
}

/// A lock that was taken for a registration: given up, with its file, unless that ends well. Its caller may be gone before
/// it ends, and comes again under another name.
pub(super) struct Fresh<'a> {
    locks: Option<&'a Locks>,
    process: ProcessId,
}

impl<'a> Fresh<'a> {
    pub(super) const fn new(locks: &'a Locks, process: ProcessId) -> Self {
        Self { locks: Some(locks), process }
    }

    pub(super) const fn keep(&mut self) {
        self.locks = None;
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if let Some(locks) = self.locks {
            locks.remove(self.process);
        }
    }
}

/// Opens a file of the directory. Whoever owns the database may put links there, and the superuser follows none.
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // Nor does it wait for whoever reads a pipe.
        how.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    how.write(true).open(path)
}

/// The superuser leaves nothing behind that the database's own user cannot use: as SQLite does with its files.
#[cfg(unix)]
fn give_to_owner(directory: &Path, lock: &File) {
    use std::os::unix::fs::{MetadataExt, fchown, lchown};
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let database = directory.to_str().and_then(|d| d.strip_suffix("-forge")).map(Path::new);
    if let Some(owner) = database.and_then(|d| d.metadata().ok()) {
        // Where it is not possible, whoever comes next is told.
        let _ = lchown(directory, Some(owner.uid()), Some(owner.gid()));
        let _ = fchown(lock, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(not(unix))]
const fn give_to_owner(_directory: &Path, _lock: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_for_whom_they_name_and_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let locks = Locks::beside(Some(&dir.path().join("jobs.db")));
        let (here, elsewhere) = (ProcessId::new(), ProcessId::new());
        locks.take(here).unwrap();
        let is_heard = |to| locks.is_for_here(&locks.news(to).unwrap());
        assert!(is_heard(To::One(here)) && is_heard(To::All) && !is_heard(To::One(elsewhere)));
        // A lock that goes is none, nor is a file of that name elsewhere.
        assert!(!locks.is_for_here(&locks.path(here).unwrap()));
        assert!(!locks.is_for_here(&dir.path().join("all.news.lock")));
    }

    #[test]
    fn what_tells_of_news_leaves_nothing_behind_and_takes_away_what_somebody_left() {
        let dir = tempfile::tempdir().unwrap();
        let locks = Locks::beside(Some(&dir.path().join("jobs.db")));
        let process = ProcessId::new();
        locks.take(process).unwrap();
        let news = locks.news(To::One(process)).unwrap();
        std::fs::write(&news, "").unwrap();
        for _ in 0..2 {
            locks.tell(To::One(process));
            assert!(!news.exists());
        }
    }

    /// Whoever owns the directory knows the names of what others will open there.
    #[cfg(unix)]
    #[test]
    fn nothing_is_opened_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let locks = Locks::beside(Some(&dir.path().join("jobs.db")));
        let [first, second] = [ProcessId::new(), ProcessId::new()];
        locks.take(first).unwrap();
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "all of it").unwrap();
        std::os::unix::fs::symlink(&precious, locks.news(To::One(first)).unwrap()).unwrap();
        std::os::unix::fs::symlink(&precious, locks.path(second).unwrap()).unwrap();
        locks.tell(To::One(first));
        assert!(locks.take(second).is_err());
        assert_eq!(std::fs::read(&precious).unwrap(), b"all of it");
    }

    #[test]
    fn a_registration_that_was_not_waited_for_leaves_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let locks = Locks::beside(Some(&dir.path().join("jobs.db")));
        let process = ProcessId::new();
        let path = locks.path(process).unwrap();
        for keep in [false, true] {
            locks.take(process).unwrap();
            let mut fresh = Fresh::new(&locks, process);
            if keep {
                fresh.keep();
            }
            drop(fresh);
            assert_eq!((locks.holds(process), path.exists()), (keep, keep));
        }
    }

    #[test]
    fn a_lock_held_by_another_storage_is_seen_and_a_dropped_one_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jobs.db");
        let (one, other) = (Locks::beside(Some(&file)), Locks::beside(Some(&file)));
        let process = ProcessId::new();
        assert!(!other.has_died(process), "no file: nothing can be told");
        let one = Owned::new(one);
        let _looks = one.share();
        one.take(process).unwrap();
        assert!(!one.has_died(process) && !other.has_died(process));
        drop(one);
        assert!(other.has_died(process));
        other.remove(process);
        assert!(!other.has_died(process));
    }
}

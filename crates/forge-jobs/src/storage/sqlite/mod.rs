//! The embedded storage: one SQLite file that the processes of one host can share, or a database in memory.
//!
//! Writes go through one connection on a thread of its own, with group commit (`writer`); reads for people have
//! connections apart. Where a job stands is told by which small table holds it (`state`, ADR 0003).

mod audit;
mod audit_ends;
mod calls;
mod changes;
mod checkup;
mod claim;
mod edits;
mod enqueue;
mod error;
mod error_groups;
mod filters;
mod finish;
mod guards;
mod health;
mod history;
mod hot;
mod identity;
mod inspect;
mod limits;
mod line;
mod list;
mod locks;
mod looks;
mod metrics;
mod migrate;
#[cfg(target_os = "linux")]
mod mounts;
mod names;
mod open;
mod options;
mod permits;
mod place;
mod processes;
mod progress;
mod promote;
mod queues;
mod reap;
mod room;
mod rows;
mod schedules;
mod slots;
mod state;
mod sweep;
mod ticks;
pub mod transaction;
mod unique;
mod verbs;
mod writer;

/// The driver, in the version whose connections this storage takes: a binary can hold only one SQLite.
pub use rusqlite;

#[cfg(feature = "conformance")]
pub use crate::storage::guard::Guard;

pub use self::options::SqliteOptions;

use self::error::Fault;
use self::identity::Identity;
use self::locks::{Locks, Owned};
use self::open::Readers;
use self::writer::{Cx, Lane, Setup, Writer};
use crate::metrics::tape::Tape;
use crate::storage::usage::{Call, Usage};
use crate::storage::{Capabilities, Changes, Storage, StorageError};
use notify::RecommendedWatcher;
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Longest time of a look at the settings: one statement, which needs no snapshot.
const SETTINGS_LIMIT: Duration = Duration::from_secs(5);

/// The embedded storage.
///
/// Dropping the last handle carries out what was handed over and closes the file.
pub struct SqliteStorage {
    writer: Writer,
    readers: Option<Readers>,
    /// For queue settings, which workers wait for.
    settings: Option<Readers>,
    locks: Owned,
    changes: Arc<watch::Sender<Changes>>,
    /// `None` where the platform offers no watch.
    watcher: Mutex<Option<RecommendedWatcher>>,
    usage: Usage,
    file: Option<PathBuf>,
}

impl SqliteStorage {
    /// Opens a file, creates it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StorageError::Corrupt`] for a file that is no database, [`StorageError::NotForge`] for one that holds tables
    /// of somebody else, [`StorageError::SchemaTooNew`] for one that a newer version made (none of them is changed),
    /// [`StorageError::SchemaTooOld`] with [`SqliteOptions::existing_only`], [`StorageError::Unavailable`] when the file cannot be opened or locked, or
    /// is on a network file system.
    pub async fn open(file: impl Into<PathBuf>, options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        // Connections for reads are opened later, when the program may have changed its directory.
        let file = place::real(&file.into()).map_err(|e| StorageError::Unavailable {
            detail: format!("the path of the database cannot be made absolute: {e}"),
            outcome_unknown: false,
            source: Some(Box::new(e)),
        })?;
        let path = file.clone();
        let (synchronous, purpose) = (options.synchronous, options.purpose);
        let conn = blocking(move || open::open_file(&path, synchronous, purpose)).await?;
        let storage = Self::build(conn, options, Some(file.clone()))?;
        let (news, locks) = (storage.changes.clone(), storage.locks.share());
        let gone = move |path: &Path| {
            if locks.is_for_here(path) {
                changes::tell_news(&news);
            }
        };
        let watcher = changes::watch_files(&file, storage.writer.looker(), gone);
        *storage.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watcher;
        Ok(Arc::new(storage))
    }

    /// Opens a database in memory, for tests and for programs that need no durability. It is private to this handle.
    ///
    /// # Errors
    ///
    /// [`StorageError::Internal`].
    pub async fn open_in_memory(options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        let conn = blocking(open::open_memory).await?;
        Ok(Arc::new(Self::build(conn, options, None)?))
    }

    fn build(conn: Connection, options: SqliteOptions, file: Option<PathBuf>) -> Result<Self, StorageError> {
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let identity = file.as_deref().map(Identity::of);
        let tape = if options.metered { Tape::default() } else { Tape::off() };
        let writer = Writer::start(conn, Setup::new(identity, options.guards, tape, changes.clone()))?;
        let readers = file.clone().map(Readers::new);
        let settings = file.clone().map(Readers::single);
        let locks = Owned::new(Locks::beside(file.as_deref()));
        let usage = Usage::default();
        Ok(Self { writer, readers, settings, locks, changes, watcher: Mutex::new(None), usage, file })
    }

    /// The bundle for a runtime.
    #[must_use]
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        let several_processes = self.file.is_some();
        Storage::new(self, Capabilities::of_host(several_processes))
    }

    /// How many transactions were committed that changed something, since this handle was opened. For tests and
    /// metrics.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Runs a command that writes.
    async fn write<T, F>(&self, lane: Lane, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        self.look_or_write(lane, |_| Ok(None), run).await
    }

    /// The same, unless a look says that there is nothing to be written.
    async fn look_or_write<T, L, F>(&self, lane: Lane, look: L, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        L: FnMut(&mut Cx<'_, '_>) -> Result<Option<T>, Fault> + Send + 'static,
        F: FnMut(&mut Cx<'_, '_>) -> Result<T, Fault> + Send + 'static,
    {
        let _under_way = self.usage.begin(Call::Write);
        self.writer.look_or_write(lane, look, run).await
    }

    /// Runs a read for people: on a connection of its own, or in memory on the only one there is.
    async fn read<T, F>(&self, limit: Option<Duration>, run: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.read_by(self.readers.as_ref(), limit, run).await
    }

    async fn read_by<T, F>(
        &self,
        readers: Option<&Readers>,
        limit: Option<Duration>,
        run: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let _under_way = self.usage.begin(Call::Read);
        match readers {
            Some(readers) => readers.read(run, limit).await,
            None => self.writer.write(Lane::Bulk, move |cx| run(cx.conn)).await,
        }
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("file", &self.file).finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|e| {
        Err(StorageError::Internal { detail: "opening panicked".into(), source: Some(Box::new(e)) })
    })
}

//! Jobs in a transaction of the caller's own: committed or rolled back with it.
//!
//! So an order and the job that ships it are both there, or neither. The caller opens the storage's file by itself, with
//! the [`rusqlite`] of this crate; the storage must have been opened with
//! [`SqliteOptions::share_file`](super::SqliteOptions::share_file), since the file holds other tables too.
//!
//! ```
#![doc = include_str!("../../../examples/transactional_enqueue.rs")]
//! ```
//!
//! # SQLite's own rules
//!
//! Begin with `BEGIN IMMEDIATE`
//! ([`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior::Immediate)): a transaction that has read before it
//! first writes is refused at once if anybody has written meanwhile. Set a `busy_timeout`, since workers write all the
//! time: what is locked for longer fails with [`StorageError::Unavailable`], after which the transaction can be rolled
//! back and tried again.
//!
//! There is one writer at a time. While the transaction is open, every call to the storage that writes waits for it, for
//! 30 s at most: keep it short, and do not wait for such a call inside of it.
//!
//! # Telling the workers
//!
//! Nothing is to be done: runtimes in this process and in others watch the file. Where the platform has no such watch,
//! [`Enqueuer::wake`](crate::Enqueuer::wake) after the commit spares the runtime of this process a poll.

use super::changes::Effects;
use super::error::{Fault, storage_error};
use super::guards::Guards;
use super::hot::Statements;
use super::migrate::refuse_unfit;
use super::names::Names;
use super::open::Purpose;
use super::writer::{Cx, keep_tape};
use super::{SqliteStorage, enqueue, place};
use crate::metrics::tape::Tape;
use crate::storage::{BlockingJobTransaction, EnqueueParams, Inserted, StorageError};
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};

const BEGIN: &str = "SAVEPOINT forge_enqueue";
const END: &str = "RELEASE forge_enqueue";
const UNDO: &str = "ROLLBACK TO forge_enqueue; RELEASE forge_enqueue";

/// Inserts jobs in the open transaction of a connection of the caller's own.
///
/// A call that fails leaves nothing of its own in the transaction, which can go on, unless SQLite has rolled all of it
/// back by itself, as it does when the disk is full. Nothing is remembered of what it did, so a rollback is a rollback.
///
/// Each call looks whether the database is Forge's and of this version, as [`SqliteStorage::open`] does, and fails with
/// [`StorageError::NotForge`], [`StorageError::SchemaTooOld`] or [`StorageError::SchemaTooNew`] otherwise. It fails with
/// [`StorageError::Conflict`] when no transaction is open on the connection.
#[must_use = "nothing is inserted until it is used"]
pub struct InTransaction<'t> {
    connection: &'t Connection,
    of: Of,
}

/// Which database it must be.
enum Of {
    /// Any that is Forge's.
    Any,
    /// The file of a storage; in memory there is none.
    Storage(Option<PathBuf>),
}

impl SqliteStorage {
    /// Inserts jobs in the open transaction of a connection to the file of this storage; a
    /// [`Transaction`](rusqlite::Transaction) derefs to one. See [`transaction`](self).
    ///
    /// A connection to another database is refused with [`StorageError::Conflict`] when it is used. So is every one for
    /// a storage in memory, which nobody else can connect to.
    pub fn within<'t>(&self, connection: &'t Connection) -> InTransaction<'t> {
        InTransaction { connection, of: Of::Storage(self.file.clone()) }
    }
}

/// The same for a program that has no storage open, on any database that is Forge's.
pub const fn within(connection: &Connection) -> InTransaction<'_> {
    InTransaction { connection, of: Of::Any }
}

impl BlockingJobTransaction for InTransaction<'_> {
    fn insert(&mut self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        self.check()?;
        self.connection.execute_batch(BEGIN).map_err(storage_error)?;
        let inserted = self.insert_all(&params);
        let end = match inserted {
            Ok(_) => self.connection.execute_batch(END),
            // If all of it was rolled back there is no savepoint any more.
            Err(_) if self.connection.is_autocommit() => Ok(()),
            Err(_) => self.connection.execute_batch(UNDO),
        };
        let inserted = inserted.map_err(Fault::into_storage)?;
        end.map_err(storage_error)?;
        Ok(inserted)
    }
}

impl InTransaction<'_> {
    fn check(&self) -> Result<(), StorageError> {
        if self.connection.is_autocommit() {
            let detail = "none is open on this connection: begin one, and commit it after the call".into();
            return Err(StorageError::Conflict { what: "transaction", detail });
        }
        if let Of::Storage(file) = &self.of {
            self.check_file(file.as_deref())?;
        }
        refuse_unfit(self.connection, Purpose::Look).map(drop).map_err(Fault::into_storage)
    }

    fn check_file(&self, wanted: Option<&Path>) -> Result<(), StorageError> {
        let Some(wanted) = wanted else {
            let detail = "the storage is in memory and has one connection only: open it on a file".into();
            return Err(StorageError::Conflict { what: "transaction", detail });
        };
        let path = self.connection.path().filter(|path| !path.is_empty());
        if path.is_some_and(|path| place::real(Path::new(path)).is_ok_and(|file| file == wanted)) {
            return Ok(());
        }
        let detail = format!(
            "its connection is to {}, and the storage is on {}: connect to the same file",
            path.unwrap_or("a database in memory"),
            wanted.display()
        );
        Err(StorageError::Conflict { what: "transaction", detail })
    }

    fn insert_all(&self, params: &EnqueueParams) -> Result<Vec<Inserted>, Fault> {
        let (statements, guards) = (Statements::new(self.connection), Guards::default());
        let (mut names, mut effects, mut tape) = (Names::default(), Effects::default(), Tape::default());
        let mut cx = Cx::foreign(self.connection, &statements, &mut names, &mut effects, &mut tape, &guards);
        let inserted = enqueue::insert_all(&mut cx, &params.jobs, params.now)?;
        keep_tape(&statements, &tape)?;
        Ok(inserted)
    }
}

impl fmt::Debug for InTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InTransaction").field("file", &self.connection.path()).finish_non_exhaustive()
    }
}

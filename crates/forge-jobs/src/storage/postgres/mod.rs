//! The storage on a Postgres server.

use crate::config::PostgresConfig;
use crate::storage::{Storage, StorageError};
use std::convert::Infallible;
use std::sync::Arc;

/// The newest version of the schema that this program knows.
pub const SCHEMA_VERSION: i64 = 0;

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A look or an order: nothing is made or brought up to date.
    Look,
    /// Work: brought up to date only if the configuration says so.
    Use,
    /// Bringing it to the schema that this version knows.
    Migrate,
}

/// A Postgres database.
#[derive(Debug)]
pub struct PostgresStorage {
    never: Infallible,
}

impl PostgresStorage {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    #[expect(clippy::unused_async, reason = "the signature that the storage will have")]
    pub async fn open(_config: &PostgresConfig, _purpose: Purpose) -> Result<Arc<Self>, StorageError> {
        Err(StorageError::Internal { detail: "not built yet".into(), source: None })
    }

    /// The parts that a runtime needs.
    #[must_use]
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        match self.never {}
    }
}

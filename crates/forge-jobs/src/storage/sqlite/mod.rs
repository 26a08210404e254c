//! The embedded storage.
use crate::Storage;
use crate::storage::StorageError;
use std::path::PathBuf;
use std::sync::Arc;

/// How to open a SQLite storage.
#[derive(Clone, Debug, Default)]
pub struct SqliteOptions {
    normal: bool,
}

impl SqliteOptions {
    /// `synchronous = NORMAL`.
    #[must_use]
    pub const fn normal(mut self) -> Self {
        self.normal = true;
        self
    }
}

/// The embedded storage.
pub struct SqliteStorage;

impl SqliteStorage {
    /// Opens a file.
    pub async fn open(_file: PathBuf, _options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        Err(StorageError::Closed)
    }
    /// Opens a database in memory.
    pub async fn open_in_memory(_options: SqliteOptions) -> Result<Arc<Self>, StorageError> {
        Err(StorageError::Closed)
    }
    /// The bundle.
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        panic!("skeleton")
    }
}

//! Where the database of a test is, and how it goes away.

use super::TestError;
use crate::Storage;
use crate::config::{OpenError, PathsError, QueuePaths};
use crate::storage::DatabaseConfig;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A database that is gone when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Place {
    dir: Option<TempDir>,
    schema: Option<DatabaseConfig>,
}

/// No configuration and no database is looked for anywhere.
struct Nowhere;

impl QueuePaths for Nowhere {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "a test has none"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "a test has none"))
    }
}

impl Place {
    /// A file in a new temporary directory.
    pub(super) async fn file() -> Result<(Self, Storage), TestError> {
        let dir = tempfile::Builder::new().prefix("forge-test-").tempdir().map_err(TestError::Directory)?;
        let url = format!("sqlite:{}", dir.path().join("forge.db").display());
        // A test's database need not survive a power cut.
        let config = DatabaseConfig::from_url(&url).map_err(OpenError::from)?.with_synchronous_normal();
        let storage = config.open_storage(&Nowhere).await?;
        Ok((Self { dir: Some(dir), schema: None }, storage))
    }

    /// The directory of the file.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.dir.as_ref().map(TempDir::path)
    }

    /// Memory.
    pub(super) async fn memory() -> Result<(Self, Storage), TestError> {
        let config = DatabaseConfig::from_url("sqlite::memory:").map_err(OpenError::from)?;
        Ok((Self::default(), config.open_storage(&Nowhere).await?))
    }

    /// A new schema of a Postgres database.
    pub(super) async fn schema(url: &str) -> Result<(Self, Storage), TestError> {
        let name = format!("forge_test_{}", uuid::Uuid::now_v7().simple());
        let config =
            DatabaseConfig::from_url(url).and_then(|c| c.with_schema(&name)).map_err(OpenError::from)?;
        // From here on it is dropped, whatever comes.
        let place = Self { dir: None, schema: Some(config.clone()) };
        let storage = config.open_migrated(&Nowhere).await?;
        Ok((place, storage))
    }
}

impl Drop for Place {
    /// On a thread of its own: the test's runtime may be the one that is waited in.
    fn drop(&mut self) {
        let Some(config) = self.schema.take() else { return };
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.map(|runtime| runtime.block_on(config.drop_schema()))
        });
        if !matches!(dropping.join(), Ok(Ok(Ok(())))) {
            // Failing here would hide what the test failed of.
            tracing::warn!(target: "forge_jobs", "the schema of a test could not be dropped");
        }
    }
}

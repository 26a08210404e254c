//! From a configuration to an open storage.

use super::super::target::Target;
use super::super::{ConfigError, OpenError, PostgresConfig, QueuePaths};
use super::DatabaseConfig;
use crate::storage::Storage;
use std::path::PathBuf;

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// As it is.
    Look,
    /// An embedded one is made and brought up to date, one on a server only if that is configured.
    Use,
    /// It is made and brought up to date.
    Migrate,
}

impl DatabaseConfig {
    /// Opens the database for work, and bundles it for a runtime.
    ///
    /// An embedded database is created and migrated if need be. One on a server is migrated only with `auto_migrate`,
    /// and is refused otherwise if it is not up to date: see [`Self::open_migrated`].
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing is changed in a file that is no database of ours or of a newer version.
    pub async fn open_storage(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Storage, OpenError> {
        self.open(paths, Purpose::Use).await
    }

    /// Opens the database as it is, for a look or an order: it is neither made nor brought up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing is changed in whatever the file holds.
    pub async fn open_existing(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Storage, OpenError> {
        self.open(paths, Purpose::Look).await
    }

    /// Opens the database and brings it to the schema of this version first, wherever it is.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing is changed in a database that is not ours or of a newer version.
    pub async fn open_migrated(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Storage, OpenError> {
        self.open(paths, Purpose::Migrate).await
    }

    /// Drops the schema of a Postgres database with everything that is in it: for schemas that tests make. Elsewhere it
    /// does nothing.
    ///
    /// # Errors
    ///
    /// [`OpenError`], also when it is in use for more than ten seconds.
    #[cfg(feature = "testing")]
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "of one shape with Postgres")
    )]
    pub async fn drop_schema(&self) -> Result<(), OpenError> {
        match &self.target {
            #[cfg(feature = "postgres")]
            Target::Postgres(config) => Ok(crate::storage::postgres::drop_schema(config).await?),
            _ => Ok(()),
        }
    }

    /// The schema's version that this program brings the database to, for people; `None` if it is not told.
    #[must_use]
    pub const fn schema_version(&self) -> Option<i64> {
        match self.target {
            #[cfg(feature = "postgres")]
            Target::Postgres(_) => Some(crate::storage::postgres::SCHEMA_VERSION),
            _ => None,
        }
    }

    async fn open(&self, paths: &(impl QueuePaths + ?Sized), purpose: Purpose) -> Result<Storage, OpenError> {
        if let Target::Postgres(config) = &self.target {
            return open_postgres(config, purpose).await;
        }
        let file = self.sqlite_file(paths).map_err(ConfigError::from)?;
        self.open_sqlite(file, purpose == Purpose::Look).await
    }

    #[cfg(feature = "sqlite")]
    async fn open_sqlite(&self, file: Option<PathBuf>, existing: bool) -> Result<Storage, OpenError> {
        use super::Synchronous;
        use crate::storage::sqlite::{SqliteOptions, SqliteStorage};
        let mut options = SqliteOptions::default();
        if self.synchronous == Synchronous::Normal {
            options = options.normal();
        }
        if existing {
            options = options.existing_only();
        } else if self.share_file {
            options = options.share_file();
        }
        let storage = match file {
            Some(file) => {
                if let Some(dir) = file.parent().filter(|d| !existing && !d.as_os_str().is_empty()) {
                    std::fs::create_dir_all(dir)
                        .map_err(|source| ConfigError::CreateDir { dir: dir.into(), source })?;
                }
                SqliteStorage::open(file, options).await?
            }
            None => SqliteStorage::open_in_memory(options).await?,
        };
        Ok(storage.into_bundle())
    }

    #[cfg(not(feature = "sqlite"))]
    #[expect(clippy::unused_async, reason = "one signature for both sets of features")]
    async fn open_sqlite(&self, _file: Option<PathBuf>, _existing: bool) -> Result<Storage, OpenError> {
        Err(ConfigError::FeatureOff { feature: "sqlite" }.into())
    }
}

#[cfg(feature = "postgres")]
async fn open_postgres(config: &PostgresConfig, purpose: Purpose) -> Result<Storage, OpenError> {
    use crate::storage::postgres::{self, PostgresStorage};
    let purpose = match purpose {
        Purpose::Look => postgres::Purpose::Look,
        Purpose::Use => postgres::Purpose::Use,
        Purpose::Migrate => postgres::Purpose::Migrate,
    };
    Ok(PostgresStorage::open(config, purpose).await?.into_bundle())
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_async, reason = "one signature for both sets of features")]
async fn open_postgres(_config: &PostgresConfig, _purpose: Purpose) -> Result<Storage, OpenError> {
    Err(ConfigError::FeatureOff { feature: "postgres" }.into())
}

//! Where a measurement happens: a fresh database file in a directory that is removed afterwards.

use crate::exit::Failure;
use forge_jobs::Storage;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs_api::wire::ErrorCode;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How hard SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Synchronous {
    /// Survives a power cut
    Full,
    /// Survives a crash of the process
    Normal,
}

impl Synchronous {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

/// A fresh database.
pub(super) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// In a new directory below `parent`, with the tables made.
    pub(super) async fn new(parent: &Path, synchronous: Synchronous) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("forge-bench-").tempdir_in(parent).map_err(|e| {
            Failure::new(ErrorCode::Failed, format!("no directory can be made in {}: {e}", parent.display()))
        })?;
        let place = Self { dir };
        drop(place.open(synchronous).await?);
        Ok(place)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("bench.db")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) async fn sqlite(&self, synchronous: Synchronous) -> Result<Arc<SqliteStorage>, Failure> {
        let options = SqliteOptions::default();
        let options = if synchronous == Synchronous::Normal { options.normal() } else { options };
        Ok(SqliteStorage::open(self.file(), options).await?)
    }

    pub(super) async fn open(&self, synchronous: Synchronous) -> Result<Storage, Failure> {
        Ok(self.sqlite(synchronous).await?.into_bundle())
    }
}

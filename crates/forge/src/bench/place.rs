//! Where a measurement happens: a fresh database file in a directory that is removed afterwards, or a fresh schema of
//! a server that is dropped afterwards.

use super::server::Server;
use crate::exit::Failure;
use forge_jobs::Storage;
use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs_api::wire::ErrorCode;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// A fresh database, and a directory for what else is written.
pub(super) struct Place {
    dir: tempfile::TempDir,
    database: Kind,
    metrics: bool,
}

enum Kind {
    File(Synchronous),
    Schema(Box<PostgresConfig>),
}

fn directory(parent: &Path) -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new().prefix("forge-bench-").tempdir_in(parent).map_err(|e| {
        Failure::new(ErrorCode::Failed, format!("no directory can be made in {}: {e}", parent.display()))
    })
}

impl Place {
    /// In a new directory below `parent`, with the tables made.
    pub(super) async fn in_directory(parent: &Path, synchronous: Synchronous) -> Result<Self, Failure> {
        let place = Self { dir: directory(parent)?, database: Kind::File(synchronous), metrics: true };
        drop(place.open().await?);
        Ok(place)
    }

    /// In a new schema, which the server's next [`Server::clear`] drops.
    pub(super) async fn on_server(server: &Server) -> Result<Self, Failure> {
        let config = server.new_schema()?;
        drop(PostgresStorage::open(&config, Purpose::Migrate).await?);
        Ok(Self {
            dir: directory(&std::env::temp_dir())?,
            database: Kind::Schema(Box::new(config)),
            metrics: true,
        })
    }

    /// What is opened here counts nothing.
    pub(super) const fn without_metrics(mut self) -> Self {
        self.metrics = false;
        self
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path("bench.db")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The schema with its quotes, as SQL says it.
    pub(super) fn schema(&self) -> String {
        match &self.database {
            Kind::File(_) => String::new(),
            Kind::Schema(config) => format!("\"{}\"", config.schema()),
        }
    }

    pub(super) async fn open(&self) -> Result<Storage, Failure> {
        match &self.database {
            Kind::File(synchronous) => {
                let options = SqliteOptions::default();
                let normal = *synchronous == Synchronous::Normal;
                let options = if normal { options.normal() } else { options };
                let options = if self.metrics { options } else { options.without_metrics() };
                Ok(SqliteStorage::open(self.file(), options).await?.into_bundle())
            }
            Kind::Schema(config) => {
                let config = config.as_ref().clone();
                let config = if self.metrics { config } else { config.without_metrics() };
                Ok(PostgresStorage::open(&config, Purpose::Use).await?.into_bundle())
            }
        }
    }

    /// Leads another process of this program here.
    pub(super) fn lead(&self, command: &mut Command) {
        match &self.database {
            Kind::File(_) => {
                command.arg("--database").arg(format!("sqlite:{}", self.file().display()));
            }
            Kind::Schema(config) => {
                command.arg("--database").arg(config.url_without_password());
                if let Some(password) = config.password() {
                    // Other users can read arguments, but no environment.
                    command.env("PGPASSWORD", password.expose());
                }
            }
        }
    }
}

//! Which database a command works on, and opening it.

use crate::exit::Failure;
use crate::output::say;
use crate::paths::UserPaths;
use forge_jobs::Storage;
use forge_jobs::storage::{DatabaseConfig, QueuePaths};
use forge_jobs_api::wire::ErrorCode;
use std::path::PathBuf;
use std::time::Duration;

/// The demo's own file in the data directory.
const DEMO_NAME: &str = "demo.db";

/// Opening that takes longer says what it waits for.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// A database, not yet opened.
pub(crate) struct Database {
    config: DatabaseConfig,
}

impl Database {
    /// The one of `--database`, else of `FORGE_DATABASE_URL`, else of the configuration file, else the embedded
    /// default.
    pub(crate) fn choose(url: Option<&str>) -> Result<Self, Failure> {
        let config = match url {
            Some(url) => from_url(url)?,
            None => DatabaseConfig::load(&UserPaths)?,
        };
        Ok(Self { config })
    }

    /// The one of `--database`, else of `FORGE_DATABASE_URL`, else a file of the demo's own: the database that an
    /// application was configured to use is no playground.
    pub(crate) fn choose_for_demo(url: Option<&str>) -> Result<Self, Failure> {
        let asked = url.is_some() || std::env::var_os("FORGE_DATABASE_URL").is_some_and(|v| !v.is_empty());
        if asked {
            return Self::choose(url);
        }
        let file = UserPaths.data_dir()?.join(DEMO_NAME);
        let text = file.to_str().ok_or_else(|| {
            let message = format!("the data directory {} is no UTF-8: pass --database", file.display());
            Failure::new(ErrorCode::Invalid, message)
        })?;
        Ok(Self { config: DatabaseConfig::from_url(&format!("sqlite:{text}"))? })
    }

    /// Opens it, creates and migrates it if need be.
    pub(crate) async fn open(&self) -> Result<Storage, Failure> {
        Ok(patiently(self.config.open_storage(&UserPaths)).await?)
    }

    /// Opens it if it is there: a look at a database that does not exist must not create one.
    pub(crate) async fn open_existing(&self) -> Result<Storage, Failure> {
        if let Some(file) = self.file()?
            && !file.try_exists().unwrap_or(true)
        {
            let message = format!(
                "there is no database at {}: `forge enqueue`, `forge migrate` and the programs that use it create \
                 it; pass --database or set FORGE_DATABASE_URL to look elsewhere",
                file.display()
            );
            return Err(Failure::new(ErrorCode::Unavailable, message));
        }
        if self.file()?.is_none() {
            return Err(private_memory());
        }
        Ok(patiently(self.config.open_existing(&UserPaths)).await?)
    }

    /// Opens it, creates and migrates it if need be, for something that must be there when the command has ended.
    pub(crate) async fn open_lasting(&self) -> Result<Storage, Failure> {
        if self.file()?.is_none() {
            return Err(private_memory());
        }
        self.open().await
    }

    /// The file of an embedded database.
    pub(crate) fn file(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(self.config.sqlite_file(&UserPaths)?)
    }

    /// For people, without secrets.
    pub(crate) fn describe(&self) -> Result<String, Failure> {
        Ok(self.config.describe(&UserPaths)?)
    }
}

/// Says so when opening takes long: another program may hold a lock.
async fn patiently<T>(open: impl Future<Output = T>) -> T {
    let silence = async {
        tokio::time::sleep(SILENT_FOR).await;
        say("waiting for the database: another program may hold its lock");
        std::future::pending::<T>().await
    };
    tokio::select! {
        opened = open => opened,
        never = silence => never,
    }
}

fn private_memory() -> Failure {
    let message = "sqlite::memory: is private to one program and gone when it ends: name a file, sqlite:PATH";
    Failure::new(ErrorCode::Invalid, message)
}

fn from_url(url: &str) -> Result<DatabaseConfig, Failure> {
    // The other settings hold for every database.
    DatabaseConfig::load_from_directory(&UserPaths)?.with_url(url).map_err(|e| {
        // "the URL: …" is true and unhelpful where the user typed an option.
        let text = e.to_string();
        let reason = text.strip_prefix("the URL: ").unwrap_or(&text);
        Failure::new(ErrorCode::Invalid, format!("--database: {reason}"))
    })
}

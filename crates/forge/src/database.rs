//! Which database a command works on, and opening it.

use crate::exit::Failure;
use crate::output::say;
use crate::paths::UserPaths;
use forge_jobs::Storage;
use forge_jobs::storage::{ConfigError, DatabaseConfig, PostgresConfig, QueuePaths};
use forge_jobs_api::wire::ErrorCode;
use std::path::PathBuf;
use std::time::Duration;

/// The demo's own file in the data directory.
const DEMO_NAME: &str = "demo.db";

/// Names the schema of a Postgres database.
const SCHEMA_VARIABLE: &str = "FORGE_DATABASE_SCHEMA";

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

    /// Opens it for work: an embedded one is created and migrated if need be.
    pub(crate) async fn open(&self) -> Result<Storage, Failure> {
        Ok(self.patiently(self.config.open_storage(&UserPaths)).await?)
    }

    /// Opens it, creates and migrates it if need be, wherever it is.
    pub(crate) async fn open_migrated(&self) -> Result<Storage, Failure> {
        Ok(self.patiently(self.config.open_migrated(&UserPaths)).await?)
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
        self.must_last()?;
        Ok(self.patiently(self.config.open_existing(&UserPaths)).await?)
    }

    /// Opens it for work, for something that must be there when the command has ended.
    pub(crate) async fn open_lasting(&self) -> Result<Storage, Failure> {
        self.must_last()?;
        self.open().await
    }

    /// Refuses a database that is gone when the command ends.
    pub(crate) fn must_last(&self) -> Result<(), Failure> {
        if self.lasts()? {
            return Ok(());
        }
        let message =
            "sqlite::memory: is private to one program and gone when it ends: name a file, sqlite:PATH";
        Err(Failure::new(ErrorCode::Invalid, message))
    }

    /// Whether it is there when the command has ended.
    fn lasts(&self) -> Result<bool, Failure> {
        Ok(self.is_on_server() || self.file()?.is_some())
    }

    /// Whether it is none that this program carries in itself.
    pub(crate) fn is_on_server(&self) -> bool {
        self.config.postgres().is_some()
    }

    /// Where the server is and how to get in, if it is one.
    pub(crate) fn postgres(&self) -> Option<&PostgresConfig> {
        self.config.postgres()
    }

    /// The file of an embedded database.
    pub(crate) fn file(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(self.config.sqlite_file(&UserPaths)?)
    }

    /// For people, without secrets.
    pub(crate) fn describe(&self) -> Result<String, Failure> {
        Ok(self.config.describe(&UserPaths)?)
    }

    /// The schema's version that a migration brings it to, if it is told.
    pub(crate) const fn schema_version(&self) -> Option<i64> {
        self.config.schema_version()
    }

    /// What leads other commands here with `--database`, without secrets; `None` if nothing can.
    pub(crate) fn argument(&self) -> Result<Option<String>, Failure> {
        if let Some(postgres) = self.config.postgres() {
            return Ok(Some(postgres.url_without_password()));
        }
        Ok(if self.lasts()? { Some(self.describe()?) } else { None })
    }

    /// Says so when opening takes long.
    async fn patiently<T>(&self, open: impl Future<Output = T>) -> T {
        let silence = async {
            tokio::time::sleep(SILENT_FOR).await;
            say(if self.is_on_server() {
                "waiting for the database server"
            } else {
                "waiting for the database: another program may hold its lock"
            });
            std::future::pending::<T>().await
        };
        tokio::select! {
            opened = open => opened,
            never = silence => never,
        }
    }
}

fn from_url(url: &str) -> Result<DatabaseConfig, Failure> {
    // The other settings hold for every database.
    let mut config = DatabaseConfig::load_from_directory(&UserPaths)?;
    // It wins over the file, and a schema in the URL, which was typed just now, over it.
    if let Some(schema) = std::env::var_os(SCHEMA_VARIABLE).filter(|v| !v.is_empty()) {
        config = config.with_schema(&schema.to_string_lossy()).map_err(|e| came_from(SCHEMA_VARIABLE, e))?;
    }
    config.with_url(url).map_err(|e| came_from("--database", e))
}

/// "the URL: …" is true and unhelpful where the user typed an option.
fn came_from(what: &str, e: ConfigError) -> Failure {
    match e {
        ConfigError::Url { reason, .. } => Failure::new(ErrorCode::Invalid, format!("{what}: {reason}")),
        ConfigError::Value { from, reason } if from == "schema" => {
            Failure::new(ErrorCode::Invalid, format!("{what}: {reason}"))
        }
        e => e.into(),
    }
}

//! `DatabaseConfig`: from a file and the environment to an open storage. The one place that names backends.

mod open;
#[cfg(test)]
mod tests;

use super::environment::Environment;
use super::file::{Settings, Synchronous};
use super::postgres::{self, Layer};
use super::target::Target;
use super::{ConfigError, PathsError, PostgresConfig, QueuePaths};
use std::path::{Path, PathBuf};

/// The environment variable that wins over the file.
const URL_VARIABLE: &str = "FORGE_DATABASE_URL";
/// The environment variable that names the schema, whatever file and URL say.
const SCHEMA_VARIABLE: &str = "FORGE_DATABASE_SCHEMA";
const FILE_NAME: &str = "forge.toml";
const DATABASE_NAME: &str = "forge.db";

/// Which database, and how to open it.
///
/// Read from `forge.toml` in [`QueuePaths::config_dir`] and from the environment:
///
/// ```toml
/// [database]
/// # sqlite:PATH, sqlite::memory:, or (with the feature `postgres`) postgres://user@host/database.
/// # Default: forge.db in the data directory. FORGE_DATABASE_URL wins over this.
/// url = "sqlite:/var/lib/app/jobs.db"
///
/// [sqlite]
/// # full (default): an acknowledged job survives a power cut.
/// # normal: it survives a crash of the process, not a power cut; several times as fast on slow disks.
/// synchronous = "full"
/// # true: the file may hold the program's own tables too. false (default): such a file is refused as a slip.
/// share_file = false
///
/// # All of these are the defaults, but for the three paths. The URL's parameters win over them.
/// [postgres]
/// # The schema that holds the queue. FORGE_DATABASE_SCHEMA wins over this and over the URL.
/// schema = "forge"
/// # disable, prefer, require, verify-ca or verify-full, as libpq's sslmode.
/// tls = "prefer"
/// # The authorities to trust; without it those of the system. PEM.
/// tls_root_cert = "/etc/app/root.pem"
/// # This program's own certificate and its key, both or neither. PEM.
/// tls_client_cert = "/etc/app/client.pem"
/// tls_client_key = "/etc/app/client.key"
/// # Connections for work, 1 to 64, and for reads for people, 1 to 16; of each process.
/// connections = 4
/// read_connections = 2
/// # Longest wait for a connection, longest call, longest read for people; 100 to 600000.
/// connect_timeout_ms = 5000
/// call_timeout_ms = 30000
/// read_timeout_ms = 10000
/// # transaction: a pooler in transaction mode stands in between. none: it does not. auto: find out.
/// pooler = "auto"
/// # Whether processes wake each other through LISTEN and NOTIFY; without it they poll.
/// listen = true
/// # true: a program that opens the database brings it up to date. false: `forge migrate` does.
/// auto_migrate = false
/// ```
///
/// What a Postgres URL does not say, and the file neither, comes from libpq's variables (`PGHOST`, `PGPORT`, `PGUSER`,
/// `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGSSLCERT`, `PGSSLKEY`, `PGAPPNAME`) and, for the
/// password, from the file of `PGPASSFILE`, else `~/.pgpass`. They say nothing to a program that uses SQLite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    target: Target,
    synchronous: Synchronous,
    share_file: bool,
    /// What the file says, for a URL that comes later.
    postgres: Layer,
}

impl DatabaseConfig {
    /// Reads `forge.toml`, if there is one, and the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming file, line and key, or the variable.
    pub fn load(paths: &(impl QueuePaths + ?Sized)) -> Result<Self, ConfigError> {
        Self::load_in(paths, &Environment::Process)
    }

    fn load_in(paths: &(impl QueuePaths + ?Sized), environment: &Environment) -> Result<Self, ConfigError> {
        let mut config = Self::of_settings(&paths.config_dir()?.join(FILE_NAME), environment)?;
        if let Some(url) = environment.get(URL_VARIABLE) {
            let text = url.to_string_lossy();
            if url.to_str().is_none() && postgres::after_scheme(&text).is_some() {
                let reason = "it is no UTF-8: write such bytes as %XX".into();
                return Err(ConfigError::Url { from: URL_VARIABLE.into(), reason });
            }
            config.target = config.target_of(&text, URL_VARIABLE, environment)?;
        }
        if let Some(schema) = environment.text(SCHEMA_VARIABLE)? {
            config = config.with_schema_from(&schema, SCHEMA_VARIABLE)?;
        }
        Ok(config)
    }

    /// Reads one file, without the environment; a missing file means the defaults. If the file names a Postgres
    /// database, what it leaves open comes from libpq's variables all the same.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming file, line and key.
    pub fn load_file(file: &Path) -> Result<Self, ConfigError> {
        Self::of_settings(file, &Environment::Process)
    }

    fn of_settings(file: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let settings = Settings::read(file)?;
        let mut config = Self {
            target: Target::Default,
            synchronous: settings.synchronous,
            share_file: settings.share_file,
            postgres: settings.postgres,
        };
        if let Some(url) = settings.url {
            let from = format!("database.url in {}", file.display());
            config.target = config.target_of(&url, &from, environment)?;
        }
        Ok(config)
    }

    /// From a URL: `sqlite:PATH`, `sqlite::memory:`, or `postgres://user@host/database`.
    ///
    /// `sqlite:///DIR/FILE` is an absolute path, as in the URLs of other drivers; with two slashes it is a file in the
    /// current directory. Parameters are not supported there. For those of Postgres see [`PostgresConfig::from_url`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`]; [`ConfigError::Value`] for a variable of libpq.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let config = Self {
            target: Target::Default,
            synchronous: Synchronous::default(),
            share_file: false,
            postgres: Layer::default(),
        };
        config.with_url(url)
    }

    /// The same settings, for the database of this URL; see [`Self::from_url`].
    ///
    /// # Errors
    ///
    /// As [`Self::from_url`].
    pub fn with_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.target = self.target_of(url, "the URL", &Environment::Process)?;
        Ok(self)
    }

    /// The same, in this schema if it is a Postgres database. A URL that is given later may name another.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for what is no name of a schema.
    pub fn with_schema(self, schema: &str) -> Result<Self, ConfigError> {
        self.with_schema_from(schema, "schema")
    }

    fn with_schema_from(mut self, schema: &str, from: &str) -> Result<Self, ConfigError> {
        let refuse = |reason| ConfigError::Value { from: from.into(), reason };
        let schema = postgres::schema(schema).map_err(refuse)?;
        if let Target::Postgres(config) = &mut self.target {
            config.set_schema(schema.clone());
        }
        self.postgres.schema = Some(schema);
        Ok(self)
    }

    /// Reads `forge.toml`, if there is one, without the environment; see [`Self::load_file`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming file, line and key.
    pub fn load_from_directory(paths: &(impl QueuePaths + ?Sized)) -> Result<Self, ConfigError> {
        Self::load_file(&paths.config_dir()?.join(FILE_NAME))
    }

    /// The same with SQLite's `synchronous = NORMAL`: an acknowledged job survives a crash of the process, but not a
    /// power cut.
    #[must_use]
    pub const fn with_synchronous_normal(mut self) -> Self {
        self.synchronous = Synchronous::Normal;
        self
    }

    /// The same, in a file that may hold the program's own tables too. Without this such a file is refused.
    #[must_use]
    pub const fn with_shared_file(mut self) -> Self {
        self.share_file = true;
        self
    }

    /// Where the database is, for people; without secrets.
    ///
    /// # Errors
    ///
    /// [`PathsError`] when the data directory cannot be told.
    pub fn describe(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<String, PathsError> {
        Ok(match &self.target {
            Target::Default => format!("sqlite:{}", paths.data_dir()?.join(DATABASE_NAME).display()),
            Target::SqliteFile(path) => format!("sqlite:{}", path.display()),
            Target::SqliteMemory => "sqlite::memory:".into(),
            Target::Postgres(config) => config.describe(),
        })
    }

    /// The file of an embedded database; `None` for a database in memory, or on a server.
    ///
    /// # Errors
    ///
    /// [`PathsError`] when the data directory cannot be told.
    pub fn sqlite_file(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Option<PathBuf>, PathsError> {
        Ok(match &self.target {
            Target::Default => Some(paths.data_dir()?.join(DATABASE_NAME)),
            Target::SqliteFile(path) => Some(path.clone()),
            Target::SqliteMemory | Target::Postgres(_) => None,
        })
    }

    /// The Postgres database, if it is one.
    #[must_use]
    pub fn postgres(&self) -> Option<&PostgresConfig> {
        match &self.target {
            Target::Postgres(config) => Some(config),
            _ => None,
        }
    }

    /// What a URL names, with the settings of the file.
    fn target_of(&self, url: &str, from: &str, environment: &Environment) -> Result<Target, ConfigError> {
        if let Some(rest) = postgres::after_scheme(url) {
            let config = PostgresConfig::resolve(rest, from, self.postgres.clone(), environment)?;
            return Ok(Target::Postgres(Box::new(config)));
        }
        Target::parse(url).map_err(|reason| ConfigError::Url { from: from.into(), reason })
    }
}

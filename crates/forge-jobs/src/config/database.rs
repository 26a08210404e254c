//! `DatabaseConfig`: from a file and the environment to an open storage. The one place that names backends.

use super::{PathsError, QueuePaths};
use crate::storage::{Storage, StorageError};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The environment variable that wins over the file.
const URL_VARIABLE: &str = "FORGE_DATABASE_URL";
const FILE_NAME: &str = "forge.toml";
const DATABASE_NAME: &str = "forge.db";

/// Which database, and how to open it.
///
/// Read from `forge.toml` in [`QueuePaths::config_dir`] and from the environment:
///
/// ```toml
/// [database]
/// # sqlite:PATH, sqlite::memory:, or (with the feature `postgres`) postgres://…
/// # Default: forge.db in the data directory. FORGE_DATABASE_URL wins over this.
/// url = "sqlite:/var/lib/app/jobs.db"
///
/// [sqlite]
/// # full (default): an acknowledged job survives a power cut.
/// # normal: it survives a crash of the process, not a power cut; several times as fast on slow disks.
/// synchronous = "full"
/// # true: the file may hold the program's own tables too. false (default): such a file is refused as a slip.
/// share_file = false
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    target: Target,
    synchronous: Synchronous,
    share_file: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// `forge.db` in the data directory.
    Default,
    SqliteFile(PathBuf),
    SqliteMemory,
}

/// How hard SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Synchronous {
    #[default]
    Full,
    Normal,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConfig {
    #[serde(default)]
    database: DatabaseSection,
    #[serde(default)]
    sqlite: SqliteSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseSection {
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SqliteSection {
    #[serde(default)]
    synchronous: Synchronous,
    #[serde(default)]
    share_file: bool,
}

impl DatabaseConfig {
    /// Reads `forge.toml`, if there is one, and the environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming file, line and key, or the variable.
    pub fn load(paths: &(impl QueuePaths + ?Sized)) -> Result<Self, ConfigError> {
        let mut config = Self::load_from_directory(paths)?;
        if let Some(url) = std::env::var_os(URL_VARIABLE).filter(|v| !v.is_empty()) {
            config.target = Target::parse(&url.to_string_lossy())
                .map_err(|reason| ConfigError::Url { from: URL_VARIABLE.into(), reason })?;
        }
        Ok(config)
    }

    /// Reads one file, without the environment; a missing file means the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming file, line and key.
    pub fn load_file(file: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { file: file.into(), source }),
        };
        let parsed: FileConfig = toml::from_str(&text).map_err(|e| {
            let before = &text[..e.span().map_or(0, |s| s.start.min(text.len()))];
            ConfigError::File {
                file: file.into(),
                line: before.matches('\n').count() + 1,
                reason: e.message().to_owned(),
            }
        })?;
        let target = match parsed.database.url {
            None => Target::Default,
            Some(url) => Target::parse(&url).map_err(|reason| ConfigError::Url {
                from: format!("database.url in {}", file.display()),
                reason,
            })?,
        };
        Ok(Self { target, synchronous: parsed.sqlite.synchronous, share_file: parsed.sqlite.share_file })
    }

    /// From a URL: `sqlite:PATH`, or `sqlite::memory:`. `sqlite:///DIR/FILE` is an absolute path, as in the URLs of
    /// other drivers; with two slashes it is a file in the current directory. Parameters are not supported.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let target =
            Target::parse(url).map_err(|reason| ConfigError::Url { from: "the URL".into(), reason })?;
        Ok(Self { target, synchronous: Synchronous::default(), share_file: false })
    }

    /// The same settings, for the database of this URL; see [`Self::from_url`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn with_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.target =
            Target::parse(url).map_err(|reason| ConfigError::Url { from: "the URL".into(), reason })?;
        Ok(self)
    }

    /// Reads `forge.toml`, if there is one, without the environment.
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
        })
    }

    /// The file of an embedded database; `None` for a database in memory.
    ///
    /// # Errors
    ///
    /// [`PathsError`] when the data directory cannot be told.
    pub fn sqlite_file(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Option<PathBuf>, PathsError> {
        Ok(match &self.target {
            Target::Default => Some(paths.data_dir()?.join(DATABASE_NAME)),
            Target::SqliteFile(path) => Some(path.clone()),
            Target::SqliteMemory => None,
        })
    }

    /// Opens the database, creates and migrates it if need be, and bundles it for a runtime.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing is changed in a file that is no database of ours or of a newer version.
    pub async fn open_storage(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Storage, OpenError> {
        let file = self.sqlite_file(paths).map_err(ConfigError::from)?;
        self.open_sqlite(file, false).await
    }

    /// Opens the database as it is, for a look or an order: it is neither made nor brought up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing is changed in whatever the file holds.
    pub async fn open_existing(&self, paths: &(impl QueuePaths + ?Sized)) -> Result<Storage, OpenError> {
        let file = self.sqlite_file(paths).map_err(ConfigError::from)?;
        self.open_sqlite(file, true).await
    }

    #[cfg(feature = "sqlite")]
    async fn open_sqlite(&self, file: Option<PathBuf>, existing: bool) -> Result<Storage, OpenError> {
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

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Ok(Self::SqliteMemory),
            Some(("sqlite", path)) if path.starts_with("~/") => {
                Err("~ is the shell's, which replaces it only at the beginning of a word: write the path out".into())
            }
            Some(("sqlite", path)) if path.contains('?') => {
                Err("parameters after a ? are not supported: set them in forge.toml or in code".into())
            }
            Some(("sqlite", path)) if !matches!(path, "" | "/" | "//") => match path.strip_prefix("//") {
                // With three slashes it is an absolute path, as in the URLs of other drivers.
                Some(rest) if rest.contains('/') && !rest.starts_with('/') => Err(
                    "directories after sqlite:// can be read in two ways: use sqlite:DIR/FILE for a path from the \
                     current directory, sqlite:///DIR/FILE for an absolute one"
                        .into(),
                ),
                Some(rest) => Ok(Self::SqliteFile(PathBuf::from(rest))),
                None => Ok(Self::SqliteFile(PathBuf::from(path))),
            },
            Some(("sqlite", _)) => Err("sqlite: needs a path, as in sqlite:jobs.db".into()),
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+') => {
                Err(format!("the scheme {scheme:?} is not supported: use sqlite:PATH or sqlite::memory:"))
            }
            _ => Err("it is no database URL: use sqlite:PATH or sqlite::memory:".into()),
        }
    }
}

/// The configuration cannot be used. Nothing was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A directory cannot be told.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{}:{line}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, naming the key.
        reason: String,
    },
    /// The URL is not understood. The message never holds the URL itself, which may hold a password.
    #[error("{from}: {reason}")]
    Url {
        /// Where the URL came from.
        from: String,
        /// What is wrong.
        reason: String,
    },
    /// The directory for the database cannot be created.
    #[error("the directory {} cannot be created: {source}", dir.display())]
    CreateDir {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// This program was built without the backend.
    #[error("this program was built without the feature {feature:?} of forge-jobs: add it to Cargo.toml")]
    FeatureOff {
        /// The feature.
        feature: &'static str,
    },
}

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<DatabaseConfig, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE_NAME);
        std::fs::write(&file, text).unwrap();
        DatabaseConfig::load_file(&file)
    }

    #[test]
    fn a_missing_file_means_the_defaults() {
        let config = DatabaseConfig::load_file(Path::new("/nowhere/forge.toml")).unwrap();
        assert_eq!(
            config,
            DatabaseConfig { target: Target::Default, synchronous: Synchronous::Full, share_file: false }
        );
    }

    #[test]
    fn a_file_sets_url_and_synchronous() {
        let config = load(
            "[database]\nurl = \"sqlite:/x/y.db\"\n[sqlite]\nsynchronous = \"normal\"\nshare_file = true\n",
        )
        .unwrap();
        assert!(config.share_file);
        assert_eq!(config.target, Target::SqliteFile("/x/y.db".into()));
        assert_eq!(config.synchronous, Synchronous::Normal);
    }

    #[test]
    fn a_typo_is_reported_with_file_line_and_key() {
        for (text, line, key) in [
            ("[database]\n\nurll = \"sqlite:x\"\n", ":3:", "urll"),
            ("[sqlite]\nsynchronous = \"ful\"\n", ":2:", "ful"),
            ("[databse]\n", ":1:", "databse"),
            ("[database]\nurl = 5\n", ":2:", "string"),
            ("[database\n", ":1:", ""),
        ] {
            let e = load(text).unwrap_err().to_string();
            assert!(e.contains("forge.toml") && e.contains(line) && e.contains(key), "{e}");
        }
    }

    #[test]
    fn urls_are_understood_or_refused_without_being_shown() {
        for (url, expected) in [
            ("sqlite:a.db", Target::SqliteFile("a.db".into())),
            ("sqlite:b/a.db", Target::SqliteFile("b/a.db".into())),
            ("sqlite:/b/a.db", Target::SqliteFile("/b/a.db".into())),
            ("sqlite://a.db", Target::SqliteFile("a.db".into())),
            ("sqlite:///a.db", Target::SqliteFile("/a.db".into())),
            ("sqlite::memory:", Target::SqliteMemory),
        ] {
            assert_eq!(Target::parse(url), Ok(expected), "{url}");
        }
        for (url, remedy) in [
            ("sqlite://a.db/x.db", "sqlite:///DIR/FILE"),
            ("sqlite:x.db?mode=ro", "parameters"),
            ("sqlite:~/x.db", "write the path out"),
            ("sqlite://", "needs a path"),
        ] {
            let e = DatabaseConfig::from_url(url).unwrap_err().to_string();
            assert!(e.contains(remedy), "{e}");
        }
        for url in ["sqlite:", "mysql://me:hunter2@host/db", "a.db", ""] {
            let e = DatabaseConfig::from_url(url).unwrap_err().to_string();
            assert!(e.contains("sqlite:") && !e.contains("hunter2"), "{e}");
        }
    }
}

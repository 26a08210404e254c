//! Where a program keeps its files.

use std::path::{Path, PathBuf};

/// Says where a program keeps its configuration and its data. The host program knows; this crate does not guess.
///
/// ```
/// use forge_jobs::storage::{PathsError, QueuePaths};
/// use std::path::PathBuf;
///
/// struct Paths;
///
/// impl QueuePaths for Paths {
///     fn config_dir(&self) -> Result<PathBuf, PathsError> {
///         Ok(PathBuf::from("/etc/app"))
///     }
///
///     fn data_dir(&self) -> Result<PathBuf, PathsError> {
///         let dir = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
///         dir.ok_or_else(|| PathsError::new("data", "set STATE_DIRECTORY"))
///     }
/// }
/// ```
///
/// A path is one for both, and so is a text: `DatabaseConfig::load(".")` looks into the directory that the program was
/// started in.
pub trait QueuePaths: Send + Sync {
    /// The directory with `forge.toml`, if there is one. It need not exist.
    ///
    /// # Errors
    ///
    /// [`PathsError`] when the directory cannot be told, for instance without a home directory.
    fn config_dir(&self) -> Result<PathBuf, PathsError>;

    /// The directory for the embedded database. Created when a database is opened in it.
    ///
    /// # Errors
    ///
    /// As [`Self::config_dir`].
    fn data_dir(&self) -> Result<PathBuf, PathsError>;
}

impl QueuePaths for Path {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.to_owned())
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(self.to_owned())
    }
}

impl QueuePaths for PathBuf {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        self.as_path().config_dir()
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        self.as_path().data_dir()
    }
}

impl QueuePaths for str {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Path::new(self).config_dir()
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Path::new(self).data_dir()
    }
}

/// A directory cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} directory cannot be told: {reason}")]
pub struct PathsError {
    what: String,
    reason: String,
}

impl PathsError {
    /// `what` is `config` or `data`; `reason` says why, and the remedy.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

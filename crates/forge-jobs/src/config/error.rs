//! Why a configuration cannot be used, or a database cannot be opened.

use super::PathsError;
use crate::storage::StorageError;
use std::path::PathBuf;

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
    /// A single value, of a variable or given in code, is not understood.
    #[error("{from}: {reason}")]
    Value {
        /// The variable or the setting.
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

//! What can go wrong with a storage, by what the caller can do next.

use std::error::Error as StdError;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// A call to a storage failed.
///
/// What is expected is no error: a late finish is [`FinishResult::StaleLease`](super::FinishResult::StaleLease), a
/// job that is not there is `Unknown` in its verb's outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// What was named does not exist.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// `queue`, `job`, …
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Somebody else changed it first, or it is in the way.
    #[error("{what}: {detail}")]
    Conflict {
        /// What was to be changed.
        what: &'static str,
        /// Why it was not, and the remedy.
        detail: String,
    },
    /// A value is out of its bounds. Nothing was changed.
    #[error("{0}")]
    Invalid(#[from] InvalidValue),
    /// The database cannot be reached, is busy beyond its time limit, or has no room. Nothing was changed unless
    /// `outcome_unknown`. Worth trying again.
    #[error("the database is not available: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// Whether the change may have been made all the same.
        outcome_unknown: bool,
        /// The driver's error.
        #[source]
        source: Option<Source>,
    },
    /// The database holds something that it must not, or is damaged.
    #[error("the database is damaged or no Forge database: {detail}")]
    Corrupt {
        /// What is wrong, and the remedy.
        detail: String,
        /// The driver's error.
        #[source]
        source: Option<Source>,
    },
    /// The database is not one of Forge's, or none yet, and the caller did not allow to make it one. Nothing was
    /// changed.
    #[error("{detail}")]
    NotForge {
        /// Which database, what it holds, and the remedy.
        detail: String,
    },
    /// The database is of an older version, and the caller did not allow to bring it up to date. Nothing was changed.
    #[error(
        "{database} has schema version {found}, this program works with {known}: `forge migrate`, or the next start \
         of a program that may migrate it, brings it up to date"
    )]
    SchemaTooOld {
        /// Which database.
        database: String,
        /// The version found.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// A newer version of this crate made the database.
    #[error(
        "{database} has schema version {found}, this program knows up to {known}: \
         it was made by a newer version; upgrade this program (it will not change the database)"
    )]
    SchemaTooNew {
        /// Which database.
        database: String,
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
    /// A fault of this crate, or of the database driver, that no caller could have caused.
    #[error("internal storage error: {detail}")]
    Internal {
        /// What happened.
        detail: String,
        /// The driver's error.
        #[source]
        source: Option<Source>,
    },
}

impl StorageError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the change may have been made although the call failed.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Unavailable { outcome_unknown: true, .. })
    }

    /// `Unavailable` without a driver's error.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "testing"))]
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable { detail: detail.into(), outcome_unknown: false, source: None }
    }

    /// The same error again, for each of several callers that shared a write. The driver's error, which cannot be
    /// cloned, is kept as text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let text = |source: &Option<Source>| source.as_ref().map(|e| Source::from(e.to_string()));
        match self {
            Self::NotFound { what, name } => Self::NotFound { what, name: name.clone() },
            Self::Conflict { what, detail } => Self::Conflict { what, detail: detail.clone() },
            Self::Invalid(v) => Self::Invalid(v.clone()),
            Self::Unavailable { detail, outcome_unknown, source } => Self::Unavailable {
                detail: detail.clone(),
                outcome_unknown: *outcome_unknown,
                source: text(source),
            },
            Self::Corrupt { detail, source } => {
                Self::Corrupt { detail: detail.clone(), source: text(source) }
            }
            Self::NotForge { detail } => Self::NotForge { detail: detail.clone() },
            Self::SchemaTooOld { database, found, known } => {
                Self::SchemaTooOld { database: database.clone(), found: *found, known: *known }
            }
            Self::SchemaTooNew { database, found, known } => {
                Self::SchemaTooNew { database: database.clone(), found: *found, known: *known }
            }
            Self::Closed => Self::Closed,
            Self::Internal { detail, source } => {
                Self::Internal { detail: detail.clone(), source: text(source) }
            }
        }
    }
}

/// A value is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value} is out of range: {remedy}")]
pub struct InvalidValue {
    /// The field, as in JSON and on the command line.
    pub field: &'static str,
    /// What was asked for.
    pub value: String,
    /// What is allowed.
    pub remedy: String,
}

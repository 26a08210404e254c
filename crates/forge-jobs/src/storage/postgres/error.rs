//! Postgres's errors, by what the caller can do next.

use crate::storage::StorageError;
use std::error::Error as _;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Why a call failed.
pub(super) enum Fault {
    /// It was refused, in the domain's words.
    Refused(StorageError),
    /// The server said no, or the connection was lost.
    Postgres(tokio_postgres::Error),
    /// No answer within the time limit.
    Late(Duration),
    /// There is no connection; nothing was sent.
    NoConnection(StorageError),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(e: tokio_postgres::Error) -> Self {
        Self::Postgres(e)
    }
}

impl From<StorageError> for Fault {
    fn from(e: StorageError) -> Self {
        Self::Refused(e)
    }
}

impl Fault {
    /// The server's code, if it was the server that said no.
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(e) => e.code(),
            _ => None,
        }
    }

    /// Whether the transaction lost to another one and can simply be tried again.
    pub(super) fn is_collision(&self) -> bool {
        self.code().is_some_and(|c| {
            *c == SqlState::T_R_DEADLOCK_DETECTED || *c == SqlState::T_R_SERIALIZATION_FAILURE
        })
    }

    /// Whether a key was there already, and so nothing was done.
    pub(super) fn is_duplicate(&self) -> bool {
        self.code().is_some_and(|c| *c == SqlState::UNIQUE_VIOLATION)
    }

    /// Whether a row was locked for longer than this call may wait.
    pub(super) fn is_in_the_way(&self) -> bool {
        self.code().is_some_and(|c| *c == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether nobody knows if the change was made.
    pub(super) fn is_unknown(&self) -> bool {
        match self {
            Self::Late(_) => true,
            Self::Refused(e) => e.outcome_unknown(),
            Self::Postgres(e) => e.code().map_or_else(|| is_transport(e), is_of_pooler),
            Self::NoConnection(_) => false,
        }
    }

    /// As callers see it. `writes` tells whether the call would have changed something.
    pub(super) fn into_storage(self, writes: bool) -> StorageError {
        let unknown = writes && self.is_unknown();
        match self {
            Self::Refused(e) | Self::NoConnection(e) => e,
            Self::Late(limit) => unavailable(format!("no answer within {limit:?}"), unknown, None),
            Self::Postgres(e) => storage_error(e, unknown),
        }
    }
}

/// Whether the connection is of no use any more.
pub(super) fn lost(e: &tokio_postgres::Error) -> bool {
    e.is_closed()
        || (e.code().is_none() && is_transport(e))
        || e.code().is_some_and(|c| {
            // Ended by the server; or it has become read-only: after a switch-over another server may be the primary.
            c.code().starts_with("57P") || *c == SqlState::READ_ONLY_SQL_TRANSACTION || is_of_pooler(c)
        })
}

/// Whether a kept statement is of no use any more, and was not run: a migration has changed what it gives, or somebody
/// has discarded it.
pub(super) fn outdated(e: &tokio_postgres::Error) -> bool {
    e.code().is_some_and(|c| {
        *c == SqlState::INVALID_SQL_STATEMENT_NAME
            || (*c == SqlState::FEATURE_NOT_SUPPORTED
                && e.as_db_error().is_some_and(|db| db.routine() == Some("RevalidateCachedQuery")))
    })
}

/// Whether a pooler says that it lost the server, which may have done the work: `PgBouncer` with class 08, others with
/// 58000. A server that says so itself is none that we could go on with.
fn is_of_pooler(code: &SqlState) -> bool {
    code.code().starts_with("08") || *code == SqlState::SYSTEM_ERROR
}

fn is_transport(e: &tokio_postgres::Error) -> bool {
    e.is_closed() || e.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

type Source = Box<dyn std::error::Error + Send + Sync>;

fn unavailable(detail: String, outcome_unknown: bool, source: Option<Source>) -> StorageError {
    StorageError::Unavailable { detail, outcome_unknown, source }
}

/// The connection was lost, or the driver did not understand what it heard.
pub(super) fn broken(transport: bool, unknown: bool, source: Source) -> StorageError {
    if transport {
        return unavailable("the connection to Postgres was lost".into(), unknown, Some(source));
    }
    StorageError::Internal {
        detail: "the answer of Postgres was not understood".into(),
        source: Some(source),
    }
}

fn storage_error(e: tokio_postgres::Error, unknown: bool) -> StorageError {
    match e.as_db_error().map(|db| (db.code().code().to_owned(), db.message().to_owned())) {
        Some((code, text)) => said_no(&code, &text, unknown, e.into()),
        None => broken(is_transport(&e), unknown, e.into()),
    }
}

/// The server refused a statement, with this code and text; nothing of it was kept.
pub(super) fn said_no(code: &str, text: &str, unknown: bool, source: Source) -> StorageError {
    let hint = |remedy: &str| format!("Postgres says {text:?}: {remedy}");
    let unavailable = |remedy: &str, source: Source| unavailable(hint(remedy), false, Some(source));
    match code {
        "25006" => unavailable("it is read-only, a standby perhaps; connect to the primary", source),
        "53100" => unavailable("its disk is full; make room, work goes on by itself", source),
        "53300" => {
            unavailable("too many connections; lower postgres.connections, or raise max_connections", source)
        }
        "42501" => unavailable("the role lacks a privilege, see docs/operations.md, \"Roles\"", source),
        "28P01" | "28000" => unavailable("check user and password", source),
        "3D000" => unavailable("create the database first", source),
        // A table or function of ours is not there.
        "42P01" | "42883" | "3F000" | "42703" | "42704" => StorageError::NotForge {
            detail: hint("run `forge migrate` on this database with this version of the program"),
        },
        "57014" => unavailable("a statement was stopped", source),
        // Of this crate's own functions.
        "FJ004" => StorageError::Conflict { what: "job", detail: text.to_owned() },
        // A pooler that lost the server says so, and knows no more than we do.
        c if c.starts_with("08") || c == "58000" => StorageError::Unavailable {
            detail: hint("try again"),
            outcome_unknown: unknown,
            source: Some(source),
        },
        c if ["53", "57", "55", "40"].iter().any(|class| c.starts_with(class)) => {
            unavailable("try again", source)
        }
        c if c.starts_with("XX") => {
            StorageError::Corrupt { detail: hint("look into the server's log"), source: Some(source) }
        }
        _ => StorageError::Internal {
            detail: format!("a statement failed with SQLSTATE {code}: {text}"),
            source: Some(source),
        },
    }
}

/// The code with which this crate's own functions say that too many scopes have something counted.
pub(super) fn too_many_budgets(fault: &Fault) -> bool {
    fault.code().is_some_and(|c| c.code() == "FJ003")
}

/// The code with which this crate's own functions say that the process is not registered.
pub(super) fn not_registered(fault: &Fault) -> bool {
    fault.code().is_some_and(|c| c.code() == "FJ001")
}

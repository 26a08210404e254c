//! What can go wrong between a test and its server.

use std::path::PathBuf;

/// Why there is no server, or no database on it. Cloned, because one failure answers every test of a process.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not there and could not be installed.
    #[error("{program} is not installed: {remedy}")]
    Missing {
        /// The program, or the package's name for it.
        program: &'static str,
        /// What to do about it.
        remedy: String,
    },
    /// The server is older than what Forge supports.
    #[error("PostgreSQL {found} ({place}) is too old: install {} or newer", crate::OLDEST)]
    TooOld {
        /// The version as the server names it.
        found: String,
        /// The program, or the server.
        place: String,
    },
    /// A program was started and did not do what it should.
    #[error("{what}: {detail}")]
    Program {
        /// What was tried.
        what: String,
        /// What the program said, or the end of its log.
        detail: String,
    },
    /// The operating system refused something.
    #[error("{what}: {detail}")]
    System {
        /// What was tried.
        what: String,
        /// The answer of the system.
        detail: String,
    },
    /// The server refused a statement or a connection.
    #[error("{what}: {detail}")]
    Sql {
        /// The statement, or "connecting to" and the URL.
        what: String,
        /// The server's answer.
        detail: String,
    },
    /// What was given to make a template with failed.
    #[error("the template {template} could not be made: {detail}")]
    Provision {
        /// The name of the database that would have become the template.
        template: String,
        /// The error of the caller's own code.
        detail: String,
    },
    /// A name that cannot be part of a database's name.
    #[error("the name {0:?} is none for a template: use 1 to 30 of a-z, 0-9 and _")]
    Name(String),
    /// A directory without the programs that should be in it.
    #[error("{} has not all of initdb, postgres and pg_ctl in it: name the bin directory of a PostgreSQL", .0.display())]
    NoPrograms(PathBuf),
}

impl Error {
    pub(crate) fn system(what: impl Into<String>, error: &std::io::Error) -> Self {
        Self::System { what: what.into(), detail: error.to_string() }
    }
}

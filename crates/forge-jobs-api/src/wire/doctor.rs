//! What a check of the database and its workers found.

use super::{BoundedCount, Process};
use serde::{Deserialize, Serialize};

/// The findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Doctor {
    /// Whether there are no problems.
    pub healthy: bool,
    /// What and where the database is, without secrets.
    pub database: String,
    /// The database system's version.
    pub engine_version: String,
    /// The schema's version.
    pub schema_version: i64,
    /// Facts for people.
    pub facts: Vec<Fact>,
    /// All registered processes, oldest first.
    pub processes: Vec<Process>,
    /// Kinds with due jobs that no live process can run, because it has no handler or does not work on the queue.
    pub waiting: Vec<WaitingKind>,
    /// What is wrong and what to do, one sentence each.
    pub problems: Vec<String>,
    /// What explains that jobs wait and is no problem, because somebody wants it so: paused queues.
    pub notes: Vec<String>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fact {
    /// Of what.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A kind with due jobs that no live process can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingKind {
    /// The kind.
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// How many were seen.
    pub jobs: BoundedCount,
}

/// The answer to a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Migrated {
    /// What and where the database is, without secrets.
    pub database: String,
}

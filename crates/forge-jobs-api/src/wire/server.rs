//! What a server says of itself, of its callers, and of what has changed.

use super::{BulkResult, Process};
use serde::{Deserialize, Serialize};

/// What came of jobs to enqueue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnqueueReport {
    /// In the order of the request; `line` counts from 1.
    pub results: Vec<BulkResult>,
}

/// All registered processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessList {
    /// The oldest first.
    pub processes: Vec<Process>,
}

/// What became of a schedule's fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TickPage {
    /// The latest first.
    pub ticks: Vec<super::Tick>,
    /// Pass it as `before` to get the next page; `null` at the end.
    pub next: Option<String>,
}

/// Who the caller is to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// The name that goes with the token.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// Whether this server changes nothing, whoever asks.
    pub read_only: bool,
    /// Whether the caller is here by a session that can be ended.
    pub session: bool,
    /// The server's version.
    pub version: String,
}

/// What a caller may do; each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Enqueue jobs; retry, cancel and run them; pause and resume.
    Operator,
    /// Change settings, and delete.
    Admin,
}

impl Role {
    /// All roles, the least one first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in JSON and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Something has changed: what is shown of these topics is out of date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Changed {
    /// What has changed.
    pub topics: Vec<Topic>,
}

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Jobs: how many stand where.
    Jobs,
    /// Settings of queues.
    Queues,
    /// Worker processes.
    Processes,
    /// Schedules.
    Schedules,
    /// Budgets.
    Limits,
    /// A topic of a newer version.
    #[serde(other)]
    Unknown,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 5] = [Self::Jobs, Self::Queues, Self::Processes, Self::Schedules, Self::Limits];
}

/// What the stop of a server came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Connections that were cut off in the middle of a request.
    pub cut_off: u64,
}

/// A token that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// What the caller sends.
    pub token: String,
    /// The line for the server's file.
    pub line: String,
}

impl std::fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenMade")
    }
}

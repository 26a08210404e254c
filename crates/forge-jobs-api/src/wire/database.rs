//! How the database is.

use super::{Latency, Seconds};
use serde::{Deserialize, Serialize};

/// How the database is, and how processes get on with it. What it has not, or may not show, is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatabaseHealth {
    /// When it was looked at.
    pub at: String,
    /// The database system and its version.
    pub engine: String,
    /// Its size.
    pub bytes: Option<u64>,
    /// Of that, pages that are free for new rows.
    pub free_bytes: Option<u64>,
    /// Sessions of the server, in all of its databases.
    pub connections: Option<DatabaseConnections>,
    /// The transaction that has been open the longest: it keeps dead rows from being cleared away.
    pub oldest_transaction: Option<OpenTransaction>,
    /// Whether the transactions of other roles can be seen.
    pub sees_all_transactions: bool,
    /// The write-ahead log.
    pub log: Option<DatabaseLog>,
    /// How often this process has waited for the lock of another one.
    pub busy_waits: Option<u64>,
    /// Forge's own tables, by name.
    pub tables: Vec<TableHealth>,
    /// Over how much time the next three were measured.
    pub measured_seconds: Seconds,
    /// How long calls that only read took, in all processes.
    pub reads: Option<Latency>,
    /// How long calls that write took.
    pub writes: Option<Latency>,
    /// What each process keeps open.
    pub pools: Vec<PoolHealth>,
}

/// Sessions of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatabaseConnections {
    /// Open ones.
    pub used: u64,
    /// Most that it takes.
    pub limit: u64,
}

/// A transaction that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenTransaction {
    /// For how long.
    pub age_seconds: Seconds,
    /// The server's number of the session.
    pub pid: i64,
    /// The role.
    pub user: Option<String>,
    /// What the program calls itself.
    pub application: Option<String>,
    /// What the session does, as `idle in transaction`.
    pub state: Option<String>,
}

/// A write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatabaseLog {
    /// The size of its file.
    pub bytes: u64,
    /// Pages in it.
    pub pages: Option<u64>,
    /// Pages of these that are in the database's file by now.
    pub moved_pages: Option<u64>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TableHealth {
    /// Its name.
    pub name: String,
    /// Its size without indexes.
    pub bytes: Option<u64>,
    /// Its rows.
    pub rows: RowCount,
    /// Rows that are gone and not cleared away, as the server estimates.
    pub dead_rows: Option<u64>,
    /// When it was last cleared of them.
    pub vacuumed_at: Option<String>,
    /// When its statistics were last made.
    pub analyzed_at: Option<String>,
    /// Its indexes, by name.
    pub indexes: Vec<IndexHealth>,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IndexHealth {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: Option<u64>,
}

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowCount {
    /// So many.
    pub count: u64,
    /// How that is known.
    pub by: RowCountBy,
}

/// How a number of rows is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowCountBy {
    /// They were counted.
    Count,
    /// About so many.
    Estimate,
    /// So many were counted, and there are more.
    AtLeast,
    /// A way of a newer version.
    #[serde(other)]
    Unknown,
}

/// The connections of a process to the database, at most at once in the time that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PoolHealth {
    /// The process.
    pub process: String,
    /// Where it runs.
    pub host: String,
    /// In use.
    pub in_use: u32,
    /// Open.
    pub open: u32,
    /// How many it may open.
    pub limit: u32,
    /// Calls that waited for one.
    pub waiting: u32,
}

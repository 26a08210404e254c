//! How a database is: what a person on call looks at first.

use crate::Timestamp;
use std::time::Duration;

/// How the database is. What a storage has not, or may not see, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The database system and its version.
    pub engine: String,
    /// Its size.
    pub bytes: Option<u64>,
    /// Of that, pages that are free for new rows.
    pub free_bytes: Option<u64>,
    /// Forge's own tables, by name.
    pub tables: Vec<TableHealth>,
    /// Sessions of the server.
    pub connections: Option<Connections>,
    /// The transaction that has been open the longest, this look's own excepted: it keeps dead rows from being cleared
    /// away.
    pub oldest_transaction: Option<OpenTransaction>,
    /// Whether other people's transactions can be seen.
    pub sees_all_transactions: bool,
    /// The write-ahead log.
    pub log: Option<LogHealth>,
    /// How often this process has waited for the lock of another one.
    pub busy_waits: Option<u64>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    pub vacuumed_at: Option<Timestamp>,
    /// When its statistics were last made.
    pub analyzed_at: Option<Timestamp>,
    /// Its indexes, by name.
    pub indexes: Vec<IndexHealth>,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexHealth {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: Option<u64>,
}

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCount {
    /// They were counted.
    Exact(u64),
    /// About so many.
    Estimate(u64),
    /// So many were counted, and there are more.
    AtLeast(u64),
}

/// Sessions of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Open ones, in all databases of the server.
    pub used: u64,
    /// Most that it takes.
    pub limit: u64,
}

/// A transaction that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenTransaction {
    /// For how long.
    pub age: Duration,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogHealth {
    /// The size of its file; a large one is reused from its beginning.
    pub bytes: u64,
    /// Pages in it.
    pub pages: Option<u64>,
    /// Pages of these that are in the database's file by now.
    pub moved_pages: Option<u64>,
}

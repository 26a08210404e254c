//! What people did, and who.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A page of the audit, the latest action first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPage {
    /// The actions.
    pub actions: Vec<AuditAction>,
    /// Pass it as `before` to get the next page; `null` at the end.
    pub next: Option<i64>,
}

/// One action of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditAction {
    /// Its number; grows.
    pub no: i64,
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What the person may do: `viewer`, `operator` or `admin`, if that is known.
    pub role: Option<String>,
    /// The way that it came: `cli`, `api`, `panel` or `code`.
    pub source: String,
    /// The address that it came from, if that is known.
    pub address: Option<String>,
    /// What was done, such as `queue.pause` or `job.retry`.
    pub action: String,
    /// To what sort of thing: `queue`, `job`, `schedule`, `limit`, `kind`.
    pub what: String,
    /// To which one; `null`: to several.
    pub target: Option<String>,
    /// How many things were changed.
    pub count: u64,
    /// Settings before.
    pub before: Option<Box<RawValue>>,
    /// Settings after.
    pub after: Option<Box<RawValue>>,
    /// More: the first of the ids that were named, and how many came to which end.
    pub detail: Option<Box<RawValue>>,
    /// What came of it: `done`, `unchanged`, `denied` or `refused`.
    pub outcome: String,
}

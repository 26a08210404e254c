//! What people did, and who.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A page of the audit, the latest action first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// The actions.
    pub actions: Vec<AuditAction>,
    /// Pass it as `before` to get the next page; `null` at the end.
    pub next: Option<i64>,
}

/// Which actions to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Only of this person.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only to this sort of thing.
    pub what: Option<String>,
    /// Only to the thing of this name.
    pub target: Option<String>,
    /// Only from this time on, RFC 3339.
    pub since: Option<String>,
    /// Only before this time, RFC 3339.
    pub until: Option<String>,
    /// Rows of the page, 1 to 500; 50 if it is left out.
    pub limit: Option<u32>,
    /// Only before this number: `next` of the page before.
    pub before: Option<i64>,
}

/// One action of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

equal!(AuditAction { no, at, actor, role, source, address, action, what, target, count, outcome; before, after, detail });

//! Pages of lists.

use super::{BoundedCount, Job};
use serde::{Deserialize, Serialize};

/// A page of jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Opaque: pass it to get the next page. `null` at the end.
    pub next: Option<String>,
    /// The fields of the filter, `queue` or `kind`, whose value no job ever had: a slip, most likely.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Jobs that were looked at for this page.
    #[serde(default)]
    pub scanned: u64,
    /// `false`: the look stopped at its bound, with fewer jobs than asked for or none; `next` goes on from there.
    #[serde(default = "yes")]
    pub complete: bool,
}

const fn yes() -> bool {
    true
}

/// How many jobs a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCount {
    /// So many; `more`: at least, since the count stopped at its bound.
    pub jobs: BoundedCount,
    /// As in a page of jobs.
    pub unknown: Vec<String>,
}

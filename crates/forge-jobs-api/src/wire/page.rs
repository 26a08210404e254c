//! Pages of lists.

use super::Job;
use serde::{Deserialize, Serialize};

/// A page of jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Opaque: pass it to get the next page. `null` at the end.
    pub next: Option<String>,
    /// The fields of the filter, `queue` or `kind`, whose value no job ever had: a slip, most likely.
    #[serde(default)]
    pub unknown: Vec<String>,
}

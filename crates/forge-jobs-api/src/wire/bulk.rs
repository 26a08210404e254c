//! Verbs on many jobs at a time.

use super::{BoundedCount, Job, JobQuery, JobStatus, VerbOutcome, VerbResult};
use serde::{Deserialize, Serialize};

/// What to do with jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BulkVerb {
    /// Waiting ones are dead at once, running ones are asked to stop.
    Cancel,
    /// Dead and retrying ones are pending, with a fresh attempt budget.
    Retry,
    /// Scheduled and retrying ones are pending; attempts stay.
    RunNow,
    /// They are deleted, running ones excepted.
    Drop,
}

/// What would be done with which jobs. Either `ids` or `filter`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkQuery {
    /// What would be done.
    pub verb: BulkVerb,
    /// With these, 1 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// With those that it lets through; `limit` and `after` have no meaning here.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::object::option")]
    pub filter: Option<JobQuery>,
}

/// What a verb would come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkPreview {
    /// What would be done.
    pub verb: BulkVerb,
    /// Jobs that it would be done with.
    pub jobs: BoundedCount,
    /// Some of them; long payloads are cut.
    pub sample: Vec<Job>,
    /// Jobs that were asked for and that it is refused for, since they stand where they do.
    pub refused: Vec<RefusedJobs>,
    /// Ids of no job.
    pub unknown: Vec<String>,
}

/// Jobs that a verb is refused for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefusedJobs {
    /// Where they stand.
    pub status: JobStatus,
    /// How many.
    pub jobs: BoundedCount,
    /// The ids of some.
    pub ids: Vec<String>,
}

/// Which jobs to do something with, a part of them per request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkRun {
    /// Those that it lets through; `limit` and `after` have no meaning here.
    #[serde(deserialize_with = "super::object::one")]
    pub filter: JobQuery,
    /// Stop when it was done with so many jobs, in all requests together: what the preview told. At least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub at_most: u64,
    /// Go on where the answer before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How far a verb on many jobs has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkReport {
    /// Jobs that it was tried with in this request.
    pub tried: u64,
    /// The same, in all requests so far.
    pub tried_in_all: u64,
    /// What came of those of this request.
    pub outcomes: Vec<OutcomeCount>,
    /// The first of them that nothing was changed of.
    pub unchanged: Vec<VerbResult>,
    /// Send it as `after` to go on. `null`: it is over.
    pub next: Option<String>,
    /// Whether it is over because `at_most` is reached and more jobs match.
    pub stopped: bool,
}

/// How many jobs came to an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeCount {
    /// What came of them.
    pub outcome: VerbOutcome,
    /// How many.
    pub jobs: u64,
}

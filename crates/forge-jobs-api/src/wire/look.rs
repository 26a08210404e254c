//! What is asked for of metrics, logs and errors.

use super::Seconds;
use serde::{Deserialize, Serialize};

/// What lines are wanted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimelineBy {
    /// One, of all jobs.
    #[default]
    All,
    /// One per queue.
    Queue,
    /// One per kind.
    Kind,
}

/// Which lines to show, over which range. Counts are of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimelineQuery {
    /// Of all jobs together, of each queue, or of each kind; default of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TimelineBy>,
    /// Only of the queue or kind of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only what processes of this host did; several with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where the range begins, RFC 3339; default `last_seconds` before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where the range ends, RFC 3339; default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How long the range is, instead of `from`; default 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seconds: Option<Seconds>,
    /// Points of a line at most, 2 to 10,000; default 300. The step is the finest that gives no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub points: Option<u32>,
    /// Lines at most, 1 to 1,001; default 100. Of all lines together no more than 30,000 points are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1001)))]
    pub lines: Option<u32>,
}

/// Which processes' use of their hosts to show, over which range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResourceQuery {
    /// Only this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Only processes of this host; several with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where the range begins, RFC 3339; default `last_seconds` before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where the range ends, RFC 3339; default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How long the range is, instead of `from`; default 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seconds: Option<Seconds>,
    /// Points of a process at most, 2 to 10,000; default 300. Of all processes together no more than 30,000 are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub points: Option<u32>,
}

/// Which lines of a job's log to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Only of the attempt under this claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_no: Option<i64>,
    /// Only what comes after these lines: `next` of the page before, also while the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Lines of the page, 1 to 1,000; default 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u32>,
}

/// In which order to list errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorSort {
    /// Those that were seen last come first.
    #[default]
    Last,
    /// Those that were seen most often come first.
    Frequent,
    /// Those that are new come first.
    New,
}

/// Which errors to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorQuery {
    /// Only those seen in this queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Only those of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In which order; default those seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<ErrorSort>,
    /// Groups, 1 to 500; default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 500)))]
    pub limit: Option<u32>,
}

/// Where to go on with the dead jobs of a group of errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupBatch {
    /// `next` of the answer before; left out: begin with the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

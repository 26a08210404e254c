//! What jobs leave behind: errors by sort, and the lines that handlers logged.

use serde::{Deserialize, Serialize};

/// Errors of one sort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorGroup {
    /// Its number: 16 hexadecimal digits.
    pub id: String,
    /// The kind of its jobs.
    pub kind: String,
    /// The type of the error as it names itself, or `panic`, `time_limit`, `undecodable`, `throttles`, `crashed`; empty
    /// when it is not known.
    pub error_type: String,
    /// The message, with blanks for what differs.
    pub message: String,
    /// Attempts that ended like this, in all queues.
    pub count: u64,
    /// When the first of them ended.
    pub first_at: String,
    /// When the last of them ended.
    pub last_at: String,
    /// The version of the program in which it was seen first.
    pub first_version: String,
    /// The job that it happened to last; it may be gone.
    pub last_job: String,
    /// Where it was seen.
    pub queues: Vec<ErrorQueue>,
}

/// How often an error was seen in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorQueue {
    /// The queue.
    pub queue: String,
    /// Attempts that ended like this.
    pub count: u64,
    /// When the last of them ended.
    pub last_at: String,
}

/// Errors by sort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorList {
    /// The groups.
    pub groups: Vec<ErrorGroup>,
    /// Whether there are more.
    pub more: bool,
}

/// What a verb did to dead jobs of a group of errors, a bounded number at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupVerb {
    /// The group.
    pub group: String,
    /// Jobs that it was done to.
    pub changed: u64,
    /// Jobs that were left as they were: another one holds their dedupe key, or they moved meanwhile.
    pub left: u64,
    /// Pass it as `after` to go on with those that are left; `null` when these were the last.
    #[serde(default)]
    pub next: Option<String>,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something went wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For who looks for a fault.
    Debug,
    /// Every step.
    Trace,
    /// A level of a newer version.
    #[serde(other)]
    Unknown,
}

/// A line that a handler logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLine {
    /// When, by the clock of the host that it ran on.
    pub at: String,
    /// The claim that the attempt runs under.
    pub claim_no: i64,
    /// How much it matters.
    pub level: LogLevel,
    /// Which part of the program said so.
    pub target: String,
    /// What it said.
    pub message: String,
    /// What it said besides, by name.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Whether it stands for others that were left out, and says how many.
    pub left_out: bool,
}

/// A page of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Pass it to get what comes after these lines, now or later; `null` when there is none yet.
    pub next: Option<String>,
    /// Whether there are more already.
    pub more: bool,
}

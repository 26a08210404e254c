//! A line of a job's log.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

impl LogLevel {
    /// The word used in code, JSON and the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a handler logged at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, by the clock of the host that it ran on.
    #[serde(rename = "t", with = "micros")]
    pub at: Timestamp,
    /// How much it matters.
    #[serde(rename = "l")]
    pub level: LogLevel,
    /// Which part of the program said so.
    #[serde(rename = "g")]
    pub target: String,
    /// What it said, cleaned and cut.
    #[serde(rename = "m")]
    pub message: String,
    /// What it said besides, by name.
    #[serde(rename = "f", default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

mod micros {
    use crate::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.as_micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_micros)
    }
}

/// Where a line stands among those of its job: opaque to callers. Lines are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor {
    /// The claim that the attempt ran under.
    pub claim_no: i64,
    /// Which of the attempt's writes brought it.
    pub chunk: u32,
    /// Which line of that write.
    pub line: u32,
}

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedLine {
    /// Where it stands.
    pub at: LogCursor,
    /// The line.
    pub line: LogLine,
    /// Whether it stands for others that were left out, and says how many.
    pub left_out: bool,
}

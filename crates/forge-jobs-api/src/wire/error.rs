//! Errors.

use serde::{Deserialize, Serialize};

/// What is sent in place of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// For programs.
    pub code: ErrorCode,
    /// For people: names the value and the remedy.
    pub message: String,
}

/// What a program can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// It failed for a reason that no other code names.
    Failed,
    /// The request is not allowed as it stands: change it.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// Somebody else changed it first, or it is in the way.
    Conflict,
    /// The database cannot be used now.
    Unavailable,
    /// A code of a newer version.
    #[serde(other)]
    Unknown,
}

//! Errors.

use serde::{Deserialize, Serialize};

/// What is sent in place of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorDetail {
    /// For programs.
    pub code: ErrorCode,
    /// For people: names the value and the remedy.
    pub message: String,
    /// The field that is wrong: of the body, of the query, or a header.
    #[serde(default)]
    pub field: Option<String>,
    /// What to do about it, where that is not a part of the message.
    #[serde(default)]
    pub remedy: Option<String>,
    /// Finds the request in the server's log; `null` where no server was asked.
    #[serde(default)]
    pub request_id: Option<String>,
}

impl ErrorDetail {
    /// An error without a field.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, remedy: None, request_id: None }
    }
}

/// What a program can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// It failed for a reason that no other code names.
    Failed,
    /// The request cannot be read: it is no JSON, or not the JSON that is wanted here.
    Malformed,
    /// A value of the request is not allowed: change it.
    Invalid,
    /// No valid token came with the request.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// There is no such method here.
    MethodNotAllowed,
    /// Somebody else changed it first, or it is in the way.
    Conflict,
    /// It has not the version any more that the request names.
    PreconditionFailed,
    /// The request is longer than the server reads.
    TooLarge,
    /// The body is not of the type `application/json`.
    UnsupportedMediaType,
    /// The server does not answer to the name that it was called by.
    Misdirected,
    /// Too many requests from there: wait.
    TooManyRequests,
    /// The request took longer to arrive than the server waits.
    TimedOut,
    /// The database cannot be used now.
    Unavailable,
    /// A code of a newer version.
    #[serde(other)]
    Unknown,
}

//! What can go wrong on the way to a queue.

use crate::model::format::sentence;
use forge_jobs_api::wire::{ErrorCode, ErrorDetail};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpcError {
    /// The host cannot be reached.
    Offline,
    /// The host said no, and why.
    Refused(Box<ErrorDetail>),
    /// The answer cannot be read: another version, or something in between.
    Unreadable(String),
}

impl IpcError {
    /// A refusal without more.
    #[must_use]
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(ErrorDetail::new(code, message)))
    }

    /// A refusal of a field.
    #[must_use]
    pub fn of_field(field: &str, message: impl Into<String>) -> Self {
        let mut detail = ErrorDetail::new(ErrorCode::Invalid, message);
        detail.field = Some(field.to_owned());
        Self::Refused(Box::new(detail))
    }

    /// What a program can do about it; `None` if the host said nothing.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(detail) => Some(detail.code),
            _ => None,
        }
    }

    /// Whether somebody else changed it first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(ErrorCode::PreconditionFailed)
    }

    /// Whether logging in would help.
    #[must_use]
    pub fn needs_login(&self) -> bool {
        self.code() == Some(ErrorCode::Unauthenticated)
    }

    /// Whether it may be gone at the next try.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Offline => true,
            Self::Refused(detail) => {
                matches!(
                    detail.code,
                    ErrorCode::Unavailable | ErrorCode::TooManyRequests | ErrorCode::TimedOut
                )
            }
            Self::Unreadable(_) => false,
        }
    }

    /// For people: what happened.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Offline => "The server cannot be reached.".into(),
            Self::Refused(detail) => sentence(&detail.message),
            Self::Unreadable(what) => format!("The answer cannot be read: {what}."),
        }
    }

    /// For people: what helps.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Offline => Some("It is tried again by itself; what you see may be old.".into()),
            Self::Refused(detail) => detail.remedy.as_deref().map(sentence),
            Self::Unreadable(_) => {
                Some("Reload the page: it may be of another version than the server.".into())
            }
        }
    }

    /// The field of what was sent that is wrong, if the host named one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Refused(detail) => detail.field.as_deref(),
            _ => None,
        }
    }

    /// Finds the request in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused(detail) => detail.request_id.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_and_what_helps() {
        let error = IpcError::refused(ErrorCode::PreconditionFailed, "the queue has version 4 now");
        assert!(error.is_conflict() && !error.may_pass());
        assert_eq!(error.message(), "The queue has version 4 now.");
        assert!(IpcError::Offline.may_pass() && IpcError::Offline.remedy().is_some());
        assert!(IpcError::refused(ErrorCode::Unauthenticated, "x").needs_login());
    }
}

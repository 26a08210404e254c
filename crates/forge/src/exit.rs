//! Exit codes, and the one error type that commands end with.

use forge_jobs::config::OpenError;
use forge_jobs::storage::{ConfigError, PathsError, StorageError};
use forge_jobs::{EnqueueError, ScheduleError, StartError};
use forge_jobs_api::convert::WireError;
use forge_jobs_api::service::ApiError;
use forge_jobs_api::wire::{ErrorBody, ErrorCode, ErrorDetail};
use std::error::Error;
use std::process::ExitCode;

/// How the program ends. Scripts lean on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok = 0,
    /// It failed, or a part of it did.
    Failed = 1,
    /// The command line, its input or the configuration is not understood.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// Something is in the way.
    Conflict = 4,
    /// The database cannot be used.
    Unavailable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Invalid | ErrorCode::Malformed | ErrorCode::TooLarge => Self::Usage,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::Conflict | ErrorCode::PreconditionFailed => Self::Conflict,
            ErrorCode::Unavailable | ErrorCode::TimedOut => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

/// Why a command ended without an answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The error and its causes, each said once.
    pub(crate) fn of(code: ErrorCode, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(e) = source {
            let next = e.to_string();
            if !message.contains(&next) {
                message.push_str(": ");
                message.push_str(&next);
            }
            source = e.source();
        }
        Self { code, message }
    }

    /// What a server said.
    pub(crate) fn from_wire(detail: ErrorDetail) -> Self {
        let mut message = detail.message;
        // What went wrong inside a server stands in its log, under this.
        let inside = matches!(detail.code, ErrorCode::Failed | ErrorCode::Unavailable | ErrorCode::Unknown);
        let request = detail.request_id.filter(|_| inside).map(|id| format!("request {id}"));
        for more in detail.remedy.into_iter().chain(request) {
            message.push_str(": ");
            message.push_str(&more);
        }
        Self { code: detail.code, message }.with_command()
    }

    /// With what helps.
    pub(crate) fn with_remedy(mut self, remedy: &str) -> Self {
        self.message.push_str(": ");
        self.message.push_str(remedy);
        self
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Names the command that helps, where an error of the API names a list.
    fn with_command(mut self) -> Self {
        for (words, command) in [
            ("the list of queues names", "`forge queue list` names"),
            ("the list of schedules names", "`forge cron list` names"),
            ("give it a limit, or look at the list of limits", "give it one with `forge limit set`"),
        ] {
            self.message = self.message.replace(words, command);
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.code.into()
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn detail(&self) -> ErrorDetail {
        ErrorDetail::new(self.code, self.message.clone())
    }

    pub(crate) fn body(&self) -> ErrorBody {
        ErrorBody { error: self.detail() }
    }
}

impl From<StorageError> for Failure {
    fn from(e: StorageError) -> Self {
        let mut failure = Self::of((&e).into(), &e);
        if matches!(e, StorageError::NotFound { what: "queue", .. }) {
            failure.message.push_str(": `forge queue list` names those that there are");
        }
        if matches!(e, StorageError::NotFound { what: "schedule", .. }) {
            failure.message.push_str(": `forge cron list` names those that there are");
        }
        failure
    }
}

impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Self {
        Self { code: e.code(), message: e.to_string() }.with_command()
    }
}

impl From<EnqueueError> for Failure {
    fn from(e: EnqueueError) -> Self {
        Self::of((&e).into(), &e)
    }
}

impl From<ScheduleError> for Failure {
    fn from(e: ScheduleError) -> Self {
        match e {
            ScheduleError::Storage(e) => e.into(),
            e => Self::of(ErrorCode::Invalid, &e),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(e: ConfigError) -> Self {
        let code = match e {
            // The words are fine, the disk is not.
            ConfigError::CreateDir { .. } => ErrorCode::Unavailable,
            _ => ErrorCode::Invalid,
        };
        Self::of(code, &e)
    }
}

impl From<PathsError> for Failure {
    fn from(e: PathsError) -> Self {
        Self::of(ErrorCode::Invalid, &e)
    }
}

impl From<OpenError> for Failure {
    fn from(e: OpenError) -> Self {
        match e {
            OpenError::Config(e) => e.into(),
            OpenError::Storage(e) => e.into(),
            e => Self::of(ErrorCode::Failed, &e),
        }
    }
}

impl From<StartError> for Failure {
    fn from(e: StartError) -> Self {
        match e {
            StartError::Storage(e) => e.into(),
            StartError::Config(_) => Self::of(ErrorCode::Invalid, &e),
            e => Self::of(ErrorCode::Failed, &e),
        }
    }
}

impl From<WireError> for Failure {
    fn from(e: WireError) -> Self {
        Self::of(ErrorCode::Invalid, &e)
    }
}

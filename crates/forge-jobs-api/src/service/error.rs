//! What can go wrong, as a type: the same for callers in this process and for those behind HTTP.

use crate::convert::WireError;
use crate::wire::{ErrorCode, ErrorDetail};
use forge_jobs::limits::MAX_NAME_BYTES;
use forge_jobs::rate_limit::RateLimitError;
use forge_jobs::schedule::InvalidSchedule;
use forge_jobs::storage::{InvalidValue, StorageError};
use forge_jobs::{EnqueueError, InvalidRequest, NameError, ScheduleError, check_name};
use std::error::Error;
use std::fmt;

/// A request was not carried out.
///
/// [`Display`](fmt::Display) gives everything that is known, for people who may see it all. What goes over the wire is
/// [`Self::to_wire`]: of a database that fails it says no more than that, since the words of a driver may name hosts,
/// paths and values.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: ErrorCode,
    message: String,
    field: Option<String>,
    remedy: Option<String>,
    /// For the log and for people at the machine; never sent.
    private: Option<String>,
    /// The methods that there are, where one is asked for that is not.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "HTTP alone has methods"))]
    allowed: Option<String>,
    /// How many seconds to wait at least.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "HTTP alone says so"))]
    retry_after: Option<u64>,
}

impl ApiError {
    /// An error of this code, with a message that names the value.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: message.into(),
            field: None,
            remedy: None,
            private: None,
            allowed: None,
            retry_after: None,
        }))
    }

    /// A value is not allowed.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message).on(field)
    }

    /// What was named does not exist.
    #[must_use]
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        // Whoever asks for a book gets its title back.
        let name: String = name.into().chars().take(MAX_NAME_BYTES).collect();
        StorageError::NotFound { what, name }.into()
    }

    /// What has no name that anything can have does not exist: no storage need be asked.
    pub(super) fn unless_named(what: &'static str, name: &str) -> Result<(), Self> {
        check_name(what, name).map_err(|_| Self::not_found(what, name))
    }

    /// About this field.
    #[must_use]
    pub fn on(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    fn on_some(self, field: Option<&str>) -> Self {
        match field {
            Some(field) => self.on(field),
            None => self,
        }
    }

    /// With what helps.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// With words that are not for the wire.
    #[must_use]
    pub fn with_private(mut self, detail: impl Into<String>) -> Self {
        self.0.private = Some(detail.into());
        self
    }

    /// For programs: stable.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// For people: names the value.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What helps, where it is not a part of the message.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// What is for the log alone.
    #[must_use]
    pub fn private(&self) -> Option<&str> {
        self.0.private.as_deref()
    }

    /// What may be sent to anybody who may call.
    #[must_use]
    pub fn to_wire(&self) -> ErrorDetail {
        ErrorDetail {
            code: self.0.code,
            message: self.0.message.clone(),
            field: self.0.field.clone(),
            remedy: self.0.remedy.clone(),
            request_id: None,
        }
    }

    /// The methods that there are here.
    #[cfg(feature = "server")]
    pub(crate) fn allowing(mut self, methods: String) -> Self {
        self.0.allowed = Some(methods);
        self
    }

    #[cfg(feature = "server")]
    pub(crate) fn allowed_methods(&self) -> Option<&str> {
        self.0.allowed.as_deref()
    }

    /// Worth trying again after so many seconds.
    #[cfg(feature = "server")]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    #[cfg(feature = "server")]
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// A conflict with an expected version is a precondition that failed.
    #[must_use]
    pub(crate) fn if_match(mut self, expected: Option<i64>) -> Self {
        if self.0.code == ErrorCode::Conflict && expected.is_some() {
            self.0.code = ErrorCode::PreconditionFailed;
            self.0.field = Some("If-Match".into());
        }
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for more in [&self.0.private, &self.0.remedy].into_iter().flatten() {
            write!(f, ": {more}")?;
        }
        Ok(())
    }
}

impl Error for ApiError {}

/// The error and its causes, each said once.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        let next = e.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = e.source();
    }
    text
}

/// Where names can be looked up.
fn list_of(what: &str) -> Option<&'static str> {
    match what {
        "queue" => Some("the list of queues names those that there are"),
        "schedule" => Some("the list of schedules names those that there are"),
        "limit" | "limit for the scope" => Some("give it a limit, or look at the list of limits"),
        "job" => Some("it was dropped or swept, or it never was"),
        _ => None,
    }
}

impl From<StorageError> for ApiError {
    fn from(e: StorageError) -> Self {
        let code = ErrorCode::from(&e);
        match &e {
            StorageError::NotFound { what, .. } => {
                let error = Self::new(code, e.to_string());
                match list_of(what) {
                    Some(remedy) => error.with_remedy(remedy),
                    None => error,
                }
            }
            StorageError::Conflict { .. } => Self::new(code, e.to_string()),
            StorageError::Invalid(value) => value.clone().into(),
            StorageError::Unavailable { outcome_unknown, .. } => {
                let (message, all) = ("the database is not available", with_causes(&e));
                let detail = all.strip_prefix(message).map_or(&*all, |rest| rest.trim_start_matches(": "));
                let error = Self::new(code, message).with_private(detail);
                error.with_remedy(if *outcome_unknown {
                    "the change may have been made all the same: look before you repeat it"
                } else {
                    "nothing was changed: try again"
                })
            }
            StorageError::Closed => Self::new(ErrorCode::Unavailable, "the database is closed"),
            _ if code == ErrorCode::Unavailable => {
                Self::new(code, "the database cannot be used").with_private(with_causes(&e))
            }
            _ => Self::new(code, "the request failed inside").with_private(with_causes(&e)),
        }
    }
}

impl From<InvalidValue> for ApiError {
    fn from(e: InvalidValue) -> Self {
        Self::invalid(e.field, format!("{} {} is out of range", e.field, e.value)).with_remedy(e.remedy)
    }
}

impl From<WireError> for ApiError {
    fn from(e: WireError) -> Self {
        Self::invalid(e.field, e.to_string())
    }
}

impl From<RateLimitError> for ApiError {
    fn from(e: RateLimitError) -> Self {
        StorageError::from(e).into()
    }
}

const fn field_of_name(e: &NameError) -> Option<&'static str> {
    match e {
        NameError::Charset { what, .. } => Some(what),
        NameError::TooManyTags { .. } => Some("tags"),
        NameError::Text { what, .. } => match what.as_bytes() {
            b"tag" => Some("tags"),
            b"dedupe key" => Some("dedupe_key"),
            b"concurrency key" => Some("concurrency_key"),
            _ => None,
        },
        _ => None,
    }
}

const fn field_of_request(e: &InvalidRequest) -> Option<&'static str> {
    match e {
        InvalidRequest::Name(e) => field_of_name(e),
        InvalidRequest::Dedupe(_) => Some("dedupe_key"),
        InvalidRequest::Payload(_) => Some("payload"),
        InvalidRequest::MaxAttempts { .. } => Some("max_attempts"),
        _ => None,
    }
}

impl From<NameError> for ApiError {
    fn from(e: NameError) -> Self {
        Self::invalid(field_of_name(&e).unwrap_or("name"), e.to_string())
    }
}

impl From<EnqueueError> for ApiError {
    fn from(e: EnqueueError) -> Self {
        match e {
            EnqueueError::Invalid(e) => {
                Self::new(ErrorCode::Invalid, with_causes(&e)).on_some(field_of_request(&e))
            }
            EnqueueError::Storage(e) => e.into(),
            e => Self::new(ErrorCode::from(&e), e.to_string()).on("id"),
        }
    }
}

impl From<InvalidSchedule> for ApiError {
    fn from(e: InvalidSchedule) -> Self {
        let field = match &e {
            InvalidSchedule::Name(_) => Some("name"),
            InvalidSchedule::Expression { .. } => Some("expression"),
            InvalidSchedule::Zone { .. } => Some("zone"),
            InvalidSchedule::Job { source, .. } => field_of_request(source),
            InvalidSchedule::Part { part, .. } => Some(*part),
            InvalidSchedule::Value { field, .. } => Some(*field),
            _ => None,
        };
        Self::new(ErrorCode::Invalid, with_causes(&e)).on_some(field)
    }
}

impl From<ScheduleError> for ApiError {
    fn from(e: ScheduleError) -> Self {
        match e {
            ScheduleError::Invalid(e) => e.into(),
            ScheduleError::Storage(e) => e.into(),
            e => Self::new(ErrorCode::Failed, "the request failed inside").with_private(with_causes(&e)),
        }
    }
}

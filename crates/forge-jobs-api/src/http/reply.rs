//! Answers.

use super::headers;
use crate::service::ApiError;
use crate::wire::{ErrorBody, ErrorCode};
use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, ETAG, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// A good answer.
pub(super) struct Reply(Response);

impl Reply {
    pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Self, ApiError> {
        let text = serde_json::to_vec(value).map_err(|e| {
            ApiError::new(ErrorCode::Failed, "the answer has no JSON form").with_private(e.to_string())
        })?;
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self(response))
    }

    pub(super) fn ok<T: Serialize>(value: &T) -> Result<Self, ApiError> {
        Self::json(StatusCode::OK, value)
    }

    pub(super) fn nothing() -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Self(response)
    }

    /// A text of this content type.
    pub(super) fn text(content_type: &'static str, text: &str) -> Self {
        let mut response = Response::new(Body::from(text.to_owned()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self(response)
    }

    pub(super) fn events(body: Body) -> Self {
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        Self(response)
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The version of what can be edited.
    pub(super) fn version(self, version: i64) -> Self {
        self.with(ETAG, &format!("\"{version}\""))
    }

    pub(super) fn location(self, to: &str) -> Self {
        self.with(LOCATION, to)
    }

    pub(super) fn cookie(self, cookie: &str) -> Self {
        self.with(SET_COOKIE, cookie)
    }

    pub(super) fn repeated(self) -> Self {
        self.with(HeaderName::from_static("idempotency-replayed"), "true")
    }

    pub(super) fn into_response(self) -> Response {
        self.0
    }
}

/// The status of an error.
pub(super) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Malformed => StatusCode::BAD_REQUEST,
        ErrorCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TimedOut => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Failed | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error as an answer. `message` is the error's, without what looks secret.
pub(super) fn refusal(error: &ApiError, hide: impl Fn(&str) -> String, request_id: &str) -> Response {
    let status = status_of(error.code());
    let mut detail = error.to_wire();
    detail.message = hide(&detail.message);
    detail.request_id = Some(request_id.to_owned());
    let body = serde_json::to_vec(&ErrorBody { error: detail }).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let to = response.headers_mut();
    to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match error.code() {
        ErrorCode::Unauthenticated => {
            to.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"forge\""));
        }
        ErrorCode::TooManyRequests | ErrorCode::Unavailable => {
            to.insert(RETRY_AFTER, HeaderValue::from(error.retry_after_seconds().unwrap_or(1)));
        }
        // What is left of the body is not read.
        ErrorCode::TooLarge | ErrorCode::TimedOut => {
            to.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    if let Some(allowed) = error.allowed_methods().and_then(|m| HeaderValue::from_str(m).ok()) {
        to.insert(ALLOW, allowed);
    }
    headers::add(to, request_id);
    response
}

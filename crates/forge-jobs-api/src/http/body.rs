//! Reading bodies: bounded in length and in time.

use super::origin::check_content_type;
use crate::service::ApiError;
use crate::wire::{ErrorCode, Object};
use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;

fn too_large(limit: usize) -> ApiError {
    let text = format!("the body has more than {limit} bytes");
    ApiError::new(ErrorCode::TooLarge, text).with_remedy("send less at a time")
}

/// Reads a body of JSON text.
pub(super) async fn read(
    parts: &Parts,
    body: Body,
    limit: usize,
    within: Duration,
) -> Result<Bytes, ApiError> {
    check_content_type(parts, true)?;
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let least = declared.unwrap_or(0).max(body.size_hint().lower());
    if least > limit as u64 {
        return Err(too_large(limit));
    }
    let collected = tokio::time::timeout(within, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(bytes)) => Ok(bytes.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::new(ErrorCode::Malformed, "the body broke off")),
        Err(_) => {
            let text = format!("the body took longer than {} s to arrive", within.as_secs_f64());
            Err(ApiError::new(ErrorCode::TimedOut, text))
        }
    }
}

/// The text of a JSON object as a value. What is no JSON is malformed; what is JSON and not the value that is wanted is invalid.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let malformed = |text: String| ApiError::new(ErrorCode::Malformed, text);
    if bytes.is_empty() {
        return Err(malformed("the body is empty".into()));
    }
    let text = str::from_utf8(bytes)
        .map_err(|e| malformed(format!("the body is no UTF-8 after byte {}", e.valid_up_to())))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let field = e.path().to_string();
        let e = e.into_inner();
        if e.is_data() {
            let field = if field == "." { "body".to_owned() } else { field };
            ApiError::invalid(field, unquoted(&e.to_string()))
        } else {
            malformed(format!("the body is no JSON: {e}"))
        }
    })?;
    json.end().map_err(|e| malformed(format!("the body is no JSON: {e}")))?;
    Ok(value)
}

/// The words of the parser without the value that they quote, which may be anything.
pub(super) fn unquoted(words: &str) -> String {
    let quoted = words.find("string \"").zip(words.rfind("\", expected"));
    match quoted {
        Some((from, to)) if from + "string \"".len() <= to => {
            format!("{}{}", &words[..from + "string".len()], &words[to + 1..])
        }
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{EnqueueBatch, EnqueueLine};

    fn error<T: DeserializeOwned>(text: &str) -> (ErrorCode, Option<String>) {
        let e = parse::<T>(text.as_bytes()).err().unwrap();
        (e.code(), e.field().map(str::to_owned))
    }

    #[test]
    fn a_value_is_not_quoted() {
        let words = "invalid type: string \"hunter2\\\", expected x\", expected i64 at line 1 column 9";
        assert_eq!(unquoted(words), "invalid type: string, expected i64 at line 1 column 9");
        let e = parse::<EnqueueLine>(br#"{"kind":"k","payload":1,"priority":"hunter2"}"#).unwrap_err();
        assert!(!e.to_string().contains("hunter2"), "{e}");
    }

    #[test]
    fn a_wrong_value_is_told_from_broken_json_and_its_field_is_named() {
        for broken in ["", "{", "{\"kind\":}", "{\"kind\":\"k\",\"payload\":1}x", "\u{0}"] {
            assert_eq!(error::<EnqueueLine>(broken).0, ErrorCode::Malformed, "{broken:?}");
        }
        let invalid = |field: &str| (ErrorCode::Invalid, Some(field.to_owned()));
        assert_eq!(error::<EnqueueLine>(r#"{"kind":1,"payload":1}"#), invalid("kind"));
        assert_eq!(error::<EnqueueLine>(r#"{"kind":"k","payload":1,"priority":70000}"#), invalid("priority"));
        assert_eq!(error::<EnqueueLine>("[]").0, ErrorCode::Invalid);
        assert_eq!(error::<EnqueueLine>(r#"["k", 1]"#), invalid("body"));
        assert_eq!(
            error::<EnqueueBatch>(r#"{"jobs":[{"kind":"k","payload":1,"x":1}]}"#).0,
            ErrorCode::Invalid
        );
        let line: EnqueueLine = parse(br#"{"kind":"k","payload": { "b":1e400, "a" : 1} }"#).unwrap();
        assert_eq!(line.payload.get(), r#"{ "b":1e400, "a" : 1}"#);
    }
}

//! A job's data: JSON text that comes back byte for byte.

use crate::limits::{MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// JSON text, checked once when it is made and kept as it was written.
///
/// Numbers, key order and white space survive: nothing is parsed into a tree and printed again.
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Arc<str>);

impl Payload {
    /// Takes JSON text as it is.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] when the text is no JSON, longer than [`MAX_PAYLOAD_BYTES`], nested deeper than
    /// [`MAX_PAYLOAD_DEPTH`], or holds a NUL or a lone surrogate, which not every database can store.
    pub fn from_json_text(text: impl Into<Arc<str>>) -> Result<Self, PayloadError> {
        let text = text.into();
        check(&text, MAX_PAYLOAD_BYTES)?;
        Ok(Self(text))
    }

    /// Serialises a value.
    ///
    /// # Errors
    ///
    /// As [`Self::from_json_text`], and [`PayloadError::Serialize`] when the value has no JSON form.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let text =
            serde_json::to_string(value).map_err(|e| PayloadError::Serialize { reason: e.to_string() })?;
        Self::from_json_text(text)
    }

    /// What a storage gives back: text that was checked when it came in.
    ///
    /// For implementers of storages only.
    #[must_use]
    pub fn from_storage(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Decodes the text.
    ///
    /// # Errors
    ///
    /// `serde_json`'s, with line and column, when the text does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Payload {
    /// The size alone: payloads hold people's data, and debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// Why a payload (or an output) was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Longer than the limit.
    #[error(
        "the JSON text has {bytes} bytes, over the limit of {limit}: keep the data elsewhere and put a reference into the payload"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested too deep.
    #[error("the JSON text is nested deeper than {limit} levels, at byte {at}")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where the limit was passed.
        at: usize,
    },
    /// Holds the character U+0000, raw or escaped.
    #[error(
        "the JSON text holds a NUL (\\u0000) at byte {at}, which not every database can store: encode binary data, for instance as base64"
    )]
    Nul {
        /// Where.
        at: usize,
    },
    /// Holds half of a surrogate pair.
    #[error("the JSON text holds a lone surrogate (\\{escape}) at byte {at}, which is no character")]
    LoneSurrogate {
        /// Where.
        at: usize,
        /// The escape, without its backslash.
        escape: String,
    },
    /// No JSON.
    #[error("the text is no JSON: {reason}")]
    Syntax {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// The value has no JSON form.
    #[error("the value has no JSON form: {reason}")]
    Serialize {
        /// The serialiser's words.
        reason: String,
    },
}

/// Checks JSON text against every bound that both storages share.
///
/// Size comes first and depth second, so that neither a huge nor a deep text is ever parsed.
///
/// # Errors
///
/// The first bound that does not hold.
pub(crate) fn check(text: &str, max_bytes: usize) -> Result<(), PayloadError> {
    if text.len() > max_bytes {
        return Err(PayloadError::TooLarge { bytes: text.len(), limit: max_bytes });
    }
    scan(text.as_bytes())?;
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(drop)
        .map_err(|e| PayloadError::Syntax { reason: e.to_string() })
}

/// One pass for what a JSON parser lets through: depth, NUL, lone surrogates. Syntax is the parser's business.
fn scan(text: &[u8]) -> Result<(), PayloadError> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut i = 0;
    while i < text.len() {
        match text[i] {
            0 => return Err(PayloadError::Nul { at: i }),
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                if text.get(i + 1) == Some(&b'u') {
                    i += escape(text, i)?;
                    continue;
                }
                i += 2;
                continue;
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_PAYLOAD_DEPTH {
                    return Err(PayloadError::TooDeep { limit: MAX_PAYLOAD_DEPTH, at: i });
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
    }
    Ok(())
}

/// Checks the `\uXXXX` escape at `at` (and its second half) and says how many bytes it takes.
fn escape(text: &[u8], at: usize) -> Result<usize, PayloadError> {
    const LEN: usize = 6;
    let unit = |from: usize| -> Option<u16> {
        if text.get(from..from + 2)? != b"\\u" {
            return None;
        }
        let digits = std::str::from_utf8(text.get(from + 2..from + LEN)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let lone = || PayloadError::LoneSurrogate {
        at,
        escape: String::from_utf8_lossy(&text[at + 1..text.len().min(at + LEN)]).into_owned(),
    };
    match unit(at) {
        // No escape after all: the parser says so better.
        None => Ok(2),
        Some(0) => Err(PayloadError::Nul { at }),
        Some(0xD800..=0xDBFF) => match unit(at + LEN) {
            Some(0xDC00..=0xDFFF) => Ok(2 * LEN),
            _ => Err(lone()),
        },
        Some(0xDC00..=0xDFFF) => Err(lone()),
        Some(_) => Ok(LEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), PayloadError> {
        super::check(text, MAX_PAYLOAD_BYTES)
    }

    #[test]
    fn numbers_keys_and_spaces_come_back_as_written() {
        let text = r#"{ "b":1e400, "a":18446744073709551616,"b":-0.0 }"#;
        assert_eq!(Payload::from_json_text(text).unwrap().as_str(), text);
    }

    #[test]
    fn depth_is_bounded_before_parsing() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(check(&deep(MAX_PAYLOAD_DEPTH)), Ok(()));
        assert!(matches!(check(&deep(MAX_PAYLOAD_DEPTH + 1)), Err(PayloadError::TooDeep { at: 128, .. })));
        assert!(matches!(check(&"[".repeat(1_000_000)), Err(PayloadError::TooDeep { .. })));
        // Brackets inside strings are text.
        assert_eq!(check(&format!("\"{}\"", "[".repeat(1_000))), Ok(()));
    }

    #[test]
    fn size_is_bounded() {
        let text = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES));
        assert!(matches!(check(&text), Err(PayloadError::TooLarge { .. })));
    }

    #[test]
    fn nul_and_lone_surrogates_are_refused_and_pairs_are_not() {
        for (text, ok) in [
            (r#""\u0000""#, false),
            (r#""\u0001""#, true),
            (r#""\\u0000""#, true),
            (r#""\\\u0000""#, false),
            (r#""\ud800""#, false),
            (r#""\uDC00""#, false),
            (r#""\ud800\ud800""#, false),
            (r#""\ud83d\ude00""#, true),
            (r#"{"\ud800":1}"#, false),
            ("\"\0\"", false),
            (r#""\u12""#, false),
            (r#""\"#, false),
        ] {
            assert_eq!(check(text).is_ok(), ok, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        let e = check("{\"a\":}").unwrap_err().to_string();
        assert!(e.contains("line 1 column 6"), "{e}");
        assert!(check("").is_err() && check("1 2").is_err());
    }

    #[test]
    fn debug_output_does_not_show_the_data() {
        let p = Payload::from_json_text(r#"{"password":"hunter2"}"#).unwrap();
        assert!(!format!("{p:?}").contains("hunter2"));
    }
}

//! The charset that names of queues, kinds and scopes share, and the bounds of tags and keys.

use crate::limits::{
    MAX_CONCURRENCY_KEY_BYTES, MAX_DEDUPE_KEY_BYTES, MAX_NAME_BYTES, MAX_TAG_BYTES, MAX_TAGS,
};

/// Why a name, tag or key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A name outside of `[A-Za-z0-9._:/-]{1,128}`.
    #[error(
        "{name:?} is no name for a {what}: use 1 to {MAX_NAME_BYTES} of the characters A-Z a-z 0-9 . _ : / -"
    )]
    Charset {
        /// What it was to name: `queue`, `kind` or `scope`.
        what: &'static str,
        /// The name, cut to 64 characters, with its length.
        name: String,
    },
    /// An empty, overlong or unprintable tag or key.
    #[error("{value:?} is no {what}: use 1 to {limit} bytes of text without control characters")]
    Text {
        /// `tag`, `dedupe key` or `concurrency key`.
        what: &'static str,
        /// The text, cut to 64 characters, with its length.
        value: String,
        /// Most bytes.
        limit: usize,
    },
    /// Too many tags.
    #[error("{count} tags are more than a job can have: use at most {MAX_TAGS}")]
    TooManyTags {
        /// How many.
        count: usize,
    },
}

/// Checks the name of a queue, kind or scope.
///
/// # Errors
///
/// [`NameError::Charset`] outside of `[A-Za-z0-9._:/-]{1,128}`.
pub fn check_name(what: &'static str, name: &str) -> Result<(), NameError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'-');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(ok) {
        return Err(NameError::Charset { what, name: cut(name) });
    }
    Ok(())
}

/// Checks a dedupe key.
pub(crate) fn check_dedupe_key(key: &str) -> Result<(), NameError> {
    check_text("dedupe key", key, MAX_DEDUPE_KEY_BYTES)
}

/// Checks a concurrency key.
pub(crate) fn check_concurrency_key(key: &str) -> Result<(), NameError> {
    check_text("concurrency key", key, MAX_CONCURRENCY_KEY_BYTES)
}

/// Checks a job's tags.
pub(crate) fn check_tags(tags: &[String]) -> Result<(), NameError> {
    if tags.len() > MAX_TAGS {
        return Err(NameError::TooManyTags { count: tags.len() });
    }
    tags.iter().try_for_each(|t| check_text("tag", t, MAX_TAG_BYTES))
}

fn check_text(what: &'static str, value: &str, limit: usize) -> Result<(), NameError> {
    if value.is_empty() || value.len() > limit || value.chars().any(char::is_control) {
        return Err(NameError::Text { what, value: cut(value), limit });
    }
    Ok(())
}

/// What fits into a message; of the rest it says that it is there.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_charset() {
        for ok in ["default", "mail.send", "a", "A:/-_.9", &"x".repeat(128)] {
            assert_eq!(check_name("queue", ok), Ok(()), "{ok}");
        }
        for bad in ["", " ", "a b", "ü", "a\0", "a\n", "<b>", "a'b", "%", &"x".repeat(129)] {
            let e = check_name("queue", bad).unwrap_err();
            assert!(e.to_string().contains("queue"), "{e}");
        }
        let e = check_name("queue", &"x".repeat(129)).unwrap_err().to_string();
        assert!(e.contains("x… (129 bytes)"), "{e}");
    }

    #[test]
    fn tags_and_keys_are_bounded_text() {
        assert!(check_dedupe_key("user 7 / ü").is_ok());
        for bad in ["", "a\0", "a\u{7f}", &"x".repeat(513)] {
            assert!(check_dedupe_key(bad).is_err(), "{bad:?}");
        }
        assert!(check_tags(&vec!["t".to_owned(); 17]).is_err());
    }
}

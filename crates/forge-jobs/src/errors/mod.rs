//! Errors of the same sort, told apart from others by a fingerprint: kind, error type, and the message without what
//! differs from one time to the next.
//!
//! The algorithm is part of what is stored: a group that an older version has counted goes on being counted by a newer
//! one. It is written down in docs/telemetry.md, and pinned by a table of examples.

mod normalise;

pub use normalise::normalise;

use crate::hash::fnv;
use std::fmt;
use std::str::FromStr;

/// The error type of attempts whose process died.
pub const CRASHED: &str = "crashed";

/// The number of a group of errors: the hash of what they have in common. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorGroupId(i64);

impl ErrorGroupId {
    /// Out of a storage's number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// As a storage keeps it.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ErrorGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is no number of an error group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no error group: use the 16 hexadecimal digits that a list of errors shows")]
pub struct ErrorGroupIdParseError {
    text: String,
}

impl FromStr for ErrorGroupId {
    type Err = ErrorGroupIdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .map(|n| Self(n.cast_signed()))
            .ok_or_else(|| ErrorGroupIdParseError { text: text.chars().take(64).collect() })
    }
}

/// What errors of one group have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash of kind, error type and message.
    pub group: ErrorGroupId,
    /// The type of the error as it names itself, or `panic`, `time_limit`, `undecodable`, `throttles`, `crashed`;
    /// empty when it is not known.
    pub error_type: String,
    /// The message without numbers, names and the like: see [`normalise`].
    pub message: String,
}

impl Fingerprint {
    /// The fingerprint of an error of a job of this kind.
    #[must_use]
    pub fn of(kind: &str, error_type: &str, message: &str) -> Self {
        let message = normalise(message);
        Self { group: hash(kind, error_type, &message), error_type: error_type.to_owned(), message }
    }

    /// The fingerprint of attempts of this kind whose process died.
    #[must_use]
    pub fn of_crash(kind: &str) -> Self {
        Self { group: hash(kind, CRASHED, ""), error_type: CRASHED.to_owned(), message: String::new() }
    }
}

/// No part holds a line break.
fn hash(kind: &str, error_type: &str, message: &str) -> ErrorGroupId {
    ErrorGroupId(fnv([kind, "\n", error_type, "\n", message].map(str::as_bytes)).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_from_its_text_and_nothing_else_does() {
        for number in [0, 1, -1, i64::MIN, i64::MAX] {
            let id = ErrorGroupId::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for bad in ["", "12", "xyz", "+000000000000001", "00000000000000001"] {
            assert!(bad.parse::<ErrorGroupId>().unwrap_err().to_string().contains("16 hexadecimal"), "{bad}");
        }
    }

    /// A change here parts what was counted before from what is counted from now on.
    #[test]
    fn fingerprints_are_the_same_in_all_versions() {
        for (kind, error_type, message, id) in [
            ("mail.send", "", "connection refused", "581f9a3d3e330daa"),
            ("mail.send", "SmtpError", "connection refused", "3777375df4280a48"),
            ("mail.send", "SmtpError", "user 17 not found", "fec914b3d2c4ba32"),
            ("mail.send", "SmtpError", "user 4711 not found", "fec914b3d2c4ba32"),
            ("k", CRASHED, "", "d7da967a74e98e98"),
        ] {
            assert_eq!(Fingerprint::of(kind, error_type, message).group.to_string(), id, "{kind} {message}");
        }
        assert_eq!(Fingerprint::of_crash("k"), Fingerprint::of("k", CRASHED, ""));
    }
}

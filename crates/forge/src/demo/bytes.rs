//! Paths as raw bytes, and as JSON.
//!
//! A file name on Unix is any bytes without NUL and `/`; JSON text is Unicode. So a path travels as readable text,
//! and as hexadecimal beside it when the text alone would not bring the bytes back.

use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A path in a payload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct PathText {
    /// Readable; bytes that are no UTF-8 are shown as `�`.
    path: String,
    /// The raw bytes, if the text is not exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl PathText {
    pub(crate) fn of(path: &Path) -> Self {
        let exact = path.to_str().is_some();
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: (!exact).then(|| hex(&raw(path.as_os_str()))),
        }
    }

    /// The path; `None` when the hexadecimal text is none.
    pub(crate) fn to_path(&self) -> Option<PathBuf> {
        match &self.path_hex {
            None => Some(PathBuf::from(&self.path)),
            Some(text) => Some(PathBuf::from(from_raw(unhex(text)?))),
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> &str {
        &self.path
    }
}

/// The bytes of a path, with `/` between its parts.
#[cfg(unix)]
pub(crate) fn raw(path: &OsStr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_bytes().to_vec()
}

/// The bytes of a path, with `/` between its parts.
#[cfg(not(unix))]
pub(crate) fn raw(path: &OsStr) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

#[cfg(unix)]
fn from_raw(bytes: Vec<u8>) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes)
}

#[cfg(not(unix))]
fn from_raw(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Hexadecimal back to bytes; `None` when it is none.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back_and_readable_ones_stay_readable() {
        for bytes in [
            b"plain".to_vec(),
            "ü/日".into(),
            b"a\nb\\".to_vec(),
            b"\xff\xfe/x".to_vec(),
            (1..=255).collect(),
        ] {
            let path = PathBuf::from(from_raw(bytes.clone()));
            let text = PathText::of(&path);
            let json = serde_json::to_string(&text).unwrap();
            let back: PathText = serde_json::from_str(&json).unwrap();
            assert_eq!(raw(back.to_path().unwrap().as_os_str()), bytes);
            assert_eq!(json.contains("path_hex"), str::from_utf8(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_no_hexadecimal_is_no_path() {
        for bad in ["0", "zz", "00f"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}

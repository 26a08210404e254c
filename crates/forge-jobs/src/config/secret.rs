//! A password that does not find its way into a log.

use std::fmt;

/// A password. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who sends it to the server.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A value as an error may show it: not if it looks like a part of a URL, which may hold a password.
pub(super) fn shown(value: &str) -> String {
    let may_hide = |c: char| ":@=&;/?%#".contains(c) || c.is_control();
    if value.len() > 64 || value.contains(may_hide) {
        return "(not shown, as it may hold a password)".into();
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn a_value_is_shown_unless_it_looks_like_a_part_of_a_url() {
        assert_eq!(shown("my schema"), "\"my schema\"");
        for value in ["a:b", "b@host", "x;password=hunter2", "a%3Ab", &"x".repeat(65)] {
            assert!(!shown(value).contains(value), "{value}");
        }
    }
}

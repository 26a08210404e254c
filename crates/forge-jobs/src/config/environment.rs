//! The environment variables, so that a test can have its own.

use super::ConfigError;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where variables are looked up. One that is empty counts as not set.
#[derive(Debug)]
pub(super) enum Environment {
    /// The process's own.
    Process,
    /// Made up.
    #[cfg_attr(not(test), expect(dead_code, reason = "a process cannot change its own environment safely"))]
    Made(HashMap<String, OsString>),
}

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Self::Process => std::env::var_os(name),
            Self::Made(all) => all.get(name).cloned(),
        }
        .filter(|value| !value.is_empty())
    }

    /// A variable that must be UTF-8.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let refuse = |_| ConfigError::Value { from: name.into(), reason: "it is no UTF-8".into() };
        self.get(name).map(OsString::into_string).transpose().map_err(refuse)
    }

    /// Below the home directory: the file that `~` stands for.
    pub(super) fn home(&self) -> Option<PathBuf> {
        match self {
            Self::Process => std::env::home_dir(),
            Self::Made(_) => self.get("HOME").map(PathBuf::from),
        }
    }
}

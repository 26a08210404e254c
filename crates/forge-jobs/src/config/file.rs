//! `forge.toml`.

use super::ConfigError;
use super::postgres::{Layer, Section};
use serde::Deserialize;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

const HIDDEN: &str = "this is not understood, and not shown, as it may hold a password: a URL goes into database.url, \
                      in quotes";

/// What the file says.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) url: Option<String>,
    pub(super) synchronous: Synchronous,
    pub(super) share_file: bool,
    pub(super) postgres: Layer,
}

/// SQLite's setting of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Synchronous {
    #[default]
    Full,
    Normal,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    #[serde(default)]
    database: Database,
    #[serde(default)]
    sqlite: Sqlite,
    #[serde(default)]
    postgres: Section,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sqlite {
    #[serde(default)]
    synchronous: Synchronous,
    #[serde(default)]
    share_file: bool,
}

impl Settings {
    /// Reads it; a missing file says nothing.
    pub(super) fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { file: file.into(), source }),
        };
        let refuse = |span: Option<Range<usize>>, reason: &str| {
            let before = span.and_then(|s| text.get(..s.start)).unwrap_or("");
            // A URL in the wrong place may hold a password.
            let hidden = reason.contains("://") || reason.contains('@');
            ConfigError::File {
                file: file.into(),
                line: before.matches('\n').count() + 1,
                reason: if hidden { HIDDEN.into() } else { reason.into() },
            }
        };
        let parsed: Sections = toml::from_str(&text).map_err(|e| refuse(e.span(), e.message()))?;
        Ok(Self {
            url: parsed.database.url,
            synchronous: parsed.sqlite.synchronous,
            share_file: parsed.sqlite.share_file,
            postgres: parsed.postgres.check().map_err(|(span, reason)| refuse(Some(span), &reason))?,
        })
    }
}

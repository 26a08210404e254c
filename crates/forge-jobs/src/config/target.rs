//! What a database URL names.

use super::PostgresConfig;
use std::path::PathBuf;

const KNOWN: &str = "use sqlite:PATH, sqlite::memory: or postgres://user@host/database";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `forge.db` in the data directory.
    Default,
    SqliteFile(PathBuf),
    SqliteMemory,
    Postgres(Box<PostgresConfig>),
}

impl Target {
    /// Of a URL that is none of Postgres.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Ok(Self::SqliteMemory),
            Some(("sqlite", path)) if path.starts_with("~/") => {
                Err("~ is the shell's, which replaces it only at the beginning of a word: write the path out".into())
            }
            Some(("sqlite", path)) if path.contains('?') => {
                Err("parameters after a ? are not supported: set them in forge.toml or in code".into())
            }
            Some(("sqlite", path)) if !matches!(path, "" | "/" | "//") => match path.strip_prefix("//") {
                // With three slashes it is an absolute path, as in the URLs of other drivers.
                Some(rest) if rest.contains('/') && !rest.starts_with('/') => Err(
                    "directories after sqlite:// can be read in two ways: use sqlite:DIR/FILE for a path from the \
                     current directory, sqlite:///DIR/FILE for an absolute one"
                        .into(),
                ),
                Some(rest) => Ok(Self::SqliteFile(PathBuf::from(rest))),
                None => Ok(Self::SqliteFile(PathBuf::from(path))),
            },
            Some(("sqlite", _)) => Err("sqlite: needs a path, as in sqlite:jobs.db".into()),
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+') => {
                Err(format!("the scheme {scheme:?} is not supported: {KNOWN}"))
            }
            _ => Err(format!("it is no database URL: {KNOWN}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_memory() {
        for (url, expected) in [
            ("sqlite:a.db", Target::SqliteFile("a.db".into())),
            ("sqlite:b/a.db", Target::SqliteFile("b/a.db".into())),
            ("sqlite:/b/a.db", Target::SqliteFile("/b/a.db".into())),
            ("sqlite://a.db", Target::SqliteFile("a.db".into())),
            ("sqlite:///a.db", Target::SqliteFile("/a.db".into())),
            ("sqlite::memory:", Target::SqliteMemory),
        ] {
            assert_eq!(Target::parse(url), Ok(expected), "{url}");
        }
    }
}

//! Values of single settings, and how each is checked.

use super::super::secret::shown;
use crate::limits::{
    MAX_APPLICATION_NAME_BYTES, MAX_POSTGRES_TIMEOUT, MAX_SCHEMA_BYTES, MIN_POSTGRES_TIMEOUT,
};
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Where a Postgres server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresHost {
    /// A host name or an address; an IPv6 address without brackets.
    Name(String),
    /// The directory of a Unix socket.
    SocketDir(PathBuf),
}

impl PostgresHost {
    /// A directory begins with a slash.
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        if value.starts_with('/') {
            return Ok(Self::SocketDir(value.into()));
        }
        if value.contains(',') {
            return Err(
                "it names several hosts, and one is supported: name the one that takes writes, or a name \
                        that always leads to it"
                    .into(),
            );
        }
        // A zone, as in fe80::1%eth0, belongs to an address of one link.
        let address = value.split_once('%').map_or(value, |(address, _)| address);
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = !value.is_empty() && value.chars().all(plain);
        let zone_is_plain = value.chars().all(|c| plain(c) || ":%".contains(c));
        if is_name || (address.parse::<Ipv6Addr>().is_ok() && zone_is_plain) {
            return Ok(Self::Name(value.into()));
        }
        // Never shown: a password that was written without care ends up here.
        Err("the host is neither a name, nor an address, nor a directory of a socket that begins with a / (%2F \
             before the database's name); in a password write @ as %40, / as %2F and ? as %3F"
            .into())
    }
}

/// When a connection is encrypted, and what is verified. The words are those of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// Never.
    Disable,
    /// If the server can; protects from nothing that an attacker can prevent.
    Prefer,
    /// Always, with whoever answers: protects from listeners only.
    Require,
    /// Always, with a server whose certificate a trusted authority signed.
    VerifyCa,
    /// Always, with a server whose certificate a trusted authority signed for this host name.
    VerifyFull,
}

impl TlsMode {
    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// As in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    pub(super) fn parse(name: &str, value: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == value).ok_or_else(|| {
            let known = "use disable, prefer, require, verify-ca or verify-full";
            if value == "allow" {
                return format!("{name} \"allow\" is not supported, as it protects from nobody: {known}");
            }
            format!("{name} {} is not known: {known}", shown(value))
        })
    }
}

/// Whether a connection pooler stands between this program and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// To be found out.
    #[default]
    Auto,
    /// None, or one that gives each client a session of its own.
    None,
    /// One that gives each transaction whichever session is free.
    Transaction,
}

impl Pooler {
    /// As in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Transaction => "transaction",
        }
    }

    pub(super) fn parse(value: &str) -> Result<Self, String> {
        [Self::Auto, Self::None, Self::Transaction]
            .into_iter()
            .find(|p| p.as_str() == value)
            .ok_or_else(|| format!("pooler {} is not known: use auto, none or transaction", shown(value)))
    }
}

/// Checks the name of a schema: one that needs no quotes, and leaves room for names made of it.
pub(in super::super) fn schema(value: &str) -> Result<String, String> {
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let fits = value.len() <= MAX_SCHEMA_BYTES
        && value.starts_with(first)
        && value.chars().all(|c| first(c) || c.is_ascii_digit())
        && !value.starts_with("pg_");
    if fits {
        return Ok(value.into());
    }
    Err(format!(
        "schema {} is no name for a schema: use a-z, 0-9 and _, not a digit first, at most {MAX_SCHEMA_BYTES} bytes, \
         and not pg_ first, which is Postgres's own",
        shown(value)
    ))
}

/// Checks the name under which connections are shown.
pub(super) fn application_name(value: &str) -> Result<String, String> {
    if value.len() <= MAX_APPLICATION_NAME_BYTES && value.chars().all(|c| matches!(c, ' '..='~')) {
        return Ok(value.into());
    }
    Err(format!(
        "application_name {} does not fit: use at most {MAX_APPLICATION_NAME_BYTES} printable ASCII characters",
        shown(value)
    ))
}

/// Checks a database's name. One with a `=` or a scheme in it would be a whole connection string to libpq.
pub(super) fn database(value: &str) -> Result<String, String> {
    if value.contains('=') || value.contains("://") {
        return Err(
            "the database's name holds a = or a ://: write the name alone, and parameters after a ?".into()
        );
    }
    Ok(value.into())
}

/// Checks a port. `told` says that the value cannot be a part of a password.
pub(super) fn port(value: &str, told: bool) -> Result<u16, String> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|port| *port > 0 && digits).ok_or_else(|| {
        if value.contains(',') {
            return "it names several ports, and one is supported".into();
        }
        let shown = if told { shown(value) } else { "(not shown, as it may be a password)".into() };
        format!(
            "the port {shown} is no number from 1 to 65535; a password stands before an @, as in \
             postgres://user:password@host/database"
        )
    })
}

/// Checks a whole number.
pub(super) fn number<T: TryFrom<i64> + PartialOrd + fmt::Display>(
    name: &str,
    value: i64,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    T::try_from(value)
        .ok()
        .filter(|n| range.contains(n))
        .ok_or_else(|| format!("{name} {value} is out of range: use {} to {}", range.start(), range.end()))
}

/// Checks a time limit.
pub(super) fn timeout(name: &str, limit: Duration) -> Result<Duration, String> {
    if (MIN_POSTGRES_TIMEOUT..=MAX_POSTGRES_TIMEOUT).contains(&limit) {
        return Ok(limit);
    }
    Err(format!(
        "{name} is out of range with {} ms: use {} ms to {} s",
        limit.as_millis(),
        MIN_POSTGRES_TIMEOUT.as_millis(),
        MAX_POSTGRES_TIMEOUT.as_secs()
    ))
}

/// A whole number in a text.
pub(super) fn whole(name: &str, value: &str) -> Result<u32, String> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(|| format!("{name} {} is no whole number", shown(value)))
}

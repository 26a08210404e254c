//! The section `[postgres]` of forge.toml.

use super::layer::Layer;
use super::values::{self, Pooler, TlsMode};
use crate::limits::{MAX_POSTGRES_CONNECTIONS, MAX_POSTGRES_READ_CONNECTIONS};
use serde::Deserialize;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Section {
    schema: Option<Spanned<String>>,
    tls: Option<Spanned<String>>,
    tls_root_cert: Option<PathBuf>,
    tls_client_cert: Option<PathBuf>,
    tls_client_key: Option<PathBuf>,
    connections: Option<Spanned<i64>>,
    read_connections: Option<Spanned<i64>>,
    connect_timeout_ms: Option<Spanned<i64>>,
    call_timeout_ms: Option<Spanned<i64>>,
    read_timeout_ms: Option<Spanned<i64>>,
    pooler: Option<Spanned<String>>,
    listen: Option<bool>,
    auto_migrate: Option<bool>,
}

/// Where in the file something is wrong, and what.
pub(in super::super) type Refusal = (Range<usize>, String);

impl Section {
    /// As it is meant.
    pub(in super::super) fn check(self) -> Result<Layer, Refusal> {
        let work = 1..=MAX_POSTGRES_CONNECTIONS;
        let reads = 1..=MAX_POSTGRES_READ_CONNECTIONS;
        Ok(Layer {
            schema: checked(self.schema, |v| values::schema(&v))?,
            tls: checked(self.tls, |v| TlsMode::parse("tls", &v))?,
            root_cert: self.tls_root_cert,
            client_cert: self.tls_client_cert,
            client_key: self.tls_client_key,
            connections: checked(self.connections, |v| values::number("connections", v, &work))?,
            read_connections: checked(self.read_connections, |v| {
                values::number("read_connections", v, &reads)
            })?,
            connect_timeout: checked(self.connect_timeout_ms, |v| limit("connect_timeout_ms", v))?,
            call_timeout: checked(self.call_timeout_ms, |v| limit("call_timeout_ms", v))?,
            read_timeout: checked(self.read_timeout_ms, |v| limit("read_timeout_ms", v))?,
            pooler: checked(self.pooler, |v| Pooler::parse(&v))?,
            listen: self.listen,
            auto_migrate: self.auto_migrate,
            ..Layer::default()
        })
    }
}

fn checked<T, U>(
    value: Option<Spanned<T>>,
    check: impl FnOnce(T) -> Result<U, String>,
) -> Result<Option<U>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let span = value.span();
    check(value.into_inner()).map(Some).map_err(|reason| (span, reason))
}

fn limit(name: &str, ms: i64) -> Result<Duration, String> {
    let ms = values::number(name, ms, &(0..=u32::MAX))?;
    values::timeout(name, Duration::from_millis(ms.into()))
}

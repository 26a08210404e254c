//! Changing settings in code.

use super::super::ConfigError;
use super::super::secret::Secret;
use super::{Pooler, TlsMode};
use super::{PostgresConfig, layer, values};
use crate::limits::{MAX_POSTGRES_CONNECTIONS, MAX_POSTGRES_READ_CONNECTIONS};
use std::path::PathBuf;
use std::time::Duration;

impl PostgresConfig {
    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self.password_note = None;
        self
    }

    /// The same in this schema.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for what is no name of a schema.
    pub fn with_schema(mut self, schema: &str) -> Result<Self, ConfigError> {
        self.schema = checked("schema", values::schema(schema))?;
        Ok(self)
    }

    /// The same with this encryption; [`TlsMode::Require`] with a root certificate is [`TlsMode::VerifyCa`].
    #[must_use]
    pub const fn with_tls(mut self, tls: TlsMode) -> Self {
        self.tls = if self.root_cert.is_some() { layer::stronger(tls) } else { tls };
        self
    }

    /// The same, trusting the authorities in this file alone.
    #[must_use]
    pub fn with_tls_root_cert(mut self, file: impl Into<PathBuf>) -> Self {
        self.root_cert = Some(file.into());
        self.tls = layer::stronger(self.tls);
        self
    }

    /// The same with a certificate of this client's own, and its key.
    #[must_use]
    pub fn with_tls_client(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client = Some((cert.into(), key.into()));
        self
    }

    /// The same under this name.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a name that Postgres would change.
    pub fn with_application_name(mut self, name: &str) -> Result<Self, ConfigError> {
        self.application_name = checked("application_name", values::application_name(name))?;
        Ok(self)
    }

    /// The same with this word about a pooler.
    #[must_use]
    pub const fn with_pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = pooler;
        self
    }

    /// The same with so many connections for work.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] unless 1 to 64.
    pub fn with_connections(mut self, number: u32) -> Result<Self, ConfigError> {
        let range = 1..=MAX_POSTGRES_CONNECTIONS;
        self.connections = checked("connections", values::number("connections", number.into(), &range))?;
        Ok(self)
    }

    /// The same with so many connections for reads for people.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] unless 1 to 16.
    pub fn with_read_connections(mut self, number: u32) -> Result<Self, ConfigError> {
        let (name, range) = ("read_connections", 1..=MAX_POSTGRES_READ_CONNECTIONS);
        self.read_connections = checked(name, values::number(name, number.into(), &range))?;
        Ok(self)
    }

    /// The same with this longest wait for a connection.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] unless 100 ms to 10 minutes.
    pub fn with_connect_timeout(mut self, limit: Duration) -> Result<Self, ConfigError> {
        self.connect_timeout = checked("connect_timeout", values::timeout("connect_timeout", limit))?;
        Ok(self)
    }

    /// The same with this longest time of a call.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] unless 100 ms to 10 minutes.
    pub fn with_call_timeout(mut self, limit: Duration) -> Result<Self, ConfigError> {
        self.call_timeout = checked("call_timeout", values::timeout("call_timeout", limit))?;
        Ok(self)
    }

    /// The same with this longest time of a read for people.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] unless 100 ms to 10 minutes.
    pub fn with_read_timeout(mut self, limit: Duration) -> Result<Self, ConfigError> {
        self.read_timeout = checked("read_timeout", values::timeout("read_timeout", limit))?;
        Ok(self)
    }

    /// The same, never woken through LISTEN.
    #[must_use]
    pub const fn without_listen(mut self) -> Self {
        self.listen = false;
        self
    }

    /// The same, without counting what happens to jobs by this handle, for [`metrics`](crate::metrics): a few per cent
    /// of the throughput.
    #[must_use]
    pub const fn without_metrics(mut self) -> Self {
        self.metrics = false;
        self
    }

    /// The same, brought up to date by whoever opens it for work.
    #[must_use]
    pub const fn with_auto_migrate(mut self) -> Self {
        self.auto_migrate = true;
        self
    }
}

fn checked<T>(from: &str, value: Result<T, String>) -> Result<T, ConfigError> {
    value.map_err(|reason| ConfigError::Value { from: from.into(), reason })
}

//! Which Postgres database, and how to talk to it: validated settings, without any driver.

mod build;
mod layer;
mod passfile;
mod section;
#[cfg(test)]
mod tests;
mod url;
mod values;

pub(super) use layer::Layer;
pub(super) use section::Section;
pub(super) use url::after_scheme;
pub(super) use values::schema;
pub use values::{Pooler, PostgresHost, TlsMode};

use super::ConfigError;
use super::environment::Environment;
use super::secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The schema unless told otherwise.
const SCHEMA: &str = "forge";
/// What a part of a URL need not escape.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Slashes need no escape in a parameter.
const PLAIN_PATH: &AsciiSet = &PLAIN.remove(b'/');

/// Which Postgres database, and how to talk to it.
///
/// Made by [`DatabaseConfig`](super::DatabaseConfig), or from a URL in code:
///
/// ```
/// use forge_jobs::config::{PostgresConfig, Secret};
///
/// let config = PostgresConfig::from_url("postgres://app@db.example:5432/shop?sslmode=verify-full")?
///     .with_password(Secret::new("hunter2"))
///     .with_schema("jobs")?;
/// assert_eq!(config.describe(), "postgres://app@db.example:5432/shop (schema jobs)");
/// assert!(!format!("{config:?}").contains("hunter2"));
/// # Ok::<(), forge_jobs::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    host: PostgresHost,
    port: u16,
    user: String,
    password: Option<Secret>,
    password_note: Option<String>,
    database: String,
    tls: TlsMode,
    root_cert: Option<PathBuf>,
    /// Certificate and key.
    client: Option<(PathBuf, PathBuf)>,
    application_name: String,
    keepalives_idle: Option<Duration>,
    tcp_user_timeout: Option<Duration>,
    schema: String,
    pooler: Pooler,
    connections: u32,
    read_connections: u32,
    connect_timeout: Duration,
    call_timeout: Duration,
    read_timeout: Duration,
    listen: bool,
    metrics: bool,
    auto_migrate: bool,
}

impl PostgresConfig {
    /// From a URL, `postgres://[USER[:PASSWORD]@][HOST][:PORT][/DATABASE][?NAME=VALUE&…]`. What it does not say comes
    /// from libpq's environment variables and password file, and from the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`], [`ConfigError::Value`] for a variable.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let from = "the URL";
        let Some(rest) = after_scheme(url) else {
            let reason = "it is no URL of a Postgres database: use postgres://user@host/database".into();
            return Err(ConfigError::Url { from: from.into(), reason });
        };
        Self::resolve(rest, from, Layer::default(), &Environment::Process)
    }

    /// From a URL without its scheme, over what a file says, over what the environment says.
    pub(super) fn resolve(
        rest: &str,
        from: &str,
        file: Layer,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let refuse = |reason| ConfigError::Url { from: from.into(), reason };
        let layer = Layer::of_url(rest).map_err(refuse)?;
        layer.over(file).over(Layer::of_environment(environment)?).build(environment).map_err(refuse)
    }

    /// A name that was checked.
    pub(super) fn set_schema(&mut self, schema: String) {
        self.schema = schema;
    }

    /// For people, without the password: `postgres://app@db.example:5432/shop (schema forge)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let (socket, sign) = self.socket_param().map_or((String::new(), ""), |socket| (socket, "?"));
        format!("{}{sign}{socket} (schema {})", self.place(), self.schema)
    }

    /// A URL that leads there, without the password: the schema and what is not as it would be by default included.
    #[must_use]
    pub fn url_without_password(&self) -> String {
        let mut params: Vec<_> = self.socket_param().into_iter().collect();
        params.push(format!("schema={}", self.schema));
        if self.tls != TlsMode::Prefer {
            params.push(format!("sslmode={}", self.tls.as_str()));
        }
        let client = self.client.as_ref();
        for (name, path) in [
            ("sslrootcert", self.root_cert.as_deref()),
            ("sslcert", client.map(|(cert, _)| cert.as_path())),
            ("sslkey", client.map(|(_, key)| key.as_path())),
        ] {
            params.extend(path.map(|path| format!("{name}={}", escaped_path(path))));
        }
        if self.pooler != Pooler::Auto {
            params.push(format!("pooler={}", self.pooler.as_str()));
        }
        format!("{}?{}", self.place(), params.join("&"))
    }

    /// The URL up to its parameters.
    fn place(&self) -> String {
        let at = match &self.host {
            PostgresHost::Name(name) if name.contains(':') => format!("[{}]", name.replace('%', "%25")),
            PostgresHost::Name(name) => name.clone(),
            PostgresHost::SocketDir(_) => String::new(),
        };
        format!("postgres://{}@{at}:{}/{}", escaped(&self.user), self.port, escaped(&self.database))
    }

    fn socket_param(&self) -> Option<String> {
        match &self.host {
            PostgresHost::Name(_) => None,
            PostgresHost::SocketDir(dir) => Some(format!("host={}", escaped_path(dir))),
        }
    }

    /// The host, or the directory of its socket.
    #[must_use]
    pub const fn host(&self) -> &PostgresHost {
        &self.host
    }

    /// The port; also a part of the socket's name.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The role to log in as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, if one was found.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Why a password file was not read; to be added to the error when the server wants a password.
    #[must_use]
    pub fn password_note(&self) -> Option<&str> {
        self.password_note.as_deref()
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whether to encrypt, and what to verify. Over a socket nothing is encrypted.
    #[must_use]
    pub const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// The file with the trusted authorities, PEM; `None`: those of the system.
    #[must_use]
    pub fn tls_root_cert(&self) -> Option<&Path> {
        self.root_cert.as_deref()
    }

    /// The files with this client's certificate chain and its key, PEM.
    #[must_use]
    pub fn tls_client(&self) -> Option<(&Path, &Path)> {
        self.client.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()))
    }

    /// The name under which connections are shown to a database administrator.
    #[must_use]
    pub fn application_name(&self) -> &str {
        &self.application_name
    }

    /// Silence after which the system asks whether the server is still there; `None`: 15 s.
    #[must_use]
    pub const fn keepalives_idle(&self) -> Option<Duration> {
        self.keepalives_idle
    }

    /// How long sent bytes may stay unacknowledged before the system gives the connection up; `None`: 20 s. On
    /// Linux only.
    #[must_use]
    pub const fn tcp_user_timeout(&self) -> Option<Duration> {
        self.tcp_user_timeout
    }

    /// The schema that holds the queue.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether a pooler stands in between.
    #[must_use]
    pub const fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// Connections for work, 1 to 64.
    #[must_use]
    pub const fn connections(&self) -> u32 {
        self.connections
    }

    /// Connections for reads for people, 1 to 16.
    #[must_use]
    pub const fn read_connections(&self) -> u32 {
        self.read_connections
    }

    /// Longest wait for a connection.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Longest time that a call may take.
    #[must_use]
    pub const fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Longest time that a read for people may take.
    #[must_use]
    pub const fn read_timeout(&self) -> Duration {
        self.read_timeout
    }

    /// Whether to be woken through LISTEN. Never behind a pooler that is known to share sessions: it would drop the
    /// notifications.
    #[must_use]
    pub const fn listen(&self) -> bool {
        self.listen && !matches!(self.pooler, Pooler::Transaction)
    }

    /// Whether what happens to jobs by this handle is counted, for [`metrics`](crate::metrics).
    #[must_use]
    pub const fn metrics(&self) -> bool {
        self.metrics
    }

    /// Whether a program that opens the database for work brings it up to date.
    #[must_use]
    pub const fn auto_migrate(&self) -> bool {
        self.auto_migrate
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn escaped_path(path: &Path) -> String {
    utf8_percent_encode(&path.to_string_lossy(), PLAIN_PATH).to_string()
}

//! Settings as one source gives them, and what all sources come to.

use super::super::ConfigError;
use super::super::environment::Environment;
use super::super::secret::Secret;
use super::passfile::{self, Found};
use super::values::{self, Pooler, PostgresHost, TlsMode};
use super::{PostgresConfig, SCHEMA};
use crate::limits::{
    POSTGRES_CONNECT_TIMEOUT, POSTGRES_CONNECTIONS, POSTGRES_READ_CONNECTIONS, POSTGRES_READ_TIMEOUT,
    STORAGE_CALL_LIMIT,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What one source says: a URL, a file, or the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Layer {
    pub(in super::super) host: Option<PostgresHost>,
    pub(in super::super) port: Option<u16>,
    pub(in super::super) user: Option<String>,
    pub(in super::super) password: Option<Secret>,
    pub(in super::super) database: Option<String>,
    pub(in super::super) tls: Option<TlsMode>,
    pub(in super::super) root_cert: Option<PathBuf>,
    pub(in super::super) client_cert: Option<PathBuf>,
    pub(in super::super) client_key: Option<PathBuf>,
    pub(in super::super) application_name: Option<String>,
    pub(in super::super) keepalives_idle: Option<Duration>,
    pub(in super::super) tcp_user_timeout: Option<Duration>,
    pub(in super::super) schema: Option<String>,
    pub(in super::super) pooler: Option<Pooler>,
    pub(in super::super) connections: Option<u32>,
    pub(in super::super) read_connections: Option<u32>,
    pub(in super::super) connect_timeout: Option<Duration>,
    pub(in super::super) call_timeout: Option<Duration>,
    pub(in super::super) read_timeout: Option<Duration>,
    pub(in super::super) listen: Option<bool>,
    pub(in super::super) auto_migrate: Option<bool>,
}

impl Layer {
    /// What libpq's variables say.
    pub(in super::super) fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let text = |name| environment.text(name);
        let path = |name| environment.get(name).map(PathBuf::from);
        Ok(Self {
            host: checked("PGHOST", text("PGHOST")?, |v| PostgresHost::parse(&v))?,
            port: checked("PGPORT", text("PGPORT")?, |v| values::port(&v, true))?,
            user: text("PGUSER")?,
            password: text("PGPASSWORD")?.map(Secret::new),
            database: checked("PGDATABASE", text("PGDATABASE")?, |v| values::database(&v))?,
            tls: checked("PGSSLMODE", text("PGSSLMODE")?, |v| TlsMode::parse("sslmode", &v))?,
            root_cert: path("PGSSLROOTCERT"),
            client_cert: path("PGSSLCERT"),
            client_key: path("PGSSLKEY"),
            application_name: checked("PGAPPNAME", text("PGAPPNAME")?, |v| values::application_name(&v))?,
            ..Self::default()
        })
    }

    /// This one, and what it does not say from the one below.
    pub(in super::super) fn over(self, below: Self) -> Self {
        Self {
            host: self.host.or(below.host),
            port: self.port.or(below.port),
            user: self.user.or(below.user),
            password: self.password.or(below.password),
            database: self.database.or(below.database),
            tls: self.tls.or(below.tls),
            root_cert: self.root_cert.or(below.root_cert),
            client_cert: self.client_cert.or(below.client_cert),
            client_key: self.client_key.or(below.client_key),
            application_name: self.application_name.or(below.application_name),
            keepalives_idle: self.keepalives_idle.or(below.keepalives_idle),
            tcp_user_timeout: self.tcp_user_timeout.or(below.tcp_user_timeout),
            schema: self.schema.or(below.schema),
            pooler: self.pooler.or(below.pooler),
            connections: self.connections.or(below.connections),
            read_connections: self.read_connections.or(below.read_connections),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            call_timeout: self.call_timeout.or(below.call_timeout),
            read_timeout: self.read_timeout.or(below.read_timeout),
            listen: self.listen.or(below.listen),
            auto_migrate: self.auto_migrate.or(below.auto_migrate),
        }
    }

    /// What all of them come to, with the defaults below.
    pub(in super::super) fn build(self, environment: &Environment) -> Result<PostgresConfig, String> {
        let user = self.user.or_else(|| environment.user());
        let user = user.ok_or("no user is named: use postgres://user@host/database, or set PGUSER")?;
        let database = self.database.unwrap_or_else(|| user.clone());
        let (tls, root_cert) = trust(self.tls, self.root_cert)?;
        if self.client_cert.is_some() != self.client_key.is_some() {
            return Err(
                "of the client's certificate and its key one is named: name both (sslcert and sslkey, or \
                        tls_client_cert and tls_client_key in forge.toml), or none"
                    .into(),
            );
        }
        let host = self.host.unwrap_or_else(|| PostgresHost::Name("localhost".into()));
        let port = self.port.unwrap_or(5432);
        let found = self
            .password
            .map_or_else(|| passfile::look(environment, &host, port, &database, &user), Found::Password);
        let (password, password_note) = match found {
            Found::Password(password) => (Some(password), None),
            Found::Nothing => (None, None),
            Found::Unfit(note) => (None, Some(note)),
        };
        Ok(PostgresConfig {
            host,
            port,
            user,
            password,
            password_note,
            database,
            tls,
            root_cert,
            client: self.client_cert.zip(self.client_key),
            application_name: self.application_name.unwrap_or_else(|| "forge".into()),
            keepalives_idle: self.keepalives_idle.filter(|t| !t.is_zero()),
            tcp_user_timeout: self.tcp_user_timeout.filter(|t| !t.is_zero()),
            schema: self.schema.unwrap_or_else(|| SCHEMA.into()),
            pooler: self.pooler.unwrap_or_default(),
            connections: self.connections.unwrap_or(POSTGRES_CONNECTIONS),
            read_connections: self.read_connections.unwrap_or(POSTGRES_READ_CONNECTIONS),
            connect_timeout: self.connect_timeout.unwrap_or(POSTGRES_CONNECT_TIMEOUT),
            call_timeout: self.call_timeout.unwrap_or(STORAGE_CALL_LIMIT),
            read_timeout: self.read_timeout.unwrap_or(POSTGRES_READ_TIMEOUT),
            listen: self.listen.unwrap_or(true),
            metrics: true,
            auto_migrate: self.auto_migrate.unwrap_or(false),
        })
    }
}

/// Reads one variable.
fn checked<T>(
    name: &str,
    value: Option<String>,
    check: impl FnOnce(String) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    value.map(check).transpose().map_err(|reason| ConfigError::Value { from: name.into(), reason })
}

/// The mode, and the file with the trusted authorities; without one they are the system's.
fn trust(tls: Option<TlsMode>, root: Option<PathBuf>) -> Result<(TlsMode, Option<PathBuf>), String> {
    let Some(root) = root else { return Ok((tls.unwrap_or(TlsMode::Prefer), None)) };
    if root == Path::new("system") {
        // As in libpq: whoever trusts every authority of the system must insist on the name.
        return match tls {
            None | Some(TlsMode::VerifyFull) => Ok((TlsMode::VerifyFull, None)),
            Some(weaker) => Err(format!(
                "sslrootcert system goes with sslmode verify-full, and not with {}: the system trusts \
                 authorities that sign for everybody",
                weaker.as_str()
            )),
        };
    }
    Ok((stronger(tls.unwrap_or(TlsMode::Prefer)), Some(root)))
}

/// As in libpq: whoever names the authorities wants them asked.
pub(super) const fn stronger(tls: TlsMode) -> TlsMode {
    match tls {
        TlsMode::Require => TlsMode::VerifyCa,
        other => other,
    }
}

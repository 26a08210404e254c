//! From settings to a connection.

use super::error::Fault;
use super::link::Live;
use super::tls;
use crate::config::{PostgresConfig, PostgresHost, TlsMode};
use crate::storage::StorageError;
use futures_util::future::poll_fn;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Silence on a connection after which the other end is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Data that stays unacknowledged for so long means that the other end is gone.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);
/// The oldest server that is supported.
const OLDEST: i32 = 140_000;

/// Where the server is and how to get in.
pub(super) struct Server {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    limit: Duration,
    /// For people, without secrets.
    name: String,
    /// What may explain a refusal.
    note: Option<String>,
}

impl Server {
    pub(super) fn of(settings: &PostgresConfig) -> Result<Self, StorageError> {
        let mut config = Config::new();
        config
            .port(settings.port())
            .user(settings.user())
            .dbname(settings.database())
            .application_name(settings.application_name())
            .connect_timeout(settings.connect_timeout())
            .keepalives(true)
            .keepalives_idle(settings.keepalives_idle().unwrap_or(KEEPALIVE_IDLE))
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(settings.tcp_user_timeout().unwrap_or(TCP_USER_TIMEOUT));
        match settings.host() {
            PostgresHost::Name(name) => config.host(name),
            PostgresHost::SocketDir(dir) => config.host_path(dir),
        };
        if let Some(password) = settings.password() {
            config.password(password.expose());
        }
        let over_socket = matches!(settings.host(), PostgresHost::SocketDir(_));
        config.ssl_mode(match settings.tls() {
            _ if over_socket => SslMode::Disable,
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let plain = over_socket || settings.tls() == TlsMode::Disable;
        let tls = if plain { None } else { Some(tls::connector(settings)?) };
        Ok(Self {
            config,
            tls,
            limit: settings.connect_timeout(),
            name: settings.describe(),
            note: settings.password_note().map(str::to_owned),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks the server to stop what this connection is doing. A hint; nobody waits for it.
    pub(super) fn cancel(&self, client: &Client) {
        let (token, limit, tls) = (client.cancel_token(), self.limit, self.tls.clone());
        tokio::spawn(async move {
            let _ = match tls {
                Some(tls) => tokio::time::timeout(limit, token.cancel_query(tls)).await,
                None => tokio::time::timeout(limit, token.cancel_query(NoTls)).await,
            };
        });
    }

    fn unreachable(&self, what: &str, e: Option<tokio_postgres::Error>) -> StorageError {
        let note = self.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
        StorageError::Unavailable {
            detail: format!("{}: {what}{note}", self.name),
            outcome_unknown: false,
            source: e.map(|e| Box::new(e) as _),
        }
    }
}

/// A connection on the current runtime.
pub(super) async fn connect(server: &Server) -> Result<Live, Fault> {
    connect_and_hear(server, None).await
}

/// The same; notifications go to `heard`, which is closed when the connection is lost.
pub(super) async fn connect_and_hear(
    server: &Server,
    heard: Option<mpsc::UnboundedSender<String>>,
) -> Result<Live, Fault> {
    let dial = async {
        if let Some(tls) = &server.tls {
            let (client, connection) = server.config.connect(tls.clone()).await?;
            Ok((client, tokio::spawn(drive(connection, heard)).abort_handle()))
        } else {
            let (client, connection) = server.config.connect(NoTls).await?;
            Ok((client, tokio::spawn(drive(connection, heard)).abort_handle()))
        }
    };
    match tokio::time::timeout(server.limit, dial).await {
        Ok(Ok((client, task))) => Ok(Live::new(client, task)),
        Ok(Err(e)) => Err(refused(server, e)),
        Err(_) => {
            let what = format!("no connection within {:?}", server.limit);
            Err(Fault::NoConnection(server.unreachable(&what, None)))
        }
    }
}

fn refused(server: &Server, e: tokio_postgres::Error) -> Fault {
    if e.as_db_error().is_none() {
        return Fault::NoConnection(server.unreachable(&plain_words(&e), Some(e)));
    }
    // The server's own words; they hold no password.
    match Fault::from(e).into_storage(false) {
        StorageError::Unavailable { detail, source, .. } => {
            let note = server.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
            let detail = format!("{}: {detail}{note}", server.name);
            Fault::NoConnection(StorageError::Unavailable { detail, outcome_unknown: false, source })
        }
        other => Fault::NoConnection(other),
    }
}

fn plain_words(e: &tokio_postgres::Error) -> String {
    use std::error::Error;
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    text
}

async fn drive<S, T>(mut connection: Connection<S, T>, heard: Option<mpsc::UnboundedSender<String>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // An error is told to every call under way by the driver; notices are the server's own business.
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let (AsyncMessage::Notification(note), Some(heard)) = (message, &heard) {
            let _ = heard.send(note.payload().to_owned());
        }
    }
}

/// Refuses a server that this storage cannot work with.
pub(super) async fn check(live: &Live) -> Result<(), Fault> {
    const SQL: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
         pg_is_in_recovery(), current_setting('server_encoding')";
    let rows = live.client().query_typed(SQL, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (number, version): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if number < OLDEST {
        let detail = format!("the server is PostgreSQL {version}: version 14 or newer is needed");
        return Err(StorageError::NotForge { detail }.into());
    }
    if row.try_get(2)? {
        return Err(StorageError::unavailable(
            "the server is a standby, which takes no writes: connect to the primary",
        )
        .into());
    }
    let encoding: String = row.try_get(3)?;
    if encoding != "UTF8" {
        let detail = format!(
            "the database has the encoding {encoding}, and jobs are UTF-8: create one WITH ENCODING 'UTF8'"
        );
        return Err(StorageError::NotForge { detail }.into());
    }
    Ok(())
}

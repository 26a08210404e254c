//! From settings to a connection.

use super::error::Fault;
use super::link::Live;
use super::socket::{Alive, dial, ends, is_direct};
use super::tls;
use crate::config::{PostgresConfig, PostgresHost, TlsMode};
use crate::storage::StorageError;
use futures_util::future::poll_fn;
use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, NoTls};
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
    /// A name or an address, and the port; `None`: a Unix socket, which the driver opens.
    host: Option<(String, u16)>,
    alive: Alive,
    tls: Option<MakeRustlsConnect>,
    limit: Duration,
    /// For people, without secrets.
    name: String,
    /// What may explain a refusal.
    note: Option<String>,
}

/// Leads connections through the socket in a directory.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "where there are no sockets in directories it is an error")]
fn over(dir: &Path, config: &mut Config) -> Result<(), StorageError> {
    config.host_path(dir);
    Ok(())
}

#[cfg(not(unix))]
fn over(dir: &Path, _: &mut Config) -> Result<(), StorageError> {
    let detail = format!(
        "there are no sockets in directories on this system: name a host in the place of {}",
        dir.display()
    );
    Err(StorageError::unavailable(detail))
}

impl Server {
    pub(super) fn of(settings: &PostgresConfig) -> Result<Self, StorageError> {
        let mut config = Config::new();
        config
            .port(settings.port())
            .user(settings.user())
            .dbname(settings.database())
            .application_name(settings.application_name())
            .connect_timeout(settings.connect_timeout());
        let host = match settings.host() {
            PostgresHost::Name(name) => Some((name.clone(), settings.port())),
            PostgresHost::SocketDir(dir) => {
                over(dir, &mut config)?;
                None
            }
        };
        if let Some(password) = settings.password() {
            config.password(password.expose());
        }
        let over_socket = host.is_none();
        config.ssl_mode(match settings.tls() {
            _ if over_socket => SslMode::Disable,
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let plain = over_socket || settings.tls() == TlsMode::Disable;
        let tls = if plain { None } else { Some(tls::connector(settings)?) };
        let alive = Alive {
            idle: settings.keepalives_idle().unwrap_or(KEEPALIVE_IDLE),
            interval: KEEPALIVE_INTERVAL,
            retries: KEEPALIVE_RETRIES,
            unacknowledged: settings.tcp_user_timeout().unwrap_or(TCP_USER_TIMEOUT),
        };
        Ok(Self {
            config,
            host,
            alive,
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
    pub(super) fn cancel(&self, live: &Live) {
        let (token, limit, alive) = (live.client().cancel_token(), self.limit, self.alive);
        let (host, tls) = (self.host.clone(), self.tls.clone());
        // The name may stand for several servers, and only this one has the session.
        let peer = live.peer();
        tokio::spawn(tokio::time::timeout(limit, async move {
            // Nobody could do anything about a failure.
            let _ = match host.zip(peer) {
                Some(((name, _), peer)) => {
                    let Ok(stream) = dial(peer, limit, alive).await else { return };
                    cancel_over(token, stream, &name, tls).await
                }
                None => token.cancel_query(NoTls).await,
            };
        }));
    }

    fn unreachable(&self, what: &str, e: Option<Box<dyn StdError + Send + Sync>>) -> StorageError {
        let note = self.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
        StorageError::Unavailable {
            detail: format!("{}: {what}{note}", self.name),
            outcome_unknown: false,
            source: e,
        }
    }
}

/// A connection on the current runtime.
pub(super) async fn connect(server: &Server) -> Result<Live, Fault> {
    connect_and_hear(server, None).await
}

/// The same; notifications go to `heard`, which is closed when the connection is lost.
pub(super) async fn connect_and_hear(server: &Server, heard: Heard) -> Result<Live, Fault> {
    tokio::time::timeout(server.limit, enter(server, heard)).await.unwrap_or_else(|_| {
        let what = format!("no connection within {:?}", server.limit);
        Err(Fault::NoConnection(server.unreachable(&what, None)))
    })
}

type Heard = Option<mpsc::UnboundedSender<String>>;

async fn enter(server: &Server, heard: Heard) -> Result<Live, Fault> {
    let Some((name, port)) = &server.host else {
        let (client, connection) = server.config.connect(NoTls).await.map_err(|e| refused(server, e))?;
        let task = tokio::spawn(drive(connection, heard)).abort_handle();
        return Ok(Live::new(client, task, None));
    };
    let no_way = |e: std::io::Error| {
        let what = format!("error connecting to server: {e}");
        Fault::NoConnection(server.unreachable(&what, Some(e.into())))
    };
    let stream = dial((name.as_str(), *port), server.limit, server.alive).await.map_err(no_way)?;
    let ends = ends(&stream).map_err(no_way)?;
    let (client, task) = match &server.tls {
        Some(tls) => enter_by(server, stream, connector(tls, name).map_err(no_way)?, heard).await,
        None => enter_by(server, stream, NoTls, heard).await,
    }
    .map_err(|e| refused(server, e))?;
    let live = Live::new(client, task, Some(ends.1));
    // Nothing of the caller's has been sent yet.
    let direct = is_direct(live.client(), ends).await;
    let direct = direct.map_err(|e| Fault::NoConnection(e.into_storage(false)))?;
    Ok(if direct { live.direct() } else { live })
}

type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::TlsConnect;

/// For one connection to a server of this name.
fn connector(tls: &MakeRustlsConnect, name: &str) -> std::io::Result<RustlsConnect> {
    MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.clone(), name).map_err(std::io::Error::other)
}

async fn enter_by<T>(
    server: &Server,
    stream: TcpStream,
    tls: T,
    heard: Heard,
) -> Result<(Client, AbortHandle), tokio_postgres::Error>
where
    T: tokio_postgres::tls::TlsConnect<TcpStream>,
    T::Stream: Send + 'static,
{
    let (client, connection) = server.config.connect_raw(stream, tls).await?;
    Ok((client, tokio::spawn(drive(connection, heard)).abort_handle()))
}

async fn cancel_over(
    token: CancelToken,
    stream: TcpStream,
    name: &str,
    tls: Option<MakeRustlsConnect>,
) -> Result<(), tokio_postgres::Error> {
    match tls.as_ref().and_then(|tls| connector(tls, name).ok()) {
        Some(tls) => token.cancel_query_raw(stream, tls).await,
        None => token.cancel_query_raw(stream, NoTls).await,
    }
}

fn refused(server: &Server, e: tokio_postgres::Error) -> Fault {
    if e.as_db_error().is_none() {
        return Fault::NoConnection(server.unreachable(&plain_words(&e), Some(e.into())));
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

async fn drive<S, T>(mut connection: Connection<S, T>, heard: Heard)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // An error is told to every call under way by the driver; notices are the server's own business.
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let (AsyncMessage::Notification(note), Some(heard)) = (message, &heard) {
            let _ = heard.send(note.payload().to_owned());
        }
    }
}

/// What is asked of a new connection, which may have fallen silent since it was made.
pub(super) async fn answered<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| {
        Err(Fault::NoConnection(StorageError::unavailable(format!("no answer within {limit:?}"))))
    })
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

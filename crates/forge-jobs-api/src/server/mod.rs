//! A server for the router: bounds on connections, time limits on headers and on clients that do not read, and a stop in
//! good order.

mod health;
mod io;
mod peers;

pub use health::{Readiness, health};

use crate::http::Options;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use io::Patient;
use peers::Peers;
use std::io::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time. Default 512.
    pub connections: usize,
    /// Connections of one address at a time. Default 64.
    pub connections_per_peer: usize,
    /// Longest time until the headers of a request have arrived, and longest idle time between two requests.
    /// Default 5 s.
    pub header_time: Duration,
    /// Longest time that a client may leave an answer unread. Default 30 s.
    pub write_time: Duration,
    /// Longest headers, in bytes; less than 8 KiB counts as 8 KiB. Default 32 KiB.
    pub header_bytes: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_peer: 64,
            header_time: Duration::from_secs(5),
            write_time: Duration::from_secs(30),
            header_bytes: 32 << 10,
        }
    }
}

/// A server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others could reach it, and nobody would ask them who they are.
    #[error(
        "{addr} can be reached from other machines, and nobody would have to show a token: configure tokens, or listen on \
         127.0.0.1"
    )]
    Exposed {
        /// The address.
        addr: SocketAddr,
    },
    /// The system refuses.
    #[error("{addr} cannot be listened on")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: Error,
    },
}

/// Whether a server may be reached by those who need not show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Only on loopback addresses.
    Closed,
    /// Everywhere. Somebody has said so in so many words.
    Insecure,
}

/// A listening server, of HTTP/1.1 without TLS.
///
/// ```no_run
/// use forge_jobs_api::http::{Hosts, Options, Tokens, router};
/// use forge_jobs_api::server::{Exposure, Readiness, Server, health};
/// use forge_jobs_api::service::Api;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tokio_util::sync::CancellationToken;
///
/// # async fn serve(storage: forge_jobs::Storage) -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::parse(&std::fs::read_to_string("tokens")?)?;
/// let closing = CancellationToken::new();
/// let hosts = Hosts::Only(vec!["jobs.example.com".into()]);
/// let options = Options::new(Arc::new(tokens), hosts).closing_with(closing.clone());
/// let server = Server::bind(([0, 0, 0, 0], 7419).into(), &options, Exposure::Closed).await?;
///
/// let api = Api::new(storage);
/// let ready = Readiness::new(api.clone(), closing.clone());
/// let app = router(api, options).merge(health(ready));
/// let serving = tokio::spawn(server.run(app, closing.clone(), Duration::from_secs(10)));
///
/// // Until somebody wants it to stop:
/// closing.cancel();
/// println!("{} connections were cut off", serving.await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    limits: ServerLimits,
}

impl Server {
    /// Listens. Port 0 is any free one. Inside a tokio runtime. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`BindError`]: an address that is not loopback needs an authenticator that protects.
    pub async fn bind(addr: SocketAddr, options: &Options, exposure: Exposure) -> Result<Self, BindError> {
        if !addr.ip().to_canonical().is_loopback() && !options.is_protected() && exposure == Exposure::Closed
        {
            return Err(BindError::Exposed { addr });
        }
        let listen = |source| BindError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, addr, limits: ServerLimits::default() })
    }

    /// Other bounds. Default [`ServerLimits::default`].
    #[must_use]
    pub const fn with_limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `closing` is cancelled. Requests that are under way then have `grace` to end. Gives how many
    /// connections were cut off.
    ///
    /// Streams of events end when the token of [`Options::closing_with`] is cancelled: use the same one.
    ///
    /// Not cancel safe: when it is dropped nobody is let in any more, and connections that are open go on until their
    /// clients close them or `closing` is cancelled.
    pub async fn run(self, router: Router, closing: CancellationToken, grace: Duration) -> usize {
        let peers = Peers::new(self.limits.connections, self.limits.connections_per_peer);
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = closing.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    // Out of file descriptors, most likely: others have to close theirs first.
                    tracing::warn!(target: "forge_jobs_api", error = %e, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // One more than there may be is closed at once: it costs less than any answer.
            let Some(place) = peers.enter(peer.ip().to_canonical()) else { continue };
            let connection = serve(stream, peer, router.clone(), self.limits, closing.clone());
            let cut = cut.clone();
            connections.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = connection => {}
                    () = cut.cancelled() => {}
                }
            });
        }
        drop(self.listener);
        connections.close();
        let _ = tokio::time::timeout(grace, connections.wait()).await;
        let left = connections.len();
        cut.cancel();
        connections.wait().await;
        left
    }
}

/// One connection, to its end.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ServerLimits,
    closing: CancellationToken,
) {
    // Answers are small: waiting for more to send costs 40 ms at the far end.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient::new(stream, limits.write_time));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(canonical(peer)));
            tower_call(router, request).await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes.max(8 << 10))
        .serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        // A client that goes away is none of ours.
        tracing::debug!(target: "forge_jobs_api", %peer, error = %e, "a connection broke off");
    }
}

/// An address of version 4 that comes in the clothes of version 6 is one of version 4.
const fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// What a router answers. It never fails: errors are answers too.
pub(crate) async fn tower_call(
    router: Router,
    request: http::Request<axum::body::Body>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    use hyper::service::Service as _;
    hyper_util::service::TowerToHyperService::new(router).call(request).await
}

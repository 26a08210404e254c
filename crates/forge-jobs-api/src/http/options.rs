//! How a router behaves.

use super::auth::Authenticator;
use super::hosts::Hosts;
use super::route::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Whether anything can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// By those whose role allows it.
    Allowed,
    /// By nobody: routes that change something do not exist, but for logging in and out.
    Refused,
}

/// Whether Prometheus finds the metrics at `/metrics`, below the prefix that the router is mounted under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scrapes {
    /// There is no such path. The default: an application may have one of its own.
    #[default]
    Nowhere,
    /// By callers who may look, like all the rest: Prometheus sends a bearer token.
    ByCallers,
    /// By anybody who reaches the server: names of queues and kinds, and how many jobs they have, are everybody's then.
    ByAnybody,
}

/// Bounds of single requests. Connections have their own, see [`ServerLimits`](crate::server::ServerLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Longest body, in bytes. Default 1,114,112: 1 MiB for a payload, and 64 KiB for what is around it.
    pub body_bytes: usize,
    /// Longest body with many jobs, in bytes. Default 8 MiB.
    pub batch_bytes: usize,
    /// Longest time until a body has arrived; then the answer is 408. Default 10 s.
    pub body_time: Duration,
    /// Longest time until a handler has answered, beside that of the body; then the answer is 503, and a change may be made
    /// all the same. Default 15 s.
    pub handler_time: Duration,
    /// Streams of events at a time. Default 64.
    pub streams: usize,
    /// Streams of events at a time to one address. Default 16.
    pub streams_per_peer: usize,
    /// Wrong tokens from one address in a minute, after which it has to wait for the rest of that minute (429). Behind a
    /// proxy all callers are one address. Default 10.
    pub wrong_tokens: u32,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: (1 << 20) + (64 << 10),
            batch_bytes: 8 << 20,
            body_time: Duration::from_secs(10),
            handler_time: Duration::from_secs(15),
            streams: 64,
            streams_per_peer: 16,
            wrong_tokens: 10,
        }
    }
}

/// How a router behaves. There is no default: whoever mounts it says who may call, and under which names.
#[derive(Clone)]
#[must_use]
pub struct Options {
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) hosts: Hosts,
    pub(super) writes: Writes,
    pub(super) scrapes: Scrapes,
    pub(super) base_path: String,
    pub(super) origins: Vec<String>,
    pub(super) secure_cookies: bool,
    pub(super) limits: HttpLimits,
    pub(super) closing: CancellationToken,
}

impl Options {
    /// Who may call, and the names that the server answers to.
    pub fn new(authenticator: Arc<dyn Authenticator>, hosts: Hosts) -> Self {
        Self {
            authenticator,
            hosts,
            writes: Writes::Allowed,
            scrapes: Scrapes::Nowhere,
            base_path: String::new(),
            origins: Vec::new(),
            secure_cookies: false,
            limits: HttpLimits::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Whether anything can be changed. Default [`Writes::Allowed`].
    pub const fn with_writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    /// Whether and by whom `/metrics` is read. Default [`Scrapes::Nowhere`].
    pub const fn with_scrapes(mut self, scrapes: Scrapes) -> Self {
        self.scrapes = scrapes;
        self
    }

    /// The prefix that the router is mounted under, such as `/ops/jobs`, for the path of the session cookie and for the
    /// OpenAPI document. Default: none.
    pub fn mounted_at(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.base_path);
        self
    }

    /// Pages of this origin may change things with the rights of their user, besides those of the server itself:
    /// `tauri://localhost`, for instance. As a browser writes it, with a port other than the usual one and without a
    /// slash at its end; in letters of any case. May be said more than once. Default: none besides the server's own.
    pub fn with_origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.to_ascii_lowercase());
        self
    }

    /// The browser keeps the session cookie for HTTPS alone: for servers behind a proxy that speaks it. Default: also over
    /// HTTP.
    pub const fn with_secure_cookies(mut self) -> Self {
        self.secure_cookies = true;
        self
    }

    /// Other bounds. Default [`HttpLimits::default`].
    pub const fn with_limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Streams of events end when this is cancelled, so that a server can stop: give it the token of
    /// [`Server::run`](crate::server::Server::run). Default: they end after ten minutes or with their client.
    pub fn closing_with(mut self, closing: CancellationToken) -> Self {
        self.closing = closing;
        self
    }

    /// Whether callers have to prove who they are.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.authenticator.protects()
    }

    /// A read-only router has no route that changes anything, but for sessions.
    pub(super) fn allows(&self, route: &Route) -> bool {
        self.writes == Writes::Allowed || !route.changes() || route.path == "/session"
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("hosts", &self.hosts)
            .field("writes", &self.writes)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

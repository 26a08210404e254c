//! Who calls, and what they may do.

mod attempts;
mod sessions;
mod tokens;

pub(super) use attempts::Attempts;
pub(super) use sessions::COOKIE;
pub use sessions::Session;
pub use tokens::{NewToken, TokenFileError, Tokens};

use crate::wire::Role;
use async_trait::async_trait;
use forge_jobs::storage::{self, Actor, Source};
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;

/// How a caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By something in a header that no browser adds on its own. Changes are taken wherever they come from.
    Header,
    /// By a cookie, which a browser also sends for pages of other sites. A change must say, as browsers do, that it comes
    /// from a page of this server.
    Cookie,
    /// Not at all, or by something that the caller has without saying so: a client certificate, an address. A change must
    /// not come from a page of another site.
    Ambient,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// For the log, for people, and for the audit, which keeps 128 bytes of it.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// How that is known.
    pub proof: Proof,
}

impl Principal {
    /// A caller of this name.
    #[must_use]
    pub fn new(name: &str, role: Role, proof: Proof) -> Self {
        Self { name: name.into(), role, proof }
    }

    /// As the audit names them.
    pub(super) fn actor(&self, peer: Option<IpAddr>) -> Actor {
        let source = if self.proof == Proof::Cookie { Source::Panel } else { Source::Api };
        let actor = Actor::lossy(&self.name, source).with_role(match self.role {
            Role::Viewer => storage::Role::Viewer,
            Role::Operator => storage::Role::Operator,
            Role::Admin => storage::Role::Admin,
        });
        match peer.map(|peer| actor.clone().with_address(peer.to_string())) {
            Some(Ok(addressed)) => addressed,
            _ => actor,
        }
    }
}

/// A caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing was shown: 401.
    Missing,
    /// What was shown is not valid: 401. After some of these an address has to wait
    /// ([`HttpLimits::wrong_tokens`](super::HttpLimits::wrong_tokens)).
    Wrong,
    /// It cannot be found out now: 503.
    Unavailable,
}

/// Finds out who calls. An application brings its own; [`Tokens`], [`Open`] and [`trusting`] are here.
///
/// ```
/// use forge_jobs_api::http::{Authenticator, Principal, Proof, Refused};
/// use forge_jobs_api::wire::Role;
///
/// /// A proxy has asked callers who they are, and is the only way to this server.
/// struct ByProxy;
///
/// #[async_trait::async_trait]
/// impl Authenticator for ByProxy {
///     async fn authenticate(&self, request: &http::request::Parts) -> Result<Principal, Refused> {
///         let user = request.headers.get("x-forwarded-user").ok_or(Refused::Missing)?;
///         let user = user.to_str().map_err(|_| Refused::Wrong)?;
///         // A browser comes by with whatever the proxy knows it by.
///         Ok(Principal::new(user, Role::Operator, Proof::Cookie))
///     }
/// }
/// ```
///
/// Futures may be dropped at any moment, when their client goes away.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who sent a request. Called for each one that calls the server by one of its names, before the body is read. The
    /// router sets no time limit to it: bound what it waits for.
    ///
    /// # Errors
    ///
    /// [`Refused`]; the request ends there.
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Refused>;

    /// Whether callers have to prove who they are. A server without that listens on loopback addresses alone.
    fn protects(&self) -> bool {
        true
    }

    /// Whether there are sessions, which begin with [`log_in`](Self::log_in) and end with [`log_out`](Self::log_out): a
    /// panel offers a way out to those who are here by a cookie. There are none by default.
    fn has_sessions(&self) -> bool {
        false
    }

    /// A session for whoever has this token, for browsers.
    ///
    /// # Errors
    ///
    /// [`Refused::Wrong`]; [`Refused::Missing`] where there are no sessions, as by default.
    async fn log_in(&self, token: &str) -> Result<Session, Refused> {
        let _ = token;
        Err(Refused::Missing)
    }

    /// Ends the session of a request, if it has one.
    async fn log_out(&self, request: &Parts) {
        let _ = request;
    }
}

/// Lets everybody do everything: for one user on one machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open;

#[async_trait]
impl Authenticator for Open {
    async fn authenticate(&self, _: &Parts) -> Result<Principal, Refused> {
        Ok(Principal::new("anybody", Role::Admin, Proof::Ambient))
    }

    fn protects(&self) -> bool {
        false
    }
}

/// Takes the [`Principal`] that a layer of the application has put into the request's extensions.
struct FromExtensions;

#[async_trait]
impl Authenticator for FromExtensions {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Refused> {
        request.extensions.get::<Principal>().cloned().ok_or(Refused::Missing)
    }
}

/// For an application that knows its users already: a layer of its own around the router puts a [`Principal`] into the
/// extensions of each request. A request without one is refused.
#[must_use]
pub fn trusting() -> Arc<dyn Authenticator> {
    Arc::new(FromExtensions)
}

//! The way that every request takes, whether there is a route for it or not.

use super::auth::{Attempts, Principal, Proof, Refused};
use super::call::Call;
use super::events::Hub;
use super::options::{HttpLimits, Options};
use super::reply::refusal;
use super::route::{Access, Route};
use super::{headers, origin};
use crate::service::{Api, ApiError};
use crate::wire::{ErrorCode, Role};
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use futures_util::FutureExt;
use http::Method;
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What all requests of a router share.
pub(super) struct Shared {
    pub(super) api: Api,
    pub(super) options: Options,
    pub(super) limits: HttpLimits,
    pub(super) events: Arc<Hub>,
    pub(super) attempts: Attempts,
    /// Tells requests of this router from those of another one, and of another start.
    boot: u32,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(api: Api, options: Options) -> Self {
        let limits = options.limits;
        // Without randomness ids of requests are less telling, and nothing else.
        let boot = getrandom::u32().unwrap_or_default();
        Self {
            events: Hub::new(api.clone(), &options, boot),
            attempts: Attempts::new(limits.wrong_tokens),
            limits,
            api,
            options,
            boot,
            requests: AtomicU64::new(0),
        }
    }

    fn request_id(&self) -> String {
        format!("{:08x}-{}", self.boot, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Who calls; `None` for somebody unknown, where anybody may.
    async fn caller(
        &self,
        access: Access,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<Option<Principal>, ApiError> {
        if let Some(wait) = peer.and_then(|peer| self.attempts.must_wait(peer)) {
            let error =
                ApiError::new(ErrorCode::TooManyRequests, "too many wrong tokens came from this address");
            return Err(error.retry_after(wait.as_secs() + 1));
        }
        match self.options.authenticator.authenticate(parts).await {
            Ok(caller) => Ok(Some(caller)),
            Err(Refused::Unavailable) => {
                Err(ApiError::new(ErrorCode::Unavailable, "it cannot be found out who calls"))
            }
            Err(refused) => {
                if refused == Refused::Wrong {
                    self.wrong_token(peer);
                }
                match access {
                    Access::Anybody => Ok(None),
                    Access::Needs(_) => Err(unauthenticated()),
                }
            }
        }
    }

    /// Somebody showed a token that is none.
    pub(super) fn wrong_token(&self, peer: Option<IpAddr>) {
        if let Some(peer) = peer {
            self.attempts.record(peer);
        }
    }
}

/// The same words whatever is wrong: a guess learns nothing.
pub(super) fn unauthenticated() -> ApiError {
    let error = ApiError::new(ErrorCode::Unauthenticated, "there is no valid token with the request");
    error.with_remedy("send `Authorization: Bearer TOKEN`, or log in")
}

/// The routes of one path, by their methods.
#[derive(Default)]
pub(super) struct Site(Vec<Arc<Route>>);

impl Site {
    pub(super) fn add(&mut self, route: Route) {
        self.0.push(Arc::new(route));
    }

    fn find(&self, method: &Method) -> Option<&Arc<Route>> {
        // A HEAD is a GET whose body stays behind.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.iter().find(|route| route.method == *method)
    }

    /// What to say to a method that is not there.
    fn without(&self, method: &Method) -> ApiError {
        if self.0.is_empty() {
            return ApiError::new(ErrorCode::NotFound, "there is nothing under this path");
        }
        let mut allowed: Vec<&str> = self.0.iter().map(|route| route.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        let method: String = method.as_str().chars().take(16).collect();
        let text = format!("there is no method {method} here");
        ApiError::new(ErrorCode::MethodNotAllowed, text).allowing(allowed.join(", "))
    }
}

/// Answers a request.
pub(super) async fn answer(shared: Arc<Shared>, site: Arc<Site>, request: Request) -> Response {
    let began = Instant::now();
    let id = shared.request_id();
    let (parts, body) = request.into_parts();
    let method = parts.method.clone();
    let route = site.find(&method).cloned();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let mut seen = Seen { caller: None };
    let way = AssertUnwindSafe(go(&shared, &site, route.clone(), peer, parts, body, &mut seen));
    let end = way.catch_unwind().await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorCode::Failed, "the request failed inside").with_private("a handler panicked"))
    });
    let hide = |text: &str| shared.api.redaction().text(text).into_owned();
    let line = Line { id: &id, method: &method, route: route.as_deref(), peer, caller: seen.caller.as_ref() };
    let response = match end {
        Ok(mut response) => {
            headers::add(response.headers_mut(), &id);
            response
        }
        Err(error) => {
            line.refused(&error, hide);
            refusal(&error, hide, &id)
        }
    };
    line.answered(&response, began);
    response
}

/// What is known of a request, however it ends.
struct Seen {
    caller: Option<Principal>,
}

async fn go(
    shared: &Arc<Shared>,
    site: &Site,
    route: Option<Arc<Route>>,
    peer: Option<IpAddr>,
    mut parts: Parts,
    body: Body,
    seen: &mut Seen,
) -> Result<Response, ApiError> {
    if !shared.options.hosts.allow(&parts) {
        let error = ApiError::new(ErrorCode::Misdirected, "the server has another name").on("Host");
        return Err(error.with_remedy("call it by a name that it was told"));
    }
    // A path without a route is behind the same door: who may not look is not told what there is.
    let access = route.as_ref().map_or(Access::Needs(Role::Viewer), |route| route.access);
    let caller = shared.caller(access, &parts, peer).await?;
    seen.caller.clone_from(&caller);
    let Some(route) = route else { return Err(site.without(&parts.method)) };
    if route.changes() {
        let proof = caller.as_ref().map_or(Proof::Ambient, |caller| caller.proof);
        origin::check(&parts, proof, &shared.options.origins)?;
        origin::check_content_type(&parts, false)?;
    }
    may(&route, caller.as_ref())?;
    let params = params(&mut parts).await?;
    let api = caller
        .as_ref()
        .map_or_else(|| shared.api.clone(), |caller| shared.api.clone().acting_as(caller.actor(peer)));
    let (shared, route) = (Arc::clone(shared), Arc::clone(&route));
    let call = Call {
        shared: Arc::clone(&shared),
        api,
        route: Arc::clone(&route),
        caller,
        peer,
        parts,
        params,
        body,
    };
    call.check_headers()?;
    let within = shared.limits.handler_time + shared.limits.body_time;
    let Ok(end) = tokio::time::timeout(within, (route.handler)(call)).await else {
        let error = ApiError::new(ErrorCode::Unavailable, "it takes longer than the server waits");
        let doubt = "what was asked for may happen all the same: look before you repeat it";
        return Err(if route.changes() { error.with_remedy(doubt) } else { error });
    };
    end.map(super::reply::Reply::into_response)
}

/// Whether a caller has the role that a route needs.
fn may(route: &Route, caller: Option<&Principal>) -> Result<(), ApiError> {
    match (route.access, caller) {
        (Access::Anybody, _) => Ok(()),
        (Access::Needs(needed), Some(caller)) if caller.role >= needed => Ok(()),
        (Access::Needs(needed), Some(caller)) => {
            let text = format!(
                "this needs the role {}, and {} has {}",
                needed.as_str(),
                caller.name,
                caller.role.as_str()
            );
            Err(ApiError::new(ErrorCode::Forbidden, text))
        }
        (Access::Needs(_), None) => Err(unauthenticated()),
    }
}

async fn params(parts: &mut Parts) -> Result<Vec<(String, String)>, ApiError> {
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| ApiError::new(ErrorCode::NotFound, "the path is no text: nothing has such a name"))?;
    Ok(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// What is said of a request in the log: never its path, its query, its body or its headers, which may hold anything.
struct Line<'a> {
    id: &'a str,
    method: &'a Method,
    route: Option<&'a Route>,
    peer: Option<IpAddr>,
    caller: Option<&'a Principal>,
}

impl Line<'_> {
    fn peer(&self) -> String {
        self.peer.map(|peer| peer.to_string()).unwrap_or_default()
    }

    fn caller(&self) -> &str {
        self.caller.map_or("", |caller| &caller.name)
    }

    fn route(&self) -> &str {
        self.route.map_or("", |route| route.id)
    }

    fn refused(&self, error: &ApiError, hide: impl Fn(&str) -> String) {
        let (id, peer, caller, route) = (self.id, self.peer(), self.caller(), self.route());
        match error.code() {
            ErrorCode::Failed | ErrorCode::Unavailable => {
                let why = hide(error.private().unwrap_or_else(|| error.message()));
                tracing::warn!(target: "forge_jobs_api", id, peer, caller, route, why, "a request failed");
            }
            code @ (ErrorCode::Unauthenticated
            | ErrorCode::Forbidden
            | ErrorCode::Misdirected
            | ErrorCode::TooManyRequests) => {
                tracing::info!(target: "forge_jobs_api", id, peer, caller, route, ?code, "a request was refused");
            }
            _ => {}
        }
    }

    fn answered(&self, response: &Response, began: Instant) {
        let (id, peer, caller, route) = (self.id, self.peer(), self.caller(), self.route());
        let method = self.method.as_str().get(..16).unwrap_or(self.method.as_str());
        let status = response.status().as_u16();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.route.is_some_and(Route::changes) {
            tracing::info!(target: "forge_jobs_api", id, peer, caller, method, route, status, ms, "a change was asked for");
        } else {
            tracing::debug!(target: "forge_jobs_api", id, peer, caller, method, route, status, ms, "answered");
        }
    }
}

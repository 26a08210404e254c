//! The API for a page of the same process: a desktop program's. No connection, no port: a request is a call.

use super::auth::{Principal, Proof, trusting};
use super::hosts::Hosts;
use super::options::Options;
use super::{API_PREFIX, router};
use crate::server::tower_call;
use crate::service::Api;
use crate::wire::{Changed, ErrorBody, ErrorCode, ErrorDetail, Role, Topic};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use std::ops::ControlFlow;

/// What a page may say besides its request: which version it has seen, and what makes sending again harmless.
static HEADERS: [HeaderName; 2] = [http::header::IF_MATCH, HeaderName::from_static("idempotency-key")];
/// What a browser says of a page of the server's own.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalRequest {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Below [`API_PREFIX`], with the query: `/jobs?status=dead`.
    pub path: String,
    /// JSON text; `None` where the route takes none.
    pub body: Option<String>,
    /// `If-Match` and `Idempotency-Key`; others are refused.
    pub headers: Vec<(String, String)>,
}

/// The answer: the same as over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAnswer {
    /// The status, as of HTTP.
    pub status: u16,
    /// JSON text: the answer, or an [`ErrorBody`]; empty with 204.
    pub text: String,
}

/// The routes of [`router`](router()) for a page in this process. Cheap to clone.
///
/// It goes the way of every request, so that limits, rights, errors and the audit are those of a server; only what
/// guards a port against others is left out: nobody else can call it.
///
/// ```no_run
/// use forge_jobs_api::http::{Local, LocalRequest};
/// use forge_jobs_api::service::Api;
/// use forge_jobs_api::wire::Role;
///
/// # async fn ask(storage: forge_jobs::Storage) {
/// let local = Local::new(Api::new(storage), "ada", Role::Admin);
/// let dead = LocalRequest { method: "GET".into(), path: "/jobs?status=dead".into(), ..Default::default() };
/// let answer = local.call(dead).await;
/// println!("{} {}", answer.status, answer.text);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Local {
    router: Router,
    caller: Principal,
}

impl Local {
    /// On behalf of one user, whom the audit names so.
    #[must_use]
    pub fn new(api: Api, user: &str, role: Role) -> Self {
        let options = Options::new(trusting(), Hosts::Any);
        Self { router: router(api, options), caller: Principal::new(user, role, Proof::Cookie) }
    }

    /// Answers a request, within the limits of [`HttpLimits::default`](super::HttpLimits). What cannot be understood is
    /// answered with 400. Inside a tokio runtime. Not cancel safe: a change whose call was dropped may be made all the same.
    pub async fn call(&self, request: LocalRequest) -> LocalAnswer {
        let request = match self.request(request) {
            Ok(request) => request,
            Err(message) => return malformed(message),
        };
        let response = self.send(request).await;
        let (parts, body) = response.into_parts();
        if parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            return malformed("what changes is told to `watch`".into());
        }
        // Bodies of answers are whole texts of our own.
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        LocalAnswer { status: parts.status.as_u16(), text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Tells what changes, twice a second at most, until it is told to stop or dropped. The first that it tells has no
    /// topics: from there on nothing is missed. Cancel safe.
    pub async fn watch(&self, mut tell: impl FnMut(Changed) -> ControlFlow<()> + Send) {
        let mut first = true;
        loop {
            let request = LocalRequest { method: "GET".into(), path: "/events".into(), ..Default::default() };
            let Ok(request) = self.request(request) else { return };
            let mut body = self.send(request).await.into_body();
            // A stream ends after a while. What changed before the next one began is not known.
            let topics = if std::mem::take(&mut first) { Vec::new() } else { Topic::ALL.to_vec() };
            if tell(Changed { topics }).is_break() {
                return;
            }
            while let Some(Ok(frame)) = body.frame().await {
                // Each event is a frame of its own.
                let changed = frame.into_data().ok().and_then(|data| changed(&data));
                if changed.is_some_and(|changed| tell(changed).is_break()) {
                    return;
                }
            }
            // A router that refuses streams must not be asked without rest.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let Ok(response) = tower_call(self.router.clone(), request).await;
        response
    }

    fn request(&self, request: LocalRequest) -> Result<Request<Body>, String> {
        let LocalRequest { method, path, body, headers } = request;
        if !path.starts_with('/') {
            return Err("the path does not begin with a slash".into());
        }
        let method: Method = method.parse().map_err(|_| "the method is none".to_owned())?;
        let mut built = Request::builder().method(method).uri(format!("{API_PREFIX}{path}"));
        for (name, value) in headers {
            let known = HEADERS.iter().find(|known| known.as_str().eq_ignore_ascii_case(&name));
            let known = known.ok_or_else(|| format!("the header {:?} has no meaning here", short(&name)))?;
            built = built.header(known, value);
        }
        built = built.header(HOST, "localhost").header(SEC_FETCH_SITE, "same-origin");
        if body.is_some() {
            built = built.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = body.map_or_else(Body::empty, Body::from);
        let mut request = built.body(body).map_err(|e| format!("the request is none: {e}"))?;
        request.extensions_mut().insert(self.caller.clone());
        Ok(request)
    }
}

fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

fn malformed(message: String) -> LocalAnswer {
    let error = ErrorDetail::new(ErrorCode::Malformed, message);
    LocalAnswer { status: 400, text: serde_json::to_string(&ErrorBody { error }).unwrap_or_default() }
}

/// What an event says, if it says that something changed.
fn changed(event: &[u8]) -> Option<Changed> {
    let text = str::from_utf8(event).ok()?;
    let is_change = text.lines().any(|line| line == "event: changed");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).filter(|_| is_change)?;
    serde_json::from_str(data).ok()
}

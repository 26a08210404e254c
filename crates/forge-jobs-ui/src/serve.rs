//! The built panel, and a service that answers requests for it.
//!
//! ```no_run
//! # fn f<S>(app: impl Fn(&'static str, forge_jobs_ui::serve::PanelService) -> S) -> S {
//! use forge_jobs_ui::serve::PanelService;
//!
//! // With axum: app.nest_service("/ops/panel", …)
//! app("/ops/panel", PanelService::new("/ops/panel", "/ops/jobs/api/v1"))
//! # }
//! ```
//!
//! The page is the same for everybody and holds no data: what there is to protect is behind the API.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A file of the built panel, with its compressed forms.
struct Asset {
    name: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

/// What `cargo xtask panel` has built; empty where it was not run.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What every answer carries. `wasm-unsafe-eval` lets the browser compile the module, and nothing else.
const ALWAYS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Whether the panel was built into this program.
#[must_use]
pub fn is_built() -> bool {
    ["start", "panel"].iter().all(|stem| find(stem, ".js").is_some()) && find("panel", ".wasm").is_some()
}

fn find(stem: &str, end: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name.starts_with(stem) && asset.name.ends_with(end))
}

/// Answers requests for the panel and its files, whatever is before the path that it is mounted at. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PanelService {
    page: Bytes,
    base: Arc<str>,
}

impl PanelService {
    /// A panel below this path, on the API below that one. Paths begin with a slash; the first may be empty. A slash at
    /// their ends counts for nothing.
    #[must_use]
    pub fn new(base: &str, api: &str) -> Self {
        Self::leading(base, api, None)
    }

    /// As [`Self::new`], for a host with a login of its own on this page: the panel leads there when it is told that
    /// nobody is logged in, in place of asking for a token, and leaves logging out to the host.
    #[must_use]
    pub fn with_login_page(base: &str, api: &str, login: &str) -> Self {
        Self::leading(base, api, Some(login))
    }

    fn leading(base: &str, api: &str, login: Option<&str>) -> Self {
        let (base, api) = (base.trim_end_matches('/'), api.trim_end_matches('/'));
        Self { page: Bytes::from(page(base, api, login)), base: base.into() }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return made(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", Bytes::new());
        }
        let path = request.uri().path();
        // Mounted or not, the name of a file is the end of its path.
        if let Some((_, name)) = path.rsplit_once("/assets/") {
            return file(name, request);
        }
        made(StatusCode::OK, "text/html; charset=utf-8", self.page.clone())
    }

    /// A service that leads to this panel: for the root of a server.
    #[must_use]
    pub fn redirect(&self) -> RedirectService {
        RedirectService { to: format!("{}/", self.base).into() }
    }
}

fn made(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn file<B>(name: &str, request: &Request<B>) -> Response<Full<Bytes>> {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return made(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            Bytes::from_static(b"there is no such file\n"),
        );
    };
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "text/css; charset=utf-8",
    };
    let accepts = |coding: &str| {
        let all = request.headers().get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
        all.flat_map(|v| v.split(',')).any(|part| {
            let mut words = part.split(';').map(str::trim);
            words.next() == Some(coding)
                && !words.any(|w| matches!(w, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    let chosen = [("br", asset.br), ("gzip", asset.gz)]
        .into_iter()
        .find_map(|(coding, body)| body.filter(|_| accepts(coding)).map(|body| (coding, body)));
    let mut response =
        made(StatusCode::OK, kind, Bytes::from_static(chosen.map_or(asset.plain, |(_, body)| body)));
    let headers = response.headers_mut();
    if let Some((coding, _)) = chosen {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // The name holds the content: another content has another name.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

/// Text that means nothing to the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// The page that starts the panel; or, where it was not built, one that says how.
fn page(base: &str, api: &str, login: Option<&str>) -> String {
    let (base, api) = (escaped(base), escaped(api));
    let login = login.map_or_else(String::new, |page| format!(" data-login=\"{}\"", escaped(page)));
    let style = find("panel", ".css").map_or_else(String::new, |css| {
        format!("<link rel=\"stylesheet\" href=\"{base}/assets/{}\">\n", css.name)
    });
    let head = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Mission Control</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n{style}"
    );
    match (find("start", ".js"), find("panel", ".wasm")) {
        (Some(start), Some(wasm)) => format!(
            "{head}<link rel=\"preload\" href=\"{base}/assets/{}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n\
             <script type=\"module\" src=\"{base}/assets/{}\"></script>\n</head>\n\
             <body><div id=\"forge-panel\" data-base=\"{base}\" data-api=\"{api}\"{login}>\
             <noscript>The panel needs JavaScript and WebAssembly.</noscript></div></body>\n</html>\n",
            wasm.name, start.name
        ),
        _ => format!(
            "{head}</head>\n<body><h1>The panel is not in this program</h1>\n\
             <p>The API is: <a href=\"{api}/openapi.json\">{api}/openapi.json</a>.</p>\n\
             <p>To have the panel, build it and then this program again, in the workspace of Forge:</p>\n\
             <pre>cargo xtask panel\ncargo build --package forge</pre>\n\
             <p><code>cargo xtask panel</code> needs a compiler for wasm32: \
             <code>rustup target add wasm32-unknown-unknown</code>.</p></body>\n</html>\n"
        ),
    }
}

impl<B> tower_service::Service<Request<B>> for PanelService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

/// Leads to a panel.
#[derive(Clone, Debug)]
pub struct RedirectService {
    to: Arc<str>,
}

impl<B> tower_service::Service<Request<B>> for RedirectService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = made(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
        if let Ok(to) = HeaderValue::from_str(&self.to) {
            response.headers_mut().insert(LOCATION, to);
        }
        ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Response<Full<Bytes>> {
        let request =
            Request::builder().uri(path).header("accept-encoding", "gzip, br;q=0").body(()).unwrap();
        PanelService::new("/ops/panel", "/ops/api/v1").answer(&request)
    }

    #[test]
    fn every_path_below_is_the_page_and_unknown_files_are_none() {
        for path in ["/", "/jobs", "/jobs/019", "/queues/a%2Fb"] {
            let response = get(path);
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            let policy = response.headers()["content-security-policy"].to_str().unwrap();
            assert!(
                !policy.contains("unsafe-inline") && policy.contains("frame-ancestors 'none'"),
                "{policy}"
            );
        }
        assert_eq!(get("/assets/nothing.js").status(), 404);
        assert_eq!(get("/assets/../Cargo.toml").status(), 404);
    }

    #[test]
    fn nothing_of_a_prefix_becomes_markup() {
        let page = page("/a\"><script>x</script>", "/api", Some("/b\"><script>x</script>"));
        assert!(!page.contains("<script>x"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("style="), "no inline script or style");
    }

    #[test]
    fn the_page_names_the_login_of_its_host_where_there_is_one() {
        let page = |login| page("/ops/panel", "/ops/api/v1", login);
        // Where the panel was not built there is nothing that logs in.
        assert_eq!(page(Some("/login")).contains(" data-login=\"/login\">"), is_built());
        assert!(!page(None).contains("data-login"));
    }

    #[test]
    fn what_was_built_is_sent_compressed_and_kept() {
        for asset in ASSETS {
            let response = get(&format!("/assets/{}", asset.name));
            assert_eq!(response.status(), 200);
            // A quick build has no compressed forms.
            assert_eq!(
                response.headers().contains_key("content-encoding"),
                asset.gz.is_some(),
                "{}",
                asset.name
            );
            assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        }
    }
}

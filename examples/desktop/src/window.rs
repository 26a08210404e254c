//! The window, and what it loads: the program's own page, and the panel as every host embeds it.

use forge_jobs_ui::serve::PanelService;
use http_body_util::BodyExt as _;
use tauri::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use tauri::http::{Request, Response, StatusCode};
use tauri::{App, Url, WebviewUrl, WebviewWindowBuilder};
use tower_service::Service as _;

/// The name of the window, to which the capabilities are given.
pub(crate) const LABEL: &str = "main";
/// Pages come from here, and from nowhere else.
pub(crate) const SCHEME: &str = "forge";
/// As the webview writes it: on Windows schemes of programs are hosts.
const HOME: &str = if cfg!(windows) { "http://forge.localhost/" } else { "forge://localhost/" };

/// Nothing but what this program brings along, and the way to its commands.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ipc: http://ipc.localhost; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    object-src 'none'";

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/desk.css");
const BAR_STYLE: &str = include_str!("page/bar.css");
const SCRIPT: &str = include_str!("page/desk.js");
/// The way back from the panel: above it, and outside of it.
const BAR: &str = "<nav class=\"bar\" aria-label=\"Program\"><a href=\"/\">Folder</a>\
    <a href=\"/panel/\" aria-current=\"page\">Mission Control</a></nav>";

/// Opens the window.
pub(crate) fn open(app: &App) -> tauri::Result<()> {
    let home = Url::parse(HOME).map_err(tauri::Error::InvalidUrl)?;
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::CustomProtocol(home))
        .title("Forge Desktop")
        .inner_size(1280.0, 860.0)
        .min_inner_size(480.0, 360.0)
        // A link to elsewhere, in a payload for instance, opens nothing here.
        .on_navigation(|to| to.as_str().starts_with(HOME))
        .build()?;
    Ok(())
}

/// Answers what the window asks for.
pub(crate) async fn answer<B: Sync>(request: &Request<B>) -> Response<Vec<u8>> {
    let path = request.uri().path();
    let (kind, body) = match path {
        "/" => ("text/html; charset=utf-8", PAGE.into()),
        "/bar.css" => ("text/css; charset=utf-8", BAR_STYLE.into()),
        "/desk.css" => ("text/css; charset=utf-8", STYLE.into()),
        "/desk.js" => ("text/javascript; charset=utf-8", SCRIPT.into()),
        _ if path == "/panel" || path.starts_with("/panel/") => return panel(path).await,
        _ => {
            let mut none = made("text/plain; charset=utf-8", Vec::new());
            *none.status_mut() = StatusCode::NOT_FOUND;
            return none;
        }
    };
    made(kind, body)
}

fn made(kind: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The panel and its files, with the bar around its page.
async fn panel(path: &str) -> Response<Vec<u8>> {
    let Ok(request) = Request::builder().uri(path).body(()) else {
        return made("text/plain; charset=utf-8", Vec::new());
    };
    let Ok(response) = PanelService::new("/panel", "").call(request).await;
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let mut body = body.to_bytes().to_vec();
    let is_page =
        parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        let text = String::from_utf8_lossy(&body);
        let text = text.replacen("</head>", "<link rel=\"stylesheet\" href=\"/bar.css\">\n</head>", 1);
        body = text.replacen("<body>", &format!("<body>{BAR}"), 1).into_bytes();
    }
    parts.headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Response<Vec<u8>> {
        tauri::async_runtime::block_on(answer(&Request::builder().uri(path).body(()).unwrap()))
    }

    #[test]
    fn every_page_has_the_policy_and_none_has_inline_scripts_or_styles() {
        for path in ["/", "/panel/", "/panel/jobs"] {
            let response = get(path);
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
            let text = String::from_utf8_lossy(response.body()).into_owned();
            assert!(
                !text.contains("<script>") && !text.contains("style=") && !text.contains("onclick"),
                "{path}"
            );
            assert!(text.contains("/bar.css"), "{path}");
            // The page's own style says how elements look, and those of the panel are its own affair.
            assert_eq!(text.contains("/desk.css"), path == "/", "{path}");
        }
        assert!(!POLICY.contains("unsafe-inline") && !POLICY.contains("'unsafe-eval'"));
        assert_eq!(get("/panelx").status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/../etc/passwd").status(), StatusCode::NOT_FOUND);
    }
}

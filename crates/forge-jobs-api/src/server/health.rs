//! `/healthz` and `/readyz`: for whatever starts and stops the server. They need no token and say nothing but yes or no.

use crate::service::Api;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The database is asked this often at most, however often the server is.
const ASK: Duration = Duration::from_secs(1);
/// A database that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether requests should be sent here.
pub struct Readiness {
    api: Api,
    closing: CancellationToken,
    latest: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Ready while the database answers within 3 s, until `closing` is cancelled. It is asked once a second at most.
    #[must_use]
    pub fn new(api: Api, closing: CancellationToken) -> Self {
        Self { api, closing, latest: Mutex::new(None) }
    }

    async fn is_ready(&self) -> bool {
        if self.closing.is_cancelled() {
            return false;
        }
        let mut latest = self.latest.lock().await;
        if let Some((at, ready)) = *latest
            && at.elapsed() < ASK
        {
            return ready;
        }
        let ready = matches!(tokio::time::timeout(PATIENCE, self.api.ping()).await, Ok(Ok(())));
        *latest = Some((Instant::now(), ready));
        ready
    }
}

fn answer(yes: bool) -> Response {
    let (status, text) =
        if yes { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "no\n") };
    (status, [(CACHE_CONTROL, "no-store")], text).into_response()
}

/// `/healthz`, which says that the process answers at all, and `/readyz`, which says whether requests should be sent here:
/// 200, or 503. Without a token, whoever asks.
pub fn health(readiness: Readiness) -> Router {
    let readiness = Arc::new(readiness);
    Router::new().route("/healthz", get(async || answer(true))).route(
        "/readyz",
        get(move || {
            let readiness = Arc::clone(&readiness);
            async move { answer(readiness.is_ready().await) }
        }),
    )
}

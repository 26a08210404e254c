//! The whole shop as one router: its own pages, its login, and behind that the queue's panel and API.

use crate::database::Database;
use crate::{login, orders};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use forge_jobs::Enqueuer;
use forge_jobs_api::http::{self, Hosts, Options, trusting};
use forge_jobs_api::server::{Readiness, health};
use forge_jobs_api::service::Api;
use forge_jobs_ui::serve::PanelService;
use std::error::Error;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What requests share.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) database: Database,
    pub(crate) enqueuer: Arc<Enqueuer>,
}

/// How the queue's API behaves here: it takes the caller from the login of the shop. Behind a proxy the names that the
/// shop is called by belong into `Hosts::Only`.
pub(crate) fn options(closing: CancellationToken) -> Options {
    Options::new(trusting(), Hosts::loopback()).mounted_at("/ops").closing_with(closing)
}

pub(crate) fn router(
    database: &Database,
    enqueuer: Arc<Enqueuer>,
    options: Options,
    closing: CancellationToken,
) -> Router {
    let shop = Shop { database: database.clone(), enqueuer };
    let api = Api::new(database.queue.clone().into_bundle());
    let ready = Readiness::new(api.clone(), closing);
    // The queue's API and its panel, behind the login of the shop.
    let ops = http::router(api, options)
        .nest_service("/panel", PanelService::with_login_page("/ops/panel", "/ops/api/v1", "/login"))
        .layer(from_fn_with_state(shop.clone(), login::guard));
    Router::new()
        .route("/", get(orders::page))
        .route("/orders", post(orders::order))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out))
        .with_state(shop)
        .nest("/ops", ops)
        .merge(health(ready))
}

/// What went wrong is for the log, not for the caller.
pub(crate) fn failed(error: &dyn Error) -> Response {
    eprintln!("a request failed: {error}");
    (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong\n").into_response()
}

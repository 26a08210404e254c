//! The API over HTTP: a router to mount into an application, under any prefix.
//!
//! Every request takes the same way, whether there is a route for it or not: host, caller, origin, role, then the
//! handler (`dispatch`). What a route needs of its caller stands in the one table (`routes`) that also makes the
//! OpenAPI document; there is no other way to add one.

mod auth;
mod body;
mod call;
mod dispatch;
mod events;
mod handlers;
mod headers;
mod hosts;
mod local;
mod look;
mod openapi;
mod options;
mod origin;
mod reply;
mod route;
mod routes;

pub use auth::{
    Authenticator, NewToken, Open, Principal, Proof, Refused, Session, TokenFileError, Tokens, trusting,
};
pub use hosts::Hosts;
pub use local::{Local, LocalAnswer, LocalRequest};
pub use openapi::document;
pub use options::{HttpLimits, Options, Scrapes, Writes};
pub use route::Access;
pub use routes::{RouteInfo, inventory};

use crate::service::Api;
use axum::Router;
use axum::routing::any;
use dispatch::{Shared, Site};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What all paths of the API begin with, below the prefix that the router is mounted under.
pub const API_PREFIX: &str = "/api/v1";

/// The API as a router, for [`Router::nest`] and [`Router::merge`] of an application, or for
/// [`Server`](crate::server::Server).
///
/// All of it is behind the [`Authenticator`] of the options, unknown paths too. Who reads metrics adds up first what
/// happened since, see [`Api::rolling`].
///
/// In an application that has logged its callers in already, by a layer that puts a [`Principal`] into the extensions of
/// requests:
///
/// ```no_run
/// use axum::Router;
/// use forge_jobs_api::http::{Hosts, Options, router, trusting};
/// use forge_jobs_api::service::Api;
///
/// # fn application(storage: forge_jobs::Storage) -> Router {
/// let options = Options::new(trusting(), Hosts::Any).mounted_at("/ops/jobs");
/// let app = Router::new().nest("/ops/jobs", router(Api::new(storage), options));
/// # app
/// # }
/// ```
pub fn router(api: Api, options: Options) -> Router {
    let mut sites: BTreeMap<&'static str, Site> = BTreeMap::new();
    for route in routes::all() {
        if options.allows(&route) {
            sites.entry(route.path).or_default().add(route);
        }
    }
    let scrapes = routes::scrape(options.scrapes);
    let shared = Arc::new(Shared::new(api.rolling_by_default(), options));
    let nowhere = Arc::new(Site::default());
    let endpoint = |site: Site| {
        let (shared, site) = (Arc::clone(&shared), Arc::new(site));
        any(move |request| dispatch::answer(Arc::clone(&shared), Arc::clone(&site), request))
    };
    let mut router = Router::new();
    for (path, site) in sites {
        router = router.route(&format!("{API_PREFIX}{path}"), endpoint(site));
    }
    if let Some(route) = scrapes {
        let (path, mut site) = (route.path, Site::default());
        site.add(route);
        router = router.route(path, endpoint(site));
    }
    router.fallback(move |request| dispatch::answer(shared, nowhere, request))
}

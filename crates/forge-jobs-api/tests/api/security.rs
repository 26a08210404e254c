//! What is closed by default.

use crate::http::Ask;
use crate::rig::{Place, Plan, Rig};
use forge_jobs_api::http::{Hosts, HttpLimits, NewToken, Open, Options, Tokens, router};
use forge_jobs_api::server::{BindError, Exposure, Readiness, Server, health};
use forge_jobs_api::wire::Role;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_server_without_tokens_listens_on_loopback_alone() {
    let open = Options::new(Arc::new(Open), Hosts::loopback());
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let addr: SocketAddr = addr.parse().unwrap();
        let e = Server::bind(addr, &open, Exposure::Closed).await.unwrap_err();
        assert!(matches!(e, BindError::Exposed { .. }), "{e}");
    }
    Server::bind("127.0.0.1:0".parse().unwrap(), &open, Exposure::Closed).await.unwrap();
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    Server::bind(any, &open, Exposure::Insecure).await.unwrap();
    let line = NewToken::make("ada", Role::Viewer, None).unwrap().line;
    let closed = Options::new(Arc::new(Tokens::parse(&line).unwrap()), Hosts::loopback());
    Server::bind(any, &closed, Exposure::Closed).await.unwrap();
}

#[tokio::test]
async fn an_address_that_guesses_has_to_wait() {
    fn few(options: Options) -> Options {
        let mut limits = HttpLimits::default();
        limits.wrong_tokens = 3;
        options.with_limits(limits)
    }
    let rig = Rig::start(Place::file(), Plan { options: few, ..Plan::default() }).await;
    let me = |token: &str| Ask::new("GET", "/api/v1/me").token(token);
    for _ in 0..3 {
        assert_eq!(me("guess").send(rig.addr).await.status, 401);
    }
    // From now on it is not even told whether it guessed right.
    for token in ["guess", &rig.keys.admin] {
        let got = me(token).send(rig.addr).await;
        assert_eq!(got.status, 429, "{got:?}");
        assert!(got.header("retry-after").is_some());
    }
    rig.stop().await;
}

#[tokio::test]
async fn mounted_under_a_prefix_it_is_as_closed_as_by_itself() {
    let place = Place::file();
    let api = forge_jobs_api::service::Api::new(place.open().await);
    let made = NewToken::make("ada", Role::Viewer, None).unwrap();
    let closing = CancellationToken::new();
    let tokens = Arc::new(Tokens::parse(&made.line).unwrap());
    let options = Options::new(tokens, Hosts::loopback()).mounted_at("/ops/jobs");
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), &options, Exposure::Closed).await.unwrap();
    let addr = server.addr();
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || "mine"))
        .nest("/ops/jobs", router(api.clone(), options))
        .merge(health(Readiness::new(api, closing.clone())));
    let running = tokio::spawn(server.run(app, closing.clone(), std::time::Duration::from_secs(5)));
    let ask = async |target: &str| Ask::new("GET", target).token(&made.token).send(addr).await.status;
    assert_eq!(ask("/").await, 200);
    assert_eq!(ask("/ops/jobs/api/v1/me").await, 200);
    assert_eq!(ask("/ops/jobs/api/v1/nosuch").await, 404);
    for target in ["/ops/jobs/api/v1/me", "/ops/jobs/api/v1/nosuch", "/ops/jobs/x"] {
        assert_eq!(Ask::new("GET", target).send(addr).await.status, 401, "{target}");
    }
    for target in ["/healthz", "/readyz"] {
        assert_eq!(
            Ask::new("GET", target).header("Host", "10-0-0-1.pod.example").send(addr).await.status,
            200
        );
    }
    closing.cancel();
    running.await.unwrap();
}

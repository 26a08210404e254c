//! The API and the panel beside the demo, for this machine alone.

use crate::cmd::with_panel;
use crate::exit::Failure;
use crate::output::say;
use forge_jobs::Storage;
use forge_jobs_api::http::{Hosts, Open, Options, router};
use forge_jobs_api::server::{Exposure, Server};
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::ErrorCode;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The port of `forge serve`; another one if it is taken.
const PORT: u16 = 7419;
/// Time for requests to end.
const GRACE: Duration = Duration::from_secs(1);

/// A server that runs until it is dropped.
pub(super) struct Shown {
    closing: CancellationToken,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Begins to serve, and says where.
pub(super) async fn start(storage: Storage, listen: Option<SocketAddr>) -> Result<Shown, Failure> {
    let closing = CancellationToken::new();
    let options = Options::new(Arc::new(Open), Hosts::Only(Vec::new())).closing_with(closing.clone());
    let own = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound =
        match (listen, Server::bind(listen.unwrap_or_else(|| own(PORT)), &options, Exposure::Closed).await) {
            (None, Err(_)) => Server::bind(own(0), &options, Exposure::Closed).await,
            (_, bound) => bound,
        };
    let server = bound.map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
    let addr = server.addr();
    let app = with_panel(router(Api::new(storage), options));
    // It ends with the token; what it still has to say then is for nobody.
    tokio::spawn(server.run(app, closing.clone(), GRACE));
    if forge_jobs_ui::serve::is_built() {
        say(&format!("see it at http://{addr}/panel"));
    } else {
        say(&format!("the API is at http://{addr}/api/v1; http://{addr}/panel says how to build the panel"));
    }
    Ok(Shown { closing })
}

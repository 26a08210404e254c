//! `forge serve`: the HTTP API and the panel, with workers beside them if wanted.

use super::serve_options::{Access, Bounds};
use super::with_panel;
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, say};
use crate::signals::{Signals, stop};
use crate::worker::handlers;
use crate::worker::ledger::Ledger;
use forge_jobs::limits::SHUTDOWN_TIMEOUT;
use forge_jobs::{
    DefaultRouter, HandlerRegistry, NoopEcho, QueueHandle, QueueRuntime, RuntimeConfig, Storage,
};
use forge_jobs_api::http::{Scrapes, router};
use forge_jobs_api::server::{Readiness, Server, health};
use forge_jobs_api::service::Api;
use forge_jobs_api::wire::{ErrorCode, Served};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const AFTER_HELP: &str = "\
Without --tokens everybody who reaches the server may do everything, so it listens on loopback addresses alone. `forge \
token` makes tokens. /healthz and /readyz need none. /metrics is for Prometheus, which sends a token like all the others.

Ctrl-C or SIGTERM stops it in good order: no more connections are taken, requests and jobs under way may end.

Examples:
  forge serve
  forge token ada --role operator --file tokens
  forge serve --listen 0.0.0.0:7419 --tokens tokens --host jobs.example.com --worker";

/// Serve the HTTP API and the panel until told to stop.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", env = "FORGE_LISTEN", default_value = "127.0.0.1:7419")]
    listen: SocketAddr,

    #[command(flatten)]
    access: Access,

    #[command(flatten)]
    bounds: Bounds,

    /// Let anybody who reaches the server read /metrics, without a token
    #[arg(long, env = "FORGE_OPEN_METRICS")]
    open_metrics: bool,

    /// Run jobs too, as `forge worker` does: of the kind `noop_echo`, in all queues
    #[arg(long, env = "FORGE_WORKER")]
    worker: bool,

    /// Run the test handlers too; goes with --worker
    #[arg(long, requires = "worker")]
    test_handlers: bool,

    /// Time for requests and running jobs to end when told to stop [default: 25000]
    #[arg(long, value_name = "MS", env = "FORGE_SHUTDOWN_MS")]
    shutdown_ms: Option<u64>,
}

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    raise_open_files();
    let mut signals = Signals::listen()
        .map_err(|e| Failure::new(ErrorCode::Failed, format!("signals cannot be listened to: {e}")))?;
    let closing = CancellationToken::new();
    let scrapes = if args.open_metrics { Scrapes::ByAnybody } else { Scrapes::ByCallers };
    let options = args.access.options()?.with_scrapes(scrapes);
    let options = options.with_limits(args.bounds.of_requests()).closing_with(closing.clone());
    // Before the database is opened: whoever cannot listen has no business there.
    let server = Server::bind(args.listen, &options, args.access.exposure())
        .await
        .map_err(|e| Failure::of(ErrorCode::Failed, &e))?
        .with_limits(args.bounds.of_connections());
    let addr = server.addr();
    let storage = database.open_lasting().await?;
    let worker =
        if args.worker { Some(start_worker(storage.clone(), args.test_handlers).await?) } else { None };
    let api = Api::new(storage);
    let readiness = Readiness::new(api.clone(), closing.clone());
    let app = with_panel(router(api, options).merge(health(readiness)));
    let grace = args.shutdown_ms.map_or(SHUTDOWN_TIMEOUT, Duration::from_millis);
    let serving = tokio::spawn(server.run(app, closing.clone(), grace));
    say(&format!("serving {} on http://{addr}; Ctrl-C stops it", database.describe()?));
    if forge_jobs_ui::serve::is_built() {
        say(&format!("the panel is at http://{addr}/panel"));
    }
    signals.next().await;
    say("stopping");
    closing.cancel();
    let clean = match &worker {
        Some(handle) => stop(handle, &mut signals, grace).await.still_running.is_empty(),
        None => true,
    };
    // A second signal ends the wait for requests as well.
    let cut_off = tokio::select! {
        ended = serving => ended.unwrap_or_default(),
        () = signals.next() => return Ok(Exit::Failed),
    };
    let answer = Served { cut_off: u64::try_from(cut_off).unwrap_or(u64::MAX) };
    out.answer(&answer, |a| format!("{} connections were cut off\n", a.cut_off))?;
    Ok(if clean { Exit::Ok } else { Exit::Failed })
}

/// As many open files as the system allows: each connection is one, and shells give few by default.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused stays as it was.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(not(unix))]
const fn raise_open_files() {}

async fn start_worker(storage: Storage, test_handlers: bool) -> Result<QueueHandle, Failure> {
    let mut registry = HandlerRegistry::new();
    registry.register(NoopEcho);
    if test_handlers {
        handlers::register(&mut registry, &Ledger::default());
    }
    let config = RuntimeConfig::default().with_version(env!("CARGO_PKG_VERSION"));
    Ok(QueueRuntime::new(storage, registry, Arc::new(DefaultRouter)).with_config(config).start().await?)
}

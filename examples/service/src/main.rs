//! A small shop: orders come in over HTTP, and jobs write the invoices and send the mails.
//!
//! `app.rs` puts it together, `orders.rs` enqueues in the shop's own transactions, `jobs.rs` runs what was enqueued,
//! `login.rs` is the shop's own login, behind which the panel and the API of the queue are.

mod app;
mod database;
mod jobs;
mod login;
mod orders;

use clap::{Parser, Subcommand};
use database::Database;
use forge_jobs::limits::SHUTDOWN_TIMEOUT;
use forge_jobs::{DefaultRouter, QueueRuntime, RuntimeConfig};
use forge_jobs_api::server::{Exposure, Server};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::prelude::*;

/// The shop: one replica of it, or an order to it.
#[derive(Debug, Parser)]
struct Args {
    /// Where everything is kept
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database: String,

    /// Where to listen; port 0 is any free one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// How long a mail takes: there is no mail server, so that is made up
    #[arg(long, env = "MAIL_MS", default_value = "50")]
    mail_ms: u64,

    #[command(subcommand)]
    order: Option<Order>,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Let a person in, and print the code to log in with
    Person {
        /// Who
        name: String,
        /// What they may do: viewer, operator or admin
        role: String,
    },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_filter(tracing_subscriber::filter::LevelFilter::WARN),
        )
        .with(forge_jobs::logs::JobLogs::new().up_to(tracing_subscriber::filter::LevelFilter::INFO))
        .init();
    let database = Database::open(&args.database).await?;
    match &args.order {
        Some(Order::Person { name, role }) => {
            println!("{}", login::add(&database.shop, name, role).await?);
            Ok(())
        }
        None => serve(&args, database).await,
    }
}

/// One replica, until it is told to stop.
async fn serve(args: &Args, database: Database) -> Result<(), Box<dyn Error>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let handlers = jobs::handlers(&database, Duration::from_millis(args.mail_ms));
    let config = RuntimeConfig::default().with_program("shop").with_version(env!("CARGO_PKG_VERSION"));
    let runtime = QueueRuntime::new(database.queue.clone().into_bundle(), handlers, Arc::new(DefaultRouter))
        .with_config(config)
        .schedule(jobs::housekeeping());
    runtime.ensure_queue("invoices", 4).await?;
    runtime.ensure_queue("mail", 2).await?;

    let closing = CancellationToken::new();
    let options = app::options(closing.clone());
    let server = Server::bind(args.listen, &options, Exposure::Closed).await?;
    let addr = server.addr();
    let app = app::router(&database, runtime.enqueuer(), options, closing.clone());
    let handle = runtime.start().await?;
    let mut serving = tokio::spawn(server.run(app, closing.clone(), SHUTDOWN_TIMEOUT));
    eprintln!("the shop is open on http://{addr}");

    let ended = tokio::select! {
        _ = term.recv() => None,
        _ = int.recv() => None,
        // Without its pages a replica is none: whoever watches over it is to start another.
        ended = &mut serving => Some(ended),
    };
    // No new requests and no new jobs; what is under way may end, and what does not in time goes to another replica.
    closing.cancel();
    let report = handle.shutdown_graceful(SHUTDOWN_TIMEOUT).await;
    let told = ended.is_none();
    let cut = match ended {
        None => serving.await?,
        Some(ended) => ended?,
    };
    let (finished, back) = (report.finished, report.handed_back);
    eprintln!("closed: {finished} jobs finished, {back} handed back, {cut} connections cut");
    if told { Ok(()) } else { Err("the server ended before anybody told it to".into()) }
}

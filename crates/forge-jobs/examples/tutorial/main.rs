//! Sends mail in the background, not too much of it at a time, and a digest every morning. The tutorial's program.

use forge_jobs::rate_limit::RateLimit;
use forge_jobs::storage::DatabaseConfig;
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobContext, JobOutcome, JobPayload, QueueRuntime,
    RuntimeConfig, Schedule, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// What is to be done: one mail.
#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

impl JobPayload for Mail {
    const KIND: &'static str = "mail.send";
}

/// Who does it.
struct Mailer;

impl TypedHandler for Mailer {
    type Payload = Mail;

    async fn run(&self, ctx: JobContext, mail: Mail) -> JobOutcome {
        JobOutcome::of(send(&ctx, &mail).await)
    }
}

/// How. An error that `?` returns is a failed attempt; other ends are said by an outcome.
async fn send(ctx: &JobContext, mail: &Mail) -> Result<(), JobOutcome> {
    // A stand-in for a mail server: it turns Bob's mail away at first.
    if mail.to == "bob" && ctx.attempt() == 1 {
        return Err(JobOutcome::Failed("the mail server said: 421 try again later".into()));
    }
    // Waits for its turn. A cancel ends the wait.
    ctx.rate_limit.acquire("smtp").await?;
    println!("mail to {} at attempt {}", mail.to, ctx.attempt());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What the queue has to tell, an attempt that failed for instance.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    // Settings and database: in the directory that the program is started in.
    let storage = DatabaseConfig::load(".")?.open_storage(".").await?;
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(Mailer);
    // At seven on weekdays, whatever the clocks do.
    let digest = EnqueueRequest::of(&Mail { to: "everybody".into() });
    let digest = Schedule::new("digest", "0 7 * * MON-FRI", digest).in_zone("Europe/Berlin");
    // Shown with processes, attempts and errors.
    let config = RuntimeConfig::default().with_version(env!("CARGO_PKG_VERSION"));
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    let runtime = runtime.with_config(config).schedule(digest);
    runtime.ensure_queue("default", 4).await?;
    // Two mails in any two seconds, from all processes together.
    runtime.ensure_limit("smtp", RateLimit::new(2, Duration::from_secs(2))).await?;

    // With names it enqueues a mail for each; without, it works.
    let names: Vec<String> = std::env::args().skip(1).collect();
    if !names.is_empty() {
        for to in names {
            let job = runtime.enqueue(EnqueueRequest::of(&Mail { to })).await?;
            println!("{job}");
        }
        return Ok(());
    }

    let handle = runtime.start().await?;
    println!("working until Ctrl-C");
    tokio::signal::ctrl_c().await?;
    handle.shutdown_graceful(Duration::from_secs(25)).await;
    Ok(())
}

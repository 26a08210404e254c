//! Sends mail in the background, not too much of it at a time, and a digest every morning. The tutorial's program.

use forge_jobs::rate_limit::RateLimit;
use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobContext, JobOutcome, JobPayload, QueueRuntime,
    Schedule, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings and database: in the directory that the program is started in.
struct Here;

impl QueuePaths for Here {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(PathBuf::from("."))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Ok(PathBuf::from("."))
    }
}

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
        // A stand-in for a mail server: it turns Bob's mail away at first.
        if mail.to == "bob" && ctx.attempt() == 1 {
            return JobOutcome::Failed("the mail server said: 421 try again later".into());
        }
        // Waits for its turn. A cancel ends the wait.
        if let Err(e) = ctx.rate_limit.acquire("smtp").await {
            return JobOutcome::Failed(e.to_string());
        }
        println!("mail to {} at attempt {}", mail.to, ctx.attempt());
        JobOutcome::Done
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = DatabaseConfig::load(&Here)?.open_storage(&Here).await?;
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(Mailer);
    // At seven on weekdays, whatever the clocks do.
    let digest = EnqueueRequest::of(&Mail { to: "everybody".into() });
    let digest = Schedule::new("digest", "0 7 * * MON-FRI", digest).in_zone("Europe/Berlin");
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter)).schedule(digest);
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

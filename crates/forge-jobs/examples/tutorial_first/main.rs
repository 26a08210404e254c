//! Sends mail in the background. The tutorial's first program.

use forge_jobs::storage::DatabaseConfig;
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerRegistry, JobContext, JobOutcome, JobPayload, QueueRuntime,
    TypedHandler,
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
        // A stand-in for a mail server: it turns Bob's mail away at first.
        if mail.to == "bob" && ctx.attempt() == 1 {
            return JobOutcome::Failed("the mail server said: 421 try again later".into());
        }
        println!("mail to {} at attempt {}", mail.to, ctx.attempt());
        JobOutcome::Done
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What the queue has to tell, an attempt that failed for instance.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    // Settings and database: in the directory that the program is started in.
    let storage = DatabaseConfig::load(".")?.open_storage(".").await?;
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(Mailer);
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 4).await?;

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

//! A payload that is a type: encoded when enqueued, decoded before the handler runs.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{
    DefaultRouter, EnqueueRequest, HandlerOptions, HandlerRegistry, JobContext, JobOutcome, JobPayload,
    QueueRuntime, TypedHandler,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
    subject: String,
}

impl JobPayload for SendMail {
    const KIND: &'static str = "mail.send";
}

struct Mailer;

impl TypedHandler for Mailer {
    type Payload = SendMail;

    fn options(&self) -> HandlerOptions {
        HandlerOptions::default().with_time_limit(Duration::from_secs(30))
    }

    async fn run(&self, _ctx: JobContext, mail: SendMail) -> JobOutcome {
        println!("to {}: {}", mail.to, mail.subject);
        JobOutcome::Done
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed(Mailer);
    let runtime = QueueRuntime::new(storage.clone(), handlers, Arc::new(DefaultRouter));

    let mail = SendMail { to: "ada@example.org".into(), subject: "hello".into() };
    runtime.enqueue(EnqueueRequest::of(&mail)).await?;
    // What does not decode is dead as `undecodable`; the handler never sees it.
    let odd = runtime.enqueue(EnqueueRequest::new(SendMail::KIND, [1, 2, 3])).await?;

    let handle = runtime.start().await?;
    handle.drained().await?;
    if let Some(job) = storage.inspect.job(odd.id).await? {
        println!("{} ({:?}): {}", job.status, job.dead_reason, job.error.unwrap_or_default());
    }
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

//! A schedule of the program's own, one that is made while it runs, and a fire out of turn.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime, Schedule};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let (ran, mut runs) = mpsc::unbounded_channel();
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed_fn_as("say", move |_, word: String| {
        let _ = ran.send(word);
        async { JobOutcome::Done }
    });
    // Declared in code: a deploy keeps it as the code says, unless a person has edited it.
    let nightly = Schedule::new("nightly", "30 3 * * *", EnqueueRequest::new("say", "good night"));
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter))
        .schedule(nightly.in_zone("Europe/Berlin"));
    let handle = runtime.start().await?;

    // Made at run time: six fields have seconds in front.
    let schedules = runtime.schedules();
    schedules.put(Schedule::new("tick", "* * * * * *", EnqueueRequest::new("say", "tick"))).await?;
    let tick = runs.recv().await.ok_or("the handler is gone")?;
    println!("{tick}");
    schedules.remove("tick").await?;

    // Out of turn; the next fire stays where it is.
    schedules.run_now("nightly").await?;
    while let Some(word) = runs.recv().await {
        println!("{word}");
        if word == "good night" {
            break;
        }
    }
    for row in schedules.list().await?.schedules {
        println!("{}: next at {:?}", row.name, row.next_fire_at().map(|at| at.to_string()));
    }
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

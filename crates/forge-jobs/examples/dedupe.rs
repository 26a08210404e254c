//! One job per key, the last request wins, and an enqueue that can be sent twice.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{
    Dedupe, DedupeStates, DefaultRouter, EnqueueRequest, HandlerRegistry, JobId, NoopEcho, QueueRuntime,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    let runtime = QueueRuntime::new(storage, HandlerRegistry::new(), Arc::new(DefaultRouter));

    let sync = || EnqueueRequest::new(NoopEcho::KIND, "user 7").with_dedupe_key("sync:7");
    let first = runtime.enqueue(sync()).await?;
    let second = runtime.enqueue(sync()).await?;
    println!(
        "first: {}; second: {}, it stands for {}",
        first.outcome.as_str(),
        second.outcome.as_str(),
        second.id
    );
    assert_eq!(first.id, second.id);

    // While it waits, the last request wins; once it runs, the next one is a job of its own.
    let save = |text: &str| {
        let key = Dedupe::new("page:3").in_states(DedupeStates::WAITING).replacing();
        EnqueueRequest::new(NoopEcho::KIND, text).with_dedupe(key).with_delay(Duration::from_secs(5))
    };
    let draft = runtime.enqueue(save("draft")).await?;
    let edited = runtime.enqueue(save("edited")).await?;
    println!("{}, {}: the same job", draft.outcome.as_str(), edited.outcome.as_str());
    assert_eq!(draft.id, edited.id);

    // An id of one's own makes an enqueue safe to repeat when its outcome is unknown.
    let id = JobId::new();
    let paid = || EnqueueRequest::new(NoopEcho::KIND, "order 12 is paid").with_id(id);
    println!("{}", runtime.enqueue(paid()).await?.outcome.as_str());
    println!("{}", runtime.enqueue(paid()).await?.outcome.as_str());
    Ok(())
}

//! Jobs of one account never run at the same time; those of others do.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::open_in_memory(SqliteOptions::default()).await?.into_bundle();
    // Per account: how many run now, and the most that ever did.
    let running = Arc::new(Mutex::new(HashMap::<String, (u32, u32)>::new()));
    let mut handlers = HandlerRegistry::new();
    handlers.register_typed_fn_as("account.sync", {
        let running = running.clone();
        move |_, account: String| {
            let running = running.clone();
            async move {
                {
                    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                    let (now, most) = running.entry(account.clone()).or_default();
                    *now += 1;
                    *most = (*most).max(*now);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                if let Some((now, _)) =
                    running.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&account)
                {
                    *now -= 1;
                }
                JobOutcome::Done
            }
        }
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
    for n in 0..30 {
        let account = ["ada", "bob", "eve"][n % 3];
        let sync = EnqueueRequest::new("account.sync", account).with_concurrency_key(account);
        runtime.enqueue(sync).await?;
    }
    let handle = runtime.start().await?;
    handle.drained().await?;
    let running = running.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (account, (_, most)) in &running {
        println!("{account}: at most {most} at a time");
    }
    assert!(running.len() == 3 && running.values().all(|(_, most)| *most == 1));
    handle.shutdown_graceful(Duration::from_secs(5)).await;
    Ok(())
}

//! A job that is enqueued in the program's own transaction: both are there, or neither.

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage, rusqlite};
use forge_jobs::{DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, QueueRuntime};
use rusqlite::{Connection, TransactionBehavior};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("forge-transactional-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let file = dir.join("shop.db");

    // The program's own tables, on a connection of its own.
    let mut shop = Connection::open(&file)?;
    shop.busy_timeout(Duration::from_secs(5))?;
    shop.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT NOT NULL)")?;

    // The queue in the same file.
    let storage = SqliteStorage::open(&file, SqliteOptions::default().share_file()).await?;
    let mut handlers = HandlerRegistry::new();
    let (tell, mut shipped) = tokio::sync::mpsc::unbounded_channel();
    handlers.register_fn("order.ship", move |job| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(job.payload().as_str().to_owned());
            JobOutcome::Done
        }
    });
    let runtime = QueueRuntime::new(storage.clone().into_bundle(), handlers, Arc::new(DefaultRouter));
    runtime.ensure_queue("default", 2).await?;
    let handle = runtime.start().await?;

    // `false`: something goes wrong after the job was enqueued.
    for (order, goes_well) in [(11, false), (12, true)] {
        let tx = shop.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("INSERT INTO orders VALUES (?1, 'paid')", [order])?;
        let request = EnqueueRequest::new("order.ship", order);
        let job = runtime.enqueuer().blocking_enqueue_in(storage.within(&tx), request)?;
        if goes_well {
            tx.commit()?;
            println!("order {order}: job {job}");
        } else {
            tx.rollback()?;
            println!("order {order}: nothing happened");
        }
    }
    println!("shipped: order {}", shipped.recv().await.unwrap_or_default());

    handle.shutdown_graceful(Duration::from_secs(5)).await;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

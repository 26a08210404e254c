//! One database for both: the shop's tables, and beside them the queue's schema.

use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::error::Error;
use std::sync::Arc;

/// The key of the lock under which replicas that start together make the tables one after the other.
const LOCK: i64 = 7_419_080;

/// The shop's tables and the queue.
#[derive(Clone)]
pub(crate) struct Database {
    /// The shop's own connections.
    pub(crate) shop: PgPool,
    /// The queue.
    pub(crate) queue: Arc<PostgresStorage>,
}

impl Database {
    /// Connects, and makes what is missing.
    pub(crate) async fn open(url: &str) -> Result<Self, Box<dyn Error>> {
        let shop = PgPoolOptions::new().max_connections(8).connect(url).await?;
        let mut tx = shop.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *tx).await?;
        tx.commit().await?;
        let config = PostgresConfig::from_url(url)?;
        let queue = PostgresStorage::open(&config, Purpose::Migrate).await?;
        Ok(Self { shop, queue })
    }
}

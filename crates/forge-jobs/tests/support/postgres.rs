//! Databases on the test server, each a copy of a migrated template.

use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_test_cluster::{Databases, TestDatabase};
use std::sync::Arc;

/// The text of all migrations: when it changes, the template is made anew.
fn fingerprint() -> String {
    forge_jobs::storage::postgres::schema_sql("forge")
}

/// A new, migrated database.
pub(crate) async fn fresh() -> TestDatabase<'static> {
    let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
    let template = databases
        .template("forge_jobs", &fingerprint(), |url| async move {
            let config = PostgresConfig::from_url(&url).map_err(|e| e.to_string())?;
            PostgresStorage::open(&config, Purpose::Migrate).await.map(drop).map_err(|e| e.to_string())
        })
        .await
        .unwrap();
    databases.fresh(Some(&template)).await.unwrap()
}

/// A storage on a database, with few connections: many tests run beside each other.
pub(crate) async fn open(url: &str) -> Arc<PostgresStorage> {
    let config = PostgresConfig::from_url(url).unwrap().with_connections(3).unwrap();
    PostgresStorage::open(&config.with_read_connections(1).unwrap(), Purpose::Use).await.unwrap()
}

//! The shared storage against the rules: straight to the server, and through a pooler in transaction mode.

#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/postgres.rs"]
mod databases;

use forge_jobs::Storage;
use forge_jobs::conformance::{Harness, async_trait};
use forge_test_cluster::TestDatabase;

struct Direct {
    storage: Storage,
    _database: TestDatabase<'static>,
}

#[async_trait]
impl Harness for Direct {
    async fn fresh() -> Self {
        let database = databases::fresh().await;
        Self { storage: databases::open(database.url()).await.into_bundle(), _database: database }
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}

/// Through a pooler that has fewer connections to the server than the storage has to it.
struct Pooled {
    storage: Storage,
    _database: TestDatabase<'static>,
}

#[async_trait]
impl Harness for Pooled {
    async fn fresh() -> Self {
        let database = databases::fresh().await;
        let url = tokio::task::block_in_place(|| database.bouncer_url()).unwrap();
        Self { storage: databases::open(&url).await.into_bundle(), _database: database }
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}

mod direct {
    use super::*;
    forge_jobs::conformance_tests!(Direct);
}

mod pooled {
    use super::*;
    forge_jobs::conformance_tests!(Pooled);
}

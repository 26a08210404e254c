//! The embedded storage against the rules: on a file, and in memory.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::Storage;
use forge_jobs::conformance::{Harness, async_trait};
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use tempfile::TempDir;

struct File {
    _dir: TempDir,
    storage: Storage,
}

#[async_trait]
impl Harness for File {
    async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage =
            SqliteStorage::open(dir.path().join("jobs.db"), SqliteOptions::default().normal()).await;
        Self { _dir: dir, storage: storage.unwrap().into_bundle() }
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}

struct Memory(Storage);

#[async_trait]
impl Harness for Memory {
    async fn fresh() -> Self {
        Self(SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap().into_bundle())
    }

    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

mod file {
    use super::*;
    forge_jobs::conformance_tests!(File);
}

mod memory {
    use super::*;
    forge_jobs::conformance_tests!(Memory);
}

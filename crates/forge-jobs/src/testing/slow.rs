//! A storage that takes its time on purpose.

use super::wrapped::{End, Hook, Operation, wrap};
use crate::Storage;
use crate::storage::StorageError;
use async_trait::async_trait;
use std::time::Duration;

/// Wraps a storage so that every call waits before it is carried out.
#[derive(Debug)]
pub struct SlowStorage;

impl SlowStorage {
    /// The wrapped storage.
    #[must_use]
    pub fn wrap(inner: Storage, delay: Duration) -> Storage {
        wrap(inner, Delay(delay))
    }
}

struct Delay(Duration);

#[async_trait]
impl Hook for Delay {
    async fn before(&self, _operation: Operation) -> Result<End, StorageError> {
        tokio::time::sleep(self.0).await;
        Ok(End::Answer)
    }
}

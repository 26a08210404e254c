//! `ProcessRegistry`: who is alive.

use super::{
    DeregisterParams, Heartbeat, HeartbeatParams, ReapParams, ReapReport, RegisterParams, StorageError,
};
use async_trait::async_trait;

/// Who is alive, and what becomes of the jobs of those who are not.
#[async_trait]
pub trait ProcessRegistry: Send + Sync + 'static {
    /// Registers a boot of a process. Its claims are good from now until the registration ends.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] when the identity was registered before: make a new one per boot.
    async fn register(&self, params: RegisterParams) -> Result<(), StorageError>;

    /// Confirms that the process is alive, guarded by its registration. One row, whatever the process runs.
    async fn heartbeat(&self, params: HeartbeatParams) -> Result<Heartbeat, StorageError>;

    /// Ends the registration in good order and hands back what the process still holds, without charge.
    /// Returns how many jobs that were. Idempotent.
    async fn deregister(&self, params: DeregisterParams) -> Result<u32, StorageError>;

    /// Ends the registrations of dead processes and revives their jobs, in one transaction. Any process may call it
    /// at any time; idempotent. A claim whose process row is missing counts as one of a dead process.
    ///
    /// A crash makes the jobs of the process suspects and charges nothing; only a crash after a start that was
    /// written down first ([`ClaimMode::Alone`](super::ClaimMode::Alone)) is charged, and the third of those makes
    /// the job dead as `poison`.
    async fn reap(&self, params: ReapParams) -> Result<ReapReport, StorageError>;
}

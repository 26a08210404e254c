//! Services beside the line: each is a configuration, a `run_once` and a report; one shared loop runs them.

mod cleanup;
mod clocks;
mod meter;
mod reaper;
mod resources;
pub(crate) mod scheduler;

pub(crate) use cleanup::Cleanup;
pub(crate) use meter::Meter;
pub(crate) use reaper::Reaper;

use crate::runtime::Core;
use crate::storage::StorageError;
use crate::telemetry;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Something that a runtime does now and then.
#[async_trait]
pub(crate) trait Service: Send {
    /// For logs.
    fn name(&self) -> &'static str;

    /// Time between two rounds.
    fn interval(&self) -> Duration;

    /// Whether the first round comes at once instead of at a random point of the first interval.
    fn starts_at_once(&self) -> bool {
        false
    }

    /// One round.
    async fn run_once(&mut self) -> Result<(), StorageError>;
}

/// Runs a service until the runtime stops. A failed round is logged and the next one comes at its time.
pub(crate) async fn run(core: Arc<Core>, mut service: impl Service) {
    let mut ended = core.ended.subscribe();
    // Replicas that start together should not do everything together.
    let mut wait =
        if service.starts_at_once() { Duration::ZERO } else { service.interval().mul_f64(fastrand::f64()) };
    loop {
        tokio::select! {
            _ = ended.wait_for(|e| *e) => return,
            () = tokio::time::sleep(wait) => {}
        }
        let Some(_round) = core.begin_round().await else { return };
        if let Err(e) = service.run_once().await {
            telemetry::storage_failed(service.name(), &e);
        }
        wait = service.interval();
    }
}

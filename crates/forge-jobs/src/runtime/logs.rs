//! The way out for lines that handlers log: gathered, and stored for all attempts of this process in one call.
//!
//! It is apart from the way of outcomes: no job waits for its lines, and none is lost for them.

use super::core::Core;
use super::finish::in_time;
use crate::limits::{MAX_LOG_BATCH, MAX_LOG_BATCH_BYTES};
use crate::logs::AttemptLog;
use crate::storage::{LogChunk, RecordLogsParams};
use crate::telemetry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After an attempt with lines has ended: others that end just now share its write.
const GATHER: Duration = Duration::from_millis(20);
/// First and longest wait between two tries to store lines.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Lines that no storage took for so long are lost: what comes after them is worth more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stores lines as they come, for ever.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        core.logs.filled().await;
        tokio::select! {
            () = tokio::time::sleep(core.config.log_interval) => {}
            () = core.logs.ended() => tokio::time::sleep(GATHER.min(core.config.log_interval)).await,
        }
        let _writing = core.logs.writing();
        store(&core, core.logs.take()).await;
    }
}

/// Stores what is there, at once.
#[cfg(feature = "testing")]
pub(crate) async fn store_now(core: &Core) {
    store(core, core.logs.take()).await;
}

type Taken = (Arc<AttemptLog>, LogChunk);

/// Stores chunks in few calls, the first ones first.
async fn store(core: &Core, mut taken: Vec<Taken>) {
    while !taken.is_empty() {
        let mut bytes = 0;
        let fit = taken.iter().take(MAX_LOG_BATCH).take_while(|(_, chunk)| {
            bytes += size(chunk);
            bytes <= MAX_LOG_BATCH_BYTES
        });
        let fit = fit.count().max(1);
        let rest = taken.split_off(fit);
        store_batch(core, taken).await;
        taken = rest;
    }
}

fn size(chunk: &LogChunk) -> usize {
    // Fields are counted roughly: they are bounded like the rest.
    chunk.lines.iter().map(|line| line.message.len() + line.target.len() + 64 * (1 + line.fields.len())).sum()
}

async fn store_batch(core: &Core, batch: Vec<Taken>) {
    let (mut wait, begun) = (RETRY.0, Instant::now());
    loop {
        let chunks = batch.iter().map(|(_, chunk)| chunk.clone()).collect();
        let error = match in_time(core.storage.history.record_logs(RecordLogsParams { chunks })).await {
            Ok(()) => return,
            Err(error) => error,
        };
        telemetry::storage_failed("logs", &error);
        if !error.is_retryable() || begun.elapsed() > PATIENCE {
            for (log, chunk) in &batch {
                log.lose(chunk);
            }
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

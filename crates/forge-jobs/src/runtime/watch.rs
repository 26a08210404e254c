//! Looks after running attempts: writes down their progress, and reports handlers that ignore the signal to stop.

use super::core::{ClaimKey, Core, key};
use super::finish::in_time;
use crate::limits::{MAX_FINISH_BATCH, STUCK_AFTER};
use crate::storage::ProgressParams;
use crate::telemetry;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_secs(1);

/// Since when a handler has been told to stop.
struct Told {
    since: Instant,
    reported: bool,
}

/// Looks once a second until everything has ended.
pub(crate) async fn run(core: Arc<Core>) {
    let mut ended = core.ended.subscribe();
    let mut told = HashMap::new();
    loop {
        tokio::select! {
            _ = ended.wait_for(|e| *e) => return,
            () = tokio::time::sleep(TICK) => {}
        }
        core.forget_old_early_cancels();
        report_stuck(&core, &mut told);
        write_progress(&core).await;
    }
}

fn report_stuck(core: &Core, told: &mut HashMap<ClaimKey, Told>) {
    let cancelled: Vec<_> = core.running().into_iter().filter(|s| s.cancel.is_cancelled()).collect();
    told.retain(|claim, _| cancelled.iter().any(|s| key(&s.lease) == *claim));
    for state in cancelled {
        let Some(cause) = state.cancel.cause() else { continue };
        let entry =
            told.entry(key(&state.lease)).or_insert_with(|| Told { since: Instant::now(), reported: false });
        if !entry.reported && entry.since.elapsed() >= STUCK_AFTER {
            entry.reported = true;
            telemetry::handler_stuck(&state.lease, &state.job.kind, cause, entry.since.elapsed());
        }
    }
}

async fn write_progress(core: &Core) {
    let mut members: Vec<_> =
        core.running().iter().filter_map(|s| Some((s.lease, s.take_new_progress()?))).collect();
    while !members.is_empty() {
        let rest = members.split_off(members.len().min(MAX_FINISH_BATCH));
        // Lost progress is no lost job: the next report comes in a second.
        if let Err(e) = in_time(core.storage.jobs.record_progress(ProgressParams { members })).await {
            telemetry::storage_failed("progress", &e);
        }
        members = rest;
    }
}

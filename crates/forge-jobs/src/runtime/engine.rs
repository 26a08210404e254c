//! The threads of a runtime: one for its loops, one for its heartbeat.
//!
//! Handlers run in the host program's tokio runtime. The loops do not: a handler that never yields can block a
//! thread of the host's, but neither a claim nor a finish, and least of all the heartbeat.

use super::core::Core;
use super::execute::panic_text;
use super::handle::Command;
use super::{fetch, finish, heartbeat, shutdown, watch};
use crate::service::{self, Cleanup, Meter, Reaper};
use crate::telemetry;
use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Before a loop that panicked is started again.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Starts the threads. They end by themselves when everything has ended.
pub(crate) fn start(core: &Arc<Core>, commands: mpsc::UnboundedReceiver<Command>) -> std::io::Result<()> {
    let engine = runtime()?;
    let beats = runtime()?;
    let (on_engine, on_beats) = (core.clone(), core.clone());
    std::thread::Builder::new().name("forge-heartbeat".into()).spawn(move || {
        beats.block_on(supervise("heartbeat", || heartbeat::run(on_beats.clone())));
    })?;
    std::thread::Builder::new().name("forge-engine".into()).spawn(move || {
        let running = AssertUnwindSafe(run(on_engine.clone(), commands)).catch_unwind();
        if let Err(panic) = engine.block_on(running) {
            telemetry::loop_panicked("engine", &panic_text(&*panic));
        }
        // Whatever happened, nobody may wait for ever.
        on_engine.ended.send_replace(true);
    })?;
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

async fn run(core: Arc<Core>, commands: mpsc::UnboundedReceiver<Command>) {
    let mut loops = tokio::task::JoinSet::new();
    let c = || core.clone();
    loops.spawn(supervise("fetch", {
        let core = c();
        move || fetch::run(core.clone())
    }));
    loops.spawn(supervise("finish", {
        let core = c();
        move || finish::run(core.clone())
    }));
    #[cfg(feature = "logs")]
    loops.spawn(supervise("logs", {
        let core = c();
        move || super::logs::run(core.clone())
    }));
    loops.spawn(supervise("watch", {
        let core = c();
        move || watch::run(core.clone())
    }));
    loops.spawn(supervise("reaper", {
        let core = c();
        move || service::run(core.clone(), Reaper::new(core.clone()))
    }));
    loops.spawn(supervise("cleanup", {
        let core = c();
        move || service::run(core.clone(), Cleanup::new(core.clone()))
    }));
    loops.spawn(supervise("meter", {
        let core = c();
        move || service::run(core.clone(), Meter::new(core.clone()))
    }));
    loops.spawn(supervise("scheduler", {
        let core = c();
        move || service::scheduler::run(core.clone())
    }));
    shutdown::follow(&core, commands).await;
    core.ended.send_replace(true);
    // The finisher waits for outcomes that cannot come any more.
    loops.shutdown().await;
}

/// Runs a loop; starts it again when it panics. Never silent: a loop that died unseen is a queue that stands still.
async fn supervise<F, Fut>(name: &'static str, start: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    while let Err(panic) = AssertUnwindSafe(start()).catch_unwind().await {
        telemetry::loop_panicked(name, &panic_text(&*panic));
        tokio::time::sleep(AFTER_PANIC).await;
    }
}

//! The end: stop claiming, let running jobs finish, tell the rest to stop, hand back what is left.

use super::core::Core;
use super::handle::{Command, Counted, ShutdownReport};
use crate::storage::DeregisterParams;
use crate::{CancelCause, telemetry};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Longest time that a shutdown waits for the database to answer the last claim, and to take the last outcomes.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// The same for a program that exits now.
const FAREWELL: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<ShutdownReport>;

/// Obeys commands until everything has ended.
pub(crate) async fn follow(core: &Arc<Core>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut replies: Vec<Reply> = Vec::new();
    // A handle that was dropped without a word is a shutdown without patience.
    let silent = || Command::Shutdown { timeout: Duration::ZERO, since: Counted::of(core), reply: None };
    let first = commands.recv().await.unwrap_or_else(silent);
    let (timeout, since) = match first {
        Command::Abandon { reply } => return abandon(core, reply, replies).await,
        Command::Shutdown { timeout, since, reply } => {
            replies.extend(reply);
            (timeout, since)
        }
    };
    let report = tokio::select! {
        reply = abandoned(&mut commands, |reply| replies.extend(reply)) => {
            return abandon(core, reply, replies).await;
        }
        report = shut_down(core, timeout, since) => report,
    };
    // With nothing running the registration is over before anybody is told, so that nothing outlives the answer.
    let lingering = !report.still_running.is_empty();
    if !lingering {
        end(core, &report).await;
    }
    answer(replies, &report);
    if lingering {
        linger(core, commands, &report).await;
    }
}

/// The host lives on, and so does our claim on what its handlers still do.
async fn linger(core: &Arc<Core>, mut commands: mpsc::UnboundedReceiver<Command>, report: &ShutdownReport) {
    tokio::select! {
        () = core.quiet() => {
            let _ = tokio::time::timeout(LAST_WRITES, flushed(core)).await;
            end(core, report).await;
        }
        reply = abandoned(&mut commands, |again| answer(again, report)) => {
            abandon(core, reply, Vec::new()).await;
        }
    }
}

/// Resolves when a program about to exit says so. Meanwhile others may ask for the shutdown that is under way.
async fn abandoned(
    commands: &mut mpsc::UnboundedReceiver<Command>,
    mut again: impl FnMut(Option<Reply>),
) -> oneshot::Sender<()> {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Abandon { reply } => return reply,
            Command::Shutdown { reply, .. } => again(reply),
        }
    }
    // Every handle is gone: nobody can say so any more.
    std::future::pending().await
}

fn answer(replies: impl IntoIterator<Item = Reply>, report: &ShutdownReport) {
    for reply in replies {
        // Whoever asked may have stopped waiting.
        let _ = reply.send(report.clone());
    }
}

async fn shut_down(core: &Arc<Core>, timeout: Duration, since: Counted) -> ShutdownReport {
    core.stopping.store(true, Ordering::Release);
    core.fetch.notify_one();
    // A beat that tells people: what this process still runs may take long, and it takes on nothing more.
    core.registrations.notify_one();
    core.hand_back_buffers();
    // What a claim under way brings is handed back as well, and its permits with it: the end of the registration gives
    // back jobs alone, since it cannot know which of them have begun.
    let claims = Instant::now() + LAST_WRITES;
    let quiet = async {
        let _ = tokio::time::timeout_at(claims, core.no_more_claims()).await;
        core.quiet().await;
    };
    if tokio::time::timeout(timeout, quiet).await.is_err() {
        for state in core.running() {
            state.cancel.cancel(CancelCause::Shutdown);
        }
        let _ = tokio::time::timeout(core.config.cancel_grace, core.quiet()).await;
    }
    let _ = tokio::time::timeout_at(claims, core.no_more_claims()).await;
    core.hand_back_buffers();
    let _ = tokio::time::timeout(LAST_WRITES, flushed(core)).await;
    report(core, since)
}

/// Resolves when what has ended is written: outcomes, lines of handlers, and what a service is at. A call that is left
/// alone would be carried out after everybody was told that this is over.
async fn flushed(core: &Core) {
    core.outbox.flush().await;
    #[cfg(feature = "logs")]
    core.logs.flush().await;
    // Last, since a round may take longer than there is time for.
    core.between_rounds().await;
}

fn report(core: &Core, since: Counted) -> ShutdownReport {
    let now = Counted::of(core);
    ShutdownReport {
        finished: now.finished - since.finished,
        handed_back: now.handed_back - since.handed_back,
        still_running: core.running().iter().map(|s| s.job.id).collect(),
    }
}

/// Ends every registration; what the database thinks we hold goes back.
async fn end(core: &Core, report: &ShutdownReport) {
    for session in core.sessions.all() {
        session.leave();
        let params = DeregisterParams { process: session.process, now: core.clock.storage_now() };
        let ended = tokio::time::timeout(LAST_WRITES, core.storage.processes.deregister(params)).await;
        match ended {
            Ok(Ok(_)) => telemetry::stopped(session.process, report.finished, report.handed_back),
            Ok(Err(e)) => telemetry::storage_failed("deregister", &e),
            // The reaper of another process, or of the next start, will find what is left.
            Err(_) => {}
        }
        session.lose();
    }
}

/// The program exits now: everything goes back, whether its handler has ended or not.
async fn abandon(core: &Core, reply: oneshot::Sender<()>, replies: Vec<Reply>) {
    core.stopping.store(true, Ordering::Release);
    core.fetch.notify_one();
    for state in core.running() {
        state.cancel.cancel(CancelCause::Shutdown);
    }
    core.hand_back_buffers();
    // What has ended should count, and what has not begun cost no permit, if the storage takes it at once.
    let _ = tokio::time::timeout(FAREWELL, flushed(core)).await;
    let report = report(core, Counted::default());
    end(core, &report).await;
    answer(replies, &report);
    let _ = reply.send(());
}

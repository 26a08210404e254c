//! The sign of life: on a thread of its own, so that neither busy handlers nor a busy fetcher can delay it.
//!
//! One row per process, none per job. The answer brings cancel requests, and says when this process was taken for
//! dead. A process that could not confirm its heartbeat for half of the stale window stops its own jobs, by a clock
//! that counts on while the machine sleeps: another process may be about to revive them.

use super::boot_clock::BootInstant;
use super::core::{Core, key};
use super::session::Session;
use crate::storage::{Changes, DeregisterParams, Heartbeat, HeartbeatParams, StorageError};
use crate::telemetry;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Least time for a call between two heartbeats, however short those are.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);
/// Least time between two heartbeats for the sake of news.
const NEWS_GAP: Duration = Duration::from_millis(20);
/// How soon a heartbeat is tried again that news asked for and that failed.
const NEWS_AGAIN: Duration = Duration::from_secs(1);
/// How soon a registration is tried again.
const REGISTER_AGAIN: Duration = Duration::from_secs(1);

/// Beats until everything has ended.
pub(crate) async fn run(core: Arc<Core>) {
    let mut ended = core.ended.subscribe();
    let mut changes = core.storage.jobs.changes();
    let mut news = changes.borrow_and_update().news;
    let mut tried = None;
    // The first one takes the lead, if that is free.
    round(&core, &mut tried).await;
    // Whether there are news that no heartbeat has brought yet.
    let mut waiting = false;
    loop {
        let begun = Instant::now();
        let wait = if waiting { until_next(&core).min(NEWS_AGAIN) } else { until_next(&core) };
        let asked = tokio::select! {
            biased;
            _ = ended.wait_for(|e| *e) => return,
            () = tokio::time::sleep(wait) => false,
            () = core.registrations.notified() => false,
            () = more(&mut changes, &mut news) => true,
        };
        if asked {
            waiting = true;
            // However often somebody asks, the database has other work too.
            tokio::select! {
                biased;
                _ = ended.wait_for(|e| *e) => return,
                () = tokio::time::sleep_until(begun + NEWS_GAP) => {}
            }
        }
        let confirmed = round(&core, &mut tried).await;
        waiting &= !confirmed;
    }
}

/// Resolves when a heartbeat would bring news. Cancel safe.
async fn more(changes: &mut watch::Receiver<Changes>, seen: &mut u64) {
    // A storage that has dropped its end can tell nothing more; the beat goes on.
    match changes.wait_for(|c| c.news != *seen).await.map(|c| c.news) {
        Ok(news) => *seen = news,
        Err(_) => std::future::pending().await,
    }
}

/// One heartbeat interval, or less when a session must fence itself before that.
fn until_next(core: &Core) -> Duration {
    let mut wait = core.config.heartbeat_interval;
    if core.sessions.current().is_none() {
        wait = wait.min(REGISTER_AGAIN);
    }
    for session in core.sessions.all() {
        if !session.is_lost() {
            wait = wait.min(fence_in(core, &session));
        }
    }
    wait.max(Duration::from_millis(1))
}

/// Until a session must fence itself.
fn fence_in(core: &Core, session: &Session) -> Duration {
    (core.config.stale_after / 2).saturating_sub(session.unconfirmed_for())
}

/// Beats for each session; says whether all that could be confirmed were. `tried`: when a registration failed last.
async fn round(core: &Arc<Core>, tried: &mut Option<Instant>) -> bool {
    let mut confirmed = true;
    for session in core.sessions.all() {
        // Before any write: a machine that slept must not confirm what it may have lost.
        if !session.is_lost() && fence_in(core, &session).is_zero() {
            telemetry::self_fenced(session.process, session.unconfirmed_for());
            core.lose(&session);
        }
        if !session.is_lost() && !session.is_leaving() {
            confirmed &= beat(core, &session).await;
        }
    }
    end_retired(core).await;
    let may_register = tried.is_none_or(|tried| tried.elapsed() >= REGISTER_AGAIN);
    if core.sessions.current().is_none() && !core.is_stopping() && may_register {
        *tried = (!register(core).await).then(Instant::now);
    }
    confirmed
}

/// One heartbeat; says whether it was answered.
async fn beat(core: &Arc<Core>, session: &Arc<Session>) -> bool {
    let sent = BootInstant::now();
    let lease = core.lease();
    let lead_for = Some(lease).filter(|_| core.may_lead(session));
    let params = HeartbeatParams {
        process: session.process,
        stopping: core.is_stopping(),
        lead_for,
        now: core.clock.storage_now(),
    };
    let limit = fence_in(core, session).max(Duration::from_millis(1));
    let answer = tokio::time::timeout(limit, core.storage.processes.heartbeat(params)).await;
    let answered = matches!(answer, Ok(Ok(_)));
    match answer {
        Ok(Ok(Heartbeat::Alive { cancels, settings_version, leads })) => {
            session.confirm(sent);
            core.set_leader(session, leads.then_some(sent));
            for lease in cancels {
                core.cancel_claim(key(&lease));
            }
            if core.hear_settings(settings_version) {
                core.fetch.notify_one();
            }
        }
        // It was under way when this process said farewell.
        Ok(Ok(Heartbeat::Fenced)) if session.is_leaving() => {}
        Ok(Ok(Heartbeat::Fenced)) => {
            telemetry::fenced(session.process);
            core.lose(session);
        }
        Ok(Err(e)) => telemetry::storage_failed("heartbeat", &e),
        // The next round decides whether to fence.
        Err(_) => {}
    }
    answered
}

/// Ends the registrations of sessions that are out of use and hold nothing any more; what the database thinks they
/// hold goes back with that.
async fn end_retired(core: &Arc<Core>) {
    for session in core.sessions.retiring() {
        if session.outstanding() > 0 {
            continue;
        }
        let params = DeregisterParams { process: session.process, now: core.clock.storage_now() };
        match briefly(core, core.storage.processes.deregister(params)).await {
            Ok(handed_back) => {
                core.handed_back.fetch_add(u64::from(handed_back), Ordering::Relaxed);
                core.sessions.forget(&session);
            }
            Err(e) => telemetry::storage_failed("deregister", &e),
        }
    }
}

/// Registers anew; says whether it could.
async fn register(core: &Arc<Core>) -> bool {
    match briefly(core, core.register()).await {
        Ok(session) => {
            telemetry::registered_anew(session.process);
            core.sessions.set_current(session.clone());
            if core.is_stopping() {
                // The shutdown may have ended all registrations that it saw: this one came too late for it.
                core.sessions.retire(&session);
                end_retired(core).await;
            } else {
                core.fetch.notify_one();
            }
            true
        }
        Err(e) => {
            telemetry::storage_failed("register", &e);
            false
        }
    }
}

/// Bounds a call that stands between two heartbeats. One that was not answered is made again in the next round.
async fn briefly<T>(
    core: &Core,
    call: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    let limit = core.config.heartbeat_interval.max(SHORTEST_LIMIT);
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(StorageError::Unavailable {
            detail: format!("a call took longer than {limit:?}"),
            outcome_unknown: true,
            source: None,
        })
    })
}

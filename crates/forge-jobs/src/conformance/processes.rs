//! Who is alive.

use super::rig::{BEAT, LEASE, Rig, STALE, done, request, secs};
use crate::storage::{BoundedCount, FinishResult, Heartbeat, HeartbeatParams, StorageError};
use crate::{JobStatus, ProcessId};
use std::time::Duration;

/// A second less than a lease.
const ALMOST: Duration = Duration::from_secs(LEASE.as_secs() - 1);

/// Protects: a restarted process is not its predecessor (C10).
pub async fn an_identity_registers_once(rig: &Rig) {
    let process = ProcessId::new();
    rig.register(process).await.expect("a new process registers");
    let again = rig.register(process).await;
    assert!(matches!(again, Err(StorageError::Conflict { .. })), "{again:?}");
    rig.deregister(process).await;
    let again = rig.register(process).await;
    assert!(matches!(again, Err(StorageError::Conflict { .. })), "{again:?}");
}

/// Protects: the sign of life.
pub async fn a_heartbeat_is_seen(rig: &Rig) {
    let process = rig.process().await;
    let started = rig.at();
    rig.advance(secs(10));
    assert!(matches!(rig.heartbeat(process).await, Heartbeat::Alive { .. }));
    let rows = rig.storage.inspect.processes().await.expect("processes can be read");
    assert_eq!((rows[0].started_at, rows[0].beat_at), (started, rig.at()));
}

/// Protects: a process that was taken for dead is told so (B8).
pub async fn a_heartbeat_after_the_end_is_fenced(rig: &Rig) {
    let (left, reaped, never) = (rig.process().await, rig.process().await, ProcessId::new());
    rig.deregister(left).await;
    rig.crash_all().await;
    for process in [left, reaped, never] {
        assert_eq!(rig.heartbeat(process).await, Heartbeat::Fenced);
        assert_eq!(rig.heartbeat(process).await, Heartbeat::Fenced, "and stays so");
    }
}

/// Protects: a graceful stop.
pub async fn a_process_that_leaves_hands_its_jobs_back_uncharged(rig: &Rig) {
    let (process, other) = (rig.process().await, rig.process().await);
    let ids = rig.put_many(3).await;
    let claims = rig.claim(process, 3).await;
    rig.finish(claims[0].lease, done()).await;
    assert_eq!(rig.deregister(process).await, 2);
    for id in &ids[1..] {
        let job = rig.job(*id).await;
        assert_eq!((job.status, job.attempt, job.suspect, job.crashes), (JobStatus::Pending, 0, false, 0));
    }
    assert_eq!(rig.finish(claims[1].lease, done()).await, FinishResult::StaleLease);
    assert_eq!(rig.claim(other, 10).await.len(), 2, "at once");
}

/// Protects: it can be sent again.
pub async fn leaving_twice_is_leaving_once(rig: &Rig) {
    let process = rig.process().await;
    rig.running(process).await;
    assert_eq!((rig.deregister(process).await, rig.deregister(process).await), (1, 0));
    assert_eq!(rig.deregister(ProcessId::new()).await, 0);
}

/// Protects: what the person on call sees.
pub async fn registered_processes_are_listed_with_what_they_hold(rig: &Rig) {
    let busy = rig.process().await;
    rig.advance(secs(1));
    let (idle, left) = (rig.process().await, rig.process().await);
    rig.deregister(left).await;
    rig.put(request()).await;
    rig.put(request()).await;
    rig.claim(busy, 2).await;
    let rows = rig.storage.inspect.processes().await.expect("processes can be read");
    assert_eq!(rows.iter().map(|r| r.id).collect::<Vec<_>>(), [busy, idle]);
    let holds: Vec<_> = rows.iter().map(|r| r.holds).collect();
    assert_eq!(holds, [BoundedCount { count: 2, more: false }, BoundedCount::default()]);
    let row = &rows[0];
    assert_eq!((row.host.as_str(), row.pid, row.version.as_str()), ("host", 7, "1.2.3"));
    assert_eq!(row.kinds.as_deref(), Some(&["k".to_owned()][..]));
    assert_eq!(row.queues.as_deref(), Some(&["default".to_owned(), "other".to_owned()][..]));
    assert!(!row.died && !row.stopping);
    assert_eq!((row.heartbeat_interval, row.stale_after), (BEAT, STALE));
    let params = HeartbeatParams { process: busy, stopping: true, lead_for: None, now: rig.now() };
    rig.storage.processes.heartbeat(params).await.expect("a process can beat");
    let rows = rig.storage.inspect.processes().await.expect("processes can be read");
    assert_eq!(rows.iter().map(|r| r.stopping).collect::<Vec<_>>(), [true, false]);
    rig.advance(STALE);
    let still = rig.storage.inspect.processes().await.expect("processes can be read");
    assert_eq!(still.len(), 2, "silence alone ends no registration");
}

/// Protects: what one process should do for all of them.
pub async fn one_process_leads_until_its_lease_runs_out(rig: &Rig) {
    let (a, b) = (rig.process().await, rig.process().await);
    assert!(rig.asks_to_lead(a).await, "a free lease is taken");
    assert!(!rig.asks_to_lead(b).await, "there is a leader");
    rig.advance(ALMOST);
    assert!(rig.asks_to_lead(a).await, "the leader renews its lease");
    rig.advance(ALMOST);
    assert!(!rig.asks_to_lead(b).await, "it was renewed");
    rig.advance(secs(1));
    assert!(rig.asks_to_lead(b).await, "a lease that has run out is free");
    assert!(!rig.asks_to_lead(a).await, "the old leader is told");
}

/// Protects: a leader that died before the clock was turned back leads for ever by no lease.
pub async fn the_lead_of_a_reaped_process_is_free(rig: &Rig) {
    let (dead, next) = (rig.process().await, rig.process().await);
    let lead_for = Some(secs(3_600));
    let params = HeartbeatParams { process: dead, stopping: false, lead_for, now: rig.now() };
    rig.storage.processes.heartbeat(params).await.expect("a heartbeat succeeds");
    rig.advance(STALE + secs(1));
    assert!(!rig.asks_to_lead(next).await, "the lease has not run out");
    assert_eq!(rig.reap_as(next, 10).await.processes, [dead]);
    assert!(rig.asks_to_lead(next).await);
}

/// Protects: a clean stop, after which nobody waits for the lease to run out.
pub async fn a_leader_that_leaves_gives_the_lead_back(rig: &Rig) {
    let (a, b, c) = (rig.process().await, rig.process().await, rig.process().await);
    assert!(rig.asks_to_lead(a).await);
    rig.deregister(a).await;
    assert!(rig.asks_to_lead(b).await, "it left in good order");
    rig.heartbeat(b).await;
    assert!(rig.asks_to_lead(c).await, "it asked for the lead no more");
}

/// Protects: only the living lead.
pub async fn a_process_that_was_ended_does_not_lead(rig: &Rig) {
    let process = rig.process().await;
    rig.deregister(process).await;
    assert!(!rig.asks_to_lead(process).await);
    let other = rig.process().await;
    assert!(rig.asks_to_lead(other).await);
}

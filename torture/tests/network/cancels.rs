//! A job that runs in one replica is cancelled through another.

use crate::support::{HANG, beating, config, next, open, puppets, request, runtime, soon, turn, until, verb};
use forge_jobs::storage::{CancelOutcome, Inspect, JobQueue};
use forge_jobs::{CancelCause, DeadReason, HEARTBEAT_INTERVAL, HandlerRegistry, JobOutcome};
use forge_torture::stage::Stage;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a cancel through one replica takes to reach the handler in the other, `rounds` times, by the default
/// heartbeat.
async fn cancels(rounds: usize, deaf: bool) -> Vec<Duration> {
    let stage = Stage::new().await.unwrap();
    let (here, there) = (open(&config(&stage.url_through())).await, stage.direct().await.unwrap());
    let (handlers, mut started) = puppets();
    let worker = runtime(Arc::clone(&here).into_bundle(), handlers, beating(HEARTBEAT_INTERVAL));
    let other =
        runtime(Arc::clone(&there).into_bundle(), HandlerRegistry::new(), beating(HEARTBEAT_INTERVAL));
    let busy = worker.start().await.unwrap();
    let handle = other.start().await.unwrap();
    // It listens from its first echo on.
    until("the replica to listen", async || here.changes().borrow().news > 0).await;
    let mut took = Vec::new();
    for _ in 0..rounds {
        let id = handle.enqueue(request("k")).await.unwrap().id;
        let mut puppet = next(&mut started).await;
        assert_eq!(puppet.id, id);
        stage.proxy.blackhole_listen(deaf);
        let asked = Instant::now();
        let answer = handle.request_cancel(&id).await.unwrap();
        assert!(
            matches!(answer, CancelOutcome::Requested { process, .. } if Some(process) == busy.process_id())
        );
        assert_eq!(soon("the signal", puppet.cancel.cancelled()).await, CancelCause::Requested);
        took.push(asked.elapsed());
        stage.proxy.blackhole_listen(false);
        puppet.end(JobOutcome::Failed("stopped".into()));
        until("the end", async || {
            there.job(id).await.unwrap().is_some_and(|j| j.dead_reason == Some(DeadReason::Cancelled))
        })
        .await;
    }
    let late = there.cancel(verb(forge_jobs::JobId::new())).await.unwrap();
    assert_eq!(late, [CancelOutcome::Unknown]);
    busy.shutdown_graceful(HANG).await;
    handle.shutdown_graceful(HANG).await;
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_another_replica_is_heard_at_once() {
    let _turn = turn().await;
    let mut took = cancels(20, false).await;
    took.sort();
    println!("median {:?}, longest {:?}", took[took.len() / 2], took[took.len() - 1]);
    // By heartbeats alone two thirds of the twenty would come later than this.
    let late = took.iter().filter(|t| **t > HEARTBEAT_INTERVAL / 3).count();
    assert!(late <= 1, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_nobody_hears_of_comes_with_the_next_heartbeat() {
    let _turn = turn().await;
    let took = cancels(1, true).await;
    println!("{took:?}");
    assert!(took[0] <= HEARTBEAT_INTERVAL + Duration::from_secs(5), "{took:?}");
}

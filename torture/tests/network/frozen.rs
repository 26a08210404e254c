//! A replica whose connections are silent, and stay open: the other one takes its jobs.

use crate::support::{
    HANG, Puppet, beating, config, next, open, puppets, request, runtime, soon, turn, until,
};
use forge_jobs::storage::Inspect;
use forge_jobs::{CancelCause, JobId, JobOutcome, JobStatus};
use forge_torture::stage::Stage;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Short enough for a test, long enough for a busy machine.
const HEARTBEAT: Duration = Duration::from_secs(2);
const JOBS: usize = 3;
/// For scheduling, on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(5);

async fn starts(puppets: &mut mpsc::UnboundedReceiver<Puppet>, count: usize) -> Vec<Puppet> {
    let mut started = Vec::new();
    for _ in 0..count {
        started.push(next(puppets).await);
    }
    started
}

fn ids(puppets: &[Puppet]) -> HashSet<JobId> {
    puppets.iter().map(|p| p.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_replica_stops_its_jobs_before_another_runs_them_and_comes_back_by_itself() {
    let _turn = turn().await;
    let stage = Stage::new().await.unwrap();
    let (frozen, healthy) = (open(&config(&stage.url_through())).await, stage.direct().await.unwrap());
    let settings = beating(HEARTBEAT);
    let (handlers, mut here) = puppets();
    let worker = runtime(Arc::clone(&frozen).into_bundle(), handlers, settings.clone());
    worker.ensure_queue("default", u32::try_from(JOBS).unwrap()).await.unwrap();
    let handle = worker.start().await.unwrap();
    for _ in 0..JOBS {
        worker.enqueue(request("k")).await.unwrap();
    }
    let mut running = starts(&mut here, JOBS).await;
    let (handlers, mut there) = puppets();
    let other = runtime(Arc::clone(&healthy).into_bundle(), handlers, settings.clone());
    let other_handle = other.start().await.unwrap();

    let before = handle.process_id();
    stage.proxy.freeze();
    let since = Instant::now();
    let mut fenced = Duration::ZERO;
    for puppet in &running {
        assert_eq!(soon("the fence", puppet.cancel.cancelled()).await, CancelCause::LeaseLost);
        fenced = fenced.max(since.elapsed());
    }
    assert!(fenced <= settings.stale_after / 2 + SLACK, "its own jobs were stopped only after {fenced:?}");
    let mine = ids(&running);
    for puppet in &mut running {
        puppet.end(JobOutcome::Failed("stopped".into()));
    }
    // Suspects run alone, so one after the other; the first says when they came back.
    let first = next(&mut there).await;
    let revived = first.started - since;
    let limit = settings.stale_after + settings.reaper_interval + SLACK;
    assert!(revived <= limit, "the other replica had the jobs only after {revived:?}, not {limit:?}");
    assert!(revived > fenced, "a job ran in both replicas");
    let mut again = vec![first];
    while again.len() < JOBS {
        let last = again.last().unwrap().id;
        again.last_mut().unwrap().end(JobOutcome::Done);
        until("the job to be done", async || {
            healthy.job(last).await.unwrap().is_some_and(|j| j.status == JobStatus::Done)
        })
        .await;
        again.push(next(&mut there).await);
    }
    again.last_mut().unwrap().end(JobOutcome::Done);
    assert_eq!(ids(&again), mine);
    assert!(again.iter().all(|p| p.attempt == 1), "an attempt was charged");

    stage.proxy.thaw();
    let thawed = Instant::now();
    other_handle.shutdown_graceful(HANG).await;
    let late = other.enqueue(request("k")).await.unwrap().id;
    let mut puppet = next(&mut here).await;
    let back = thawed.elapsed();
    assert_eq!(puppet.id, late);
    assert_ne!(handle.process_id(), before);
    puppet.end(JobOutcome::Done);
    until("the job to be done", async || {
        healthy.job(late).await.unwrap().is_some_and(|j| j.status == JobStatus::Done)
    })
    .await;
    println!("fenced after {fenced:?}, revived after {revived:?}, back at work {back:?} after the thaw");
    assert!(here.try_recv().is_err(), "a job of the frozen time ran again");
    handle.shutdown_graceful(HANG).await;
    assert_eq!(healthy.checkup().await.unwrap().problems, Vec::<String>::new());
}

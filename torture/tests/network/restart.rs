//! The server is gone, and comes back.

use crate::support::{
    HANG, beating, config, enqueue, job, next, open, puppets, request, runtime, turn, until,
};
use forge_jobs::storage::{Inspect, JobQueue};
use forge_jobs::{JobOutcome, JobStatus};
use forge_test_cluster::{Cluster, Options};
use forge_torture::stage::Stage;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
const JOBS: u32 = 3;
/// How quick a pick-up is that a wake-up explains.
const QUICK: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_comes_back_finds_every_loop_at_work_again() {
    let _turn = turn().await;
    let start = || Cluster::start(&Options::default());
    let cluster = Arc::new(tokio::task::spawn_blocking(start).await.unwrap().unwrap());
    let stage = Stage::on_own(&cluster.url("postgres")).await.unwrap();
    let (storage, other) = (open(&config(stage.url())).await, stage.direct().await.unwrap());
    let (handlers, mut started) = puppets();
    let mut settings = beating(Duration::from_secs(10));
    (settings.poll_busy, settings.poll_idle) = (Duration::from_secs(600), Duration::from_secs(600));
    let worker = runtime(Arc::clone(&storage).into_bundle(), handlers, settings);
    worker.ensure_queue("default", JOBS + 1).await.unwrap();
    let handle = worker.start().await.unwrap();
    let process = handle.process_id();
    for _ in 0..ROUNDS {
        let mut running = Vec::new();
        for _ in 0..JOBS {
            worker.enqueue(request("k")).await.unwrap();
            running.push(next(&mut started).await);
        }
        let later = worker.enqueue(request("k").with_delay(Duration::from_millis(500))).await.unwrap().id;
        let theirs = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || theirs.stop_immediate()).await.unwrap().unwrap();
        // They end while there is nobody to tell.
        for puppet in &mut running {
            puppet.end(JobOutcome::Done);
        }
        let error = storage.enqueue(enqueue(vec![job("k")])).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        let theirs = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || theirs.start_again()).await.unwrap().unwrap();
        let back = Instant::now();
        for puppet in &running {
            until("the job to be done", async || {
                matches!(other.job(puppet.id).await, Ok(Some(j)) if j.status == JobStatus::Done && j.attempt == 1)
            })
            .await;
        }
        let finished = back.elapsed();
        let mut puppet = next(&mut started).await;
        assert_eq!(puppet.id, later, "a job ran twice");
        puppet.end(JobOutcome::Done);
        let promoted = back.elapsed();
        until("a quick pick-up", async || {
            let sent = Instant::now();
            other.enqueue(enqueue(vec![job("k")])).await.unwrap();
            let mut puppet = next(&mut started).await;
            puppet.end(JobOutcome::Done);
            puppet.started - sent < QUICK
        })
        .await;
        println!(
            "after the return: finished {finished:?}, promoted {promoted:?}, woken {:?}",
            back.elapsed()
        );
    }
    handle.drained().await.unwrap();
    println!("the registration {}", if handle.process_id() == process { "stayed" } else { "was renewed" });
    assert_eq!(other.checkup().await.unwrap().problems, Vec::<String>::new());
    handle.shutdown_graceful(HANG).await;
}

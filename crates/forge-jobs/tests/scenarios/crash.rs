//! Real processes, killed by real signals.

use crate::support::{Db, Way, quick, request, until};
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{
    DeadReason, DefaultRouter, EnqueueRequest, HandlerRegistry, JobOutcome, JobStatus, QueueRuntime,
};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "FORGE_TEST_WORKER_DB";

/// The child: a worker process on a given file. Not a test of its own.
#[tokio::test]
#[ignore = "run by the tests of this file, as a process of its own"]
async fn worker() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let storage = SqliteStorage::open(file, SqliteOptions::default().normal()).await.unwrap().into_bundle();
    #[cfg(feature = "logs")]
    crate::logs::listen();
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("abort", |_| async { std::process::abort() });
    handlers.register_fn("hang", |_| std::future::pending());
    #[cfg(feature = "logs")]
    handlers.register_fn("talks", |_| async {
        tracing::info!("alive");
        std::future::pending().await
    });
    handlers.register_fn("good", |ctx| async move {
        tokio::time::sleep(Duration::from_millis(ctx.decode().unwrap_or(1))).await;
        JobOutcome::Done
    });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter)).with_config(quick());
    let _handle = runtime.start().await.unwrap();
    std::future::pending::<()>().await;
}

/// A worker process, killed when it goes out of scope.
struct Worker(Child);

impl Worker {
    fn start(db: &Db) -> Self {
        #[cfg_attr(not(feature = "postgres"), expect(irrefutable_let_patterns, reason = "there is but one"))]
        let Way::File(file) = db.way() else { panic!("these scenarios are about a file") };
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::worker", "--ignored", "--nocapture"])
            .env(FILE, file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn has_exited(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn count(db: &Db, status: JobStatus) -> u64 {
    let queues = db.storage.inspect.queue_counts().await.unwrap();
    let of = |q: &forge_jobs::storage::QueueCounts| {
        q.counts.iter().find(|c| c.0 == status).map_or(0, |c| c.1.count)
    };
    queues.iter().map(of).sum()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_and_its_successor_takes_over_at_once() {
    let db = Db::new().await;
    let runtime = crate::support::runtime(&db.storage, HandlerRegistry::new());
    runtime.ensure_queue("default", 4).await.unwrap();
    let jobs = (0..400).map(|_| EnqueueRequest::new("good", 2));
    for result in runtime.enqueue_many(jobs).await {
        result.unwrap();
    }
    for kills in 1_u64..=3 {
        let mut worker = Worker::start(&db);
        until("some jobs to be done", || async { count(&db, JobStatus::Done).await >= 60 * kills }).await;
        worker.kill();
    }
    let _last = Worker::start(&db);
    until("all jobs to be done", || async { count(&db, JobStatus::Done).await == 400 }).await;
    assert_eq!(count(&db, JobStatus::Dead).await, 0, "a plain kill makes nobody poison");
    db.check().await;
}

/// What a process that was killed had said is there, and what killed it is counted.
#[cfg(feature = "logs")]
#[tokio::test]
async fn lines_of_a_killed_process_are_read_while_it_runs_and_after() {
    let db = Db::new().await;
    let runtime = crate::support::runtime(&db.storage, HandlerRegistry::new());
    let id = runtime.enqueue(request("talks")).await.unwrap().id;
    let mut worker = Worker::start(&db);
    crate::logs::until_lines(&db.storage, id, 1).await;
    worker.kill();
    let _next = Worker::start(&db);
    let seen = crate::logs::until_lines(&db.storage, id, 2).await;
    assert!(seen[0].at.claim_no < seen[1].at.claim_no && seen.iter().all(|l| l.line.message == "alive"));
    let attempts = db.storage.inspect.attempts(id).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.result).collect::<Vec<_>>(), [forge_jobs::AttemptResult::Crashed]);
    let group = db.storage.history.error_group(attempts[0].error_group.unwrap()).await.unwrap().unwrap();
    assert_eq!((group.error_type.as_str(), group.count), ("crashed", 1));
    db.check().await;
}

#[tokio::test]
async fn a_cancel_outlives_the_crash_of_the_process_that_was_asked() {
    let db = Db::new().await;
    let runtime = crate::support::runtime(&db.storage, HandlerRegistry::new());
    let id = runtime.enqueue(request("hang")).await.unwrap().id;
    let mut worker = Worker::start(&db);
    db.until_status(id, JobStatus::Running).await;
    let params = forge_jobs::storage::VerbParams { ids: vec![id], actor: None, now: None };
    db.storage.jobs.cancel(params).await.unwrap();
    worker.kill();
    let _next = Worker::start(&db);
    let job = db.until_status(id, JobStatus::Dead).await;
    assert_eq!((job.dead_reason, job.attempt), (Some(DeadReason::Cancelled), 0));
    db.check().await;
}

#[tokio::test]
async fn a_suspect_that_runs_for_long_holds_the_others_up_for_its_window_only() {
    let db = Db::new().await;
    let runtime = crate::support::runtime(&db.storage, HandlerRegistry::new());
    let hang = runtime.enqueue(request("hang")).await.unwrap().id;
    let mut worker = Worker::start(&db);
    db.until_status(hang, JobStatus::Running).await;
    worker.kill();
    let _next = Worker::start(&db);
    until("the suspect to run again", || async {
        let job = db.job(hang).await;
        job.status == JobStatus::Running && job.suspect
    })
    .await;
    let good = runtime.enqueue(request("good")).await.unwrap().id;
    db.until_status(good, JobStatus::Done).await;
    let job = db.job(hang).await;
    assert_eq!((job.status, job.suspect, job.attempt), (JobStatus::Running, true, 1));
    db.check().await;
}

#[tokio::test]
async fn a_job_that_aborts_its_process_is_dead_as_poison_and_the_others_are_done() {
    let db = Db::new().await;
    let runtime = crate::support::runtime(&db.storage, HandlerRegistry::new());
    runtime.ensure_queue("default", 4).await.unwrap();
    let good = (0..60).map(|n| EnqueueRequest::new("good", 1).with_priority(n % 3 - 1));
    let poison = runtime.enqueue(request("abort")).await.unwrap().id;
    for result in runtime.enqueue_many(good).await {
        result.unwrap();
    }
    let mut worker = Worker::start(&db);
    let mut crashes = 0;
    until("the good jobs to be done and the bad one dead", || {
        if worker.has_exited() {
            crashes += 1;
            worker = Worker::start(&db);
        }
        async { count(&db, JobStatus::Done).await == 60 && db.job(poison).await.status == JobStatus::Dead }
    })
    .await;
    let job = db.job(poison).await;
    assert_eq!((job.dead_reason, job.crashes), (Some(DeadReason::Poison), 3));
    assert_eq!(crashes, 4, "one crash made it a suspect, three counted");
    assert_eq!(count(&db, JobStatus::Dead).await, 1);
    db.check().await;
}

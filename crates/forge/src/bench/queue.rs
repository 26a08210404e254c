//! The queue itself under load: the same work as the floor's, through the public API.

use super::place::Place;
use super::server::Server;
use super::stats::Rate;
use crate::exit::Failure;
use forge_jobs::{
    DefaultRouter, EnqueueRequest, Enqueuer, HandlerRegistry, JobContext, JobHandler, JobOutcome,
    QueueHandle, QueueRuntime, RuntimeConfig, Storage,
};
use forge_jobs_api::wire::ErrorCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The kind of all jobs here.
pub(super) const KIND: &str = "bench";
/// Jobs handed over in one call of the bulk workload.
const BULK: u32 = 100_000;

/// Does nothing.
struct Nothing;

impl JobHandler for Nothing {
    fn kind(&self) -> &str {
        KIND
    }

    async fn run(&self, _ctx: JobContext) -> JobOutcome {
        JobOutcome::Done
    }
}

/// Logs a line.
pub(super) struct Says;

impl JobHandler for Says {
    fn kind(&self) -> &str {
        KIND
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        tracing::info!(attempt = ctx.attempt(), "a line as handlers write them");
        JobOutcome::Done
    }
}

/// Says when it was started.
struct Tells(mpsc::UnboundedSender<Instant>);

impl JobHandler for Tells {
    fn kind(&self) -> &str {
        KIND
    }

    async fn run(&self, _ctx: JobContext) -> JobOutcome {
        // Nobody listens any more when the measurement was broken off.
        let _ = self.0.send(Instant::now());
        JobOutcome::Done
    }
}

fn request(payload: &str) -> EnqueueRequest {
    EnqueueRequest::from_json_text(KIND, payload)
}

/// One by one from several producers, each of which waits for its own commit.
pub(super) async fn one_by_one(
    place: &Place,
    producers: u32,
    jobs: u32,
    payload: &str,
) -> Result<(Rate, Vec<Duration>), Failure> {
    let enqueuer = Arc::new(Enqueuer::new(place.open().await?, Arc::new(DefaultRouter)));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..producers)
        .map(|_| {
            let (enqueuer, payload) = (enqueuer.clone(), payload.to_owned());
            tokio::spawn(async move {
                let mut waits = Vec::with_capacity((jobs / producers) as usize);
                for _ in 0..jobs / producers {
                    let called = Instant::now();
                    enqueuer.enqueue(request(&payload)).await?;
                    waits.push(called.elapsed());
                }
                Ok::<_, Failure>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(joined(task.await)??);
    }
    Ok((Rate::of(waits.len() as u64, begun.elapsed()), waits))
}

/// Many at once, from the requests to the last commit.
pub(super) async fn bulk(place: &Place, jobs: u32, payload: &str) -> Result<Rate, Failure> {
    let enqueuer = Enqueuer::new(place.open().await?, Arc::new(DefaultRouter));
    let begun = Instant::now();
    fill(&enqueuer, jobs, payload).await?;
    Ok(Rate::of(jobs.into(), begun.elapsed()))
}

pub(super) async fn fill(enqueuer: &Enqueuer, jobs: u32, payload: &str) -> Result<(), Failure> {
    for start in (0..jobs).step_by(BULK as usize) {
        let many = (start..jobs.min(start + BULK)).map(|_| request(payload));
        for receipt in enqueuer.enqueue_many(many).await {
            receipt?;
        }
    }
    Ok(())
}

/// From the start of a worker until all jobs are finished and committed.
pub(super) async fn drain(
    place: &Place,
    server: Option<&Server>,
    concurrency: u32,
    jobs: u32,
    payload: &str,
) -> Result<Rate, Failure> {
    drain_with(place, (server, Nothing), concurrency, jobs, payload).await
}

/// The same with metrics added up so often that it is done several times meanwhile, as it is in a longer drain.
pub(super) async fn drain_adding_up(
    place: &Place,
    server: Option<&Server>,
    concurrency: u32,
    jobs: u32,
    payload: &str,
) -> Result<Rate, Failure> {
    let mut config = RuntimeConfig::default();
    config.metrics_interval = ADDED_UP;
    emptied(
        place,
        server,
        |storage| runtime(storage, Nothing).with_config(config),
        concurrency,
        (jobs, payload),
    )
    .await
}

/// How often metrics are added up where that is measured: ten times as often as elsewhere, for drains of some seconds.
const ADDED_UP: Duration = Duration::from_secs(1);

/// The same with another handler.
pub(super) async fn drain_with(
    place: &Place,
    (server, handler): (Option<&Server>, impl JobHandler),
    concurrency: u32,
    jobs: u32,
    payload: &str,
) -> Result<Rate, Failure> {
    emptied(place, server, |storage| runtime(storage, handler), concurrency, (jobs, payload)).await
}

async fn emptied(
    place: &Place,
    server: Option<&Server>,
    made: impl FnOnce(Storage) -> QueueRuntime,
    concurrency: u32,
    (jobs, payload): (u32, &str),
) -> Result<Rate, Failure> {
    let storage = place.open().await?;
    fill(&Enqueuer::new(storage.clone(), Arc::new(DefaultRouter)), jobs, payload).await?;
    let runtime = made(storage);
    runtime.ensure_queue("default", concurrency).await?;
    if let Some(server) = server {
        server.settle().await?;
    }
    let begun = Instant::now();
    let handle = runtime.start().await?;
    handle.drained().await?;
    let rate = Rate::of(jobs.into(), begun.elapsed());
    stop(&handle).await;
    Ok(rate)
}

/// From the call of an enqueue to the start of its handler, on a queue that is idle otherwise.
pub(super) async fn pick_up(place: &Place, jobs: u32) -> Result<Vec<Duration>, Failure> {
    let (started, mut starts) = mpsc::unbounded_channel();
    let runtime = runtime(place.open().await?, Tells(started));
    runtime.ensure_queue("default", 10).await?;
    let handle = runtime.start().await?;
    let mut waits = Vec::new();
    for n in 0..jobs + WARM_UP {
        // Idle again, and not in step with anything.
        tokio::time::sleep(Duration::from_micros(1_000 + u64::from(n * 7_919 % 4_000))).await;
        let called = Instant::now();
        handle.enqueue(EnqueueRequest::new(KIND, n)).await?;
        let Some(at) = starts.recv().await else { break };
        if n >= WARM_UP {
            waits.push(at.saturating_duration_since(called));
        }
    }
    stop(&handle).await;
    Ok(waits)
}

/// Jobs before the first that counts: statements are prepared, pages are read.
const WARM_UP: u32 = 20;

pub(super) fn runtime(storage: Storage, handler: impl JobHandler) -> QueueRuntime {
    let mut registry = HandlerRegistry::new();
    registry.register(handler);
    QueueRuntime::new(storage, registry, Arc::new(DefaultRouter))
}

pub(super) async fn stop(handle: &QueueHandle) {
    handle.shutdown_graceful(Duration::from_secs(10)).await;
}

/// A task that panicked is a fault of this program.
pub(super) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, Failure> {
    result.map_err(|e| Failure::of(ErrorCode::Failed, &e))
}

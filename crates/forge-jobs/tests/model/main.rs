//! Random steps against a storage and against a plain map, which must agree after each of them.
//!
//! The map is written from what the traits promise, not from SQL. A failing run shrinks to a short trace.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(feature = "postgres")]
#[path = "../support/postgres.rs"]
mod databases;
mod steps;
mod world;

use forge_jobs::storage::sqlite::{Guard, SqliteOptions, SqliteStorage};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::time::Duration;
use steps::{Step, step};
use world::World;

const QUEUES: [&str; 2] = ["a", "b"];
const PROCESSES: usize = 3;
const STALE: Duration = Duration::from_secs(45);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn us(n: u64) -> i64 {
    i64::try_from(n * 1_000_000).unwrap()
}

/// Where traces are run, each in a database of its own.
enum Place {
    Memory(SqliteOptions),
    #[cfg(feature = "postgres")]
    Server,
}

impl Place {
    async fn run(&self, steps: &[Step]) -> Result<(), String> {
        match self {
            Self::Memory(options) => {
                let storage = SqliteStorage::open_in_memory(options.clone()).await.unwrap();
                World::new(storage.into_bundle()).await.follow(steps).await
            }
            #[cfg(feature = "postgres")]
            Self::Server => {
                let database = databases::fresh().await;
                let storage = databases::open(database.url()).await;
                World::new(storage.into_bundle()).await.follow(steps).await
            }
        }
    }
}

fn search(place: &Place, cases: u32, rng: Option<TestRng>) -> Result<(), TestError<Vec<Step>>> {
    let max_shrink_iters = if matches!(place, Place::Memory(_)) { 20_000 } else { 500 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let traces = proptest::collection::vec(step(), 1..120);
    let mut runner = match rng {
        Some(rng) => TestRunner::new_with_rng(config, rng),
        None => TestRunner::new(config),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runner.run(&traces, |steps| runtime.block_on(place.run(&steps)).map_err(TestCaseError::fail))
}

/// The same traces each time, so that a change is judged by itself; the long form looks for new ones.
fn agrees(place: &Place, cases: u32) {
    let long: Option<u32> = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let rng = long.is_none().then(|| TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    if let Err(e) = search(place, long.unwrap_or(cases), rng) {
        panic!("{e}");
    }
}

#[test]
fn the_storage_agrees_with_a_plain_map_after_every_step() {
    agrees(&Place::Memory(SqliteOptions::default()), 200);
}

#[test]
#[cfg(feature = "postgres")]
fn the_storage_on_a_server_agrees_with_a_plain_map_after_every_step() {
    agrees(&Place::Server, 24);
}

#[test]
fn without_a_guard_the_model_finds_a_short_trace() {
    for guard in [Guard::Finish, Guard::Cancel, Guard::Dedupe, Guard::Reap, Guard::Pause, Guard::Heartbeat] {
        let place = Place::Memory(SqliteOptions::default().without_guard(guard));
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        match search(&place, 2_000, Some(rng)) {
            Err(TestError::Fail(why, trace)) => {
                assert!(trace.len() <= 25, "{guard:?}: not shrunk, {} steps: {trace:?}", trace.len());
                println!("{guard:?}: {} steps: {why}", trace.len());
            }
            other => panic!("{guard:?}: nobody noticed: {other:?}"),
        }
    }
}

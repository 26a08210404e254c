//! `forge metrics`.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, HandlerRegistry, JobOutcome, QueueRuntime, RuntimeConfig};
use forge_jobs_api::wire::{Resources, Timeline, TimelineOf};
use std::sync::Arc;
use std::time::Duration;
use support::Home;

/// Runs all jobs of the home's database, with metrics at every turn, until they were counted.
async fn work(home: &Home, jobs: u64) {
    let storage = SqliteStorage::open(home.database(), SqliteOptions::default()).await.unwrap().into_bundle();
    let mut config = RuntimeConfig::default();
    config.metrics_interval = Duration::from_millis(20);
    let mut handlers = HandlerRegistry::new();
    handlers.register_fn("k", |_| async { JobOutcome::Dead("no".into()) });
    let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter)).with_config(config);
    let handle = runtime.start().await.unwrap();
    let counted = async {
        loop {
            let timeline: Timeline = home.run(["metrics", "--json"]).json();
            let sum = &timeline.lines[0].sum;
            if sum.dead.discarded >= jobs {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("the jobs are counted");
    handle.shutdown_graceful(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_counted_by_queue_and_by_kind() {
    let home = Home::new();
    home.enqueue(&["k", "1", "--queue", "a"]);
    home.enqueue(&["k", "1", "--queue", "b"]);
    home.enqueue(&["other", "1", "--queue", "b"]);
    work(&home, 2).await;

    let all: Timeline = home.run(["metrics", "--json"]).json();
    assert_eq!((all.lines.len(), all.step_seconds.0, all.lines[0].of), (1, 60.0, TimelineOf::All));
    let line = &all.lines[0];
    assert_eq!((line.sum.enqueued, line.sum.started, line.sum.dead.discarded), (3, 2, 2));
    assert_eq!(line.sum.life.as_ref().unwrap().count, 2);
    assert!(line.points.len() >= 60 && line.points.len() <= 62, "{}", line.points.len());
    assert!(line.points[0].tally.is_none(), "an hour ago there was no database");

    let by = |what: &str| -> Vec<(String, u64)> {
        let timeline: Timeline = home.run(["metrics", "--by", what, "--json"]).json();
        timeline.lines.into_iter().map(|l| (l.name.unwrap(), l.sum.enqueued)).collect()
    };
    assert_eq!(by("queue"), [("a".into(), 1), ("b".into(), 2)]);
    assert_eq!(by("kind"), [("k".into(), 2), ("other".into(), 1)]);

    let nobody: Timeline = home.run(["metrics", "--host", "nowhere", "--json"]).json();
    assert_eq!(nobody.lines[0].sum.enqueued, 0);
    let few: Timeline = home.run(["metrics", "--last", "7d", "--points", "10", "--json"]).json();
    assert!(few.lines[0].points.len() <= 10);

    let text = home.run(["metrics", "--by", "queue"]).stdout;
    assert!(text.lines().next().unwrap().contains("wait p50"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_say_what_they_use() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    work(&home, 1).await;
    let used: Resources = home.run(["metrics", "--resources", "--json"]).json();
    let process = &used.processes[0];
    let sample = process.points.iter().find_map(|p| p.sample.as_ref()).unwrap();
    assert!(sample.memory_bytes.unwrap() > 1 << 20 && sample.disk_free_bytes.unwrap() > 0, "{sample:?}");
    assert!(sample.writes.as_ref().unwrap().count > 0 && sample.pool_in_use > 0, "{sample:?}");
    let text = home.run(["metrics", "--resources"]).stdout;
    assert!(text.contains(&process.process) && text.contains("MiB"), "{text}");
}

#[test]
fn bad_ranges_are_refused() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    home.run(["metrics", "--last", "yesterday"]).check(2, &["--last", "yesterday"]);
    home.run(["metrics", "--points", "1"]).check(2, &["--points"]);
    home.run(["metrics", "--resources", "--by", "queue"]).check(2, &["--by"]);
}

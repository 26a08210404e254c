//! `forge bench`: that it measures what it says. How fast this machine is, no test asks.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::Measurement;
use forge_test_cluster::Databases;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Ended, Home, LIMIT};

#[test]
fn every_workload_is_measured_beside_its_floor_and_leaves_nothing_behind() {
    let home = Home::new();
    let dir = home.path("bench");
    std::fs::create_dir(&dir).unwrap();
    let dir = dir.to_str().unwrap();
    let args = ["bench", "--quick", "--rounds", "1", "--synchronous", "normal", "--json", "--dir", dir];
    let lines: Vec<Measurement> = home.run(args).json();
    let names: Vec<_> = lines.iter().map(|m| m.workload.as_str()).collect();
    let mut expected =
        vec!["enqueue", "enqueue", "bulk", "drain", "drain", "drain", "pick_up", "pick_up_across", "mixed"];
    expected.extend(["metrics", "logs"]);
    if cfg!(target_os = "linux") {
        expected.push("idle");
    }
    assert_eq!(names, expected);
    for m in &lines {
        assert_eq!((m.settings.synchronous.as_str(), m.settings.rounds), ("normal", 1));
        let rated = matches!(m.workload.as_str(), "enqueue" | "bulk" | "drain" | "metrics" | "logs");
        assert_eq!(m.floor.is_some_and(|f| f > 0.0), rated, "{m:?}");
        assert_eq!(m.rate.is_some_and(|r| r > 0.0), rated || m.workload == "mixed", "{m:?}");
        assert_eq!(m.ratio.is_some_and(|r| (r - m.rate.unwrap() / m.floor.unwrap()).abs() < 1e-9), rated);
        let timed = matches!(m.workload.as_str(), "enqueue" | "pick_up" | "pick_up_across" | "mixed");
        assert_eq!(m.p50_us.is_some() && m.p99_us >= m.p50_us, timed, "{m:?}");
        assert_eq!(m.memory_mib.is_some_and(|mib| mib > 0.0), m.workload == "idle", "{m:?}");
    }
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

#[test]
fn a_choice_of_workloads_is_measured_and_an_unknown_one_refused() {
    let home = Home::new();
    let ended = home.run(["bench", "pick_up", "--quick", "--synchronous", "full"]);
    ended.check(0, &["measuring pick_up, synchronous full, 100 jobs"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:?}");
    home.run(["bench", "pickup"]).check(2, &["pickup", "pick_up_across"]);
    home.run(["bench", "--rounds", "0"]).check(2, &["--rounds"]);
    let nowhere = home.path("not/there");
    let ended = home.run(["bench", "bulk", "--quick", "--dir", nowhere.to_str().unwrap()]);
    ended.check(1, &["not/there"]);
    home.run(["bench", "bulk", "--database", "sqlite::memory:"]).check(2, &["--dir"]);
}

/// The schemas of measurements in a database.
async fn schemas(url: &str) -> Vec<String> {
    let client = forge_test_cluster::connect(url).await.unwrap();
    let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'forge%'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_workload_is_measured_on_postgres_too_and_no_schema_is_left_behind() {
    let database = Databases::shared().unwrap().fresh(None).await.unwrap();
    let home = Home::new();
    let lines: Vec<Measurement> =
        home.run(["bench", "--quick", "--rounds", "1", "--json", "--database", database.url()]).json();
    let names: Vec<_> = lines.iter().map(|m| m.workload.as_str()).collect();
    let mut expected = vec!["enqueue", "enqueue", "bulk", "drain", "drain", "drain", "beside_pending"];
    expected.extend(["beside_done", "pick_up", "pick_up_across", "mixed", "wal", "metrics", "logs"]);
    if cfg!(target_os = "linux") {
        expected.push("idle");
    }
    assert_eq!(names, expected);
    for m in &lines {
        assert_eq!(m.settings.storage, "postgres");
        assert!(["full", "off"].contains(&m.settings.synchronous.as_str()), "{m:?}");
        let rated = matches!(
            m.workload.as_str(),
            "enqueue" | "bulk" | "drain" | "metrics" | "logs" | "beside_pending" | "beside_done"
        );
        assert_eq!(m.floor.is_some_and(|f| f > 0.0), rated, "{m:?}");
        assert_eq!(m.ratio.is_some_and(|r| (r - m.rate.unwrap() / m.floor.unwrap()).abs() < 1e-9), rated);
        assert_eq!(m.other_floors.len(), usize::from(matches!(m.workload.as_str(), "enqueue" | "drain")));
        assert!(m.other_floors.iter().all(|f| f.rate > 0.0 && f.ratio > 0.0 && !f.name.is_empty()), "{m:?}");
        assert_eq!(m.settings.beside.is_some(), m.workload.starts_with("beside"), "{m:?}");
        let timed = matches!(m.workload.as_str(), "enqueue" | "pick_up" | "pick_up_across" | "mixed");
        assert_eq!(m.p50_us.is_some() && m.p99_us >= m.p50_us, timed, "{m:?}");
        assert_eq!(m.statements_per_second.is_some_and(|n| n >= 0.0), m.workload == "idle", "{m:?}");
        let logged = m.wal_bytes.is_some_and(|w| w.enqueue > 0.0 && w.claim > 0.0 && w.finish > 0.0);
        assert_eq!(logged, m.workload == "wal", "{m:?}");
    }
    assert_eq!(schemas(database.url()).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_measurement_drops_its_schema_and_leaves_others_alone() {
    let database = Databases::shared().unwrap().fresh(None).await.unwrap();
    let home = Home::new();
    home.run(["migrate", "--database", database.url()]).check(0, &[]);
    let mut command = home.command(["bench", "drain", "--rounds", "50", "--database", database.url()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !schemas(database.url()).await.iter().any(|name| name.starts_with("forge_bench_")) {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    ended.check(1, &["broken off"]);
    assert_eq!(schemas(database.url()).await, ["forge"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_make_a_schema_is_told_so() {
    let database = Databases::shared().unwrap().fresh(None).await.unwrap();
    let client = forge_test_cluster::connect(database.url()).await.unwrap();
    let role = format!("plain_{}", std::process::id());
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await.unwrap();
    let home = Home::new();
    let url = database.url().replacen("://postgres@", &format!("://{role}:x@"), 1);
    let ended = home.run(["bench", "bulk", "--quick", "--database", &url]);
    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    ended.check(5, &[&role, "may not create a schema", "GRANT CREATE ON DATABASE"]);
}

#[test]
fn what_belongs_to_the_other_storage_is_refused() {
    let home = Home::new();
    home.run(["bench", "wal"]).check(2, &["wal is measured on Postgres only"]);
    let url = "postgres://u@127.0.0.1:1/db";
    home.run(["bench", "--synchronous", "full", "--database", url]).check(2, &["setting of SQLite"]);
    let strict = format!("{url}?sslmode=require");
    home.run(["bench", "bulk", "--database", &strict]).check(2, &["sslmode=disable"]);
    home.run(["bench", "bulk", "--database", url]).check(5, &[]);
}

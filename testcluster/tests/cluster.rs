//! Real servers: started, crashed, started again, and refused.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_test_cluster::{Cluster, Error, OLDEST, Options, Programs, connect};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// The first column of every row.
async fn column(url: &str, query: &str) -> Vec<String> {
    let messages = connect(url).await.unwrap().simple_query(query).await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

#[test]
fn programs_that_are_new_enough_are_found() {
    let programs = Programs::find().unwrap();
    assert!(programs.initdb.is_file() && programs.postgres.is_file() && programs.pg_ctl.is_file());
    assert!(programs.major_version().unwrap() >= OLDEST);
}

#[tokio::test]
async fn a_server_starts_with_its_settings_and_leaves_nothing() {
    let cluster = Cluster::start(&Options::default().with("work_mem", "5MB")).unwrap();
    let url = cluster.url("postgres");
    for (name, value) in [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "on"),
        ("max_connections", "300"),
        ("work_mem", "5MB"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
    ] {
        assert_eq!(column(&url, &format!("SHOW {name}")).await, [value], "{name}");
    }
    let by_socket = format!(
        "host={} port={} user=postgres dbname=postgres",
        cluster.socket_dir().display(),
        cluster.port()
    );
    assert_eq!(column(&by_socket, "SELECT 1").await, ["1"]);
    assert!(cluster.data_dir().join("PG_VERSION").is_file());

    let (pid, dir) = (cluster.pid().unwrap(), cluster.socket_dir().to_owned());
    drop(cluster);
    assert!(!dir.exists() && !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_of_a_durable_server() {
    let cluster = Cluster::start(&Options { durable: true, ..Options::default() }).unwrap();
    let url = cluster.url("postgres");
    assert_eq!(column(&url, "SHOW fsync").await, ["on"]);
    let client = connect(&url).await.unwrap();
    client.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO t VALUES (2)").await.unwrap();

    let (port, pid) = (cluster.port(), cluster.pid());
    cluster.stop_immediate().unwrap();
    assert_eq!(cluster.pid(), None);
    assert!(client.batch_execute("COMMIT").await.is_err());
    assert!(matches!(connect(&url).await, Err(Error::Sql { .. })));

    cluster.start_again().unwrap();
    assert_eq!(column(&url, "SELECT n FROM t").await, ["1"]);
    assert_eq!(cluster.port(), port);
    assert_ne!(cluster.pid(), pid);
    // Of a start under load the last lines are those of who knocked too early.
    assert!(cluster.log().contains("database system was not properly shut down"));

    cluster.restart_immediate().unwrap();
    assert_eq!(column(&url, "SELECT n FROM t").await, ["1"]);
}

#[tokio::test]
async fn a_crash_cuts_off_clients_that_wait() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let client = connect(&cluster.url("postgres")).await.unwrap();
    client.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let waiting = connect(&cluster.url("postgres")).await.unwrap();
    let waits = tokio::spawn(async move { waiting.batch_execute("SELECT pg_advisory_lock(1)").await });
    cluster.stop_immediate().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), waits).await.unwrap().unwrap();
    assert!(ended.is_err());
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let error = Cluster::start(&Options::default().with("no_such_setting", "1")).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

#[test]
fn a_server_that_is_too_old_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { bin_dir: Some(dir.path().to_owned()), ..Options::default() };
    assert!(matches!(Cluster::start(&options), Err(Error::NoPrograms(_))));

    for name in ["initdb", "pg_ctl", "postgres"] {
        let path = dir.path().join(name);
        std::fs::write(&path, "#!/bin/sh\necho 'postgres (PostgreSQL) 13.23'\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let error = Cluster::start(&options).unwrap_err();
    assert!(matches!(error, Error::TooOld { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("13.23") && text.contains("install 14 or newer"), "{text}");
}

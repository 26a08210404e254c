//! `PgBouncer` with fewer connections to the server than clients that are busy.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_test_cluster::{BouncerOptions, Cluster, Databases, Options, PgBouncer, connect};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;
use tokio_postgres::{Client, SimpleQueryMessage};

const CLIENTS: usize = 8;
const TRANSACTIONS: usize = 20;
/// Far more than any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

/// The process of the server that serves this transaction.
async fn backend(client: &Client) -> String {
    let messages = client.simple_query("SELECT pg_backend_pid()").await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap()
}

/// How many clients wait for a connection to the server.
async fn waiting(console: &Client, database: &str) -> String {
    let messages = console.simple_query("SHOW POOLS").await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) if row.get("database") == Some(database) => row.get("cl_waiting"),
        _ => None,
    });
    row.unwrap_or("0").to_owned()
}

async fn work(url: String, all_connected: Arc<Barrier>) -> HashSet<String> {
    let client = connect(&url).await.unwrap();
    all_connected.wait().await;
    let mut backends = HashSet::new();
    for _ in 0..TRANSACTIONS {
        client.batch_execute("BEGIN").await.unwrap();
        backends.insert(backend(&client).await);
        client.batch_execute("COMMIT").await.unwrap();
    }
    backends
}

#[tokio::test]
async fn eight_busy_clients_are_served_by_two_connections() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let bouncer = PgBouncer::start(&cluster, &BouncerOptions { pool_size: 2 }).unwrap();
    let url = bouncer.url("postgres");

    let all_connected = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(work(url.clone(), Arc::clone(&all_connected)))).collect();
    let mut backends = HashSet::new();
    for client in clients {
        backends.extend(tokio::time::timeout(LIMIT, client).await.unwrap().unwrap());
    }
    assert!((1..=2).contains(&backends.len()), "{backends:?}");
}

#[tokio::test]
async fn a_third_client_waits_until_one_of_two_transactions_ends() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let bouncer = PgBouncer::start(&cluster, &BouncerOptions { pool_size: 2 }).unwrap();
    let url = bouncer.url("postgres");
    let (first, second) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    first.batch_execute("BEGIN").await.unwrap();
    second.batch_execute("BEGIN").await.unwrap();
    let freed = backend(&first).await;

    let third = connect(&url).await.unwrap();
    let third = tokio::spawn(async move { backend(&third).await });
    let console = connect(&bouncer.console_url()).await.unwrap();
    let deadline = Instant::now() + LIMIT;
    while waiting(&console, "postgres").await != "1" {
        assert!(Instant::now() < deadline, "the third client never waited");
    }
    assert!(!third.is_finished());
    first.batch_execute("COMMIT").await.unwrap();
    assert_eq!(third.await.unwrap(), freed);
}

#[tokio::test]
async fn clients_are_served_again_after_the_server_has_crashed() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let bouncer = PgBouncer::start(&cluster, &BouncerOptions::default()).unwrap();
    let before = connect(&bouncer.url("postgres")).await.unwrap();
    before.batch_execute("BEGIN").await.unwrap();
    cluster.restart_immediate().unwrap();
    assert!(before.batch_execute("COMMIT").await.is_err());
    let after = connect(&bouncer.url("postgres")).await.unwrap();
    after.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_test_is_reached_through_a_pooler_that_starts_on_demand() {
    let databases = Databases::on(Cluster::start(&Options::default()).unwrap());
    let database = databases.fresh(None).await.unwrap();
    let direct = connect(database.url()).await.unwrap();
    direct.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    let pooled = connect(&database.bouncer_url().unwrap()).await.unwrap();
    pooled.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(databases.fresh(None).await.unwrap().bouncer_url().unwrap().matches("forge_test_").count(), 1);
}

#[test]
fn a_pooler_without_a_server_behind_it_is_gone_with_its_own_drop() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let bouncer = PgBouncer::start(&cluster, &BouncerOptions::default()).unwrap();
    let process = format!("/proc/{}", bouncer.pid());
    cluster.stop_immediate().unwrap();
    assert!(std::path::Path::new(&process).exists());
    drop(bouncer);
    assert!(!std::path::Path::new(&process).exists());
}

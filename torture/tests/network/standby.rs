//! A server that takes no writes: a standby, as after a failover to another one, and a database that is read-only.

use crate::support::{config, enqueue, job, open, sql, turn, until};
use forge_jobs::storage::JobQueue;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_test_cluster::{Cluster, Options};
use forge_torture::stage::Stage;
use std::sync::Arc;

/// Stops the server, changes its files, and starts it again.
async fn restarted(cluster: &Arc<Cluster>, change: impl FnOnce(&Cluster) + Send + 'static) {
    let theirs = Arc::clone(cluster);
    let restart = move || {
        theirs.stop_immediate()?;
        change(&theirs);
        theirs.start_again()
    };
    tokio::task::spawn_blocking(restart).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_refused_with_the_remedy_and_work_goes_on_once_it_is_the_primary() {
    let _turn = turn().await;
    let start = || Cluster::start(&Options::default());
    let cluster = Arc::new(tokio::task::spawn_blocking(start).await.unwrap().unwrap());
    let stage = Stage::on_own(&cluster.url("postgres")).await.unwrap();
    let storage = open(&config(stage.url())).await;
    storage.enqueue(enqueue(vec![job("k")])).await.unwrap();
    // With a snapshot of the running transactions, from which a standby can answer.
    sql(stage.url(), "CHECKPOINT").await.unwrap();

    let signal = |cluster: &Cluster| cluster.data_dir().join("standby.signal");
    restarted(&cluster, move |c| std::fs::write(signal(c), "").unwrap()).await;
    assert_eq!(sql(stage.url(), "SELECT pg_is_in_recovery()::text").await.unwrap(), ["true"]);
    for error in [
        PostgresStorage::open(&config(stage.url()), Purpose::Use).await.unwrap_err(),
        storage.enqueue(enqueue(vec![job("k")])).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("connect to the primary"), "{error}");
        assert!(error.is_retryable(), "a failover is over soon: {error}");
    }

    restarted(&cluster, move |c| std::fs::remove_file(signal(c)).unwrap()).await;
    until("the new primary to be used", async || storage.enqueue(enqueue(vec![job("k")])).await.is_ok())
        .await;
    let count = sql(stage.url(), "SELECT count(*)::text FROM forge.jobs").await.unwrap();
    assert_eq!(count, ["2"], "what was refused is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_told_with_the_remedy_until_it_takes_writes_again() {
    let stage = Stage::new().await.unwrap();
    let name = stage.url().rsplit('/').next().unwrap().to_owned();
    let alter = async |what: &str| {
        // In a transaction that says for itself that it writes.
        let statement = format!("BEGIN READ WRITE; ALTER DATABASE \"{name}\" {what}; COMMIT");
        sql(stage.url(), &statement).await.unwrap();
    };
    alter("SET default_transaction_read_only = on").await;
    let storage = open(&config(stage.url())).await;
    let error = storage.enqueue(enqueue(vec![job("k")])).await.unwrap_err();
    assert!(
        error.to_string().contains("it is read-only, a standby perhaps; connect to the primary"),
        "{error}"
    );
    assert!(error.is_retryable(), "{error}");
    alter("RESET default_transaction_read_only").await;
    // A setting of the database is one of the sessions that begin from now on.
    let anew = open(&config(stage.url())).await;
    anew.enqueue(enqueue(vec![job("k")])).await.unwrap();
}

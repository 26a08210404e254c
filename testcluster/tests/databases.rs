//! Databases for tests: copies that know nothing of each other, and templates that are made once.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

use forge_test_cluster::{Cluster, Databases, Error, Options, connect, with_database};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::SimpleQueryMessage;

async fn value(url: &str, query: &str) -> String {
    let messages = connect(url).await.unwrap().simple_query(query).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap()
}

async fn one_row(url: String) -> Result<(), Error> {
    let client = connect(&url).await?;
    client.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    Ok(())
}

#[tokio::test]
async fn copies_of_a_template_know_nothing_of_each_other_or_of_it() {
    let databases = Databases::shared().unwrap();
    let template = databases.template("isolated", "1", one_row).await.unwrap();
    let first = databases.fresh(Some(&template)).await.unwrap();
    let client = connect(first.url()).await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (2), (3)").await.unwrap();
    assert_eq!(value(first.url(), "SELECT count(*) FROM t").await, "3");

    let second = databases.fresh(Some(&template)).await.unwrap();
    assert_ne!(first.name(), second.name());
    assert_eq!(value(second.url(), "SELECT count(*) FROM t").await, "1");
    let empty = databases.fresh(None).await.unwrap();
    assert_eq!(value(empty.url(), "SELECT count(*) FROM pg_class WHERE relname = 't'").await, "0");

    let refused = connect(&with_database(databases.admin_url(), &template)).await;
    assert!(matches!(refused, Err(Error::Sql { .. })), "nobody may change a template");
}

#[tokio::test]
async fn a_database_is_gone_with_its_guard_also_while_somebody_is_connected() {
    let databases = Databases::shared().unwrap();
    let database = databases.fresh(None).await.unwrap();
    let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    let client = connect(database.url()).await.unwrap();
    client.batch_execute("BEGIN; CREATE TABLE t ()").await.unwrap();
    assert_eq!(value(databases.admin_url(), &there).await, "1");
    drop(database);
    assert_eq!(value(databases.admin_url(), &there).await, "0");
    assert!(client.batch_execute("COMMIT").await.is_err());
}

/// Each handle stands for a process: nothing but the server is between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_template_that_several_want_is_made_once() {
    let cluster = Cluster::start(&Options::default()).unwrap();
    let made = Arc::new(AtomicU32::new(0));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (url, made) = (cluster.url("postgres"), Arc::clone(&made));
            tokio::spawn(async move {
                let databases = Databases::connect(url, None).unwrap();
                let count_and_make = |url| async move {
                    made.fetch_add(1, Ordering::SeqCst);
                    one_row(url).await
                };
                let template = databases.template("once", "1", count_and_make).await.unwrap();
                let database = databases.fresh(Some(&template)).await.unwrap();
                value(database.url(), "SELECT count(*) FROM t").await
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), "1");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_template_that_could_not_be_made_is_none_and_the_next_caller_tries() {
    let databases = Databases::shared().unwrap();
    let half = |url: String| async move {
        one_row(url).await.unwrap();
        Err::<(), _>("no more of it")
    };
    let error = databases.template("half", "1", half).await.unwrap_err();
    assert!(matches!(&error, Error::Provision { detail, .. } if detail == "no more of it"), "{error}");
    let template = databases.template("half", "1", one_row).await.unwrap();
    let database = databases.fresh(Some(&template)).await.unwrap();
    assert_eq!(value(database.url(), "SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn another_fingerprint_is_another_template() {
    let databases = Databases::shared().unwrap();
    let nothing = |_| async { Ok::<(), Infallible>(()) };
    let first = databases.template("shape", "1", nothing).await.unwrap();
    assert_eq!(databases.template("shape", "1", nothing).await.unwrap(), first);
    assert_ne!(databases.template("shape", "2", nothing).await.unwrap(), first);
    let error = databases.template("No Name", "1", nothing).await.unwrap_err();
    assert!(matches!(error, Error::Name(_)), "{error}");
}

#[tokio::test]
async fn a_template_that_does_not_exist_is_named() {
    let error = Databases::shared().unwrap().fresh(Some("no_such_template")).await.unwrap_err().to_string();
    assert!(error.contains("no_such_template"), "{error}");
}

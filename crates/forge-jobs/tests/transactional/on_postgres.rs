//! On a server, by both drivers, straight and through a pooler in transaction mode.

use crate::databases::{fresh, open};
use crate::{HANG, enqueuer, next, worker};
use forge_jobs::storage::postgres::sqlx::postgres::PgConnectOptions;
use forge_jobs::storage::postgres::sqlx::{self, ConnectOptions, PgConnection};
use forge_jobs::storage::postgres::tokio_postgres::{self, AsyncMessage, Client, NoTls};
use forge_jobs::storage::postgres::{PostgresStorage, transaction};
use forge_jobs::storage::{PostgresConfig, StorageError};
use forge_jobs::testing::wait_until;
use forge_jobs::{
    Dedupe, EnqueueError, EnqueueOutcome, EnqueueRequest, Enqueued, Enqueuer, JobId, JobStatus,
};
use forge_test_cluster::{TestDatabase, connect};
use std::sync::Arc;
use std::time::Duration;

/// What a caller has of its own.
enum Own {
    TokioPostgres(Client),
    Sqlx(PgConnection),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    TokioPostgres,
    Sqlx,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Pooled,
}

struct Shop {
    database: TestDatabase<'static>,
    url: String,
    driver: Driver,
    way: Way,
    storage: Arc<PostgresStorage>,
    enqueuer: Enqueuer,
}

impl Shop {
    async fn open(driver: Driver, way: Way) -> Self {
        let database = fresh().await;
        let url = match way {
            Way::Direct => database.url().to_owned(),
            Way::Pooled => tokio::task::block_in_place(|| database.bouncer_url()).unwrap(),
        };
        let storage = open(&url).await;
        let enqueuer = enqueuer(storage.clone().into_bundle());
        Self { database, url, driver, way, storage, enqueuer }
    }

    async fn own(&self) -> Own {
        match self.driver {
            Driver::TokioPostgres => Own::TokioPostgres(connect(&self.url).await.unwrap()),
            Driver::Sqlx => {
                // Poolers refuse this parameter.
                let options: PgConnectOptions = self.url.parse().unwrap();
                Own::Sqlx(options.extra_float_digits(None).connect().await.unwrap())
            }
        }
    }

    async fn begun(&self) -> Own {
        let mut own = self.own().await;
        own.run("BEGIN").await;
        own
    }

    async fn put(&self, own: &mut Own, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        match own {
            Own::TokioPostgres(c) => self.enqueuer.enqueue_in(self.storage.within(c), request).await,
            Own::Sqlx(c) => self.enqueuer.enqueue_in(self.storage.within_sqlx(c), request).await,
        }
    }

    async fn put_many(
        &self,
        own: &mut Own,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Result<Vec<Enqueued>, EnqueueError> {
        match own {
            Own::TokioPostgres(c) => {
                self.enqueuer.enqueue_many_in(self.storage.within(c).with_notify(false), requests).await
            }
            Own::Sqlx(c) => {
                self.enqueuer.enqueue_many_in(self.storage.within_sqlx(c).with_notify(false), requests).await
            }
        }
    }

    async fn status(&self, id: JobId) -> Option<JobStatus> {
        self.storage.clone().into_bundle().inspect.job(id).await.unwrap().map(|job| job.status)
    }

    async fn text(&self, sql: &str) -> String {
        let client = connect(self.database.url()).await.unwrap();
        client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
    }

    async fn no_problems(&self) {
        let checkup = self.storage.clone().into_bundle().inspect.checkup().await.unwrap();
        assert_eq!(checkup.problems, Vec::<String>::new());
    }

    /// Somebody waits for somebody's lock.
    async fn until_one_waits(&self) {
        let client = connect(self.database.url()).await.unwrap();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND wait_event_type = 'Lock'";
        wait_until("a transaction to wait for the other", HANG, || async {
            client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
    }
}

impl Own {
    async fn run(&mut self, sql: &str) {
        match self {
            Self::TokioPostgres(c) => c.batch_execute(sql).await.unwrap(),
            Self::Sqlx(c) => {
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *c).await.unwrap();
            }
        }
    }
}

fn work(n: i64) -> EnqueueRequest {
    EnqueueRequest::new("work", n)
}

macro_rules! each_way {
    (@ $name:ident $driver:ident $way:ident $($rule:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule(super::Shop::open(super::Driver::$driver, super::Way::$way).await).await;
            })*
        }
    };
    ($($rule:ident)*) => {
        each_way! { @ tokio_postgres_direct TokioPostgres Direct $($rule)* }
        each_way! { @ tokio_postgres_pooled TokioPostgres Pooled $($rule)* }
        each_way! { @ sqlx_direct Sqlx Direct $($rule)* }
        each_way! { @ sqlx_pooled Sqlx Pooled $($rule)* }
    };
}

each_way! {
    a_committed_job_runs
    a_rolled_back_job_never_was_and_its_names_can_be_used_again
    jobs_of_one_transaction_are_all_there_or_none
    twins_are_seen_within_a_transaction
    a_second_transaction_with_the_same_key_waits_and_then_knows
    a_job_is_replaced_with_the_transaction_or_not_at_all
    a_refused_job_leaves_the_transaction_as_it_was
    an_error_of_the_server_is_typed_and_known
}

async fn a_committed_job_runs(shop: Shop) {
    let (runtime, mut runs) = worker(shop.storage.clone().into_bundle());
    let handle = runtime.start().await.unwrap();
    let mut own = shop.begun().await;
    own.run("CREATE TABLE orders (id bigint)").await;
    own.run("INSERT INTO orders VALUES (1)").await;
    let job = shop.put(&mut own, work(1)).await.unwrap();
    assert_eq!((job.outcome, shop.status(job.id).await), (EnqueueOutcome::Inserted, None));
    own.run("COMMIT").await;
    assert_eq!(next(&mut runs).await, "1");
    assert_eq!(shop.text("SELECT count(*) FROM orders").await, "1");
    if shop.way == Way::Direct {
        // Without a transaction: at once.
        shop.put(&mut own, work(2)).await.unwrap();
        assert_eq!(next(&mut runs).await, "2");
    }
    handle.shutdown_graceful(HANG).await;
    shop.no_problems().await;
}

async fn a_rolled_back_job_never_was_and_its_names_can_be_used_again(shop: Shop) {
    let request = || EnqueueRequest::new("new.kind", 1).on_queue("new").with_dedupe_key("key");
    let mut own = shop.begun().await;
    let job = shop.put(&mut own, request()).await.unwrap();
    own.run("ROLLBACK").await;
    assert_eq!(shop.status(job.id).await, None);
    for table in ["jobs", "queues", "kinds", "streams", "unique_keys", "ready"] {
        assert_eq!(shop.text(&format!("SELECT count(*) FROM forge.{table}")).await, "0", "{table}");
    }
    let by_storage = shop.enqueuer.enqueue(request()).await.unwrap();
    assert_eq!(shop.status(by_storage.id).await, Some(JobStatus::Pending));
    own.run("BEGIN").await;
    let twin = shop.put(&mut own, request()).await.unwrap();
    assert_eq!((twin.id, twin.outcome), (by_storage.id, EnqueueOutcome::Duplicate));
    let later = request().with_dedupe_key("other").with_delay(Duration::from_secs(3_600));
    let later = shop.put(&mut own, later).await.unwrap();
    own.run("COMMIT").await;
    assert_eq!(shop.status(later.id).await, Some(JobStatus::Scheduled));
    // To a savepoint as well.
    own.run("BEGIN; SAVEPOINT s").await;
    let job = shop.put(&mut own, EnqueueRequest::new("newer.kind", 1)).await.unwrap();
    own.run("ROLLBACK TO s").await;
    let kept = shop.put(&mut own, EnqueueRequest::new("newer.kind", 2)).await.unwrap();
    own.run("COMMIT").await;
    assert_eq!((shop.status(job.id).await, shop.status(kept.id).await), (None, Some(JobStatus::Pending)));
    shop.no_problems().await;
}

async fn jobs_of_one_transaction_are_all_there_or_none(shop: Shop) {
    let mut own = shop.own().await;
    for (end, expected) in [("ROLLBACK", "0"), ("COMMIT", "2100")] {
        own.run("BEGIN").await;
        let requests = (0..2_100).map(|n| work(n).on_queue(format!("q{}", n % 7)));
        let jobs = shop.put_many(&mut own, requests).await.unwrap();
        assert!(jobs.len() == 2_100 && jobs.iter().all(|j| j.outcome == EnqueueOutcome::Inserted));
        own.run(end).await;
        assert_eq!(shop.text("SELECT count(*) FROM forge.ready").await, expected);
    }
    // Each in its own place.
    let in_place = "SELECT bool_and(j.queue = 'q' || j.payload::int % 7) FROM forge.forge_inspect_jobs j";
    assert_eq!(shop.text(in_place).await, "true");
    assert!(shop.put_many(&mut own, []).await.unwrap().is_empty());
    shop.no_problems().await;
}

async fn twins_are_seen_within_a_transaction(shop: Shop) {
    let keyed = |n| work(n).with_dedupe_key("key").with_tag("t\"ag");
    let mut own = shop.begun().await;
    let first = shop.put(&mut own, keyed(1)).await.unwrap();
    let second = shop.put(&mut own, keyed(2)).await.unwrap();
    assert_eq!((second.id, second.outcome), (first.id, EnqueueOutcome::Duplicate));
    let again = shop.put(&mut own, keyed(1).with_id(first.id)).await.unwrap();
    assert_eq!((again.id, again.outcome), (first.id, EnqueueOutcome::AlreadyThere));
    own.run("COMMIT").await;
    // By the storage, which writes the same.
    let again = shop.enqueuer.enqueue(keyed(1).with_id(first.id)).await.unwrap();
    assert_eq!(again.outcome, EnqueueOutcome::AlreadyThere);
    let third = shop.enqueuer.enqueue(keyed(3)).await.unwrap();
    assert_eq!((third.id, third.outcome), (first.id, EnqueueOutcome::Duplicate));
    shop.no_problems().await;
}

async fn a_second_transaction_with_the_same_key_waits_and_then_knows(shop: Shop) {
    // What would be waited for otherwise.
    shop.enqueuer.enqueue(work(0)).await.unwrap();
    for (end, key) in [("COMMIT", "a"), ("ROLLBACK", "b")] {
        let keyed = |n| work(n).with_dedupe_key(key);
        let (mut own, mut other) = (shop.begun().await, shop.begun().await);
        let first = shop.put(&mut own, keyed(1)).await.unwrap();
        let (second, ()) = tokio::join!(shop.put(&mut other, keyed(2)), async {
            shop.until_one_waits().await;
            own.run(end).await;
        });
        let second = second.unwrap();
        other.run("COMMIT").await;
        if end == "COMMIT" {
            assert_eq!((second.id, second.outcome), (first.id, EnqueueOutcome::Duplicate));
        } else {
            assert_eq!((second.outcome, shop.status(first.id).await), (EnqueueOutcome::Inserted, None));
        }
        assert_eq!(shop.status(second.id).await, Some(JobStatus::Pending));
    }
    shop.no_problems().await;
}

async fn a_job_is_replaced_with_the_transaction_or_not_at_all(shop: Shop) {
    let replacing = |n| work(n).with_dedupe(Dedupe::new("key").replacing());
    let held = shop.enqueuer.enqueue(work(1).with_dedupe_key("key")).await.unwrap();
    let payload = "SELECT payload FROM forge.forge_inspect_jobs";
    for (end, left) in [("ROLLBACK", "1"), ("COMMIT", "2")] {
        let mut own = shop.begun().await;
        let new = shop.put(&mut own, replacing(2)).await.unwrap();
        assert_eq!((new.id, new.outcome), (held.id, EnqueueOutcome::Replaced));
        own.run(end).await;
        assert_eq!(shop.text(payload).await, left);
    }
    // One with a concurrency key would lock that key for as long as the transaction is open.
    let keyed =
        shop.enqueuer.enqueue(work(3).with_dedupe_key("other").with_concurrency_key("c")).await.unwrap();
    let mut own = shop.begun().await;
    let replacing = work(4).with_dedupe(Dedupe::new("other").replacing());
    let refused = shop.put(&mut own, replacing.clone()).await.unwrap_err();
    assert!(matches!(refused, EnqueueError::Storage(StorageError::Conflict { .. })), "{refused:?}");
    let refused = refused.to_string();
    assert!(refused.contains(&keyed.id.to_string()) && refused.contains("concurrency key"), "{refused}");
    own.run("ROLLBACK").await;
    let outside = shop.enqueuer.enqueue(replacing.with_concurrency_key("c")).await.unwrap();
    assert_eq!((outside.id, outside.outcome), (keyed.id, EnqueueOutcome::Replaced));
    shop.no_problems().await;
}

async fn a_refused_job_leaves_the_transaction_as_it_was(shop: Shop) {
    let mut own = shop.begun().await;
    let first = shop.put(&mut own, work(1)).await.unwrap();
    let bad = [work(2), EnqueueRequest::new("no name", 3)];
    let refused = shop.put_many(&mut own, bad).await.unwrap_err();
    assert!(matches!(refused, EnqueueError::Invalid(_)), "{refused}");
    let taken = shop.put(&mut own, work(4).with_id(first.id)).await.unwrap_err();
    assert!(matches!(taken, EnqueueError::IdTaken { id } if id == first.id), "{taken}");
    let second = shop.put(&mut own, work(5)).await.unwrap();
    own.run("COMMIT").await;
    assert_eq!(shop.status(second.id).await, Some(JobStatus::Pending));
    assert_eq!(shop.text("SELECT count(*) FROM forge.jobs").await, "2");
}

async fn an_error_of_the_server_is_typed_and_known(shop: Shop) {
    let refused = |r: Result<_, EnqueueError>| match r.unwrap_err() {
        EnqueueError::Storage(e) if !e.outcome_unknown() => e,
        other => panic!("{other}"),
    };
    let config = PostgresConfig::from_url(&shop.url).unwrap().with_schema("elsewhere").unwrap();
    let mut own = shop.begun().await;
    let nowhere = match &mut own {
        Own::TokioPostgres(c) => shop.enqueuer.enqueue_in(transaction::within(&config, c), work(1)).await,
        Own::Sqlx(c) => shop.enqueuer.enqueue_in(transaction::within_sqlx(&config, c), work(1)).await,
    };
    let nowhere = refused(nowhere);
    assert!(matches!(nowhere, StorageError::NotForge { .. }), "{nowhere}");
    // The transaction takes nothing more.
    refused(shop.put(&mut own, work(1)).await);
    own.run("ROLLBACK; BEGIN").await;
    shop.put(&mut own, work(1)).await.unwrap();
    own.run("COMMIT").await;
    // Repeatable reads that meet another's commit can be tried again.
    own.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await;
    shop.enqueuer.enqueue(work(2).with_dedupe_key("key")).await.unwrap();
    let late = refused(shop.put(&mut own, work(3).with_dedupe_key("key")).await);
    assert!(late.is_retryable(), "{late}");
    own.run("ROLLBACK").await;
}

/// What others are told, straight from the server.
struct Ear {
    client: Client,
    heard: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Ear {
    async fn at(url: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let (send, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(note) = message {
                    let _ = send.send(note.payload().to_owned());
                }
            }
        });
        client.batch_execute("LISTEN forge_jobs").await.unwrap();
        Self { client, heard }
    }

    /// All that was told before this call, echoes excepted.
    async fn so_far(&mut self) -> Vec<String> {
        self.client.batch_execute("SELECT forge.tell('until here')").await.unwrap();
        let mut all = Vec::new();
        loop {
            let what = tokio::time::timeout(HANG, self.heard.recv()).await.expect("it is heard").unwrap();
            match what.as_str() {
                "until here" => return all,
                echo if echo.starts_with("echo:") => {}
                _ => all.push(what),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_told_with_the_commit_unless_the_caller_tells_them_itself() {
    for driver in [Driver::TokioPostgres, Driver::Sqlx] {
        let shop = Shop::open(driver, Way::Direct).await;
        let mut ear = Ear::at(shop.database.url()).await;
        let mut own = shop.begun().await;
        shop.put(&mut own, work(1)).await.unwrap();
        assert_eq!(ear.so_far().await, [""; 0], "nothing before the commit");
        own.run("COMMIT; BEGIN").await;
        assert_eq!(ear.so_far().await, ["w"]);
        shop.put(&mut own, work(2)).await.unwrap();
        own.run("ROLLBACK; BEGIN").await;
        assert_eq!(ear.so_far().await, [""; 0], "what was rolled back is not told");
        shop.put(&mut own, work(3).with_delay(Duration::from_secs(9))).await.unwrap();
        own.run("COMMIT; BEGIN").await;
        assert_eq!(ear.so_far().await, ["wd"]);
        shop.put_many(&mut own, [work(4)]).await.unwrap();
        own.run("COMMIT").await;
        assert_eq!(ear.so_far().await, [""; 0], "it was not to be told");
        shop.enqueuer.wake();
        assert_eq!(tokio::time::timeout(HANG, ear.heard.recv()).await.unwrap().as_deref(), Some("wd"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drivers_own_transactions_are_taken() {
    let shop = Shop::open(Driver::TokioPostgres, Way::Direct).await;
    let mut client = connect(&shop.url).await.unwrap();
    let tx = client.transaction().await.unwrap();
    let first = shop.enqueuer.enqueue_in(shop.storage.within(&tx), work(1)).await.unwrap();
    tx.commit().await.unwrap();
    let pool = sqlx::PgPool::connect(&shop.url).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let second = shop.enqueuer.enqueue_in(shop.storage.within_sqlx(&mut tx), work(2)).await.unwrap();
    tx.commit().await.unwrap();
    drop(pool.begin().await.unwrap());
    pool.close().await;
    assert_eq!(shop.status(first.id).await, Some(JobStatus::Pending));
    assert_eq!(shop.status(second.id).await, Some(JobStatus::Pending));
}

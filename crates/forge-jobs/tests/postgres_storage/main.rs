//! What is the Postgres storage's own: migrations, refusals, and what may wait for what.

#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod closing;
mod damage;
#[path = "../support/postgres.rs"]
mod databases;
mod deaf;
mod keys;
mod silence;

use forge_jobs::limits::MAX_BUDGETS;
use forge_jobs::rate_limit::{RateLimit, Scope};
use forge_jobs::storage::postgres::{PostgresStorage, Purpose, SCHEMA_VERSION, schema_sql};
use forge_jobs::storage::{
    AcquireParams, AttachParams, ClaimMode, ClaimParams, ClaimWant, DrainParams, EnqueueParams, Inserted,
    KindFilter, Lease, Limited, PostgresConfig, RegisterParams, SetBy, SetLimitParams, Storage, StorageError,
};
use forge_jobs::{DefaultRouter, EnqueueRequest, NewJob, ProcessId};
use forge_test_cluster::{Databases, TestDatabase};
use futures_util::future::join_all;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

/// A wait longer than this is a hang, not slowness.
const HANG: Duration = Duration::from_secs(180);

async fn empty() -> TestDatabase<'static> {
    let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
    databases.fresh(None).await.unwrap()
}

async fn client(database: &TestDatabase<'_>) -> Client {
    forge_test_cluster::connect(database.url()).await.unwrap()
}

async fn open(url: &str, purpose: Purpose) -> Result<Arc<PostgresStorage>, StorageError> {
    PostgresStorage::open(&PostgresConfig::from_url(url).unwrap(), purpose).await
}

async fn refusal(url: &str, purpose: Purpose) -> String {
    open(url, purpose).await.map(drop).expect_err("it is refused").to_string()
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

fn job(request: EnqueueRequest) -> NewJob {
    request.validate(&DefaultRouter).unwrap()
}

async fn enqueue(storage: &Storage, request: EnqueueRequest) -> Inserted {
    let params = EnqueueParams { jobs: vec![job(request)], now: None };
    storage.jobs.enqueue(params).await.unwrap()[0]
}

async fn claim_all(storage: &Storage, process: ProcessId) -> Vec<Lease> {
    let wants = vec![ClaimWant { queue: "default".into(), limit: 10 }];
    let params = ClaimParams { process, wants, kinds: KindFilter::Any, mode: ClaimMode::Ordinary, now: None };
    storage.jobs.claim(params).await.unwrap().jobs.into_iter().map(|c| c.lease).collect()
}

async fn register(storage: &Storage) -> ProcessId {
    let process = ProcessId::new();
    let params = RegisterParams {
        process,
        host: "host".into(),
        pid: 1,
        version: "1".into(),
        kinds: None,
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    };
    storage.processes.register(params).await.unwrap();
    process
}

#[tokio::test]
async fn a_database_without_tables_is_refused_with_the_remedy_and_left_as_it_was() {
    let database = empty().await;
    for purpose in [Purpose::Look, Purpose::Use] {
        let e = refusal(database.url(), purpose).await;
        assert!(e.contains("forge migrate") && e.contains("auto_migrate"), "{e}");
    }
    let client = client(&database).await;
    assert_eq!(number(&client, "SELECT count(*) FROM pg_namespace WHERE nspname = 'forge'").await, 0);
}

#[tokio::test]
async fn a_schema_of_somebody_else_and_a_newer_one_are_refused_and_left_as_they_were() {
    let database = empty().await;
    let client = client(&database).await;
    client.batch_execute("CREATE SCHEMA forge; CREATE TABLE forge.orders (id int)").await.unwrap();
    let e = refusal(database.url(), Purpose::Migrate).await;
    assert!(e.contains("orders") && e.contains("schema"), "{e}");
    assert_eq!(number(&client, "SELECT count(*) FROM pg_tables WHERE schemaname = 'forge'").await, 1);

    let database = databases::fresh().await;
    let client = forge_test_cluster::connect(database.url()).await.unwrap();
    client.batch_execute("UPDATE forge.meta SET value = 99 WHERE key = 'schema_version'").await.unwrap();
    for purpose in [Purpose::Look, Purpose::Use, Purpose::Migrate] {
        let e = open(database.url(), purpose).await.err().unwrap();
        assert!(matches!(e, StorageError::SchemaTooNew { found: 99, .. }), "{e}");
    }
    client.batch_execute("UPDATE forge.meta SET value = 0 WHERE key = 'schema_version'").await.unwrap();
    let e = open(database.url(), Purpose::Use).await.err().unwrap();
    assert!(matches!(e, StorageError::SchemaTooOld { found: 0, .. }), "{e}");
    assert!(e.to_string().contains("forge migrate"), "{e}");
}

#[tokio::test]
async fn a_database_that_is_not_utf_8_is_refused() {
    let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
    let admin = forge_test_cluster::connect(databases.admin_url()).await.unwrap();
    let name = format!("forge_latin_{}", std::process::id());
    let create =
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    admin.batch_execute(&create).await.unwrap();
    let url = forge_test_cluster::with_database(databases.admin_url(), &name);
    let e = refusal(&url, Purpose::Migrate).await;
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    assert!(e.contains("LATIN1") && e.contains("UTF8"), "{e}");
}

/// The first number of the schema's advisory locks, as its own functions have it.
fn lock_of(schema: &str) -> String {
    let sql = schema_sql(schema);
    let (before, _) = sql.split_once(", -v_process)").unwrap();
    before.rsplit_once('(').unwrap().1.to_owned()
}

#[tokio::test]
async fn a_migration_that_hangs_is_waited_for_no_longer_than_a_call() {
    let database = empty().await;
    let other = client(&database).await;
    other.batch_execute(&format!("SELECT pg_advisory_lock({}, 0)", lock_of("forge"))).await.unwrap();
    let config = PostgresConfig::from_url(database.url()).unwrap();
    let config = config.with_call_timeout(Duration::from_secs(1)).unwrap();
    let opened = PostgresStorage::open(&config, Purpose::Migrate);
    let e = tokio::time::timeout(HANG, opened).await.expect("it ends").map(drop).expect_err("it is refused");
    assert!(e.to_string().contains("another process is migrating"), "{e}");
    assert!(!e.outcome_unknown());
    other.batch_execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    open(database.url(), Purpose::Migrate).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_migrators_at_once_make_one_schema_and_a_cut_one_holds_up_nobody() {
    let database = empty().await;
    // One that was cut off in the middle: its session ends, and its lock with it.
    let cut = client(&database).await;
    cut.batch_execute("BEGIN; CREATE SCHEMA forge; CREATE TABLE forge.meta (x int)").await.unwrap();
    let pid = number(&cut, "SELECT pg_backend_pid()::int8").await;
    let migrators: Vec<_> = (0..8)
        .map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move { open(&url, Purpose::Migrate).await.map(drop) })
        })
        .collect();
    let other = client(&database).await;
    other.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    for migrator in migrators {
        tokio::time::timeout(HANG, migrator).await.unwrap().unwrap().unwrap();
    }
    assert_eq!(number(&other, "SELECT value FROM forge.meta").await, SCHEMA_VERSION);
    let storage = open(database.url(), Purpose::Use).await.unwrap().into_bundle();
    assert_eq!(enqueue(&storage, EnqueueRequest::new("k", 1)).await, Inserted::Inserted);
}

#[tokio::test]
async fn schemas_live_beside_each_other_in_one_database() {
    let database = empty().await;
    let config = PostgresConfig::from_url(database.url()).unwrap();
    let one =
        PostgresStorage::open(&config.clone().with_schema("one").unwrap(), Purpose::Migrate).await.unwrap();
    let two = PostgresStorage::open(&config.with_schema("two").unwrap(), Purpose::Migrate).await.unwrap();
    let (one, two) = (one.into_bundle(), two.into_bundle());
    let new = job(EnqueueRequest::new("k", 1));
    one.jobs.enqueue(EnqueueParams { jobs: vec![new.clone()], now: None }).await.unwrap();
    assert!(one.inspect.job(new.id).await.unwrap().is_some());
    assert!(two.inspect.job(new.id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enqueues_at_once_share_their_commits() {
    let database = databases::fresh().await;
    let handle = databases::open(database.url()).await;
    let storage = handle.clone().into_bundle();
    enqueue(&storage, EnqueueRequest::new("k", 0)).await;
    // Nothing is written before all of them have come.
    let locker = client(&database).await;
    locker.batch_execute("BEGIN; LOCK TABLE forge.jobs IN EXCLUSIVE MODE").await.unwrap();
    let before = handle.statements();
    let mut callers = pin!(join_all((0..64).map(|n| enqueue(&storage, EnqueueRequest::new("k", n)))));
    assert!(futures_util::poll!(callers.as_mut()).is_pending());
    locker.batch_execute("COMMIT").await.unwrap();
    assert!(callers.await.into_iter().all(|inserted| inserted == Inserted::Inserted));
    // Two writers at a time, a notification now and then, and what listening takes to begin.
    let sent = handle.statements() - before;
    assert!(sent <= 16, "64 enqueues took {sent} statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_between_is_told_from_the_server_itself() {
    let database = empty().await;
    let direct = open(database.url(), Purpose::Migrate).await.unwrap();
    assert!(direct.is_direct().await.unwrap());
    let url = tokio::task::block_in_place(|| database.bouncer_url()).unwrap();
    let pooled = open(&url, Purpose::Use).await.unwrap();
    assert!(!pooled.is_direct().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_statement_outlives_a_change_of_the_function_that_it_calls() {
    let database = empty().await;
    let storage = open(database.url(), Purpose::Migrate).await.unwrap().into_bundle();
    let request = || EnqueueRequest::new("k", "{}").with_delay(Duration::from_secs(3600));
    for _ in 0..3 {
        assert_eq!(enqueue(&storage, request()).await, Inserted::Inserted);
    }
    // What the statement gives is of another type now, which a kept plan must not be.
    let change = "ALTER TYPE forge.inserted ALTER ATTRIBUTE of TYPE text";
    client(&database).await.batch_execute(change).await.unwrap();
    assert_eq!(enqueue(&storage, request()).await, Inserted::Inserted);
}

#[tokio::test]
async fn a_crowd_of_keys_stops_no_claim_and_no_drain() {
    let database = databases::fresh().await;
    let storage = databases::open(database.url()).await.into_bundle();
    let set = async |scope: &str| {
        let limit = RateLimit::new(5, Duration::from_secs(86_400));
        let params = SetLimitParams {
            scope: Scope::new(scope).unwrap(),
            limit,
            by: SetBy::Operator,
            expected_version: None,
            actor: None,
            now: None,
        };
        storage.rate_limits.set_limit(params).await.unwrap();
    };
    set("mail").await;
    set("smtp").await;
    let crowd = format!(
        "INSERT INTO forge.budgets (scope, ends, counts, idle_at) \
         SELECT 'mail:' || i, '{{9000000000000000}}', '{{1}}', 9000000000000000 FROM generate_series(1, {MAX_BUDGETS}) i"
    );
    client(&database).await.batch_execute(&crowd).await.unwrap();
    let one_more = Scope::new("mail:one-more").unwrap();
    let params = AcquireParams { scope: one_more, wants: vec![1], now: None };
    let refused = storage.rate_limits.acquire(params).await.unwrap_err();
    assert!(refused.to_string().contains("keyed scopes"), "{refused}");
    // What has a limit of its own has room all the same.
    let drain = DrainParams {
        scope: Scope::new("mail").unwrap(),
        wait: Duration::from_secs(60),
        actor: None,
        now: None,
    };
    storage.rate_limits.drain(drain).await.unwrap();
    let (what, scope) = (Limited::Kind("k".into()), Some(Scope::new("smtp").unwrap()));
    storage.rate_limits.attach(AttachParams { what, scope, actor: None }).await.unwrap();
    enqueue(&storage, EnqueueRequest::new("k", 1)).await;
    let process = register(&storage).await;
    assert_eq!(claim_all(&storage, process).await.len(), 1);
}

//! On an embedded file that the program's own tables are in as well.

#![allow(clippy::future_not_send, reason = "the caller's connection stays on its thread")]

use crate::{HANG, enqueuer, next, worker};
use forge_jobs::storage::StorageError;
use forge_jobs::storage::sqlite::rusqlite::{Connection, Transaction, TransactionBehavior};
use forge_jobs::storage::sqlite::transaction::within;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{EnqueueError, EnqueueOutcome, EnqueueRequest, Enqueuer, JobId, JobStatus, RuntimeConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct Shop {
    _dir: TempDir,
    file: PathBuf,
    storage: Arc<SqliteStorage>,
    enqueuer: Enqueuer,
    conn: Connection,
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("shop.db");
        let conn = Connection::open(&file).unwrap();
        conn.busy_timeout(HANG).unwrap();
        conn.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
        let options = SqliteOptions::default().normal().share_file();
        let storage = SqliteStorage::open(&file, options).await.unwrap();
        let enqueuer = enqueuer(storage.clone().into_bundle());
        Self { _dir: dir, file, storage, enqueuer, conn }
    }

    fn begin(&mut self) -> Transaction<'_> {
        self.conn.transaction_with_behavior(TransactionBehavior::Immediate).unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        self.conn.query_row(sql, [], |r| r.get(0)).unwrap()
    }

    async fn status(&self, id: JobId) -> Option<JobStatus> {
        self.storage.clone().into_bundle().inspect.job(id).await.unwrap().map(|job| job.status)
    }

    async fn no_problems(&self) {
        let checkup = self.storage.clone().into_bundle().inspect.checkup().await.unwrap();
        assert_eq!(checkup.problems, Vec::<String>::new());
    }
}

fn work(n: i64) -> EnqueueRequest {
    EnqueueRequest::new("work", n)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_job_runs_soon_in_the_same_process_and_in_another() {
    let mut shop = Shop::open().await;
    let other = SqliteStorage::open(&shop.file, SqliteOptions::default().share_file()).await.unwrap();
    for (storage, n) in [(shop.storage.clone(), 1), (other, 2)] {
        let (runtime, mut runs) = worker(storage.into_bundle());
        let mut config = RuntimeConfig::default();
        // No poll finds anything before this test has failed: the file has to be seen to change.
        (config.poll_busy, config.poll_idle) = (Duration::from_secs(3_600), Duration::from_secs(3_600));
        let runtime = runtime.with_config(config);
        let handle = runtime.start().await.unwrap();
        // It is at work, and has found that there is nothing more.
        runtime.enqueue(work(0)).await.unwrap();
        assert_eq!(next(&mut runs).await, "0");
        handle.drained().await.unwrap();
        let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
        let tx = shop.begin();
        tx.execute("INSERT INTO orders VALUES (?1)", [n]).unwrap();
        let job = enqueuer.blocking_enqueue_in(storage.within(&tx), work(n)).unwrap();
        assert_eq!(job.outcome, EnqueueOutcome::Inserted);
        tx.commit().unwrap();
        assert_eq!(next(&mut runs).await, n.to_string());
        handle.shutdown_graceful(HANG).await;
    }
    shop.no_problems().await;
}

#[tokio::test]
async fn a_rolled_back_job_never_was_and_its_names_can_be_used_again() {
    let mut shop = Shop::open().await;
    let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
    let request = || EnqueueRequest::new("new.kind", 1).on_queue("new").with_dedupe_key("key");
    let tx = shop.begin();
    let job = enqueuer.blocking_enqueue_in(storage.within(&tx), request()).unwrap();
    tx.rollback().unwrap();
    assert_eq!(shop.status(job.id).await, None);
    for table in ["forge_jobs", "forge_queues", "forge_kinds", "forge_unique", "forge_ready"] {
        assert_eq!(shop.count(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let by_storage = enqueuer.enqueue(request()).await.unwrap();
    let tx = shop.begin();
    let twin = enqueuer.blocking_enqueue_in(storage.within(&tx), request()).unwrap();
    assert_eq!((twin.id, twin.outcome), (by_storage.id, EnqueueOutcome::Duplicate));
    let later = request().with_dedupe_key("other").with_delay(Duration::from_secs(3_600));
    let later = enqueuer.blocking_enqueue_in(storage.within(&tx), later).unwrap();
    tx.commit().unwrap();
    assert_eq!(shop.status(later.id).await, Some(JobStatus::Scheduled));
    shop.no_problems().await;
}

#[tokio::test]
async fn jobs_of_one_transaction_are_all_there_or_none() {
    let mut shop = Shop::open().await;
    let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
    for keep in [false, true] {
        let tx = shop.begin();
        let jobs = enqueuer.blocking_enqueue_many_in(storage.within(&tx), (0..2_100).map(work)).unwrap();
        assert!(jobs.len() == 2_100 && jobs.iter().all(|j| j.outcome == EnqueueOutcome::Inserted));
        if keep {
            tx.commit().unwrap();
        } else {
            tx.rollback().unwrap();
        }
        let expected = if keep { 2_100 } else { 0 };
        assert_eq!(shop.count("SELECT count(*) FROM forge_ready"), expected);
    }
    shop.no_problems().await;
}

#[tokio::test]
async fn a_refused_job_leaves_the_transaction_as_it_was() {
    let mut shop = Shop::open().await;
    let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
    let tx = shop.begin();
    let first = enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)).unwrap();
    let bad = [work(2), EnqueueRequest::new("no name", 3)];
    let refused = enqueuer.blocking_enqueue_many_in(storage.within(&tx), bad).unwrap_err();
    assert!(matches!(refused, EnqueueError::Invalid(_)), "{refused}");
    let taken = enqueuer.blocking_enqueue_in(storage.within(&tx), work(4).with_id(first.id)).unwrap_err();
    assert!(matches!(taken, EnqueueError::IdTaken { id } if id == first.id), "{taken}");
    let again = enqueuer.blocking_enqueue_in(storage.within(&tx), work(1).with_id(first.id)).unwrap();
    assert_eq!(again.outcome, EnqueueOutcome::AlreadyThere);
    // What fails in the middle of a call leaves nothing of it.
    tx.execute_batch(
        "CREATE TEMP TRIGGER no_seven BEFORE INSERT ON forge_jobs WHEN NEW.payload = '7' \
         BEGIN SELECT raise(ABORT, 'no seven'); END",
    )
    .unwrap();
    let failed = enqueuer.blocking_enqueue_many_in(storage.within(&tx), [work(6), work(7)]).unwrap_err();
    assert!(matches!(failed, EnqueueError::Storage(_)) && !failed.outcome_unknown(), "{failed}");
    tx.execute_batch("DROP TRIGGER no_seven").unwrap();
    tx.commit().unwrap();
    assert_eq!(shop.count("SELECT count(*) FROM forge_jobs"), 1);
    shop.no_problems().await;
}

#[tokio::test]
async fn what_is_no_place_for_jobs_is_refused() {
    let mut shop = Shop::open().await;
    let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
    let refused = |r: Result<_, EnqueueError>| match r.unwrap_err() {
        EnqueueError::Storage(e) => e,
        other => panic!("{other}"),
    };

    let none = refused(enqueuer.blocking_enqueue_in(storage.within(&shop.conn), work(1)));
    assert!(
        matches!(none, StorageError::Conflict { .. }) && none.to_string().contains("begin one"),
        "{none}"
    );

    let elsewhere = TempDir::new().unwrap();
    let mut elsewhere = Connection::open(elsewhere.path().join("other.db")).unwrap();
    let tx = elsewhere.transaction().unwrap();
    let other = refused(enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)));
    assert!(
        matches!(other, StorageError::Conflict { .. }) && other.to_string().contains("other.db"),
        "{other}"
    );
    let empty = refused(enqueuer.blocking_enqueue_in(within(&tx), work(1)));
    assert!(matches!(empty, StorageError::NotForge { .. }), "{empty}");
    tx.execute_batch("CREATE TABLE theirs (x)").unwrap();
    let theirs = refused(enqueuer.blocking_enqueue_in(within(&tx), work(1)));
    assert!(
        matches!(theirs, StorageError::NotForge { .. }) && theirs.to_string().contains("theirs"),
        "{theirs}"
    );

    let memory = SqliteStorage::open_in_memory(SqliteOptions::default()).await.unwrap();
    let tx = shop.begin();
    let private = refused(enqueuer.blocking_enqueue_in(memory.within(&tx), work(1)));
    assert!(matches!(private, StorageError::Conflict { .. }), "{private}");
    for (version, newer) in [(0, false), (99, true)] {
        tx.execute("UPDATE forge_meta SET value = ?1 WHERE key = 'schema_version'", [version]).unwrap();
        let unfit = refused(enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)));
        assert_eq!(matches!(unfit, StorageError::SchemaTooNew { .. }), newer, "{unfit}");
        assert_eq!(matches!(unfit, StorageError::SchemaTooOld { .. }), !newer, "{unfit}");
    }
    tx.rollback().unwrap();
}

#[tokio::test]
async fn a_file_that_is_locked_or_was_written_to_meanwhile_is_worth_another_try() {
    let mut shop = Shop::open().await;
    let (enqueuer, storage) = (shop.enqueuer.clone(), shop.storage.clone());
    let mut second = Connection::open(&shop.file).unwrap();
    second.busy_timeout(Duration::ZERO).unwrap();
    // A snapshot from before another's commit cannot be written to.
    let tx = second.transaction().unwrap();
    tx.query_row("SELECT count(*) FROM orders", [], |_| Ok(())).unwrap();
    shop.conn.execute_batch("INSERT INTO orders VALUES (1)").unwrap();
    let stale = enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)).unwrap_err();
    assert!(matches!(&stale, EnqueueError::Storage(e) if e.is_retryable()), "{stale}");
    tx.rollback().unwrap();
    // Another's open transaction.
    let lock = shop.begin();
    let tx = second.transaction().unwrap();
    let locked = enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)).unwrap_err();
    assert!(matches!(&locked, EnqueueError::Storage(e) if e.is_retryable()), "{locked}");
    lock.rollback().unwrap();
    enqueuer.blocking_enqueue_in(storage.within(&tx), work(1)).unwrap();
    tx.commit().unwrap();
    assert_eq!(shop.count("SELECT count(*) FROM forge_jobs"), 1);
}

#[tokio::test]
async fn a_wake_is_told_at_once() {
    let shop = Shop::open().await;
    let changes = shop.storage.clone().into_bundle().jobs.changes();
    let before = *changes.borrow();
    shop.enqueuer.wake();
    let after = *changes.borrow();
    assert!(after.claimable > before.claimable && after.deferred > before.deferred);
}

//! What the thread does with commands that fail, panic, or wait for a lock.

use super::*;
use crate::storage::Changes;
use rusqlite::TransactionBehavior;
use std::path::Path;
use tokio::sync::watch;

/// Far above any patience of these tests, and far below what waiting in turn would take.
const HANG: Duration = Duration::from_secs(30);

fn setup() -> Setup {
    let changes = Arc::new(watch::Sender::new(Changes::default()));
    Setup::new(None, Guards::default(), Tape::off(), changes)
}

/// A writer that waits half a second for a lock.
fn impatient(file: &Path) -> Writer {
    let conn = Connection::open(file).unwrap();
    conn.busy_timeout(Duration::from_millis(10)).unwrap();
    let mut setup = setup();
    setup.patience = Duration::from_millis(500);
    Writer::start(conn, setup).unwrap()
}

#[tokio::test]
async fn a_lock_that_is_never_given_up_fails_all_that_wait_and_not_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.db");
    let writer = impatient(&file);
    let mut other = Connection::open(&file).unwrap();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    // In turn these would take 500 s.
    let calls = (0..1_000).map(|_| writer.write(Lane::Bulk, |_| Ok(())));
    let all = futures_util::future::join_all(calls);
    for result in tokio::time::timeout(HANG, all).await.expect("all are answered") {
        assert!(result.unwrap_err().is_retryable());
    }
    lock.rollback().unwrap();
    writer.write(Lane::Bulk, |_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn members_of_a_group_that_was_rolled_back_do_not_wait_for_a_lock_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.db");
    let writer = impatient(&file);
    let other = Arc::new(Mutex::new(Connection::open(&file).unwrap()));
    // Holds the thread until all the others wait, so that they are one group.
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gate = writer.write(Lane::Bulk, move |_| {
        let _ = gone.recv();
        Ok(())
    });
    let members = futures_util::future::join_all((0..1_000).map(|_| writer.write(Lane::Bulk, |_| Ok(()))));
    let thief = other.clone();
    let bad = writer.write(Lane::Bulk, move |cx| -> Result<(), Fault> {
        // The group is rolled back, and the lock is somebody else's before anything is tried again.
        cx.conn.execute_batch("ROLLBACK")?;
        thief.lock().unwrap().execute_batch("BEGIN IMMEDIATE")?;
        panic!("on purpose");
    });
    let open = async { drop(go) };
    let all = async { tokio::join!(gate, members, bad, open) };
    let (_, members, bad, ()) = tokio::time::timeout(HANG, all).await.expect("all are answered");
    assert!(bad.unwrap_err().is_retryable());
    // Those of an earlier group, if the thread was slow, are written.
    assert!(members.into_iter().filter_map(Result::err).all(|e| e.is_retryable()));
    other.lock().unwrap().execute_batch("ROLLBACK").unwrap();
    writer.write(Lane::Bulk, |_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn what_a_refused_command_has_written_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let conn = Connection::open(dir.path().join("a.db")).unwrap();
    conn.execute_batch("CREATE TABLE t (n)").unwrap();
    let writer = Writer::start(conn, setup()).unwrap();
    let insert = |n: i64, refused: bool| {
        writer.write(Lane::Bulk, move |cx| {
            cx.conn.execute("INSERT INTO t VALUES (?1)", [n])?;
            if refused {
                Err(StorageError::NotFound { what: "test", name: n.to_string() }.into())
            } else {
                Ok(())
            }
        })
    };
    let (first, bad, last) = tokio::join!(insert(1, false), insert(2, true), insert(3, false));
    first.unwrap();
    assert!(matches!(bad, Err(StorageError::NotFound { .. })));
    last.unwrap();
    let kept = writer.write(Lane::Bulk, |cx| {
        Ok(cx.conn.query_row("SELECT group_concat(n ORDER BY n) FROM t", [], |r| r.get::<_, String>(0))?)
    });
    assert_eq!(kept.await.unwrap(), "1,3");
}

#[tokio::test]
async fn a_command_that_panics_fails_alone_and_the_thread_lives_on() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE t (x)").unwrap();
    let writer = Writer::start(conn, setup()).unwrap();
    let insert = |bad: bool| {
        writer.write(Lane::Bulk, move |cx| {
            cx.conn.execute("INSERT INTO t VALUES (1)", [])?;
            assert!(!bad, "on purpose");
            Ok(())
        })
    };
    let results = futures_util::future::join_all([false, false, true, false].map(insert)).await;
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false]);
    let count = writer.write(Lane::Bulk, |cx| {
        Ok(cx.conn.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0))?)
    });
    assert_eq!(count.await.unwrap(), 3);
}

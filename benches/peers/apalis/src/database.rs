//! The database of apalis-sqlite.
//!
//! - `SqliteStorage::setup` makes the tables and sets pragmas, among them `synchronous = OFF`, on whichever connection
//!   of its pool comes to hand. It gets a pool of its own here; the one that is measured sets the same pragmas on its
//!   connection, and `synchronous` as was asked for.
//! - One connection. SQLite has one writer at a time; several connections wait for each other with sleeps in between,
//!   and the pool lets them wait in turn. It is not tested before each use, which would be one more round trip.
//! - `PRAGMA optimize` before what is timed, unless the measurement is to be unaided. Without statistics SQLite looks for
//!   finished jobs among all that the worker ever had, for each batch again. `setup` calls it too, on tables that are
//!   still empty, where it does nothing; an application would call it now and then.

use apalis_sqlite::SqliteStorage;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use peer_harness::{Failure, Place, Synchronous};
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteOperation, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use std::time::Duration;

/// Tells of each job that was inserted, just before its commit.
pub(crate) type Inserts = UnboundedReceiver<()>;

/// A fresh database and the pool that is measured.
pub(crate) async fn open(
    place: &Place,
    synchronous: Synchronous,
    hooked: Option<UnboundedSender<()>>,
) -> Result<SqlitePool, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(place.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "64000")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    let pool = SqlitePool::connect_with(options.clone()).await?;
    SqliteStorage::setup(&pool).await?;
    pool.close().await;
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |conn, _| {
            let hooked = hooked.clone();
            Box::pin(async move {
                if let Some(inserted) = hooked {
                    conn.lock_handle().await?.set_update_hook(move |event| {
                        if event.operation == SqliteOperation::Insert && event.table == "Jobs" {
                            // Nobody listens any more when the measurement was broken off.
                            let _ = inserted.unbounded_send(());
                        }
                    });
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    check(&pool, synchronous).await?;
    Ok(pool)
}

/// The pragmas are in force on the connection that is measured.
async fn check(pool: &SqlitePool, synchronous: Synchronous) -> Result<(), Failure> {
    let number: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
    if number != synchronous.number() || journal != "wal" {
        return Err(format!("synchronous is {number}, journal_mode is {journal}").into());
    }
    Ok(())
}

/// Lets SQLite gather statistics.
pub(crate) async fn optimize(pool: &SqlitePool) -> Result<(), Failure> {
    sqlx::query("PRAGMA optimize").execute(pool).await?;
    Ok(())
}

/// How many jobs are in a state.
pub(crate) async fn count(pool: &SqlitePool, status: &str) -> Result<u64, Failure> {
    let count = "SELECT count(*) FROM Jobs WHERE status = ?1";
    let count: i64 = sqlx::query_scalar(count).bind(status).fetch_one(pool).await?;
    Ok(u64::try_from(count)?)
}

/// Returns once no job that was begun is without its end.
pub(crate) async fn settled(pool: &SqlitePool) -> Result<(), Failure> {
    while count(pool, "Queued").await? > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

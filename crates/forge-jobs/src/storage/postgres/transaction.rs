//! Jobs in a transaction of the caller's own: committed or rolled back with it.
//!
//! So an order and the job that ships it are both there, or neither. With tokio-postgres, and everything that derefs to
//! its client or transaction:
//!
//! ```no_run
//! # use forge_jobs::storage::postgres::{PostgresStorage, tokio_postgres};
//! # use forge_jobs::{EnqueueRequest, Enqueuer};
//! # async fn f(
//! #     postgres: &PostgresStorage, enqueuer: &Enqueuer, client: &mut tokio_postgres::Client,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let tx = client.transaction().await?;
//! tx.execute("UPDATE orders SET state = 'paid' WHERE id = $1", &[&12_i64]).await?;
//! let ship = EnqueueRequest::new("order.ship", 12);
//! enqueuer.enqueue_in(postgres.within(&tx), ship).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! With sqlx, and the feature `sqlx`:
//!
#![cfg_attr(feature = "sqlx", doc = "```no_run")]
#![cfg_attr(not(feature = "sqlx"), doc = "```ignore")]
//! # use forge_jobs::storage::postgres::{PostgresStorage, sqlx};
//! # use forge_jobs::{EnqueueRequest, Enqueuer};
//! # async fn f(
//! #     postgres: &PostgresStorage, enqueuer: &Enqueuer, pool: &sqlx::PgPool,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let mut tx = pool.begin().await?;
//! sqlx::query("UPDATE orders SET state = 'paid' WHERE id = $1").bind(12_i64).execute(&mut *tx).await?;
//! let ship = EnqueueRequest::new("order.ship", 12);
//! enqueuer.enqueue_in(postgres.within_sqlx(&mut tx), ship).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Telling the workers
//!
//! A `NOTIFY` is sent with the transaction, unless [`InTransaction::with_notify`] says no: nothing can be forgotten, and
//! a job starts within milliseconds of the commit. It has a price. Postgres lets one transaction with a `NOTIFY` commit
//! at a time, its sync included, in the whole server, so that thousands of commits per second would queue up. Then
//! leave it out and call [`Enqueuer::wake`](crate::Enqueuer::wake) after the commit: calls close to each other share one
//! `NOTIFY`, which no commit waits for. Without either, workers look within seconds. A transaction that is to be
//! prepared (two-phase commit) must not notify.
//!
//! # What a transaction holds
//!
//! Until it ends, others wait who enqueue a job with the same dedupe key or id. So do those who name the same queue or
//! kind, if this transaction named it as the first ever, and those who change the settings of queues, if it made a
//! queue: call [`QueueRuntime::ensure_queue`](crate::QueueRuntime::ensure_queue) at start, and keep transactions short.
//! Two that wait for each other are a deadlock, which Postgres ends by refusing one of them; it is worth trying again,
//! from `BEGIN` on. So is one that runs under `REPEATABLE READ` or `SERIALIZABLE` and meets another.
//!
//! # Poolers
//!
//! Statements have no name and are planned once, so a pooler in transaction mode may stand between.

#[cfg(feature = "sqlx")]
mod with_sqlx;

use super::PostgresStorage;
use super::enqueue::{Columns, MAX_BYTES, outcome};
use super::error::Fault;
use super::link::Param;
use super::schema::Schema;
use crate::config::PostgresConfig;
use crate::limits::MAX_ENQUEUE_BATCH;
use crate::storage::{EnqueueParams, Inserted, JobTransaction, StorageError};
use crate::{NewJob, Timestamp};
use std::fmt;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

const INSERT: &str = "SELECT i.code, i.of FROM \
     unnest({schema}.insert_named($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)) i";

/// Inserts jobs by a connection of the caller's own: in its open transaction, or at once if there is none.
///
/// Nothing is remembered of what it did, so a rollback is a rollback. After an error Postgres takes nothing more in the
/// transaction: roll back, or to a savepoint.
#[must_use = "nothing is inserted until it is used"]
pub struct InTransaction<C> {
    connection: C,
    statement: String,
    notify: bool,
}

impl PostgresStorage {
    /// Inserts jobs by a connection of tokio-postgres, a [`Client`](tokio_postgres::Client) or a
    /// [`Transaction`](tokio_postgres::Transaction), to the database of this storage. See [`transaction`](self).
    pub fn within<'t, C: GenericClient + Sync>(&self, connection: &'t C) -> InTransaction<&'t C> {
        InTransaction::new(&self.hub.schema, connection)
    }
}

/// The same for a program that has no storage open: the schema is the one of the settings.
pub fn within<'t, C: GenericClient + Sync>(
    config: &PostgresConfig,
    connection: &'t C,
) -> InTransaction<&'t C> {
    InTransaction::new(&Schema::new(config.schema()), connection)
}

#[cfg(feature = "sqlx")]
pub use self::with_sqlx::within_sqlx;

impl<C> InTransaction<C> {
    fn new(schema: &Schema, connection: C) -> Self {
        Self { connection, statement: schema.text(INSERT), notify: true }
    }

    /// Whether the transaction tells the workers when it commits. Default: yes.
    pub const fn with_notify(mut self, notify: bool) -> Self {
        self.notify = notify;
        self
    }
}

impl<C> fmt::Debug for InTransaction<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InTransaction").field("notify", &self.notify).finish_non_exhaustive()
    }
}

impl<C: GenericClient + Sync> JobTransaction for InTransaction<&C> {
    async fn insert(&mut self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        let now = params.now.map(Timestamp::as_micros);
        let mut results = Vec::with_capacity(params.jobs.len());
        for jobs in Pieces(&params.jobs) {
            let c = Columns::of(jobs);
            let (queues, kinds) = names(jobs);
            let values: [Param<'_>; 17] = [
                (&c.ids, Type::UUID_ARRAY),
                (&queues, Type::TEXT_ARRAY),
                (&kinds, Type::TEXT_ARRAY),
                (&c.priorities, Type::INT2_ARRAY),
                (&c.max, Type::INT4_ARRAY),
                (&c.asked, Type::INT8_ARRAY),
                (&c.delays, Type::BOOL_ARRAY),
                (&c.keys, Type::TEXT_ARRAY),
                (&c.states, Type::INT2_ARRAY),
                (&c.periods, Type::INT8_ARRAY),
                (&c.replaces, Type::BOOL_ARRAY),
                (&c.turns, Type::TEXT_ARRAY),
                (&c.tags, Type::TEXT_ARRAY),
                (&c.payloads, Type::TEXT_ARRAY),
                (&self.notify, Type::BOOL),
                (&now, Type::INT8),
                (&c.traces, Type::TEXT_ARRAY),
            ];
            let rows = self.connection.query_typed(&self.statement, &values).await.map_err(refused)?;
            let said = rows.iter().map(|row| Ok(outcome(row.try_get(0)?, row.try_get(1)?)));
            add(&mut results, jobs, said.collect::<Result<_, _>>().map_err(refused)?);
        }
        Ok(results)
    }
}

/// Whatever happened, nothing is there before the commit: the outcome is known.
fn refused(e: tokio_postgres::Error) -> StorageError {
    Fault::from(e).into_storage(false)
}

fn names(jobs: &[NewJob]) -> (Vec<&str>, Vec<&str>) {
    jobs.iter().map(|job| (job.queue.as_str(), job.kind.as_str())).unzip()
}

/// An empty answer means that all were inserted.
fn add(results: &mut Vec<Inserted>, jobs: &[NewJob], said: Vec<Inserted>) {
    if said.is_empty() {
        results.extend(std::iter::repeat_n(Inserted::Inserted, jobs.len()));
    } else {
        results.extend(said);
    }
}

/// Jobs in pieces that one statement takes; one at least in each.
struct Pieces<'a>(&'a [NewJob]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [NewJob];

    fn next(&mut self) -> Option<&'a [NewJob]> {
        let sizes = self.0.iter().take(MAX_ENQUEUE_BATCH).scan(0, |bytes, job| {
            *bytes += job.payload.as_str().len();
            Some(*bytes)
        });
        let fit = sizes.take_while(|bytes| *bytes <= MAX_BYTES).count().max(1).min(self.0.len());
        let (piece, rest) = self.0.split_at(fit);
        self.0 = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DefaultRouter, EnqueueRequest};

    fn job(bytes: usize) -> NewJob {
        EnqueueRequest::new("k", "x".repeat(bytes - 2)).validate(&DefaultRouter).unwrap()
    }

    #[test]
    fn jobs_are_cut_into_pieces_that_a_statement_takes() {
        let sizes = |jobs: &[NewJob]| Pieces(jobs).map(<[NewJob]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![job(8); MAX_ENQUEUE_BATCH + 1]), [MAX_ENQUEUE_BATCH, 1]);
        assert_eq!(sizes(&vec![job(MAX_BYTES / 4); 9]), [4, 4, 1]);
    }
}

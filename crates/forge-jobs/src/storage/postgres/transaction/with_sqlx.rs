//! The same by a connection of sqlx.

use super::{Columns, InTransaction, Pieces, PostgresStorage, Schema, add, names, outcome};
use crate::Timestamp;
use crate::config::PostgresConfig;
use crate::storage::postgres::error::{broken, said_no};
use crate::storage::{EnqueueParams, Inserted, JobTransaction, StorageError};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

impl PostgresStorage {
    /// Inserts jobs by a connection of sqlx to the database of this storage; a transaction derefs to one. See
    /// [`transaction`](super).
    ///
    /// Behind a pooler in transaction mode a transaction must be open: sqlx sends a statement in two parts.
    pub fn within_sqlx<'t>(&self, connection: &'t mut PgConnection) -> InTransaction<&'t mut PgConnection> {
        InTransaction::new(&self.hub.schema, connection)
    }
}

/// The same for a program that has no storage open: the schema is the one of the settings.
pub fn within_sqlx<'t>(
    config: &PostgresConfig,
    connection: &'t mut PgConnection,
) -> InTransaction<&'t mut PgConnection> {
    InTransaction::new(&Schema::new(config.schema()), connection)
}

impl JobTransaction for InTransaction<&mut PgConnection> {
    async fn insert(&mut self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError> {
        let now = params.now.map(Timestamp::as_micros);
        let mut results = Vec::with_capacity(params.jobs.len());
        for jobs in Pieces(&params.jobs) {
            let c = Columns::of(jobs);
            let (queues, kinds) = names(jobs);
            // The text holds the schema's name, which was checked, and no value. Kept under no name: behind a pooler
            // the next transaction may be on another connection.
            let rows = sqlx::query(AssertSqlSafe(self.statement.as_str()))
                .persistent(false)
                .bind(c.ids)
                .bind(queues)
                .bind(kinds)
                .bind(c.priorities)
                .bind(c.max)
                .bind(c.asked)
                .bind(c.delays)
                .bind(c.keys)
                .bind(c.states)
                .bind(c.periods)
                .bind(c.replaces)
                .bind(c.turns)
                .bind(c.tags)
                .bind(c.payloads)
                .bind(self.notify)
                .bind(now)
                .bind(c.traces)
                .fetch_all(&mut *self.connection)
                .await
                .map_err(refused)?;
            let said = |row: &PgRow| Ok(outcome(row.try_get(0)?, row.try_get(1)?));
            add(&mut results, jobs, rows.iter().map(said).collect::<Result<_, _>>().map_err(refused)?);
        }
        Ok(results)
    }
}

/// As for tokio-postgres: the outcome is known.
fn refused(e: sqlx::Error) -> StorageError {
    let said = match &e {
        sqlx::Error::Database(db) => db.code().map(|code| (code.into_owned(), db.message().to_owned())),
        _ => None,
    };
    match said {
        Some((code, text)) => said_no(&code, &text, false, e.into()),
        None => broken(matches!(e, sqlx::Error::Io(_)), false, e.into()),
    }
}

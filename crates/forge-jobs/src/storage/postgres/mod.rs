//! The shared storage: a Postgres database that the processes of any number of hosts share.
//!
//! Each operation is one statement, a call of one of the schema's own functions (ADR 0016): one round trip, one
//! transaction, nothing left open when a caller goes away, and any pooler may stand between. Where a job stands is told
//! by which small table holds it, as in the embedded storage (ADR 0003).

mod audit;
mod calls;
mod changes;
mod checkup;
mod claim;
mod connect;
mod driver;
mod edits;
mod enqueue;
mod error;
mod filters;
mod finish;
#[cfg(feature = "conformance")]
mod guards;
mod health;
mod history;
mod hub;
mod inspect;
mod limits;
mod line;
mod link;
mod list;
mod look_back;
mod marks;
mod metrics;
mod migrate;
mod names;
mod processes;
mod queues;
mod replace;
mod rows;
mod schedules;
mod schema;
mod socket;
mod ticks;
mod tls;
pub mod transaction;
mod upkeep;
mod verbs;

// The drivers, in the versions whose connections this storage takes.
#[cfg(feature = "sqlx")]
pub use sqlx;
pub use tokio_postgres;

#[cfg(feature = "conformance")]
pub use crate::storage::guard::Guard;

use self::connect::Server;
use self::driver::Driver;
use self::hub::Hub;
use self::schema::Schema;
use crate::config::PostgresConfig;
use crate::storage::{Capabilities, Storage, StorageError};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// The newest version of the schema that this program knows.
pub const SCHEMA_VERSION: i64 = migrate::KNOWN;

/// The SQL that makes the tables, views and functions in a schema of this name: for people who review what a migration
/// does, or whose roles may not run one.
#[must_use]
pub fn schema_sql(schema: &str) -> String {
    let schema = Schema::new(schema);
    schema::STEPS.iter().flat_map(|step| step.iter()).map(|part| schema.render(part)).collect()
}

/// Drops a schema with everything that is in it.
#[cfg(feature = "testing")]
pub(crate) async fn drop_schema(config: &PostgresConfig) -> Result<(), StorageError> {
    let server = Server::of(config)?;
    let drop = format!(
        "SET lock_timeout = '10s'; SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{}\" CASCADE",
        config.schema()
    );
    let (driver, closing) = Driver::start()?;
    // Nobody has a last word.
    std::mem::drop(closing);
    driver
        .run(async move {
            let dropped = async {
                let live = connect::connect(&server).await?;
                Ok(live.client().batch_execute(&drop).await?)
            };
            dropped.await.map_err(|e: error::Fault| e.into_storage(true))
        })
        .await
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A look or an order: nothing is made or brought up to date.
    Look,
    /// Work: brought up to date only if the configuration says so.
    Use,
    /// Bringing it to the schema that this version knows.
    Migrate,
}

/// The shared storage.
///
/// Its connections live on a thread of its own. Dropping the last handle says what is still to be said and closes them.
pub struct PostgresStorage {
    // First, so that it is dropped first: its tasks hold the hub.
    driver: Driver,
    hub: Arc<Hub>,
}

impl PostgresStorage {
    /// Connects, and checks that the database is one that this program can work with.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the server cannot be reached or is a standby, [`StorageError::NotForge`] for
    /// a server older than 14, a database that is not UTF-8, one without Forge's tables, or a schema that holds
    /// somebody else's, [`StorageError::SchemaTooOld`], [`StorageError::SchemaTooNew`]. Nothing is changed then.
    pub async fn open(config: &PostgresConfig, purpose: Purpose) -> Result<Arc<Self>, StorageError> {
        let server = Arc::new(Server::of(config)?);
        let schema = Schema::new(config.schema());
        let (driver, closing) = Driver::start()?;
        let (connect_to, prepared, auto) = (server.clone(), schema.clone(), config.auto_migrate());
        let limit = config.call_timeout();
        driver
            .run(async move {
                let opened = async {
                    let live = connect::connect(&connect_to).await?;
                    connect::answered(limit, connect::check(&live)).await?;
                    let may = migrate::May { purpose, auto_migrate: auto, limit };
                    migrate::prepare(&live, &prepared, &connect_to, may).await
                };
                opened.await.map_err(|e: error::Fault| e.into_storage(true))
            })
            .await?;
        let hub = Arc::new(Hub::new(server, schema, config));
        driver.handle().spawn(changes::tell(hub.clone(), closing));
        if purpose != Purpose::Look {
            driver.handle().spawn(look_back::look_back(hub.clone()));
            if config.listen() {
                driver.handle().spawn(changes::listen(hub.clone()));
            } else {
                driver.handle().spawn(changes::poll(hub.clone()));
            }
        }
        Ok(Arc::new(Self { driver, hub }))
    }

    /// The parts that a runtime needs.
    #[must_use]
    pub fn into_bundle(self: Arc<Self>) -> Storage {
        Storage::new(self, Capabilities::of_server())
    }

    /// How many statements were sent since this handle was opened, those for listening excepted. For tests and
    /// metrics.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.hub.statements()
    }

    /// Whether it is certain that no pooler and no proxy stands between this storage and the server: the server keeps
    /// its statements then. Behind a translation of addresses, and on a Unix socket, it is not. Cancel safe.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn is_direct(&self) -> Result<bool, StorageError> {
        self.run(|hub| async move { hub.is_direct().await.map_err(|e| e.into_storage(false)) }).await
    }

    /// Takes one of the guards that make the storage safe out of the database's functions. For tests that a rule
    /// notices, and for nothing else.
    ///
    /// # Errors
    ///
    /// When the function cannot be replaced.
    #[cfg(feature = "conformance")]
    pub async fn remove_guard(&self, guard: Guard) -> Result<(), StorageError> {
        let hub = self.hub.clone();
        self.driver
            .run(async move {
                let sql = guard.without(&hub.schema);
                hub.order(&sql).await.map_err(|e| e.into_storage(true))
            })
            .await
    }

    /// Runs a call on the thread of the connections.
    async fn run<T, F, C>(&self, call: C) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
        C: FnOnce(Arc<Hub>) -> F,
    {
        self.driver.run(call(self.hub.clone())).await
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage").field("server", &self.hub.server.name()).finish_non_exhaustive()
    }
}

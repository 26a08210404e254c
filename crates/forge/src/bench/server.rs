//! A Postgres server to measure on: schemas that are made for it and dropped again, and bare connections.

use crate::exit::Failure;
use crate::output::say;
use forge_jobs::config::{PostgresHost, TlsMode};
use forge_jobs::storage::{ConfigError, PostgresConfig};
use forge_jobs_api::wire::ErrorCode;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::{Client, Config, NoTls};

/// What schemas and connections of measurements are called, with a number behind it.
const PREFIX: &str = "forge_bench_";
/// A drop that waits longer for others is given up and tried again.
const DROP_WAIT: &str = "2s";
const DROP_TRIES: u32 = 5;

/// A server, and what was made on it.
pub(super) struct Server {
    config: PostgresConfig,
    schemas: Mutex<Vec<String>>,
    /// What its settings say of a commit: `full` survives a power cut.
    durability: &'static str,
}

/// What the server said, without the driver's own words in front.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(super) fn failed(e: tokio_postgres::Error) -> Failure {
    let code = if e.is_closed() { ErrorCode::Unavailable } else { ErrorCode::Failed };
    e.as_db_error().map_or_else(
        || Failure::of(code, &e),
        |said| Failure::new(code, format!("the server says: {}", said.message())),
    )
}

impl Server {
    /// Refuses a server that nothing can be measured on.
    pub(super) async fn choose(config: &PostgresConfig) -> Result<Self, Failure> {
        let over_socket = matches!(config.host(), PostgresHost::SocketDir(_));
        if !over_socket && !matches!(config.tls(), TlsMode::Disable | TlsMode::Prefer) {
            let message = "the floors speak without encryption: measure with sslmode=disable, on a network that you \
                 trust, or over a socket";
            return Err(Failure::new(ErrorCode::Invalid, message));
        }
        let name = format!("{PREFIX}{:016x}", number());
        let config =
            config.clone().with_tls(TlsMode::Disable).with_application_name(&name)?.with_auto_migrate();
        let mut server = Self { config, schemas: Mutex::default(), durability: "off" };
        let client = server.connect().await?;
        let sql = "SELECT has_database_privilege(current_database(), 'CREATE'), current_database()::text, \
             current_user::text, current_setting('fsync')::bool AND current_setting('synchronous_commit') <> 'off'";
        let row = client.query_one(sql, &[]).await.map_err(failed)?;
        if !row.get::<_, bool>(0) {
            let (database, user): (String, String) = (row.get(1), row.get(2));
            let message = format!(
                "the role {user} may not create a schema in the database {database}, and each measurement needs one \
                 of its own: name a database of your own, or GRANT CREATE ON DATABASE {database} TO {user}"
            );
            return Err(Failure::new(ErrorCode::Unavailable, message));
        }
        if row.get(3) {
            server.durability = "full";
        }
        Ok(server)
    }

    pub(super) const fn durability(&self) -> &'static str {
        self.durability
    }

    /// Settings that lead to a schema which is not there yet.
    pub(super) fn new_schema(&self) -> Result<PostgresConfig, ConfigError> {
        let name = format!("{PREFIX}{:016x}", number());
        let config = self.config.clone().with_schema(&name)?;
        self.schemas().push(name);
        Ok(config)
    }

    fn schemas(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection past the queue.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        self.connect_as(self.config.application_name()).await
    }

    async fn connect_as(&self, name: &str) -> Result<Client, Failure> {
        let c = &self.config;
        let mut config = Config::new();
        config.port(c.port()).user(c.user()).dbname(c.database()).application_name(name);
        config.connect_timeout(c.connect_timeout());
        match c.host() {
            PostgresHost::Name(name) => config.host(name),
            #[cfg(unix)]
            PostgresHost::SocketDir(dir) => config.host_path(dir),
            // The storage has refused it before.
            #[cfg(not(unix))]
            PostgresHost::SocketDir(_) => &mut config,
        };
        if let Some(password) = c.password() {
            config.password(password.expose());
        }
        let (client, connection) = config.connect(NoTls).await.map_err(|e| match e.as_db_error() {
            Some(_) => failed(e),
            None => Failure::of(ErrorCode::Unavailable, &e),
        })?;
        // Its error reaches the client as well.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    /// What was written before is no burden of what is measured next, where the role may ask for that.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        // A refusal only makes figures less steady.
        drop(self.connect().await?.batch_execute("CHECKPOINT").await);
        Ok(())
    }

    /// Drops every schema that was made, whoever still works in it.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        let mut ended = Ok(());
        for _ in 0..DROP_TRIES {
            ended = self.try_clear().await;
            if ended.is_ok() {
                break;
            }
        }
        let left = self.schemas().join(", ");
        ended.inspect_err(|_| {
            say(&format!("not dropped: the schema {left}: DROP SCHEMA … CASCADE removes it"));
        })
    }

    async fn try_clear(&self) -> Result<(), Failure> {
        if self.schemas().is_empty() {
            return Ok(());
        }
        // Under another name: it ends those that have ours.
        let client = self.connect_as("forge").await?;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 \
             AND usename = current_user";
        client.query(others, &[&self.config.application_name()]).await.map_err(failed)?;
        client.batch_execute(&format!("SET lock_timeout = '{DROP_WAIT}'")).await.map_err(failed)?;
        loop {
            let Some(name) = self.schemas().last().cloned() else { return Ok(()) };
            // "if exists": what was broken off may not have come to make it.
            let sql = format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE");
            client.batch_execute(&sql).await.map_err(failed)?;
            self.schemas().retain(|n| *n != name);
        }
    }
}

/// A number that no other run has.
fn number() -> u64 {
    let id = forge_jobs::JobId::new();
    id.as_bytes()[8..].iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

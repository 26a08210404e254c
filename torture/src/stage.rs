//! A database on a PostgreSQL server, and a proxy on the way to it.

use crate::campaigns::Failure;
use crate::proxy::Proxy;
use forge_jobs::config::{PostgresConfig, PostgresHost};
use forge_jobs::storage::postgres::{PostgresStorage, Purpose, schema_sql};
use forge_test_cluster::{Databases, TestDatabase};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// A migrated database, and a proxy in front of its server.
#[derive(Debug)]
pub struct Stage {
    /// The way through which harm is done.
    pub proxy: Proxy,
    url: String,
    /// Dropped with the stage; `None` if it goes with its server.
    database: Option<TestDatabase<'static>>,
}

impl Stage {
    /// A database of one's own on the shared server.
    ///
    /// # Errors
    ///
    /// When there is no server, or it refuses.
    pub async fn new() -> Result<Self, Failure> {
        let databases = tokio::task::spawn_blocking(Databases::shared).await??;
        let migrate = |url: String| async move { storage(&url, Purpose::Migrate).await.map(drop) };
        let template = databases.template("torture", &schema_sql("forge"), migrate).await?;
        let database = databases.fresh(Some(&template)).await?;
        let mut stage = Self::on(database.url())?;
        stage.database = Some(database);
        Ok(stage)
    }

    /// A stage on a database of a server of one's own, which is migrated.
    ///
    /// # Errors
    ///
    /// When it cannot be migrated.
    pub async fn on_own(url: &str) -> Result<Self, Failure> {
        storage(url, Purpose::Migrate).await?;
        Self::on(url)
    }

    /// A stage on a database that is there.
    ///
    /// # Errors
    ///
    /// When the URL leads to no address.
    pub fn on(url: &str) -> Result<Self, Failure> {
        Ok(Self { proxy: Proxy::start(address(url)?)?, url: url.to_owned(), database: None })
    }

    /// The database, straight to the server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database through the proxy, unencrypted.
    #[must_use]
    pub fn url_through(&self) -> String {
        unencrypted(&self.proxy.url_like(&self.url))
    }

    /// A storage that knows nothing of the proxy.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub async fn direct(&self) -> Result<Arc<PostgresStorage>, Failure> {
        storage(&self.url, Purpose::Use).await
    }

    /// A storage behind the proxy.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub async fn through(&self) -> Result<Arc<PostgresStorage>, Failure> {
        storage(&self.url_through(), Purpose::Use).await
    }
}

/// A storage with few connections: many stages share a server.
async fn storage(url: &str, purpose: Purpose) -> Result<Arc<PostgresStorage>, Failure> {
    let config = PostgresConfig::from_url(url)?.with_connections(2)?.with_read_connections(1)?;
    Ok(PostgresStorage::open(&config, purpose).await?)
}

/// With `sslmode=disable`: what is encrypted a proxy cannot read.
#[must_use]
pub fn unencrypted(url: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}sslmode=disable")
}

/// Where the server of a URL listens.
///
/// # Errors
///
/// When it is a socket, or a name without an address.
pub fn address(url: &str) -> Result<SocketAddr, Failure> {
    let config = PostgresConfig::from_url(url)?;
    let PostgresHost::Name(name) = config.host() else { return Err("the server listens on a socket".into()) };
    let found = (name.as_str(), config.port()).to_socket_addrs()?.next();
    found.ok_or_else(|| format!("{name} has no address").into())
}

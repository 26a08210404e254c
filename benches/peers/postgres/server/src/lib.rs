//! A fresh database on a Postgres server for each run of a peer, which is dropped afterwards.

use peer_harness::{Answer, Failure, ServerArgs, ServerPeer};
use std::process::ExitCode;
use tokio_postgres::{Client, NoTls};

/// Asked on a connection of the peer when all is done: whether its commits were on disk.
pub const DURABLE: &str = "SELECT current_setting('fsync')::bool AND current_setting('full_page_writes')::bool \
     AND current_setting('synchronous_commit') = 'on'";

/// Nothing is reported if what was committed could have been lost.
///
/// # Errors
///
/// When `durable` is what [`DURABLE`] must not be.
pub fn expect_durable(durable: bool) -> Result<(), Failure> {
    if durable {
        Ok(())
    } else {
        Err("fsync, full_page_writes or synchronous_commit is off: commits were not on disk".into())
    }
}

/// Nothing is reported unless as many rows were counted as there must be.
///
/// # Errors
///
/// When the two numbers differ.
pub fn expect_rows(what: &str, wanted: u32, found: i64) -> Result<(), Failure> {
    peer_harness::expect(what, wanted, u64::try_from(found)?)
}

/// A database that nobody else uses.
#[derive(Debug)]
pub struct Database {
    url: String,
}

impl Database {
    /// Leads to it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was written before is no burden of what is measured next. With `statistics`, the planner knows how much is
    /// in the tables, as it does wherever autovacuum has had the time.
    ///
    /// # Errors
    ///
    /// When the server refuses either.
    pub async fn settle(&self, statistics: bool) -> Result<(), Failure> {
        let client = connect(&self.url).await?;
        if statistics {
            client.batch_execute("ANALYZE").await?;
        }
        client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }
}

/// Reads the arguments, measures on a fresh database, drops it, prints.
pub fn main(
    peer: ServerPeer,
    measure: impl AsyncFnOnce(&ServerArgs, &Database) -> Result<Answer, Failure>,
) -> ExitCode {
    peer_harness::main_on_server(peer, |args| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let admin = connect(&args.url).await?;
            let name = format!("peer_bench_{}", uuid::Uuid::new_v4().simple());
            let database = Database { url: with_database(&args.url, &name)? };
            admin.batch_execute(&format!("CREATE DATABASE {name}")).await?;
            let measured = tokio::time::timeout(peer_harness::LIMIT, measure(args, &database)).await;
            // Not before: a worker that is still there would only make it wait.
            admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
            measured?
        })
    })
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Its error reaches the client as well.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> Result<String, Failure> {
    let wrong = || format!("not a URL like postgres://user@host:5432/postgres: {url}");
    let host = url.find("://").ok_or_else(wrong)? + 3;
    let path = url[host..].find('/').ok_or_else(wrong)? + host + 1;
    let end = url[path..].find('?').map_or(url.len(), |at| path + at);
    Ok(format!("{}{name}{}", &url[..path], &url[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_another_database_of_the_same_server() {
        let changed = |url| with_database(url, "fresh").ok();
        let on = |url: &str| Some(url.to_owned());
        assert_eq!(
            changed("postgres://me@127.0.0.1:5433/postgres"),
            on("postgres://me@127.0.0.1:5433/fresh")
        );
        assert_eq!(
            changed("postgres://localhost/old?sslmode=disable&x=/"),
            on("postgres://localhost/fresh?sslmode=disable&x=/")
        );
        assert_eq!(changed("postgres://localhost"), None);
        assert_eq!(changed("localhost/old"), None);
    }
}

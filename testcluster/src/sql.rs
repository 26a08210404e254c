//! Statements of an administrator, each on a connection of its own.
//!
//! One that is kept would belong to the runtime of the test that made it, and end with that test.

use crate::{Error, OLDEST};
use std::future::Future;
use tokio_postgres::{Client, NoTls};

/// Connects, and leaves the connection to a task of the current runtime.
///
/// # Errors
///
/// The server cannot be reached, or lets nobody in.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let refused = |e: tokio_postgres::Error| failed(&format!("connecting to {url}"), &e);
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(refused)?;
    // Its error reaches the client as well, which is where it is looked at.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Runs one statement that gives no rows.
pub(crate) async fn run(client: &Client, statement: &str) -> Result<(), Error> {
    client.batch_execute(statement).await.map_err(|e| failed(statement, &e))
}

/// The first value of the first row, as text.
pub(crate) async fn text(client: &Client, query: &str) -> Result<Option<String>, Error> {
    let messages = client.simple_query(query).await.map_err(|e| failed(query, &e))?;
    Ok(messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

/// The major version of a server; one that is too old is refused.
pub(crate) async fn version(url: &str) -> Result<u32, Error> {
    let client = connect(url).await?;
    let number = text(&client, "SHOW server_version_num").await?.and_then(|n| n.parse::<u32>().ok());
    if let Some(major) = number.map(|number| number / 10_000).filter(|major| *major >= OLDEST) {
        return Ok(major);
    }
    let found = text(&client, "SHOW server_version").await?.unwrap_or_default();
    Err(Error::TooOld { found, place: url.to_owned() })
}

/// Waits for the future on a thread of its own, so that it does not matter whether this one is inside a runtime.
pub(crate) fn wait_for<T: Send>(future: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let what = "a runtime for the statements of an administrator";
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|e| Error::system(what, &e))?.block_on(future)
        });
        thread.join().unwrap_or_else(|_| {
            Err(Error::System { what: what.to_owned(), detail: "its thread has panicked".into() })
        })
    })
}

/// The URL of another database of the same server.
#[must_use]
pub fn with_database(url: &str, database: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let (head, tail) = url.split_at(host);
    let (authority, rest) = tail.split_at(tail.find(['/', '?']).unwrap_or(tail.len()));
    let query = rest.find('?').map_or("", |at| &rest[at..]);
    format!("{head}{authority}/{database}{query}")
}

fn failed(what: &str, error: &tokio_postgres::Error) -> Error {
    // The driver's own words are "db error"; the server's stand behind them.
    let detail = error.as_db_error().map_or_else(
        || {
            let cause = std::error::Error::source(error).map_or_else(String::new, |e| format!(": {e}"));
            format!("{error}{cause}")
        },
        |answer| format!("{} ({})", answer.message(), answer.code().code()),
    );
    Error::Sql { what: what.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_exchanged() {
        for (url, expected) in [
            (
                "postgres://u:p@127.0.0.1:5432/a?connect_timeout=1",
                "postgres://u:p@127.0.0.1:5432/b?connect_timeout=1",
            ),
            ("postgres://127.0.0.1", "postgres://127.0.0.1/b"),
            ("postgres://127.0.0.1?x=/y", "postgres://127.0.0.1/b?x=/y"),
            ("postgresql://u@localhost/", "postgresql://u@localhost/b"),
        ] {
            assert_eq!(with_database(url, "b"), expected);
        }
    }
}

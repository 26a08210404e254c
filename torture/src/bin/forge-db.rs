//! `forge-db`: what scripts ask a database itself, whichever storage it is: rows as JSON, and a great many jobs at once.

use clap::{Parser, Subcommand};
use forge_torture::campaigns::{Failure, fill};
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio_postgres::NoTls;

/// Look into a database, past the program that it belongs to.
#[derive(Debug, Parser)]
struct Cli {
    /// `sqlite:FILE` or a URL of PostgreSQL
    url: String,
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the rows of a query as a JSON array of objects
    Rows {
        /// The query; in it `{t}` is what stands before the name of a table: `{t}queues`, `{v}` before that of a view
        sql: String,
    },
    /// Run statements that give no rows
    Run {
        /// The statements
        sql: String,
    },
    /// Make the tables, and put jobs of the last day in every state
    Fill {
        /// How many
        jobs: u32,
        /// Minutes of which something was counted
        #[arg(long, default_value_t = 30)]
        minutes: u32,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        What::Fill { jobs, minutes } => fill(&cli.url, *jobs, *minutes).await,
        What::Rows { sql } | What::Run { sql } => {
            let has_rows = matches!(cli.command, What::Rows { .. });
            let answer = match cli.url.strip_prefix("sqlite:") {
                Some(file) => on_sqlite(file, &named(sql, "forge_", ""), has_rows)?,
                None => on_postgres(&cli.url, &named(sql, "forge.", "forge."), has_rows).await?,
            };
            println!("{answer}");
            Ok(())
        }
    }
}

fn named(sql: &str, table: &str, view: &str) -> String {
    sql.replace("{t}", table).replace("{v}", view)
}

fn on_sqlite(file: &str, sql: &str, has_rows: bool) -> Result<Value, Failure> {
    let conn = rusqlite::Connection::open(file)?;
    conn.busy_timeout(Duration::from_secs(20))?;
    if !has_rows {
        conn.execute_batch(sql)?;
        return Ok(Value::Null);
    }
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (at, name) in names.iter().enumerate() {
            let value = match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => json!(n),
                ValueRef::Real(n) => json!(n),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => json!(hex(bytes)),
            };
            object.insert(name.clone(), value);
        }
        all.push(Value::Object(object));
    }
    Ok(Value::Array(all))
}

async fn on_postgres(url: &str, sql: &str, has_rows: bool) -> Result<Value, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let running = tokio::spawn(connection);
    let answer = if has_rows {
        let sql = format!("SELECT coalesce(json_agg(found), '[]')::text FROM ({sql}) found");
        let row = client.query_one(&sql, &[]).await?;
        serde_json::from_str(row.get::<_, &str>(0))?
    } else {
        client.batch_execute(sql).await?;
        Value::Null
    };
    drop(client);
    running.await??;
    Ok(answer)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

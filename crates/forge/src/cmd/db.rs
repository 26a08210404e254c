//! `forge db`: the database itself.

use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, bytes, pairs, plain, table, when};
use forge_jobs_api::wire::{DatabaseHealth, Latency, RowCount, RowCountBy, TableHealth};

const HEALTH_HELP: &str = "\
Cheap: it reads no large table, and any role may ask. `~` marks an estimate, `+` that there are more. Waits and pools are \
those of the processes that are running. `forge doctor` checks everything.

Examples:
  forge db health
  forge db health --json | jq '.oldest_transaction'";

/// See how the database is.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show sizes, rows, who holds it up, and how long calls take
    #[command(after_help = HEALTH_HELP)]
    Health,
}

pub(crate) async fn run(command: Command, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Health => out.answer(&at.existing().await?.database().await?, text)?,
    }
    Ok(Exit::Ok)
}

fn text(health: &DatabaseHealth) -> String {
    let size = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), bytes);
    let mut facts = vec![("engine", health.engine.clone()), ("size", size(health.bytes))];
    if let Some(free) = health.free_bytes {
        facts.push(("free in it", bytes(free)));
    }
    if let Some(log) = health.log {
        let moved = match (log.moved_pages, log.pages) {
            (Some(moved), Some(pages)) => format!(", {moved} of {pages} pages moved"),
            _ => String::new(),
        };
        facts.push(("log", format!("{}{moved}", bytes(log.bytes))));
    }
    if let Some(waits) = health.busy_waits {
        facts.push(("busy waits", waits.to_string()));
    }
    if let Some(connections) = health.connections {
        facts.push(("connections", format!("{} of {}", connections.used, connections.limit)));
        let oldest = health.oldest_transaction.as_ref().map_or_else(
            || "none".to_owned(),
            |open| {
                let who = [&open.user, &open.application, &open.state];
                let who: Vec<String> = who.into_iter().flatten().map(|text| plain(text)).collect();
                format!("{:.1} s, session {} ({})", open.age_seconds.0, open.pid, who.join(", "))
            },
        );
        facts.push(("oldest transaction", oldest));
        if !health.sees_all_transactions {
            facts.push(("note", "others' transactions are hidden: grant pg_read_all_stats".into()));
        }
    }
    facts.push(("reads", latency(health.reads.as_ref())));
    facts.push(("writes", latency(health.writes.as_ref())));
    for pool in &health.pools {
        let use_of =
            format!("{} of {} in use, {} open, {} waiting", pool.in_use, pool.limit, pool.open, pool.waiting);
        facts.push(("pool", format!("{} {}: {use_of}", plain(&pool.host), pool.process)));
    }
    format!("{}\n{}", pairs(&facts), tables(&health.tables))
}

fn latency(of: Option<&Latency>) -> String {
    of.map_or_else(
        || "none measured".to_owned(),
        |l| {
            let ms = |seconds: forge_jobs_api::wire::Seconds| seconds.0 * 1_000.0;
            format!(
                "{}: p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms",
                l.count,
                ms(l.p50_seconds),
                ms(l.p95_seconds),
                ms(l.p99_seconds)
            )
        },
    )
}

fn rows(rows: RowCount) -> String {
    match rows.by {
        RowCountBy::Count => rows.count.to_string(),
        RowCountBy::AtLeast => format!("{}+", rows.count),
        _ => format!("~{}", rows.count),
    }
}

fn tables(tables: &[TableHealth]) -> String {
    let head = [
        ("table", Align::Left),
        ("rows", Align::Right),
        ("dead", Align::Right),
        ("size", Align::Right),
        ("indexes", Align::Right),
        ("cleared", Align::Left),
    ];
    let row = |t: &TableHealth| {
        let indexes: Option<u64> = t.indexes.iter().map(|i| i.bytes).sum();
        vec![
            t.name.clone(),
            rows(t.rows),
            t.dead_rows.map(|n| n.to_string()).unwrap_or_default(),
            t.bytes.map(bytes).unwrap_or_default(),
            indexes.map(bytes).unwrap_or_default(),
            t.vacuumed_at.as_deref().map(when).unwrap_or_default(),
        ]
    };
    table(&head, &tables.iter().map(row).collect::<Vec<_>>())
}

//! `forge bench`: its arguments and its table. The work is in `bench`.

use crate::bench::{self, Plan, Synchronous, Target, Workload};
use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, table};
use clap::ValueEnum;
use forge_jobs_api::wire::{ErrorCode, Measurement};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Every rate stands beside its floor, measured in the same run: the same statements in a bare loop, on the same tables, \
with the same settings and on the same file system. Figures of different machines or hours say little; the ratio of \
the two says what the queue costs.

On SQLite it works in files of its own, in a directory that it makes and removes. The file system matters: name a \
directory on the disk that is meant, and not one in memory. On Postgres it works in schemas of its own, forge_bench_ \
and a number, which it makes and drops, also when it is interrupted; the role must be allowed to create them.

Examples:
  forge bench
  forge bench drain --synchronous normal --rounds 5
  forge bench --quick --json
  forge bench --database postgres://me@db.example/scratch drain pick_up";

/// Measure this machine: enqueue, bulk, drain, pick-up and a mixed load, each beside its floor.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What to measure [default: everything]
    #[arg(value_name = "WORKLOAD", value_enum)]
    workloads: Vec<Workload>,

    /// Only with this setting of SQLite; may be given twice [default: both]
    #[arg(long, value_enum)]
    synchronous: Vec<Synchronous>,

    /// Rounds of each rate, of which the median counts, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// A tenth of the work: for a look, not for the record
    #[arg(long)]
    quick: bool,

    /// Where SQLite's files are made and removed [default: the directory of the database]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let target = target(&args, database)?;
    let on_server = matches!(target, Target::Server(_));
    let mut workloads = args.workloads;
    if let Some(refused) = workloads.iter().find(|w| w.needs_server() && !on_server) {
        let name = refused.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        let message =
            format!("{name} is measured on Postgres only: pass --database postgres://user@host/database");
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    if workloads.is_empty() {
        let all = Workload::value_variants().iter().copied();
        workloads = all.filter(|w| on_server || !w.needs_server()).collect();
    }
    workloads.sort_unstable();
    workloads.dedup();
    let plan = Plan { workloads, target, rounds: args.rounds, quick: args.quick };
    let lines = bench::run(&plan).await?;
    out.answer(&lines, |lines| text(lines))?;
    Ok(Exit::Ok)
}

/// The server, or files in a directory.
fn target(args: &Args, database: &Database) -> Result<Target, Failure> {
    if let (Some(config), None) = (database.postgres(), &args.dir) {
        if args.synchronous.is_empty() {
            return Ok(Target::Server(Box::new(config.clone())));
        }
        let message = "--synchronous is a setting of SQLite: how hard Postgres waits for the disk is the server's \
             own (fsync, synchronous_commit)";
        return Err(Failure::new(ErrorCode::Invalid, message));
    }
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => directory(database)?,
    };
    let mut synchronous = args.synchronous.clone();
    if synchronous.is_empty() {
        synchronous = Synchronous::value_variants().to_vec();
    }
    synchronous.sort_unstable();
    synchronous.dedup();
    Ok(Target::Files { dir, synchronous })
}

/// The directory of the database, made if it is not there.
fn directory(database: &Database) -> Result<PathBuf, Failure> {
    let file = database.file()?.ok_or_else(|| {
        let message = "a database in memory has no directory to measure in: pass --dir";
        Failure::new(ErrorCode::Invalid, message)
    })?;
    let dir = file.parent().map(PathBuf::from).unwrap_or_default();
    let dir = if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir };
    std::fs::create_dir_all(&dir).map_err(|e| {
        Failure::new(ErrorCode::Unavailable, format!("{} cannot be made: {e}", dir.display()))
    })?;
    Ok(dir)
}

fn text(lines: &[Measurement]) -> String {
    let head = [
        ("workload", Align::Left),
        ("synchronous", Align::Left),
        ("at a time", Align::Right),
        ("jobs/s", Align::Right),
        ("floor", Align::Right),
        ("share", Align::Right),
        ("p50 ms", Align::Right),
        ("p99 ms", Align::Right),
        ("besides", Align::Left),
    ];
    table(&head, &lines.iter().map(row).collect::<Vec<_>>())
}

fn row(m: &Measurement) -> Vec<String> {
    let s = &m.settings;
    let whole = |v: Option<f64>| v.map(|v| format!("{v:.0}")).unwrap_or_default();
    // Microseconds of a measurement are far below 2^52.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let ms = |us: Option<u64>| us.map(|us| format!("{:.2}", us as f64 / 1e3)).unwrap_or_default();
    vec![
        m.workload.clone(),
        s.synchronous.clone(),
        s.producers.or(s.concurrency).or(s.processes).map(|n| n.to_string()).unwrap_or_default(),
        whole(m.rate),
        whole(m.floor),
        m.ratio.map(|r| format!("{:.0} %", r * 100.0)).unwrap_or_default(),
        ms(m.p50_us),
        ms(m.p99_us),
        besides(m),
    ]
}

/// What has no column of its own.
fn besides(m: &Measurement) -> String {
    let mut words = Vec::new();
    words.extend(m.settings.beside.map(|n| format!("beside {n} others")));
    words.extend(
        m.other_floors.iter().map(|f| format!("{:.0} % of {:.0}: {}", f.ratio * 100.0, f.rate, f.name)),
    );
    words.extend(m.cpu_percent.map(|cpu| format!("{cpu:.2} % of a core")));
    words.extend(m.memory_mib.map(|memory| format!("{memory:.1} MiB")));
    words.extend(m.statements_per_second.map(|n| format!("{n:.1} statements/s in all")));
    words.extend(m.wal_bytes.map(|w| {
        let sum = w.enqueue + w.claim + w.finish;
        format!(
            "{sum:.0} bytes a job: enqueue {:.0}, claim {:.0}, finish {:.0}",
            w.enqueue, w.claim, w.finish
        )
    }));
    words.join(", ")
}

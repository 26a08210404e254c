//! `forge`: the command line. Here are its arguments and its end; each command has a file of its own in `cmd`.

mod actor;
mod bench;
mod cmd;
mod database;
mod demo;
mod desk;
mod duration;
mod exit;
mod logs;
mod output;
mod paths;
mod signals;
mod worker;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use database::Database;
use desk::Where;
use exit::{Exit, Failure};
use forge_jobs_api::wire::{ErrorBody, ErrorCode, ErrorDetail};
use output::{Format, Output, say};
use std::ffi::OsString;
use std::process::ExitCode;

/// Names the level of logs, as `warn` or `forge_jobs=debug`.
const LOG_VARIABLE: &str = "FORGE_LOG";

/// The heading of the options that all commands share.
const EVERYWHERE: &str = "Options of every command";

const AFTER_HELP: &str = "\
Which database: --database, else FORGE_DATABASE_URL, else database.url in forge.toml of the user's configuration \
directory, else forge.db in the user's data directory. Other users of \
this machine can read --database while a command runs: keep a password in ~/.pgpass, PGPASSWORD or FORGE_DATABASE_URL.

With --server and --token-file the commands enqueue, job, errors, queue, limit, metrics, cron, audit, db and doctor ask a \
server of `forge serve` and need no database.

Logs go to standard error; FORGE_LOG sets how much (error, warn, info, debug, trace; default warn).

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 database unavailable.

Examples:
  forge demo --exit-when-idle                  hash every file below this directory, and watch
  forge enqueue mail.send '{\"to\":\"ada\"}'       put one job into the queue
  forge job list --status dead                 what went wrong
  forge job retry 01890a5d-ac96-774b-bcce-b302099a8057
  forge errors                                 what goes wrong, by sort
  forge queue pause mail                       claim no more jobs of this queue
  forge limit set slack 100 --per 10s          never more in any 10 s, in all processes
  forge cron next '30 2 * * MON-FRI' --zone Europe/Berlin
  forge doctor                                 is all well?";

/// Run background jobs on an embedded database or on Postgres, and see and steer them.
#[derive(Debug, Parser)]
#[command(name = "forge", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    at: Where,

    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,

    /// How logs are written to standard error: text, or a JSON object a line
    #[arg(long, global = true, value_name = "text|json", env = "FORGE_LOG_FORMAT", default_value = "text", hide_default_value = true, help_heading = EVERYWHERE)]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hash every file of a directory, a job each, beside calls to a flaky upstream
    Demo(cmd::demo::Args),
    /// Put jobs into the queue
    Enqueue(cmd::enqueue::Args),
    /// See and steer jobs
    #[command(subcommand)]
    Job(cmd::job::Command),
    /// See what goes wrong, by sort, and retry or drop all jobs of a sort
    Errors(cmd::errors::Args),
    /// See and steer queues
    #[command(subcommand)]
    Queue(cmd::queue::Command),
    /// See and steer budgets of calls that all processes share
    #[command(subcommand)]
    Limit(cmd::limit::Command),
    /// Show what was measured: counts, waits, run times, and what processes use
    Metrics(cmd::metrics::Args),
    /// See and steer schedules, and see when cron expressions fire
    #[command(subcommand)]
    Cron(cmd::cron::Command),
    /// Show what people did, and who
    Audit(cmd::audit::Args),
    /// Serve the HTTP API and the panel
    Serve(cmd::serve::Args),
    /// Make a token for callers of the HTTP API
    Token(cmd::token::Args),
    /// Run jobs until told to stop
    Worker(cmd::worker::Args),
    /// Measure this machine: enqueue, bulk, drain, pick-up and a mixed load, each beside its floor
    Bench(cmd::bench::Args),
    /// Create the database, or bring it to this program's version
    Migrate(cmd::migrate::Args),
    /// See how the database is
    #[command(subcommand)]
    Db(cmd::db::Command),
    /// Check the database, the worker processes and what waits in vain
    Doctor(cmd::doctor::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return refuse(&e),
    };
    let mut out = Output::new(if cli.json { Format::Json } else { Format::Text });
    match run(cli, &mut out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            say(&format!("forge: {}", failure.message()));
            if out.is_json()
                && let Err(e) = out.json(&failure.body())
            {
                say(&format!("forge: {}", e.message()));
            }
            failure.exit().into()
        }
    }
}

fn run(cli: Cli, out: &mut Output) -> Result<Exit, Failure> {
    let usual = match cli.command {
        // Its upstream has jobs die on purpose, and its summary counts them.
        Command::Demo(_) => "warn,forge_jobs=error",
        _ => "warn",
    };
    logs::start(cli.log_format, usual)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(ErrorCode::Failed, format!("no threads to run on: {e}")))?;
    let ended = runtime.block_on(dispatch(cli, out));
    // A blocking read that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn dispatch(cli: Cli, out: &mut Output) -> Result<Exit, Failure> {
    let at = &cli.at;
    match cli.command {
        Command::Demo(args) => {
            at.no_server("demo")?;
            cmd::demo::run(args, &Database::choose_for_demo(at.database.as_deref())?, out).await
        }
        Command::Enqueue(args) => cmd::enqueue::run(args, at, out).await,
        Command::Job(command) => cmd::job::run(command, at, out).await,
        Command::Errors(args) => cmd::errors::run(args, at, out).await,
        Command::Queue(command) => cmd::queue::run(command, at, out).await,
        Command::Metrics(args) => cmd::metrics::run(&args, at, out).await,
        Command::Limit(command) => cmd::limit::run(command, at, out).await,
        Command::Cron(command) => cmd::cron::run(command, at, out).await,
        Command::Audit(args) => cmd::audit::run(args, at, out).await,
        Command::Serve(args) => cmd::serve::run(args, &at.database("serve")?, out).await,
        Command::Token(args) => cmd::token::run(&args, out),
        Command::Worker(args) => cmd::worker::run(args, &at.database("worker")?, out).await,
        Command::Bench(args) => cmd::bench::run(args, &at.database("bench")?, out).await,
        Command::Migrate(args) => cmd::migrate::run(&args, &at.database("migrate")?, out).await,
        Command::Db(command) => cmd::db::run(command, at, out).await,
        Command::Doctor(args) => cmd::doctor::run(&args, at, out).await,
    }
}

/// A text that may quote an argument, without the URLs among them, which may hold a password.
fn without_urls(text: &str, args: impl Iterator<Item = OsString>) -> String {
    let urls = args.filter_map(|arg| {
        let arg = arg.to_string_lossy().into_owned();
        let scheme = arg.find("://")?;
        Some((format!("{}://…", &arg[..scheme]), arg))
    });
    urls.fold(text.to_owned(), |text, (short, arg)| text.replace(&arg, &short))
}

/// Help, version, or a command line that is not understood. The latter is a JSON document too, if that was asked for.
fn refuse(e: &clap::Error) -> ExitCode {
    let text = e.render().to_string();
    let safe = without_urls(&text, std::env::args_os());
    if safe == text {
        // A reader that went away is no error.
        let _ = e.print();
    } else {
        say(safe.trim_end());
    }
    let asked_for_json = std::env::args_os().skip(1).take_while(|a| a != "--").any(|a| a == "--json");
    if !e.use_stderr() && e.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Exit::Ok.into();
    }
    if asked_for_json {
        // What is wrong stands before the first empty line, what the usage is after it.
        let wrong: Vec<_> = safe.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let message = if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            "a command is missing: the help on standard error names those there are".to_owned()
        } else {
            wrong.join(" ").trim_start_matches("error: ").to_owned()
        };
        let body = ErrorBody { error: ErrorDetail::new(ErrorCode::Invalid, message) };
        let _ = Output::new(Format::Json).json(&body);
    }
    Exit::Usage.into()
}

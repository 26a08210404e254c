//! `forge worker`.

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, say};
use crate::signals::{Signals, stop};
use crate::worker::handlers::{self, HELP};
use crate::worker::ledger::{self, Ledger};
use forge_jobs::limits::{MAX_WORKERS, SHUTDOWN_TIMEOUT};
use forge_jobs::{DefaultRouter, HandlerRegistry, NoopEcho, QueueRuntime, RuntimeConfig};
use forge_jobs_api::wire::{ErrorCode, Stopped};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

const AFTER_HELP: &str = "\
Ctrl-C or SIGTERM stops it in good order: running jobs have the time of --shutdown-ms to finish, then are told to \
stop, and what is left goes back to the queue. A second signal ends it within 2 s.

Programs link the crate forge-jobs and run their own handlers; this command runs the handlers below, for trying \
things out and for load.";

/// Run jobs until told to stop: of the kind `noop_echo`, and of the test handlers if asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{AFTER_HELP}\n\n{HELP}\n\nExamples:\n  forge worker --test-handlers\n  \
    forge worker --queue mail:4 --queue slow:1 --test-handlers"))]
pub(crate) struct Args {
    /// Run only this queue, with this many workers; may be given more than once [default: all queues, with the
    /// workers of their settings]
    #[arg(long = "queue", value_name = "NAME[:WORKERS]")]
    queues: Vec<QueueArg>,

    /// Run the test handlers
    #[arg(long)]
    test_handlers: bool,

    /// How often to confirm that this process is alive [default: 10000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    heartbeat_ms: Option<u64>,

    /// Silence after which another process counts as dead; at least four heartbeats [default: 45000, or 4.5
    /// heartbeats]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    stale_ms: Option<u64>,

    /// How often to look for dead processes [default: 15000, or 1.5 heartbeats]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    reaper_ms: Option<u64>,

    /// Longest wait between two looks at the database [default: 1000 with work, 5000 without]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    poll_ms: Option<u64>,

    /// How long a job whose process died runs alone at first [default: 30000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    alone_ms: Option<u64>,

    /// How often to sample what this process uses and, while it leads, to add up what happened to jobs [default: 10000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = interval)]
    metrics_ms: Option<u64>,

    /// Time for running jobs to finish when told to stop [default: 25000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = patience)]
    shutdown_ms: Option<u64>,
}

/// `NAME` or `NAME:WORKERS`. Names may hold colons: what follows the last one counts if it is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct QueueArg {
    name: String,
    workers: Option<u32>,
}

impl FromStr for QueueArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, workers) = match text.rsplit_once(':') {
            Some((name, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                let workers = number
                    .parse()
                    .ok()
                    .filter(|n| *n <= MAX_WORKERS)
                    .ok_or_else(|| format!("{number} workers are too many: use 1 to {MAX_WORKERS}"))?;
                if workers == 0 {
                    return Err(format!(
                        "0 workers run nothing: leave the queue out, or pause it with `forge queue pause {name}`"
                    ));
                }
                (name, Some(workers))
            }
            _ => (text, None),
        };
        forge_jobs::check_name("queue", name).map_err(|e| e.to_string())?;
        Ok(Self { name: name.to_owned(), workers })
    }
}

const DAY_MS: u64 = 86_400_000;

fn interval(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|ms| (1..=DAY_MS).contains(ms));
    number.ok_or_else(|| format!("use whole milliseconds from 1 to {DAY_MS}"))
}

fn patience(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|ms| *ms <= DAY_MS);
    number.ok_or_else(|| format!("use whole milliseconds from 0 to {DAY_MS}"))
}

impl Args {
    fn config(&self) -> RuntimeConfig {
        let ms = Duration::from_millis;
        let mut config = RuntimeConfig::default().with_version(env!("CARGO_PKG_VERSION"));
        if let Some(beat) = self.heartbeat_ms {
            config = config.with_heartbeat(ms(beat));
        }
        let set = |to: &mut Duration, value: Option<u64>| *to = value.map_or(*to, ms);
        set(&mut config.stale_after, self.stale_ms);
        set(&mut config.reaper_interval, self.reaper_ms);
        set(&mut config.poll_busy, self.poll_ms);
        set(&mut config.poll_idle, self.poll_ms);
        set(&mut config.alone_window, self.alone_ms);
        set(&mut config.metrics_interval, self.metrics_ms);
        for queue in &self.queues {
            config = config.with_queue(&queue.name, queue.workers);
        }
        config
    }
}

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()
        .map_err(|e| Failure::new(ErrorCode::Failed, format!("signals cannot be listened to: {e}")))?;
    let ledger = open_ledger()?;
    let config = args.config();
    // Before the database is opened, so that a slip creates nothing.
    config.check().map_err(|e| Failure::of(ErrorCode::Invalid, &e))?;
    let storage = database.open().await?;
    let mut registry = HandlerRegistry::new();
    registry.register(NoopEcho);
    if args.test_handlers {
        handlers::register(&mut registry, &ledger);
    }
    let runtime = QueueRuntime::new(storage, registry, Arc::new(DefaultRouter)).with_config(config);
    for queue in &args.queues {
        if let Some(workers) = queue.workers {
            runtime.ensure_queue(&queue.name, workers).await?;
        }
    }
    let handle = runtime.start().await?;
    let process = handle.process_id().map(|p| p.to_string()).unwrap_or_default();
    say(&format!("worker {process} runs on {}; Ctrl-C stops it", database.describe()?));
    signals.next().await;
    say("stopping");
    let timeout = args.shutdown_ms.map_or(SHUTDOWN_TIMEOUT, Duration::from_millis);
    let report = stop(&handle, &mut signals, timeout).await;
    let clean = report.still_running.is_empty();
    let answer = Stopped {
        process,
        finished: report.finished,
        handed_back: report.handed_back,
        cut_short: report.still_running.iter().map(ToString::to_string).collect(),
    };
    out.answer(&answer, |a| {
        format!("{} finished, {} handed back, {} cut short\n", a.finished, a.handed_back, a.cut_short.len())
    })?;
    Ok(if clean { Exit::Ok } else { Exit::Failed })
}

fn open_ledger() -> Result<Ledger, Failure> {
    let Some(path) = std::env::var_os(ledger::VARIABLE).filter(|v| !v.is_empty()) else {
        return Ok(Ledger::default());
    };
    Ledger::open(path.as_ref()).map_err(|e| {
        let path = path.to_string_lossy();
        Failure::new(ErrorCode::Failed, format!("{}={path}: {e}", ledger::VARIABLE))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_may_have_workers_and_colons() {
        let arg = |name: &str, workers| Ok(QueueArg { name: name.into(), workers });
        assert_eq!("mail".parse(), arg("mail", None));
        assert_eq!("mail:4".parse(), arg("mail", Some(4)));
        assert_eq!("a:b:2".parse(), arg("a:b", Some(2)));
        assert!("a:0".parse::<QueueArg>().unwrap_err().contains("forge queue pause a"));
        assert_eq!("a:b".parse(), arg("a:b", None));
        assert!("a b:4".parse::<QueueArg>().is_err());
        assert!(":4".parse::<QueueArg>().is_err());
        assert!("a:99999999999".parse::<QueueArg>().unwrap_err().contains("99999999999"));
    }
}

//! Logs: to standard error, and those of handlers to their jobs.

use crate::exit::Failure;
use crate::{LOG_VARIABLE, LogFormat};
use forge_jobs::logs::JobLogs;
use forge_jobs_api::wire::ErrorCode;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::callsite::rebuild_interest_cache;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::prelude::*;

/// Whether what handlers log is kept.
static KEPT: AtomicBool = AtomicBool::new(true);

/// Logs to standard error, so that standard output is the answer alone.
/// Of `usual` goes there what the environment does not say otherwise.
pub(crate) fn start(format: LogFormat, usual: &str) -> Result<(), Failure> {
    let text = std::env::var(LOG_VARIABLE).unwrap_or_default();
    let text = if text.is_empty() { usual } else { &text };
    let filter = EnvFilter::try_new(text)
        .map_err(|e| Failure::new(ErrorCode::Invalid, format!("{LOG_VARIABLE}={text:?}: {e}")))?;
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // What cannot be written, to a full disk for instance, must not end the program.
        .log_internal_errors(false)
        .with_ansi(format == LogFormat::Text && std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let logs = match format {
        LogFormat::Text => logs.boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    // What handlers log is kept with their jobs, whatever goes to standard error. As `JobLogs::up_to` filters, and
    // switched: a second filter around that one would not know its level, and each line of a finer one would be made to
    // be dropped.
    let is_kept = FilterFn::new(|metadata| {
        let is_wanted = if metadata.is_span() {
            metadata.target() == "forge_jobs"
        } else {
            *metadata.level() <= LevelFilter::INFO
        };
        is_wanted && KEPT.load(Ordering::Relaxed)
    });
    let kept = JobLogs::new().with_filter(is_kept.with_max_level_hint(LevelFilter::INFO));
    tracing_subscriber::registry().with(logs.with_filter(filter)).with(kept).init();
    Ok(())
}

/// Does something while nothing that handlers log is kept: to measure what that costs.
pub(crate) async fn without<T>(work: impl Future<Output = T>) -> T {
    KEPT.store(false, Ordering::Relaxed);
    rebuild_interest_cache();
    let done = work.await;
    KEPT.store(true, Ordering::Relaxed);
    rebuild_interest_cache();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finer_lines_than_are_wanted_cost_nothing() {
        start(LogFormat::Text, "warn").ok().unwrap();
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
        assert!(tracing::enabled!(target: "forge_jobs", tracing::Level::INFO));
        without(async { assert!(!tracing::enabled!(target: "forge_jobs", tracing::Level::INFO)) }).await;
        assert!(tracing::enabled!(target: "forge_jobs", tracing::Level::INFO));
    }
}

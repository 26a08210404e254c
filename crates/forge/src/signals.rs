//! Signals that ask a program to end, and ending.

use crate::output::say;
use forge_jobs::{QueueHandle, ShutdownReport};
use std::io;
use std::time::Duration;

/// Time to hand jobs back when the program is told a second time.
const GIVE_UP_WITHIN: Duration = Duration::from_millis(1_500);

/// A stop that takes longer than this says what it waits for.
const SILENT_FOR: Duration = Duration::from_millis(300);

/// Waits for Ctrl-C and, on Unix, for SIGTERM.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on these signals no longer end the program by themselves.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// From now on these signals no longer end the program by themselves.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "one signature for all systems")]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Resolves at the next one. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Resolves at the next one. Cancel safe.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        // Without a way to listen there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Stops in good order: running jobs have `timeout` to finish. Told again, it stops at once, and what still ran is in
/// the report.
pub(crate) async fn stop(handle: &QueueHandle, signals: &mut Signals, timeout: Duration) -> ShutdownReport {
    let patience = async {
        tokio::time::sleep(SILENT_FOR).await;
        let most = timeout.as_secs_f64();
        say(&format!("stopping: running jobs have up to {most} s to end; Ctrl-C again ends it at once"));
        std::future::pending().await
    };
    let shutdown = handle.shutdown_graceful(timeout);
    tokio::pin!(shutdown);
    let (mut report, again) = tokio::select! {
        never = patience => never,
        report = &mut shutdown => (report, false),
        () = signals.next() => {
            let mut report = ShutdownReport::default();
            report.still_running = handle.running();
            (report, true)
        }
    };
    if again || !report.still_running.is_empty() {
        // This program exits now, so what still runs ends with it.
        let _ = tokio::time::timeout(GIVE_UP_WITHIN, handle.abandon()).await;
        if again && let Ok(end) = tokio::time::timeout(GIVE_UP_WITHIN, shutdown).await {
            (report.finished, report.handed_back) = (end.finished, end.handed_back);
        }
    }
    report
}

//! The end: the window goes at once, jobs that run may end or are handed back, and then the process is gone.

use crate::window_of;
use forge_jobs::QueueHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tauri::AppHandle;

/// Time to hand back what does not stop.
const GIVE_UP_WITHIN: Duration = Duration::from_secs(2);

/// How far the end is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Closing(Arc<Inner>);

struct Inner {
    handle: QueueHandle,
    within: Duration,
    begun: AtomicBool,
    over: AtomicBool,
}

impl Closing {
    pub(crate) fn new(handle: QueueHandle, within: Duration) -> Self {
        let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Inner { handle, within, begun, over }))
    }

    /// Whether nothing keeps the process any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }

    /// Begins the end, once.
    pub(crate) fn begin(&self, app: &AppHandle) {
        if self.0.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        // Who closes a window does not want to look at it while the last jobs end.
        if let Some(window) = window_of(app) {
            let _ = window.hide();
        }
        let (inner, app) = (Arc::clone(&self.0), app.clone());
        tauri::async_runtime::spawn(async move {
            let report = inner.handle.shutdown_graceful(inner.within).await;
            if !report.still_running.is_empty() {
                let _ = tokio::time::timeout(GIVE_UP_WITHIN, inner.handle.abandon()).await;
            }
            tracing::info!(finished = report.finished, handed_back = report.handed_back, "closed");
            inner.over.store(true, Ordering::Release);
            app.exit(0);
        });
    }

    /// Signals end it as well as the window does: a session that logs out sends one.
    pub(crate) fn on_signals(&self, mut signals: Signals, app: &AppHandle) {
        let (closing, app) = (self.clone(), app.clone());
        tauri::async_runtime::spawn(async move {
            if signals.told().await {
                closing.begin(&app);
            }
        });
    }
}

/// The signals that end the program. One that comes before anybody asks for it is kept.
#[cfg(unix)]
pub(crate) struct Signals([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }

    async fn told(&mut self) -> bool {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
        }
    }
}

/// Where there are none but Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn told(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}

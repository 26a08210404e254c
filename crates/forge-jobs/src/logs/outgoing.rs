//! Which attempts of a runtime have lines to be stored.

use super::capture::AttemptLog;
use crate::storage::LogChunk;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The logs of a runtime's attempts, from their first line until all of it is stored.
#[derive(Default)]
pub(crate) struct Outgoing {
    active: Mutex<Vec<Arc<AttemptLog>>>,
    filled: Notify,
    ended: Notify,
    settled: Notify,
    writing: AtomicBool,
}

impl Outgoing {
    fn active(&self) -> MutexGuard<'_, Vec<Arc<AttemptLog>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt has logged its first line.
    pub(super) fn enlist(&self, log: Arc<AttemptLog>) {
        self.active().push(log);
        self.filled.notify_one();
    }

    /// An attempt with lines has ended.
    pub(super) fn one_ended(&self) {
        self.ended.notify_one();
    }

    /// Resolves when there is an attempt with lines. Cancel safe.
    pub(crate) async fn filled(&self) {
        while self.active().is_empty() {
            self.filled.notified().await;
        }
    }

    /// Resolves when an attempt with lines has ended. Cancel safe.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// What is to be stored now. Attempts that have ended are given for the last time.
    pub(crate) fn take(&self) -> Vec<(Arc<AttemptLog>, LogChunk)> {
        let mut taken = Vec::new();
        self.active().retain(|log| {
            let flushed = log.flush();
            taken.extend(flushed.chunk.map(|chunk| (log.clone(), chunk)));
            !flushed.ended
        });
        taken
    }

    /// Until the guard is dropped, what was taken counts as not stored yet.
    pub(crate) fn writing(&self) -> impl Drop + use<'_> {
        struct Writing<'a>(&'a Outgoing);
        impl Drop for Writing<'_> {
            fn drop(&mut self) {
                self.0.writing.store(false, Ordering::Release);
                self.0.settled.notify_waiters();
            }
        }
        self.writing.store(true, Ordering::Release);
        Writing(self)
    }

    /// Resolves when the lines of all attempts that have ended are stored, or given up. Cancel safe.
    pub(crate) async fn flush(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if !self.writing.load(Ordering::Acquire) && self.active().iter().all(|log| !log.has_ended()) {
                return;
            }
            self.ended.notify_one();
            settled.await;
        }
    }
}

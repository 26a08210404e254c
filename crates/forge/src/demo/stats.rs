//! What this process has done so far, for the progress bar. The summary is read from the database instead.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that handlers add to.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Files that the walk found, earlier sessions included.
    pub(crate) found: Counter,
    /// Files that are finished, earlier sessions included.
    pub(crate) finished: Counter,
    /// Files hashed in this session.
    pub(crate) hashed: Counter,
    /// Bytes hashed in this session.
    pub(crate) bytes: Counter,
    /// Failures that come back, in this session.
    pub(crate) retries: Counter,
    /// Throttles in this session.
    pub(crate) throttles: Counter,
    /// Jobs that died in this session.
    pub(crate) dead: Counter,
}

/// A number that many threads add to.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

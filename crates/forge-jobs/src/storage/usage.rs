//! What a handle to a storage is used for.

use super::Traffic;
use crate::metrics::Pool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts calls and how long they took.
#[derive(Debug, Default)]
pub(super) struct Usage {
    traffic: Mutex<Traffic>,
    under_way: AtomicU64,
    most: AtomicU64,
}

/// Whether a call writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Read,
    Write,
}

impl Usage {
    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins; it ends when what is given is dropped.
    pub(super) fn begin(&self, call: Call) -> UnderWay<'_> {
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        UnderWay { usage: self, call, begun: Instant::now() }
    }

    /// What it was used for. The highest numbers begin anew.
    pub(super) fn take(&self, busy: u64, open: usize, limit: usize) -> Traffic {
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let most = self.most.swap(self.under_way.load(Ordering::Relaxed), Ordering::Relaxed);
        let pool = Pool {
            in_use: number(most.min(limit)),
            open: u32::try_from(open).unwrap_or(u32::MAX),
            limit: number(limit),
            waiting: number(most.saturating_sub(limit)),
        };
        Traffic { busy, pool, ..self.lock().clone() }
    }
}

/// A call under way.
pub(super) struct UnderWay<'a> {
    usage: &'a Usage,
    call: Call,
    begun: Instant,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let took: Duration = self.begun.elapsed();
        self.usage.under_way.fetch_sub(1, Ordering::Relaxed);
        let mut traffic = self.usage.lock();
        match self.call {
            Call::Read => traffic.reads.record(took),
            Call::Write => traffic.writes.record(took),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_of_calls_is_told_once() {
        let usage = Usage::default();
        let calls: Vec<_> = (0..5).map(|_| usage.begin(Call::Write)).collect();
        let one = usage.begin(Call::Read);
        drop(calls);
        let traffic = usage.take(0, 3, 4);
        assert_eq!((traffic.pool.in_use, traffic.pool.waiting, traffic.pool.open), (4, 2, 3));
        assert_eq!((traffic.writes.count(), traffic.reads.count()), (5, 0));
        drop(one);
        let next = usage.take(7, 3, 4);
        assert_eq!((next.pool.in_use, next.pool.waiting, next.reads.count(), next.busy), (1, 0, 1, 7));
    }
}

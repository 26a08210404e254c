//! Addresses that show wrong tokens have to wait: guessing is hopeless, and this keeps it cheap too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Most addresses that are remembered.
const MOST: usize = 10_000;

/// Wrong tokens of late, by address.
pub(crate) struct Attempts {
    allowed: u32,
    wrong: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Attempts {
    pub(crate) fn new(allowed: u32) -> Self {
        Self { allowed, wrong: Mutex::default() }
    }

    fn wrong(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, (u32, Instant)>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long an address has to wait; `None`: it may try.
    pub(crate) fn must_wait(&self, peer: IpAddr) -> Option<Duration> {
        let wrong = self.wrong();
        let (count, began) = wrong.get(&peer)?;
        let left = WINDOW.checked_sub(began.elapsed())?;
        (*count >= self.allowed).then_some(left)
    }

    /// An address showed a wrong token.
    pub(crate) fn record(&self, peer: IpAddr) {
        let mut wrong = self.wrong();
        if wrong.len() >= MOST {
            wrong.retain(|_, (_, began)| began.elapsed() < WINDOW);
            if wrong.len() >= MOST {
                // A flood from everywhere: what is remembered of it is bounded, and each still needs a token.
                wrong.clear();
            }
        }
        let entry = wrong.entry(peer).or_insert_with(|| (0, Instant::now()));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 = entry.0.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_after_so_many_wrong_tokens_and_others_do_not() {
        let attempts = Attempts::new(2);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        attempts.record(a);
        assert_eq!(attempts.must_wait(a), None);
        attempts.record(a);
        assert!(attempts.must_wait(a).is_some_and(|wait| wait <= WINDOW));
        assert_eq!(attempts.must_wait(b), None);
    }
}

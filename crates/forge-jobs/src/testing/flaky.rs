//! A storage that fails on purpose.

use super::wrapped::{End, Hook, Operation, wrap};
use crate::Storage;
use crate::storage::StorageError;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// The first so many.
    First(u32),
    /// Every n-th: 2 is the second, the fourth, …
    Every(u32),
    /// All, until [`Faults::mend`].
    Always,
    /// So many in a hundred, picked by a seed: the same seed picks the same calls.
    Percent {
        /// 0 to 100.
        percent: u8,
        /// The seed.
        seed: u64,
    },
}

/// A plan of faults. Clones share it, so that a test can change it while the storage is in use.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<HashMap<Operation, Plan>>>);

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Before anything is done.
    Refuse,
    /// After it was carried out.
    LoseAnswer,
    /// After it was carried out, with a panic.
    Panic,
}

#[derive(Debug)]
struct Plan {
    when: When,
    fault: Fault,
    calls: u32,
    failed: u32,
    rng: fastrand::Rng,
    /// Calls wait until it is gone.
    held: Option<watch::Sender<()>>,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes calls fail before anything is done: [`StorageError::Unavailable`], nothing changed.
    #[must_use]
    pub fn refuse(self, operation: Operation, when: When) -> Self {
        self.plan(operation, when, Fault::Refuse);
        self
    }

    /// Makes calls fail after they were carried out, as when the connection breaks before the answer:
    /// [`StorageError::Unavailable`] with `outcome_unknown`.
    #[must_use]
    pub fn lose_answer(self, operation: Operation, when: When) -> Self {
        self.plan(operation, when, Fault::LoseAnswer);
        self
    }

    /// Makes calls panic after they were carried out: a bug, of the storage or of something that it uses.
    #[must_use]
    pub fn panic(self, operation: Operation, when: When) -> Self {
        self.plan(operation, when, Fault::Panic);
        self
    }

    /// Makes all calls wait, before anything is done, until [`mend`](Self::mend): for a test that wants something to
    /// happen while a call is under way. They succeed then.
    #[must_use]
    pub fn hold(self, operation: Operation) -> Self {
        self.plan(operation, When::First(0), Fault::Refuse);
        if let Some(plan) = self.lock().get_mut(&operation) {
            plan.held = Some(watch::Sender::new(()));
        }
        self
    }

    /// From now on, calls of this operation succeed; those that wait go on.
    pub fn mend(&self, operation: Operation) {
        self.lock().remove(&operation);
    }

    /// How many calls of this operation have failed since it was planned.
    #[must_use]
    pub fn failed(&self, operation: Operation) -> u32 {
        self.lock().get(&operation).map_or(0, |p| p.failed)
    }

    /// How many calls of this operation were made since it was planned, whether they failed or not:
    /// `refuse(operation, When::First(0))` only counts.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u32 {
        self.lock().get(&operation).map_or(0, |p| p.calls)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Operation, Plan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, operation: Operation, when: When, fault: Fault) {
        let seed = if let When::Percent { seed, .. } = when { seed } else { 0 };
        let rng = fastrand::Rng::with_seed(seed);
        self.lock().insert(operation, Plan { when, fault, calls: 0, failed: 0, rng, held: None });
    }

    /// How this call fails, if it does.
    fn next(&self, operation: Operation) -> Option<Fault> {
        let mut plans = self.lock();
        let plan = plans.get_mut(&operation)?;
        plan.calls = plan.calls.saturating_add(1);
        let fails = match plan.when {
            When::First(n) => plan.calls <= n,
            When::Every(n) => plan.calls.is_multiple_of(n.max(1)),
            When::Always => true,
            When::Percent { percent, .. } => plan.rng.u8(0..100) < percent,
        };
        plan.failed += u32::from(fails);
        fails.then_some(plan.fault)
    }
}

/// Wraps a storage so that calls fail by plan.
#[derive(Debug)]
pub struct FlakyStorage;

impl FlakyStorage {
    /// The wrapped storage.
    #[must_use]
    pub fn wrap(inner: Storage, faults: Faults) -> Storage {
        wrap(inner, faults)
    }
}

#[async_trait]
impl Hook for Faults {
    async fn before(&self, operation: Operation) -> Result<End, StorageError> {
        let fails = self.next(operation);
        let held = self.lock().get(&operation).and_then(|plan| Some(plan.held.as_ref()?.subscribe()));
        if let Some(mut held) = held {
            // Nothing is ever sent: it ends with the plan.
            while held.changed().await.is_ok() {}
        }
        match fails {
            None => Ok(End::Answer),
            Some(Fault::LoseAnswer) => Ok(End::Lost),
            Some(Fault::Panic) => Ok(End::Panic),
            Some(Fault::Refuse) => Err(StorageError::unavailable("a fault was injected before the call")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(faults: &Faults, calls: u32) -> Vec<bool> {
        (0..calls).map(|_| faults.next(Operation::Claim).is_some()).collect()
    }

    #[test]
    fn a_plan_picks_the_calls_that_it_says() {
        let of = |when| Faults::new().refuse(Operation::Claim, when);
        assert_eq!(fails(&of(When::First(2)), 4), [true, true, false, false]);
        assert_eq!(fails(&of(When::Every(2)), 4), [false, true, false, true]);
        assert_eq!(fails(&of(When::Always), 2), [true, true]);
        assert_eq!(of(When::Always).next(Operation::Finish), None);
    }

    #[test]
    fn a_seed_picks_the_same_calls_again() {
        let of =
            |seed| fails(&Faults::new().refuse(Operation::Claim, When::Percent { percent: 30, seed }), 200);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let share = of(1).into_iter().filter(|f| *f).count();
        assert!((30..=90).contains(&share), "{share} of 200");
    }

    #[tokio::test]
    async fn held_calls_wait_until_they_are_mended() {
        let faults = Faults::new().hold(Operation::Claim);
        let mut held = faults.before(Operation::Claim);
        assert!(futures_util::poll!(held.as_mut()).is_pending());
        assert!(faults.before(Operation::Finish).await.is_ok(), "others go on");
        faults.mend(Operation::Claim);
        assert!(matches!(held.await, Ok(End::Answer)));
        assert!(matches!(faults.before(Operation::Claim).await, Ok(End::Answer)));
    }

    #[test]
    fn mended_calls_succeed() {
        let faults = Faults::new().lose_answer(Operation::Claim, When::Always);
        assert_eq!(faults.next(Operation::Claim), Some(Fault::LoseAnswer));
        assert_eq!(faults.failed(Operation::Claim), 1);
        faults.mend(Operation::Claim);
        assert_eq!(faults.next(Operation::Claim), None);
    }
}

//! A value that is worked out once for all who ask at about the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old a value may be, unless told otherwise.
const MAX_AGE: Duration = Duration::from_millis(500);
/// What takes longer to work out than this is worked out beside those who ask.
const CHEAP: Duration = Duration::from_millis(20);
/// A value serves for so many times as long as it took to work out: looking on costs a twentieth of a core at most.
const SERVES: u32 = 20;
/// However much it costs, it is worked out as often as this.
const MAX_SERVES: Duration = Duration::from_secs(5);

/// The latest value, and when it was worked out.
pub(super) struct Fresh<T> {
    max_age: Duration,
    /// Grows when the value is known to be out of date.
    edition: AtomicU64,
    kept: Mutex<Option<Kept<T>>>,
    /// Held while the value is worked out: those who come meanwhile take what comes of it.
    working: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone)]
struct Kept<T> {
    value: T,
    at: Instant,
    cost: Duration,
    edition: u64,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self::for_up_to(MAX_AGE)
    }
}

impl<T> Fresh<T> {
    /// Of values that may be so old.
    pub(super) fn for_up_to(max_age: Duration) -> Self {
        Self { max_age, edition: AtomicU64::new(0), kept: Mutex::new(None), working: Arc::default() }
    }
}

impl<T: Clone> Fresh<T> {
    /// From now on, whoever asks gets a value that is worked out after this.
    pub(super) fn forget(&self) {
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// The value, worked out anew if the latest one is old. Cancel safe.
    pub(super) async fn get<E>(&self, work_out: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(kept) = self.known(|kept| kept.at.elapsed() < self.max_age) {
            return Ok(kept.value);
        }
        let _working = self.working.lock().await;
        if let Some(kept) = self.known(|kept| kept.at.elapsed() < self.max_age) {
            return Ok(kept.value);
        }
        self.renew(work_out).await
    }

    /// Like [`get`](Self::get), for what may take long to work out: then it serves for longer, and for as long again while
    /// a task works the next one out, so that nobody who looks on waits. Cancel safe.
    pub(super) async fn get_or_renew<F, E>(
        self: &Arc<Self>,
        work_out: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let costly = self.known(|kept| kept.cost > CHEAP && kept.at.elapsed() < self.serves(kept.cost) * 2);
        let Some(kept) = costly else { return self.get(async || work_out().await).await };
        if kept.at.elapsed() >= self.serves(kept.cost)
            && let Ok(working) = Arc::clone(&self.working).try_lock_owned()
        {
            let fresh = Arc::clone(self);
            tokio::spawn(async move {
                // An error is met again, and told, by who asks when the value is too old.
                let _ = fresh.renew(async || work_out().await).await;
                drop(working);
            });
        }
        Ok(kept.value)
    }

    fn serves(&self, cost: Duration) -> Duration {
        (cost * SERVES).min(MAX_SERVES).max(self.max_age)
    }

    fn known(&self, usable: impl FnOnce(&Kept<T>) -> bool) -> Option<Kept<T>> {
        let edition = self.edition.load(Ordering::Acquire);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.edition == edition && usable(kept)).cloned()
    }

    async fn renew<E>(&self, work_out: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        // Read before the work begins: what changes during it makes the value old at once.
        let edition = self.edition.load(Ordering::Acquire);
        let begun = Instant::now();
        let value = work_out().await?;
        let kept = Kept { value: value.clone(), at: Instant::now(), cost: begun.elapsed(), edition };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn many_askers_share_one_value_until_it_is_forgotten() {
        let fresh = Fresh::default();
        let worked = AtomicU64::new(0);
        let ask = || fresh.get(async || Ok::<_, Infallible>(worked.fetch_add(1, Ordering::Relaxed)));
        // A slow machine may find the value old: what counts is that nobody works beside another.
        let (a, b) = tokio::join!(ask(), ask());
        assert!(a.unwrap().abs_diff(b.unwrap()) <= 1);
        let before = ask().await.unwrap();
        fresh.forget();
        assert!(ask().await.unwrap() > before);
    }

    #[tokio::test]
    async fn what_is_costly_is_worked_out_beside_those_who_look() {
        let fresh = Arc::new(Fresh::default());
        let (worked, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(tokio::sync::Semaphore::new(1)));
        let ask = || {
            let (worked, gate) = (Arc::clone(&worked), Arc::clone(&gate));
            fresh.get_or_renew(move || async move {
                gate.acquire().await.map_err(|_| ())?.forget();
                Ok::<_, ()>(worked.fetch_add(1, Ordering::SeqCst))
            })
        };
        assert_eq!(ask().await, Ok(0));
        let age = |by: Duration| {
            let mut kept = fresh.kept.lock().unwrap();
            let kept = kept.as_mut().unwrap();
            (kept.cost, kept.at) = (Duration::from_millis(100), Instant::now().checked_sub(by).unwrap());
        };
        // It took 100 ms, so it serves for 2 s.
        age(Duration::from_secs(1));
        assert_eq!(ask().await, Ok(0));
        tokio::task::yield_now().await;
        assert_eq!(worked.load(Ordering::SeqCst), 1);
        // The next one is being worked out, and nobody waits for it.
        age(Duration::from_millis(2_100));
        assert_eq!((ask().await, ask().await), (Ok(0), Ok(0)));
        gate.add_permits(1);
        drop(fresh.working.lock().await);
        assert_eq!(worked.load(Ordering::SeqCst), 2);
        assert_eq!(ask().await, Ok(1));
        // What is too old, or out of date, is waited for.
        age(Duration::from_millis(4_100));
        gate.add_permits(1);
        assert_eq!(ask().await, Ok(2));
        age(Duration::ZERO);
        fresh.forget();
        gate.add_permits(1);
        assert_eq!(ask().await, Ok(3));
    }
}

//! A value that is worked out once for all who ask at about the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How old a value may be, unless told otherwise.
const MAX_AGE: Duration = Duration::from_millis(500);

/// The latest value, and when it was worked out.
pub(super) struct Fresh<T> {
    max_age: Duration,
    /// Grows when the value is known to be out of date.
    edition: AtomicU64,
    /// Held while the value is worked out: those who come meanwhile take what comes of it.
    kept: Mutex<Option<Kept<T>>>,
}

struct Kept<T> {
    value: T,
    at: Instant,
    edition: u64,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self::for_up_to(MAX_AGE)
    }
}

impl<T> Fresh<T> {
    /// Of values that may be so old.
    pub(super) const fn for_up_to(max_age: Duration) -> Self {
        Self { max_age, edition: AtomicU64::new(0), kept: Mutex::const_new(None) }
    }
}

impl<T: Clone> Fresh<T> {
    /// From now on, whoever asks gets a value that is worked out after this.
    pub(super) fn forget(&self) {
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// The value, worked out anew if the latest one is old. Cancel safe.
    pub(super) async fn get<E>(&self, work_out: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut kept = self.kept.lock().await;
        // Read before the work begins: what changes during it makes the value old at once.
        let edition = self.edition.load(Ordering::Acquire);
        if let Some(kept) = &*kept
            && kept.edition == edition
            && kept.at.elapsed() < self.max_age
        {
            return Ok(kept.value.clone());
        }
        let value = work_out().await?;
        *kept = Some(Kept { value: value.clone(), at: Instant::now(), edition });
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
}

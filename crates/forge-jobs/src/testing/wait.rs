//! Bounded waits on a condition.

use crate::{Job, JobId, JobStatus, Storage};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until a condition holds, looking every few milliseconds.
///
/// # Panics
///
/// When it does not hold within `limit`, naming `what` was waited for.
pub async fn wait_until<F, Fut>(what: &str, limit: Duration, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a job has a status, and returns it.
///
/// # Panics
///
/// When it has not within `limit`, naming the status that it has, or when the storage cannot be read.
pub async fn wait_for_status(storage: &Storage, id: JobId, status: JobStatus, limit: Duration) -> Job {
    let deadline = Instant::now() + limit;
    loop {
        let job = storage.inspect.job(id).await.unwrap_or_else(|e| panic!("job {id} cannot be read: {e}"));
        let seen = match job {
            Some(job) if job.status == status => return job,
            Some(job) => job.status.as_str(),
            None => "not there",
        };
        assert!(Instant::now() < deadline, "waited {limit:?} for job {id} to be {status}; it is {seen}");
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "waited 20ms for rain")]
    async fn a_wait_in_vain_names_what_it_waited_for() {
        wait_until("rain", Duration::from_millis(20), || async { false }).await;
    }

    #[tokio::test]
    async fn a_wait_ends_when_its_condition_holds() {
        let mut looks = 0;
        wait_until("the third look", Duration::from_secs(60), || {
            looks += 1;
            let holds = looks == 3;
            async move { holds }
        })
        .await;
        assert_eq!(looks, 3);
    }
}

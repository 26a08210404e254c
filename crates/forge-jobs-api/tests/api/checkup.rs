//! A check-up that takes longer than the server waits.

use crate::http::Got;
use crate::rig::{Place, Plan, Rig, generous};
use async_trait::async_trait;
use forge_jobs::storage::{
    Checkup, DueKind, Health, Inspect, JobCount, JobEvent, JobFilter, JobPage, Line, LineParams, ListParams,
    OpenTransaction, ProcessRow, QueueCounts, StorageError,
};
use forge_jobs::{Attempt, Job, JobId, Storage, Timestamp};
use forge_jobs_api::wire::{Doctor, ErrorBody, ErrorCode, Role};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Reads for people whose check-ups wait until they are let go, and are counted. What check-ups do not ask is not there.
struct Held {
    inner: Arc<dyn Inspect>,
    go: Semaphore,
    begun: AtomicUsize,
    ended: Semaphore,
}

type Answer<T> = Result<T, StorageError>;

#[async_trait]
impl Inspect for Held {
    async fn job(&self, _: JobId) -> Answer<Option<Job>> {
        Err(StorageError::Closed)
    }
    async fn list(&self, _: ListParams) -> Answer<JobPage> {
        Err(StorageError::Closed)
    }
    async fn count(&self, _: JobFilter) -> Answer<JobCount> {
        Err(StorageError::Closed)
    }
    async fn attempts(&self, _: JobId) -> Answer<Vec<Attempt>> {
        Err(StorageError::Closed)
    }
    async fn events(&self, _: JobId) -> Answer<Vec<JobEvent>> {
        Err(StorageError::Closed)
    }
    async fn queue_counts(&self) -> Answer<Vec<QueueCounts>> {
        Err(StorageError::Closed)
    }
    async fn due_kinds(&self, now: Option<Timestamp>) -> Answer<Vec<DueKind>> {
        self.inner.due_kinds(now).await
    }
    async fn has_unfinished(&self, _: Option<&str>) -> Answer<bool> {
        Err(StorageError::Closed)
    }
    async fn line(&self, _: LineParams) -> Answer<Line> {
        Err(StorageError::Closed)
    }
    async fn processes(&self) -> Answer<Vec<ProcessRow>> {
        self.inner.processes().await
    }
    async fn health(&self) -> Answer<Health> {
        Err(StorageError::Closed)
    }
    async fn oldest_snapshot(&self) -> Answer<Option<OpenTransaction>> {
        Err(StorageError::Closed)
    }
    async fn checkup(&self) -> Answer<Checkup> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.go.acquire().await.unwrap().forget();
        let found = self.inner.checkup().await;
        self.ended.add_permits(1);
        found
    }
}

/// A server that waits for a moment only, and the check-ups behind it.
async fn impatient() -> (Rig, Arc<Held>) {
    let place = Place::file();
    let mut storage: Storage = place.open().await;
    let (go, ended) = (Semaphore::new(0), Semaphore::new(0));
    let held = Arc::new(Held { inner: storage.inspect.clone(), go, begun: AtomicUsize::new(0), ended });
    storage.inspect = held.clone();
    let options = |options: forge_jobs_api::http::Options| {
        let mut limits = generous();
        (limits.handler_time, limits.body_time) = (Duration::from_secs(3), Duration::from_millis(300));
        options.with_limits(limits)
    };
    (Rig::start_on(place, storage, Plan { options, ..Plan::default() }).await, held)
}

async fn check(rig: &Rig) -> Got {
    rig.ask(Role::Operator, "GET", "/checkup", None).await
}

fn is_unavailable(got: &Got) {
    let error = serde_json::from_str::<ErrorBody>(&got.body).unwrap().error;
    assert_eq!((got.status, error.code, error.remedy), (503, ErrorCode::Unavailable, None));
}

#[tokio::test]
async fn a_check_up_outlives_those_who_wait_for_it_and_is_given_to_the_next() {
    let (rig, held) = impatient().await;
    // Two who ask one after the other wait for the same one, in vain.
    is_unavailable(&check(&rig).await);
    is_unavailable(&check(&rig).await);
    assert_eq!(held.begun.load(Ordering::SeqCst), 1);
    // It ends while nobody waits, and is kept.
    held.go.add_permits(1);
    held.ended.acquire().await.unwrap().forget();
    let got = check(&rig).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(serde_json::from_str::<Doctor>(&got.body).unwrap().healthy);
    assert_eq!(held.begun.load(Ordering::SeqCst), 1, "it was not checked again for that");
    // Whoever asks after that asks for a new one.
    held.go.add_permits(1);
    assert_eq!(check(&rig).await.status, 200);
    assert_eq!(held.begun.load(Ordering::SeqCst), 2);
    rig.stop().await;
}

#[tokio::test]
async fn those_who_ask_while_a_check_up_is_under_way_share_it() {
    let (rig, held) = impatient().await;
    let let_go = async { held.go.add_permits(2) };
    let (one, other, ()) = tokio::join!(rig.api.check_up(), rig.api.check_up(), let_go);
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(held.begun.load(Ordering::SeqCst), 1);
    rig.stop().await;
}

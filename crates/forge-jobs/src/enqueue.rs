//! Validate → route → insert.

mod transaction;

use crate::limits::MAX_ENQUEUE_BATCH;
use crate::storage::{EnqueueParams, Inserted, JobQueue, Storage, StorageError};
use crate::{Clock, EnqueueRequest, InvalidRequest, JobId, NewJob, Router};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Poll;

/// Puts jobs into a storage. A runtime has one; programs that only enqueue make their own.
///
/// ```no_run
/// # use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Storage};
/// # use std::sync::Arc;
/// # async fn shop(storage: Storage) -> Result<(), forge_jobs::EnqueueError> {
/// let enqueuer = Enqueuer::new(storage, Arc::new(DefaultRouter));
/// let job = enqueuer.enqueue(EnqueueRequest::new("order.ship", 12)).await?;
/// println!("{job}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Enqueuer {
    jobs: Arc<dyn JobQueue>,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
}

impl Enqueuer {
    /// One that uses the database's clock.
    #[must_use]
    pub fn new(storage: Storage, router: Arc<dyn Router>) -> Self {
        Self::with_clock(storage, router, Arc::new(crate::SystemClock))
    }

    /// One with a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(storage: Storage, router: Arc<dyn Router>, clock: Arc<dyn Clock>) -> Self {
        Self::on_jobs(storage.jobs, router, clock)
    }

    /// All that it needs of a storage is where jobs go.
    pub(crate) fn on_jobs(jobs: Arc<dyn JobQueue>, router: Arc<dyn Router>, clock: Arc<dyn Clock>) -> Self {
        Self { jobs, router, clock }
    }

    /// Checks and inserts a job. It is durable when this returns. Callers that arrive while a commit is under way
    /// share the next one, so many at once cost few commits.
    ///
    /// Not cancel safe: a dropped call may have inserted the job all the same. Give the request an id to be able to
    /// send it again.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`]; nothing was inserted then, unless [`EnqueueError::outcome_unknown`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        let job = self.check(request)?;
        let id = job.id;
        let params = EnqueueParams { jobs: vec![job], now: self.clock.storage_now() };
        let inserted = self.jobs.enqueue(params).await?.first().copied().ok_or_else(no_answer)?;
        enqueued(id, inserted)
    }

    /// Checks and inserts many jobs, in transactions of 2,000 of them or more. Results come in the order of the
    /// requests; one that is refused does not touch the others.
    ///
    /// Not cancel safe: what was handed over when the call is dropped is inserted all the same.
    pub async fn enqueue_many(
        &self,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        // Collected up front, so that no iterator of the caller's lives across an await.
        let requests: Vec<EnqueueRequest> = requests.into_iter().collect();
        let mut results: Vec<_> = (0..requests.len()).map(|_| Err(no_answer().into())).collect();
        let mut requests = requests.into_iter().enumerate();
        // While one chunk is written, the next is checked and handed over: the storage never waits for this side.
        let mut before = None;
        loop {
            let chunk = self.check_chunk(&mut requests, &mut results);
            let call = (!chunk.jobs.is_empty()).then(|| self.insert(chunk)).map(Box::pin);
            let (call, at_once) = match call {
                // Polled once, which hands it over.
                Some(mut call) => match futures_util::poll!(&mut call) {
                    Poll::Ready(end) => (None, Some(end)),
                    Poll::Pending => (Some(call), None),
                },
                None => (None, None),
            };
            let over = call.is_none() && at_once.is_none();
            if let Some(before) = std::mem::replace(&mut before, call) {
                fill(&mut results, before.await);
            }
            if let Some(end) = at_once {
                fill(&mut results, end);
            }
            if over {
                return results;
            }
        }
    }

    /// The next requests that can be inserted together. What is refused has its result at once.
    fn check_chunk(
        &self,
        requests: &mut impl Iterator<Item = (usize, EnqueueRequest)>,
        results: &mut [Result<Enqueued, EnqueueError>],
    ) -> Chunk {
        let mut chunk = Chunk::default();
        for (place, request) in requests {
            match self.check(request) {
                Ok(job) => {
                    chunk.places.push((place, job.id));
                    chunk.jobs.push(job);
                }
                Err(e) => results[place] = Err(e.into()),
            }
            if chunk.jobs.len() == MAX_ENQUEUE_BATCH {
                break;
            }
        }
        chunk
    }

    /// Checks a request, which belongs to the current span unless it says otherwise.
    fn check(&self, request: EnqueueRequest) -> Result<NewJob, InvalidRequest> {
        #[cfg(feature = "otel")]
        let request = request.or_trace_context(crate::telemetry::otel::current);
        request.validate(&*self.router)
    }

    async fn insert(&self, chunk: Chunk) -> Written {
        let params = EnqueueParams { jobs: chunk.jobs, now: self.clock.storage_now() };
        Written { places: chunk.places, end: self.jobs.enqueue(params).await }
    }
}

/// Jobs of one call to the storage.
#[derive(Default)]
struct Chunk {
    jobs: Vec<NewJob>,
    /// Where each one's result goes.
    places: Vec<(usize, JobId)>,
}

/// What came of a chunk.
struct Written {
    places: Vec<(usize, JobId)>,
    end: Result<Vec<Inserted>, StorageError>,
}

fn fill(results: &mut [Result<Enqueued, EnqueueError>], written: Written) {
    match written.end {
        Ok(inserted) => {
            for ((place, id), inserted) in written.places.into_iter().zip(inserted) {
                results[place] = enqueued(id, inserted);
            }
        }
        Err(e) => {
            for (place, _) in written.places {
                results[place] = Err(e.duplicate().into());
            }
        }
    }
}

fn no_answer() -> StorageError {
    StorageError::Internal { detail: "the storage gave fewer results than jobs".into(), source: None }
}

const fn enqueued(id: JobId, inserted: Inserted) -> Result<Enqueued, EnqueueError> {
    match inserted {
        Inserted::Inserted => Ok(Enqueued { id, outcome: EnqueueOutcome::Inserted }),
        Inserted::AlreadyThere => Ok(Enqueued { id, outcome: EnqueueOutcome::AlreadyThere }),
        Inserted::Duplicate { of } => Ok(Enqueued { id: of, outcome: EnqueueOutcome::Duplicate }),
        Inserted::Replaced { of } => Ok(Enqueued { id: of, outcome: EnqueueOutcome::Replaced }),
        Inserted::IdTaken => Err(EnqueueError::IdTaken { id }),
    }
}

impl fmt::Debug for Enqueuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueuer").finish_non_exhaustive()
    }
}

/// The receipt of an enqueue. Stands for the job's id wherever a `&JobId` is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Enqueued {
    /// The job that stands for the request: the new one, or the one that holds its dedupe key.
    pub id: JobId,
    /// What happened.
    pub outcome: EnqueueOutcome,
}

impl Deref for Enqueued {
    type Target = JobId;

    fn deref(&self) -> &JobId {
        &self.id
    }
}

impl From<Enqueued> for JobId {
    fn from(e: Enqueued) -> Self {
        e.id
    }
}

impl fmt::Display for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

/// What happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EnqueueOutcome {
    /// A new job is in the queue.
    Inserted,
    /// The same request, under the same id, was in the queue already: it was sent twice.
    AlreadyThere,
    /// A job of its kind holds its dedupe key; nothing was inserted.
    Duplicate,
    /// The job of its kind that holds its dedupe key waited, and has become this one.
    Replaced,
}

impl EnqueueOutcome {
    /// The word used on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::AlreadyThere => "already_there",
            Self::Duplicate => "duplicate",
            Self::Replaced => "replaced",
        }
    }
}

impl fmt::Display for EnqueueOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A job could not be enqueued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The request is not allowed. Nothing was changed.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// Another job has this id, with other content. Nothing was changed.
    #[error("the id {id} belongs to another job, with other content: leave the id out to get a new one")]
    IdTaken {
        /// The id.
        id: JobId,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl EnqueueError {
    /// Whether the job may be in the queue although the call failed; send it again under the same id to know.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Storage(e) if e.outcome_unknown())
    }
}

//! What a handler knows and can do.

use super::{CancelToken, HandlerOptions, RateLimits};
use crate::job::payload::{PayloadError, check};
use crate::limits::{MAX_OUTPUT_BYTES, MAX_PROGRESS_NOTE_BYTES};
#[cfg(feature = "logs")]
use crate::logs::LogSlot;
use crate::storage::Lease;
use crate::{
    ClaimedJob, EnqueueError, EnqueueRequest, Enqueued, Enqueuer, JobId, Payload, ProcessId, Progress,
    Timestamp, Told, TraceContext, job::clean_error,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one running attempt shares between its handler and the runtime.
pub(crate) struct AttemptState {
    pub(crate) job: ClaimedJob,
    pub(crate) lease: Lease,
    pub(crate) cancel: CancelToken,
    pub(crate) started: Instant,
    pub(crate) time_limit: Option<Duration>,
    said: Mutex<Said>,
    told: Mutex<Told>,
    #[cfg(feature = "logs")]
    pub(crate) log: LogSlot,
}

/// What the handler said on its way.
#[derive(Default)]
struct Said {
    output: Option<Payload>,
    progress: Option<Progress>,
    progress_is_new: bool,
}

impl AttemptState {
    pub(crate) fn new(job: ClaimedJob, lease: Lease, options: HandlerOptions) -> Self {
        Self {
            job,
            lease,
            cancel: CancelToken::new(),
            started: Instant::now(),
            time_limit: options.time_limit,
            said: Mutex::default(),
            told: Mutex::default(),
            #[cfg(feature = "logs")]
            log: LogSlot::default(),
        }
    }

    /// Keeps what the handler told of errors while it was polled.
    pub(crate) fn hear(&self, told: Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).add(told);
    }

    /// What the handler told of errors, once.
    pub(crate) fn take_told(&self) -> Told {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The output, once.
    pub(crate) fn take_output(&self) -> Option<Payload> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).output.take()
    }

    /// The latest progress, if the handler said anything since the last call.
    pub(crate) fn take_new_progress(&self) -> Option<Progress> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut said.progress_is_new) { said.progress.clone() } else { None }
    }
}

/// What a handler knows of its job, and what it can do.
///
/// Cloning is cheap; a clone may go to tasks that the handler spawns.
#[derive(Clone)]
pub struct JobContext {
    /// Tells the handler to stop.
    pub cancel: CancelToken,
    /// Budgets of calls that all processes share.
    ///
    /// ```
    /// # use forge_jobs::{JobContext, JobOutcome};
    /// # use std::time::Duration;
    /// # async fn run(ctx: JobContext) -> JobOutcome {
    /// if let Err(e) = ctx.rate_limit.acquire("slack").await {
    ///     return JobOutcome::failed(&e);
    /// }
    /// match call().await {
    ///     Ok(()) => JobOutcome::Done,
    ///     Err(retry_after) => {
    ///         // All processes leave it alone until then.
    ///         let _ = ctx.rate_limit.drain("slack", retry_after).await;
    ///         JobOutcome::throttled(retry_after)
    ///     }
    /// }
    /// # }
    /// # async fn call() -> Result<(), Duration> { Ok(()) }
    /// ```
    pub rate_limit: RateLimits,
    state: Arc<AttemptState>,
    enqueuer: Arc<Enqueuer>,
}

impl JobContext {
    pub(crate) fn new(state: Arc<AttemptState>, enqueuer: Arc<Enqueuer>, limits: &RateLimits) -> Self {
        let (cancel, rate_limit) = (state.cancel.clone(), limits.until(&state.cancel));
        Self { cancel, rate_limit, state, enqueuer }
    }

    /// The job's id.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        self.state.job.id
    }

    /// The job's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.state.job.kind
    }

    /// The queue it came from.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.state.job.queue
    }

    /// The JSON data.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.state.job.payload
    }

    /// The JSON data, decoded.
    ///
    /// # Errors
    ///
    /// `serde_json`'s, when the data does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.state.job.payload.decode()
    }

    /// Which attempt this is, 1-based.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.state.job.attempt
    }

    /// The attempt after which a failure is final.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.state.job.max_attempts
    }

    /// Whether a failure of this attempt is final.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.attempt() >= self.max_attempts()
    }

    /// Throttles in a row before this attempt.
    #[must_use]
    pub fn throttles(&self) -> u32 {
        self.state.job.throttles
    }

    /// When the time limit of this attempt passes; `None` without one.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state.started.checked_add(self.state.time_limit?)
    }

    /// When the job was enqueued, by the database's clock.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.state.job.created_at
    }

    /// When this attempt became due, by the database's clock.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        self.state.job.due_at
    }

    /// The job's tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.state.job.tags
    }

    /// Where in a distributed trace the job was enqueued, if anywhere.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.state.job.trace.as_ref()
    }

    /// The number of the claim that this attempt runs under: the fencing token. It only grows, for each job, so a
    /// resource that remembers the highest it saw can turn a late attempt away.
    #[must_use]
    pub fn claim_no(&self) -> i64 {
        self.state.lease.claim_no
    }

    /// The process that this attempt runs in: one boot of it.
    #[must_use]
    pub fn process_id(&self) -> ProcessId {
        self.state.lease.process
    }

    /// Enqueues a job. It is durable when this returns, whatever becomes of the running one: if this attempt fails
    /// and runs again, it enqueues again, unless the request has an id of its own, the same in each attempt. A dedupe
    /// key helps only as long as it is held: by default until that job is done or dead, which may be before this one
    /// runs again.
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        self.enqueuer.enqueue(request).await
    }

    /// Enqueues many jobs in few transactions, see [`Enqueuer::enqueue_many`].
    pub async fn enqueue_many(
        &self,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        self.enqueuer.enqueue_many(requests).await
    }

    /// Says how far the handler has come. Cheap: kept in memory and written at most once a second.
    pub fn progress(&self, done: u64, total: Option<u64>, note: Option<&str>) {
        let note = note.map(|n| clean_error(n, MAX_PROGRESS_NOTE_BYTES));
        let mut said = self.state.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.progress = Some(Progress { done, total, note });
        said.progress_is_new = true;
    }

    /// Leaves a result to be kept with the job when it is done. The last one counts.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] when it is over 1 MiB or otherwise no payload; the one before stays.
    pub fn set_output(&self, output: impl Serialize) -> Result<(), PayloadError> {
        let text =
            serde_json::to_string(&output).map_err(|e| PayloadError::Serialize { reason: e.to_string() })?;
        check(&text, MAX_OUTPUT_BYTES)?;
        self.state.said.lock().unwrap_or_else(PoisonError::into_inner).output =
            Some(Payload::from_storage(text));
        Ok(())
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("job", &self.state.job.id)
            .field("kind", &self.state.job.kind)
            .field("attempt", &self.state.job.attempt)
            .finish_non_exhaustive()
    }
}

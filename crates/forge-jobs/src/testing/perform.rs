//! A handler run alone: no storage, no queue, one attempt.

use super::nowhere::Nowhere;
use crate::handler::{AttemptState, HandlerEnd};
use crate::limits::CANCEL_GRACE;
#[cfg(feature = "logs")]
use crate::logs::LogLine;
use crate::runtime::{LogWay, attempt, reported, watch_panics};
use crate::storage::Lease;
use crate::{
    AttemptCause, CancelToken, ClaimedJob, Clock, DefaultRouter, Due, EnqueueRequest, Enqueuer,
    HandlerOptions, InvalidRequest, JobContext, JobHandler, JobOutcome, JobPayload, NewJob, Payload,
    ProcessId, Progress, RateLimits, Router, SystemClock, Timestamp, TypedHandler,
};
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// One attempt of a handler, without a storage.
///
/// The context is as in production: payload, attempt, cancel, progress, output, budgets, and enqueueing. Jobs that the
/// handler enqueues and permits that it takes go nowhere: they are in [`Performed`]. Permits are given at once. A panic
/// and a time limit end the attempt as they do in production.
///
/// ```
/// use forge_jobs::testing::Perform;
/// use forge_jobs::{EnqueueRequest, JobContext, JobHandler, JobOutcome};
///
/// struct Greet;
///
/// impl JobHandler for Greet {
///     fn kind(&self) -> &str {
///         "greet"
///     }
///
///     async fn run(&self, ctx: JobContext) -> JobOutcome {
///         if ctx.is_last_attempt() { JobOutcome::Dead("gave up".into()) } else { JobOutcome::Done }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = EnqueueRequest::new("greet", "ada").with_max_attempts(3);
/// let performed = Perform::new(request).on_attempt(3).run(&Greet).await?;
/// assert_eq!(performed.outcome, JobOutcome::Dead("gave up".into()));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Perform {
    request: EnqueueRequest,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
    attempt: u32,
    throttles: u32,
    cancel: CancelToken,
}

/// What a handler did in one attempt.
#[derive(Debug)]
#[non_exhaustive]
pub struct Performed {
    /// What it reported; of a panic, a time limit or a payload that does not decode, what that counts as.
    pub outcome: JobOutcome,
    /// What ended it, if that was not the handler.
    pub cause: Option<AttemptCause>,
    /// The latest progress that it told.
    pub progress: Option<Progress>,
    /// The output that it left.
    pub output: Option<Payload>,
    /// The jobs that it enqueued.
    pub enqueued: Vec<NewJob>,
    /// The permits that it took: scope and number.
    pub permits: Vec<(String, u32)>,
    /// The scopes that it drained, and for how long.
    pub drained: Vec<(String, Duration)>,
    /// What it logged.
    #[cfg(feature = "logs")]
    pub logs: Vec<LogLine>,
}

impl Perform {
    /// The first attempt of this job. Its kind and its queue are what the context says; which handler runs it is said by
    /// [`run`](Self::run).
    pub fn new(request: EnqueueRequest) -> Self {
        Self {
            request,
            router: Arc::new(DefaultRouter),
            clock: Arc::new(SystemClock),
            attempt: 1,
            throttles: 0,
            cancel: CancelToken::new(),
        }
    }

    /// The first attempt of a job whose payload is a type.
    pub fn of<P: JobPayload>(payload: &P) -> Self {
        Self::new(EnqueueRequest::of(payload))
    }

    /// This attempt, 1-based.
    pub const fn on_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// After so many throttles in a row.
    pub const fn after_throttles(mut self, throttles: u32) -> Self {
        self.throttles = throttles;
        self
    }

    /// With a router for the job's queue, and for the queues of the jobs that the handler enqueues.
    pub fn with_router(mut self, router: Arc<dyn Router>) -> Self {
        self.router = router;
        self
    }

    /// With a clock, for the times that the context tells.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What tells the handler to stop; fire it before or while it runs.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Runs a handler. Inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`]: such a job could not be enqueued, and nothing ran.
    pub async fn run<H: JobHandler>(self, handler: &H) -> Result<Performed, InvalidRequest> {
        let run = |ctx| async move { HandlerEnd::Outcome(handler.run(ctx).await) };
        self.ended(handler.options(), run).await
    }

    /// Runs a handler whose payload is a type. A payload that does not decode is dead, as in production.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub async fn run_typed<H: TypedHandler>(self, handler: &H) -> Result<Performed, InvalidRequest> {
        let run = |ctx: JobContext| async move {
            match ctx.decode::<H::Payload>() {
                Ok(payload) => HandlerEnd::Outcome(handler.run(ctx, payload).await),
                Err(e) => HandlerEnd::undecodable(H::Payload::KIND, &e),
            }
        };
        self.ended(handler.options(), run).await
    }

    async fn ended<F>(
        self,
        options: HandlerOptions,
        run: impl FnOnce(JobContext) -> F,
    ) -> Result<Performed, InvalidRequest>
    where
        F: Future<Output = HandlerEnd> + Send,
    {
        watch_panics();
        let now = self.clock.storage_now().unwrap_or_else(Timestamp::now);
        let job = claimed(self.request.validate(&*self.router)?, now, self.attempt, self.throttles);
        let lease = Lease { job: job.id, claim_no: 1, process: ProcessId::new(), row: 0, memo: None };
        let mut state = AttemptState::new(job, lease, options);
        state.cancel = self.cancel;
        let state = Arc::new(state);
        let nowhere = Nowhere::new();
        let enqueuer = Arc::new(Enqueuer::on_jobs(nowhere.clone(), self.router, self.clock.clone()));
        let limits = RateLimits::on(nowhere.clone(), nowhere.clone(), self.clock);
        let ctx = JobContext::new(state.clone(), enqueuer, &limits);
        let logs = LogWay::default();
        let ending = attempt(&state, CANCEL_GRACE, &logs, run(ctx));
        #[cfg(feature = "logs")]
        let ending = listened_to(ending);
        let (end, _) = ending.await;
        let (outcome, cause) = reported(&end);
        let done = nowhere.take();
        Ok(Performed {
            outcome,
            cause,
            progress: state.take_new_progress(),
            output: state.take_output(),
            enqueued: done.enqueued,
            permits: done.permits,
            drained: done.drained,
            #[cfg(feature = "logs")]
            logs: logs.take().into_iter().flat_map(|(_, chunk)| chunk.lines).collect(),
        })
    }
}

/// With a subscriber of its own, so that lines are captured whatever the test program has set up.
#[cfg(feature = "logs")]
fn listened_to<F: Future>(future: F) -> impl Future<Output = F::Output> {
    use tracing::instrument::WithSubscriber as _;
    use tracing_subscriber::layer::SubscriberExt as _;
    future.with_subscriber(tracing_subscriber::registry().with(crate::logs::JobLogs::new()))
}

/// What a worker would get of the job.
fn claimed(job: NewJob, now: Timestamp, attempt: u32, throttles: u32) -> ClaimedJob {
    let due_at = match job.due {
        Due::Now => now,
        Due::At(at) => at.max(now),
        Due::After(delay) => now.saturating_add(delay),
    };
    ClaimedJob {
        id: job.id,
        kind: job.kind,
        queue: job.queue,
        payload: job.payload,
        attempt,
        max_attempts: job.max_attempts,
        priority: job.priority,
        throttles,
        created_at: now,
        due_at,
        tags: job.tags,
        trace: job.trace,
        suspicions: 0,
    }
}

/// Runs the first attempt of a handler on a payload, without a storage: [`Perform`] in one call.
///
/// # Panics
///
/// When the payload is none.
pub async fn perform<H: JobHandler>(handler: &H, payload: impl Serialize) -> Performed {
    let request = EnqueueRequest::new(handler.kind(), payload);
    Perform::new(request).run(handler).await.unwrap_or_else(|e| panic!("no such job can be: {e}"))
}

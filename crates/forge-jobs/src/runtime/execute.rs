//! Runs one attempt: its handler, its time limit, its panics; and the runner that does so again and again.

use super::core::{Core, LogWay};
use super::in_span::InSpan;
use super::lane::{Held, Lane};
use super::session::Session;
use crate::handler::{AttemptState, HandlerEnd};
use crate::job::failure::hearing;
use crate::limits::MAX_ERROR_BYTES;
use crate::retry::{BackoffPolicy, Transition, decide};
use crate::storage::Begun;
use crate::{AttemptCause, CancelCause, DeadReason, Failure, JobContext, JobOutcome, clean_error, telemetry};
use futures_util::FutureExt;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;

/// Counts a runner from before it is spawned until it has ended, however that comes: its lane and the runtime must not
/// wait for one that panicked, or that the host's runtime dropped when it went away.
pub(crate) struct Active {
    core: Arc<Core>,
    lane: Arc<Lane>,
    /// Whether the lane counts it still.
    in_lane: bool,
}

impl Active {
    /// For a runner that the lane counts already.
    pub(crate) fn new(core: Arc<Core>, lane: Arc<Lane>) -> Self {
        core.runner_starts();
        Self { core, lane, in_lane: true }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if self.in_lane {
            self.lane.leave();
        }
        self.core.runner_ends();
    }
}

/// Runs jobs of a lane until it is told to end, or there is none left.
pub(crate) async fn runner(mut active: Active) {
    let (core, lane) = (active.core.clone(), active.lane.clone());
    let mut ran = None;
    while let Some(next) = lane.next(ran, core.holds()) {
        if next.low {
            core.fetch.notify_one();
        }
        ran = Some(execute(&core, &lane, next.held).await);
        // A handler that never waits would otherwise keep its thread from the host program's other tasks.
        tokio::task::consume_budget().await;
    }
    active.in_lane = false;
    drop(active);
    // The slot that is free now may be the one that the storage has a job for.
    core.fetch.notify_one();
}

/// Runs one suspect, alone in this process.
pub(crate) async fn run_alone(active: Active, held: Held) {
    execute(&active.core, &active.lane, held).await;
}

/// Runs one attempt and sends its end on its way. Returns how long the handler ran.
async fn execute(core: &Arc<Core>, lane: &Lane, held: Held) -> Duration {
    let Held { claimed, session, .. } = held;
    let Some(handler) = core.handlers.get(&claimed.job.kind) else {
        // Only kinds with a handler are claimed; a storage that hands out another gets it back.
        core.outbox.release(session, claimed.lease, Begun::No);
        return Duration::ZERO;
    };
    let state = Arc::new(AttemptState::new(claimed.job, claimed.lease, handler.options()));
    core.enter(&state);
    let entered = Entered { core, state: &state, session: Some(session) };
    // A cancel or a lost lease that came before the start: nothing needs to run.
    if state.cancel.is_cancelled() || entered.is_lost() {
        let end = Err(Broken { cause: AttemptCause::Handler, text: "it never started".into() });
        entered.conclude(lane, end, Duration::ZERO);
        return Duration::ZERO;
    }
    let ctx = JobContext::new(state.clone(), core.enqueuer.clone(), &core.rate_limits);
    let run = async move { handler.run(ctx).await };
    let (end, ran_for) = attempt(&state, core.config.cancel_grace, &core.logs, run).await;
    entered.conclude(lane, end, ran_for);
    ran_for
}

/// A handler in the span of its job, under its time limit, with what it logs and tells of errors. Gives how it ended and
/// how long it ran.
pub(crate) async fn attempt(
    state: &Arc<AttemptState>,
    grace: Duration,
    logs: &LogWay,
    run: impl Future<Output = HandlerEnd> + Send,
) -> (Result<HandlerEnd, Broken>, Duration) {
    let make = || telemetry::job_span(&state.job);
    #[cfg(feature = "logs")]
    let (span, opened) = crate::logs::opening(logs, state, make);
    #[cfg(not(feature = "logs"))]
    let (span, _) = (make(), logs);
    #[cfg(feature = "otel")]
    let told = span.clone();
    let end = limited(grace, state, span, heard(state, run)).await;
    #[cfg(feature = "otel")]
    if let Some(cause) = failed_by(&end) {
        telemetry::otel::failed(&told, cause);
    }
    #[cfg(feature = "otel")]
    drop(told);
    let ran_for = state.started.elapsed();
    #[cfg(feature = "logs")]
    drop(opened);
    (end, ran_for)
}

/// An attempt that is under way. Dropped without a conclusion, because the host's runtime went away, its claim goes
/// back.
struct Entered<'a> {
    core: &'a Core,
    state: &'a AttemptState,
    session: Option<Arc<Session>>,
}

impl Entered<'_> {
    fn is_lost(&self) -> bool {
        self.session.as_ref().is_some_and(|s| s.is_lost())
    }

    fn conclude(mut self, lane: &Lane, end: Result<HandlerEnd, Broken>, ran_for: Duration) {
        if let Some(session) = self.session.take() {
            self.core.leave(self.state);
            conclude(self.core, lane, session, self.state, end, ran_for);
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.core.leave(self.state);
            self.core.outbox.release(session, self.state.lease, Begun::Perhaps);
        }
    }
}

/// A handler that came to no end of its own.
pub(crate) struct Broken {
    pub(crate) cause: AttemptCause,
    pub(crate) text: String,
}

impl Broken {
    fn panicked(payload: &(dyn Any + Send)) -> Self {
        Self { cause: AttemptCause::Panic, text: panic_text(payload) }
    }

    const fn too_long(text: String) -> Self {
        Self { cause: AttemptCause::TimeLimit, text }
    }
}

/// A handler of which is heard what it tells of errors: on the thread that polls it just now, since it may move from one
/// to another.
async fn heard<T>(state: &AttemptState, handler: impl Future<Output = T> + Send) -> T {
    let mut handler = pin!(handler);
    poll_fn(|cx| hearing::during(|told| state.hear(told), || handler.as_mut().poll(cx))).await
}

/// Runs a handler under its time limit. `Err` tells of a panic or of a limit that passed.
async fn limited(
    grace: Duration,
    state: &AttemptState,
    span: Span,
    handler: impl Future<Output = HandlerEnd> + Send,
) -> Result<HandlerEnd, Broken> {
    // Boxed so that it can be dropped where a panic of its destructors is caught.
    let mut handler = InSpan::new(span, Box::pin(AssertUnwindSafe(handler).catch_unwind()));
    let Some(limit) = state.time_limit else {
        return handler.await.map_err(|p| Broken::panicked(&*p));
    };
    if let Ok(end) = tokio::time::timeout(limit, &mut handler).await {
        return end.map_err(|p| Broken::panicked(&*p));
    }
    state.cancel.cancel(CancelCause::TimedOut);
    match tokio::time::timeout(grace, &mut handler).await {
        // What it managed to finish counts, and so does its word that there is no use in going on.
        Ok(Ok(
            end @ (HandlerEnd::Undecodable(_) | HandlerEnd::Outcome(JobOutcome::Done | JobOutcome::Dead(_))),
        )) => Ok(end),
        Ok(Ok(HandlerEnd::Outcome(JobOutcome::Failed(text)))) => {
            Err(Broken::too_long(format!("{}: {text}", over(limit))))
        }
        Ok(_) => Err(Broken::too_long(over(limit))),
        Err(_) => {
            if let Err(p) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(handler))) {
                let text = format!("{}; then dropping it failed: {}", over(limit), panic_text(&*p));
                return Err(Broken::too_long(text));
            }
            Err(Broken::too_long(format!("{} and did not stop when told to", over(limit))))
        }
    }
}

fn over(limit: Duration) -> String {
    format!("the attempt ran longer than its time limit of {limit:?}")
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a value that is no text".to_owned());
    format!("panicked: {text}")
}

/// Sends what becomes of the job on its way.
fn conclude(
    core: &Core,
    lane: &Lane,
    session: Arc<Session>,
    state: &AttemptState,
    end: Result<HandlerEnd, Broken>,
    ran_for: Duration,
) {
    match concluded(state, end, || lane.policy(), fastrand::f64) {
        Conclusion::Finish { transition, failure } => {
            core.outbox.finish(session, state.lease, &state.job, transition, failure, ran_for);
        }
        Conclusion::Release => core.outbox.release(session, state.lease, Begun::Perhaps),
    }
}

/// What an attempt came to.
pub(crate) enum Conclusion {
    Finish {
        transition: Transition,
        failure: Option<Box<Failure>>,
    },
    /// The job goes back as if it had never been claimed.
    Release,
}

/// Decides what becomes of the job. `unit` in 0..1 picks the jitter.
pub(crate) fn concluded(
    state: &AttemptState,
    end: Result<HandlerEnd, Broken>,
    policy: impl FnOnce() -> BackoffPolicy,
    unit: impl FnOnce() -> f64,
) -> Conclusion {
    let cause = state.cancel.cause();
    let (ended_by, outcome) = match end {
        Ok(HandlerEnd::Undecodable(error)) => {
            let failure = Some(failure(state, AttemptCause::Undecodable, &error));
            let error = clean_error(&error, MAX_ERROR_BYTES);
            let transition = Transition::Dead { reason: DeadReason::Undecodable, error };
            return Conclusion::Finish { transition, failure };
        }
        Ok(HandlerEnd::Outcome(outcome)) => (AttemptCause::Handler, outcome),
        Err(Broken { cause, text }) => (cause, JobOutcome::Failed(text)),
    };
    let by_person = cause == Some(CancelCause::Requested);
    let said = match &outcome {
        JobOutcome::Failed(text) | JobOutcome::Dead(text) => {
            let ended_by = if by_person { AttemptCause::Cancel } else { ended_by };
            Some(failure(state, ended_by, text))
        }
        JobOutcome::Done | JobOutcome::Throttled { .. } => None,
    };
    let transition = match (cause, outcome) {
        (_, JobOutcome::Done) => Transition::Done { output: state.take_output() },
        (Some(CancelCause::Requested), outcome) => cancelled(outcome),
        // A shutdown is no fault of the job: it goes back as if it had never been claimed. What an upstream said of the
        // time before which it is not to be asked again holds nevertheless.
        (Some(CancelCause::Shutdown | CancelCause::LeaseLost), JobOutcome::Failed(_)) => {
            return Conclusion::Release;
        }
        (_, outcome) => decide(outcome, (&state.job).into(), &policy(), unit()),
    };
    let failure = match &transition {
        // Throttled once too often.
        Transition::Dead { reason: DeadReason::Exhausted, error } if said.is_none() => {
            Some(failure(state, AttemptCause::Throttles, error))
        }
        _ => said,
    };
    Conclusion::Finish { transition, failure }
}

/// What else is known of an attempt that did not end in done.
#[expect(clippy::unnecessary_box_returns, reason = "it goes on its way boxed: most attempts have none")]
fn failure(state: &AttemptState, cause: AttemptCause, text: &str) -> Box<Failure> {
    Box::new(Failure::new(&state.job.kind, cause, text, state.take_told()))
}

/// Whatever a cancelled handler reports, but `Done`.
fn cancelled(outcome: JobOutcome) -> Transition {
    let error = match outcome {
        JobOutcome::Failed(text) | JobOutcome::Dead(text) => format!("cancelled; the handler said: {text}"),
        JobOutcome::Done | JobOutcome::Throttled { .. } => "cancelled".to_owned(),
    };
    Transition::Dead { reason: DeadReason::Cancelled, error: clean_error(&error, MAX_ERROR_BYTES) }
}

/// What made an attempt fail, if it did.
#[cfg(feature = "otel")]
const fn failed_by(end: &Result<HandlerEnd, Broken>) -> Option<AttemptCause> {
    match end {
        Ok(HandlerEnd::Undecodable(_)) => Some(AttemptCause::Undecodable),
        Ok(HandlerEnd::Outcome(JobOutcome::Failed(_) | JobOutcome::Dead(_))) => Some(AttemptCause::Handler),
        Ok(HandlerEnd::Outcome(JobOutcome::Done | JobOutcome::Throttled { .. })) => None,
        Err(broken) => Some(broken.cause),
    }
}

//! Budgets as a handler asks them: wait for permits, try, and say that the upstream wants to be left alone.

use super::{CancelCause, CancelToken};
use crate::limits::{MAX_ACQUIRE_BATCH, MAX_RATE_WAITERS, RATE_POLL, STORAGE_CALL_LIMIT};
use crate::rate_limit::{RateLimitError, Scope};
use crate::storage::{
    AcquireParams, Acquired, DrainParams, JobQueue, RateLimitStorage, Storage, StorageError,
};
use crate::{Clock, Timestamp, telemetry};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// First and longest wait after a call to the storage failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Waits are spread by a hundredth, so that replicas do not ask together, within these bounds.
const SPREAD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// Budgets of calls that all processes share.
///
/// The callers of one process that wait for a scope are served in their order; one task asks the database for all of
/// them, and sleeps until the time that the database names. Between processes there is no order: who asks when there is
/// something gets it. So a wish for many at once may wait long while other processes, or claims of a limited queue, take
/// single permits as they come; ask for few at a time, or from one queue.
///
/// A caller that waits holds its worker slot. To hold jobs up without one, attach their queue or kind to the scope
/// ([`QueueRuntime::limit_queue`](crate::QueueRuntime::limit_queue)). Cloning is cheap.
///
/// ```
/// # use forge_jobs::{JobContext, JobOutcome};
/// # use std::time::Duration;
/// # async fn run(ctx: JobContext, minute: Duration) -> Result<(), JobOutcome> {
/// ctx.rate_limit.acquire("slack").await?; // waits as long as it takes
/// ctx.rate_limit.acquire_n("slack", 5).await?; // five together, or none
/// ctx.rate_limit.acquire_within("slack", 1, minute).await?; // or AcquireError::NotInTime
/// if ctx.rate_limit.try_acquire("slack").await?.is_none() {
///     ctx.rate_limit.drain("slack", minute).await?; // the upstream said 429
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RateLimits {
    shared: Arc<Shared>,
    /// Ends waiting; `None` outside of handlers.
    cancel: Option<CancelToken>,
}

impl RateLimits {
    pub(crate) fn new(storage: Storage, clock: Arc<dyn Clock>) -> Self {
        Self::on(storage.rate_limits, storage.jobs, clock)
    }

    /// All that they need of a storage: the budgets, and what tells that those have changed.
    pub(crate) fn on(
        budgets: Arc<dyn RateLimitStorage>,
        jobs: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shared = Shared { budgets, jobs, clock, lines: Mutex::default() };
        Self { shared: Arc::new(shared), cancel: None }
    }

    /// The same, for a handler that may be told to stop.
    pub(crate) fn until(&self, cancel: &CancelToken) -> Self {
        Self { shared: self.shared.clone(), cancel: Some(cancel.clone()) }
    }

    /// Takes one permit, and waits for it as long as it takes. Gives the time at which it was given, by the database's
    /// clock.
    ///
    /// Cancel safe: who stops waiting leaves its place. A permit that was given at that very moment goes to the next
    /// one in this process, or is lost. Inside a tokio runtime only.
    ///
    /// # Errors
    ///
    /// [`AcquireError`]; [`AcquireError::Cancelled`] when the attempt is told to stop.
    pub async fn acquire(&self, scope: &str) -> Result<Timestamp, AcquireError> {
        self.acquire_n(scope, 1).await
    }

    /// Takes several permits together, 1 to the scope's limit. Otherwise as [`Self::acquire`].
    ///
    /// # Errors
    ///
    /// As [`Self::acquire`], and [`RateLimitError::TooMany`] for none or for more than the limit.
    pub async fn acquire_n(&self, scope: &str, permits: u32) -> Result<Timestamp, AcquireError> {
        let waiting = self.shared.join(&Scope::new(scope)?, permits)?;
        match &self.cancel {
            None => waiting.granted().await,
            Some(cancel) => tokio::select! {
                biased;
                cause = cancel.cancelled() => Err(AcquireError::Cancelled { cause }),
                granted = waiting.granted() => granted,
            },
        }
    }

    /// Takes permits, and waits for at most so long. Otherwise as [`Self::acquire_n`].
    ///
    /// # Errors
    ///
    /// As [`Self::acquire_n`], and [`AcquireError::NotInTime`].
    pub async fn acquire_within(
        &self,
        scope: &str,
        permits: u32,
        at_most: Duration,
    ) -> Result<Timestamp, AcquireError> {
        let late = || AcquireError::NotInTime { scope: scope.to_owned(), waited: at_most };
        tokio::time::timeout(at_most, self.acquire_n(scope, permits)).await.unwrap_or_else(|_| Err(late()))
    }

    /// Takes one permit if there is one, and nobody in this process waits for the scope. `None`: not now.
    ///
    /// Not cancel safe: a permit that was given to a dropped call is lost.
    ///
    /// # Errors
    ///
    /// [`AcquireError`].
    pub async fn try_acquire(&self, scope: &str) -> Result<Option<Timestamp>, AcquireError> {
        let scope = Scope::new(scope)?;
        if self.shared.lock().contains_key(&scope) {
            return Ok(None);
        }
        let answers = self.shared.ask(&scope, vec![1]).await?;
        match answers.first() {
            Some(Acquired::Granted { at }) => Ok(Some(*at)),
            Some(_) => Ok(None),
            None => Err(no_answer().into()),
        }
    }

    /// Says that an upstream wants to be left alone for so long, as its answer 429 with `Retry-After` does: until then
    /// no process is given anything of the scope. A template's drain holds for its keys. At most a day; a drain is
    /// never made shorter by another one. Gives the time that holds now.
    ///
    /// Not cancel safe: a dropped call may have drained the scope all the same.
    ///
    /// # Errors
    ///
    /// [`AcquireError`].
    pub async fn drain(&self, scope: &str, retry_after: Duration) -> Result<Timestamp, AcquireError> {
        let scope = Scope::new(scope)?;
        let params =
            DrainParams { scope, wait: retry_after, actor: None, now: self.shared.clock.storage_now() };
        let name = params.scope.as_str().to_owned();
        let until = in_time(self.shared.budgets.drain(params)).await?;
        telemetry::budget_drained(&name, retry_after);
        Ok(until)
    }
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimits").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// Permits could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// The scope is no name, or the wish can never be fulfilled.
    #[error(transparent)]
    Invalid(#[from] RateLimitError),
    /// No limit holds for the scope.
    #[error(
        "no limit holds for {scope:?}: call `QueueRuntime::ensure_limit` at start, or `forge limit set {scope} N --per 10s`"
    )]
    NoLimit {
        /// The scope.
        scope: String,
    },
    /// The storage refused.
    #[error(transparent)]
    Storage(StorageError),
    /// The attempt was told to stop while it waited.
    #[error("told to stop while waiting for a permit: {cause}")]
    Cancelled {
        /// Why.
        cause: CancelCause,
    },
    /// The caller did not want to wait any longer.
    #[error("no permit of {scope:?} within {waited:?}: its budget is used up, ask again later")]
    NotInTime {
        /// The scope.
        scope: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Too many callers of this process wait for the scope.
    #[error("{MAX_RATE_WAITERS} callers of this process wait for {scope:?} already: ask again later")]
    TooManyWaiting {
        /// The scope.
        scope: String,
    },
}

impl From<StorageError> for AcquireError {
    fn from(error: StorageError) -> Self {
        match error {
            // A scope is all that is named to a storage here.
            StorageError::NotFound { name: scope, .. } => Self::NoLimit { scope },
            error => Self::Storage(error),
        }
    }
}

type Answer = Result<Timestamp, AcquireError>;

/// Who waits for which scope. A scope with a line has a task that serves it.
struct Shared {
    budgets: Arc<dyn RateLimitStorage>,
    jobs: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
    lines: Mutex<HashMap<Scope, Line>>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiter>,
    next: u64,
    /// Somebody left.
    left: Arc<Notify>,
}

struct Waiter {
    no: u64,
    permits: u32,
    reply: oneshot::Sender<Answer>,
}

/// A place in a line, left when it is dropped.
struct Waiting {
    answer: oneshot::Receiver<Answer>,
    left: Arc<Notify>,
    served: bool,
}

impl Waiting {
    async fn granted(mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.served = true;
        // The task that serves the line went away with its tokio runtime.
        answer.unwrap_or_else(|_| Err(StorageError::Closed.into()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.answer.close();
        if !self.served {
            self.left.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Scope, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place at the end of a scope's line.
    fn join(self: &Arc<Self>, scope: &Scope, permits: u32) -> Result<Waiting, AcquireError> {
        let (reply, answer) = oneshot::channel();
        let mut lines = self.lock();
        let is_new = !lines.contains_key(scope);
        let line = lines.entry(scope.clone()).or_default();
        if line.waiting.len() >= MAX_RATE_WAITERS {
            return Err(AcquireError::TooManyWaiting { scope: scope.as_str().to_owned() });
        }
        line.waiting.push_back(Waiter { no: line.next, permits, reply });
        line.next += 1;
        let left = line.left.clone();
        drop(lines);
        if is_new {
            let served = Served { shared: self.clone(), scope: scope.clone(), left: left.clone() };
            tokio::spawn(served.serve());
        }
        Ok(Waiting { answer, left, served: false })
    }

    async fn ask(&self, scope: &Scope, wants: Vec<u32>) -> Result<Vec<Acquired>, StorageError> {
        let params = AcquireParams { scope: scope.clone(), wants, now: self.clock.storage_now() };
        in_time(self.budgets.acquire(params)).await
    }
}

/// A line, served until nobody waits. Dropped in the middle, because the tokio runtime went away, it sends all home.
struct Served {
    shared: Arc<Shared>,
    scope: Scope,
    left: Arc<Notify>,
}

impl Served {
    async fn serve(self) {
        let mut changes = self.shared.jobs.changes();
        let mut backoff = BACKOFF.0;
        while let Some((places, wants)) = self.front() {
            let seen = changes.borrow_and_update().budgets;
            let wait = match self.shared.ask(&self.scope, wants).await {
                Ok(answers) => {
                    backoff = BACKOFF.0;
                    self.hand_out(&places, &answers)
                }
                Err(e) if e.is_retryable() => {
                    telemetry::storage_failed("acquire", &e);
                    let wait = backoff;
                    backoff = (backoff * 2).min(BACKOFF.1);
                    Some(wait)
                }
                Err(e) => {
                    self.refuse(&places, &e);
                    None
                }
            };
            let Some(wait) = wait else { continue };
            let spread = (wait / 100).clamp(SPREAD.0, SPREAD.1).mul_f64(fastrand::f64());
            let told = async { changes.wait_for(|c| c.budgets != seen).await.is_ok() };
            tokio::select! {
                () = tokio::time::sleep(wait.saturating_add(spread).min(RATE_POLL)) => {}
                true = told => {}
                () = self.left.notified() => {}
                () = self.shared.clock.moved() => {}
            }
        }
    }

    /// The first ones that still wait; `None` ends the line.
    fn front(&self) -> Option<(Vec<u64>, Vec<u32>)> {
        let mut lines = self.shared.lock();
        let line = lines.get_mut(&self.scope)?;
        line.waiting.retain(|w| !w.reply.is_closed());
        if line.waiting.is_empty() {
            lines.remove(&self.scope);
            return None;
        }
        Some(line.waiting.iter().take(MAX_ACQUIRE_BATCH).map(|w| (w.no, w.permits)).unzip())
    }

    /// Gives answers to those at these places. Says how long the next one has to wait, if it must.
    fn hand_out(&self, places: &[u64], answers: &[Acquired]) -> Option<Duration> {
        let mut lines = self.shared.lock();
        let line = lines.get_mut(&self.scope)?;
        let (mut spare, mut wait) = (None, None);
        for (place, answer) in places.iter().zip(answers) {
            match *answer {
                Acquired::Granted { at } => {
                    if let Some(unused) = line.answer(*place, Ok(at)) {
                        spare = Some((at, spare.map_or(0, |(_, n)| n) + unused));
                    }
                }
                Acquired::TooMany { limit } => {
                    let (scope, permits) = (self.scope.as_str().to_owned(), line.wish(*place));
                    line.answer(*place, Err(RateLimitError::TooMany { scope, permits, limit }.into()));
                }
                Acquired::Wait { wait: w, .. } => wait = wait.or(Some(w)),
            }
        }
        // What was given to those that have left meanwhile serves the next ones.
        if let Some((at, mut spare)) = spare {
            while let Some(first) = line.waiting.front().filter(|w| w.permits <= spare) {
                let (no, permits) = (first.no, first.permits);
                if line.answer(no, Ok(at)).is_none() {
                    spare -= permits;
                }
            }
        }
        if let Some(wait) = wait {
            telemetry::budget_waiting(self.scope.as_str(), line.waiting.len(), wait);
        }
        wait
    }

    fn refuse(&self, places: &[u64], error: &StorageError) {
        let mut lines = self.shared.lock();
        if let Some(line) = lines.get_mut(&self.scope) {
            for place in places {
                line.answer(*place, Err(error.duplicate().into()));
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut lines = self.shared.lock();
        // It may be another one's already.
        if lines.get(&self.scope).is_some_and(|line| Arc::ptr_eq(&line.left, &self.left)) {
            lines.remove(&self.scope);
        }
    }
}

impl Line {
    /// Answers one that waits. Gives its permits back if it has left.
    fn answer(&mut self, no: u64, answer: Answer) -> Option<u32> {
        let at = self.waiting.iter().position(|w| w.no == no)?;
        let waiter = self.waiting.remove(at)?;
        let permits = waiter.permits;
        waiter.reply.send(answer).is_err().then_some(permits)
    }

    fn wish(&self, no: u64) -> u32 {
        self.waiting.iter().find(|w| w.no == no).map_or(0, |w| w.permits)
    }
}

fn no_answer() -> StorageError {
    StorageError::Internal { detail: "a budget gave no answer".into(), source: None }
}

/// Bounds a call to the storage.
async fn in_time<T>(call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    let begun = Instant::now();
    tokio::time::timeout(STORAGE_CALL_LIMIT, call).await.unwrap_or_else(|_| {
        let detail = format!("a call took longer than {:?}", begun.elapsed());
        Err(StorageError::Unavailable { detail, outcome_unknown: true, source: None })
    })
}

//! The runtime: claims, runs, finishes.
//!
//! ```text
//!           ┌──────────── engine thread ────────────┐        host's tokio runtime
//! storage ─▶│ fetch: promote · settings · claim     │─ lanes ─▶ runners ─▶ handlers
//!         ◀─│ finish: outcomes in batches           │◀ outbox ─────┘
//!           │ watch · reaper · cleanup · shutdown   │
//!           └───────────────────────────────────────┘
//! storage ◀─▶ heartbeat thread: alive · cancels · fencing
//! ```

mod alone;
mod boot_clock;
mod config;
mod core;
mod engine;
mod execute;
mod fetch;
mod finish;
mod handle;
mod heartbeat;
mod in_span;
mod lane;
#[cfg(feature = "logs")]
mod logs;
mod panics;
mod session;
mod shutdown;
#[cfg(feature = "testing")]
mod steps;
mod watch;

pub(crate) use self::core::Core;
#[cfg(feature = "testing")]
pub(crate) use self::core::LogWay;
pub(crate) use boot_clock::BootInstant;
pub use config::RuntimeConfig;
#[cfg(feature = "testing")]
pub(crate) use execute::attempt;
pub(crate) use finish::in_time;
pub use handle::{CancelRequest, QueueHandle, ShutdownReport};
#[cfg(feature = "testing")]
pub(crate) use panics::watch as watch_panics;
#[cfg(feature = "testing")]
pub(crate) use steps::{Ended, Next, Steps, reported};

use crate::rate_limit::{RateLimit, Scope};
use crate::schedule::{InvalidSchedule, NewSchedule, Schedule};
use crate::storage::{AttachParams, LimitRow, Limited, SetBy, SetLimitParams};
use crate::storage::{
    Author, EnsureQueueParams, InvalidValue, PutScheduleParams, QueueRow, Storage, StorageError,
    UndeclareParams,
};
use crate::{
    Clock, EnqueueError, EnqueueRequest, Enqueued, Enqueuer, HandlerRegistry, Jobs, Queues, RateLimits,
    RegisterError, Router, Schedules, SystemClock, telemetry,
};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Runs the jobs of a storage with a set of handlers.
///
/// ```no_run
/// # use forge_jobs::{DefaultRouter, HandlerRegistry, NoopEcho, QueueRuntime, Storage};
/// # use std::{sync::Arc, time::Duration};
/// # async fn run(storage: Storage) -> Result<(), Box<dyn std::error::Error>> {
/// let mut handlers = HandlerRegistry::new();
/// handlers.register(NoopEcho);
/// let runtime = QueueRuntime::new(storage, handlers, Arc::new(DefaultRouter));
/// runtime.ensure_queue("default", 4).await?;
/// let handle = runtime.start().await?;
/// // …
/// handle.shutdown_graceful(Duration::from_secs(25)).await;
/// # Ok(())
/// # }
/// ```
pub struct QueueRuntime {
    storage: Storage,
    handlers: Arc<HandlerRegistry>,
    router: Arc<dyn Router>,
    clock: Arc<dyn Clock>,
    config: RuntimeConfig,
    enqueuer: Arc<Enqueuer>,
    rate_limits: RateLimits,
    declared: Vec<Schedule>,
    /// The core of the last start, to tell whether it still runs.
    started: Mutex<Option<Arc<Core>>>,
}

impl QueueRuntime {
    /// A runtime with default settings that runs every queue, not started.
    #[must_use]
    pub fn new(storage: Storage, handlers: HandlerRegistry, router: Arc<dyn Router>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let enqueuer = Arc::new(Enqueuer::with_clock(storage.clone(), router.clone(), clock.clone()));
        let handlers = Arc::new(handlers);
        let config = RuntimeConfig::default();
        let rate_limits = RateLimits::new(storage.clone(), clock.clone());
        let declared = Vec::new();
        let started = Mutex::new(None);
        Self { storage, handlers, router, clock, config, enqueuer, rate_limits, declared, started }
    }

    /// With these intervals and this choice of queues.
    #[must_use]
    pub fn with_config(mut self, config: RuntimeConfig) -> Self {
        self.config = config;
        self
    }

    /// With this schedule, which each start declares: it is made or brought up to date, unless a person has edited it
    /// ([who has the say](crate::storage::CronStorage)). Whichever process leads fires it, so every process that runs
    /// this program fires what any of them declared. A mistake in it makes the start fail.
    ///
    /// ```no_run
    /// # use forge_jobs::{EnqueueRequest, QueueRuntime, Schedule};
    /// # fn with_schedules(runtime: QueueRuntime) -> QueueRuntime {
    /// runtime
    ///     .schedule(Schedule::new("nightly", "0 3 * * *", EnqueueRequest::new("report", 1)).in_zone("Europe/Berlin"))
    ///     .schedule(Schedule::new("poll", "*/5 * * * *", EnqueueRequest::new("mail.poll", 1)))
    /// # }
    /// ```
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.declared.push(schedule);
        self
    }

    /// With a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.enqueuer =
            Arc::new(Enqueuer::with_clock(self.storage.clone(), self.router.clone(), clock.clone()));
        self.rate_limits = RateLimits::new(self.storage.clone(), clock.clone());
        self.clock = clock;
        self
    }

    /// Creates the queue if it is not there, else sets its workers per process, unless an operator did: then the
    /// operator's number stays. Not cancel safe: a call that is dropped may have taken effect.
    ///
    /// # Errors
    ///
    /// As [`QueueConfig::ensure`](crate::storage::QueueConfig::ensure).
    pub async fn ensure_queue(&self, queue: &str, workers: u32) -> Result<QueueRow, StorageError> {
        self.storage.queues.ensure(EnsureQueueParams { queue: queue.to_owned(), workers }).await
    }

    /// Gives a scope a limit, or another one, unless an operator did: then the operator's stays. Not cancel safe: a call
    /// that is dropped may have taken effect.
    ///
    /// # Errors
    ///
    /// As [`RateLimitStorage::set_limit`](crate::storage::RateLimitStorage::set_limit), and
    /// [`StorageError::Invalid`] for a bad name.
    pub async fn ensure_limit(&self, scope: &str, limit: RateLimit) -> Result<LimitRow, StorageError> {
        let (scope, by) = (Scope::new(scope)?, SetBy::Code);
        let params = SetLimitParams {
            scope,
            limit,
            by,
            expected_version: None,
            actor: None,
            now: self.clock.storage_now(),
        };
        self.storage.rate_limits.set_limit(params).await
    }

    /// Attaches a queue to a scope, or with `None` detaches it: each of its jobs takes a permit when it is claimed, and
    /// waits in the queue, without a worker, while there is none. Says whether anything changed. Not cancel safe: a call
    /// that is dropped may have taken effect.
    ///
    /// # Errors
    ///
    /// As [`RateLimitStorage::attach`](crate::storage::RateLimitStorage::attach).
    pub async fn limit_queue(&self, queue: &str, scope: Option<&str>) -> Result<bool, StorageError> {
        self.attach(Limited::Queue(queue.to_owned()), scope).await
    }

    /// The same for a kind, in whatever queue. A kind may be new.
    ///
    /// # Errors
    ///
    /// As [`RateLimitStorage::attach`](crate::storage::RateLimitStorage::attach).
    pub async fn limit_kind(&self, kind: &str, scope: Option<&str>) -> Result<bool, StorageError> {
        self.attach(Limited::Kind(kind.to_owned()), scope).await
    }

    async fn attach(&self, what: Limited, scope: Option<&str>) -> Result<bool, StorageError> {
        let scope = scope.map(Scope::new).transpose()?;
        self.storage.rate_limits.attach(AttachParams { what, scope, actor: None }).await
    }

    /// Budgets, to ask outside of handlers; whether the runtime is started or not.
    #[must_use]
    pub fn rate_limits(&self) -> RateLimits {
        self.rate_limits.clone()
    }

    /// Enqueues a job, whether the runtime is started or not; see [`Enqueuer::enqueue`].
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        self.enqueuer.enqueue(request).await
    }

    /// Enqueues many jobs, see [`Enqueuer::enqueue_many`].
    pub async fn enqueue_many(
        &self,
        requests: impl IntoIterator<Item = EnqueueRequest> + Send,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        self.enqueuer.enqueue_many(requests).await
    }

    /// Something to enqueue with, to hand to other parts of the program.
    #[must_use]
    pub fn enqueuer(&self) -> Arc<Enqueuer> {
        self.enqueuer.clone()
    }

    /// Jobs: to look at, cancel, retry, run, edit and drop one, whether this runtime is started or not.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs::with_clock(self.storage.clone(), self.clock.clone())
    }

    /// Queues: to edit, pause and resume them while programs run.
    #[must_use]
    pub fn queues(&self) -> Queues {
        Queues::with_clock(self.storage.clone(), self.clock.clone())
    }

    /// Schedules: to make, edit, pause and run them while programs run.
    #[must_use]
    pub fn schedules(&self) -> Schedules {
        Schedules::with_clock(self.storage.clone(), self.router.clone(), self.clock.clone())
    }

    /// The storage.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Registers this process and starts to work. Handlers run in the tokio runtime that this is called in.
    ///
    /// Keep the handle: when its last clone is dropped the runtime stops, and running jobs have only the grace.
    ///
    /// A runtime that was shut down can be started again. Not cancel safe: a call that is dropped may have declared its
    /// schedules, and may leave a registration that other processes find dead after a while.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub async fn start(&self) -> Result<QueueHandle, StartError> {
        let (core, declared) = self.prepared()?;
        self.take_place(&core)?;
        // From here on a failure must free the place again, and so must a caller that drops this future.
        let placed = Placed { core: &core, started: false };
        self.declare(declared).await?;
        let session = in_time(core.register()).await?;
        telemetry::started(session.process, self.handlers.kinds().len());
        core.sessions.set_current(session);
        let (sender, commands) = mpsc::unbounded_channel();
        let handle = QueueHandle::new(core.clone(), sender);
        engine::start(&core, commands).map_err(StartError::Thread)?;
        placed.keep();
        Ok(handle)
    }

    /// Registers this process, and starts no loops: whoever has the steps takes them.
    #[cfg(feature = "testing")]
    pub(crate) async fn by_hand(&self) -> Result<Steps, StartError> {
        let (core, declared) = self.prepared()?;
        self.declare(declared).await?;
        let session = in_time(core.register()).await?;
        core.sessions.set_current(session);
        Ok(Steps::new(core))
    }

    /// Checks everything; nothing is written yet.
    fn prepared(&self) -> Result<(Arc<Core>, Vec<NewSchedule>), StartError> {
        if let Some(error) = self.handlers.first_error() {
            return Err(error.into());
        }
        self.config.check()?;
        panics::watch();
        let declared = self.checked_schedules()?;
        let host = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let core = Core::new(
            self.storage.clone(),
            self.handlers.clone(),
            self.clock.clone(),
            self.config.clone(),
            self.enqueuer.clone(),
            self.rate_limits.clone(),
            host,
        );
        Ok((Arc::new(core), declared))
    }

    fn checked_schedules(&self) -> Result<Vec<NewSchedule>, InvalidSchedule> {
        let mut checked: Vec<NewSchedule> = Vec::with_capacity(self.declared.len());
        for schedule in &self.declared {
            let new = schedule.clone().check(&*self.router)?;
            if checked.iter().any(|other| other.name == new.name) {
                return Err(InvalidSchedule::Twice { name: new.name });
            }
            checked.push(new);
        }
        Ok(checked)
    }

    /// Brings the schedules of this program's code up to date.
    async fn declare(&self, declared: Vec<NewSchedule>) -> Result<(), StorageError> {
        let program = &self.config.program;
        let names = declared.iter().map(|s| s.name.clone()).collect();
        for schedule in declared {
            let by = Author::Code { program: program.clone() };
            let params = PutScheduleParams { schedule, by, actor: None, now: self.clock.storage_now() };
            let name = params.schedule.name.clone();
            self.warn_of_rival(&params.schedule).await?;
            match in_time(self.storage.cron.put(params)).await {
                Ok(row) if row.overrides_code() => telemetry::schedule_overridden(&row.name),
                Ok(_) => {}
                // What a newer version has written keeps no queue from running.
                Err(StorageError::Corrupt { .. }) => telemetry::schedule_unreadable(&name),
                Err(e) => return Err(e),
            }
        }
        let params = UndeclareParams { program: program.clone(), declared: names };
        for name in in_time(self.storage.cron.undeclare(params)).await? {
            telemetry::schedule_undeclared(&name);
        }
        Ok(())
    }

    /// Tells if another program declares a schedule otherwise: each start of one of them undoes what the other wants.
    async fn warn_of_rival(&self, new: &NewSchedule) -> Result<(), StorageError> {
        let before = match in_time(self.storage.cron.get(&new.name)).await {
            Ok(before) => before.and_then(|row| row.code),
            Err(StorageError::Corrupt { .. }) => None,
            Err(e) => return Err(e),
        };
        let mine = &self.config.program;
        if let Some(code) =
            before.filter(|code| code.declared && code.program != *mine && code.spec != new.spec)
        {
            telemetry::schedule_taken(&new.name, &code.program, mine);
        }
        Ok(())
    }

    fn take_place(&self, core: &Arc<Core>) -> Result<(), StartError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if started.as_ref().is_some_and(|c| !*c.ended.borrow()) {
            return Err(StartError::AlreadyStarted);
        }
        *started = Some(core.clone());
        Ok(())
    }
}

/// Marks a core as ended unless it was started.
struct Placed<'a> {
    core: &'a Core,
    started: bool,
}

impl Placed<'_> {
    fn keep(mut self) {
        self.started = true;
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if !self.started {
            self.core.ended.send_replace(true);
        }
    }
}

impl AsRef<Storage> for QueueRuntime {
    fn as_ref(&self) -> &Storage {
        &self.storage
    }
}

impl fmt::Debug for QueueRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueRuntime")
            .field("kinds", &self.handlers.kinds())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A runtime could not start. Nothing runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A handler could not be registered.
    #[error(transparent)]
    Handler(#[from] RegisterError),
    /// The storage refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting is out of its bounds.
    #[error(transparent)]
    Config(#[from] InvalidValue),
    /// A schedule that the code declares is not allowed.
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// This runtime runs already.
    #[error("this runtime runs already: shut the first handle down, or make another runtime")]
    AlreadyStarted,
    /// It was called outside of a tokio runtime.
    #[error("start must be called inside a tokio runtime, in which the handlers will run")]
    NoRuntime,
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

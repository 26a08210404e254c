//! What a running runtime can be asked.

use super::core::Core;
use crate::storage::{CancelOutcome, StorageError, VerbParams};
use crate::{EnqueueError, EnqueueRequest, Enqueued, Enqueuer, JobId, ProcessId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a cancel lets the database say first what it meets, before it tells a handler of this process.
const CANCEL_ALONE: Duration = Duration::from_secs(1);

/// How often a drain looks without being told.
const DRAIN_CHECK: Duration = Duration::from_millis(250);

/// What the engine is told.
pub(crate) enum Command {
    Shutdown {
        timeout: Duration,
        /// What was counted when it was asked for.
        since: Counted,
        reply: Option<oneshot::Sender<ShutdownReport>>,
    },
    Abandon {
        reply: oneshot::Sender<()>,
    },
}

/// What a runtime has counted since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) finished: u64,
    pub(crate) handed_back: u64,
}

impl Counted {
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            finished: core.finished.load(Ordering::Relaxed),
            handed_back: core.handed_back.load(Ordering::Relaxed),
        }
    }
}

/// A running runtime. Cloning is cheap.
///
/// ```no_run
/// # use forge_jobs::{JobId, QueueHandle};
/// # use std::time::Duration;
/// # async fn stop(handle: QueueHandle, job: JobId) -> Result<(), Box<dyn std::error::Error>> {
/// println!("{:?}", handle.request_cancel(&job).await?);
/// let report = handle.shutdown_graceful(Duration::from_secs(25)).await;
/// println!("{} ended, {} handed back", report.finished, report.handed_back);
/// # Ok(())
/// # }
/// ```
///
/// When the last clone is dropped without [`Self::shutdown_graceful`], the runtime stops in the background as if
/// shut down with no time to finish.
#[derive(Clone)]
#[must_use = "the runtime stops when its last handle is dropped"]
pub struct QueueHandle(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    commands: mpsc::UnboundedSender<Command>,
    report: Mutex<Option<ShutdownReport>>,
}

impl QueueHandle {
    pub(crate) fn new(core: Arc<Core>, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self(Arc::new(Inner { core, commands, report: Mutex::new(None) }))
    }

    /// Identity of this process's boot; it changes when the process was taken for dead and registered anew, and is
    /// `None` in between.
    #[must_use]
    pub fn process_id(&self) -> Option<ProcessId> {
        self.0.core.sessions.current().map(|s| s.process)
    }

    /// The jobs whose handlers run in this process now.
    #[must_use]
    pub fn running(&self) -> Vec<JobId> {
        self.0.core.running().iter().map(|s| s.job.id).collect()
    }

    /// Enqueues a job, see [`Enqueuer::enqueue`].
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        self.0.core.enqueuer.enqueue(request).await
    }

    /// Something to enqueue with, to hand to other parts of the program.
    #[must_use]
    pub fn enqueuer(&self) -> Arc<Enqueuer> {
        self.0.core.enqueuer.clone()
    }

    /// Cancels a job. A waiting one is dead as `cancelled` at once; one that runs in this process is told to stop at
    /// once, and after a second also if the database has not answered; one that runs in another process mostly is too,
    /// and within a heartbeat of that process at the latest.
    ///
    /// Takes effect even if the answer is not awaited; await it to learn what came of it.
    #[expect(clippy::must_use_candidate, reason = "it takes effect whether the answer is awaited or not")]
    pub fn request_cancel(&self, id: &JobId) -> CancelRequest {
        let (reply, answer) = oneshot::channel();
        let (core, id) = (self.0.core.clone(), *id);
        // On the host's runtime, which outlives ours: a cancel after the shutdown is still a cancel.
        self.0.core.host.spawn(async move {
            let _ = reply.send(cancel(&core, id).await);
        });
        CancelRequest(answer)
    }

    /// Stops in good order: no more claims; running jobs have `timeout` to finish; then they are told to stop and
    /// have [`RuntimeConfig::cancel_grace`](crate::RuntimeConfig::cancel_grace) (5 s) more; what was claimed and not
    /// finished is handed back, uncharged, for another worker to take at once.
    ///
    /// A handler that ignores the signal keeps its job `running`, and this process keeps it alive: it is in
    /// [`ShutdownReport::still_running`]. A program that exits all the same calls [`Self::abandon`] first.
    ///
    /// A second call waits for the same shutdown. Dropping the future does not stop the shutdown.
    pub async fn shutdown_graceful(&self, timeout: Duration) -> ShutdownReport {
        let (reply, answer) = oneshot::channel();
        let since = Counted::of(&self.0.core);
        let sent = self.0.commands.send(Command::Shutdown { timeout, since, reply: Some(reply) });
        if sent.is_ok()
            && let Ok(report) = answer.await
        {
            *self.0.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
            if report.still_running.is_empty() {
                self.ended().await;
            }
            return report;
        }
        self.ended().await;
        self.0.report.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// For a program that exits now: ends the registration and hands everything back, also what still runs here. A
    /// handler that goes on after this may run beside its own successor; its result is refused. Dropping
    /// the future does not undo it.
    pub async fn abandon(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.commands.send(Command::Abandon { reply }).is_ok() {
            let _ = answer.await;
        }
        self.ended().await;
    }

    /// Resolves when no job is pending, scheduled, running or retrying in the queues that this runtime runs: for
    /// programs that work off what there is and exit. Cancel safe.
    ///
    /// A scheduled job keeps it waiting until it has run, and so does a job that no handler here can run.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn drained(&self) -> Result<(), StorageError> {
        let core = &self.0.core;
        loop {
            let settled = core.outbox.settled_once();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if !self.has_unfinished().await? {
                return Ok(());
            }
            // Other processes finish jobs too, and tell nobody here.
            let _ = tokio::time::timeout(DRAIN_CHECK, settled).await;
        }
    }

    async fn has_unfinished(&self) -> Result<bool, StorageError> {
        let core = &self.0.core;
        let inspect = &core.storage.inspect;
        if core.config.queues.is_empty() {
            return inspect.has_unfinished(None).await;
        }
        for queue in core.config.queues.keys() {
            if inspect.has_unfinished(Some(queue)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Resolves when everything has ended: no loop, no heartbeat, no registration is left. Cancel safe.
    pub async fn ended(&self) {
        let mut ended = self.0.core.ended.subscribe();
        // The sender lives in the core, which we hold.
        let _ = ended.wait_for(|e| *e).await;
    }
}

async fn cancel(core: &Core, id: JobId) -> Result<CancelOutcome, StorageError> {
    let params = VerbParams { ids: vec![id], actor: None, now: core.clock.storage_now() };
    let asked = super::finish::in_time(core.storage.jobs.cancel(params));
    tokio::pin!(asked);
    // A handler of this process need not wait for a database that is slow or away. Mostly that answers first, and says
    // what the request met; a handler that was quicker would make it an "already finished".
    let answer = if let Ok(answer) = tokio::time::timeout(CANCEL_ALONE, &mut asked).await {
        answer
    } else {
        core.cancel_running(id);
        asked.await
    };
    if answer.is_err() {
        core.cancel_running(id);
    }
    let outcome = answer?.first().copied().unwrap_or(CancelOutcome::Unknown);
    if let CancelOutcome::Requested { process, claim_no } = outcome
        && core.sessions.all().iter().any(|s| s.process == process)
    {
        core.cancel_claim((id, claim_no));
    }
    Ok(outcome)
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.commands.send(Command::Shutdown {
            timeout: Duration::ZERO,
            since: Counted::of(&self.core),
            reply: None,
        });
    }
}

impl fmt::Debug for QueueHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueHandle").field("process", &self.process_id()).finish_non_exhaustive()
    }
}

/// The answer to a cancel, to come.
///
/// # Errors
///
/// It resolves to an error when the storage failed; the cancel may have been made all the same if
/// [`StorageError::outcome_unknown`].
#[derive(Debug)]
pub struct CancelRequest(oneshot::Receiver<Result<CancelOutcome, StorageError>>);

impl Future for CancelRequest {
    type Output = Result<CancelOutcome, StorageError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap_or(Err(StorageError::Closed)))
    }
}

/// What a shutdown came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Attempts whose end was written while it waited.
    pub finished: u64,
    /// Claims given back: not started, or stopped.
    pub handed_back: u64,
    /// Jobs whose handlers ignored the signal: they still run, and this process still holds them.
    pub still_running: Vec<JobId>,
}

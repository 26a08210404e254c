//! A queue that a test works by hand.

use super::inline::Inline;
use super::place::Place;
use super::{DrainReport, ManualClock, Ran, TestError, TestSetup};
use crate::runtime::{Ended, Next, Steps};
use crate::storage::{CancelOutcome, FinishResult, Storage};
use crate::{
    ClaimedJob, EnqueueError, EnqueueRequest, Enqueued, Enqueuer, HandlerRegistry, Job, JobId, QueueRuntime,
    Router, Timestamp,
};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Attempts after which a drain is taken for endless.
const ENDLESS: usize = 2_000;
/// Moves of the clock after which [`TestQueue::run_for`] is: those of a schedule that fires each minute for two months.
const MOVES: usize = 100_000;
/// Budgets are asked again after this at the earliest, so that each move of the clock is one.
const PERMITS: Duration = Duration::from_millis(1);

/// A queue that does nothing by itself: the test moves its clock and says when jobs run, in the test's own task.
///
/// It is a real storage with a registered process on it, and each step is what the runtime does in production: claims,
/// leases, decisions, schedules, the reaper. Only chance is left out: backoff has no jitter.
///
/// ```
/// use forge_jobs::testing::{FakeHandler, TestQueue};
/// use forge_jobs::{EnqueueRequest, HandlerRegistry};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mail = FakeHandler::new("mail.send").fail_times(1, "no route");
/// let mut handlers = HandlerRegistry::new();
/// handlers.register(mail.clone());
/// let queue = TestQueue::sqlite(handlers).await?;
///
/// queue.enqueue(EnqueueRequest::new("mail.send", "ada@example.org")).await?;
/// assert_eq!(queue.drain().await?.failed(), 1);
/// // The default backoff after a first failure.
/// queue.clock().advance(Duration::from_secs(15));
/// assert_eq!(queue.drain().await?.done(), 1);
/// assert_eq!(mail.calls()[1].attempt, 2);
/// # Ok(())
/// # }
/// ```
///
/// No call is cancel safe: a dropped one may leave a job running, until the stale window of the next process is over.
pub struct TestQueue {
    runtime: QueueRuntime,
    steps: Arc<Steps>,
    router: Arc<dyn Router>,
    clock: ManualClock,
    // Last, so that the storage is closed before its database goes away.
    place: Place,
}

impl TestQueue {
    /// On an SQLite file in a new temporary directory, which goes away with the queue.
    ///
    /// # Errors
    ///
    /// [`TestError`].
    pub async fn sqlite(handlers: HandlerRegistry) -> Result<Self, TestError> {
        TestSetup::new(handlers).sqlite().await
    }

    /// On SQLite in memory.
    ///
    /// # Errors
    ///
    /// [`TestError`].
    pub async fn in_memory(handlers: HandlerRegistry) -> Result<Self, TestError> {
        TestSetup::new(handlers).in_memory().await
    }

    /// In a new schema of this Postgres database, which is dropped with the queue.
    ///
    /// # Errors
    ///
    /// [`TestError`].
    pub async fn postgres(url: &str, handlers: HandlerRegistry) -> Result<Self, TestError> {
        TestSetup::new(handlers).postgres(url).await
    }

    /// On Postgres if this variable of the environment holds a URL, else on an SQLite file: one test for both.
    ///
    /// # Errors
    ///
    /// [`TestError`].
    pub async fn from_env(variable: &str, handlers: HandlerRegistry) -> Result<Self, TestError> {
        match std::env::var(variable) {
            Ok(url) if !url.is_empty() => Self::postgres(&url, handlers).await,
            _ => Self::sqlite(handlers).await,
        }
    }

    pub(super) async fn new(
        runtime: QueueRuntime,
        router: Arc<dyn Router>,
        clock: ManualClock,
        place: Place,
    ) -> Result<Self, TestError> {
        let steps = Arc::new(runtime.by_hand().await?);
        Ok(Self { runtime, steps, router, clock, place })
    }

    /// The clock that all of it follows.
    #[must_use]
    pub const fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The storage.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        self.runtime.storage()
    }

    /// The temporary directory that its file is in, for other files of the test; `None` if it is elsewhere.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.place.directory()
    }

    /// The runtime, not started: for its queues, limits and schedules.
    ///
    /// Starting it is allowed; it then works beside the test, by the same clock. But it beats as often as real time says,
    /// so do not [`drain`](Self::drain) after a move of the clock beyond the stale window (45 s by default): that takes it
    /// for dead.
    #[must_use]
    pub const fn runtime(&self) -> &QueueRuntime {
        &self.runtime
    }

    /// Something to enqueue with, to hand to the program under test.
    #[must_use]
    pub fn enqueuer(&self) -> Arc<Enqueuer> {
        self.runtime.enqueuer()
    }

    /// Enqueues a job.
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EnqueueError> {
        self.runtime.enqueue(request).await
    }

    /// A job as it stands.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, TestError> {
        Ok(self.storage().inspect.job(id).await?)
    }

    /// An enqueuer in *inline mode*, to hand to the program under test: each job runs in the caller's task before the
    /// enqueue returns, and so do the jobs that it enqueues.
    ///
    /// When the handler fails, panics or gives up, the enqueue fails with [`EnqueueError::Storage`], a
    /// [`Conflict`](crate::storage::StorageError::Conflict) that names the job and the error; the job itself is in the
    /// queue, retrying or dead. Of jobs that are enqueued together all run, and the first failure is the answer to each of
    /// them. A throttled job is no failure: it waits for its time.
    ///
    /// What is due later, held up, or without a handler stays where it is; so does a job that waited already, and whose
    /// dedupe key the request has. A job that was enqueued in a transaction of the caller's own is not seen before its
    /// commit: [`drain`](Self::drain) runs it. Jobs inside jobs are taken for endless when they are 16 deep.
    #[must_use]
    pub fn inline(&self) -> Arc<Enqueuer> {
        self.inline_on([])
    }

    /// The same for jobs of these queues; others are enqueued as usual. None named: all.
    #[must_use]
    pub fn inline_on<'a>(&self, queues: impl IntoIterator<Item = &'a str>) -> Arc<Enqueuer> {
        Inline {
            storage: self.storage().clone(),
            steps: self.steps.clone(),
            router: self.router.clone(),
            clock: self.clock.clone(),
            queues: queues.into_iter().map(str::to_owned).collect(),
        }
        .enqueuer()
    }

    /// Enqueues a job and runs its first attempt at once, whatever is before it in its queue.
    ///
    /// # Errors
    ///
    /// [`TestError::Waits`] when it cannot be claimed now, [`TestError::NoHandler`]; the job is enqueued then.
    pub async fn perform(&self, request: EnqueueRequest) -> Result<Ran, TestError> {
        let id = self.enqueue(request).await?.id;
        let Some(job) = self.job(id).await? else { return Err(crate::storage::StorageError::Closed.into()) };
        if !self.steps.handles(&job.kind) {
            return Err(TestError::NoHandler { kind: job.kind });
        }
        if let Some(claimed) = self.steps.claim_this(&job.queue, &job.kind, id).await?
            && let Some(ended) = self.steps.run(claimed, self.enqueuer()).await?
        {
            return Ok(ran(ended));
        }
        Err(TestError::Waits { id, kind: job.kind, status: job.status })
    }

    /// Runs everything that is due until nothing is: first dead processes are reaped and schedules fire, then jobs run
    /// one after the other, those too that they enqueue. What is due later stays: move the clock, or
    /// [`run_for`](Self::run_for). Jobs of kinds without a handler stay where they are, as do those of paused queues.
    ///
    /// What a job waits for inside of its handler is not skipped: sleeps and time limits are of the real clock, and a permit
    /// that it waits for comes when the test moves the queue's.
    ///
    /// # Errors
    ///
    /// [`TestError::Endless`] when 2,000 attempts were not enough.
    pub async fn drain(&self) -> Result<DrainReport, TestError> {
        Ok(self.drain_to_the_end(&[]).await?.0)
    }

    /// As [`drain`](Self::drain), but only jobs of one queue run. Schedules fire and processes are reaped as ever.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    pub async fn drain_queue(&self, queue: &str) -> Result<DrainReport, TestError> {
        Ok(self.drain_to_the_end(&[queue.to_owned()]).await?.0)
    }

    /// As [`drain`](Self::drain), for at most so many attempts; [`DrainReport::more`] says whether that ended it.
    ///
    /// # Errors
    ///
    /// [`TestError::Storage`].
    pub async fn drain_at_most(&self, attempts: usize) -> Result<DrainReport, TestError> {
        Ok(self.drained(&[], attempts).await?.0)
    }

    async fn drain_to_the_end(
        &self,
        queues: &[String],
    ) -> Result<(DrainReport, Option<Duration>), TestError> {
        let (report, again_in) = self.drained(queues, ENDLESS).await?;
        if report.more { Err(endless(&report)) } else { Ok((report, again_in)) }
    }

    /// What was done, and when a budget that is used up is worth asking again.
    async fn drained(
        &self,
        queues: &[String],
        most: usize,
    ) -> Result<(DrainReport, Option<Duration>), TestError> {
        let mut report = DrainReport::default();
        loop {
            let reaped = self.steps.reap().await?;
            report.revived.extend(reaped.revived);
            for dead in [reaped.poisoned, reaped.exhausted, reaped.cancelled] {
                report.died_with_process.extend(dead);
            }
            report.fired += self.steps.fire().await?;
            self.steps.promote().await?;
            let before = report.ran.len();
            let again_in = loop {
                let Next { claimed, again_in } = self.steps.claim(queues).await?;
                let Some(claimed) = claimed else { break again_in };
                if report.ran.len() >= most {
                    self.steps.give_back(claimed).await?;
                    report.more = true;
                    return Ok((report, again_in));
                }
                report.ran.extend(self.steps.run(claimed, self.enqueuer()).await?.map(ran));
            };
            // What ran may have moved the clock, or come back at once.
            if report.ran.len() == before {
                return Ok((report, again_in));
            }
        }
    }

    /// Lets so much time pass, and drains at each moment at which something may have become due: scheduled jobs, retries,
    /// fires of schedules, permits of a budget that a queue or a kind is attached to, and the end of a dead process's
    /// stale window. The clock is that much later afterwards.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain), at each of the moments; and [`TestError::Endless`] after 100,000 moments.
    pub async fn run_for(&self, time: Duration) -> Result<DrainReport, TestError> {
        let end = self.clock.now().saturating_add(time);
        let (mut report, mut again_in) = self.drain_to_the_end(&[]).await?;
        for _ in 0..MOVES {
            let now = self.clock.now();
            if now >= end {
                return Ok(report);
            }
            let next = self.next_moment(now, again_in).await?;
            self.clock.set(next.map_or(end, |at| at.min(end)));
            let (later, again) = self.drain_to_the_end(&[]).await?;
            report.add(later);
            again_in = again;
        }
        Err(endless(&report))
    }

    async fn next_moment(
        &self,
        now: Timestamp,
        again_in: Option<Duration>,
    ) -> Result<Option<Timestamp>, TestError> {
        let job = self.steps.promote().await?.map(|wait| now.saturating_add(wait));
        let permit = again_in.map(|wait| now.saturating_add(wait.max(PERMITS)));
        let (fire, death) = (self.steps.next_fire().await?, self.steps.next_death(now).await?);
        Ok([job, permit, fire, death].into_iter().flatten().filter(|at| *at > now).min())
    }

    /// Cancels a job as a person does, and tells its handler at once if it runs in this queue.
    ///
    /// # Errors
    ///
    /// [`TestError::Storage`].
    pub async fn cancel(&self, id: JobId) -> Result<CancelOutcome, TestError> {
        Ok(self.steps.cancel(id).await?)
    }

    /// Claims the next job of a queue for another process that is never heard of again, as when it was killed in the
    /// middle. Once the stale window is over (45 s by default) a drain revives the job. `None`: there is none to claim.
    ///
    /// # Errors
    ///
    /// [`TestError::Storage`].
    pub async fn claim_and_vanish(&self, queue: &str) -> Result<Option<ClaimedJob>, TestError> {
        Ok(self.steps.claim_and_vanish(queue).await?)
    }
}

fn ran(ended: Ended) -> Ran {
    let Ended { job, outcome, cause, result } = ended;
    let (status, dead_reason) = match result {
        FinishResult::Applied { status, dead_reason } => (Some(status), dead_reason),
        FinishResult::StaleLease => (None, None),
    };
    Ran { job, outcome, cause, status, dead_reason }
}

fn endless(report: &DrainReport) -> TestError {
    let kind = report.ran.last().map(|ran| ran.job.kind.clone()).unwrap_or_default();
    TestError::Endless { ran: report.ran.len(), kind }
}

impl AsRef<Storage> for TestQueue {
    fn as_ref(&self) -> &Storage {
        self.storage()
    }
}

impl fmt::Debug for TestQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestQueue").field("clock", &self.clock).finish_non_exhaustive()
    }
}

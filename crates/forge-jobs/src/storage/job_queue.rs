//! `JobQueue`: the job row's whole life.

use super::{
    CancelOutcome, ClaimBatch, ClaimParams, DropOutcome, EditJobParams, EditOutcome, EnqueueParams,
    FinishParams, FinishResult, Inserted, Lease, ProgressParams, PromoteParams, Promoted, ReleaseParams,
    RetryOutcome, RunNowOutcome, StorageError, SweepParams, SweepReport, VerbParams,
};
use async_trait::async_trait;
use tokio::sync::watch;

/// What has happened to a storage's jobs, as far as a waiting runtime cares. Values only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Grows when a job may have become claimable, or a setting changed.
    pub claimable: u64,
    /// Grows when a job may have become due at some later time.
    pub deferred: u64,
    /// Grows when a heartbeat would bring news: a job that runs in this process was asked to stop, or the lease of the
    /// leader is free.
    pub news: u64,
    /// Grows when a budget may give more than it said: a limit was changed, or a drain was ended.
    pub budgets: u64,
}

/// The job row's whole life.
///
/// Batch first: calls take and return many, and one call is one transaction, at most. Results come in the order of
/// the members; one member that cannot be served fails alone. Dropping a call's future neither undoes nor stops it:
/// what was handed over may still be committed.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// Inserts jobs. Durable when it returns. Calls that arrive while a commit is under way share the next one.
    ///
    /// A member that replaces a job may be a transaction of its own, after the one of the others.
    ///
    /// Idempotent by id: sent again, a job is [`Inserted::AlreadyThere`]. An unknown queue is created with defaults.
    ///
    /// # Errors
    ///
    /// For the call as a whole; nothing was inserted then, unless
    /// [`outcome_unknown`](StorageError::outcome_unknown).
    async fn enqueue(&self, params: EnqueueParams) -> Result<Vec<Inserted>, StorageError>;

    /// Claims due jobs, atomically: no job is handed to two claims. Paused queues give none, whatever is asked.
    /// Not idempotent. Nothing to do: an empty batch.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] when the process is not registered (any more): it must not run anything.
    async fn claim(&self, params: ClaimParams) -> Result<ClaimBatch, StorageError>;

    /// Writes what became of attempts, each guarded by its lease. Idempotent in effect: a second finish of the same
    /// claim is [`FinishResult::StaleLease`].
    ///
    /// A cancel that was requested turns `Retry` and `Throttle` into dead/`cancelled`.
    async fn finish(&self, params: FinishParams) -> Result<Vec<FinishResult>, StorageError>;

    /// Gives claims back without charge, each guarded by its lease: the jobs are pending again, in their old place,
    /// or dead/`cancelled` if that was requested.
    async fn release(&self, params: ReleaseParams) -> Result<Vec<FinishResult>, StorageError>;

    /// A suspect has run alone for long enough: other jobs will run beside it, so a crash from now on does not count
    /// against it. Guarded by its lease; says whether that was valid. Idempotent.
    async fn end_alone(&self, lease: Lease) -> Result<bool, StorageError>;

    /// Keeps what handlers said of their progress. Stale leases are passed over.
    async fn record_progress(&self, params: ProgressParams) -> Result<(), StorageError>;

    /// Makes deferred jobs claimable whose time has come. Idempotent.
    async fn promote(&self, params: PromoteParams) -> Result<Promoted, StorageError>;

    /// Cancels jobs: waiting ones at once, running ones by request. Truthful: what committed first wins.
    async fn cancel(&self, params: VerbParams) -> Result<Vec<CancelOutcome>, StorageError>;

    /// Makes dead and retrying jobs pending, with a fresh attempt budget.
    async fn retry(&self, params: VerbParams) -> Result<Vec<RetryOutcome>, StorageError>;

    /// Makes scheduled and retrying jobs pending; attempts stay.
    async fn run_now(&self, params: VerbParams) -> Result<Vec<RunNowOutcome>, StorageError>;

    /// Deletes jobs for good, running ones excepted.
    async fn drop_jobs(&self, params: VerbParams) -> Result<Vec<DropOutcome>, StorageError>;

    /// Changes a job that waits. Its keys stay as they are, and a job that was made by a request stays known by it.
    ///
    /// # Errors
    ///
    /// [`StorageError::NotFound`] for a queue that is not there, [`StorageError::Invalid`] for an empty patch and for
    /// values out of their bounds. Nothing was changed then.
    async fn edit(&self, params: EditJobParams) -> Result<EditOutcome, StorageError>;

    /// Deletes finished jobs past their queue's window. Idempotent.
    async fn sweep(&self, params: SweepParams) -> Result<SweepReport, StorageError>;

    /// Tells waiting runtimes to look again: of this process at once, of others as soon as it can. For jobs that were
    /// committed by somebody else, in a transaction of the caller's own for instance. Returns at once.
    fn wake(&self);

    /// Tells when to look again. A hint, never the truth: a runtime polls all the same.
    fn changes(&self) -> watch::Receiver<Changes>;
}

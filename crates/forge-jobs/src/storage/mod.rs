//! The seam: what a queue needs of a database, in the words of the domain.
//!
//! Traits, one params struct per operation, errors, and the bundle [`Storage`] that a runtime is given. No SQL, no
//! rows, no pool handles. What a storage must do is defined by the rules of `forge_jobs::conformance`.

mod audit;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod audit_entry;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod checks;
mod cron_storage;
mod edit;
mod error;
mod filter;
#[cfg(any(feature = "sqlite", all(feature = "postgres", feature = "conformance")))]
mod guard;
mod health;
mod history;
mod inspect;
mod job_queue;
mod lease;
mod metrics_storage;
mod params;
#[cfg(feature = "postgres")]
pub mod postgres;
mod process_registry;
mod queue_config;
mod rate_limit_storage;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod schedule_texts;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod transaction;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod usage;
mod verb_words;

pub use crate::config::{ConfigError, DatabaseConfig, OpenError, PathsError, PostgresConfig, QueuePaths};
pub use audit::{
    Actor, Audit, AuditFilter, AuditListParams, AuditOutcome, AuditPage, AuditRow, RecordParams, Role,
    Source, SweepAuditParams,
};
pub use cron_storage::{
    Activity, AllSchedules, Author, CodeWish, CronStorage, DueParams, DueSchedules, EditScheduleParams,
    FireParams, FireResult, NewTick, PutScheduleParams, RunScheduleParams, ScheduleFire, ScheduleRow,
    TickRow, TicksParams, UndeclareParams,
};
pub use edit::{EditJobParams, EditOutcome, JobPatch, job_version};
pub use error::{InvalidValue, StorageError};
pub use filter::{JobFilter, TimeRange};
pub use health::{Connections, Health, IndexHealth, LogHealth, OpenTransaction, RowCount, TableHealth};
pub use history::{
    ErrorGroup, ErrorGroupList, ErrorGroupsParams, ErrorOrder, ErrorQueue, History, LeftOut, LogChunk,
    LogPage, LogsParams, Over, RecordLogsParams, TendErrorsParams, TendErrorsReport,
};
pub use inspect::{
    BoundedCount, Checkup, DueKind, Inspect, JobCount, JobEvent, JobPage, Line, LineParams, ListParams,
    PageCursor, ProcessRow, QueueCounts,
};
pub use job_queue::{Changes, JobQueue};
pub use lease::{FinishResult, Lease};
pub use metrics_storage::{
    MetricsStorage, RollParams, RollReport, SampleRow, SampleSeriesParams, SamplesParams, Series,
    SeriesParams, SeriesRow, Traffic,
};
pub use params::{Begun, LimitReach, LimitedWant};
pub use params::{
    CancelOutcome, ClaimBatch, ClaimMode, ClaimParams, ClaimWant, Claimed, DeregisterParams, DropOutcome,
    EnqueueParams, EnsureQueueParams, Finish, FinishParams, Heartbeat, HeartbeatParams, Inserted, KindFilter,
    ProgressParams, PromoteParams, Promoted, ReapParams, ReapReport, RegisterParams, ReleaseParams,
    RetryOutcome, RunNowOutcome, SweepParams, SweepReport, UpdateQueueParams, VerbParams,
};
pub use process_registry::ProcessRegistry;
pub use queue_config::{QueueConfig, QueueRow, QueueSettings, QueueSettingsPatch, Retention};
pub use rate_limit_storage::{
    AcquireParams, Acquired, AttachParams, DrainParams, LimitRow, Limited, RateLimitStorage, SetBy,
    SetLimitParams,
};
pub use transaction::{BlockingJobTransaction, JobTransaction};

use std::fmt;
use std::sync::Arc;

/// What truly differs between storages. A rule is never skipped for one of them: it asks here what to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether several processes can share the database.
    pub several_processes: bool,
    /// Whether the database's clock is the host's, so that a step of it must be taken into account.
    pub host_clock: bool,
}

impl Capabilities {
    /// For a storage in this process alone, or shared by the processes of one host.
    #[must_use]
    pub const fn of_host(several_processes: bool) -> Self {
        Self { several_processes, host_clock: true }
    }

    /// For a database server.
    #[must_use]
    pub const fn of_server() -> Self {
        Self { several_processes: true, host_clock: false }
    }
}

/// Everything a runtime needs of a database: one trait object per concern. Cloning is cheap.
///
/// Swapping the database moves nothing in the runtime.
#[derive(Clone)]
#[non_exhaustive]
pub struct Storage {
    /// The job row's whole life.
    pub jobs: Arc<dyn JobQueue>,
    /// Who is alive.
    pub processes: Arc<dyn ProcessRegistry>,
    /// Per-queue knobs.
    pub queues: Arc<dyn QueueConfig>,
    /// Budgets of calls.
    pub rate_limits: Arc<dyn RateLimitStorage>,
    /// Schedules.
    pub cron: Arc<dyn CronStorage>,
    /// What is measured, added up.
    pub metrics: Arc<dyn MetricsStorage>,
    /// What people did.
    pub audit: Arc<dyn Audit>,
    /// Reads for people.
    pub inspect: Arc<dyn Inspect>,
    /// What jobs leave behind.
    pub history: Arc<dyn History>,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Storage {
    /// A bundle in which one backend serves every concern.
    #[must_use]
    pub fn new<S>(backend: Arc<S>, capabilities: Capabilities) -> Self
    where
        S: JobQueue
            + ProcessRegistry
            + QueueConfig
            + RateLimitStorage
            + CronStorage
            + MetricsStorage
            + Audit
            + Inspect
            + History,
    {
        Self {
            jobs: backend.clone(),
            processes: backend.clone(),
            queues: backend.clone(),
            rate_limits: backend.clone(),
            cron: backend.clone(),
            metrics: backend.clone(),
            audit: backend.clone(),
            inspect: backend.clone(),
            history: backend,
            capabilities,
        }
    }
}

impl AsRef<Self> for Storage {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

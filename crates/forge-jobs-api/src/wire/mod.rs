//! What travels: plain serde types without logic.
//!
//! Times are RFC 3339 text in UTC with six digits of a second; those of a cron expression have its zone's offset. Values that are absent are `null`.

#[macro_use]
mod raw;

mod audit;
mod bench;
mod bulk;
mod cron;
mod database;
mod doctor;
mod enqueue;
mod error;
mod history;
mod job;
mod limit;
mod look;
mod metrics;
mod object;
mod overview;
mod page;
mod process;
mod queue;
mod request;
mod schedule;
mod seconds;
mod server;
mod why;

pub use audit::{AuditAction, AuditPage, AuditQuery};
pub use bench::{Floor, Measurement, MeasurementSettings, WalBytes};
pub use bulk::{BulkPreview, BulkQuery, BulkReport, BulkRun, BulkVerb, OutcomeCount, RefusedJobs};
pub use cron::CronPreview;
pub use database::{
    DatabaseConnections, DatabaseHealth, DatabaseLog, IndexHealth, OpenTransaction, PoolHealth, RowCount,
    RowCountBy, TableHealth,
};
pub use doctor::{Doctor, Fact, Migrated, WaitingKind};
pub use enqueue::{BulkResult, EnqueueLine, EnqueueOutcome, Enqueued, OnDuplicate};
pub use error::{ErrorBody, ErrorCode, ErrorDetail};
pub use history::{ErrorGroup, ErrorList, ErrorQueue, GroupVerb, LogLevel, LogLine, LogPage};
pub use job::{
    Attempt, AttemptResult, DeadReason, ErrorCause, Job, JobDetail, JobEvent, JobEvents, JobStatus, Progress,
    VerbOutcome, VerbReport, VerbResult, Worker,
};
pub use limit::{Attached, Limit, LimitChanged, LimitList, LimitMode};
pub use look::{ErrorQuery, ErrorSort, GroupBatch, LogQuery, ResourceQuery, TimelineBy, TimelineQuery};
pub use metrics::{
    DeadCounts, Latency, ProcessResources, ResourcePoint, Resources, Sample, Tally, Timeline, TimelineLine,
    TimelineOf, TimelinePoint, Total, Totals,
};
pub use object::Object;
pub use overview::{Alert, AlertSort, Overview, QueueGlance, Recent};
pub use page::{JobCount, JobPage};
pub use process::{Process, Stopped};
pub use queue::{BoundedCount, Counts, Forever, Queue, QueueList, QueueSettings, Retention};
pub use request::{
    Attachment, CronQuery, Drain, EnqueueBatch, JobEdit, JobIds, JobQuery, LimitEdit, Login, QueueEdit,
    ScheduleEdit, TickQuery,
};
pub use schedule::{
    MissedFires, Overlap, Schedule, ScheduleDetail, ScheduleList, ScheduleOwner, ScheduleRemoved,
    ScheduleSettings, ScheduleWish, Tick, TickOutcome,
};
pub use seconds::Seconds;
pub use server::{Changed, EnqueueReport, Me, ProcessList, Role, Served, TickPage, TokenMade, Topic};
pub use why::{Why, WhyReason};

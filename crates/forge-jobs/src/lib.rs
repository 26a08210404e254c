//! A background-job queue with two lives and one code path: in one process on embedded SQLite, and on many
//! replicas sharing one Postgres.
//!
//! # Promise
//!
//! At-least-once execution, and exactly one accepted finish per claim. An enqueue is durable when it returns.
//! Nothing else is promised: make handlers idempotent.
//!
//! # A minimal program
//!
//! ```no_run
#![doc = include_str!("../examples/minimal.rs")]
//! ```
//!
//! # Reading order
//!
//! [`storage::JobQueue`] says what a job goes through; [`retry::decide`] what happens after an attempt;
//! [`QueueRuntime`] runs it all.

mod clock;
pub mod config;
pub mod cron;
mod enqueue;
pub mod errors;
mod handler;
mod hash;
mod host;
mod job;
mod jobs;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod prometheus;
mod queues;
pub mod rate_limit;
pub mod retry;
mod router;
pub mod schedule;
mod schedules;
pub mod storage;
mod telemetry;
mod time;
pub mod timeline;
pub mod why;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod testing;

mod runtime;
mod service;

/// What the page shows is run with the examples of the documentation. It lies outside of the package.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../../docs/testing.md")]
mod testing_page {}

pub use clock::{Clock, SystemClock};
pub use enqueue::{EnqueueError, EnqueueOutcome, Enqueued, Enqueuer};
pub use handler::{AcquireError, RateLimits};
pub use handler::{
    CancelCause, CancelToken, HandlerOptions, HandlerRegistry, JobContext, JobHandler, NoopEcho,
    RegisterError, TypedHandler,
};
pub use job::{
    Attempt, AttemptCause, AttemptResult, ClaimedJob, DeadReason, DeadReasonParseError, Dedupe, DedupeError,
    DedupeStates, Due, EnqueueRequest, ErrorCause, Failure, InvalidRequest, Job, JobId, JobIdParseError,
    JobOutcome, JobPayload, JobStatus, JobStatusParseError, NameError, NewJob, Payload, PayloadError,
    ProcessId, ProcessIdParseError, Progress, Timing, Told, TraceContext, TraceContextError, Worker,
    check_name, clean_error,
};
pub use jobs::Jobs;
pub use limits::{HEARTBEAT_INTERVAL, METRICS_TICK};
pub use queues::Queues;
pub use router::{DefaultRouter, Router};
pub use runtime::{CancelRequest, QueueHandle, QueueRuntime, RuntimeConfig, ShutdownReport, StartError};
pub use schedule::Schedule;
pub use schedules::{ScheduleError, Schedules};
pub use storage::Storage;
pub use time::{Timestamp, TimestampParseError};

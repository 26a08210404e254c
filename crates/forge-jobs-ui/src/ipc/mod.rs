//! The way to a queue: what the panel asks of its host.
//!
//! [`ApiIpc`] asks whoever speaks the API: a server over HTTP ([`HttpWay`]), the desktop program around the page
//! ([`TauriWay`]), or another [`Way`]. With the feature `mock`, `MockIpc` makes a queue up. A host with another language
//! implements [`QueueIpc`].

mod error;
mod fetch;
mod http;
#[cfg(feature = "mock")]
mod mock;
mod tauri;
mod way;

pub use error::IpcError;
pub use fetch::HttpWay;
pub use http::ApiIpc;
#[cfg(feature = "mock")]
pub use mock::MockIpc;
pub use tauri::TauriWay;
pub use way::{Request, Way};

use async_trait::async_trait;
use forge_jobs_api::wire::{
    AuditPage, AuditQuery, BulkPreview, BulkQuery, BulkReport, BulkRun, CronPreview, CronQuery,
    DatabaseHealth, Doctor, Drain, EnqueueLine, Enqueued, ErrorList, ErrorQuery, JobCount, JobDetail,
    JobEdit, JobPage, JobQuery, Limit, LimitChanged, LimitEdit, LimitList, LogPage, LogQuery, Me, Overview,
    ProcessList, Queue, QueueEdit, QueueList, ResourceQuery, Resources, Role, Schedule, ScheduleDetail,
    ScheduleEdit, ScheduleList, ScheduleRemoved, Tick, TickPage, TickQuery, Timeline, TimelineQuery, Topic,
    VerbReport, Why,
};
use std::any::Any;

/// An answer of the host.
pub type Answer<T> = Result<T, IpcError>;

/// What is told of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is open: from here on nothing is missed.
    Open,
    /// What is shown of these topics is out of date.
    Changed(Vec<Topic>),
    /// It broke off; the host tries again by itself.
    Lost,
}

/// What a person does to jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Dead or retrying → pending, with a fresh budget of attempts.
    Retry,
    /// Waiting → dead; running: its process is asked to stop.
    Cancel,
    /// Scheduled or retrying → pending.
    RunNow,
    /// Gone, with its history.
    Drop,
}

impl Verb {
    /// The word in paths.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::RunNow => "run-now",
            Self::Drop => "drop",
        }
    }

    /// The word on buttons.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Cancel => "Cancel",
            Self::RunNow => "Run now",
            Self::Drop => "Drop",
        }
    }

    /// Who may.
    #[must_use]
    pub const fn needs(self) -> Role {
        match self {
            Self::Drop => Role::Admin,
            _ => Role::Operator,
        }
    }
}

/// A queue, as the panel sees it. Every method may fail with a typed [`IpcError`]; none may panic. Futures stay on the
/// thread of the page. Dropping one does not undo what was asked for.
///
/// The panel sets no time limits: a host that may hang gives up by itself, with [`IpcError::Offline`]. `version` is that of
/// what was shown, and a host that has another by now refuses with
/// [`PreconditionFailed`](forge_jobs_api::wire::ErrorCode::PreconditionFailed). [`IpcError::needs_login`] leads to the login.
#[async_trait(?Send)]
pub trait QueueIpc {
    /// Who the caller is, and what the caller may do.
    async fn me(&self) -> Answer<Me>;
    /// The page on which callers log in, if the host has one of its own: the panel leads there when nobody is known, and
    /// leaves logging out to the host. `None`, as by default: the panel asks for a token.
    fn login_page(&self) -> Option<&str> {
        None
    }
    /// Begins a session for a token.
    async fn log_in(&self, token: &str) -> Answer<Me>;
    /// Ends the session.
    async fn log_out(&self) -> Answer<()>;
    /// The state of all queues together.
    async fn overview(&self) -> Answer<Overview>;
    /// What happened to jobs over a range of time.
    async fn timeline(&self, query: &TimelineQuery) -> Answer<Timeline>;
    /// What processes used over a range of time.
    async fn resources(&self, query: &ResourceQuery) -> Answer<Resources>;
    /// What a job's handler logged.
    async fn log(&self, id: &str, query: &LogQuery) -> Answer<LogPage>;
    /// What goes wrong, by sort.
    async fn errors(&self, query: &ErrorQuery) -> Answer<ErrorList>;
    /// All registered processes.
    async fn processes(&self) -> Answer<ProcessList>;
    /// Everything that is wrong.
    async fn check_up(&self) -> Answer<Doctor>;
    /// What people did.
    async fn audit(&self, query: &AuditQuery) -> Answer<AuditPage>;
    /// All queues.
    async fn queues(&self) -> Answer<QueueList>;
    /// One queue.
    async fn queue(&self, name: &str) -> Answer<Queue>;
    /// Changes settings, if the queue still has this version.
    async fn edit_queue(&self, name: &str, version: i64, edit: &QueueEdit) -> Answer<Queue>;
    /// Suspends claims.
    async fn pause_queue(&self, name: &str) -> Answer<Queue>;
    /// Lets claims go on.
    async fn resume_queue(&self, name: &str) -> Answer<Queue>;
    /// A page of jobs.
    async fn jobs(&self, query: &JobQuery) -> Answer<JobPage>;
    /// How many jobs a filter lets through.
    async fn count_jobs(&self, query: &JobQuery) -> Answer<JobCount>;
    /// What a verb on many jobs would come to.
    async fn preview_bulk(&self, query: &BulkQuery) -> Answer<BulkPreview>;
    /// Does something to a part of the jobs of a filter.
    async fn run_bulk(&self, verb: Verb, run: &BulkRun) -> Answer<BulkReport>;
    /// How the database is.
    async fn database(&self) -> Answer<DatabaseHealth>;
    /// A job with its history.
    async fn job(&self, id: &str) -> Answer<JobDetail>;
    /// Why a job is not running.
    async fn why(&self, id: &str) -> Answer<Why>;
    /// Changes a job that waits, if it still has this version.
    async fn edit_job(&self, id: &str, version: i64, edit: &JobEdit) -> Answer<JobDetail>;
    /// Does something to up to 1,000 jobs; an answer for each.
    async fn do_to(&self, verb: Verb, ids: &[String]) -> Answer<VerbReport>;
    /// Enqueues a job. The key makes sending it again harmless.
    async fn enqueue(&self, job: &EnqueueLine, key: &str) -> Answer<Enqueued>;
    /// All schedules.
    async fn schedules(&self) -> Answer<ScheduleList>;
    /// A schedule with its latest fires.
    async fn schedule(&self, name: &str) -> Answer<ScheduleDetail>;
    /// What became of a schedule's fires.
    async fn ticks(&self, name: &str, query: &TickQuery) -> Answer<TickPage>;
    /// Changes a schedule, if it still has this version.
    async fn edit_schedule(&self, name: &str, version: i64, edit: &ScheduleEdit) -> Answer<Schedule>;
    /// Makes a schedule.
    async fn put_schedule(&self, name: &str, edit: &ScheduleEdit) -> Answer<Schedule>;
    /// Stops a schedule from firing.
    async fn pause_schedule(&self, name: &str) -> Answer<Schedule>;
    /// Lets a schedule fire again.
    async fn resume_schedule(&self, name: &str) -> Answer<Schedule>;
    /// Gives a schedule back to the code that declared it.
    async fn reset_schedule(&self, name: &str) -> Answer<Schedule>;
    /// Deletes a schedule.
    async fn remove_schedule(&self, name: &str) -> Answer<ScheduleRemoved>;
    /// Enqueues a schedule's job now.
    async fn run_schedule(&self, name: &str) -> Answer<Tick>;
    /// When an expression fires.
    async fn cron_fires(&self, query: &CronQuery) -> Answer<CronPreview>;
    /// All scopes with a limit.
    async fn limits(&self) -> Answer<LimitList>;
    /// Gives a scope a limit; with a version, only if the limit that holds for it still has that one.
    async fn set_limit(&self, scope: &str, version: Option<i64>, edit: &LimitEdit) -> Answer<Limit>;
    /// Takes a limit away.
    async fn remove_limit(&self, scope: &str) -> Answer<LimitChanged>;
    /// Gives nothing of a scope for a while.
    async fn drain_limit(&self, scope: &str, drain: &Drain) -> Answer<Limit>;
    /// Ends a drain.
    async fn lift_drain(&self, scope: &str) -> Answer<Limit>;
    /// Tells of changes until what it gives is dropped: [`Heard::Open`] first and after each [`Heard::Lost`]. Called back on
    /// the thread of the page, perhaps before this returns.
    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any>;
}

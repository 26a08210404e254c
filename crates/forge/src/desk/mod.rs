//! Where commands do their work: on a database, or at a server. Both give the same answers, in the same types.

mod jobs;
mod look;
mod remote;

use crate::actor::actor;
use crate::database::Database;
use crate::exit::Failure;
use forge_jobs_api::service::Api;
use forge_jobs_api::service::redact::Redaction;
use forge_jobs_api::wire::{
    Attachment, AuditPage, AuditQuery, BulkResult, DatabaseHealth, Doctor, Drain, EnqueueBatch, EnqueueLine,
    EnqueueReport, Enqueued, ErrorCode, Limit, LimitChanged, LimitEdit, LimitList, Queue, QueueEdit,
    QueueList, Schedule, ScheduleDetail, ScheduleEdit, ScheduleList, ScheduleRemoved, Tick, TickPage,
    TickQuery,
};
use http::Method;
use jobs::word;
use remote::Remote;
use std::path::PathBuf;

const DATABASE_HELP: &str = "The database: sqlite:PATH or postgres://user@host/database";
const SERVER_HELP: &str =
    "A server of `forge serve` to ask instead of a database, as https://jobs.example.com";

/// Where to work, as the command line says.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Where {
    #[arg(long, global = true, value_name = "URL", help = DATABASE_HELP, help_heading = crate::EVERYWHERE)]
    pub(crate) database: Option<String>,

    #[arg(long, global = true, value_name = "URL", conflicts_with = "database", help = SERVER_HELP,
        help_heading = crate::EVERYWHERE)]
    server: Option<String>,

    /// A file with the token for the server
    #[arg(long, global = true, value_name = "FILE", requires = "server", help_heading = crate::EVERYWHERE)]
    token_file: Option<PathBuf>,
}

impl Where {
    /// Refuses a server, for a command that works on a database.
    pub(crate) fn no_server(&self, command: &str) -> Result<(), Failure> {
        if self.server.is_none() {
            return Ok(());
        }
        let text = format!("`forge {command}` works on a database: leave --server out");
        Err(Failure::new(ErrorCode::Invalid, text))
    }

    /// The database of a command that needs one.
    pub(crate) fn database(&self, command: &str) -> Result<Database, Failure> {
        self.no_server(command)?;
        Database::choose(self.database.as_deref())
    }

    /// The server, or the database, which must be there.
    pub(crate) async fn existing(&self) -> Result<Desk, Failure> {
        match &self.server {
            Some(url) => Ok(Desk::There(Remote::new(url, self.token_file.as_deref())?)),
            None => Ok(Desk::Here(api(Database::choose(self.database.as_deref())?.open_existing().await?))),
        }
    }

    /// The server, or the database, which is made if need be.
    pub(crate) async fn lasting(&self) -> Result<Desk, Failure> {
        match &self.server {
            Some(url) => Ok(Desk::There(Remote::new(url, self.token_file.as_deref())?)),
            None => Ok(Desk::Here(api(Database::choose(self.database.as_deref())?.open_lasting().await?))),
        }
    }
}

/// Who has the database has its secrets: nothing is hidden here.
fn api(storage: forge_jobs::Storage) -> Api {
    Api::new(storage).with_redaction(Redaction::none()).acting_as(actor())
}

/// A database, or a server.
pub(crate) enum Desk {
    Here(Api),
    There(Remote),
}

impl Desk {
    pub(crate) async fn audit(&self, query: AuditQuery) -> Result<AuditPage, Failure> {
        match self {
            Self::Here(api) => Ok(api.audit(query).await?),
            Self::There(server) => server.get_with(&["audit"], &query).await,
        }
    }

    pub(crate) async fn enqueue(&self, line: EnqueueLine) -> Result<Enqueued, Failure> {
        match self {
            Self::Here(api) => Ok(api.enqueue(line, None).await?.enqueued),
            Self::There(server) => server.send(Method::POST, &["jobs"], Some(&line), None).await,
        }
    }

    /// Enqueues jobs: an answer for each, in their order. After a failure that is none of theirs there are fewer.
    pub(crate) async fn enqueue_many(&self, jobs: Vec<EnqueueLine>) -> Vec<Result<Enqueued, Failure>> {
        match self {
            Self::Here(api) => {
                api.enqueue_lines(jobs).await.into_iter().map(|r| r.map_err(Failure::from)).collect()
            }
            Self::There(server) => {
                let mut answers = Vec::with_capacity(jobs.len());
                for jobs in pieces(jobs) {
                    let sent = server
                        .send(Method::POST, &["jobs", "batch"], Some(&EnqueueBatch { jobs }), None)
                        .await;
                    match sent {
                        Ok(EnqueueReport { results }) => answers.extend(results.into_iter().map(answer)),
                        Err(failure) => {
                            answers.push(Err(failure));
                            break;
                        }
                    }
                }
                answers
            }
        }
    }

    pub(crate) async fn queues(&self) -> Result<QueueList, Failure> {
        match self {
            Self::Here(api) => Ok(api.queues().await?),
            Self::There(server) => server.get(&["queues"]).await,
        }
    }

    pub(crate) async fn edit_queue(
        &self,
        name: &str,
        edit: &QueueEdit,
        version: Option<i64>,
    ) -> Result<Queue, Failure> {
        match self {
            Self::Here(api) => Ok(api.edit_queue(name, edit, version).await?),
            Self::There(server) => server.send(Method::PATCH, &["queues", name], Some(edit), version).await,
        }
    }

    pub(crate) async fn pause_queue(&self, name: &str) -> Result<Queue, Failure> {
        match self {
            Self::Here(api) => Ok(api.pause_queue(name, None).await?),
            Self::There(server) => server.post(&["queues", name, "pause"]).await,
        }
    }

    pub(crate) async fn resume_queue(&self, name: &str) -> Result<Queue, Failure> {
        match self {
            Self::Here(api) => Ok(api.resume_queue(name, None).await?),
            Self::There(server) => server.post(&["queues", name, "resume"]).await,
        }
    }

    pub(crate) async fn database(&self) -> Result<DatabaseHealth, Failure> {
        match self {
            Self::Here(api) => Ok(api.database().await?),
            Self::There(server) => server.get(&["database"]).await,
        }
    }

    pub(crate) async fn check_up(&self) -> Result<Doctor, Failure> {
        match self {
            Self::Here(api) => Ok(api.check_up().await?),
            Self::There(server) => server.get(&["checkup"]).await,
        }
    }
}

/// What a server reads at a time.
const PIECE_JOBS: usize = 1_000;
const PIECE_BYTES: usize = 4 << 20;

/// Jobs in pieces that a server reads.
fn pieces(jobs: Vec<EnqueueLine>) -> Vec<Vec<EnqueueLine>> {
    let mut all: Vec<Vec<EnqueueLine>> = Vec::new();
    let mut bytes = 0;
    for job in jobs {
        // What else a job has is bounded, and small beside what is left of a server's limit.
        let size = job.payload.get().len();
        match all.last_mut() {
            Some(last) if last.len() < PIECE_JOBS && bytes + size <= PIECE_BYTES => {
                bytes += size;
                last.push(job);
            }
            _ => {
                bytes = size;
                all.push(vec![job]);
            }
        }
    }
    all
}

/// One answer of many.
fn answer(result: BulkResult) -> Result<Enqueued, Failure> {
    match result {
        BulkResult { id: Some(id), outcome: Some(outcome), .. } => Ok(Enqueued { id, outcome }),
        BulkResult { error: Some(detail), .. } => Err(Failure::from_wire(detail)),
        _ => Err(Failure::new(ErrorCode::Failed, "the server gave no answer to a job")),
    }
}

/// Budgets of calls.
impl Desk {
    pub(crate) async fn limits(&self) -> Result<LimitList, Failure> {
        match self {
            Self::Here(api) => Ok(api.limits().await?),
            Self::There(server) => server.get(&["limits"]).await,
        }
    }

    pub(crate) async fn limit(&self, scope: &str) -> Result<Limit, Failure> {
        match self {
            Self::Here(api) => Ok(api.limit(scope).await?),
            Self::There(server) => server.get(&["limits", scope]).await,
        }
    }

    pub(crate) async fn set_limit(&self, scope: &str, edit: LimitEdit) -> Result<Limit, Failure> {
        match self {
            Self::Here(api) => Ok(api.set_limit(scope, edit, None).await?),
            Self::There(server) => server.send(Method::PUT, &["limits", scope], Some(&edit), None).await,
        }
    }

    pub(crate) async fn remove_limit(&self, scope: &str) -> Result<LimitChanged, Failure> {
        match self {
            Self::Here(api) => api.remove_limit(scope).await.map_err(Failure::from),
            Self::There(server) => server.delete(&["limits", scope]).await,
        }
        .or_else(|failure| match failure.code() {
            // What was to be so is so.
            ErrorCode::NotFound => Ok(LimitChanged { changed: false }),
            _ => Err(failure),
        })
    }

    pub(crate) async fn drain_limit(&self, scope: &str, drain: Drain) -> Result<Limit, Failure> {
        match self {
            Self::Here(api) => Ok(api.drain_limit(scope, drain).await?),
            Self::There(server) => {
                server.send(Method::PUT, &["limits", scope, "drain"], Some(&drain), None).await
            }
        }
    }

    pub(crate) async fn lift_drain(&self, scope: &str) -> Result<Limit, Failure> {
        match self {
            Self::Here(api) => Ok(api.lift_drain(scope).await?),
            Self::There(server) => server.delete(&["limits", scope, "drain"]).await,
        }
    }

    pub(crate) async fn attach(&self, to: &Lane, scope: &str) -> Result<Limit, Failure> {
        match (self, to) {
            (Self::Here(api), Lane::Queue(name)) => Ok(api.attach_queue(name, scope).await?),
            (Self::Here(api), Lane::Kind(name)) => Ok(api.attach_kind(name, scope).await?),
            (Self::There(server), lane) => {
                let body = Attachment { scope: scope.to_owned() };
                server.send(Method::PUT, &lane.path(), Some(&body), None).await
            }
        }
    }

    pub(crate) async fn detach(&self, from: &Lane) -> Result<LimitChanged, Failure> {
        match (self, from) {
            (Self::Here(api), Lane::Queue(name)) => Ok(api.detach_queue(name).await?),
            (Self::Here(api), Lane::Kind(name)) => Ok(api.detach_kind(name).await?),
            (Self::There(server), lane) => server.delete(&lane.path()).await,
        }
    }
}

/// Schedules.
impl Desk {
    pub(crate) async fn schedules(&self) -> Result<ScheduleList, Failure> {
        match self {
            Self::Here(api) => Ok(api.schedule_list().await?),
            Self::There(server) => server.get(&["schedules"]).await,
        }
    }

    /// A schedule with at most so many of its latest fires.
    pub(crate) async fn schedule(&self, name: &str, ticks: u32) -> Result<ScheduleDetail, Failure> {
        match self {
            Self::Here(api) => Ok(api.schedule(name, Some(ticks)).await?),
            Self::There(server) => {
                let mut detail: ScheduleDetail = server.get(&["schedules", name]).await?;
                let query = TickQuery { limit: Some(ticks), before: None };
                let page: TickPage = server.get_with(&["schedules", name, "ticks"], &query).await?;
                detail.ticks = page.ticks;
                Ok(detail)
            }
        }
    }

    pub(crate) async fn put_schedule(&self, name: &str, edit: &ScheduleEdit) -> Result<Schedule, Failure> {
        match self {
            Self::Here(api) => Ok(api.put_schedule(name, edit, None).await?),
            Self::There(server) => server.send(Method::PUT, &["schedules", name], Some(edit), None).await,
        }
    }

    pub(crate) async fn edit_schedule(
        &self,
        name: &str,
        edit: &ScheduleEdit,
        version: Option<i64>,
    ) -> Result<Schedule, Failure> {
        match self {
            Self::Here(api) => Ok(api.edit_schedule(name, edit, version).await?),
            Self::There(server) => {
                server.send(Method::PATCH, &["schedules", name], Some(edit), version).await
            }
        }
    }

    pub(crate) async fn pause_schedule(&self, name: &str) -> Result<Schedule, Failure> {
        match self {
            Self::Here(api) => Ok(api.pause_schedule(name, None).await?),
            Self::There(server) => server.post(&["schedules", name, "pause"]).await,
        }
    }

    pub(crate) async fn resume_schedule(&self, name: &str) -> Result<Schedule, Failure> {
        match self {
            Self::Here(api) => Ok(api.resume_schedule(name, None).await?),
            Self::There(server) => server.post(&["schedules", name, "resume"]).await,
        }
    }

    pub(crate) async fn reset_schedule(&self, name: &str) -> Result<Schedule, Failure> {
        match self {
            Self::Here(api) => Ok(api.reset_schedule(name, None).await?),
            Self::There(server) => server.post(&["schedules", name, "reset"]).await,
        }
    }

    pub(crate) async fn run_schedule(&self, name: &str) -> Result<Tick, Failure> {
        match self {
            Self::Here(api) => Ok(api.run_schedule(name).await?),
            Self::There(server) => server.post(&["schedules", name, "run"]).await,
        }
    }

    pub(crate) async fn remove_schedule(&self, name: &str) -> Result<ScheduleRemoved, Failure> {
        match self {
            Self::Here(api) => Ok(api.remove_schedule(name).await?),
            Self::There(server) => server.delete(&["schedules", name]).await,
        }
    }
}

/// What a limit is attached to.
pub(crate) enum Lane {
    Queue(String),
    Kind(String),
}

impl Lane {
    fn path(&self) -> [&str; 3] {
        match self {
            Self::Queue(name) => ["queues", name, "limit"],
            Self::Kind(name) => ["kinds", name, "limit"],
        }
    }
}

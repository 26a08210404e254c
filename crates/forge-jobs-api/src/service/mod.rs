//! What the API does, without HTTP: typed request in, typed answer or [`ApiError`] out.
//!
//! The HTTP routes are a thin layer over [`Api`], and so is a desktop host, whose panel sits in the same process: both
//! get the same answers. Who may call what is the business of that layer. What is shown is [redacted](redact) here, so
//! that no layer can forget to.

mod alerts;
mod audit;
mod bulk;
mod checkup;
mod database;
mod edit;
mod enqueue;
mod error;
mod filter;
mod freshness;
mod history;
mod jobs;
mod limits;
mod lists;
mod metrics;
mod overview;
mod queues;
pub mod redact;
mod schedule_edit;
mod schedules;

pub use checkup::{doctor, unreadable};
pub use enqueue::{IdempotencyKey, Receipt};
pub use error::ApiError;
pub use jobs::Verb;
pub use schedule_edit::check_schedule;

use crate::convert;
use crate::wire::{Process, ProcessList, Queue};
use checkup::Checking;
use forge_jobs::storage::Actor;
use forge_jobs::{DefaultRouter, Router, Schedules, Storage, Timestamp};
use freshness::Fresh;
use metrics::Rolling;
use overview::Glance;
use redact::Redaction;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How old what costs more may be.
const GLANCE_AGE: Duration = Duration::from_secs(2);

/// A queue, for those who see and steer it. Cloning is cheap.
///
/// ```no_run
/// use forge_jobs_api::service::{Api, ApiError, Verb};
/// use forge_jobs_api::wire::{JobQuery, JobStatus};
///
/// # async fn retry_dead(storage: forge_jobs::Storage) -> Result<(), ApiError> {
/// let api = Api::new(storage);
/// let dead = JobQuery { status: Some(JobStatus::Dead), queue: Some("mail".into()), ..JobQuery::default() };
/// let ids: Vec<String> = api.jobs(dead).await?.jobs.into_iter().map(|job| job.id).collect();
/// if !ids.is_empty() {
///     let report = api.act_on_jobs(Verb::Retry, &ids).await?;
///     println!("{} answers", report.results.len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// No call is cancel safe: a change whose call was dropped may be made all the same. Each is bounded by the time limit of
/// the storage's calls, 30 s unless it was set otherwise.
#[derive(Clone)]
pub struct Api {
    storage: Storage,
    router: Arc<dyn Router>,
    redaction: Arc<Redaction>,
    /// For whom it acts.
    actor: Option<Actor>,
    /// Counts cost a scan; however many look at them, they are counted twice a second at most, and where that takes long
    /// for a twentieth of the time.
    counted: Arc<Fresh<Vec<Queue>>>,
    /// What stands in the overview besides.
    glanced: Arc<Fresh<Arc<Glance>>>,
    /// What Prometheus was told last.
    scraped: Arc<Fresh<Arc<str>>>,
    /// Whether and how readers add up what happened.
    rolling: Option<Arc<Rolling>>,
    /// A check-up reads everything: one at a time.
    checking: Arc<Checking>,
}

impl Api {
    /// On a storage, with the default router and the default redaction.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            router: Arc::new(DefaultRouter),
            redaction: Arc::default(),
            actor: None,
            counted: Arc::default(),
            glanced: Arc::new(Fresh::for_up_to(GLANCE_AGE)),
            scraped: Arc::default(),
            rolling: None,
            checking: Arc::default(),
        }
    }

    /// With the program's own router, which picks the queue of jobs that name none.
    #[must_use]
    pub fn with_router(mut self, router: Arc<dyn Router>) -> Self {
        self.router = router;
        self
    }

    /// With another redaction; [`Redaction::none`] shows everything.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = Arc::new(redaction);
        self
    }

    /// On behalf of a person, whom the audit names with all that is changed through this object.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    fn actor(&self) -> Option<Actor> {
        self.actor.clone()
    }

    /// The storage that it works on.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// What is hidden of payloads and texts.
    #[must_use]
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    fn schedules(&self) -> Schedules {
        let schedules = Schedules::new(self.storage.clone(), Arc::clone(&self.router));
        match self.actor() {
            Some(actor) => schedules.acting_as(actor),
            None => schedules,
        }
    }

    /// Something was changed through this object: what was counted before is out of date.
    fn touched(&self) {
        self.counted.forget();
        self.glanced.forget();
        self.scraped.forget();
    }

    /// Whether the database answers. Waits for as long as a call of the storage may take: callers with less patience bound
    /// it.
    ///
    /// # Errors
    ///
    /// `unavailable` when it does not.
    pub async fn ping(&self) -> Result<(), ApiError> {
        self.storage.queues.list().await?;
        Ok(())
    }

    /// All registered processes, the oldest first.
    ///
    /// # Errors
    ///
    /// What reading the storage gave.
    pub async fn processes(&self) -> Result<ProcessList, ApiError> {
        let now = Timestamp::now();
        let rows = self.storage.inspect.processes().await?;
        Ok(ProcessList { processes: rows.iter().map(|row| convert::process(row, now)).collect() })
    }

    /// One process.
    ///
    /// # Errors
    ///
    /// `not_found`, and what reading the storage gave.
    pub async fn process(&self, id: &str) -> Result<Process, ApiError> {
        let all = self.processes().await?.processes;
        all.into_iter().find(|p| p.id == id).ok_or_else(|| ApiError::not_found("process", id))
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("storage", &self.storage).finish_non_exhaustive()
    }
}

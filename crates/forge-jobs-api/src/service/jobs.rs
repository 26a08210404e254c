//! Jobs: one job with all that is known of it, and the operator's verbs.

use super::filter::domain_status;
use super::{Api, ApiError};
use crate::wire::{Job, JobDetail, VerbOutcome, VerbReport, VerbResult, Why};
use forge_jobs::JobId;
use forge_jobs::limits::{DEFAULT_PAGE, MAX_PAGE, MAX_VERB_BATCH};
use forge_jobs::storage::{StorageError, VerbParams, job_version};

/// What to do with jobs. The HTTP routes want an operator for it, and an admin for [`Self::Drop`]; who calls
/// [`Api`](super::Api) itself has to see to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Waiting ones are dead at once, running ones are asked to stop.
    Cancel,
    /// Dead and retrying ones are pending, with a fresh attempt budget.
    Retry,
    /// Scheduled and retrying ones are pending; attempts stay.
    RunNow,
    /// They are deleted, running ones excepted.
    Drop,
}

/// Rows of a page.
pub(super) fn page(limit: Option<u32>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::invalid("limit", format!("limit {limit} is out of range: use 1 to {MAX_PAGE}")))
}

/// A job's id.
pub(super) fn job_id(text: &str) -> Result<JobId, ApiError> {
    text.parse().map_err(|e: forge_jobs::JobIdParseError| ApiError::invalid("id", e.to_string()))
}

impl Api {
    /// A job with its attempts and what happened to it.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid` for a text that is no id, and what reading the storage gave.
    pub async fn job(&self, id: &str) -> Result<JobDetail, ApiError> {
        let parsed = job_id(id)?;
        let inspect = &self.storage.inspect;
        let job = inspect.job(parsed).await?.ok_or_else(|| ApiError::not_found("job", id))?;
        let attempts = inspect.attempts(parsed).await?;
        let events = inspect.events(parsed).await?;
        Ok(JobDetail {
            version: job_version(&job, &events),
            job: self.redaction.job(Job::from(&job)),
            attempts: attempts.iter().map(|a| self.redaction.attempt(a.into())).collect(),
            events: events.iter().map(|e| self.redaction.event(e.into())).collect(),
        })
    }

    /// Why a job is not running, and what helps.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn why(&self, id: &str) -> Result<Why, ApiError> {
        let parsed = job_id(id)?;
        let why = forge_jobs::why::why(&self.storage, parsed, None).await?;
        why.map(|why| Why::from(&why)).ok_or_else(|| ApiError::not_found("job", id))
    }

    /// Does something with jobs, at most 1,000: an answer for each, in their order.
    ///
    /// # Errors
    ///
    /// `invalid` for none or too many, or for a text that is no id; and what the storage gave. Nothing is changed then,
    /// unless the remedy says so.
    pub async fn act_on_jobs(&self, verb: Verb, ids: &[String]) -> Result<VerbReport, ApiError> {
        if ids.is_empty() || ids.len() > MAX_VERB_BATCH {
            let text = format!("{} ids are out of range: use 1 to {MAX_VERB_BATCH}", ids.len());
            return Err(ApiError::invalid("ids", text));
        }
        let parsed =
            ids.iter().map(|id| job_id(id).map_err(|e| e.on("ids"))).collect::<Result<Vec<_>, _>>()?;
        let results = self.apply(verb, &parsed).await;
        self.touched();
        Ok(VerbReport { results: results? })
    }

    /// Does something with one job.
    ///
    /// # Errors
    ///
    /// `not_found`; `conflict` when its state does not allow it, and nothing is changed; `invalid`, and what the storage
    /// gave.
    pub async fn act_on_job(&self, verb: Verb, id: &str) -> Result<VerbResult, ApiError> {
        let report = self.act_on_jobs(verb, &[id.to_owned()]).await.map_err(|e| match e.field() {
            Some("ids") => e.on("id"),
            _ => e,
        })?;
        let Some(result) = report.results.into_iter().next() else {
            return Err(ApiError::not_found("job", id));
        };
        let status =
            result.status.and_then(domain_status).map(forge_jobs::JobStatus::as_str).unwrap_or_default();
        let conflict = |text: String| Err(ApiError::new(crate::wire::ErrorCode::Conflict, text));
        match result.outcome {
            VerbOutcome::Unknown => Err(ApiError::not_found("job", id)),
            VerbOutcome::Refused => conflict(refusal(verb, id, status)),
            VerbOutcome::AlreadyFinished => {
                conflict(format!("job {id} is {status}: there is nothing to cancel"))
            }
            VerbOutcome::Duplicate => {
                let holder = result.duplicate_of.as_deref().unwrap_or_default();
                conflict(format!(
                    "job {holder} holds the dedupe key of job {id}: when that is finished or dropped, retry again"
                ))
            }
            _ => Ok(result),
        }
    }

    pub(super) async fn apply(&self, verb: Verb, ids: &[JobId]) -> Result<Vec<VerbResult>, StorageError> {
        /// Pairs each id with its outcome.
        fn each<O>(ids: &[JobId], outcomes: Vec<O>, of: fn(JobId, O) -> VerbResult) -> Vec<VerbResult> {
            ids.iter().copied().zip(outcomes).map(|(id, outcome)| of(id, outcome)).collect()
        }
        let jobs = &self.storage.jobs;
        let params = VerbParams { ids: ids.to_vec(), actor: self.actor(), now: None };
        Ok(match verb {
            Verb::Cancel => each(ids, jobs.cancel(params).await?, VerbResult::of_cancel),
            Verb::Retry => each(ids, jobs.retry(params).await?, VerbResult::of_retry),
            Verb::RunNow => each(ids, jobs.run_now(params).await?, VerbResult::of_run_now),
            Verb::Drop => each(ids, jobs.drop_jobs(params).await?, VerbResult::of_drop),
        })
    }
}

fn refusal(verb: Verb, id: &str, status: &str) -> String {
    let allowed = match verb {
        Verb::Cancel => "only unfinished jobs can be cancelled",
        Verb::Retry => "only dead and retrying jobs can be retried",
        Verb::RunNow => "only scheduled and retrying jobs can be run now",
        Verb::Drop => "cancel it first",
    };
    format!("job {id} is {status}: {allowed}")
}

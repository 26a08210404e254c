//! Edits of jobs that wait.

use super::jobs::job_id;
use super::{Api, ApiError};
use crate::wire::{ErrorCode, JobDetail, JobEdit};
use forge_jobs::storage::{EditJobParams, EditOutcome, JobPatch};
use forge_jobs::{Payload, Timestamp};

fn patch(edit: JobEdit) -> Result<JobPatch, ApiError> {
    let JobEdit { payload, priority, run_at, queue, tags } = edit;
    let payload = payload.map(|payload| {
        let payload = Payload::from_json_text(payload.get());
        payload.map_err(|e| ApiError::invalid("payload", e.to_string()))
    });
    let run_at =
        run_at.map(|text| text.parse::<Timestamp>().map_err(|e| ApiError::invalid("run_at", e.to_string())));
    Ok(JobPatch { payload: payload.transpose()?, priority, run_at: run_at.transpose()?, queue, tags })
}

impl Api {
    /// Changes a job that waits, if it still has the expected version; `None`: whatever it has. Its keys stay as they are.
    ///
    /// # Errors
    ///
    /// `not_found`, also for the queue; `invalid`; `precondition_failed` when it has another version by now; `conflict`
    /// when it runs or is finished; and what the storage gave. Nothing is changed then.
    pub async fn edit_job(
        &self,
        id: &str,
        edit: JobEdit,
        expected_version: Option<i64>,
    ) -> Result<JobDetail, ApiError> {
        let parsed = job_id(id)?;
        let patch = patch(edit)?;
        if patch == JobPatch::default() {
            return Err(ApiError::invalid("body", "nothing to change: give at least one field"));
        }
        let params = EditJobParams { id: parsed, patch, expected_version, actor: self.actor(), now: None };
        let outcome = self.storage.jobs.edit(params).await;
        self.touched();
        match outcome? {
            EditOutcome::Edited => self.job(id).await,
            EditOutcome::Refused { status } => {
                let text = format!("job {id} is {status}: only jobs that wait can be edited");
                Err(ApiError::new(ErrorCode::Conflict, text))
            }
            EditOutcome::Changed => {
                let text = format!("job {id} was changed since: look at it again");
                Err(ApiError::new(ErrorCode::PreconditionFailed, text).on("If-Match"))
            }
            _ => Err(ApiError::not_found("job", id)),
        }
    }
}

//! Metrics, logs, and errors by sort.

use super::Desk;
use crate::exit::Failure;
use forge_jobs_api::service::Verb;
use forge_jobs_api::wire::{
    ErrorCode, ErrorGroup, ErrorList, ErrorQuery, GroupBatch, GroupVerb, LogPage, LogQuery, ResourceQuery,
    Resources, Timeline, TimelineQuery,
};
use http::Method;

impl Desk {
    pub(crate) async fn timeline(&self, query: &TimelineQuery) -> Result<Timeline, Failure> {
        match self {
            Self::Here(api) => Ok(api.timeline(query).await?),
            Self::There(server) => server.get_with(&["metrics", "timeline"], query).await,
        }
    }

    pub(crate) async fn resources(&self, query: &ResourceQuery) -> Result<Resources, Failure> {
        match self {
            Self::Here(api) => Ok(api.resources(query).await?),
            Self::There(server) => server.get_with(&["metrics", "resources"], query).await,
        }
    }

    pub(crate) async fn job_log(&self, id: &str, query: &LogQuery) -> Result<LogPage, Failure> {
        match self {
            Self::Here(api) => Ok(api.job_log(id, query).await?),
            Self::There(server) => server.get_with(&["jobs", id, "logs"], query).await,
        }
    }

    pub(crate) async fn errors(&self, query: &ErrorQuery) -> Result<ErrorList, Failure> {
        match self {
            Self::Here(api) => Ok(api.errors(query).await?),
            Self::There(server) => server.get_with(&["errors"], query).await,
        }
    }

    pub(crate) async fn error_group(&self, id: &str) -> Result<ErrorGroup, Failure> {
        match self {
            Self::Here(api) => Ok(api.error_group(id).await?),
            Self::There(server) => server.get(&["errors", id]).await,
        }
    }

    /// Retries or drops jobs that are dead of a sort of errors, a bounded number at a time.
    pub(crate) async fn act_on_error_group(
        &self,
        verb: Verb,
        id: &str,
        after: Option<String>,
    ) -> Result<GroupVerb, Failure> {
        match (self, verb) {
            (Self::Here(api), Verb::Retry) => Ok(api.retry_error_group(id, after.as_deref()).await?),
            (Self::Here(api), Verb::Drop) => Ok(api.drop_error_group(id, after.as_deref()).await?),
            (Self::There(server), Verb::Retry | Verb::Drop) => {
                let batch = GroupBatch { after };
                server.send(Method::POST, &["errors", id, super::word(verb)], Some(&batch), None).await
            }
            (_, Verb::Cancel | Verb::RunNow) => {
                let text = "the jobs of a sort of errors are dead: they can be retried or dropped";
                Err(Failure::new(ErrorCode::Invalid, text))
            }
        }
    }
}

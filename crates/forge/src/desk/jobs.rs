//! Jobs.

use super::Desk;
use crate::exit::Failure;
use forge_jobs_api::service::Verb;
use forge_jobs_api::wire::{
    BulkPreview, BulkQuery, BulkReport, BulkRun, JobCount, JobDetail, JobEdit, JobIds, JobPage, JobQuery,
    VerbReport, Why,
};
use http::Method;

pub(super) const fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Cancel => "cancel",
        Verb::Retry => "retry",
        Verb::RunNow => "run-now",
        Verb::Drop => "drop",
    }
}

impl Desk {
    pub(crate) async fn jobs(&self, query: JobQuery) -> Result<JobPage, Failure> {
        match self {
            Self::Here(api) => Ok(api.jobs(query).await?),
            Self::There(server) => server.get_with(&["jobs"], &query).await,
        }
    }

    pub(crate) async fn job_count(&self, query: JobQuery) -> Result<JobCount, Failure> {
        match self {
            Self::Here(api) => Ok(api.job_count(query).await?),
            Self::There(server) => server.get_with(&["jobs", "count"], &query).await,
        }
    }

    pub(crate) async fn preview_bulk(&self, query: BulkQuery) -> Result<BulkPreview, Failure> {
        match self {
            Self::Here(api) => Ok(api.preview_bulk(query).await?),
            Self::There(server) => {
                server.send(Method::POST, &["jobs", "bulk", "preview"], Some(&query), None).await
            }
        }
    }

    pub(crate) async fn run_bulk(&self, verb: Verb, run: BulkRun) -> Result<BulkReport, Failure> {
        match self {
            Self::Here(api) => Ok(api.run_bulk(verb, run).await?),
            Self::There(server) => {
                server.send(Method::POST, &["jobs", "bulk", word(verb)], Some(&run), None).await
            }
        }
    }

    pub(crate) async fn job(&self, id: &str) -> Result<JobDetail, Failure> {
        match self {
            Self::Here(api) => Ok(api.job(id).await?),
            Self::There(server) => server.get(&["jobs", id]).await,
        }
    }

    pub(crate) async fn why(&self, id: &str) -> Result<Why, Failure> {
        match self {
            Self::Here(api) => Ok(api.why(id).await?),
            Self::There(server) => server.get(&["jobs", id, "why"]).await,
        }
    }

    pub(crate) async fn act_on_jobs(&self, verb: Verb, ids: &[String]) -> Result<VerbReport, Failure> {
        match self {
            Self::Here(api) => Ok(api.act_on_jobs(verb, ids).await?),
            Self::There(server) => {
                let ids = JobIds { ids: ids.to_vec() };
                server.send(Method::POST, &["jobs", word(verb)], Some(&ids), None).await
            }
        }
    }

    pub(crate) async fn edit_job(
        &self,
        id: &str,
        edit: JobEdit,
        version: Option<i64>,
    ) -> Result<JobDetail, Failure> {
        match self {
            Self::Here(api) => Ok(api.edit_job(id, edit, version).await?),
            Self::There(server) => server.send(Method::PATCH, &["jobs", id], Some(&edit), version).await,
        }
    }
}

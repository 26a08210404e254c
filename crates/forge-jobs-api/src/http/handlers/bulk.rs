//! Counts of jobs, verbs on many of them, and edits.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::{ApiError, Verb};

pub(in crate::http) async fn count(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().job_count(call.query()?).await?)
}

pub(in crate::http) async fn preview(mut call: Call) -> Result<Reply, ApiError> {
    let query = call.json().await?;
    Reply::ok(&call.api().preview_bulk(query).await?)
}

async fn run(mut call: Call, verb: Verb) -> Result<Reply, ApiError> {
    let run = call.json().await?;
    Reply::ok(&call.api().run_bulk(verb, run).await?)
}

pub(in crate::http) async fn cancel(call: Call) -> Result<Reply, ApiError> {
    run(call, Verb::Cancel).await
}

pub(in crate::http) async fn retry(call: Call) -> Result<Reply, ApiError> {
    run(call, Verb::Retry).await
}

pub(in crate::http) async fn run_now(call: Call) -> Result<Reply, ApiError> {
    run(call, Verb::RunNow).await
}

pub(in crate::http) async fn drop_jobs(call: Call) -> Result<Reply, ApiError> {
    run(call, Verb::Drop).await
}

pub(in crate::http) async fn edit(mut call: Call) -> Result<Reply, ApiError> {
    let version = call.if_match()?;
    let edit = call.json().await?;
    let detail = call.api().edit_job(call.param("job"), edit, version).await?;
    Ok(Reply::ok(&detail)?.version(detail.version))
}

//! Jobs.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::{ApiError, Verb};
use crate::wire::{EnqueueLine, EnqueueOutcome, JobIds};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(in crate::http) async fn list(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().jobs(call.query()?).await?)
}

pub(in crate::http) async fn show(call: Call) -> Result<Reply, ApiError> {
    let detail = call.api().job(call.param("job")).await?;
    Ok(Reply::ok(&detail)?.version(detail.version))
}

pub(in crate::http) async fn why(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().why(call.param("job")).await?)
}

pub(in crate::http) async fn log(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().job_log(call.param("job"), &call.query()?).await?)
}

pub(in crate::http) async fn enqueue(mut call: Call) -> Result<Reply, ApiError> {
    let key = call.idempotency_key()?;
    let line: EnqueueLine = call.json().await?;
    let receipt = call.api().enqueue(line, key.as_ref()).await?;
    let new = receipt.enqueued.outcome == EnqueueOutcome::Inserted;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let base = &call.shared.options.base_path;
    let location = format!("{base}{}/jobs/{}", crate::http::API_PREFIX, receipt.enqueued.id);
    let reply = Reply::json(status, &receipt.enqueued)?.location(&location);
    Ok(if receipt.repeated { reply.repeated() } else { reply })
}

/// As [`EnqueueBatch`](crate::wire::EnqueueBatch), with members as they came, so that an object that is no job fails
/// alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    jobs: Vec<Box<RawValue>>,
}

pub(in crate::http) async fn enqueue_many(mut call: Call) -> Result<Reply, ApiError> {
    let key = call.idempotency_key()?;
    let limit = call.shared.limits.batch_bytes;
    let members: Members = call.json_up_to(limit).await?;
    Reply::ok(&call.api().enqueue_many(&members.jobs, key.as_ref()).await?)
}

async fn many(mut call: Call, verb: Verb) -> Result<Reply, ApiError> {
    let JobIds { ids } = call.json().await?;
    Reply::ok(&call.api().act_on_jobs(verb, &ids).await?)
}

async fn one(call: Call, verb: Verb) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().act_on_job(verb, call.param("job")).await?)
}

pub(in crate::http) async fn cancel(call: Call) -> Result<Reply, ApiError> {
    many(call, Verb::Cancel).await
}

pub(in crate::http) async fn retry(call: Call) -> Result<Reply, ApiError> {
    many(call, Verb::Retry).await
}

pub(in crate::http) async fn run_now(call: Call) -> Result<Reply, ApiError> {
    many(call, Verb::RunNow).await
}

pub(in crate::http) async fn drop_many(call: Call) -> Result<Reply, ApiError> {
    many(call, Verb::Drop).await
}

pub(in crate::http) async fn cancel_one(call: Call) -> Result<Reply, ApiError> {
    one(call, Verb::Cancel).await
}

pub(in crate::http) async fn retry_one(call: Call) -> Result<Reply, ApiError> {
    one(call, Verb::Retry).await
}

pub(in crate::http) async fn run_one_now(call: Call) -> Result<Reply, ApiError> {
    one(call, Verb::RunNow).await
}

pub(in crate::http) async fn drop_one(call: Call) -> Result<Reply, ApiError> {
    one(call, Verb::Drop).await
}

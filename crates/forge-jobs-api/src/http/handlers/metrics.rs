//! What was measured.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::ApiError;
use forge_jobs::prometheus::CONTENT_TYPE;

pub(in crate::http) async fn timeline(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().timeline(&call.query()?).await?)
}

pub(in crate::http) async fn totals(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().totals(&call.query()?).await?)
}

pub(in crate::http) async fn resources(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().resources(&call.query()?).await?)
}

/// For Prometheus.
pub(in crate::http) async fn scrape(call: Call) -> Result<Reply, ApiError> {
    Ok(Reply::text(CONTENT_TYPE, &call.api().prometheus().await?))
}

//! Errors by sort.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::GroupBatch;

pub(in crate::http) async fn list(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().errors(&call.query()?).await?)
}

pub(in crate::http) async fn show(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().error_group(call.param("group")).await?)
}

pub(in crate::http) async fn retry(mut call: Call) -> Result<Reply, ApiError> {
    let GroupBatch { after } = call.json().await?;
    Reply::ok(&call.api().retry_error_group(call.param("group"), after.as_deref()).await?)
}

pub(in crate::http) async fn drop_all(mut call: Call) -> Result<Reply, ApiError> {
    let GroupBatch { after } = call.json().await?;
    Reply::ok(&call.api().drop_error_group(call.param("group"), after.as_deref()).await?)
}

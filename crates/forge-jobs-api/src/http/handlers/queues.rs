//! Queues.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::{Queue, QueueEdit};

/// A queue, with its version.
fn shown(queue: &Queue) -> Result<Reply, ApiError> {
    Ok(Reply::ok(queue)?.version(queue.version))
}

pub(in crate::http) async fn list(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().queues().await?)
}

pub(in crate::http) async fn show(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().queue(call.param("queue")).await?)
}

pub(in crate::http) async fn edit(mut call: Call) -> Result<Reply, ApiError> {
    let version = call.if_match()?;
    let edit: QueueEdit = call.json().await?;
    shown(&call.api().edit_queue(call.param("queue"), &edit, version).await?)
}

pub(in crate::http) async fn pause(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().pause_queue(call.param("queue"), call.if_match()?).await?)
}

pub(in crate::http) async fn resume(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().resume_queue(call.param("queue"), call.if_match()?).await?)
}

//! Budgets of calls.

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::{Attachment, Drain, Limit, LimitEdit};

/// A scope, with the version of the limit that holds for it.
fn shown(limit: &Limit) -> Result<Reply, ApiError> {
    Ok(Reply::ok(limit)?.version(limit.version))
}

pub(in crate::http) async fn list(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().limits().await?)
}

pub(in crate::http) async fn show(call: Call) -> Result<Reply, ApiError> {
    shown(&call.api().limit(call.param("scope")).await?)
}

pub(in crate::http) async fn set(mut call: Call) -> Result<Reply, ApiError> {
    let version = call.if_match()?;
    let edit: LimitEdit = call.json().await?;
    shown(&call.api().set_limit(call.param("scope"), edit, version).await?)
}

pub(in crate::http) async fn remove(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().remove_limit(call.param("scope")).await?)
}

pub(in crate::http) async fn drain(mut call: Call) -> Result<Reply, ApiError> {
    let drain: Drain = call.json().await?;
    Reply::ok(&call.api().drain_limit(call.param("scope"), drain).await?)
}

pub(in crate::http) async fn lift(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().lift_drain(call.param("scope")).await?)
}

pub(in crate::http) async fn attach_queue(mut call: Call) -> Result<Reply, ApiError> {
    let Attachment { scope } = call.json().await?;
    Reply::ok(&call.api().attach_queue(call.param("queue"), &scope).await?)
}

pub(in crate::http) async fn detach_queue(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().detach_queue(call.param("queue")).await?)
}

pub(in crate::http) async fn attach_kind(mut call: Call) -> Result<Reply, ApiError> {
    let Attachment { scope } = call.json().await?;
    Reply::ok(&call.api().attach_kind(call.param("kind"), &scope).await?)
}

pub(in crate::http) async fn detach_kind(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().detach_kind(call.param("kind")).await?)
}

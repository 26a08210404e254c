//! The server, its processes and its caller.

use crate::http::auth::{Principal, Proof};
use crate::http::call::Call;
use crate::http::dispatch::unauthenticated;
use crate::http::openapi;
use crate::http::options::Writes;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::Me;

pub(in crate::http) async fn overview(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().overview().await?)
}

pub(in crate::http) async fn processes(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().processes().await?)
}

pub(in crate::http) async fn process(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().process(call.param("process")).await?)
}

pub(in crate::http) async fn check_up(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().check_up().await?)
}

/// Who the caller is.
pub(super) fn who(call: &Call, caller: &Principal) -> Me {
    let options = &call.shared.options;
    Me {
        name: caller.name.to_string(),
        role: caller.role,
        read_only: options.writes == Writes::Refused,
        session: caller.proof == Proof::Cookie && options.authenticator.has_sessions(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

pub(in crate::http) async fn me(call: Call) -> Result<Reply, ApiError> {
    let caller = call.caller.as_ref().ok_or_else(unauthenticated)?;
    Reply::ok(&who(&call, caller))
}

pub(in crate::http) async fn openapi(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&openapi::document(&call.shared.options.base_path))
}

pub(in crate::http) async fn audit(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().audit(call.query()?).await?)
}

pub(in crate::http) async fn database(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&call.api().database().await?)
}

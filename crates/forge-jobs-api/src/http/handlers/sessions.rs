//! Sessions of browsers.

use super::server::who;
use crate::http::API_PREFIX;
use crate::http::auth::{COOKIE, Refused};
use crate::http::call::Call;
use crate::http::dispatch::unauthenticated;
use crate::http::reply::Reply;
use crate::service::ApiError;
use crate::wire::{ErrorCode, Login};

/// The cookie goes to this API alone, never to a script, and never with a request that another site began.
fn cookie(call: &Call, value: &str, seconds: u64) -> String {
    let path = format!("{}{API_PREFIX}", call.shared.options.base_path);
    let secure = if call.shared.options.secure_cookies { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

pub(in crate::http) async fn log_in(mut call: Call) -> Result<Reply, ApiError> {
    let Login { token } = call.json().await?;
    match call.shared.options.authenticator.log_in(&token).await {
        Ok(session) => {
            let reply = Reply::ok(&who(&call, &session.principal))?;
            Ok(reply.cookie(&cookie(&call, &session.cookie, session.lasts.as_secs())))
        }
        Err(Refused::Wrong) => {
            call.shared.wrong_token(call.peer);
            Err(unauthenticated())
        }
        Err(Refused::Missing) => {
            Err(ApiError::new(ErrorCode::NotFound, "there are no sessions on this server"))
        }
        Err(Refused::Unavailable) => Err(ApiError::new(ErrorCode::Unavailable, "a session cannot begin now")),
    }
}

pub(in crate::http) async fn log_out(call: Call) -> Result<Reply, ApiError> {
    call.shared.options.authenticator.log_out(&call.parts).await;
    Ok(Reply::nothing().cookie(&cookie(&call, "", 0)))
}

//! Streams of events.

use crate::http::call::Call;
use crate::http::events::stream_of;
use crate::http::reply::Reply;
use crate::service::ApiError;
use axum::body::Body;

pub(in crate::http) async fn stream(call: Call) -> Result<Reply, ApiError> {
    let last = call.parts.headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let subscription = call.shared.events.subscribe(call.peer, last)?;
    Ok(Reply::events(Body::from_stream(stream_of(subscription))))
}

//! What carries the requests of the API from the page to its host.

use super::{Answer, Heard};
use async_trait::async_trait;
use std::any::Any;

/// A request of the API, as [`ApiIpc`](super::ApiIpc) makes it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'a str,
    /// Below the API's own prefix, with the query: `/jobs?status=dead`. Names are percent-encoded.
    pub path: &'a str,
    /// JSON text; `None` where the route takes none.
    pub body: Option<String>,
    /// `If-Match` and `Idempotency-Key`, where the route takes them.
    pub headers: &'a [(&'a str, &'a str)],
}

/// A way to the host. Futures stay on the thread of the page.
#[async_trait(?Send)]
pub trait Way {
    /// The status and the text of the answer, whatever it says.
    ///
    /// # Errors
    ///
    /// [`IpcError::Offline`](super::IpcError::Offline) when there is no answer.
    async fn send(&self, request: Request<'_>) -> Answer<(u16, String)>;

    /// As [`QueueIpc::subscribe`](super::QueueIpc::subscribe).
    fn subscribe(&self, heard: Box<dyn Fn(Heard)>) -> Box<dyn Any>;
}

//! From a request to a call of [`Api`](crate::service::Api), and from its answer to a reply. No logic of their own.

pub(super) mod bulk;
pub(super) mod errors;
pub(super) mod events;
pub(super) mod jobs;
pub(super) mod limits;
pub(super) mod metrics;
pub(super) mod queues;
pub(super) mod schedules;
pub(super) mod server;
pub(super) mod sessions;

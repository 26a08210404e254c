//! Code for one kind of job: handlers, their context, and the registry that a process knows them by.

mod cancel;
mod context;
mod noop_echo;
mod rate_limit;
mod registry;

pub use cancel::{CancelCause, CancelToken};
pub(crate) use context::AttemptState;
pub use context::JobContext;
pub use noop_echo::NoopEcho;
pub use rate_limit::{AcquireError, RateLimits};
pub(crate) use registry::HandlerEnd;
pub use registry::{HandlerRegistry, RegisterError};

use crate::limits::ATTEMPT_TIME_LIMIT;
use crate::{JobOutcome, JobPayload};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Runs jobs of one kind.
///
/// A job may run more than once: a process can die after the work is done and before that is written down. Make the
/// work idempotent, or check first what is done.
///
/// ```
/// use forge_jobs::{JobContext, JobHandler, JobOutcome};
///
/// struct Greet;
///
/// impl JobHandler for Greet {
///     fn kind(&self) -> &str {
///         "greet"
///     }
///
///     async fn run(&self, ctx: JobContext) -> JobOutcome {
///         match ctx.decode::<String>() {
///             Ok(name) => {
///                 println!("hello {name}");
///                 JobOutcome::Done
///             }
///             Err(e) => JobOutcome::dead(&e),
///         }
///     }
/// }
/// ```
///
/// To use `?` see [`JobOutcome`]. An `Arc` of a handler is one too.
pub trait JobHandler: Send + Sync + 'static {
    /// The kind it runs. `[A-Za-z0-9._:/-]{1,128}`; asked once, when it is registered.
    fn kind(&self) -> &str;

    /// Its options; asked once, when it is registered.
    fn options(&self) -> HandlerOptions {
        HandlerOptions::default()
    }

    /// Runs one attempt. A panic counts as `Failed`. When [`JobContext::cancel`] fires, stop soon; what is returned
    /// then no longer brings the job back if a person cancelled it.
    fn run(&self, ctx: JobContext) -> impl Future<Output = JobOutcome> + Send;
}

/// Runs jobs whose payload is a type. A payload that does not decode makes the job dead as `undecodable`, without
/// running anything.
///
/// ```
/// use forge_jobs::{HandlerRegistry, JobContext, JobOutcome, JobPayload, TypedHandler};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl JobPayload for SendMail {
///     const KIND: &'static str = "mail.send";
/// }
///
/// struct Mailer;
///
/// impl TypedHandler for Mailer {
///     type Payload = SendMail;
///
///     async fn run(&self, _ctx: JobContext, mail: SendMail) -> JobOutcome {
///         println!("to {}", mail.to);
///         JobOutcome::Done
///     }
/// }
///
/// let mut handlers = HandlerRegistry::new();
/// handlers.register_typed(Mailer);
/// ```
///
/// An `Arc` of a handler is one too: [`HandlerRegistry::register_typed_as`] gives it a second kind.
pub trait TypedHandler: Send + Sync + 'static {
    /// The payload, which names the kind.
    type Payload: JobPayload;

    /// As [`JobHandler::options`].
    fn options(&self) -> HandlerOptions {
        HandlerOptions::default()
    }

    /// As [`JobHandler::run`].
    fn run(&self, ctx: JobContext, payload: Self::Payload) -> impl Future<Output = JobOutcome> + Send;
}

impl<H: JobHandler> JobHandler for Arc<H> {
    fn kind(&self) -> &str {
        (**self).kind()
    }

    fn options(&self) -> HandlerOptions {
        (**self).options()
    }

    fn run(&self, ctx: JobContext) -> impl Future<Output = JobOutcome> + Send {
        (**self).run(ctx)
    }
}

impl<H: TypedHandler> TypedHandler for Arc<H> {
    type Payload = H::Payload;

    fn options(&self) -> HandlerOptions {
        (**self).options()
    }

    fn run(&self, ctx: JobContext, payload: H::Payload) -> impl Future<Output = JobOutcome> + Send {
        (**self).run(ctx, payload)
    }
}

/// What a handler wants of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerOptions {
    /// How long one attempt may take; `None`: as long as it likes. Default 10 minutes. Past it the handler is told to
    /// stop, and after [`RuntimeConfig::cancel_grace`](crate::RuntimeConfig::cancel_grace) (5 s) its future is dropped.
    /// `Done` and `Dead` reported within the grace count; anything else is a failure.
    pub time_limit: Option<Duration>,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self { time_limit: Some(ATTEMPT_TIME_LIMIT) }
    }
}

impl HandlerOptions {
    /// With this time limit.
    #[must_use]
    pub const fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Without a time limit: for jobs that may take hours. Heartbeats still tell whether the process lives.
    #[must_use]
    pub const fn without_time_limit(mut self) -> Self {
        self.time_limit = None;
        self
    }
}

//! The kinds that a process can run.

use super::{HandlerOptions, JobContext, JobHandler, TypedHandler};
use crate::job::{NameError, check_name};
use crate::{JobOutcome, JobPayload};
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;

/// How a handler ended, before anything is decided.
pub(crate) enum HandlerEnd {
    Outcome(JobOutcome),
    /// The payload does not fit the handler's type; nothing ran.
    Undecodable(String),
}

impl HandlerEnd {
    /// The payload is none of what `what` names.
    pub(crate) fn undecodable(what: &str, why: &serde_json::Error) -> Self {
        Self::Undecodable(format!("the payload is no {what}: {why}"))
    }
}

/// A handler of any type.
pub(crate) trait ErasedHandler: Send + Sync + 'static {
    /// What it said when it was registered: code of the user does not run between a claim and its attempt.
    fn options(&self) -> HandlerOptions;
    fn run(&self, ctx: JobContext) -> BoxFuture<'_, HandlerEnd>;
}

struct Plain<H>(H, HandlerOptions);

impl<H: JobHandler> ErasedHandler for Plain<H> {
    fn options(&self) -> HandlerOptions {
        self.1
    }

    fn run(&self, ctx: JobContext) -> BoxFuture<'_, HandlerEnd> {
        Box::pin(async move { HandlerEnd::Outcome(self.0.run(ctx).await) })
    }
}

struct Typed<H>(H, HandlerOptions);

impl<H: TypedHandler> ErasedHandler for Typed<H> {
    fn options(&self) -> HandlerOptions {
        self.1
    }

    fn run(&self, ctx: JobContext) -> BoxFuture<'_, HandlerEnd> {
        Box::pin(async move {
            match ctx.decode::<H::Payload>() {
                Ok(payload) => HandlerEnd::Outcome(self.0.run(ctx, payload).await),
                Err(e) => HandlerEnd::undecodable(H::Payload::KIND, &e),
            }
        })
    }
}

struct Function<F>(F, HandlerOptions);

impl<F, Fut> ErasedHandler for Function<F>
where
    F: Fn(JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = JobOutcome> + Send + 'static,
{
    fn options(&self) -> HandlerOptions {
        self.1
    }

    fn run(&self, ctx: JobContext) -> BoxFuture<'_, HandlerEnd> {
        let running = (self.0)(ctx);
        Box::pin(async move { HandlerEnd::Outcome(running.await) })
    }
}

struct TypedFunction<P, F> {
    run: F,
    options: HandlerOptions,
    payload: PhantomData<fn(P)>,
}

impl<P, F, Fut> ErasedHandler for TypedFunction<P, F>
where
    P: DeserializeOwned + 'static,
    F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = JobOutcome> + Send + 'static,
{
    fn options(&self) -> HandlerOptions {
        self.options
    }

    fn run(&self, ctx: JobContext) -> BoxFuture<'_, HandlerEnd> {
        match ctx.decode::<P>() {
            Ok(payload) => {
                let running = (self.run)(ctx, payload);
                Box::pin(async move { HandlerEnd::Outcome(running.await) })
            }
            Err(e) => Box::pin(ready(HandlerEnd::undecodable(ctx.kind(), &e))),
        }
    }
}

/// The handlers of a process, by kind.
///
/// A bad or repeated kind is remembered and makes the runtime's start fail, so that registering needs no `?`. Cloning is
/// cheap: handlers are shared.
///
/// ```
/// # use forge_jobs::{HandlerRegistry, JobOutcome, NoopEcho};
/// // In one expression, or by `register` and its like on a `let mut`.
/// let handlers = HandlerRegistry::new().with(NoopEcho);
/// assert_eq!(handlers.kinds(), [NoopEcho::KIND]);
/// ```
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    handlers: HashMap<String, Arc<dyn ErasedHandler>>,
    errors: Vec<RegisterError>,
}

impl HandlerRegistry {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a handler; [`register`](Self::register) by value.
    #[must_use]
    pub fn with<H: JobHandler>(mut self, handler: H) -> Self {
        self.register(handler);
        self
    }

    /// With a handler whose payload is a type; [`register_typed`](Self::register_typed) by value.
    #[must_use]
    pub fn with_typed<H: TypedHandler>(mut self, handler: H) -> Self {
        self.register_typed(handler);
        self
    }

    /// Adds a handler.
    pub fn register<H: JobHandler>(&mut self, handler: H) -> &mut Self {
        let (kind, options) = (handler.kind().to_owned(), handler.options());
        self.add(kind, Arc::new(Plain(handler, options)))
    }

    /// Adds a handler whose payload is a type.
    pub fn register_typed<H: TypedHandler>(&mut self, handler: H) -> &mut Self {
        self.register_typed_as(H::Payload::KIND, handler)
    }

    /// Adds a handler whose payload is a type, for jobs of this kind instead of the payload's own: a name that the kind
    /// had before, for instance.
    ///
    /// ```
    /// # use forge_jobs::{HandlerRegistry, JobContext, JobOutcome, JobPayload, TypedHandler};
    /// # use std::sync::Arc;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Mail { to: String }
    /// # impl JobPayload for Mail { const KIND: &'static str = "mail.send"; }
    /// # struct Mailer;
    /// # impl TypedHandler for Mailer {
    /// #     type Payload = Mail;
    /// #     async fn run(&self, _: JobContext, _: Mail) -> JobOutcome { JobOutcome::Done }
    /// # }
    /// let mut handlers = HandlerRegistry::new();
    /// let mailer = Arc::new(Mailer);
    /// handlers.register_typed_as("send_mail", mailer.clone());
    /// handlers.register_typed(mailer);
    /// assert_eq!(handlers.kinds(), ["mail.send", "send_mail"]);
    /// ```
    pub fn register_typed_as<H: TypedHandler>(&mut self, kind: impl Into<String>, handler: H) -> &mut Self {
        let options = handler.options();
        self.add(kind.into(), Arc::new(Typed(handler, options)))
    }

    /// Adds a function.
    ///
    /// ```
    /// # use forge_jobs::{HandlerRegistry, JobOutcome};
    /// let mut handlers = HandlerRegistry::new();
    /// handlers.register_fn("ping", |ctx| async move {
    ///     println!("attempt {}", ctx.attempt());
    ///     JobOutcome::Done
    /// });
    /// ```
    pub fn register_fn<F, Fut>(&mut self, kind: impl Into<String>, run: F) -> &mut Self
    where
        F: Fn(JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = JobOutcome> + Send + 'static,
    {
        self.register_fn_with(kind, HandlerOptions::default(), run)
    }

    /// Adds a function with options.
    pub fn register_fn_with<F, Fut>(
        &mut self,
        kind: impl Into<String>,
        options: HandlerOptions,
        run: F,
    ) -> &mut Self
    where
        F: Fn(JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = JobOutcome> + Send + 'static,
    {
        self.add(kind.into(), Arc::new(Function(run, options)))
    }

    /// Adds a function whose payload is a type, which names the kind. A payload that does not decode makes the job dead
    /// as `undecodable`, without running anything.
    ///
    /// ```
    /// # use forge_jobs::{HandlerRegistry, JobOutcome, JobPayload};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct Mail {
    ///     to: String,
    /// }
    ///
    /// impl JobPayload for Mail {
    ///     const KIND: &'static str = "mail.send";
    /// }
    ///
    /// let mut handlers = HandlerRegistry::new();
    /// handlers.register_typed_fn(|ctx, mail: Mail| async move {
    ///     println!("to {} at attempt {}", mail.to, ctx.attempt());
    ///     JobOutcome::Done
    /// });
    /// ```
    pub fn register_typed_fn<P, F, Fut>(&mut self, run: F) -> &mut Self
    where
        P: JobPayload,
        F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = JobOutcome> + Send + 'static,
    {
        self.register_typed_fn_as(P::KIND, run)
    }

    /// Adds a function for jobs of this kind, whose payload is of any type that decodes. Otherwise as
    /// [`register_typed_fn`](Self::register_typed_fn).
    ///
    /// ```
    /// # use forge_jobs::{HandlerRegistry, JobOutcome};
    /// let mut handlers = HandlerRegistry::new();
    /// handlers.register_typed_fn_as("greet", |_, name: String| async move {
    ///     println!("hello {name}");
    ///     JobOutcome::Done
    /// });
    /// ```
    pub fn register_typed_fn_as<P, F, Fut>(&mut self, kind: impl Into<String>, run: F) -> &mut Self
    where
        P: DeserializeOwned + 'static,
        F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = JobOutcome> + Send + 'static,
    {
        self.register_typed_fn_with(kind, HandlerOptions::default(), run)
    }

    /// Adds a function whose payload is of any type that decodes, with options.
    pub fn register_typed_fn_with<P, F, Fut>(
        &mut self,
        kind: impl Into<String>,
        options: HandlerOptions,
        run: F,
    ) -> &mut Self
    where
        P: DeserializeOwned + 'static,
        F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = JobOutcome> + Send + 'static,
    {
        self.add(kind.into(), Arc::new(TypedFunction { run, options, payload: PhantomData }))
    }

    /// The kinds, sorted.
    #[must_use]
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<_> = self.handlers.keys().cloned().collect();
        kinds.sort_unstable();
        kinds
    }

    fn add(&mut self, kind: String, handler: Arc<dyn ErasedHandler>) -> &mut Self {
        if let Err(e) = check_name("kind", &kind) {
            self.errors.push(e.into());
            return self;
        }
        match self.handlers.entry(kind) {
            Entry::Occupied(taken) => self.errors.push(RegisterError::Twice { kind: taken.key().clone() }),
            Entry::Vacant(free) => {
                free.insert(handler);
            }
        }
        self
    }

    pub(crate) fn first_error(&self) -> Option<RegisterError> {
        self.errors.first().cloned()
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Arc<dyn ErasedHandler>> {
        self.handlers.get(kind)
    }
}

impl fmt::Debug for HandlerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRegistry").field("kinds", &self.kinds()).finish_non_exhaustive()
    }
}

/// A handler could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Its kind is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its kind has a handler already.
    #[error("two handlers were registered for the kind {kind:?}: keep one")]
    Twice {
        /// The kind.
        kind: String,
    },
}

//! A handler that does what a test says, and remembers its calls.

use crate::{HandlerOptions, JobContext, JobHandler, JobId, JobOutcome, Payload, Timestamp};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What one call does.
#[derive(Clone, Debug)]
enum Act {
    Report(JobOutcome),
    Panic(String),
    /// Until it is cancelled.
    Hang,
}

/// One call of a [`FakeHandler`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: String,
    /// Which attempt it was, 1-based.
    pub attempt: u32,
    /// The payload.
    pub payload: Payload,
    /// The tags.
    pub tags: Vec<String>,
    /// When the attempt became due, by the queue's clock.
    pub due_at: Timestamp,
}

impl Call {
    /// The payload, decoded.
    ///
    /// # Errors
    ///
    /// `serde_json`'s, when it does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.payload.decode()
    }
}

/// A handler whose outcomes are a script, one call after the other, whichever job they are for.
///
/// When that is used up, calls are `Done`, or what [`always`](Self::always) says. Clones share script and calls: keep one,
/// register the other.
///
/// ```
/// use forge_jobs::HandlerRegistry;
/// use forge_jobs::testing::FakeHandler;
/// use std::time::Duration;
///
/// let mail = FakeHandler::new("mail.send").fail_times(2, "no route").throttle(Duration::from_secs(30));
/// let mut handlers = HandlerRegistry::new();
/// handlers.register(mail.clone());
/// assert!(mail.calls().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct FakeHandler {
    kind: Arc<str>,
    options: HandlerOptions,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    calls: Mutex<Vec<Call>>,
    count: watch::Sender<usize>,
}

#[derive(Debug)]
struct Script {
    acts: VecDeque<Act>,
    afterwards: Act,
}

impl FakeHandler {
    /// For jobs of this kind. Without a script all of them are done.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let script = Script { acts: VecDeque::new(), afterwards: Act::Report(JobOutcome::Done) };
        let shared =
            Shared { script: Mutex::new(script), calls: Mutex::default(), count: watch::Sender::new(0) };
        Self { kind: kind.into(), options: HandlerOptions::default(), shared: Arc::new(shared) }
    }

    /// With these options: a time limit, for instance.
    #[must_use]
    pub const fn with_options(mut self, options: HandlerOptions) -> Self {
        self.options = options;
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(self, act: Act) -> Self {
        self.script().acts.push_back(act);
        self
    }

    /// The next call reports this.
    #[must_use]
    pub fn then(self, outcome: JobOutcome) -> Self {
        self.act(Act::Report(outcome))
    }

    /// The next call is done.
    #[must_use]
    pub fn done(self) -> Self {
        self.then(JobOutcome::Done)
    }

    /// So many calls fail with this text.
    #[must_use]
    pub fn fail_times(self, times: usize, text: &str) -> Self {
        self.script().acts.extend((0..times).map(|_| Act::Report(JobOutcome::Failed(text.to_owned()))));
        self
    }

    /// The next call is throttled for so long.
    #[must_use]
    pub fn throttle(self, retry_after: Duration) -> Self {
        self.then(JobOutcome::throttled(retry_after))
    }

    /// The next call panics with this text.
    #[must_use]
    pub fn panic(self, text: &str) -> Self {
        self.act(Act::Panic(text.to_owned()))
    }

    /// The next call hangs until it is cancelled, by a person, its time limit or a shutdown, and fails then.
    #[must_use]
    pub fn hang(self) -> Self {
        self.act(Act::Hang)
    }

    /// All calls report this once the script is used up.
    #[must_use]
    pub fn always(self, outcome: JobOutcome) -> Self {
        self.script().afterwards = Act::Report(outcome);
        self
    }

    /// The calls so far, in their order; those that hang are among them.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it was called so often, all in all.
    ///
    /// # Panics
    ///
    /// When it was not within `limit`.
    pub async fn wait_for_calls(&self, calls: usize, limit: Duration) {
        let mut count = self.shared.count.subscribe();
        let waited = tokio::time::timeout(limit, count.wait_for(|count| *count >= calls)).await.is_ok();
        let seen = *self.shared.count.borrow();
        assert!(waited, "waited {limit:?} for {calls} calls of {:?}; there were {seen}", self.kind);
    }

    fn record(&self, ctx: &JobContext) -> Act {
        let call = Call {
            job: ctx.job_id(),
            queue: ctx.queue().to_owned(),
            attempt: ctx.attempt(),
            payload: ctx.payload().clone(),
            tags: ctx.tags().to_vec(),
            due_at: ctx.due_at(),
        };
        let act = {
            let mut script = self.script();
            script.acts.pop_front().unwrap_or_else(|| script.afterwards.clone())
        };
        let mut calls = self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
        self.shared.count.send_replace(calls.len());
        act
    }
}

impl JobHandler for FakeHandler {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn options(&self) -> HandlerOptions {
        self.options
    }

    async fn run(&self, ctx: JobContext) -> JobOutcome {
        match self.record(&ctx) {
            Act::Report(outcome) => outcome,
            Act::Panic(text) => panic!("{text}"),
            Act::Hang => {
                let cause = ctx.cancel.cancelled().await;
                JobOutcome::Failed(format!("hung until it was told to stop: {cause}"))
            }
        }
    }
}

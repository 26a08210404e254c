//! What a caller asks for, and what is left of it once checked.

use super::dedupe::{Dedupe, DedupeError};
use super::name::{NameError, check_concurrency_key, check_name, check_tags};
use super::payload::{Payload, PayloadError};
use super::trace::TraceContext;
use crate::limits::{DEFAULT_MAX_ATTEMPTS, MAX_MAX_ATTEMPTS, MAX_PAYLOAD_BYTES};
use crate::router::Router;
use crate::{JobId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// A type that is the payload of one kind of job.
pub trait JobPayload: Serialize + DeserializeOwned + Send + 'static {
    /// The kind: the name that picks the handler. `[A-Za-z0-9._:/-]{1,128}`.
    const KIND: &'static str;
}

/// A job to enqueue. Nothing is checked until it is enqueued.
///
/// ```
/// use forge_jobs::EnqueueRequest;
/// use serde_json::json;
/// use std::time::Duration;
///
/// let request = EnqueueRequest::new("mail.send", json!({ "to": "ada@example.org" }))
///     .on_queue("mail")
///     .with_delay(Duration::from_secs(60))
///     .with_priority(-5)
///     .with_dedupe_key("welcome:ada");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is enqueued"]
pub struct EnqueueRequest {
    kind: String,
    payload: PayloadSource,
    queue: Option<String>,
    run_at: Option<Timestamp>,
    delay: Option<Duration>,
    priority: i16,
    max_attempts: u32,
    dedupe: Option<Dedupe>,
    concurrency_key: Option<String>,
    tags: Vec<String>,
    trace: Option<TraceContext>,
    id: Option<JobId>,
}

/// The builder keeps what it was given; errors surface when the request is enqueued.
#[derive(Clone, Debug)]
enum PayloadSource {
    Text(Arc<str>),
    Checked(Payload),
    Failed(PayloadError),
}

impl EnqueueRequest {
    /// A job of `kind` (`[A-Za-z0-9._:/-]{1,128}`) with any serialisable payload: a `serde_json::Value`, a struct, a
    /// string. Its JSON may have 1 MiB and 128 levels.
    pub fn new(kind: impl Into<String>, payload: impl Serialize) -> Self {
        let payload = match serde_json::to_string(&payload) {
            Ok(text) => PayloadSource::Text(text.into()),
            Err(e) => PayloadSource::Failed(PayloadError::Serialize { reason: e.to_string() }),
        };
        Self::with_payload(kind.into(), payload)
    }

    /// A job whose payload is JSON text, kept byte for byte.
    pub fn from_json_text(kind: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self::with_payload(kind.into(), PayloadSource::Text(text.into()))
    }

    /// A job whose payload is checked already.
    pub fn from_payload(kind: impl Into<String>, payload: Payload) -> Self {
        Self::with_payload(kind.into(), PayloadSource::Checked(payload))
    }

    /// A job whose kind comes from its payload's type.
    pub fn of<P: JobPayload>(payload: &P) -> Self {
        Self::new(P::KIND, payload)
    }

    const fn with_payload(kind: String, payload: PayloadSource) -> Self {
        Self {
            kind,
            payload,
            queue: None,
            run_at: None,
            delay: None,
            priority: 0,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            dedupe: None,
            concurrency_key: None,
            tags: Vec::new(),
            trace: None,
            id: None,
        }
    }

    /// The queue; default: what the runtime's [`Router`] says for the kind. A queue nobody configured is created
    /// with default settings. `[A-Za-z0-9._:/-]{1,128}`.
    pub fn on_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// The earliest moment to run at, by the database's clock. A moment in the past means: now.
    pub fn with_run_at(mut self, at: impl Into<Timestamp>) -> Self {
        self.run_at = Some(at.into());
        self
    }

    /// The earliest moment to run at, as a delay from the enqueue by the database's clock. [`Self::with_run_at`]
    /// wins over it.
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Lower runs first. Default 0; -32,768 to 32,767.
    pub const fn with_priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// The attempt after which a failure is final. Default 20, range 1 to 10,000.
    pub const fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// At most one unfinished job of this kind has this key: a second one is not inserted, and the outcome names
    /// the first. The key is free again once the job is done or dead. 1 to 512 bytes of text.
    pub fn with_dedupe_key(self, key: impl Into<String>) -> Self {
        self.with_dedupe(Dedupe::new(key))
    }

    /// A dedupe key with terms of its own: in which states of a job it is held, for how long, and whether a job that
    /// waits is replaced.
    pub fn with_dedupe(mut self, dedupe: Dedupe) -> Self {
        self.dedupe = Some(dedupe);
        self
    }

    /// Jobs of this kind that have the same key never run at the same time, in whatever process. While one of them is
    /// pending or running, the others that are due wait for it, pending too, and hold no worker slot; then the first of
    /// them in claim order goes on. A job that waits for its next attempt lets others go ahead of it. 1 to 512 bytes of
    /// text.
    pub fn with_concurrency_key(mut self, key: impl Into<String>) -> Self {
        self.concurrency_key = Some(key.into());
        self
    }

    /// Adds a tag, for people to search by. At most 16, of 1 to 128 bytes each.
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Where in a distributed trace it is enqueued. With the feature `otel` the current span is found by itself.
    ///
    /// It is no part of what tells a job sent twice from another one under its id.
    pub fn with_trace_context(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The same, unless it is known already.
    #[cfg(feature = "otel")]
    pub(crate) fn or_trace_context(mut self, trace: impl FnOnce() -> Option<TraceContext>) -> Self {
        self.trace = self.trace.or_else(trace);
        self
    }

    /// The job's id, so that an enqueue whose outcome is unknown can be sent again without a twin. Default: a new one.
    pub const fn with_id(mut self, id: JobId) -> Self {
        self.id = Some(id);
        self
    }

    /// What it has that the jobs of a schedule cannot have, and what to do instead where many are to be made of it.
    pub(crate) const fn part_of_one_job(&self) -> Option<(&'static str, &'static str)> {
        if self.id.is_some() {
            Some(("id", "leave it out, each gets one of its own"))
        } else if self.run_at.is_some() {
            Some(("run_at", "leave it out, the expression says when"))
        } else if self.delay.is_some() {
            Some(("delay", "leave it out, or use the schedule's jitter"))
        } else if self.dedupe.is_some() {
            Some(("dedupe_key", "leave it out, and let the schedule skip overlap"))
        } else if self.concurrency_key.is_some() {
            Some(("concurrency_key", "leave it out, and let the schedule skip overlap"))
        } else {
            None
        }
    }

    /// Checks everything and picks the queue.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`], naming the value and the bound.
    pub fn validate(self, router: &dyn Router) -> Result<NewJob, InvalidRequest> {
        check_name("kind", &self.kind)?;
        let queue = self.queue.unwrap_or_else(|| router.route(&self.kind).into_owned());
        check_name("queue", &queue)?;
        if !(1..=MAX_MAX_ATTEMPTS).contains(&self.max_attempts) {
            return Err(InvalidRequest::MaxAttempts { value: self.max_attempts });
        }
        if let Some(dedupe) = &self.dedupe {
            dedupe.check()?;
        }
        if let Some(key) = &self.concurrency_key {
            check_concurrency_key(key)?;
        }
        check_tags(&self.tags)?;
        let payload = match self.payload {
            PayloadSource::Text(text) => Payload::from_json_text(text)?,
            // A payload made by a storage was never measured.
            PayloadSource::Checked(p) if p.as_str().len() > MAX_PAYLOAD_BYTES => {
                return Err(
                    PayloadError::TooLarge { bytes: p.as_str().len(), limit: MAX_PAYLOAD_BYTES }.into()
                );
            }
            PayloadSource::Checked(p) => p,
            PayloadSource::Failed(e) => return Err(e.into()),
        };
        let due = match (self.run_at, self.delay) {
            (Some(at), _) => Due::At(at),
            (None, Some(delay)) => Due::After(delay),
            (None, None) => Due::Now,
        };
        Ok(NewJob {
            id: self.id.unwrap_or_default(),
            kind: self.kind,
            queue,
            payload,
            due,
            priority: self.priority,
            max_attempts: self.max_attempts,
            dedupe: self.dedupe,
            concurrency_key: self.concurrency_key,
            tags: self.tags,
            trace: self.trace,
        })
    }
}

/// When a new job becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// At once.
    Now,
    /// At this moment of the database's clock.
    At(Timestamp),
    /// This long after the insert, by the database's clock.
    After(Duration),
}

/// A checked job, ready for a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Identity, made by the client.
    pub id: JobId,
    /// The name that picks the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// JSON data.
    pub payload: Payload,
    /// When it becomes due.
    pub due: Due,
    /// Lower runs first.
    pub priority: i16,
    /// The attempt after which a failure is final.
    pub max_attempts: u32,
    /// What counts as the same job, and what becomes of a second one.
    pub dedupe: Option<Dedupe>,
    /// At most one job per kind and key runs at a time.
    pub concurrency_key: Option<String>,
    /// For people to search by.
    pub tags: Vec<String>,
    /// Where in a distributed trace it is enqueued.
    pub trace: Option<TraceContext>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl NewJob {
    /// Whether other jobs matter to it.
    pub(crate) const fn has_key(&self) -> bool {
        self.dedupe.is_some() || self.concurrency_key.is_some()
    }
}

/// Why a request was refused before it reached the storage. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A name, tag or key is not allowed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A dedupe key or its terms are not allowed.
    #[error(transparent)]
    Dedupe(#[from] DedupeError),
    /// The payload is not allowed.
    #[error("payload refused: {0}")]
    Payload(#[from] PayloadError),
    /// `max_attempts` is out of range.
    #[error("max_attempts {value} is out of range: use 1 to {MAX_MAX_ATTEMPTS}")]
    MaxAttempts {
        /// What was asked for.
        value: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DefaultRouter;
    use serde_json::json;

    fn check(r: EnqueueRequest) -> Result<NewJob, InvalidRequest> {
        r.validate(&DefaultRouter)
    }

    #[test]
    fn a_plain_request_gets_the_defaults() {
        let job = check(EnqueueRequest::new("k", json!({"a": 1}))).unwrap();
        assert_eq!((job.queue.as_str(), job.priority, job.max_attempts), ("default", 0, 20));
        assert_eq!((job.payload.as_str(), job.due), (r#"{"a":1}"#, Due::Now));
    }

    #[test]
    fn every_bad_part_is_refused_with_its_value() {
        let base = || EnqueueRequest::new("k", json!(null));
        for (request, word) in [
            (EnqueueRequest::new("k k", json!(1)), "k k"),
            (base().on_queue("q!"), "q!"),
            (base().with_max_attempts(0), "max_attempts 0"),
            (base().with_max_attempts(10_001), "10001"),
            (base().with_dedupe_key(""), "dedupe key"),
            (base().with_concurrency_key("\u{1}"), "concurrency key"),
            (base().with_tag("\u{1}"), "tag"),
            (EnqueueRequest::from_json_text("k", "{"), "no JSON"),
            (EnqueueRequest::new("k", "a\0b"), "NUL"),
        ] {
            let e = check(request).unwrap_err().to_string();
            assert!(e.contains(word), "{e}");
        }
    }

    #[test]
    fn an_exact_time_wins_over_a_delay() {
        let at = Timestamp::from_micros(5);
        let job =
            check(EnqueueRequest::new("k", 1).with_delay(Duration::from_secs(1)).with_run_at(at)).unwrap();
        assert_eq!(job.due, Due::At(at));
    }
}

//! What should be enqueued, and what is.

use crate::limits::MAX_PAGE;
use crate::storage::{JobFilter, ListParams, Storage, StorageError};
use crate::{Job, JobStatus, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

/// Jobs that are looked at: more than a test enqueues.
const MOST: usize = 20_000;
/// Jobs that a message lists.
const LISTED: usize = 20;
/// Bytes of a payload that a message shows.
const SHOWN: usize = 300;
/// How far a time may be off by default: a test on a real clock cannot tell the moment of its enqueue.
const WITHIN: Duration = Duration::from_secs(1);

/// Which jobs a test expects; what is not said may be anything.
///
/// The macros [`assert_enqueued!`](crate::assert_enqueued) and [`refute_enqueued!`](crate::refute_enqueued) take its
/// methods as fields.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct JobMatch {
    kind: Option<String>,
    queue: Option<String>,
    payload: Option<Value>,
    run_at: Option<Timestamp>,
    within: Option<Duration>,
    priority: Option<i16>,
    tags: Vec<String>,
    dedupe_key: Option<String>,
    concurrency_key: Option<String>,
    status: Option<JobStatus>,
    count: Option<usize>,
}

impl JobMatch {
    /// Any job that is enqueued: pending, scheduled, retrying or running.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this kind.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// In this queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// With a payload that holds this. Objects may have more fields than are named here, at any depth; lists must be of
    /// the same length; all else must be equal.
    ///
    /// # Panics
    ///
    /// When it has no JSON form.
    pub fn payload(mut self, payload: impl Serialize) -> Self {
        self.payload = Some(serde_json::to_value(payload).expect("the expected payload has a JSON form"));
        self
    }

    /// Due at this time, give or take [`within`](Self::within).
    pub fn run_at(mut self, at: impl Into<Timestamp>) -> Self {
        self.run_at = Some(at.into());
        self
    }

    /// How far [`run_at`](Self::run_at) may be off. Default 1 s.
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// With this priority.
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = Some(priority);
        self
    }

    /// With this tag; said more than once, with each of them.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// With this dedupe key.
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.dedupe_key = Some(key.into());
        self
    }

    /// With this concurrency key.
    pub fn concurrency_key(mut self, key: impl Into<String>) -> Self {
        self.concurrency_key = Some(key.into());
        self
    }

    /// With this status, done and dead ones too.
    pub const fn status(mut self, status: JobStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Exactly so many of them. Without it: one or more.
    pub const fn count(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }

    /// What of a job is not as expected; empty: it is such a job.
    fn differs(&self, job: &Job) -> Vec<&'static str> {
        let mut all = Vec::new();
        let mut check = |field, holds: bool| {
            if !holds {
                all.push(field);
            }
        };
        check("kind", self.kind.as_ref().is_none_or(|kind| *kind == job.kind));
        check("queue", self.queue.as_ref().is_none_or(|queue| *queue == job.queue));
        check("status", self.status.is_none_or(|status| status == job.status));
        check("priority", self.priority.is_none_or(|priority| priority == job.priority));
        check("tags", self.tags.iter().all(|tag| job.tags.contains(tag)));
        let key = self.dedupe_key.as_ref();
        check("dedupe_key", key.is_none_or(|key| job.dedupe_key.as_ref() == Some(key)));
        let key = self.concurrency_key.as_ref();
        check("concurrency_key", key.is_none_or(|key| job.concurrency_key.as_ref() == Some(key)));
        let within = self.within.unwrap_or(WITHIN);
        let off = |at: Timestamp| at.saturating_since(job.due_at).max(job.due_at.saturating_since(at));
        check("run_at", self.run_at.is_none_or(|at| off(at) <= within));
        let decoded = || job.payload.decode::<Value>().unwrap_or(Value::Null);
        check("payload", self.payload.as_ref().is_none_or(|part| holds(part, &decoded())));
        all
    }

    fn statuses(&self) -> Vec<JobStatus> {
        use JobStatus::{Pending, Retrying, Running, Scheduled};
        self.status.map_or_else(|| vec![Pending, Scheduled, Retrying, Running], |status| vec![status])
    }

    /// For the message.
    fn described(&self) -> String {
        let mut text = String::new();
        let mut line = |field: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(text, "\n    {field}: {value}");
            }
        };
        line("kind", self.kind.clone());
        line("queue", self.queue.clone());
        line("payload", self.payload.as_ref().map(|part| format!("{part}, or more")));
        let within = self.within.unwrap_or(WITHIN);
        line("run_at", self.run_at.map(|at| format!("{at}, give or take {within:?}")));
        line("priority", self.priority.map(|priority| priority.to_string()));
        line("tags", (!self.tags.is_empty()).then(|| self.tags.join(", ")));
        line("dedupe_key", self.dedupe_key.clone());
        line("concurrency_key", self.concurrency_key.clone());
        line("status", self.status.map(|status| status.to_string()));
        if text.is_empty() { "\n    (any job)".into() } else { text }
    }
}

/// Whether JSON holds what a part says of it.
fn holds(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(part, whole)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| holds(part, whole))
        }
        _ => part == whole,
    }
}

/// All jobs of these statuses, in the order in which they came in.
async fn jobs_of(storage: &Storage, statuses: Vec<JobStatus>) -> Result<Vec<Job>, StorageError> {
    let filter = JobFilter { statuses, ..JobFilter::default() };
    let (mut jobs, mut after) = (Vec::new(), None);
    loop {
        let params = ListParams { filter: filter.clone(), limit: MAX_PAGE, after };
        let page = storage.inspect.list(params).await?;
        jobs.extend(page.jobs);
        after = page.next;
        if after.is_none() || jobs.len() >= MOST {
            jobs.sort_by_key(|job| (job.created_at, job.id));
            return Ok(jobs);
        }
    }
}

fn listed(expected: &JobMatch, jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "nothing is enqueued".into();
    }
    let mut text = match jobs.len() {
        1 => "one job is there:".to_owned(),
        many => format!("{many} jobs are there:"),
    };
    for job in jobs.iter().take(LISTED) {
        let payload = job.payload.as_str();
        let mut cut = SHOWN.min(payload.len());
        while !payload.is_char_boundary(cut) {
            cut -= 1;
        }
        let more = if cut < payload.len() { " …" } else { "" };
        let _ = write!(
            text,
            "\n    {} in {}, {}, due {}, priority {}, tags {:?}: {}{more}",
            job.kind,
            job.queue,
            job.status,
            job.due_at,
            job.priority,
            job.tags,
            &payload[..cut]
        );
        let differs = expected.differs(job);
        if !differs.is_empty() {
            let _ = write!(text, "  [differs in {}]", differs.join(", "));
        }
    }
    if jobs.len() > LISTED {
        let _ = write!(text, "\n    … and {} more", jobs.len() - LISTED);
    }
    text
}

/// Where the jobs of a queue are, for the macros.
#[doc(hidden)]
pub trait AsStorage {
    /// The storage.
    fn storage_of_queue(&self) -> &Storage;
}

impl<T: AsRef<Storage> + ?Sized> AsStorage for T {
    fn storage_of_queue(&self) -> &Storage {
        self.as_ref()
    }
}

/// The jobs that are as expected, in the order in which they came in; at most 20,000 jobs are looked at.
///
/// # Errors
///
/// What reading the storage gave.
pub async fn all_enqueued(storage: &Storage, expected: &JobMatch) -> Result<Vec<Job>, StorageError> {
    let mut jobs = jobs_of(storage, expected.statuses()).await?;
    jobs.retain(|job| expected.differs(job).is_empty());
    Ok(jobs)
}

/// The jobs that are as expected, as [`assert_enqueued!`](crate::assert_enqueued) does without panicking.
///
/// # Errors
///
/// A text for people that lists what is enqueued, if no job is such, or another number of them; or that the storage
/// could not be read.
pub async fn check_enqueued(storage: &Storage, expected: &JobMatch) -> Result<Vec<Job>, String> {
    let jobs = jobs_of(storage, expected.statuses()).await.map_err(|e| e.to_string())?;
    let such: Vec<Job> = jobs.iter().filter(|job| expected.differs(job).is_empty()).cloned().collect();
    let (found, wanted) = (such.len(), expected.count);
    if wanted.map_or(found > 0, |wanted| wanted == found) {
        return Ok(such);
    }
    let wanted = wanted.map_or_else(|| "a job".to_owned(), |wanted| format!("exactly {wanted} jobs"));
    let (described, listed) = (expected.described(), listed(expected, &jobs));
    Err(format!("expected {wanted} like this, found {found}:{described}\n  {listed}"))
}

/// Checks that no job is such, as [`refute_enqueued!`](crate::refute_enqueued) does without panicking.
///
/// # Errors
///
/// A text for people that lists the jobs that are; or that the storage could not be read.
pub async fn check_not_enqueued(storage: &Storage, expected: &JobMatch) -> Result<(), String> {
    let such = all_enqueued(storage, expected).await.map_err(|e| e.to_string())?;
    if such.is_empty() {
        return Ok(());
    }
    let (described, listed) = (expected.described(), listed(expected, &such));
    Err(format!("expected no job like this, found {}:{described}\n  {listed}", such.len()))
}

/// Asserts that a job is enqueued, and gives the jobs that are such.
///
/// The fields are the methods of [`JobMatch`](crate::testing::JobMatch); on failure it lists what is enqueued, and what
/// differs. Inside async code.
///
/// ```
/// use forge_jobs::testing::{TestQueue, assert_enqueued, refute_enqueued};
/// use forge_jobs::{EnqueueRequest, HandlerRegistry};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = TestQueue::in_memory(HandlerRegistry::new()).await?;
/// let request = EnqueueRequest::new("mail.send", json!({ "to": "ada", "lines": 3 })).on_queue("mail");
/// queue.enqueue(request).await?;
///
/// assert_enqueued!(queue, kind: "mail.send", queue: "mail", payload: json!({ "to": "ada" }), count: 1);
/// refute_enqueued!(queue, kind: "mail.send", payload: json!({ "to": "bob" }));
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! assert_enqueued {
    ($queue:expr $(, $field:ident : $value:expr)* $(,)?) => {{
        // A `match`, so that a queue that the caller makes on the spot lives to the end of it.
        match (&$queue, $crate::testing::JobMatch::new()$(.$field($value))*) {
            (queue, expected) => {
                // By a method, so that a queue behind an `Arc` or a reference is found.
                use $crate::testing::AsStorage as _;
                let storage = queue.storage_of_queue();
                match $crate::testing::check_enqueued(storage, &expected).await {
                    ::core::result::Result::Ok(jobs) => jobs,
                    ::core::result::Result::Err(text) => ::core::panic!("{text}"),
                }
            }
        }
    }};
}

/// Asserts that no job is such; the opposite of [`assert_enqueued!`](crate::assert_enqueued), with the same fields.
#[macro_export]
macro_rules! refute_enqueued {
    ($queue:expr $(, $field:ident : $value:expr)* $(,)?) => {{
        match (&$queue, $crate::testing::JobMatch::new()$(.$field($value))*) {
            (queue, expected) => {
                // By a method, so that a queue behind an `Arc` or a reference is found.
                use $crate::testing::AsStorage as _;
                let storage = queue.storage_of_queue();
                let checked = $crate::testing::check_not_enqueued(storage, &expected).await;
                if let ::core::result::Result::Err(text) = checked {
                    ::core::panic!("{text}");
                }
            }
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_of_json_is_found_at_any_depth() {
        let whole = json!({"a": {"b": 1, "c": [1, {"d": 2, "e": 3}]}, "f": null});
        for part in [json!({}), json!({"a": {}}), json!({"a": {"c": [1, {"d": 2}]}}), json!({"f": null})] {
            assert!(holds(&part, &whole), "{part}");
        }
        for part in [
            json!({"a": {"b": 2}}),
            json!({"g": null}),
            json!({"a": {"c": [1]}}),
            json!({"a": {"c": [{"d": 2}, 1]}}),
            json!([]),
            json!({"f": 0}),
        ] {
            assert!(!holds(&part, &whole), "{part}");
        }
    }
}

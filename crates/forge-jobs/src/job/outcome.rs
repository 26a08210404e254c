//! What a handler may report.

use super::failure::{causes, hearing};
use std::fmt;
use std::time::Duration;

/// What came of one attempt, as the handler sees it.
///
/// What becomes of the job is decided from it by [`decide`](crate::retry::decide).
///
/// ```
/// use forge_jobs::JobOutcome;
/// use std::time::Duration;
///
/// fn of(status: u16) -> JobOutcome {
///     match status {
///         200..=299 => JobOutcome::Done,
///         429 => JobOutcome::throttled(Duration::from_secs(30)),
///         400..=499 => JobOutcome::Dead(format!("the request is wrong: {status}")),
///         _ => JobOutcome::Failed(format!("the upstream said {status}")),
///     }
/// }
/// assert_eq!(of(204), JobOutcome::Done);
/// ```
///
/// Code that uses `?` returns `Result<(), JobOutcome>`, and [`of`](Self::of) makes an outcome of it: each error is a
/// `Failed`, and what is to end otherwise is said by an outcome of its own.
///
/// ```
/// use forge_jobs::{HandlerRegistry, JobContext, JobOutcome};
///
/// async fn import(ctx: &JobContext, path: String) -> Result<(), JobOutcome> {
///     let text = std::fs::read_to_string(&path)?;
///     if text.is_empty() {
///         return Err(JobOutcome::Dead(format!("{path} is empty")));
///     }
///     ctx.set_output(text.len())?;
///     Ok(())
/// }
///
/// let mut handlers = HandlerRegistry::new();
/// handlers.register_typed_fn_as("import", |ctx, path: String| async move {
///     JobOutcome::of(import(&ctx, path).await)
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum JobOutcome {
    /// It worked. The job is done.
    Done,
    /// It did not work this time; the text is cut at 16 KiB. Burns an attempt; the job comes back after the queue's backoff until its
    /// attempts are used up, then it is dead as `exhausted`. A panic counts as this.
    Failed(String),
    /// Not now: an upstream asked to wait. Burns no attempt; the job comes back after `retry_after` or the queue's
    /// backoff, whichever is later. That backoff grows with each throttle in a row, as after failures: 15 s, 30 s, …
    /// to 6 h by default. The thousandth in a row is dead as `exhausted`. To look again at a fixed pace enqueue a job
    /// with a delay, or use a schedule.
    Throttled {
        /// How long the upstream asked to wait; zero leaves it to the queue's backoff.
        retry_after: Duration,
    },
    /// It will never work. The job is dead as `discarded` at once.
    Dead(String),
}

impl JobOutcome {
    /// `Done` for `Ok`; for `Err` what it holds, which `?` makes of any error by [`failed`](Self::failed).
    pub fn of(result: Result<(), Self>) -> Self {
        result.err().unwrap_or(Self::Done)
    }

    /// `Done` for `Ok`, `Failed` with the whole chain of causes for `Err`. `anyhow::Error` and `Box<dyn Error>` are no
    /// `Error` themselves: of these use [`failed(&*e)`](Self::failed).
    pub fn from_result<T, E: std::error::Error>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(e) => Self::failed(&e),
        }
    }

    /// `Failed` with the error and all of its causes, joined by `: `. Made by the handler itself, not in a task that it
    /// spawned, the record of the attempt also has each of them apart, with its type.
    pub fn failed(error: &dyn std::error::Error) -> Self {
        Self::Failed(told(error))
    }

    /// `Dead` with the error and all of its causes, joined by `: `; kept as [`failed`](Self::failed) says.
    pub fn dead(error: &dyn std::error::Error) -> Self {
        Self::Dead(told(error))
    }

    /// `Throttled` with the wait that an upstream asked for.
    pub const fn throttled(retry_after: Duration) -> Self {
        Self::Throttled { retry_after }
    }
}

/// By [`failed`](JobOutcome::failed), so that `?` works where a `Result<(), JobOutcome>` is returned. `anyhow::Error` and
/// `Box<dyn Error>` are no `Error` themselves: of these use `.map_err(|e| JobOutcome::failed(&*e))?`.
impl<E: std::error::Error> From<E> for JobOutcome {
    fn from(error: E) -> Self {
        Self::failed(&error)
    }
}

/// The text of an error, whose chain is kept for the record.
fn told(error: &dyn std::error::Error) -> String {
    let text = chain(error);
    if hearing::is_on() {
        hearing::chain(&text, causes(error));
    }
    text
}

/// The error and its sources in one line. A source that the text above it already ends with is not repeated.
fn chain(error: &dyn std::error::Error) -> String {
    use fmt::Write as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        let next = e.to_string();
        if !text.ends_with(&next) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {next}");
        }
        source = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttemptCause, Failure, Told};

    #[derive(Debug, thiserror::Error)]
    #[error("send mail")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_keeps_the_chain_of_causes() {
        let e = Outer(std::io::Error::other("connection refused"));
        assert_eq!(JobOutcome::failed(&e), JobOutcome::Failed("send mail: connection refused".into()));
        assert_eq!(JobOutcome::from_result::<(), _>(Ok::<_, Outer>(())), JobOutcome::Done);
    }

    /// Which step fails, if any.
    fn work(step: u8) -> Result<(), JobOutcome> {
        if step == 1 {
            Err(Outer(std::io::Error::other("connection refused")))?;
        }
        if step == 2 {
            "x".parse::<u32>()?;
        }
        if step == 3 {
            return Err(JobOutcome::Dead("gone".into()));
        }
        Ok(())
    }

    #[test]
    fn a_question_mark_on_two_types_of_errors_keeps_chain_and_type() {
        let mut heard = Told::new();
        let outcomes =
            hearing::during(|told| heard.add(told), || [0, 1, 2, 3].map(|n| JobOutcome::of(work(n))));
        let [done, refused, digit, dead] = outcomes;
        assert_eq!(done, JobOutcome::Done);
        assert_eq!(refused, JobOutcome::Failed("send mail: connection refused".into()));
        assert_eq!(dead, JobOutcome::Dead("gone".into()), "an outcome goes through as it is");
        let types = |outcome: &JobOutcome| {
            let JobOutcome::Failed(text) = outcome else { panic!("{outcome:?}") };
            let chain = Failure::new("k", AttemptCause::Handler, text, heard.clone()).chain;
            chain.into_iter().map(|cause| cause.error_type.unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(types(&refused), ["Outer", "Custom"]);
        assert_eq!(types(&digit), ["ParseIntError"]);
    }
}

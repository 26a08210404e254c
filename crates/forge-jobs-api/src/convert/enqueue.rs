//! Jobs that come in.

use super::WireError;
use crate::wire;
use forge_jobs as domain;
use std::time::Duration;

impl From<domain::Enqueued> for wire::Enqueued {
    fn from(e: domain::Enqueued) -> Self {
        Self { id: e.id.to_string(), outcome: e.outcome.into() }
    }
}

impl From<domain::EnqueueOutcome> for wire::EnqueueOutcome {
    fn from(outcome: domain::EnqueueOutcome) -> Self {
        match outcome {
            domain::EnqueueOutcome::Inserted => Self::Inserted,
            domain::EnqueueOutcome::AlreadyThere => Self::AlreadyThere,
            domain::EnqueueOutcome::Duplicate => Self::Duplicate,
            domain::EnqueueOutcome::Replaced => Self::Replaced,
            _ => Self::Unknown,
        }
    }
}

impl TryFrom<wire::EnqueueLine> for domain::EnqueueRequest {
    type Error = WireError;

    /// Times and ids are parsed here; all other bounds are checked when the request is enqueued.
    fn try_from(line: wire::EnqueueLine) -> Result<Self, WireError> {
        let mut request = Self::from_json_text(line.kind, line.payload.get());
        if let Some(queue) = line.queue {
            request = request.on_queue(queue);
        }
        let has_time = line.run_at.is_some();
        if let Some(text) = line.run_at {
            let at: domain::Timestamp = text.parse().map_err(|e| WireError::of("run_at", &e))?;
            request = request.with_run_at(at);
        }
        if let Some(wire::Seconds(seconds)) = line.delay_seconds {
            if has_time {
                let both = "a job has either a run_at or a delay: leave one of them out";
                return Err(WireError::of("delay_seconds", &both));
            }
            let delay = Duration::try_from_secs_f64(seconds).map_err(|_| {
                WireError::of("delay_seconds", &format!("{seconds} is no delay: give seconds from 0 up"))
            })?;
            request = request.with_delay(delay);
        }
        if let Some(priority) = line.priority {
            request = request.with_priority(priority);
        }
        if let Some(max_attempts) = line.max_attempts {
            request = request.with_max_attempts(max_attempts);
        }
        let terms = (line.dedupe_states, line.dedupe_seconds, line.on_duplicate);
        if let Some(dedupe) = dedupe(line.dedupe_key, terms)? {
            request = request.with_dedupe(dedupe);
        }
        if let Some(key) = line.concurrency_key {
            request = request.with_concurrency_key(key);
        }
        for tag in line.tags {
            request = request.with_tag(tag);
        }
        if let Some(text) = line.id {
            let id: domain::JobId = text.parse().map_err(|e| WireError::of("id", &e))?;
            request = request.with_id(id);
        }
        Ok(request)
    }
}

type DedupeTerms = (Option<Vec<String>>, Option<wire::Seconds>, Option<wire::OnDuplicate>);

/// A dedupe key and its terms, which mean nothing without it.
fn dedupe(
    key: Option<String>,
    (states, seconds, on_duplicate): DedupeTerms,
) -> Result<Option<domain::Dedupe>, WireError> {
    let Some(key) = key else {
        let term = [
            ("dedupe_states", states.is_some()),
            ("dedupe_seconds", seconds.is_some()),
            ("on_duplicate", on_duplicate.is_some()),
        ];
        return match term.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(WireError::of(field, &"it means nothing without a dedupe_key: give one")),
            None => Ok(None),
        };
    };
    let mut dedupe = domain::Dedupe::new(key);
    if let Some(states) = states {
        let states = states.iter().map(|s| s.parse::<domain::JobStatus>());
        dedupe = dedupe
            .in_states(states.collect::<Result<_, _>>().map_err(|e| WireError::of("dedupe_states", &e))?);
    }
    if let Some(wire::Seconds(seconds)) = seconds {
        let period = Duration::try_from_secs_f64(seconds).map_err(|e| WireError::of("dedupe_seconds", &e))?;
        dedupe = dedupe.within(period);
    }
    if on_duplicate == Some(wire::OnDuplicate::Replace) {
        dedupe = dedupe.replacing();
    }
    Ok(Some(dedupe))
}

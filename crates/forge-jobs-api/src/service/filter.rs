//! What a query asks for, as a filter.

use super::ApiError;
use super::audit::moment;
use crate::wire::{DeadReason, JobQuery, JobStatus};
use forge_jobs::limits::{MAX_FILTER_QUEUES, MAX_FILTER_TEXT_BYTES, MAX_TAG_BYTES};
use forge_jobs::storage::{JobFilter, TimeRange};
use forge_jobs::{JobStatus as Status, check_name};

pub(super) fn domain_status(status: JobStatus) -> Option<Status> {
    Status::ALL.into_iter().find(|s| JobStatus::from(*s) == status)
}

fn domain_reason(reason: DeadReason) -> Option<forge_jobs::DeadReason> {
    forge_jobs::DeadReason::ALL.into_iter().find(|r| DeadReason::from(*r) == reason)
}

const STATUSES: &str = "pending, scheduled, running, retrying, done and dead";

fn statuses(one: Option<JobStatus>, many: Option<&str>) -> Result<Vec<Status>, ApiError> {
    if let Some(one) = one {
        if many.is_some() {
            return Err(ApiError::invalid("statuses", "status and statuses exclude each other"));
        }
        let unknown = || ApiError::invalid("status", format!("status is none of {STATUSES}"));
        return Ok(vec![domain_status(one).ok_or_else(unknown)?]);
    }
    let mut all = Vec::new();
    for word in many.into_iter().flat_map(|words| words.split(',')) {
        let unknown = || ApiError::invalid("statuses", format!("a word in statuses is none of {STATUSES}"));
        let status = word.parse().map_err(|_| unknown())?;
        if !all.contains(&status) {
            all.push(status);
        }
    }
    Ok(all)
}

fn queues(names: Option<&str>) -> Result<Vec<String>, ApiError> {
    let mut all: Vec<String> = Vec::new();
    for name in names.into_iter().flat_map(|names| names.split(',')) {
        check_name("queue", name)?;
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    if all.len() > MAX_FILTER_QUEUES {
        let text = format!("{} queues are too many: use at most {MAX_FILTER_QUEUES}", all.len());
        return Err(ApiError::invalid("queue", text));
    }
    Ok(all)
}

/// A kind, or what kinds begin with.
fn kind(kind: Option<String>) -> Result<(Option<String>, Option<String>), ApiError> {
    let Some(kind) = kind else { return Ok((None, None)) };
    if let Some(prefix) = kind.strip_suffix('*') {
        check_name("kind", prefix)?;
        return Ok((None, Some(prefix.to_owned())));
    }
    check_name("kind", &kind)?;
    Ok((Some(kind), None))
}

fn range(fields: [&'static str; 2], texts: [Option<String>; 2]) -> Result<TimeRange, ApiError> {
    let [from, until] = texts;
    let range = TimeRange { from: moment(fields[0], from)?, until: moment(fields[1], until)? };
    if let (Some(from), Some(until)) = (range.from, range.until)
        && from >= until
    {
        let text = format!("{} must be later than {}", fields[1], fields[0]);
        return Err(ApiError::invalid(fields[1], text));
    }
    Ok(range)
}

/// The filter of a query, whatever its page.
pub(super) fn filter(query: JobQuery) -> Result<JobFilter, ApiError> {
    let mut statuses = statuses(query.status, query.statuses.as_deref())?;
    let dead_reason = query.dead_reason.map(|reason| {
        domain_reason(reason).ok_or_else(|| {
            let words = "dead_reason is none of exhausted, discarded, cancelled, poison and undecodable";
            ApiError::invalid("dead_reason", words)
        })
    });
    let queues = queues(query.queue.as_deref())?;
    let (kind, kind_prefix) = kind(query.kind)?;
    if let Some(tag) = &query.tag
        && (tag.is_empty() || tag.len() > MAX_TAG_BYTES || tag.chars().any(char::is_control))
    {
        let text = format!("tag is none: use 1 to {MAX_TAG_BYTES} bytes of text without control characters");
        return Err(ApiError::invalid("tag", text));
    }
    if let Some(text) = &query.payload
        && (text.is_empty() || text.len() > MAX_FILTER_TEXT_BYTES || text.contains('\0'))
    {
        let text =
            format!("payload is no text to look for: use 1 to {MAX_FILTER_TEXT_BYTES} bytes without NUL");
        return Err(ApiError::invalid("payload", text));
    }
    let dead_reason = dead_reason.transpose()?;
    if let (Some(reason), Some(status)) = (dead_reason, statuses.iter().find(|s| **s != Status::Dead)) {
        let text = format!("a job that is {status} has no dead reason {reason}: leave one of the two out");
        return Err(ApiError::invalid("dead_reason", text));
    }
    if statuses.is_empty() && dead_reason.is_some() {
        // Only dead jobs have a reason.
        statuses.push(Status::Dead);
    }
    let error_group = query
        .error_group
        .map(|text| text.parse().map_err(|e| ApiError::invalid("error_group", format!("error_group: {e}"))));
    Ok(JobFilter {
        queues,
        statuses,
        kind,
        kind_prefix,
        dead_reason,
        tag: query.tag,
        error_group: error_group.transpose()?,
        created: range(["created_from", "created_until"], [query.created_from, query.created_until])?,
        due: range(["due_from", "due_until"], [query.due_from, query.due_until])?,
        finished: range(["finished_from", "finished_until"], [query.finished_from, query.finished_until])?,
        payload: query.payload,
    })
}

/// The filter of a query that has no page.
pub(super) fn whole(query: JobQuery) -> Result<JobFilter, ApiError> {
    for (field, given) in [("limit", query.limit.is_some()), ("after", query.after.is_some())] {
        if given {
            return Err(ApiError::invalid(field, format!("{field} has no meaning here: leave it out")));
        }
    }
    filter(query)
}

//! Verbs on many jobs: what they would come to, and doing them, a part at a time.

use super::filter::whole;
use super::jobs::job_id;
use super::{Api, ApiError, Verb};
use crate::convert;
use crate::wire::{
    BoundedCount, BulkPreview, BulkQuery, BulkReport, BulkRun, BulkVerb, Job, OutcomeCount, RefusedJobs,
    VerbOutcome, VerbResult,
};
use forge_jobs::JobStatus as Status;
use forge_jobs::limits::MAX_VERB_BATCH;
use forge_jobs::storage::{JobFilter, PageCursor};
use std::time::{Duration, Instant};

/// Jobs that a preview shows.
const SAMPLE: u32 = 10;
/// Jobs of one transaction.
const BATCH: u32 = 200;
/// Jobs that one request does something with, at most.
const PER_REQUEST: u64 = 1_000;
/// Time after which a request begins no other batch.
const TIME: Duration = Duration::from_secs(2);
/// Jobs of a report that nothing was changed of.
const NAMED: usize = 20;

impl From<BulkVerb> for Verb {
    fn from(verb: BulkVerb) -> Self {
        match verb {
            BulkVerb::Cancel => Self::Cancel,
            BulkVerb::Retry => Self::Retry,
            BulkVerb::RunNow => Self::RunNow,
            BulkVerb::Drop => Self::Drop,
        }
    }
}

impl Verb {
    /// Where jobs stand that it can be done with: in the order in which jobs move, so that one that moves meanwhile is
    /// met again rather than missed.
    const fn takes(self) -> &'static [Status] {
        match self {
            Self::Cancel => &[Status::Retrying, Status::Scheduled, Status::Pending, Status::Running],
            Self::Retry => &[Status::Retrying, Status::Dead],
            Self::RunNow => &[Status::Retrying, Status::Scheduled],
            Self::Drop => &[Status::Retrying, Status::Scheduled, Status::Pending, Status::Done, Status::Dead],
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
            Self::RunNow => "run now",
            Self::Drop => "dropped",
        }
    }
}

/// Where jobs of a filter may stand.
fn statuses(filter: &JobFilter) -> Vec<Status> {
    if !filter.statuses.is_empty() {
        return filter.statuses.clone();
    }
    if filter.finished.is_all() { Status::ALL.to_vec() } else { vec![Status::Done, Status::Dead] }
}

fn standing(filter: &JobFilter, status: Status) -> JobFilter {
    JobFilter { statuses: vec![status], ..filter.clone() }
}

const fn add(a: BoundedCount, b: BoundedCount) -> BoundedCount {
    BoundedCount { count: a.count.saturating_add(b.count), more: a.more || b.more }
}

/// What was named in a filter must be there: a slip is no success.
fn known(unknown: &[&'static str], filter: &JobFilter) -> Result<(), ApiError> {
    let Some(field) = unknown.first() else { return Ok(()) };
    let kind = filter.kind.as_ref().or(filter.kind_prefix.as_ref());
    let name = if *field == "queue" { filter.queues.join(",") } else { kind.cloned().unwrap_or_default() };
    Err(ApiError::not_found(field, name).on(*field))
}

/// Where a bulk goes on: in which status, after how many jobs, and at which of them.
struct Place {
    at: usize,
    tried: u64,
    after: Option<PageCursor>,
}

impl Place {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let (at, rest) = text.split_once('-')?;
            let (tried, cursor) = rest.split_once('-')?;
            let after = if cursor.is_empty() { None } else { Some(convert::parse_cursor(cursor).ok()?) };
            Some(Self { at: at.parse().ok()?, tried: tried.parse().ok()?, after })
        };
        let text = "after is none of this server's: send the `next` of the answer before";
        parse().ok_or_else(|| ApiError::invalid("after", text))
    }

    fn text(&self) -> String {
        format!("{}-{}-{}", self.at, self.tried, self.after.map(convert::cursor).unwrap_or_default())
    }
}

impl Api {
    /// What a verb would come to: how many jobs, some of them, and those that it is refused for. Changes nothing.
    ///
    /// # Errors
    ///
    /// `invalid`; `not_found` for a filter by a queue or a kind that never had a job; and what reading the storage gave.
    pub async fn preview_bulk(&self, query: BulkQuery) -> Result<BulkPreview, ApiError> {
        match (query.ids, query.filter) {
            (Some(ids), None) => self.preview_ids(query.verb, &ids).await,
            (None, Some(filter)) => self.preview_filter(query.verb, &whole(filter)?).await,
            _ => Err(ApiError::invalid("filter", "give either ids or filter")),
        }
    }

    async fn preview_ids(&self, verb: BulkVerb, ids: &[String]) -> Result<BulkPreview, ApiError> {
        if ids.is_empty() || ids.len() > MAX_VERB_BATCH {
            let text = format!("{} ids are out of range: use 1 to {MAX_VERB_BATCH}", ids.len());
            return Err(ApiError::invalid("ids", text));
        }
        let mut preview = empty(verb);
        let takes = Verb::from(verb).takes();
        for id in ids {
            let parsed = job_id(id).map_err(|e| e.on("ids"))?;
            let Some(job) = self.storage.inspect.job(parsed).await? else {
                preview.unknown.push(id.clone());
                continue;
            };
            let one = BoundedCount { count: 1, more: false };
            if takes.contains(&job.status) {
                preview.jobs = add(preview.jobs, one);
                if preview.sample.len() < SAMPLE as usize {
                    preview.sample.push(self.redaction.listed(Job::from(&job)));
                }
                continue;
            }
            let status = job.status.into();
            let at = preview.refused.iter().position(|r| r.status == status).unwrap_or_else(|| {
                preview.refused.push(RefusedJobs { status, jobs: BoundedCount::default(), ids: Vec::new() });
                preview.refused.len() - 1
            });
            let refused = &mut preview.refused[at];
            refused.jobs = add(refused.jobs, one);
            if refused.ids.len() < SAMPLE as usize {
                refused.ids.push(id.clone());
            }
        }
        Ok(preview)
    }

    async fn preview_filter(&self, verb: BulkVerb, filter: &JobFilter) -> Result<BulkPreview, ApiError> {
        let mut preview = empty(verb);
        let takes = Verb::from(verb).takes();
        for status in statuses(filter) {
            let of_status = standing(filter, status);
            let (jobs, unknown) = self.count(&of_status).await?;
            known(&unknown, filter)?;
            if jobs == BoundedCount::default() {
                continue;
            }
            let wanted = if takes.contains(&status) {
                preview.jobs = add(preview.jobs, jobs);
                SAMPLE.saturating_sub(u32::try_from(preview.sample.len()).unwrap_or(SAMPLE))
            } else {
                SAMPLE
            };
            if wanted == 0 {
                continue;
            }
            let found = self.find(&of_status, wanted, None).await?;
            if takes.contains(&status) {
                preview.sample.extend(found.jobs);
            } else {
                let ids = found.ids.iter().map(ToString::to_string).collect();
                preview.refused.push(RefusedJobs { status: status.into(), jobs, ids });
            }
        }
        Ok(preview)
    }

    /// Does something with the jobs that a filter lets through: with up to 1,000 of them, in transactions of 200, each of
    /// which is in the audit. The filter is asked again before each.
    ///
    /// # Errors
    ///
    /// `invalid`, also for a filter by statuses that the verb is refused for; `not_found` for one by a queue or a kind
    /// that never had a job; and what the storage gave. What was done in batches before stays done.
    pub async fn run_bulk(&self, verb: Verb, run: BulkRun) -> Result<BulkReport, ApiError> {
        let filter = whole(run.filter)?;
        if run.at_most == 0 {
            return Err(ApiError::invalid("at_most", "at_most 0 is out of range: use at least 1"));
        }
        let asked = statuses(&filter);
        let takes: Vec<Status> = verb.takes().iter().copied().filter(|s| asked.contains(s)).collect();
        if takes.is_empty() {
            let words: Vec<&str> = asked.iter().map(|s| s.as_str()).collect();
            let text = format!("jobs that are {} cannot be {}", words.join(" or "), verb.word());
            return Err(ApiError::invalid("status", text));
        }
        let start = Place { at: 0, tried: 0, after: None };
        let place = run.after.as_deref().map_or(Ok(start), Place::parse)?;
        let report = self.walk(verb, &filter, &takes, place, run.at_most).await;
        self.touched();
        report
    }

    async fn walk(
        &self,
        verb: Verb,
        filter: &JobFilter,
        takes: &[Status],
        mut place: Place,
        at_most: u64,
    ) -> Result<BulkReport, ApiError> {
        let begun = Instant::now();
        let mut report = BulkReport {
            tried: 0,
            tried_in_all: 0,
            outcomes: Vec::new(),
            unchanged: Vec::new(),
            next: None,
            stopped: false,
        };
        while let Some(status) = takes.get(place.at) {
            if report.tried + u64::from(BATCH) > PER_REQUEST || begun.elapsed() > TIME {
                report.next = Some(place.text());
                break;
            }
            let found = self.find(&standing(filter, *status), BATCH, place.after).await?;
            known(&found.unknown, filter)?;
            let room = usize::try_from(at_most.saturating_sub(place.tried)).unwrap_or(usize::MAX);
            let ids = &found.ids[..found.ids.len().min(room)];
            if !ids.is_empty() {
                let results = self.apply(verb, ids).await?;
                let count = u64::try_from(results.len()).unwrap_or(u64::MAX);
                (report.tried, place.tried) = (report.tried + count, place.tried + count);
                tell(&mut report, results);
            }
            if ids.len() < found.ids.len() {
                report.stopped = true;
                break;
            }
            place.after = found.next;
            if place.after.is_none() {
                place.at += 1;
            }
        }
        report.tried_in_all = place.tried;
        Ok(report)
    }
}

const fn empty(verb: BulkVerb) -> BulkPreview {
    let jobs = BoundedCount { count: 0, more: false };
    BulkPreview { verb, jobs, sample: Vec::new(), refused: Vec::new(), unknown: Vec::new() }
}

/// Adds what came of a batch.
fn tell(report: &mut BulkReport, results: Vec<VerbResult>) {
    for result in results {
        match report.outcomes.iter_mut().find(|o| o.outcome == result.outcome) {
            Some(known) => known.jobs += 1,
            None => report.outcomes.push(OutcomeCount { outcome: result.outcome, jobs: 1 }),
        }
        let unchanged = matches!(
            result.outcome,
            VerbOutcome::Refused
                | VerbOutcome::Duplicate
                | VerbOutcome::AlreadyFinished
                | VerbOutcome::AlreadyPending
                | VerbOutcome::Unknown
        );
        if unchanged && report.unchanged.len() < NAMED {
            report.unchanged.push(result);
        }
    }
}
